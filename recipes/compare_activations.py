"""Sigmoid, tanh, ReLU and Leaky ReLU in shallow and deep networks; vanishing and dying units.

    scripts/run recipes/compare_activations.py          # about 2 min on 2 cores

Three real tables, two hidden layers or eight, every activation at its own best learning rate out
of a small grid, plain gradient descent. Then two things to see: the gradient that vanishes layer
by layer in a deep sigmoid network, and ReLU units that die in one epoch at too high a rate and
stay dead, while Leaky ReLU's come back. Expect the deep sigmoid network to be no better than a
constant guess, and about half of the ReLU units to die.
"""

import numpy as np
from _common import Progress, Report, options, parse, start
from _tables import shipped, split
from _training import Trainer, best_rate, guess, rival, rival_name, silent_share

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu")
DEPTHS = {"shallow": (32,) * 2, "deep": (32,) * 8}
TABLES = ("breast cancer", "digits", "diabetes")
LEARNING_RATES = (0.01, 0.03, 0.1)
OPTIMIZER, EPOCHS, SEEDS, TUNING_SEEDS = "sgd", 20, 5, 2

# Dying units: an epoch at a rate far too high for Adam, then epochs at a sound one.
DYING_UNITS, SHOCK_RATE, SOUND_RATE = (32,) * 4, 0.1, 0.003


def main(argv=None):
    parser = options(__doc__, "compare_activations", epochs=EPOCHS, seeds=SEEDS)
    args = parse(parser, argv)
    device = start(args)
    names, tables, rates = ACTIVATIONS, TABLES, LEARNING_RATES
    epochs, seeds = args.epochs, args.seeds
    if args.quick:
        names, tables, rates, epochs, seeds = ("sigmoid", "relu"), TABLES[:1], (0.1,), 3, 2
    report = Report(args, "Four activations, shallow and deep", device)
    draw_functions(report)
    progress = Progress(
        len(tables) * len(DEPTHS) * len(names) * (len(rates) * TUNING_SEEDS + seeds)
        + len(names)
        + 2 * seeds,
        "Training",
    )
    findings = compare(report, [shipped(n) for n in tables], names, rates, epochs, seeds, args.seed,
                       progress)  # fmt: skip
    digits = shipped("digits")
    rows = split(digits, args.seed)
    findings += vanishing(report, digits, rows, names, epochs, args.seed, progress)
    findings += dying(report, digits, rows, epochs, seeds, args.seed, progress)
    report.findings(findings)
    report.save()


def draw_functions(report):
    """The four activations and their derivatives, by automatic differentiation."""
    import tensorflow as tf

    from kerasdnn import activations, plots

    def value(name):
        return lambda z: np.array(activations.get(name)(tf.constant(z)))

    def derivative(name):
        def at(z):
            z = tf.constant(z)
            with tf.GradientTape() as tape:
                tape.watch(z)
                a = activations.get(name)(z)
            return np.array(tape.gradient(a, z))

        return at

    drawing, (left, right) = plots.figure(1, 2, width=11, height=4)
    plots.functions({n: value(n) for n in ACTIVATIONS}, -4, 4, ax=left, title="activation")
    plots.functions({n: derivative(n) for n in ACTIVATIONS}, -4, 4, ax=right,
                    ylabel="da / dz", title="derivative")  # fmt: skip
    left.set_ylim(-1.2, 2.5)
    report.picture(
        "functions", drawing,
        "Sigmoid's derivative is at most 0.25: eight layers of it multiply by at most 0.25^8 = "
        "0.000015. Below zero, ReLU's is 0.",
    )  # fmt: skip


def compare(report, tables, names, rates, epochs, seeds, first_seed, progress):
    """Every activation and depth on every table, against the simple rival."""
    import pandas as pd

    from kerasdnn import plots
    from kerasdnn.core.statistics import mean_interval

    rows_of_table, findings = [], []
    width = max(6.4, 3.9 * len(tables))
    drawing, axes = plots.figure(1, len(tables), width, 3.9, sharey=True, squeeze=False)
    for table, ax in zip(tables, axes[0], strict=True):
        judging = range(first_seed, first_seed + seeds)
        tuning = range(first_seed + 1000, first_seed + 1000 + TUNING_SEEDS)
        rows = {seed: split(table, seed) for seed in (*tuning, *judging)}
        losses = {}
        for depth, units in DEPTHS.items():
            for activation in names:
                runs, rate = runs_of(table, rows, activation, units, rates, epochs, progress)
                losses[f"{activation}, {depth}"] = runs[:, 0]
                (loss, metric), (width, metric_width) = mean_interval(runs)
                rows_of_table.append((table.name, depth, activation, rate, loss, width, metric,
                                      metric_width))  # fmt: skip
        simple = np.array([rival(table, rows[s])[:2] for s in judging])
        (loss, metric), (width, metric_width) = mean_interval(simple)
        rows_of_table.append((table.name, "", rival_name(table), np.nan, loss, width, metric,
                              metric_width))  # fmt: skip
        mean, half = zip(*(mean_interval(v) for v in losses.values()), strict=True)
        plots.dots(
            list(losses), mean, half, title=table.name, ax=ax,
            xlabel="validation loss (less is better)",
            reference={"logistic or linear regression": loss, "constant guess": guess(table)},
            legend="below" if ax is axes[0, 0] else False,
        )  # fmt: skip
        best = min(losses, key=lambda name: losses[name].mean())
        worst = max(losses, key=lambda name: losses[name].mean())
        findings.append(
            f"{table.name}: best {best} ({losses[best].mean():.3f}), worst {worst} "
            f"({losses[worst].mean():.3f}); {rival_name(table)} {loss:.3f}, constant guess "
            f"{guess(table):.3f}."
        )
        lost = {n: int((v >= guess(table)).sum()) for n, v in losses.items()}
        if any(lost.values()):
            said = ", ".join(f"{n} {count} of {seeds}" for n, count in lost.items() if count)
            findings.append(f"{table.name}: runs no better than the constant guess: {said}.")
    columns = ["table", "depth", "activation", "learning rate", "validation loss", "+-",
               "accuracy or MAE", "+- "]  # fmt: skip
    report.table("activations", pd.DataFrame(rows_of_table, columns=columns),
                 f"After {epochs} epochs of {OPTIMIZER}, mean and 95 % interval")  # fmt: skip
    report.picture("losses", drawing, "Validation loss after the last epoch.")
    return findings


def runs_of(table, rows, activation, units, rates, epochs, progress):
    """Loss and metric of each judged run, (runs, 2), at the best rate; and that rate."""
    trainer = Trainer(table, activation=activation, hidden_units=units, optimizer=OPTIMIZER)
    weights = {seed: trainer.first_weights(seed) for seed in rows}

    def run(rate, seed):
        progress.step(f"{table.name}, {activation}, {len(units)} layers, {rate}")
        loss, metric, _ = trainer.run(rows[seed], weights[seed], rate, seed, epochs)
        return loss[-1], metric[-1]

    seeds = list(rows)
    rate = best_rate(rates, lambda rate: [run(rate, s)[0] for s in seeds[:TUNING_SEEDS]])
    return np.array([run(rate, seed) for seed in seeds[TUNING_SEEDS:]]), rate


# -------------------------------------------------------------------------- the vanishing gradient
def vanishing(report, table, rows, names, epochs, seed, progress):
    """Size of the gradient of every layer's kernel before training and after each epoch."""
    from kerasdnn import Diagnostics, plots

    norms = {}
    for activation in names:
        trainer = Trainer(table, activation=activation, hidden_units=DEPTHS["deep"],
                          optimizer=OPTIMIZER)  # fmt: skip
        trainer.reset(trainer.first_weights(seed), 0.1, seed)
        watch = Diagnostics(rows.x, rows.y, every=1)
        trainer.network.fit(rows.x, rows.y, epochs=epochs, verbose=0, callbacks=[watch])
        by_epoch = watch.history.pivot(index="layer", columns="epoch", values="gradient")
        norms[activation] = by_epoch.reindex(watch.history["layer"].unique()).to_numpy()
        progress.step(f"gradients of {activation}")
    drawing, axes = plots.figure(-(-len(names) // 2), 2, width=11, height=6.6, sharex=True)
    floor = max(1e-9, min(n[n > 0].min() for n in norms.values()))
    limits = floor, max(n.max() for n in norms.values())
    layers = [f"layer {i + 1}" for i in range(len(DEPTHS["deep"]))] + ["output"]
    for (activation, sizes), ax in zip(norms.items(), axes.flat, strict=True):
        plots.heat_map(
            sizes, layers, label="gradient per weight", xlabel="epoch", log=True, limits=limits,
            extent=(-0.5, epochs + 0.5), title=activation, ax=ax,
        )  # fmt: skip
    report.picture(
        "gradients", drawing,
        "Root mean square of the loss's gradient over the weights of each layer, digits, rate 0.1. "
        "Dark layers do not learn.",
    )  # fmt: skip
    ratio = {name: n[0, 0] / n[-2, 0] for name, n in norms.items()}
    return [
        "Before training, the first layer's gradient as a share of the eighth's: "
        + ", ".join(f"{name} {share:.2g}" for name, share in ratio.items())
        + "."
    ]


# ----------------------------------------------------------------------------------- dying units
def dying(report, table, rows, epochs, seeds, first_seed, progress):
    """One epoch at too high a rate, then sound ones: which units come back?"""
    import pandas as pd

    from kerasdnn import plots
    from kerasdnn.core.statistics import mean_interval

    silent, accuracy = {}, {}
    for activation in ("relu", "leaky_relu"):
        trainer = Trainer(table, activation=activation, hidden_units=DYING_UNITS, optimizer="adam")
        runs = []
        for seed in range(first_seed, first_seed + seeds):
            runs.append(shocked(trainer, rows, seed, epochs))
            progress.step(f"dying units of {activation}")
        silent[activation] = np.mean([share for share, _ in runs], axis=0).T
        accuracy[activation] = np.array([score for _, score in runs])
    drawing, axes = plots.figure(1, 2, width=11.5, height=3.2)
    names = [f"layer {i + 1}" for i in range(len(DYING_UNITS))]
    for (activation, share), ax in zip(silent.items(), axes, strict=True):
        plots.heat_map(
            100 * share, names, label="silent units (%)", xlabel="epoch", limits=(0, 100),
            extent=(-0.5, share.shape[1] - 0.5), title=activation, ax=ax,
        )  # fmt: skip
    report.picture(
        "dying", drawing,
        f"Units that are above zero for no row at all. Epoch 1 runs at rate {SHOCK_RATE}, the "
        f"others at {SOUND_RATE}. A silent ReLU unit has no gradient: it is dead.",
    )  # fmt: skip
    rows = []
    for name, scores in accuracy.items():
        mean, half_width = mean_interval(scores)
        rows.append((name, 100 * silent[name][:, 1].mean(), 100 * silent[name][:, -1].mean(), mean,
                     half_width))  # fmt: skip
    columns = ["activation", "% silent after the shock", "% silent at the end", "accuracy", "+-"]
    report.table("dying", pd.DataFrame(rows, columns=columns), "Dying units, digits")
    (_, shock, end, relu, _), (_, leaky_shock, leaky_end, leaky, _) = rows
    return [
        f"One epoch at rate {SHOCK_RATE} silences {shock:.0f} % of the ReLU units; after {epochs} "
        f"sound epochs {end:.0f} % are silent and accuracy is {relu:.3f}.",
        f"Of Leaky ReLU's units {leaky_shock:.0f} % are silent after the shock and "
        f"{leaky_end:.0f} % at the end; accuracy is {leaky:.3f}.",
    ]


def shocked(trainer, rows, seed, epochs):
    """Share of silent units, (1 + 1 + epochs, layers), and the accuracy at the end."""
    trainer.reset(trainer.first_weights(seed), SHOCK_RATE, seed)
    network = trainer.network
    share = [silent_share(network, rows.x)]
    for epoch in range(1 + epochs):
        network.fit(rows.x, rows.y, epochs=epoch + 1, initial_epoch=epoch, verbose=0)
        network.optimizer.learning_rate = SOUND_RATE
        share.append(silent_share(network, rows.x))
    return share, network.evaluate(rows.x_valid, rows.y_valid, verbose=0, return_dict=True)[
        "accuracy"
    ]


if __name__ == "__main__":
    main()
