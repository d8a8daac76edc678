"""Compare six optimizers: their paths over a loss surface, and their results on real tables.

    scripts/run recipes/compare_optimizers.py                             # 60 s of CPU time
    scripts/run recipes/compare_optimizers.py --csv my.csv --target price

Every optimizer gets its own best learning rate from one small grid, chosen with other seeds than
those reported. A seed determines the validation rows, the initial weights and the order of the
rows. Learning rates are chosen, and runs evaluated, by the validation loss after the last epoch;
the linear baseline (logistic or linear regression) is evaluated on the same rows. Expect the
optimizers to differ in how soon they converge (by a factor of about two on digits), and hardly in
the loss they reach: on small tables the linear baseline is as good or better.
"""

import numpy as np
from _common import Progress, Report, add_table_options, one_line_errors, options, parse, start
from _tables import read_own, shipped, split
from _training import Trainer, baseline, baseline_name, constant_loss, paired

OPTIMIZERS = ("sgd", "momentum", "nag", "adagrad", "rmsprop", "adam")
LEARNING_RATES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)
TABLES = ("breast cancer", "digits", "diabetes")
HIDDEN_UNITS, BATCH_SIZE, EPOCHS, SEEDS, TUNING_SEEDS = (32, 16), 32, 25, 8, 2
PROGRESS = 0.9  # the threshold: this fraction of the way from a constant baseline to the best loss

# The surface: a ravine that is twenty times as steep across as along; plain descent zigzags.
START, STEPS, GOAL = (-7.0, 2.0), 50, 0.01
SURFACE_RATES = (0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.5)


def main(argv=None):
    parser = options(__doc__, "compare_optimizers", epochs=EPOCHS, seeds=SEEDS)
    add_table_options(parser)
    args = parse(parser, argv)
    with one_line_errors(parser):
        own = [read_own(args)] if args.csv else None
    device = start(args)
    tables = own or [shipped(name) for name in TABLES]
    optimizers, rates, epochs, seeds = OPTIMIZERS, LEARNING_RATES, args.epochs, args.seeds
    if args.quick:
        optimizers, rates = ("sgd", "nag", "adam"), (0.01, 0.1)
        epochs, seeds = min(epochs, 5), min(seeds, 2)
    report = Report(args, "Six optimizers, each at its best learning rate", device)
    findings = on_a_surface(report, args.quick)
    progress = Progress(len(tables) * len(optimizers) * seeds, "Training")
    results = [compare(t, optimizers, rates, epochs, seeds, args.seed, progress) for t in tables]
    for result in results:
        name = result.table.name
        report.table(_file(name), result.summary, f"{name}: {len(result.table.X)} rows, "
                     f"{result.table.X.shape[1]} columns, {result.table.problem}")  # fmt: skip
        findings += result.findings(rates)
    draw(report, results)
    report.findings(findings)
    report.save()


# ------------------------------------------------------------------------------- (a) the surface
def surface(w1, w2):
    return w1**2 / 20 + w2**2


def gradient(w):
    return np.array([w[0] / 10, 2 * w[1]], "float32")


SURFACE = {"minimum": (0, 0), "title": "Loss w1^2 / 20 + w2^2 (learning rates in brackets)"}
LIMITS = (-8.0, 4.0), (-2.6, 2.6)


def best_paths(quick):
    """The path of each optimizer at the learning rate with the lowest mean loss along it."""
    paths, rows = {}, []
    for name in OPTIMIZERS:
        tried = {rate: descend(name, rate) for rate in SURFACE_RATES[:: 3 if quick else 1]}
        cost = {rate: np.nan_to_num(surface(*p.T), nan=np.inf).mean() for rate, p in tried.items()}
        best = min(cost, key=cost.get)
        paths[name] = tried[best]
        losses = surface(*paths[name].T)
        high = np.flatnonzero(losses >= GOAL)[-1] + 1  # from this step on it stays below
        rows.append((name, best, high if high <= STEPS else np.nan, losses[-1]))
    return {f"{name} ({rate:g})": paths[name] for name, rate, *_ in rows}, rows


def draw_surface(paths):
    from kerasdnn import plots

    return plots.surface_paths(surface, paths, *LIMITS, **SURFACE)


def on_a_surface(report, quick):
    """Draw the path of each optimizer, and report when it reaches the minimum."""
    from kerasdnn import plots

    paths, rows = best_paths(quick)
    report.picture(
        "paths", draw_surface(paths),
        f"{STEPS} steps from the same start, each optimizer at its best learning rate here.",
    )  # fmt: skip
    moving = report.out / "paths.gif"
    plots.animate_paths(surface, paths, *LIMITS, moving, frames=10 if quick else STEPS, **SURFACE)
    report.page.picture(moving, "The same paths, step by step.")
    import pandas as pd

    table = pd.DataFrame(
        rows, columns=["optimizer", "learning rate", f"steps to loss {GOAL}", "final loss"]
    )
    report.table("surface", table, "Loss surface", digits=6)
    reached = table.dropna().sort_values(table.columns[2])
    if not len(reached):
        return [f"On the surface, no optimizer reached a loss of {GOAL} in {STEPS} steps."]
    first = reached.iloc[0]
    return [
        f"On the surface, {first.iloc[0]} was the first to stay below a loss of {GOAL}, after "
        f"{first.iloc[2]:.0f} steps; {len(reached)} of {len(table)} did so within {STEPS} steps."
    ]


def descend(name, rate):
    """The weights from start to end, (STEPS + 1, 2), computed by the optimizer itself."""
    import keras

    from kerasdnn import optimizers

    optimizer = optimizers.get(name, learning_rate=rate)
    w = keras.Variable(np.array(START, "float32"))
    path = [np.array(START)]
    for _ in range(STEPS):
        optimizer.apply([keras.ops.convert_to_tensor(gradient(path[-1]))], [w])
        path.append(keras.ops.convert_to_numpy(w))
    return np.array(path)


# ---------------------------------------------------------------------------- (b) the real tables
class Result:
    """The runs of each optimizer at its best learning rate, and their summary."""

    def __init__(self, table, rates, losses, metrics, seconds, linear):
        import pandas as pd

        from kerasdnn.core.statistics import mean_interval

        self.table, self.rates, self.losses, self.linear = table, rates, losses, linear
        self.metric = "MAE" if table.problem == "regression" else "accuracy"
        self.last = last = {name: run[:, -1] for name, run in losses.items()}
        constant = constant_loss(table)
        lowest = np.nanmin([value.mean() for value in last.values()])  # NaN: one diverged
        self.threshold = constant - PROGRESS * (constant - lowest)
        rows = []
        for name, run in losses.items():
            loss, loss_width = mean_interval(last[name])
            metric, metric_width = mean_interval(metrics[name][:, -1])
            reached = (run <= self.threshold).any(axis=1)
            epochs = (run <= self.threshold).argmax(axis=1)[reached] + 1
            rows.append(
                (name, rates[name], loss, loss_width, metric, metric_width,
                 epochs.mean() if reached.any() else np.nan, f"{reached.sum()} of {len(run)}",
                 np.median(seconds[name]))
            )  # fmt: skip
        loss, loss_width = mean_interval(linear[:, 0])
        metric, metric_width = mean_interval(linear[:, 1])
        rows.append((baseline_name(table), np.nan, loss, loss_width, metric, metric_width,
                     np.nan, "", np.median(linear[:, 2])))  # fmt: skip
        columns = ["optimizer", "learning rate", "validation loss", "loss ±", self.metric]
        columns += [f"{self.metric} ±", f"epochs to {self.threshold:.3g}", "reached", "seconds"]
        self.summary = pd.DataFrame(rows, columns=columns)

    def findings(self, grid):
        name, ours = self.table.name, self.summary.iloc[:-1].sort_values("validation loss")
        first, second, last = (ours.iloc[i] for i in (0, 1, -1))
        best = self.last[first["optimizer"]]
        lines = [
            f"{name}: lowest validation loss with {first['optimizer']} "
            f"({first['validation loss']:.4f}, 95% CI ±{first['loss ±']:.4f}), then "
            f"{second['optimizer']} ({paired(best, self.last[second['optimizer']])}); highest with "
            f"{last['optimizer']} ({last['validation loss']:.4f}).",
            f"{name}: the validation loss of {baseline_name(self.table)} is "
            f"{self.linear[:, 0].mean():.4f}; compared with {first['optimizer']}, it is "
            f"{paired(best, self.linear[:, 0])}.",
        ]
        epochs = ours.columns[6]
        if ours[epochs].notna().any():
            soonest, latest = ours.loc[ours[epochs].idxmin()], ours.loc[ours[epochs].idxmax()]
            lines.append(
                f"{name}: to reach a loss of {self.threshold:.3g}, {soonest['optimizer']} takes "
                f"{soonest[epochs]:.1f} epochs, {latest['optimizer']} {latest[epochs]:.1f}."
            )
        edge = [
            n for n, rate in self.rates.items() if len(grid) > 2 and rate in grid[:: len(grid) - 1]
        ]
        if edge:
            lines.append(
                f"{name}: the best learning rate of {', '.join(edge)} is at the edge of the grid; "
                "extend the grid."
            )
        return lines


def compare(table, optimizers, rates, epochs, seeds, first_seed, progress):
    """Choose the learning rate of each optimizer with other seeds, then do the reported runs."""
    best = best_rates(table, optimizers, rates, epochs, first_seed + 1000)
    reported = range(first_seed, first_seed + seeds)
    rows = {seed: split(table, seed) for seed in reported}
    losses, metrics, seconds = {}, {}, {}
    weights = Trainer(table, hidden_units=HIDDEN_UNITS).first_weights
    weights = {seed: weights(seed) for seed in rows}
    for name in optimizers:
        trainer, runs = Trainer(table, optimizer=name, hidden_units=HIDDEN_UNITS), []
        for seed in reported:
            progress.step(f"{table.name}, {name}")
            run = trainer.run(rows[seed], weights[seed], best[name], seed, epochs, BATCH_SIZE)
            runs.append(run)
        losses[name], metrics[name], seconds[name] = (
            np.array(part) for part in zip(*runs, strict=True)
        )
    linear = np.array([baseline(table, rows[seed]) for seed in reported])
    return Result(table, best, losses, metrics, seconds, linear)


def best_rates(table, optimizers, rates, epochs, seed):
    """The learning rate of each optimizer with the lowest final mean loss, trained in parallel."""
    import kerasdnn

    x, y = (table.X - table.X.mean(0)) / (table.X.std(0) + 1e-7), table.y
    if table.problem == "regression":
        y = (y - y.mean()) / y.std()
    found = kerasdnn.compare(
        x.astype("float32"), y, {"optimizer": list(optimizers), "learning_rate": list(rates)},
        seeds=TUNING_SEEDS, epochs=epochs, batch_size=BATCH_SIZE, problem=table.problem, seed=seed,
        hidden_units=HIDDEN_UNITS, verbose=0,
    )  # fmt: skip
    # The table is sorted by score, the best first.
    best = found.table.drop_duplicates("optimizer").set_index("optimizer")["learning_rate"]
    return best.to_dict()


# ----------------------------------------------------------------------------------------- plots
def draw(report, results):
    from kerasdnn import plots

    count = len(results)
    width = max(6.4, 3.8 * count)
    drawing, axes = plots.figure(1, count, width=width, height=4.0, squeeze=False)
    for result, ax in zip(results, axes[0], strict=True):
        plots.learning_curves(
            result.losses, log_y=True, title=result.table.name,
            legend="below" if ax is axes[0, 0] else False,
            reference={baseline_name(result.table): result.linear[:, 0].mean()}, ax=ax,
            ylabel="validation loss" + (" (target variances)" * (result.metric == "MAE")),
        )  # fmt: skip
    report.picture("curves", drawing, "Geometric mean over the seeds and its 95% CI.")
    drawing, axes = plots.figure(1, count, width=width, height=3.2, squeeze=False, sharey=True)
    for result, ax in zip(results, axes[0], strict=True):
        table = result.summary
        plots.dots(
            [*table["optimizer"].iloc[:-1], "baseline"], table["validation loss"], table["loss ±"],
            xlabel="validation loss, lower is better", title=result.table.name, ax=ax,
            reference={"": result.linear[:, 0].mean()},
        )  # fmt: skip
    report.picture(
        "losses", drawing,
        "After the last epoch: mean over the seeds and its 95% CI. The dashed line is the "
        "baseline, logistic or linear regression.",
    )  # fmt: skip


def _file(name):
    return "".join(c if c.isalnum() else "_" for c in name)


if __name__ == "__main__":
    main()
