"""Plots that compare options: dots with intervals, bars, heat maps."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from .styles import REFERENCE, plot, series
from .styles import legend as add_legend

HATCHES = ("", "///", "...", "xx", "\\\\\\", "++")  # distinguish groups of bars without color


@plot(height=3.2)
def dots(
    ax: Axes,
    names: Sequence[str],
    values: ArrayLike,
    half_widths: ArrayLike | None = None,
    *,
    xlabel: str,
    reference: dict[str, float] | None = None,
    legend: bool | str = "below",
    one_color: bool = False,
) -> None:
    """Draw one row per option: the mean as a dot, its interval as a line.

    Args:
        names: list of str, the options from top to bottom.
        values: list of float, one per option.
        half_widths: list of float, half the width of each interval; NaN draws none. None means no
            intervals.
        xlabel: str, what `values` are, with the unit and which end is better.
        reference: dict of name to float, values drawn as thin vertical lines; an empty name is not
            in the legend. None means no lines.
        legend: True for on the axes, "below" for below the figure (default), or False.
        one_color: bool, whether all options look the same (default: False).

    Example:
        from kerasdnn import plots

        ax = plots.dots(["nag", "adam"], [0.31, 0.28], [0.02, 0.01], xlabel="validation loss")
    """
    values = np.asarray(values, float)
    widths = np.full(len(values), np.nan) if half_widths is None else np.asarray(half_widths, float)
    rows = np.arange(len(names))[::-1]
    for index, (row, value, width) in enumerate(zip(rows, values, widths, strict=True)):
        look = series(0 if one_color else index)
        ax.plot(value, row, ls="none", color=look["color"], marker=look["marker"], ms=8, zorder=4)
        if np.isfinite(width):
            ax.hlines(row, value - width, value + width, color=look["color"], lw=2, zorder=3)
    dashes = ((2, 2), (6, 2), (1, 1))
    for index, (name, value) in enumerate((reference or {}).items()):
        ax.axvline(value, **REFERENCE | {"ls": (0, dashes[index % 3])}, label=name)
    if any(reference or {}):
        add_legend(ax, legend)
    ax.set_yticks(rows, names)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(xlabel)


@plot(height=3.2)
def bars(
    ax: Axes,
    names: Sequence[str],
    values: ArrayLike | dict[str, ArrayLike],
    *,
    ylabel: str,
    form: str = "{:.3g}",
) -> None:
    """Draw bars from zero with each value above its bar.

    Args:
        names: list of str, one per bar or group of bars.
        values: list of float, or dict of series name to such a list: bars next to each other.
        ylabel: str, what the values are, with the unit.
        form: str, format of the written values, "{:.3g}" by default.

    Example:
        from kerasdnn import plots

        losses = {"nag": [0.20, 0.31], "adam": [0.18, 0.28]}
        ax = plots.bars(["train", "test"], losses, ylabel="loss")
    """
    groups = values if isinstance(values, dict) else {None: values}
    at, width = np.arange(len(names)), 0.8 / len(groups)
    for index, (label, heights) in enumerate(groups.items()):
        drawn = ax.bar(
            at + (index - (len(groups) - 1) / 2) * width, heights, 0.92 * width, label=label,
            color=series(index)["color"], hatch=HATCHES[index % 6], edgecolor="white", lw=0.5,
        )  # fmt: skip
        ax.bar_label(
            drawn, [form.format(height) for height in np.asarray(heights)], padding=2, fontsize=9
        )
    ax.set_xticks(at, names)
    ax.grid(axis="x", visible=False)
    ax.margins(y=0.12)
    ax.set_ylabel(ylabel)
    if len(groups) > 1:
        ax.legend(loc="best")


@plot()
def heat_map(
    ax: Axes,
    values: ArrayLike,
    row_names: Sequence[str],
    *,
    label: str,
    column_names: Sequence[str] | None = None,
    extent: tuple[float, float] | None = None,
    log: bool = False,
    limits: tuple[float, float] | None = None,
    form: str | np.ndarray | None = None,
    color_bar: bool = True,
) -> None:
    """Draw a matrix as colored cells, with a color bar.

    Args:
        values: array `(rows, columns)`.
        row_names: list of str, from top to bottom.
        label: str, what the values are, with the unit; written next to the color bar.
        column_names: list of str, one per column. None means that columns are numbered.
        extent: `(first, last)`, the values at the left and right edges if the columns are a range.
        log: bool, whether the color scale is logarithmic (default: False).
        limits: `(low, high)` of the color scale. None means those of the values.
        form: str such as "{:.2f}" that formats the value of each cell, or an array of str with
            their texts. None writes nothing.
        color_bar: bool, whether to draw the color bar (default: True). Maps with the same `limits`
            can share that of one of them.

    Example:
        from kerasdnn import plots

        ax = plots.heat_map([[0.1, 0.4], [0.2, 0.3]], ["hidden_1", "hidden_2"], label="gradient")
    """
    values = np.asarray(values, float)
    shown = np.ma.masked_invalid(np.ma.masked_less_equal(values, 0) if log else values)
    low, high = limits or (shown.min(), shown.max())
    norm = (LogNorm if log else Normalize)(low, high)
    left, right = extent or (-0.5, values.shape[1] - 0.5)
    image = ax.imshow(
        shown, aspect="auto", norm=norm, interpolation="nearest",
        extent=(left, right, values.shape[0] - 0.5, -0.5),
    )  # fmt: skip
    ax.set_facecolor("#BBBBBB")  # a cell without a value is gray
    ax.set_yticks(range(len(row_names)), row_names)
    if column_names is not None:
        ax.set_xticks(range(len(column_names)), column_names)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=False)
    if form is not None:
        for (row, column), value in np.ndenumerate(values):
            text = form.format(value) if isinstance(form, str) else str(form[row, column])
            color = "black" if norm(np.clip(value, low, high)) > 0.55 else "white"
            ax.text(column, row, text, ha="center", va="center", fontsize=9, color=color)
    if color_bar:
        ax.figure.colorbar(image, ax=ax, label=label)


@plot(height=3.2)
def attributions(ax: Axes, names: Sequence[str], values: ArrayLike, *, xlabel: str) -> None:
    """Draw one horizontal bar per column, to the right where it raises the prediction.

    Args:
        names: list of str, the columns from top to bottom.
        values: list of float, one per column.
        xlabel: str, what the values are, with the unit.

    Example:
        from kerasdnn import plots

        ax = plots.attributions(["age", "income"], [1.5, -0.4], xlabel="change of the price, EUR")
    """
    values = np.asarray(values, float)
    rows = np.arange(len(names))[::-1]
    for sign, index in ((1, 0), (-1, 1)):
        own = np.sign(values) == sign
        drawn = ax.barh(
            rows[own], values[own], 0.7, color=series(index)["color"], hatch=HATCHES[index],
            edgecolor="white", lw=0.5,
        )  # fmt: skip
        ax.bar_label(drawn, [f"{value:+.3g}" for value in values[own]], padding=3, fontsize=9)
    ax.axvline(0, color="#333333", lw=1)
    ax.set_yticks(rows, names)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.margins(x=0.15)
    ax.grid(axis="y", visible=False)
    ax.set_xlabel(xlabel)
