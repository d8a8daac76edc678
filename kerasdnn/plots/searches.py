"""Plots of a hyperparameter search: its progress, and scores against hyperparameters."""

from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from .styles import figure, plot, series

HIGHLIGHTED_TRIALS = 10
MAX_TICKED_VALUES = 6  # a number with more different values has an ordinary axis
JITTER = 0.15  # of a dot to either side, in categories
JITTER_SEED = 0


@plot()
def search_history(ax: Axes, scores: ArrayLike, *, ylabel: str, minimize: bool = True) -> None:
    """Draw the score of each trial as a dot, and the best so far as a line.

    Args:
        scores: list of float in the order of the trials; NaN is a trial that failed.
        ylabel: str, the objective.
        minimize: bool, whether a smaller score is better (default: True).

    Example:
        from kerasdnn import plots

        ax = plots.search_history([0.5, 0.4, 0.6, 0.3], ylabel="validation loss")
    """
    scores = np.asarray(scores, float)
    number = np.arange(1, len(scores) + 1)
    best = (np.fmin if minimize else np.fmax).accumulate(scores)
    ax.plot(number, scores, ls="none", marker="o", ms=4, color=series(6)["color"], label="trial")
    ax.step(number, best, where="post", color=series(1)["color"], label="best so far")
    failed = np.isnan(scores)
    if failed.any():  # at the edge where the worst scores are
        edge = np.full(failed.sum(), 0.98 if minimize else 0.02)
        ax.plot(number[failed], edge, ls="none", marker="x", color="#000000",
                transform=ax.get_xaxis_transform(), label="failed")  # fmt: skip
    _clip_diverged(ax, scores, minimize)
    ax.set(xlabel="trial", ylabel=ylabel)
    ax.legend(loc="best")


@plot(width=8.0)
def parallel_coordinates(
    ax: Axes,
    trials: pd.DataFrame,
    scores: ArrayLike,
    *,
    label: str,
    minimize: bool = True,
) -> None:
    """Draw a vertical axis per hyperparameter and a line per trial; the ten best are in color.

    Args:
        trials: DataFrame with a column per hyperparameter; constant columns are left out.
        scores: array `(trials,)`; trials with NaN are left out.
        label: str, the objective.
        minimize: bool, whether a smaller score is better (default: True).

    Example:
        import pandas as pd
        from kerasdnn import plots

        trials = pd.DataFrame({"optimizer": ["nag", "adam", "adam"], "units": [16, 8, 32]})
        ax = plots.parallel_coordinates(trials, [0.5, 0.3, 0.4], label="validation loss")
    """
    scores = np.asarray(scores, float)
    heights = {name: _positions(trials[name]) for name in _varied(trials)}
    finite = np.flatnonzero(np.isfinite(scores))
    order = np.argsort(-scores[finite] if minimize else scores[finite], kind="stable")
    worst_first = finite[order]
    colors = matplotlib.colormaps["cividis"]
    for left, trial in zip(range(len(worst_first) - 1, -1, -1), worst_first, strict=True):
        line = [positions[trial] for positions, _ in heights.values()]
        look: dict[str, Any] = {"color": "#CCCCCC", "lw": 0.8}
        if left < HIGHLIGHTED_TRIALS:
            look = {"color": colors(left / HIGHLIGHTED_TRIALS), "lw": 2.5 if left == 0 else 1.5}
        ax.plot(range(len(heights)), line, **look)
    paper = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5}
    for place, (_, marks) in enumerate(heights.values()):
        ax.axvline(place, color="#555555", lw=0.8, zorder=1)
        for height, mark in marks:
            ax.annotate(mark, (place, height), xytext=(4, 2), textcoords="offset points",
                        fontsize=8, color="#000000", bbox=paper)  # fmt: skip
    ax.set_xticks(range(len(heights)), list(heights), rotation=20, ha="right")
    ax.set_yticks([])
    ax.set_ylim(-0.05, 1.08)
    ax.grid(visible=False)
    ax.spines["left"].set_visible(False)
    scale = ax.figure.colorbar(ScalarMappable(cmap=colors), ax=ax, ticks=[0, 1])
    scale.ax.set_yticklabels(["best", f"{HIGHLIGHTED_TRIALS}th best"])
    scale.ax.invert_yaxis()
    scale.set_label(f"rank by {label} (gray: other trials)")


@plot(width=4.0, height=3.2)
def score_against(
    ax: Axes,
    values: pd.Series,
    scores: ArrayLike,
    *,
    xlabel: str,
    ylabel: str | None = None,
    minimize: bool = True,
) -> None:
    """Draw the score of each trial against one hyperparameter.

    Categories have their own order, (8,) before (16,), and their dots are spread sideways at
    random, with a fixed seed, by the number of the trial, which is independent of the score.

    Args:
        values: Series `(trials,)` with the numbers of the trials as its index.
        scores: float array `(trials,)`; NaN is a trial that failed.
        xlabel: str, the hyperparameter.
        ylabel: str, the objective. None means no label.
        minimize: bool, whether a smaller score is better (default: True).

    Example:
        import pandas as pd
        from kerasdnn import plots

        rates = pd.Series([0.1, 0.01, 0.001])
        ax = plots.score_against(rates, [0.5, 0.3, 0.4], xlabel="learning rate", ylabel="loss")
    """
    scores = np.asarray(scores, float)
    numbers, log = _as_numbers(values)
    if numbers is None:
        words, numbers = _as_places(values)
        ax.set_xticks(range(len(words)), words, rotation=20 if len(words) > 3 else 0)
        ax.set_xlim(-0.5, len(words) - 0.5)
        index = np.asarray(getattr(values, "index", range(len(numbers))))
        numbered = index.dtype.kind in "iu" and index.min(initial=0) >= 0
        order = index if numbered else np.arange(len(index))
        numbers = numbers + JITTER * jitter(order)
    else:
        if log:
            ax.set_xscale("log")
        known = np.unique(numbers[np.isfinite(numbers)])
        if len(known) <= MAX_TICKED_VALUES:
            ax.set_xticks(known, [f"{value:g}" for value in known])
            ax.set_xticks([], minor=True)
        elif not log:
            ax.locator_params(axis="x", nbins=5)
    ax.plot(numbers, scores, ls="none", marker="o", ms=4, color=series(0)["color"], alpha=0.7)
    _clip_diverged(ax, scores, minimize)
    ax.set(xlabel=xlabel, ylabel=ylabel)


def scores_against(
    trials: pd.DataFrame,
    scores: ArrayLike,
    *,
    ylabel: str,
    minimize: bool = True,
    minimise: bool | None = None,
) -> Figure:
    """Draw `score_against` for every column of `trials` that has several values.

    Args:
        trials: DataFrame with a column per hyperparameter, its index the numbers of the trials.
        scores: float array `(trials,)`; NaN is a trial that failed.
        ylabel: str, the objective.
        minimize: bool, whether a smaller score is better (default: True).
        minimise: bool, another name of `minimize`. None means that `minimize` applies.

    Returns:
        The matplotlib figure.

    Example:
        import pandas as pd
        from kerasdnn import plots

        trials = pd.DataFrame({"optimizer": ["nag", "adam", "adam"], "units": [16, 8, 32]})
        figure = plots.scores_against(trials, [0.5, 0.3, 0.4], ylabel="validation loss")
    """
    names = _varied(trials) or list(trials)[:1]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    drawing, axes = figure(rows, columns, 3.4 * columns, 2.8 * rows, squeeze=False, sharey=True)
    for index, ax in enumerate(axes.flat):
        if index >= len(names):
            ax.set_visible(False)
            continue
        label = ylabel if index % columns == 0 else None
        score_against(
            trials[names[index]], scores, xlabel=names[index], ylabel=label,
            minimize=minimize if minimise is None else minimise, ax=ax,
        )  # fmt: skip
    return drawing


def jitter(order):
    """Uniform random numbers in [-1, 1), one for each trial by its number, in any order of them.

    They are drawn, not computed from the number: multiples of a fixed step follow the scores where
    trials are numbered by them, and draw lines that look like trends.
    """
    drawn = np.random.default_rng(JITTER_SEED).uniform(-1, 1, int(order.max(initial=-1)) + 1)
    return drawn[order]


def _varied(trials):
    return [name for name in trials if trials[name].astype(str).nunique() > 1]


def _as_numbers(values):
    """The values as floats, or None; and whether they span several orders of magnitude."""
    values = list(values)
    if any(isinstance(v, (str, bool, np.bool_, tuple, list)) for v in values):
        return None, False
    numbers = np.array(values, float)
    finite = numbers[np.isfinite(numbers)]
    return numbers, len(finite) > 0 and finite.max() > 30 * finite.min() > 0


def _as_places(values):
    """The categories in their own order as text, and the place of each value."""
    values = [tuple(v) if isinstance(v, list) else v for v in values]
    try:
        words = [str(v) for v in sorted(set(values))]
    except TypeError:  # values of several types
        words = sorted({str(v) for v in values})
    return words, np.array([words.index(str(v)) for v in values], float)


def _positions(values):
    """Heights in [0, 1] of a column's values, and marks `(height, text)` for the axis."""
    numbers, log = _as_numbers(values)
    if numbers is None:
        words, places = _as_places(values)
        step = 1 / max(1, len(words) - 1)
        return places * step, [(i * step, word) for i, word in enumerate(words)]
    scaled = np.log(numbers) if log else numbers
    low, high = np.nanmin(scaled), np.nanmax(scaled)
    marks = [(0.0, f"{np.nanmin(numbers):.3g}"), (1.0, f"{np.nanmax(numbers):.3g}")]
    return (scaled - low) / ((high - low) or 1), marks


def _clip_diverged(ax, scores, minimize):
    """Limit the axis where a few diverged trials would compress all others into a line."""
    finite = scores[np.isfinite(scores)]
    if len(finite) < 4:
        return
    low, high = np.quantile(finite, [0, 0.9] if minimize else [0.1, 1])
    if minimize and finite.max() > high + 2 * (high - low):
        ax.set_ylim(top=high + 0.5 * (high - low))
    elif not minimize and finite.min() < low - 2 * (high - low):
        ax.set_ylim(bottom=low - 0.5 * (high - low))
