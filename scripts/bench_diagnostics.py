"""Time `Network.fit` with and without `Diagnostics`, in turns.

    scripts/run scripts/bench_diagnostics.py

Both sides must end with the same weights. Prints medians over rounds, and the median of the ratios
of the rounds. Both sides have a callback; that of the plain side does nothing.
"""

import argparse
import statistics
import time

CASES = [  # rows, features, hidden units, epochs
    (1_000, 20, (64, 32), 2_000),
    (16_384, 20, (64, 32), 300),
    (65_536, 54, (256, 256), 16),
]


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one short round")
    args = parser.parse_args(argv)
    cases = [(500, 8, (8,), 5)] if args.quick else CASES
    rounds = 1 if args.quick else args.rounds
    print(f"{'rows':>8} {'units':>12} {'epochs':>7} {'plain':>9} {'watched':>9} {'cost':>8} looks")
    for case in cases:
        measure(*case, rounds)


def measure(rows, features, units, epochs, rounds):
    import keras
    import numpy as np

    import kerasdnn

    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, features)).astype("float32")
    y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype("int32")

    def run(callback):
        network = kerasdnn.build_classifier(features, 2, units, metrics=["accuracy"], seed=0)
        began = time.perf_counter()
        network.fit(
            x, y, epochs=epochs, batch_size=32 if rows < 50_000 else 256, verbose=0,
            callbacks=[callback],
        )  # fmt: skip
        return time.perf_counter() - began, network.get_weights()

    run(kerasdnn.Diagnostics(x, y))  # compiles
    plain, watched, ratios = [], [], []
    for _ in range(rounds):
        watch = kerasdnn.Diagnostics(x, y)
        (a, expected), (b, got) = run(keras.callbacks.Callback()), run(watch)
        if not all((one == other).all() for one, other in zip(expected, got, strict=True)):
            raise SystemExit("Watching changed the weights.")
        plain.append(a)
        watched.append(b)
        ratios.append(b / a - 1)
    looks = watch.history["epoch"].nunique()
    print(
        f"{rows:8,} {units!s:>12} {epochs:7} {statistics.median(plain):8.2f}s "
        f"{statistics.median(watched):8.2f}s {statistics.median(ratios):8.1%} {looks:5}",
        flush=True,
    )


if __name__ == "__main__":
    main()
