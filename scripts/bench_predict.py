"""Measure evaluation, prediction, validation, start-up time and memory.

    scripts/run scripts/bench_predict.py            # about 5 minutes
    scripts/run scripts/bench_predict.py --only routes      # one row through every export

Each comparison verifies that both sides return the same numbers before it prints a time. The sides
take turns; medians and ratios are printed.
"""

import argparse
import os
import subprocess
import sys
import time

SEED, FEATURES, HIDDEN = 0, 20, (64, 32)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--out", help="folder for cost_per_row.csv and cost_per_row.png")
    parser.add_argument("--skip", nargs="*", default=[], choices=list(PARTS))
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if args.child:
        return CHILDREN[args.child[0]](args.child[1], int(args.child[2]))
    for name, part in PARTS.items():
        if name in args.only and name not in args.skip:
            part(args.out)
    return 0


def data(rows, features=FEATURES):
    import numpy as np

    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(rows, features)).astype("float32")
    return x, (x[:, 0] * x[:, 1] > 0).astype("float32")


def network(kind, features=FEATURES):
    import keras

    keras.utils.set_random_seed(SEED)
    dense = [keras.layers.Dense(units, "relu") for units in HIDDEN]
    model = kind([keras.Input((features,)), *dense, keras.layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(), "binary_crossentropy", metrics=["accuracy"])
    return model


def both(features=FEATURES):
    import keras

    from kerasdnn import Network

    ours, stock = network(Network, features), network(keras.Sequential, features)
    stock.set_weights(ours.get_weights())
    return ours, stock


def seconds(calls, rounds, of=None):
    """Seconds of each call, the median or `of(times)`; the calls take turns."""
    import numpy as np

    taken = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: float((of or np.median)(times)) for name, times in taken.items()}


def report(what, calls, rounds, against, floor, most=False):
    found = seconds(calls, rounds)
    ratio = found[against] / found["kerasdnn"]
    shown = ", ".join(f"{name} {1e3 * value:.3f} ms" for name, value in found.items())
    limit = f"limit {floor}" if most else f"floor {floor}x"
    print(f"{what}: {shown}; {ratio:.2f}x as fast as {against} ({limit})", flush=True)


def evaluation(out):
    import numpy as np

    ours, stock = both()
    x, y = data(16_384)
    calls = {
        "kerasdnn": lambda: ours.evaluate(x, y, verbose=0),
        "stock": lambda: stock.evaluate(x, y, verbose=0),
    }
    np.testing.assert_allclose(calls["kerasdnn"](), calls["stock"](), rtol=1e-5)
    report("evaluate, 16,384 rows", calls, 5, "stock", 50)


def prediction(out):
    import numpy as np
    from sklearn.neural_network import MLPClassifier

    ours, stock = both()
    x, y = data(100_000)
    calls = {
        "kerasdnn": lambda: ours.predict(x, verbose=0),
        "stock": lambda: stock.predict(x, verbose=0),
    }
    np.testing.assert_allclose(calls["kerasdnn"](), calls["stock"](), atol=1e-6)
    report("predict, 100,000 rows", calls, 3, "stock", 100)
    rival = MLPClassifier(HIDDEN, max_iter=1, random_state=SEED).fit(x[:1000], y[:1000])
    rows = [x[i : i + 1] for i in range(50)]

    def each(predict):
        return lambda: [predict(row) for row in rows]

    calls = {
        "kerasdnn": each(lambda row: ours.predict(row, verbose=0)),
        "sklearn": each(rival.predict_proba),
    }
    found = seconds(calls, 30)
    shown = ", ".join(f"{name} {1e6 * t / len(rows):.0f} us" for name, t in found.items())
    limit = max(150e-6, 1.5 * found["sklearn"] / len(rows))
    print(f"predict, one row: {shown} (limit {1e6 * limit:.0f} us)", flush=True)


def routes(out):
    """One row through every route of the same model, and scikit-learn's network: best of 500."""
    for texts in (0, 6):
        found = seconds(route_calls(texts), 500, min)
        shown = ", ".join(f"{name} {1e6 * value:.0f} us" for name, value in found.items())
        print(f"one row of {FEATURES - texts} numbers and {texts} texts: {shown}", flush=True)


def route_calls(texts):
    """A function per route that predicts the same row; all agree on its probabilities."""
    import json
    import tempfile
    import warnings

    import numpy as np
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from kerasdnn import DNNClassifier
    from kerasdnn.serving.service import Service

    warnings.simplefilter("ignore")
    x, y = data(1_000, FEATURES - texts)
    table = pd.DataFrame(x.astype("float64")).rename(columns="number {}".format)
    rng = np.random.default_rng(SEED)
    for i in range(texts):
        table[f"text {i}"] = rng.choice(list("abcd"), len(table))
    model = DNNClassifier("standard", hidden_units=HIDDEN, epochs=2, random_state=SEED)
    model.fit(table, y)
    row = table.iloc[0].to_dict()
    frame, matrix = pd.DataFrame([row]), model.encoder_.transform(table.head(1))
    body, service = json.dumps({"rows": [row]}).encode(), Service(model)
    with tempfile.TemporaryDirectory() as folder:
        exported = load_exports(model, folder, row)
    expected = model.predict_proba(frame)
    for name, call in exported.items():
        np.testing.assert_allclose(np.ravel(call())[-1], expected[0, 1], atol=1e-5, err_msg=name)
    names = [list(table)[: FEATURES - texts], list(table)[FEATURES - texts :]]
    encode = make_column_transformer((StandardScaler(), names[0]), (OneHotEncoder(), names[1]))
    rival = make_pipeline(encode, MLPClassifier(HIDDEN, max_iter=2, random_state=SEED))
    rival.fit(table, y)
    encoded = rival[0].transform(frame)
    return {
        "predict_proba of a DataFrame": lambda: model.predict_proba(frame),
        "of a dict": lambda: model.predict_proba(row),
        "Network.predict of its matrix": lambda: model.network_.predict(matrix, verbose=0),
        "body of a request": lambda: service.answer(body),
        **{f"export {name}": call for name, call in exported.items()},
        "scikit-learn's pipeline": lambda: rival.predict_proba(frame),
        "its network alone": lambda: rival[1].predict_proba(encoded),
    }


def load_exports(model, folder, row):
    """A function per format that predicts a row by the runtime of the format."""
    import contextlib
    import importlib.util
    import io
    import json

    import numpy as np
    import onnxruntime
    import tensorflow as tf

    found, text = {}, any(isinstance(value, str) for value in row.values())
    for name in ("numpy", "onnx", "saved_model", *(() if text else ("litert",))):
        with contextlib.redirect_stdout(io.StringIO()):
            model.export(os.path.join(folder, name), format=name)
    spec = importlib.util.spec_from_file_location("predict", f"{folder}/numpy/predict.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reader = module.load()
    found["numpy"] = lambda: reader.predict_proba(row)
    session = onnxruntime.InferenceSession(f"{folder}/onnx/model.onnx")
    with open(f"{folder}/onnx/manifest.json") as file:
        inputs = {one["name"]: row[one["column"]] for one in json.load(file)["inputs"]}
    feed = {name: np.array([value], object if isinstance(value, str) else "float64")
            for name, value in inputs.items()}  # fmt: skip
    found["onnx in onnxruntime"] = lambda: session.run(["probabilities"], feed)
    loaded = tf.saved_model.load(f"{folder}/saved_model")
    serve = loaded.signatures["serving_default"]
    wanted = serve.structured_input_signature[1]
    with open(f"{folder}/saved_model/manifest.json") as file:
        inputs = {one["name"]: row[one["column"]] for one in json.load(file)["inputs"]}
    named = {name: tf.constant([value], wanted[name].dtype) for name, value in inputs.items()}
    found["saved_model in TensorFlow"] = lambda: serve(**named)["probabilities"]
    if not text:
        lite = tf.lite.Interpreter(f"{folder}/litert/model.tflite")
        lite.allocate_tensors()
        given, taken = lite.get_input_details()[0]["index"], lite.get_output_details()[0]["index"]
        x = np.array([[*row.values()]], "float32")

        def run_lite():
            lite.set_tensor(given, x)
            lite.invoke()
            return lite.get_tensor(taken)

        found["litert"] = run_lite
    return found


def validation(out):
    ours, _ = both()
    x, y = data(16_384)
    fifth = x[:3277], y[:3277]
    seen = [__import__("keras").callbacks.Callback()]

    def fit(**kwargs):
        return lambda: ours.fit(x, y, epochs=10, verbose=0, callbacks=seen, **kwargs)

    found = seconds({"without": fit(), "with": fit(validation_data=fifth)}, 7)
    more = found["with"] / found["without"] - 1
    print(f"validation on a fifth of the rows: {more:.0%} more time (limit 15%)", flush=True)


def first_epoch(out):
    """Seconds from the start of a process to the end of the first epoch, import included."""
    for rows in (500, 16_384):
        found = {}
        for _ in range(3):
            for side in ("kerasdnn", "stock"):
                start = time.perf_counter()
                child("first_epoch", side, rows)
                found.setdefault(side, []).append(time.perf_counter() - start)
        medians = {side: sorted(times)[1] for side, times in found.items()}
        shown = ", ".join(f"{side} {value:.2f} s" for side, value in medians.items())
        print(f"fresh process to the end of the first epoch, {rows:,} rows: {shown}", flush=True)


def first_epoch_child(side, rows):
    model = network(side_class(side))
    model.fit(*data(rows), epochs=1, verbose=0)
    return 0


def memory(out):
    found = {side: int(child("memory", side, 2_000_000)) / 2**20 for side in ("stock", "kerasdnn")}
    shown = ", ".join(f"{side} {value:.2f} GiB" for side, value in found.items())
    copy = 2_000_000 * 50 * 4 / 2**30
    print(f"peak memory, 2 million x 50: {shown} (limit: stock + {copy:.2f} GiB)", flush=True)


def memory_child(side, rows):
    import resource

    model = network(side_class(side), 50)
    model.fit(*data(rows, 50), batch_size=1024, epochs=1, verbose=0)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return 0


def cost_per_row(out):
    """Seconds per epoch from a thousand to a million rows: a straight line."""
    import pandas as pd

    ours, _ = both()
    ours.compile(ours.optimizer, ours.loss, metrics=["accuracy"], jit_compile=True)
    rows = []
    for count in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000):
        x, y = data(count)
        epochs = max(2, 2**21 // count // 32)
        ours.fit(x, y, epochs=epochs, verbose=0)
        start = time.perf_counter()
        ours.fit(x, y, epochs=epochs, verbose=0)
        taken = (time.perf_counter() - start) / epochs
        rows.append({"rows": count, "seconds per epoch": taken, "us per row": 1e6 * taken / count})
    table = pd.DataFrame(rows)
    print("cost of an epoch against rows, batch 32:\n" + table.round(4).to_string(index=False))
    if out:
        os.makedirs(out, exist_ok=True)
        table.to_csv(os.path.join(out, "cost_per_row.csv"), index=False)
        draw(table, os.path.join(out, "cost_per_row.png"))


def draw(table, path):
    from kerasdnn import plots

    rows, seconds = table["rows"].to_numpy(), table["seconds per epoch"].to_numpy()
    ax = plots.learning_curves(
        {"Network.fit, batch 32": seconds}, rows, xlabel="rows", ylabel="seconds per epoch",
        log_x=True, log_y=True, legend=False,
    )  # fmt: skip
    line = rows * seconds[-1] / rows[-1]
    ax.plot(rows, line, color="#555555", lw=1, ls="--", label="proportional to rows")
    ax.legend(loc="best", frameon=False)
    plots.save(ax, path)


def side_class(side):
    if side == "stock":
        import keras

        return keras.Sequential
    from kerasdnn import Network

    return Network


def child(part, side, rows):
    command = [sys.executable, __file__, "--child", part, side, str(rows)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


PARTS = {
    "evaluation": evaluation,
    "prediction": prediction,
    "routes": routes,
    "validation": validation,
    "first_epoch": first_epoch,
    "memory": memory,
    "cost_per_row": cost_per_row,
}
CHILDREN = {"first_epoch": first_epoch_child, "memory": memory_child}

if __name__ == "__main__":
    sys.exit(main())
