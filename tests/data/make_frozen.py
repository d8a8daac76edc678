"""Write the files in `frozen/`, which later versions must still read; `test_frozen_files.py` does.

They are of November 2026, before the package had sub-packages. For a new format, write new files
into a folder of their own: the old ones are the test.
"""

import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np

import kerasdnn

FOLDER = Path(__file__).parent / "frozen"
PRESETS = ("standard", "realmlp", "realmlp-s")
CITIES = ["Oslo", "Rome", "Bern", "Lima"]
MEMBERS = [
    {"hidden_units": (4,), "optimizer": "nag", "learning_rate": 0.05, "seed": 0},
    {"hidden_units": (3, 3), "optimizer": "adam", "batch_norm": True, "dropout": 0.2, "seed": 1},
    {"hidden_units": (2,), "optimizer": "rmsprop", "l2": 0.01, "seed": 2},
]


def data():
    """Numbers (64, 4) from integer arithmetic, the same everywhere, and two classes."""
    x = (np.arange(64 * 4).reshape(64, 4) * 7919 % 97 / 48.5 - 1).astype("float32")
    return x, (x[:, 0] + x[:, 1] > 0).astype("int64")


def table():
    """Two columns of numbers and one of text, as a dict of columns, and three classes."""
    x, _ = data()
    columns = {"a": x[:, 0].tolist(), "b": x[:, 1].tolist()}
    columns["city"] = [CITIES[i * 5 % 4 if i % 3 else i % 4] for i in range(len(x))]
    return columns, [["low", "mid", "top"][v] for v in np.digitize(x[:, 0], [-0.3, 0.4])]


def with_categories():
    """The numbers of `data`, the last column replaced by codes 0, 1, 2; and three classes."""
    x, _ = data()
    codes = (np.arange(len(x)) * 7 % 3).astype("float32")
    return np.column_stack([x[:, :3], codes]), np.digitize(x[:, 0], [-0.3, 0.4])


def ours(name):
    return keras.saving.get_registered_object(f"kerasdnn>{name}")


def every_layer():
    """A network with every registered name that fits into one."""
    leaky = keras.layers.Activation(ours("leaky_relu"))
    average = [
        keras.Sequential(
            [keras.Input((4,)), ours("NTKDense")(3, "softmax", seed=seed, name=f"out_{seed}")]
        )
        for seed in (5, 6)
    ]
    network = kerasdnn.Network(
        [
            keras.Input((4,)),
            ours("EmbedCategories")([3], 2, seed=1),
            ours("PeriodicEmbedding")(3, frequencies=4, size=3, seed=2),
            ours("Scale")(),
            ours("NTKDense")(6, seed=3, name="hidden_1"),
            ours("ParametricActivation")(ours("mish")),
            ours("ScheduledDropout")(0.1, 20, seed=4),
            keras.layers.Dense(4, kernel_initializer=keras.initializers.GlorotUniform(9)),
            kerasdnn.LeakyReLU(0.2),
            leaky,
            ours("AverageOf")(average),
        ]
    )
    network.compile(
        optimizer=ours("GroupAdam")(
            ours("CosLog")(0.05, 20), ours("FlatCos")(0.01, 20), {"bias": (0.1, 0.0)}
        ),
        loss=ours("SmoothedSparseCategoricalCrossentropy")(0.1),
        weighted_metrics=["accuracy"],
    )
    return network


def search(folder, **settings):
    """A search of 6 trials, 2 at a time, in or from `folder`."""

    def space(hp):
        units = hp.Choice("units", [2, 3, 4, 5, 6])
        return {"hidden_units": (units,), "learning_rate": hp.Choice("rate", [0.01, 0.05, 0.1])}

    return kerasdnn.tune(
        *data(), space=space, max_trials=6, epochs=8, seed=7, wave=2, verbose=0, directory=folder,
        **settings,
    )  # fmt: skip


def write_networks(predictions):
    x, y = with_categories()
    network = every_layer()
    network.fit(x, y, epochs=2, batch_size=16, verbose=0)
    network.save(FOLDER / "layers.keras")
    predictions["layers.keras"] = network.predict(x[:8], verbose=0)
    x, y = data()
    for optimizer in ("momentum", "nag"):
        network = kerasdnn.build_classifier(
            4, 2, (3,), optimizer=optimizer, activation="mish", batch_norm=True, seed=1
        )
        network.fit(x, y, epochs=2, verbose=0)
        network.save(FOLDER / f"{optimizer}.keras")
        predictions[f"{optimizer}.keras"] = network.predict(x[:8], verbose=0)
        network.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0)
        predictions[f"{optimizer}.keras trained on"] = network.predict(x[:8], verbose=0)


def write_estimators(predictions):
    columns, y = table()
    for preset in PRESETS:
        model = kerasdnn.DNNClassifier(preset, hidden_units=(6, 4), epochs=5, random_state=0)
        model.fit(columns, y)
        model.save(FOLDER / f"{preset}.kerasdnn")
        predictions[f"{preset}.kerasdnn"] = model.predict_proba(columns)[:8]
    number = kerasdnn.DNNRegressor(
        hidden_units=(6,), epochs=5, n_members=2, random_state=0, early_stopping=True
    )
    number.fit(columns, np.array(columns["a"]) * 100 + 7)
    number.save(FOLDER / "members.kerasdnn")
    predictions["members.kerasdnn"] = number.predict(columns)[:8]


def write_population(predictions):
    x, y = data()
    population = kerasdnn.Population(MEMBERS, 4, problem="binary")
    population.fit(x, y, epochs=2, validation_rows=np.arange(16))
    population.save(FOLDER / "population.npz")
    predictions["population.npz"] = population.predict(x[:8])
    population.fit(x, y, epochs=4, validation_rows=np.arange(16))
    predictions["population.npz trained on"] = population.predict(x[:8])


def write_search(predictions):
    """One interrupted by its time after a part of the trials, and what it finds in the end."""
    folder = FOLDER / "half_done_search"
    for seconds in np.linspace(0.01, 5, 400):
        shutil.rmtree(folder, ignore_errors=True)
        done = search(folder, time_budget=float(seconds)).trials["status"].eq("completed").sum()
        if 0 < done < 6:
            break
    else:
        sys.exit("No time budget interrupts the search halfway.")
    print(done, "of 6 trials done")
    trials = search(None).trials
    predictions["search score"] = trials["score"].to_numpy()
    predictions["search units"] = trials["hidden_units"].map(lambda units: units[0]).to_numpy()


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    predictions = {}
    write_networks(predictions)
    write_estimators(predictions)
    write_population(predictions)
    write_search(predictions)
    text = {name: np.asarray(value).tolist() for name, value in predictions.items()}
    (FOLDER / "predictions.json").write_text(json.dumps(text))


if __name__ == "__main__":
    main()
