"""Plots of quantities that change along an axis: training curves and plain functions."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from ..core.statistics import mean_interval
from .styles import REFERENCE, plot, series
from .styles import legend as add_legend

BAND_ALPHA = 0.12


@plot()
def learning_curves(
    ax: Axes,
    curves: dict[str, ArrayLike],
    x: ArrayLike | dict[str, ArrayLike] | None = None,
    *,
    ylabel: str,
    log_x: bool = False,
    log_y: bool = False,
    reference: dict[str, float] | None = None,
    legend: bool | str = True,
) -> None:
    """Draw the mean over runs as a line and its 95% confidence interval as a band.

    On a logarithmic axis both are those of the logarithms: the line is the geometric mean. Fewer
    than three runs have no band.

    Args:
        curves: dict of name to array `(points,)`, one run, or `(runs, points)`.
        x: array `(points,)`, or dict of name to such an array. None means epochs 1, 2, ...
        ylabel: str, what the curves are, with the unit.
        log_x: bool, whether the x axis is logarithmic (default: False).
        log_y: bool, whether the y axis is logarithmic (default: False).
        reference: dict of name to float, values drawn as thin horizontal lines. None means no
            lines.
        legend: True for on the axes (default), "below" for below all axes of the figure, or False.

    Example:
        from kerasdnn import plots

        ax = plots.learning_curves({"adam": [0.9, 0.5, 0.4]}, ylabel="validation loss")
    """
    for index, (name, runs) in enumerate(curves.items()):
        runs = np.atleast_2d(np.asarray(runs, float))
        at = x.get(name) if isinstance(x, dict) else x
        at = np.arange(1, runs.shape[1] + 1) if at is None else np.asarray(at)
        mean, half_width = mean_interval(np.log(runs) if log_y else runs)
        center, low, high = mean, mean - half_width, mean + half_width
        if log_y:
            center, low, high = np.exp([center, low, high])
        look, every = series(index), max(1, len(at) // 6)
        ax.plot(at, center, label=name, markevery=(every * index // 8, every), **look)
        if len(runs) > 2:
            # Many bands on top of each other would mix their colors.
            alpha = BAND_ALPHA if len(curves) <= 3 else BAND_ALPHA / 2
            ax.fill_between(at, low, high, color=look["color"], alpha=alpha, lw=0)
    for name, value in (reference or {}).items():
        ax.axhline(value, **REFERENCE)
        ax.annotate(
            name, (0, value), xycoords=("axes fraction", "data"), xytext=(3, 2),
            textcoords="offset points", ha="left", va="bottom", fontsize=9, color="#333333",
            path_effects=[withStroke(linewidth=2.5, foreground="white")], zorder=4,
        )  # fmt: skip
    ax.set(xlabel="epoch", ylabel=ylabel)
    if x is None:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if log_x:
        _logarithmic(ax, "x")
    if log_y:
        _logarithmic(ax, "y")
    add_legend(ax, legend)


@plot()
def functions(ax: Axes, named: dict[str, Callable], low: float = -5.0, high: float = 5.0) -> None:
    """Draw functions of one number, such as activation functions and their derivatives.

    Args:
        named: dict of name to a function of an array.
        low: float, left end of the axis, -5 by default.
        high: float, right end of the axis, 5 by default.

    Example:
        import numpy as np
        from kerasdnn import plots

        ax = plots.functions({"tanh": np.tanh})
    """
    z = np.linspace(low, high, 401)
    for index, (name, function) in enumerate(named.items()):
        look = {key: value for key, value in series(index).items() if key != "marker"}
        ax.plot(z, function(z), label=name, **look)  # markers would look like data
    ax.axhline(0, color="#888888", lw=0.8, zorder=0)
    ax.axvline(0, color="#888888", lw=0.8, zorder=0)
    ax.set(xlabel="z", ylabel="a")
    ax.legend(loc="best")


@plot()
def learning_rate_range(ax: Axes, table: pd.DataFrame, suggested: float | None = None) -> None:
    """Draw the result of `kerasdnn.rate_range_test`: loss against learning rate.

    Args:
        table: DataFrame with "learning_rate", "loss" and "smoothed".
        suggested: float, a learning rate drawn as a vertical line. None means no line.

    Example:
        import pandas as pd
        from kerasdnn import plots

        rates = [0.001, 0.01, 0.1]
        losses = {"loss": [2.3, 1.2, 5.0], "smoothed": [2.3, 1.8, 2.0]}
        table = pd.DataFrame({"learning_rate": rates, **losses})
        ax = plots.learning_rate_range(table, suggested=0.01)
    """
    look = {key: value for key, value in series(0).items() if key != "marker"}
    ax.plot(table["learning_rate"], table["loss"], color="#999999", lw=0.8, label="loss of a step")
    ax.plot(table["learning_rate"], table["smoothed"], label="running mean", **look)
    if suggested is not None:
        ax.axvline(suggested, color="black", ls="--", lw=1, label=f"suggested: {suggested:.2g}")
    # The last steps diverge and would flatten the rest.
    low, high = table["smoothed"].min(), table["smoothed"].iloc[0]
    ax.set_ylim(low - 0.5 * (high - low), high + (high - low))
    ax.set(xscale="log", xlabel="learning rate", ylabel="training loss")
    ax.legend(loc="best")


def _logarithmic(ax, which):
    """Make an axis logarithmic, with several ticks written as plain numbers."""
    (ax.set_xscale if which == "x" else ax.set_yscale)("log")
    axis = ax.xaxis if which == "x" else ax.yaxis
    low, high = ax.get_xlim() if which == "x" else ax.get_ylim()
    if high / low < 3:
        axis.set_major_locator(MaxNLocator(5))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
