"""Train on two logical CPUs and on one; print what `test_strategies.py` compares.

TensorFlow divides a CPU into logical devices only before it is used, so this is a process.
"""

import contextlib
import json
import sys
import warnings

import keras
import numpy as np
import tensorflow as tf

from kerasdnn import Network

CPU = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(CPU, [tf.config.LogicalDeviceConfiguration()] * 2)
warnings.simplefilter("ignore")
ROWS, BATCH = 101, 16  # the last step has 5 rows: 2 on one device, 3 on the other
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, 4)).astype("float32")
Y = (X[:, 0] + 0.3 * rng.normal(size=ROWS) > 0).astype("float32")
WEIGHT = rng.random(ROWS).astype("float32")
MIRRORED = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def network(strategy, *more, **options):
    keras.utils.set_random_seed(1)
    with strategy.scope() if strategy else contextlib.nullcontext():
        made = Network(
            [
                keras.Input((4,)),
                keras.layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.01)),
                *(layer() for layer in more),
                keras.layers.Dense(1, "sigmoid"),
            ],
            seed=0,
        )
        optimizer = keras.optimizers.Adam(0.01, **{"clipvalue": 0.02} | options)
        auc = keras.metrics.AUC(name="auc")
        made.compile(
            optimizer, "binary_crossentropy", metrics=["accuracy", auc], weighted_metrics=["mse"]
        )
    return made


def result(made, history):
    """Everything that training leaves, and whether it is the same on both devices."""
    values = [v.value for v in [*made.variables, *made.optimizer.variables]]
    copies = [getattr(value, "_values", [value]) for value in values]
    equal = all((c.numpy() == all_of[0].numpy()).all() for all_of in copies for c in all_of)
    return {
        "path": made.last_path,
        "history": history.history,
        "weights": [v.numpy().tolist() for v in [*made.variables, *made.optimizer.variables]],
        "evaluated": made.evaluate(X, Y, verbose=0),
        "predicted": made.predict(X[:9], verbose=0).tolist(),
        "copies are equal": equal,
    }


def on(strategy, *more, rows=ROWS, **options):
    made = network(strategy, *more)
    data = {"x": X[:rows], "y": Y[:rows], "batch_size": BATCH} | options
    history = made.fit(**data, epochs=2, validation_data=(X[:30], Y[:30]), verbose=0)
    return result(made, history)


def dataset():
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)


def first_kernel(layer, x, y):
    """The kernel after one step of plain SGD from zero, on two devices, and the layer."""
    with MIRRORED.scope():
        norm = layer()
        made = Network([keras.Input(x.shape[1:]), norm, keras.layers.Dense(1, use_bias=False)])
        made.compile(keras.optimizers.SGD(1.0), "mse")
    made.set_weights([np.zeros_like(w) if w.shape[-1:] == (1,) else w for w in made.get_weights()])
    made.fit(x, y, batch_size=len(x), shuffle=False, verbose=0)
    return made.layers[-1].kernel.numpy().ravel().tolist(), norm, made.last_path


class Stop(Exception):
    """Ends a training at its beginning."""


def path_of(made, scope=contextlib.nullcontext):
    """The execution path of a training, which is not carried out."""

    def stop(logs):
        raise Stop

    with scope(), contextlib.suppress(Stop):
        made.fit(X, Y, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_train_begin=stop)])
    return made.last_path


def main():
    normalize = lambda: keras.layers.BatchNormalization(synchronized=True)
    embed = lambda: keras.layers.Lambda(lambda x: 2 * x)
    found = {}
    for name, strategy in (("one", None), ("two", MIRRORED)):
        found[name] = {
            "arrays": on(strategy, sample_weight=WEIGHT),
            "normalized": on(strategy, normalize, rows=96),
            "dataset": on(strategy, x=dataset(), y=None, batch_size=None),
        }
    # One worker, whose code is that of many.
    workers = tf.distribute.MultiWorkerMirroredStrategy()
    keras.utils.set_random_seed(1)
    found["one"]["worker"] = on(None, shuffle=False)
    found["two"]["worker"] = on(workers, shuffle=False)
    try:
        network(workers, embed).fit(X, Y, verbose=0)
    except ValueError as error:
        found["refused"] = str(error)
    kernel, _, path = first_kernel(
        lambda: keras.layers.Dropout(0.5, seed=3), np.ones((2, 64), "float32"), np.ones(2)
    )
    found["dropout"] = {"kernel": kernel, "path": path}
    x = rng.normal(3, 2, size=(10, 2)).astype("float32")
    _, norm, path = first_kernel(lambda: keras.layers.BatchNormalization(momentum=0.9), x, x[:, 0])
    found["moving"] = {"x": x.tolist(), "mean": norm.moving_mean.numpy().tolist(),
                       "variance": norm.moving_variance.numpy().tolist(), "path": path}  # fmt: skip
    scope = MIRRORED.scope
    found["stock"] = {
        "a layer of the user's": path_of(network(MIRRORED, embed)),
        "clipnorm": path_of(network(MIRRORED, clipvalue=None, clipnorm=1.0)),
        "within the scope": path_of(network(MIRRORED), scope),
    }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
