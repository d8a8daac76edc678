"""Pictures of quantities that change along an axis: training curves and plain functions."""

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from ..core.statistics import mean_interval
from .styles import legend as add_legend
from .styles import picture, series


@picture()
def learning_curves(
    curves,
    x=None,
    *,
    xlabel="epoch",
    ylabel="validation loss",
    title=None,
    log_x=False,
    log_y=False,
    reference=None,
    legend=True,
    ax,
):
    """Mean over the runs as a line, its 95 % confidence interval as a band.

    On a logarithmic axis both are those of the logarithms: the line is the geometric mean.

    Args:
        curves: dict of name to array `(points,)`, one run, or `(runs, points)`.
        x: array `(points,)`, or a dict of name to such an array; 1, 2, ... where None.
        xlabel, ylabel: str, with units where there are any.
        log_x, log_y: bool, logarithmic axis.
        reference: dict of name to float, values drawn as thin level lines.
        legend: bool, or "below" for a legend under all axes of the figure, in one line.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    for index, (name, runs) in enumerate(curves.items()):
        runs = np.atleast_2d(np.asarray(runs, float))
        at = x.get(name) if isinstance(x, dict) else x
        at = np.arange(1, runs.shape[1] + 1) if at is None else np.asarray(at)
        center, low, high = _band(runs, log_y)
        look = series(index)
        every = max(1, len(at) // 6)
        ax.plot(at, center, label=name, markevery=(every * index // 8, every), **look)
        if len(runs) > 1:
            ax.fill_between(at, low, high, color=look["color"], alpha=0.15, lw=0)
    _level_lines(reference, ax)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if x is None:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log_x:
        _logarithmic(ax, "x")
    if log_y:
        _logarithmic(ax, "y")
    add_legend(ax, legend)


@picture()
def functions(named, low=-5.0, high=5.0, *, xlabel="z", ylabel="a", title=None, ax):
    """Curves of functions of one number, for example activations and their derivatives.

    Args:
        named: dict of name to a function of an array.
        low, high: float, ends of the horizontal axis.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    z = np.linspace(low, high, 401)
    for index, (name, function) in enumerate(named.items()):
        ax.plot(z, function(z), label=name, markevery=(15 + 7 * index, 60), **series(index))
    ax.axhline(0, color="#888888", lw=0.8, zorder=0)
    ax.axvline(0, color="#888888", lw=0.8, zorder=0)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.legend(loc="best")


@picture()
def learning_rate_range(table, suggested=None, *, title=None, ax):
    """Loss against learning rate, from `rate_range_test`, and the rate that it suggests.

    Args:
        table: DataFrame with "learning_rate", "loss" and "smoothed".
        suggested: float, drawn as an upright line.
        title: str.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    look = {key: value for key, value in series(0).items() if key != "marker"}
    ax.plot(table["learning_rate"], table["loss"], color="#999999", lw=0.8, label="of a step")
    ax.plot(table["learning_rate"], table["smoothed"], label="running mean", **look)
    if suggested is not None:
        ax.axvline(suggested, color="black", ls="--", lw=1, label=f"suggested: {suggested:.2g}")
    # The last steps leave all bounds, and would flatten the rest.
    low, high = table["smoothed"].min(), table["smoothed"].iloc[0]
    ax.set_ylim(low - 0.5 * (high - low), high + (high - low))
    ax.set(xscale="log", xlabel="learning rate", ylabel="training loss", title=title)
    ax.legend(loc="best")


def _band(runs, log):
    """Mean and both ends of its interval; of the logarithms where the axis is logarithmic."""
    mean, half_width = mean_interval(np.log(runs) if log else runs)
    ends = mean, mean - half_width, mean + half_width
    return [np.exp(end) for end in ends] if log else ends


def _logarithmic(ax, which):
    """Ticks at 1, 2 and 5 times the powers of ten, written as plain numbers."""
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis = ax.xaxis if which == "x" else ax.yaxis
    low, high = ax.get_xlim() if which == "x" else ax.get_ylim()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def _level_lines(reference, ax):
    for name, value in (reference or {}).items():
        ax.axhline(value, color="#555555", lw=1.0, ls=(0, (2, 2)), zorder=1)
        ax.annotate(
            name, (0, value), xycoords=("axes fraction", "data"), xytext=(3, 2),
            textcoords="offset points", ha="left", va="bottom", fontsize=8, color="#333333",
            bbox={"boxstyle": "square,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.8},
        )  # fmt: skip
