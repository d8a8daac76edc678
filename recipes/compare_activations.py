"""Compare sigmoid, tanh, ReLU and Leaky ReLU; show vanishing gradients and dead units.

    scripts/run recipes/compare_activations.py          # 80 s of CPU time

Three real tables, two or eight hidden layers, every activation function at its own best learning
rate from a small grid, plain gradient descent. Then two experiments: the gradient that vanishes
layer by layer in a deep sigmoid network, and in a tanh network whose units are in the flat part of
the function; and units that die in one epoch at too high a learning
rate. Expect the deep sigmoid network to be no better than the constant baseline on two of three
tables, about half of the ReLU units to die and to stay dead, and part of the Leaky ReLU units to
recover (from 20% dead to 15%).
"""

import numpy as np
from _common import Progress, Report, options, parse, start
from _tables import shipped, split
from _training import Trainer, baseline, baseline_name, best_rate, constant_loss, dead_fraction

ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu")
DEPTHS = {"shallow": (32,) * 2, "deep": (32,) * 8}
TABLES = ("breast cancer", "digits", "diabetes")
LEARNING_RATES = (0.01, 0.03, 0.1)
OPTIMIZER, EPOCHS, SEEDS, TUNING_SEEDS = "sgd", 20, 5, 2

# Dead units: an epoch at a learning rate far too high for Adam, then epochs at a normal one.
DYING_UNITS, HIGH_RATE, NORMAL_RATE = (32,) * 4, 0.1, 0.003


def main(argv=None):
    parser = options(__doc__, "compare_activations", epochs=EPOCHS, seeds=SEEDS)
    args = parse(parser, argv)
    device = start(args)
    names, tables, rates = ACTIVATIONS, TABLES, LEARNING_RATES
    epochs, seeds = args.epochs, args.seeds
    if args.quick:
        names, tables, rates, epochs, seeds = ("sigmoid", "relu"), TABLES[:1], (0.1,), 3, 2
    report = Report(args, "Four activation functions, shallow and deep", device)
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
    findings += at_the_start(report, rows, args.seed)
    findings += dying(report, digits, rows, epochs, seeds, args.seed, progress)
    report.findings(findings)
    report.save()


def draw_functions(report):
    """Draw the four activation functions and their derivatives, by automatic differentiation."""
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

    drawing, (top, bottom) = plots.figure(2, 1, width=5.6, height=6.4, sharex=True)
    plots.functions({n: value(n) for n in ACTIVATIONS}, -4, 4, ax=top, title="activation function")
    plots.functions({n: derivative(n) for n in ACTIVATIONS}, -4, 4, ax=bottom,
                    ylabel="da / dz", title="derivative")  # fmt: skip
    top.set(ylim=(-1.2, 2.5), xlabel="")
    bottom.get_legend().remove()
    report.picture(
        "functions", drawing,
        "The derivative of sigmoid is at most 0.25: eight layers multiply the gradient by at most "
        "0.25^8 = 0.000015. The derivative of ReLU is 0 below zero.",
    )  # fmt: skip


def compare(report, tables, names, rates, epochs, seeds, first_seed, progress):
    """Compare every activation function and depth on every table with the baselines."""
    import pandas as pd

    from kerasdnn import plots
    from kerasdnn.core.statistics import mean_interval

    rows_of_table, findings = [], []
    width = max(6.4, 3.9 * len(tables))
    drawing, axes = plots.figure(1, len(tables), width, 3.9, sharey=True, squeeze=False)
    for table, ax in zip(tables, axes[0], strict=True):
        reported = range(first_seed, first_seed + seeds)
        tuning = range(first_seed + 1000, first_seed + 1000 + TUNING_SEEDS)
        rows = {seed: split(table, seed) for seed in (*tuning, *reported)}
        losses = {}
        for depth, units in DEPTHS.items():
            for activation in names:
                runs, rate = runs_of(table, rows, activation, units, rates, epochs, progress)
                losses[f"{activation}, {depth}"] = runs[:, 0]
                (loss, metric), (width, metric_width) = mean_interval(runs)
                rows_of_table.append((table.name, depth, activation, rate, loss, width, metric,
                                      metric_width))  # fmt: skip
        linear = np.array([baseline(table, rows[s])[:2] for s in reported])
        (loss, metric), (width, metric_width) = mean_interval(linear)
        rows_of_table.append((table.name, "", baseline_name(table), np.nan, loss, width, metric,
                              metric_width))  # fmt: skip
        mean, half = zip(*(mean_interval(v) for v in losses.values()), strict=True)
        plots.dots(
            list(losses), mean, half, title=table.name, ax=ax,
            xlabel="validation loss, lower is better",
            reference={"linear baseline": loss, "constant baseline": constant_loss(table)},
            legend="below" if ax is axes[0, 0] else False,
        )  # fmt: skip
        ax.set_xlim(left=max(0, ax.get_xlim()[0]))  # a loss is positive, whatever its interval
        best = min(losses, key=lambda name: losses[name].mean())
        worst = max(losses, key=lambda name: losses[name].mean())
        findings.append(
            f"{table.name}: lowest validation loss with {best} ({losses[best].mean():.3f}), "
            f"highest with {worst} ({losses[worst].mean():.3f}); {baseline_name(table)} "
            f"{loss:.3f}, constant baseline {constant_loss(table):.3f}."
        )
        lost = {n: int((v >= constant_loss(table)).sum()) for n, v in losses.items()}
        if any(lost.values()):
            counts = ", ".join(f"{n} {count} of {seeds}" for n, count in lost.items() if count)
            findings.append(
                f"{table.name}: runs that are no better than the constant baseline: {counts}."
            )
    columns = ["table", "depth", "activation", "learning rate", "validation loss", "loss ±",
               "accuracy or MAE", "accuracy or MAE ±"]  # fmt: skip
    title = f"After {epochs} epochs of {OPTIMIZER}: mean over {seeds} seeds and 95% CI"
    report.table("activations", pd.DataFrame(rows_of_table, columns=columns), title)
    report.picture("losses", drawing, "Validation loss after the last epoch, with 95% CI.")
    return findings


def runs_of(table, rows, activation, units, rates, epochs, progress):
    """Loss and metric of each reported run, (runs, 2), at the best learning rate; and that rate."""
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
    """Measure the gradient of every layer before training and after each epoch."""
    from kerasdnn import Diagnostics, plots

    norms = {}
    for activation in names:
        trainer = Trainer(table, activation=activation, hidden_units=DEPTHS["deep"],
                          optimizer=OPTIMIZER)  # fmt: skip
        trainer.reset(trainer.first_weights(seed), 0.1, seed)
        monitor = Diagnostics(rows.x, rows.y, every=1)
        trainer.network.fit(rows.x, rows.y, epochs=epochs, verbose=0, callbacks=[monitor])
        by_epoch = monitor.history.pivot(index="layer", columns="epoch", values="gradient")
        norms[activation] = by_epoch.reindex(monitor.history["layer"].unique()).to_numpy()
        progress.step(f"gradients of {activation}")
    drawing, axes = plots.figure(-(-len(names) // 2), 2, width=11, height=6.6, sharex=True)
    floor = max(1e-9, min(n[n > 0].min() for n in norms.values()))
    limits = floor, max(n.max() for n in norms.values())
    layers = [f"layer {i + 1}" for i in range(len(DEPTHS["deep"]))] + ["output"]
    for (activation, sizes), ax in zip(norms.items(), axes.flat, strict=True):
        plots.heat_map(
            sizes, layers, label="RMS of the gradient", xlabel="epoch", log=True, limits=limits,
            extent=(-0.5, epochs + 0.5), title=activation, color_bar=False, ax=ax,
        )  # fmt: skip
        ax.tick_params(labelbottom=True)
    drawing.colorbar(axes.flat[0].images[0], ax=axes, label="RMS of the gradient")
    report.picture(
        "gradients", drawing,
        "Root mean square of the gradient of the loss over the weights of each layer; digits, "
        "learning rate 0.1. Dark layers do not learn.",
    )  # fmt: skip
    ratio = {name: n[0, 0] / n[-2, 0] for name, n in norms.items()}
    return [
        "Before training, the gradient of the first layer relative to that of the eighth: "
        + ", ".join(f"{name} {value:.2g}" for name, value in ratio.items())
        + "."
    ]


# name: activation and initial biases of eight hidden layers
STARTS = {
    "relu": ("relu", 0.0),
    "tanh": ("tanh", 0.0),
    "tanh, biases of 2": ("tanh", 2.0),
    "sigmoid": ("sigmoid", 0.0),
}


def gradients_at_the_start(rows, seed):
    """Dict of a name of `STARTS` to the RMS of the gradient of each hidden layer, untrained."""
    import tensorflow as tf

    import kerasdnn

    found = {}
    for name, (activation, bias) in STARTS.items():
        network = kerasdnn.build_classifier(
            rows.x.shape[1], int(rows.y.max()) + 1, DEPTHS["deep"], activation=activation, seed=seed
        )
        hidden = network.layers[:-1]
        for layer in hidden:
            layer.bias.assign(tf.fill(layer.bias.shape, bias))
        with tf.GradientTape() as tape:
            loss = network.compute_loss(rows.x, rows.y, network(rows.x))
        gradients = tape.gradient(loss, [layer.kernel for layer in hidden])
        found[name] = np.array([np.sqrt(np.mean(np.square(g))) for g in gradients])
    return found


def draw_start(gradients):
    from kerasdnn import plots

    return plots.learning_curves(
        gradients, xlabel="hidden layer (1 is the first)", ylabel="RMS of the gradient", log_y=True,
        title="Eight hidden layers before training, digits",
    )  # fmt: skip


def at_the_start(report, rows, seed):
    """Show that tanh, too, loses the gradient where it is flat."""
    gradients = gradients_at_the_start(rows, seed)
    report.picture(
        "start", draw_start(gradients),
        "Going back, each layer multiplies the gradient by its weights and by the derivative of "
        "its activation function. That of sigmoid is at most 0.25; that of tanh is 1 at 0 and 0.07 "
        "at 2.",
    )  # fmt: skip
    gradient = gradients["tanh, biases of 2"]
    return [
        "With tanh, the gradient vanishes where the function is flat: with initial biases of 2, "
        f"that of the first layer is {gradient[0] / gradient[-1]:.2g} times that of the eighth."
    ]


# ------------------------------------------------------------------------------------ dead units
def dying(report, table, rows, epochs, seeds, first_seed, progress):
    """One epoch at too high a learning rate, then normal ones: which units recover?"""
    import pandas as pd

    from kerasdnn import plots
    from kerasdnn.core.statistics import mean_interval

    dead, accuracy = {}, {}
    for activation in ("relu", "leaky_relu"):
        trainer = Trainer(table, activation=activation, hidden_units=DYING_UNITS, optimizer="adam")
        runs = []
        for seed in range(first_seed, first_seed + seeds):
            runs.append(run_with_high_rate(trainer, rows, seed, epochs))
            progress.step(f"dead units of {activation}")
        dead[activation] = np.mean([fraction for fraction, _ in runs], axis=0).T
        accuracy[activation] = np.array([score for _, score in runs])
    drawing, axes = plots.figure(2, 1, width=5.6, height=5.0, sharex=True)
    names = [f"layer {i + 1}" for i in range(len(DYING_UNITS))]
    for (activation, fraction), ax in zip(dead.items(), axes, strict=True):
        plots.heat_map(
            100 * fraction, names, label="dead units (%)", xlabel="epoch", limits=(0, 100),
            extent=(-0.5, fraction.shape[1] - 0.5), title=activation, color_bar=False, ax=ax,
        )  # fmt: skip
        ax.tick_params(labelbottom=True)
        ax.axvline(1.5, color="white", lw=1.5, ls="--")
        words = f"epoch 1: learning rate {HIGH_RATE}, then {NORMAL_RATE}"
        ax.text(1.8, -0.3, words, color="white", fontsize=9, va="center")
    drawing.colorbar(axes[0].images[0], ax=axes, label="dead units (%)")
    report.picture(
        "dying", drawing,
        f"Units whose output is positive for no row. Epoch 1 has learning rate {HIGH_RATE}, the "
        f"others {NORMAL_RATE}. Such a ReLU unit has no gradient and stays dead.",
    )  # fmt: skip
    rows = []
    for name, scores in accuracy.items():
        mean, half_width = mean_interval(scores)
        rows.append((name, 100 * dead[name][:, 1].mean(), 100 * dead[name][:, -1].mean(), mean,
                     half_width))  # fmt: skip
    columns = ["activation", "% dead after epoch 1", "% dead at the end", "accuracy", "accuracy ±"]
    report.table("dying", pd.DataFrame(rows, columns=columns), "Dead units, digits")
    return [
        f"{name}: one epoch at learning rate {HIGH_RATE} leaves {first:.0f}% of the units dead; "
        f"after {epochs} epochs at {NORMAL_RATE}, {end:.0f}% are dead and the accuracy is "
        f"{mean:.3f}."
        for name, first, end, mean, _ in rows
    ]


def run_with_high_rate(trainer, rows, seed, epochs):
    """Fraction of dead units, (1 + 1 + epochs, layers), and the final accuracy."""
    trainer.reset(trainer.first_weights(seed), HIGH_RATE, seed)
    network = trainer.network
    fractions = [dead_fraction(network, rows.x)]
    for epoch in range(1 + epochs):
        network.fit(rows.x, rows.y, epochs=epoch + 1, initial_epoch=epoch, verbose=0)
        network.optimizer.learning_rate = NORMAL_RATE
        fractions.append(dead_fraction(network, rows.x))
    return fractions, network.evaluate(rows.x_valid, rows.y_valid, verbose=0, return_dict=True)[
        "accuracy"
    ]


if __name__ == "__main__":
    main()
