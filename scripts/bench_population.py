"""Time a network in a population, compared with `Network.fit` and stock Keras. No download.

    scripts/run scripts/bench_population.py         # a minute or two on a CPU
    scripts/run scripts/bench_population.py --quick

Breast-cancer data, 455 training and 114 validation rows, batches of 32, 20 epochs. Two populations:

    100 networks    drawn at random: 1 to 3 layers of 16, 32 or 64 units, three activations,
                    Momentum and NAG, different learning rates
    600 networks    6 optimizers x 5 learning rates x 20 seeds, hidden layers of 32 and 16 units

Before a time is printed, some networks are also trained alone with `Network.fit` and the same seed,
and must have the same weights. Times are those of `fit` with an evaluation after each epoch. The
first time includes compilation; the others (medians) reuse the compiled program, as every later
batch of trials in a search does. Ends with exit code 1 if weights differ.
"""

import argparse
import os
import resource
import statistics
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

BATCH, TRAINING_ROWS = 32, 455


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3, help="later fits of each population")
    parser.add_argument("--alone", type=int, default=6, help="networks trained alone to compare")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="few networks, for a test")
    options = parser.parse_args(argv)
    if options.quick:
        options.epochs, options.rounds, options.alone = 2, 1, 2

    import numpy as np
    import tensorflow as tf
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(options.seed).permutation(len(x))
    x, y = ((x - x.mean(0)) / x.std(0)).astype("float32")[order], y[order]
    data = x[:TRAINING_ROWS], y[:TRAINING_ROWS]
    judged = x[TRAINING_ROWS:], y[TRAINING_ROWS:]
    device = "GPU" if tf.config.list_physical_devices("GPU") else f"{os.cpu_count()} CPU cores"
    print(f"{device}, {options.epochs} epochs, batch {BATCH}")
    for name, members in (("random", random_members(options)), ("crossed", crossed(options))):
        if measure(name, members, data, judged, options):
            return 1
    return 0


def random_members(options):
    import numpy as np

    rng = np.random.default_rng(options.seed)
    return [
        {
            "hidden_units": (int(rng.choice([16, 32, 64])),) * int(rng.integers(1, 4)),
            "activation": str(rng.choice(["relu", "tanh", "leaky_relu"])),
            "optimizer": str(rng.choice(["momentum", "nag"])),
            "learning_rate": float(10 ** rng.uniform(-3, -1)),
            "seed": i,
        }
        for i in range(10 if options.quick else 100)
    ]


def crossed(options):
    return [
        {"hidden_units": (32, 16), "optimizer": optimizer, "learning_rate": rate, "seed": seed}
        for optimizer in ("sgd", "momentum", "nag", "adagrad", "rmsprop", "adam")
        for rate in (0.001, 0.003, 0.01, 0.03, 0.1)
        for seed in range(1 if options.quick else 20)
    ]


def measure(name, members, data, judged, options):
    """Check, then print; returns how many networks differ."""
    population, first = train(members, data, judged, options)
    chosen = range(0, len(members), max(1, len(members) // options.alone))
    differ, ours, stock = 0, [], []
    from kerasdnn.factories import build_for

    for i in list(chosen)[: options.alone]:
        network = build_for(population.problem, **members[i])
        ours.append(seconds_of_fit(network, data, judged, options))
        gap = largest_gap(population.get_weights(i), network.get_weights())
        if gap > 1e-4:
            print(f"member {i} differs from Network.fit by {gap:.2g}: {members[i]}")
            differ += 1
        stock.append(seconds_of_fit(as_stock(network), data, judged, options))
    if differ:
        return differ
    before = peak_memory()
    later = [train(members, data, judged, options)[1] for _ in range(options.rounds)]
    grown = peak_memory() - before
    later, count = statistics.median(later), len(members)
    print(f"\n{count} networks, {name}; {len(ours)} of them equal those trained alone")
    per_network = {
        "population, first": first / count,
        "population, later": later / count,
        "Network.fit": statistics.median(ours),
        "stock Keras fit": statistics.median(stock),
    }
    for what, seconds in per_network.items():
        ratio = per_network["stock Keras fit"] / seconds
        print(f"  {what:20}{1e3 * seconds:10.1f} ms per network, stock / this {ratio:7.1f}")
    print(
        f"  in all {first:.2f} s the first time, {later:.2f} s later; memory grew by {grown:.0f} MB"
    )
    return 0


def train(members, data, judged, options):
    from kerasdnn.population.population import Population

    began = time.perf_counter()
    population = Population(members, data[0].shape[1], problem="binary")
    population.fit(*data, epochs=options.epochs, batch_size=BATCH, validation_data=judged)
    return population, time.perf_counter() - began


def seconds_of_fit(network, data, judged, options):
    began = time.perf_counter()
    network.fit(*data, epochs=options.epochs, batch_size=BATCH, validation_data=judged, verbose=0)
    return time.perf_counter() - began


def as_stock(network):
    """The same network as a plain keras.Sequential, its metrics the same."""
    import keras

    stock = keras.Sequential.from_config(network.get_config())
    stock.compile_from_config(network.get_compile_config())
    return stock


def largest_gap(ours, theirs):
    """The largest difference, relative to the largest number of each array."""
    import numpy as np

    return max(
        float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-3))
        for a, b in zip(ours, theirs, strict=True)
    )


def peak_memory():
    """MB, the most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    sys.exit(main())
