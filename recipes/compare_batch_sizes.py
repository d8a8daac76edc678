"""Compare batch sizes: full batch, mini-batches and single rows.

    scripts/run recipes/compare_batch_sizes.py          # 40 s of CPU time

Three paths over the loss surface of a linear model with two weights, computed from real rows; then
digits, each batch size at its own best learning rate from a small grid: the validation loss against
steps, against epochs and against seconds; and the distance of the gradient of a batch from that of
all rows. Expect all batch sizes to reach about the same loss, small batches in far fewer epochs,
and mini-batches to be faster in wall-clock time than single rows and the full batch.
"""

import numpy as np
from _common import Progress, Report, options, parse, start
from _tables import shipped, split
from _training import Trainer, best_rate

BATCH_SIZES = (1, 8, 32, 128, "full")
LEARNING_RATES = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
HIDDEN_UNITS, OPTIMIZER, EPOCHS, SEEDS = (32,), "sgd", 15, 5
MIN_STEPS = 300  # a large batch takes few steps per epoch and gets more epochs
DRAWS = 100  # batches that are drawn to measure the noise of one batch size

# The surface: disease progression from body mass index and blood pressure, a weight for each.
COLUMNS, SURFACE_RATE, SURFACE_START = (2, 3), 0.03, (-0.55, 0.9)
SURFACE_EPOCHS = {1: 2, 32: 12, "full": 120}


def main(argv=None):
    parser = options(__doc__, "compare_batch_sizes", epochs=EPOCHS, seeds=SEEDS)
    args = parse(parser, argv)
    device = start(args)
    report = Report(args, "Batch sizes: full batch, mini-batches, single rows", device)
    findings = on_a_surface(report, args.seed)
    rates, epochs, seeds = LEARNING_RATES, args.epochs, args.seeds
    if args.quick:
        rates, epochs, seeds = (0.03, 0.3), 2, 2
    findings += on_digits(report, rates, epochs, seeds, args.seed, args.quick)
    report.findings(findings)
    report.save()


def named(size):
    return {"full": "full batch", 1: "single rows"}.get(size, f"batches of {size}")


# ------------------------------------------------------------------------------------ the surface
def on_a_surface(report, seed):
    """The path of each batch size at the same learning rate, over the loss of all rows."""
    from kerasdnn import plots

    table = shipped("diabetes")
    rows = split(table._replace(X=table.X[:, COLUMNS]), seed)
    X, y = rows.x.astype(float), rows.y.astype(float)

    def loss(w1, w2):  # mean of (w1 x1 + w2 x2 - y)^2, written out in moments of the rows
        (a, b), (_, d) = X.T @ X / len(y)
        c1, c2 = X.T @ y / len(y)
        return a * w1**2 + 2 * b * w1 * w2 + d * w2**2 - 2 * (c1 * w1 + c2 * w2) + (y**2).mean()

    minimum = np.linalg.lstsq(X, y, rcond=None)[0]
    paths = {named(s): descend(X, y, s, epochs, seed) for s, epochs in SURFACE_EPOCHS.items()}
    ax = plots.surface_paths(
        loss, paths, (-0.8, 1.0), (-0.3, 1.1), minimum=minimum,
        title=f"mean squared error, learning rate {SURFACE_RATE}",
    )  # fmt: skip
    ax.set(xlabel="weight of body mass index", ylabel="weight of blood pressure")
    report.picture(
        "paths", ax, "The full batch goes straight downhill; fewer rows, a noisier path."
    )
    last = {name: np.abs(path[-20:] - minimum).max() for name, path in paths.items()}
    return [
        "Largest distance from the minimum in the last 20 steps on the surface: "
        + ", ".join(f"{name} {gap:.3f}" for name, gap in last.items())
        + "."
    ]


def descend(X, y, batch_size, epochs, seed):
    """Gradient descent in plain NumPy: the weights from start to end, (steps + 1, 2)."""
    size = len(y) if batch_size == "full" else batch_size
    rng, w = np.random.default_rng(seed), np.array(SURFACE_START)
    path = [w]
    for _ in range(epochs):
        order = rng.permutation(len(y))
        for batch in np.array_split(order, len(y) // size):
            gradient = 2 * X[batch].T @ (X[batch] @ w - y[batch]) / len(batch)
            w = w - SURFACE_RATE * gradient
            path.append(w)
    return np.array(path)


# ------------------------------------------------------------------------------------- the digits
def on_digits(report, rates, epochs, seeds, first_seed, quick):
    import pandas as pd

    from kerasdnn.core.statistics import mean_interval

    table = shipped("digits")
    trainer = Trainer(table, optimizer=OPTIMIZER, hidden_units=HIDDEN_UNITS)
    reported = range(first_seed, first_seed + seeds)
    tuning = first_seed + 1000
    rows = {seed: split(table, seed) for seed in (tuning, *reported)}
    weights = {seed: trainer.first_weights(seed) for seed in rows}
    n = len(rows[tuning].x)
    progress = Progress(len(BATCH_SIZES) * (len(rates) + seeds), "Training")
    losses, steps, times, summary = {}, {}, {}, []
    for size in BATCH_SIZES:
        per_epoch = 1 if size == "full" else -(-n // size)
        length = max(epochs, -(-MIN_STEPS // per_epoch)) if not quick else epochs

        def run(rate, seed, size=size, length=length):
            progress.step(f"{named(size)}, {rate}")
            return trainer.run(rows[seed], weights[seed], rate, seed, length, size)

        rate = best_rate(rates, lambda rate, run=run: [run(rate, tuning)[0][-1]])
        runs = [run(rate, seed) for seed in reported]
        seconds = np.median([time_alone(trainer, rows[s], weights[s], rate, s, length, size)
                             for s in reported])  # fmt: skip
        name = named(size)
        losses[name] = np.array([loss for loss, _, _ in runs])
        steps[name] = np.arange(1, length + 1) * per_epoch
        times[name] = np.arange(1, length + 1) * seconds / length
        accuracy, width = mean_interval([metric[-1] for _, metric, _ in runs])
        loss, loss_width = mean_interval(losses[name][:, -1])
        summary.append((name, rate, per_epoch, length, loss, loss_width, accuracy, width,
                        1e6 * seconds / steps[name][-1], seconds / length))  # fmt: skip
    columns = ["batch size", "learning rate", "steps per epoch", "epochs", "validation loss",
               "loss ±", "accuracy", "accuracy ±", "µs per step", "seconds per epoch"]  # fmt: skip
    summary = pd.DataFrame(summary, columns=columns)
    report.table("batch_sizes", summary, f"digits: {n} training rows, {OPTIMIZER}")
    draw_curves(report, losses, steps, times)
    noise = noise_of(trainer, rows[first_seed], weights[first_seed], first_seed)
    slope = draw_noise(report, noise)
    return findings_of(losses, steps, times, summary, slope)


def time_alone(trainer, rows, weights, rate, seed, epochs, size):
    """Seconds of the training alone, without validation."""
    import time

    for _ in range(2):  # the first run may compile
        trainer.reset(weights, rate, seed)
        began = time.perf_counter()
        trainer.network.fit(rows.x, rows.y, epochs=epochs, batch_size=size, verbose=0)
        seconds = time.perf_counter() - began
    return seconds


def draw_curves(report, losses, steps, times):
    from kerasdnn import plots

    drawing, axes = plots.figure(1, 3, width=15.5, height=4.4, sharey=True)
    epochs = {name: np.arange(1, run.shape[1] + 1) for name, run in losses.items()}
    against = [("steps (updates)", steps), ("epochs (passes over the rows)", epochs),
               ("time (seconds)", times)]  # fmt: skip
    for ax, (xlabel, x) in zip(axes, against, strict=True):
        plots.learning_curves(
            losses, x, xlabel=xlabel, ylabel="validation loss", log_x=True, log_y=True, ax=ax,
            legend="below" if ax is axes[0] else False,
        )  # fmt: skip
    report.picture(
        "curves", drawing,
        "The same runs on three scales: per step, large batches are better; per epoch, small ones. "
        "Wall-clock time is what matters. Geometric mean and 95% CI over the seeds.",
    )  # fmt: skip


def noise_of(trainer, rows, weights, seed):
    """Dict of batch size to the distance of its gradient from that of all rows, relative to it."""
    import tensorflow as tf

    trainer.network.set_weights(weights)
    network, rng = trainer.network, np.random.default_rng(seed)

    @tf.function(reduce_retracing=True)
    def gradient(x, y):
        with tf.GradientTape() as tape:
            loss = network.compute_loss(x, y, network(x, training=False))
        flat = [tf.reshape(g, [-1]) for g in tape.gradient(loss, network.trainable_variables)]
        return tf.concat(flat, 0)

    complete = gradient(tf.constant(rows.x), tf.constant(rows.y)).numpy()
    noise = {}
    for size in (1, 2, 4, 8, 16, 32, 64, 128, 256):
        batches = [rng.choice(len(rows.x), size, replace=False) for _ in range(DRAWS)]
        gaps = [gradient(rows.x[b], rows.y[b]).numpy() - complete for b in batches]
        noise[size] = np.sqrt(np.mean(np.sum(np.square(gaps), axis=1))) / np.linalg.norm(complete)
    return noise


def draw_noise(report, noise):
    """Draw the noise against the batch size; returns the slope on logarithmic scales."""
    from kerasdnn import plots

    sizes, values = np.array(list(noise)), np.array(list(noise.values()))
    slope = np.polyfit(np.log(sizes), np.log(values), 1)[0]
    ax = plots.learning_curves(
        {"measured": values}, sizes, xlabel="rows in a batch", log_x=True, log_y=True, legend=False,
        title="Gradient noise, digits", ylabel="relative distance from the\ngradient of all rows",
    )  # fmt: skip
    theory = values[0] / np.sqrt(sizes)
    ax.plot(
        sizes, theory, color="#555555", lw=1, ls="--", label="1 / square root of the batch size"
    )
    ax.legend(loc="best", frameon=False)
    report.picture("noise", ax, f"At the initial weights, with {DRAWS} batches of each size.")
    return slope


def findings_of(losses, steps, times, summary, slope):
    # Compare at a loss that every batch size reaches.
    goal = max(np.exp(np.log(run).mean(axis=0)).min() for run in losses.values()) * 1.0001
    first = {n: (np.exp(np.log(r).mean(axis=0)) <= goal).argmax() for n, r in losses.items()}
    order = sorted(first, key=lambda name: times[name][first[name]])
    reach = "; ".join(
        f"{n} {steps[n][first[n]]} steps, {first[n] + 1} epochs, {times[n][first[n]]:.2f} s"
        for n in losses
    )
    cost = summary.set_index("batch size")["µs per step"]
    best = summary.loc[summary["validation loss"].idxmin()]
    return [
        f"To reach a validation loss of {goal:.3f}: {reach}.",
        f"In wall-clock time, {order[0]} {'is' if 'full' in order[0] else 'are'} fastest and "
        f"{order[-1]} slowest.",
        f"A step on the full batch takes {cost['full batch'] / cost['single rows']:.1f} times as "
        "long as a step on a single row.",
        f"Lowest final validation loss: {best['batch size']} ({best['validation loss']:.3f}, "
        f"95% CI ±{best['loss ±']:.3f}).",
        f"The gradient noise is proportional to the batch size to the power {slope:.2f}; theory "
        "gives -0.50 for independent rows.",
    ]


if __name__ == "__main__":
    main()
