"""Race optimizers against activation functions: hundreds of networks trained as one program.

    scripts/run recipes/race_optimizers.py          # 25 s of CPU time

Six optimizers, four activation functions, five learning rates and three seeds make 360 networks,
which `kerasdnn.Population` trains together on one real table (digits). A learning rate is chosen
for each pair by the first seed; the other seeds are reported. Expect the learning rate to matter
more than the pair, plain gradient descent with sigmoid to be far behind, and most other pairs to
be within a percent of each other.
"""

import time

import numpy as np
from _common import Progress, Report, options, parse, start
from _tables import shipped, split

OPTIMIZERS = ("sgd", "momentum", "nag", "adagrad", "rmsprop", "adam")
ACTIVATIONS = ("sigmoid", "tanh", "relu", "leaky_relu")
LEARNING_RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
HIDDEN_UNITS, BATCH_SIZE, EPOCHS, SEEDS = (32, 16), 64, 20, 3


def main(argv=None):
    args = parse(options(__doc__, "race_optimizers", epochs=EPOCHS, seeds=SEEDS), argv)
    device = start(args)
    grid = OPTIMIZERS, ACTIVATIONS, LEARNING_RATES
    epochs, seeds = args.epochs, max(2, args.seeds)
    if args.quick:
        grid, epochs, seeds = (("sgd", "adam"), ("sigmoid", "relu"), (0.01, 0.1)), 2, 2
    report = Report(args, "Optimizers against activation functions", device)
    networks, seconds = race(grid, epochs, seeds, args.seed)
    best = best_pairs(networks)
    text = f"{len(networks)} networks, {epochs} epochs on digits, {seconds:.0f} s"
    report.table("race", best, f"{text}: each pair at its best learning rate")
    draw(report, networks, best, grid)
    report.findings([f"{text}.", *findings(networks, best)])
    report.save()


def race(grid, epochs, seeds, first_seed):
    """Train every combination. Returns a row per network with its last loss, and the seconds."""
    import pandas as pd

    import kerasdnn

    rows = split(shipped("digits"), first_seed)
    networks = pd.MultiIndex.from_product(
        [*grid, range(first_seed, first_seed + seeds)],
        names=["optimizer", "activation", "learning_rate", "seed"],
    ).to_frame(index=False)
    members = [{**row, "hidden_units": HIDDEN_UNITS} for row in networks.to_dict("records")]
    population = kerasdnn.Population(members, 64, problem="multiclass", n_outputs=10)
    progress = Progress(epochs, f"Training {len(members)} networks")
    began = time.perf_counter()
    history = population.fit(
        rows.x, rows.y, epochs=epochs, batch_size=BATCH_SIZE,
        validation_data=(rows.x_valid, rows.y_valid), on_epoch=lambda *_: progress.step(),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    last = history.sort_values("epoch").groupby("member")[["val_loss", "val_accuracy"]].last()
    networks[["loss", "accuracy"]] = last.reindex(networks.index).to_numpy()
    networks.loc[[s == "diverged" for s in population.status], ["loss", "accuracy"]] = np.nan, 0.0
    networks["loss"] = networks["loss"].fillna(np.inf)
    return networks, seconds


def best_pairs(networks):
    """Each pair at the learning rate that is best for the first seed; means of the others."""
    first = networks["seed"] == networks["seed"].min()
    pair = ["optimizer", "activation"]
    chosen = networks[first].sort_values("loss", kind="stable").drop_duplicates(pair)
    reported = networks[~first].merge(chosen[[*pair, "learning_rate"]])
    means = reported.groupby([*pair, "learning_rate"], sort=False)[["loss", "accuracy"]].mean()
    return means.reset_index().sort_values("loss", ignore_index=True)


def draw(report, networks, best, grid):
    from kerasdnn import plots

    optimizers, activations, rates = grid
    drawing, (left, right) = plots.figure(1, 2, width=11.5, height=3.6)
    plots.heat_map(
        best.pivot(index="activation", columns="optimizer", values="accuracy")
        .loc[list(activations), list(optimizers)].to_numpy(),
        activations, column_names=optimizers, form="{:.3f}", label="validation accuracy",
        title="Each pair at its best learning rate", ax=left,
    )  # fmt: skip
    every = networks.groupby(["optimizer", "learning_rate"])["accuracy"].mean().unstack("optimizer")
    curves = {name: every[name].loc[list(rates)].to_numpy() for name in optimizers}
    plots.learning_curves(
        curves, np.array(rates), xlabel="learning rate", ylabel="validation accuracy", log_x=True,
        title="Mean over activation functions and seeds", legend="below", ax=right,
    )  # fmt: skip
    left.tick_params(axis="x", rotation=20)
    report.picture(
        "race", drawing,
        "Left: seeds that did not choose the learning rate. Right: what the learning rate alone "
        "decides.",
    )  # fmt: skip


def findings(networks, best):
    first, last = best.iloc[0], best.iloc[-1]
    by_rate = networks.groupby(["optimizer", "activation", "learning_rate"])["accuracy"].mean()
    spread = by_rate.groupby(level=[0, 1]).agg(lambda values: values.max() - values.min()).mean()
    return [
        f"Lowest validation loss: {first['optimizer']} with {first['activation']} at learning rate "
        f"{first['learning_rate']:g} (accuracy {first['accuracy']:.3f}); highest: "
        f"{last['optimizer']} with {last['activation']} ({last['accuracy']:.3f}).",
        f"Between the best pair and the worst, the accuracy differs by "
        f"{best['accuracy'].max() - best['accuracy'].min():.3f}; between the best and the worst "
        f"learning rate of a pair, on average by {spread:.3f}.",
    ]


if __name__ == "__main__":
    main()
