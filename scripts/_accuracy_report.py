"""What `bench_accuracy.py` prints and draws."""

import json

import numpy as np
import pandas as pd
from _accuracy_results import (
    average_ranks,
    beats,
    mean_errors,
    read_peers,
    read_results,
    settings_of,
    shifted_ratio,
    wins,
)
from _accuracy_runs import FILE, PICTURE, SHIPPED_SOURCE

REFERENCE = "realmlp_td_s"
RIVALS = ("sk_mlp", "lgbm")
NOT_OF_MODEL = ("data", "holes", "holdout")  # settings that say what was learned from


def report(options, regression):
    """Print and draw what the file of results has of a run.

    Args:
        options: of `bench_accuracy.py`.
        regression: names of the tables that are regressions.
    """
    path = options.out / FILE
    rows = read_results(path)
    full = complete(rows, options, 0.0)
    holed = complete(rows, options, options.holes)
    if len(full):
        beside = full
        if options.data and options.part == "test" and not options.own_holdout:
            beside = with_peers(full, named(read_peers(options.data, options.tables)))
        errors, found = show(beside, options.tables, regression, options.part, first_of(options))
        picture = options.out / PICTURE.format(options.part)
        print(f"\npicture: {draw(errors, options.part, picture)}")
        here = found.loc[[model for model in found.index if model in set(full["model"])]]
        picture = options.out / PICTURE.format(f"time_{options.part}")
        print(f"picture: {draw_times(here, picture)}")
    else:
        print("No model has all of the tables and seeds.")
    if options.holes and len(full) and len(holed):
        show_holes(full, holed, options.tables, options.holes)
    print(f"every fit: {path}; seeds {', '.join(map(str, range(options.seeds)))}")


def first_of(options):
    """Labels that others are compared with, the best choice first."""
    members = settings_of(options.changes, n_members=options.members)
    model = options.models[0]
    return [REFERENCE, model, label(model, members)]


def complete(rows, options, share):
    """Rows of the tables, seeds and part asked for, of models that have all of them."""
    source = {} if options.data else {"data": SHIPPED_SOURCE}
    source |= {"holes": share} if share else {}
    source |= {"holdout": "own"} if options.own_holdout else {}
    same_data = np.array([learned_from(given) == source for given in rows["settings"]], bool)
    rows = rows[
        rows["table"].isin(options.tables)
        & (rows["seed"] < options.seeds)
        & (rows["part"] == options.part)
        & same_data
    ]
    rows = named(rows)
    fits = rows.groupby("model")["value"].transform("size")
    return rows[fits == len(options.tables) * options.seeds]


def with_peers(rows, peers):
    """Rows of results with those of peers that were not run here."""
    return pd.concat([rows, peers[~peers["model"].isin(rows["model"])]])


def label(model, settings):
    """A model's name with what was changed of it."""
    given = json.loads(settings)
    changed = [f"{name}={given[name]}" for name in given if name not in NOT_OF_MODEL]
    return " ".join([model, *changed])


def learned_from(settings):
    """The settings that are not the model's."""
    given = json.loads(settings)
    return {name: given[name] for name in given if name in NOT_OF_MODEL}


def named(rows):
    """Rows of results with the label of the model in place of its name."""
    names = [label(*pair) for pair in zip(rows["model"], rows["settings"], strict=True)]
    return rows.assign(model=names)


def summary(errors, rows, is_regression, reference):
    """A row per model: ratios to the reference, also of log loss, wins, rank, seconds per fit.

    Args:
        errors: see `_accuracy_results.py`.
        rows: rows of results, for their log loss and seconds.
        is_regression: bool per table.
        reference: column of `errors`.
    """
    groups = {
        "ratio": np.full(len(errors), True),
        "classes": ~is_regression,
        "numbers": is_regression,
    }
    found = pd.DataFrame(index=list(errors))
    found["tables"] = errors.notna().sum()
    for name, chosen in groups.items():
        peer = errors[reference][chosen]
        found[name] = [shifted_ratio(errors[model][chosen], peer) for model in errors]
    losses = mean_errors(rows, errors.index[~is_regression], "log_loss").reindex(
        columns=found.index
    )
    found["log loss"] = [shifted_ratio(losses[model], losses[reference]) for model in errors]
    for rival in RIVALS:
        if rival in errors:
            share = [beats(errors[model], errors[rival]) for model in errors]
            both = [int((errors[m] - errors[rival]).notna().sum()) for m in errors]
            found[f"wins/{rival}"] = [f"{s * n:g}/{n}" for s, n in zip(share, both, strict=True)]
            found.loc[rival, f"wins/{rival}"] = "-"
    found["rank"] = average_ranks(errors)
    seconds = rows.groupby(["model", "table"])["fit_seconds"].mean().groupby("model")
    found["s/fit"], found["s/all"] = seconds.mean(), seconds.sum()
    return found.sort_values("ratio")


def show(rows, tables, regression, part, references):
    """Print errors and summary. Returns both.

    Args:
        tables: names, in order.
        regression: names of those that are regressions.
        references: labels; the first that is there is compared with.
    """
    errors = mean_errors(rows, tables)
    reference = next(name for name in [*references, *errors] if name in errors)
    found = summary(errors, rows, np.isin(errors.index, regression), reference)
    errors = errors[list(found.index)]
    print(
        f"\nerror (1 - accuracy), of regressions nRMSE (sqrt(1 - R2)), {part} part, mean of seeds"
    )
    print(text(errors.T, "{:.4f}"))
    print(
        f"\nratio: shifted geometric mean relative to {reference}, under 1 is better; of classes, "
        "of numbers, of\nthe log loss of classes. wins: tables, a tie is half. rank: average, of "
        "models with all tables.\ns/fit: seconds per fit, the first of a table with compilation; "
        "s/all: of one fit of each table. Those\nof peers.csv were taken elsewhere."
    )
    print(text(found, "{:.3f}", {"s/fit": "{:.1f}", "s/all": "{:.0f}", "tables": "{:.0f}"}))
    if errors.shape[1] > 1:
        best = shifted_ratio(errors.min(axis=1), errors[reference])
        print(f"The best of these on each table, which only the evaluated rows tell: {best:.3f}")
    return errors, found


def show_holes(full, holed, tables, share):
    """Print the errors with holes beside those without."""
    full, holed = mean_errors(full, tables), mean_errors(holed, tables)
    columns = {}
    for model in holed:
        columns[model] = full[model]
        columns[f"{model} with holes"] = holed[model]
    print(f"\n{share:.0%} of the numeric cells removed in all parts, error or nRMSE")
    print(text(pd.DataFrame(columns).T, "{:.4f}"))
    for model in holed:
        ratio = shifted_ratio(holed[model], full[model])
        print(f"{model}: {ratio:.3f} times its error without holes (shifted geometric mean)")


def text(frame, form, forms=None):
    """A frame as text; "-" where there is no value."""

    def cell(value, column):
        if isinstance(value, str):
            return value
        return "-" if pd.isna(value) else (forms or {}).get(column, form).format(value)

    written = {name: [cell(v, name) for v in frame[name]] for name in frame}
    return pd.DataFrame(written, frame.index).rename_axis(None).to_string()


def draw(errors, part, path):
    """Average ranks, and beside them who beats whom. Models without all tables are left out."""
    from kerasdnn import plots

    ranks = average_ranks(errors).sort_values()
    names = list(ranks.index)
    height = 1.6 + 0.42 * len(names)
    drawing, (left, right) = plots.figure(
        1, 2, width=6.0 + 0.85 * len(names), height=max(height, 3.2), width_ratios=(2, 3)
    )
    plots.dots(
        names, ranks.to_numpy(), xlabel="average rank (1 is the best)",
        title=f"{len(errors)} tables, {part} part", legend=False, ax=left,
    )  # fmt: skip
    shares = 100 * wins(errors[names]).to_numpy()
    np.fill_diagonal(shares, np.nan)
    plots.heat_map(
        shares, names, label="tables won (%)", xlabel="against", column_names=names,
        title="The row beats the column", limits=(0, 100), ax=right,
    )  # fmt: skip
    right.tick_params(axis="x", rotation=90)
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            color = "black" if share > 55 else "white"
            right.text(column, row, f"{share:.0f}", ha="center", va="center", color=color)
    return plots.save(drawing, path)


def draw_times(found, path):
    """The error of each model against the seconds of its fits, of the models of this run."""
    from kerasdnn import plots

    drawing, ax = plots.figure(width=7.0, height=4.2)
    ax.scatter(found["s/all"], found["ratio"], zorder=3)
    for model, row in found.iterrows():
        place = row["s/all"], row["ratio"]
        ax.annotate(model, place, xytext=(6, 4), textcoords="offset points", fontsize=9)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("{x:g}")
    ax.set(xlabel="seconds of a fit of every table", ylabel="error relative to a reference")
    ax.set_title("Error against time, the models of this run")
    ax.margins(x=0.2)
    return plots.save(drawing, path)
