"""Measure evaluation, prediction, validation, start-up time and memory.

    scripts/run scripts/bench_predict.py            # about 4 minutes

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
    args = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if args.child:
        return CHILDREN[args.child[0]](args.child[1], int(args.child[2]))
    for name, part in PARTS.items():
        if name not in args.skip:
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


def seconds(calls, rounds):
    """Median seconds of each call; the calls take turns."""
    import numpy as np

    taken = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: float(np.median(times)) for name, times in taken.items()}


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
    "validation": validation,
    "first_epoch": first_epoch,
    "memory": memory,
    "cost_per_row": cost_per_row,
}
CHILDREN = {"first_epoch": first_epoch_child, "memory": memory_child}

if __name__ == "__main__":
    sys.exit(main())
