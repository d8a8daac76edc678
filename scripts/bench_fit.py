"""Measure training steps per second: `Network.fit`, stock Keras and other libraries in one run.

    scripts/run --bench scripts/bench_fit.py                 # everything, about 6 minutes
    scripts/run scripts/bench_fit.py --rivals stock sklearn  # without PyTorch and JAX

Every library trains the same network on the same rows in the same order, from the same initial
weights if it can set them. Before any time is printed, the program verifies that all reach the same
loss. The libraries take turns, so that a change in the speed of the machine affects all of them.
Prints medians over rounds.
"""

import argparse
import os
import sys
import time
from itertools import pairwise

ROUNDS, SEED, RATE = 5, 0, 0.01
NETS = {  # name: features, hidden units, outputs, batch, rows
    "8-16-1": (8, (16,), 1, 32, 768),
    "20-64-32-1": (20, (64, 32), 1, 32, 16_384),
    "54-256-256-7": (54, (256, 256), 7, 256, 65_536),
    "128-1024-1024-10": (128, (1024, 1024), 10, 1024, 32_768),
}
EPOCHS = {"8-16-1": 200, "20-64-32-1": 10, "54-256-256-7": 1, "128-1024-1024-10": 1}
STOCK_EPOCHS = {"8-16-1": 20, "20-64-32-1": 1, "54-256-256-7": 1, "128-1024-1024-10": 1}
# At least this many times as fast. On the larger nets the matrix products alone take 75 to 98% of a
# step, in every library: nobody can be twice as fast as them. JAX compiles the whole epoch with the
# same compiler as we do.
FLOORS = {
    "8-16-1": {"stock": 40, "sklearn": 2},
    "20-64-32-1": {"stock": 30, "sklearn": 5, "torch": 8, "jax": 0.9},
    "54-256-256-7": {"stock": 1.8, "sklearn": 1.5},
    "128-1024-1024-10": {"stock": 1.0},
}


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--nets", nargs="+", default=list(NETS), choices=list(NETS))
    parser.add_argument(
        "--rivals", nargs="+", default=["stock", "sklearn", "torch", "jax"],
        choices=["stock", "sklearn", "torch", "jax"],
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--out", help="folder for speed.csv and speed.png")
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    rows = [row for name in args.nets for row in bench(name, args.rivals, args.rounds)]
    import pandas as pd

    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if args.out:
        os.makedirs(args.out, exist_ok=True)
        table.to_csv(os.path.join(args.out, "speed.csv"), index=False)
    missed = table[table["ratio"] < table["floor"]]
    print("All floors reached." if missed.empty else f"Below the floor:\n{missed.to_string()}")
    return 0 if missed.empty else 1


def bench(name, rivals, rounds):
    """One row per rival: median steps per second, and how often ours is as fast."""
    import numpy as np

    features, hidden, outputs, batch, n_rows = NETS[name]
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(n_rows, features)).astype("float32")
    z = x @ rng.normal(size=(features, max(outputs, 2)))
    y = z.argmax(1).astype("int64")
    problem = features, hidden, outputs, batch, x, y
    makers = {"kerasdnn": ours, "stock": stock, "sklearn": sklearn, "torch": torch, "jax": jax}
    runs = {rival: makers[rival](*problem) for rival in ["kerasdnn", *rivals]}
    losses = {rival: run(1) for rival, run in runs.items()}  # the warm-up, too
    check_equal(name, losses)
    seconds = {rival: [] for rival in runs}
    for _ in range(rounds):
        for rival, run in runs.items():
            epochs = (STOCK_EPOCHS if rival in ("stock", "torch", "sklearn") else EPOCHS)[name]
            start = time.perf_counter()
            run(epochs)
            seconds[rival].append((time.perf_counter() - start) / epochs)
    steps = n_rows // batch
    share = steps / limit(*problem[:4], steps)
    rates = {rival: steps / np.median(times) for rival, times in seconds.items()}
    for rival, times in seconds.items():
        ratio = np.median(np.array(times) / np.array(seconds["kerasdnn"]))
        yield {
            "net": name,
            "batch": batch,
            "rival": rival,
            "steps/s": round(rates[rival]),
            "ratio": round(float(ratio), 2),
            "floor": FLOORS[name].get(rival, float("nan")),
            "of matrix products": f"{rates[rival] / share:.0%}",
        }


def check_equal(name, losses):
    """All rivals must be at the same loss after the first epoch; scikit-learn starts elsewhere."""
    reference = losses["kerasdnn"]
    for rival, loss in losses.items():
        tolerance = 0.35 if rival == "sklearn" else 2e-3
        if abs(loss - reference) > tolerance * max(abs(reference), 1e-3):
            sys.exit(f"{name}: {rival} reached loss {loss:.5f}, kerasdnn {reference:.5f}")
    shown = ", ".join(f"{rival} {loss:.5f}" for rival, loss in losses.items())
    print(f"{name}: loss after one epoch: {shown}")


def network(kind, features, hidden, outputs):
    import keras

    layers = keras.layers
    keras.utils.set_random_seed(SEED)
    dense = [layers.Dense(units, "relu") for units in hidden]
    out = layers.Dense(outputs, "sigmoid" if outputs == 1 else "softmax")
    model = kind([keras.Input((features,)), *dense, out])
    loss = "binary_crossentropy" if outputs == 1 else "sparse_categorical_crossentropy"
    # Stock Keras compiles nothing with XLA on a CPU by default; `Network` does after 2,000 steps,
    # and the warm-up is shorter than that.
    xla = {} if kind is keras.Sequential else {"jit_compile": True}
    model.compile(keras.optimizers.SGD(RATE, momentum=0.9), loss, metrics=["accuracy"], **xla)
    return model


def ours(features, hidden, outputs, batch, x, y):
    from kerasdnn import Network

    model = network(Network, features, hidden, outputs)

    return lambda epochs: model.fit(x, y, batch, epochs=epochs, shuffle=False, verbose=0).history[
        "loss"
    ][0]


def stock(features, hidden, outputs, batch, x, y):
    import keras

    model = network(keras.Sequential, features, hidden, outputs)
    return lambda epochs: model.fit(x, y, batch, epochs=epochs, shuffle=False, verbose=0).history[
        "loss"
    ][0]


def sklearn(features, hidden, outputs, batch, x, y):
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    warnings.simplefilter("ignore", ConvergenceWarning)

    def run(epochs):
        model = MLPClassifier(
            hidden, solver="sgd", learning_rate_init=RATE, momentum=0.9, nesterovs_momentum=False,
            alpha=0, batch_size=batch, max_iter=epochs, shuffle=False, tol=0,
            n_iter_no_change=10**9, random_state=SEED,
        )  # fmt: skip
        return model.fit(x, y).loss_curve_[0]

    return run


def torch(features, hidden, outputs, batch, x, y):
    import numpy as np
    import torch

    weights = network_weights(features, hidden, outputs)
    widths = (features, *hidden, outputs)
    parts = []
    for i, (a, b) in enumerate(pairwise(widths)):
        linear = torch.nn.Linear(a, b)
        linear.weight.data = torch.from_numpy(np.ascontiguousarray(weights[2 * i].T))
        linear.bias.data = torch.from_numpy(weights[2 * i + 1])
        parts += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*parts[:-1])
    rate = torch.optim.SGD(model.parameters(), RATE, momentum=0.9)
    entropy = torch.nn.BCEWithLogitsLoss() if outputs == 1 else torch.nn.CrossEntropyLoss()
    rows = torch.from_numpy(x)
    labels = torch.from_numpy(y.astype("float32")[:, None] if outputs == 1 else y)

    def run(epochs):
        for epoch in range(epochs):
            total, right = 0.0, 0
            for start in range(0, len(rows), batch):
                a, b = rows[start : start + batch], labels[start : start + batch]
                z = model(a)
                loss = entropy(z, b)
                rate.zero_grad()
                loss.backward()
                rate.step()
                total += loss.detach()
                hits = (z > 0) == (b > 0.5) if outputs == 1 else z.argmax(1) == b
                right += hits.sum()
            if epoch == 0:
                first = float(total) / (len(rows) // batch)
        return first

    return run


def jax(features, hidden, outputs, batch, x, y):
    import jax
    import jax.numpy as jnp

    weights = [jnp.asarray(w) for w in network_weights(features, hidden, outputs)]
    steps = len(x) // batch
    rows = jnp.asarray(x).reshape(steps, batch, -1)
    labels = jnp.asarray(y).reshape(steps, batch)

    def loss_of(weights, a, b):
        for i in range(0, len(weights) - 2, 2):
            a = jax.nn.relu(a @ weights[i] + weights[i + 1])
        z = a @ weights[-2] + weights[-1]
        if outputs == 1:
            z = z[:, 0]
            losses = jnp.maximum(z, 0) - z * b + jnp.log1p(jnp.exp(-jnp.abs(z)))
            return losses.mean(), ((z > 0) == (b > 0)).mean()
        losses = jax.nn.logsumexp(z, 1) - jnp.take_along_axis(z, b[:, None], 1)[:, 0]
        return losses.mean(), (z.argmax(1) == b).mean()

    def step(state, data):
        weights, velocities = state
        (loss, hits), gradients = jax.value_and_grad(loss_of, has_aux=True)(weights, *data)
        velocities = [0.9 * v - RATE * g for v, g in zip(velocities, gradients, strict=True)]
        weights = [w + v for w, v in zip(weights, velocities, strict=True)]
        return (weights, velocities), (loss, hits)

    epoch = jax.jit(lambda state: jax.lax.scan(step, state, (rows, labels)))
    state = [(weights, [jnp.zeros_like(w) for w in weights])]

    def run(epochs):
        for i in range(epochs):
            state[0], (losses, hits) = epoch(state[0])
            mean = float(losses.mean()), float(hits.mean())
            if i == 0:
                first = mean[0]
        return first

    return run


def network_weights(features, hidden, outputs):
    import keras

    return network(keras.Sequential, features, hidden, outputs).get_weights()


def limit(features, hidden, outputs, batch, steps):
    """Seconds that the matrix products of `steps` training steps take by themselves."""
    import tensorflow as tf

    widths = (features, *hidden, outputs)
    shapes = list(pairwise(widths))
    a = [tf.random.normal((batch, m)) for m, _ in shapes]
    d = [tf.random.normal((batch, n)) for _, n in shapes]
    w = [tf.random.normal((m, n)) for m, n in shapes]

    @tf.function(jit_compile=True, autograph=False)
    def products(count):
        def body(t, total):
            # `total` enters every product, so that none is computed once for all.
            for i in range(len(shapes)):
                ahead = tf.matmul(a[i] + total, w[i])
                back = tf.matmul(d[i] + total, a[i], transpose_a=True)
                total = 1e-9 * (ahead[0, 0] + back[0, 0])
                if i:
                    total += 1e-9 * tf.matmul(d[i], w[i] + total, transpose_b=True)[0, 0]
            return t + 1, total

        return tf.while_loop(lambda t, _: t < count, body, [0, 0.0])[1]

    products(tf.constant(steps)).numpy()
    times = []
    for _ in range(3):
        start = time.perf_counter()
        products(tf.constant(steps)).numpy()
        times.append(time.perf_counter() - start)
    return min(times)


if __name__ == "__main__":
    sys.exit(main())
