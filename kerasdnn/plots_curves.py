"""Pictures of quantities that change along an axis: training curves and plain functions."""

import numpy as np

from .intervals import mean_interval
from .plots_style import picture, series


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

    Args:
        curves: dict of name to array `(points,)`, one run, or `(runs, points)`.
        x: array `(points,)`, or a dict of name to such an array; 1, 2, ... where None.
        xlabel, ylabel: str, with units where there are any.
        log_x, log_y: bool, logarithmic axis.
        reference: dict of name to float, values drawn as thin level lines.
        legend: bool, or the place of the legend as matplotlib names it.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    for index, (name, runs) in enumerate(curves.items()):
        runs = np.atleast_2d(np.asarray(runs, float))
        at = x.get(name) if isinstance(x, dict) else x
        at = np.arange(1, runs.shape[1] + 1) if at is None else np.asarray(at)
        mean, half_width = mean_interval(runs)
        look = series(index)
        points = max(1, len(at) // 6)
        ax.plot(at, mean, label=name, markevery=(points * index // 8, points), **look)
        if len(runs) > 1:
            low = mean - half_width
            if log_y:  # a band may reach below zero, where a logarithmic axis has no place
                low = np.maximum(low, np.nanmin(runs) / 2)
            ax.fill_between(at, low, mean + half_width, color=look["color"], alpha=0.15, lw=0)
    _level_lines(reference, ax)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if log_x:
        ax.set_xscale("log")
    if log_y:
        ax.set_yscale("log")
    if legend:
        ax.legend(loc=legend if isinstance(legend, str) else "best")


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


def _level_lines(reference, ax):
    for name, value in (reference or {}).items():
        ax.axhline(value, color="#555555", lw=1.0, ls=(0, (2, 2)), zorder=1)
        ax.annotate(
            name, (1, value), xycoords=("axes fraction", "data"), xytext=(-2, 2),
            textcoords="offset points", ha="right", va="bottom", fontsize=8, color="#333333",
        )  # fmt: skip
