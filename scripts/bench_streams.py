"""Training steps per second on datasets and generators, compared with arrays in memory.

    scripts/run scripts/bench_streams.py            # about two minutes

Every source yields the same batches in the same order. Before any time is printed, the program
verifies that the weights after one epoch are equal for all sources. `source alone` is the rate at
which batches are produced without any training: if it is close to the rate of training on arrays,
producing the data is the bottleneck. A dataset that only cuts tensors in memory into batches can be
faster than that, because `fit` reads the tensors themselves. `more us/step` is the additional CPU
time of the training thread per step, which remains even if other cores produce the data.
"""

import argparse
import os
import sys
import time

ROUNDS, SEED = 5, 0
NETS = {  # name: features, hidden units, batch, steps per epoch
    "20-64-32-1": (20, (64, 32), 32, 16_384),
    "54-256-256-1": (54, (256, 256), 256, 256),
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", default=list(NETS), choices=list(NETS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--steps", type=int, help="steps per epoch, instead of those of the net")
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import pandas as pd

    rows = [row for name in args.nets for row in bench(name, args.rounds, args.steps)]
    print(pd.DataFrame(rows).to_string(index=False))


def bench(name, rounds, steps=None):
    """One row per source: median steps per second, and their ratio to those on arrays."""
    import warnings

    import numpy as np
    import tensorflow as tf

    warnings.simplefilter("ignore", UserWarning)  # Keras: a dataset shuffles by itself
    features, hidden, batch, usual = NETS[name]
    steps = steps or usual
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(steps * batch, features)).astype("float32")
    y = (x[:, 0] > 0).astype("float32")
    batched = x.reshape(steps, batch, features), y.reshape(steps, batch)
    sources = {
        "arrays": None,
        "dataset of batches": lambda: tf.data.Dataset.from_tensor_slices(batched),
        "dataset, batched": lambda: tf.data.Dataset.from_tensor_slices((x, y)).batch(batch),
        "dataset, mapped": lambda: (
            tf.data.Dataset.from_tensor_slices((x, y)).batch(batch).map(lambda x, y: (x * 1.0, y))
        ),
        "generator": lambda: ((x[i : i + batch], y[i : i + batch]) for i in starts(x, batch)),
    }
    data = {source: make() if make and source != "generator" else make for source, make in
            sources.items()}  # fmt: skip
    networks = {source: network(features, hidden) for source in sources}

    def run(source):
        if source == "arrays":
            networks[source].fit(x, y, batch, shuffle=False, verbose=0)
            return
        found = data[source]() if source == "generator" else data[source]
        more = {"steps_per_epoch": steps} if source == "generator" else {}
        networks[source].fit(found, verbose=0, **more)

    for source in sources:
        run(source)  # the warm-up, too
    check_equal(name, networks)
    seconds, thread = ({source: [] for source in sources} for _ in range(2))
    for _ in range(rounds):
        for source in sources:
            start = time.thread_time()
            seconds[source].append(clock(run, source))
            thread[source].append(time.thread_time() - start)
    for source, times in seconds.items():
        alone = None
        if source == "generator":
            alone = clock(lambda: [None for _ in sources["generator"]()])
        elif source != "arrays":
            alone = min(clock(read, data[source]) for _ in range(2))
        ratio = np.median(np.array(seconds["arrays"]) / np.array(times))
        more = np.median(np.array(thread[source]) - np.array(thread["arrays"])) / steps * 1e6
        yield {
            "net": name,
            "batch": batch,
            "source": source,
            "steps/s": round(steps / float(np.median(times))),
            "of arrays": f"{ratio:.2f}",
            "more us/step": round(float(more), 1),
            "source alone": "" if alone is None else round(steps / alone),
        }


def starts(x, batch):
    return range(0, len(x), batch)


def clock(function, *arguments):
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def read(dataset):
    for _ in dataset.padded_batch(64):  # without a function per batch, which would take longer
        pass


def check_equal(name, networks):
    """All sources must have led to the same weights."""
    import numpy as np

    reference = networks["arrays"].get_weights()
    for source, model in networks.items():
        for a, b in zip(model.get_weights(), reference, strict=True):
            if not np.allclose(a, b, 1e-3, 1e-5):
                sys.exit(f"{name}: {source} leads to other weights than arrays")
    print(f"{name}: equal weights after one epoch of {', '.join(networks)}")


def network(features, hidden):
    import keras

    from kerasdnn import Network

    keras.utils.set_random_seed(SEED)
    dense = [keras.layers.Dense(units, "relu") for units in hidden]
    model = Network([keras.Input((features,)), *dense, keras.layers.Dense(1, "sigmoid")])
    optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"], jit_compile=True)
    return model


if __name__ == "__main__":
    sys.exit(main())
