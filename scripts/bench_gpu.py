"""Train on a GPU: the same weights as stock Keras, the speed of both, and large populations.

    scripts/run --gpu scripts/bench_gpu.py     # about a minute

First compares the weights after 500 steps with those of stock Keras, with products in full float32
(`enable_tensor_float_32_execution(False)`), and stops if they differ by more than 1e-5. Then prints
steps per second of both, the time to train populations of 100 and 1,000 networks, and the largest
amount of GPU memory in use. Without a GPU it says so and measures the CPU.
"""

import argparse
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

ROWS, COLUMNS, BATCH = 4000, 20, 32
LAYERS = ((64, 32), (512, 512, 512))
TOLERANCE = 1e-5


def data():
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS)).astype("float32")
    return x, (x[:, 0] + x[:, 1] ** 2 > 0.5).astype("float32")


def build(kind, units):
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dense(n, "relu") for n in units]
    model = kind([keras.Input((COLUMNS,)), *layers, keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def train(kind, units, x, y, epochs=4, repeats=3):
    """Weights after `epochs`, and the median of the steps per second in further ones."""
    model = build(kind, units)
    model.fit(x, y, batch_size=BATCH, epochs=epochs, shuffle=False, verbose=0)
    weights, seconds = model.get_weights(), []
    for _ in range(repeats):
        began = time.perf_counter()
        model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)
        seconds.append(time.perf_counter() - began)
    return weights, epochs * ROWS / BATCH / statistics.median(seconds)


def main(sizes):
    import keras
    import numpy as np
    import tensorflow as tf

    from kerasdnn import Network, Population

    gpus = tf.config.list_physical_devices("GPU")
    name = tf.config.experimental.get_device_details(gpus[0])["device_name"] if gpus else "no GPU"
    print(f"TensorFlow {tf.__version__}, {name}")
    x, y = data()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for units in LAYERS:
        (ours, speed), (stock, stock_speed) = (
            train(kind, units, x, y) for kind in (Network, keras.Sequential)
        )
        difference = max(abs(a - b).max() for a, b in zip(ours, stock, strict=True))
        if difference > TOLERANCE:
            raise SystemExit(f"{units}: the weights differ from stock Keras by {difference:.2g}.")
        print(
            f"{COLUMNS}-{'-'.join(map(str, units))}-1: {speed:,.0f} steps/s, stock Keras "
            f"{stock_speed:,.0f} ({speed / stock_speed:.1f}x); weights differ by {difference:.1g}"
        )
    for size in sizes:
        rates = np.geomspace(1e-4, 1e-2, size)
        members = [{"hidden_units": (64, 32), "learning_rate": float(rate)} for rate in rates]
        seconds = []
        for _ in range(2):  # the first call compiles
            population = Population(members, COLUMNS, problem="binary", seed=0)
            began = time.perf_counter()
            population.fit(x, y, epochs=5)
            seconds.append(time.perf_counter() - began)
        print(
            f"Population of {size:,}: 5 epochs of {ROWS:,} rows in {seconds[1]:.1f} s, "
            f"{seconds[0]:.1f} s with compilation"
        )
    if gpus:
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        print(f"GPU memory: {peak / 2**20:,.0f} MiB at most")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 1000], metavar="N")
    main(parser.parse_args().sizes)
