"""Pictures of a search: its course, and what its hyperparameters have to do with the score."""

import numpy as np

from .styles import figure, picture, series


@picture()
def search_history(scores, *, ylabel, minimise=True, title=None, ax):
    """The score of each trial as a dot, the best so far as a line.

    Args:
        scores: list of float in the order of the trials; NaN is a trial that failed.
        ylabel: str, the objective.
        minimise: bool, whether a smaller score is better.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    scores = np.asarray(scores, float)
    number = np.arange(1, len(scores) + 1)
    best = (np.fmin if minimise else np.fmax).accumulate(scores)
    ax.plot(number, scores, ls="none", marker="o", ms=4, color=series(6)["color"], label="trial")
    ax.step(number, best, where="post", color=series(1)["color"], label="best so far")
    failed = np.isnan(scores)
    if failed.any():
        ax.plot(number[failed], np.full(failed.sum(), 0.02), ls="none", marker="x", color="#000000",
                transform=ax.get_xaxis_transform(), label="failed")  # fmt: skip
    _spare_the_hopeless(ax, scores, minimise)
    ax.set(xlabel="trial", ylabel=ylabel, title=title)
    ax.legend(loc="best")


@picture(width=8.0)
def parallel_coordinates(trials, scores, *, label, minimise=True, title=None, ax):
    """An upright line per hyperparameter, a thread per trial, the best threads darkest and last.

    Args:
        trials: DataFrame, a column per hyperparameter; columns of one value are left out.
        scores: array `(trials,)`.
        label: str, the objective; stands at the colour scale.
        minimise: bool, whether a smaller score is better.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    import matplotlib
    from matplotlib.cm import ScalarMappable

    scores = np.asarray(scores, float)
    heights = {
        name: _positions(trials[name]) for name in trials if trials[name].astype(str).nunique() > 1
    }
    finite = np.flatnonzero(np.isfinite(scores))
    worst_first = finite[np.argsort(-scores[finite] if minimise else scores[finite], kind="stable")]
    # Ranks, not scores: one hopeless trial must not give all others the same colour.
    rank = np.empty(len(scores))
    rank[worst_first] = np.linspace(0, 1, len(worst_first)) if len(worst_first) else 0
    colours = matplotlib.colormaps["cividis_r"]
    at = np.arange(len(heights))
    paper = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5}
    for trial in worst_first:
        thread = [positions[trial] for positions, _ in heights.values()]
        ax.plot(at, thread, color=colours(rank[trial]), alpha=0.35 + 0.6 * rank[trial],
                lw=1 + 1.5 * rank[trial] ** 4)  # fmt: skip
    for place, (_, marks) in enumerate(heights.values()):
        ax.axvline(place, color="#555555", lw=0.8, zorder=1)
        for height, mark in marks:
            ax.annotate(mark, (place, height), xytext=(4, 2), textcoords="offset points",
                        fontsize=8, color="#000000", bbox=paper)  # fmt: skip
    ax.set_xticks(at, list(heights), rotation=20, ha="right")
    ax.set_yticks([])
    ax.set_ylim(-0.05, 1.08)
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    ax.set(title=title)
    scale = ax.figure.colorbar(ScalarMappable(cmap=colours), ax=ax, ticks=[0, 1])
    scale.ax.set_yticklabels(["worst", "best"])
    scale.set_label(f"rank by {label}")


@picture(width=4.0, height=3.2)
def score_against(values, scores, *, xlabel, ylabel, minimise=True, ax):
    """The score of each trial against one hyperparameter.

    Args:
        values: Series `(trials,)`, its index the numbers of the trials; words and tuples become
            places along the axis.
        scores: array `(trials,)`.
        xlabel, ylabel: str, the hyperparameter and the objective.
        minimise: bool, whether a smaller score is better.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    scores = np.asarray(scores, float)
    numbers, log = _as_numbers(values)
    if numbers is None:
        words, numbers = _as_places(values)
        ax.set_xticks(range(len(words)), words, rotation=20 if len(words) > 3 else 0)
        ax.set_xlim(-0.5, len(words) - 0.5)
        # Dots next to each other, by the number of the trial: the same plot every time. Multiples
        # of the golden ratio spread evenly and rise neither with the number nor with the score.
        index = np.asarray(getattr(values, "index", range(len(numbers))))
        order = index if index.dtype.kind in "iu" else np.arange(len(index))
        numbers = numbers + 0.3 * (order * 0.618034 % 1) - 0.15
    elif log:
        ax.set_xscale("log")
    else:
        ax.locator_params(axis="x", nbins=5)
    ax.plot(numbers, scores, ls="none", marker="o", ms=4, color=series(0)["color"], alpha=0.7)
    _spare_the_hopeless(ax, scores, minimise)
    ax.set(xlabel=xlabel, ylabel=ylabel)


def scores_against(trials, scores, *, ylabel, minimise=True):
    """`score_against` for every column of `trials` with more than one value, side by side.

    Returns:
        The figure.
    """
    names = [name for name in trials if trials[name].astype(str).nunique() > 1] or list(trials)[:1]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    whole, axes = figure(rows, columns, 3.4 * columns, 2.8 * rows, squeeze=False, sharey=True)
    for index, ax in enumerate(axes.flat):
        if index >= len(names):
            ax.set_visible(False)
            continue
        label = ylabel if index % columns == 0 else None
        name = names[index]
        score_against(trials[name], scores, xlabel=name, ylabel=label, minimise=minimise, ax=ax)
    return whole


def _as_numbers(values):
    """The values as floats, or None; and whether they spread over decades."""
    values = list(values)
    if any(isinstance(v, (str, bool, np.bool_, tuple, list)) for v in values):
        return None, False
    numbers = np.array(values, float)
    positive = numbers[np.isfinite(numbers)]
    return numbers, len(
        positive
    ) > 0 and positive.min() > 0 and positive.max() > 30 * positive.min()


def _as_places(values):
    """Words for the axis in their own order, (8,) before (16,), and the place of each value."""
    values = [tuple(v) if isinstance(v, list) else v for v in values]
    try:
        words = [str(v) for v in sorted(set(values))]
    except TypeError:  # values of several types
        words = sorted({str(v) for v in values})
    return words, np.array([words.index(str(v)) for v in values], float)


def _positions(values):
    """Heights in 0 to 1 of a column's values, and marks `(height, text)` for the axis."""
    numbers, log = _as_numbers(values)
    if numbers is None:
        words, places = _as_places(values)
        step = 1 / max(1, len(words) - 1)
        return places * step, [(i * step, word) for i, word in enumerate(words)]
    scaled = np.log(numbers) if log else numbers
    low, high = np.nanmin(scaled), np.nanmax(scaled)
    marks = [(0.0, f"{np.nanmin(numbers):.3g}"), (1.0, f"{np.nanmax(numbers):.3g}")]
    return (scaled - low) / ((high - low) or 1), marks


def _spare_the_hopeless(ax, scores, minimise):
    """Cut the axis where a few diverged trials would squeeze all others into a line."""
    finite = scores[np.isfinite(scores)]
    if len(finite) < 4:
        return
    low, high = np.quantile(finite, [0, 0.9] if minimise else [0.1, 1])
    if minimise and finite.max() > high + 2 * (high - low):
        ax.set_ylim(top=high + 0.5 * (high - low))
    elif not minimise and finite.min() < low - 2 * (high - low):
        ax.set_ylim(bottom=low - 0.5 * (high - low))
