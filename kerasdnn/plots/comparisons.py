"""Pictures that hold things side by side: dots with intervals, bars, heat maps."""

import numpy as np
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import MaxNLocator

from .styles import legend as add_legend
from .styles import picture, series


@picture(height=3.2)
def dots(
    names, values, half_widths=None, *, xlabel, reference=None, title=None, legend="below", ax
):
    """One row per thing compared: its mean as a dot, its interval as a line, the best one filled.

    Args:
        names: list of str, from top to bottom.
        values: list of float, one per name.
        half_widths: list of float, half the width of each interval; NaN draws none.
        xlabel: str, what `values` are, with the unit and which end is better.
        reference: dict of name to float, values drawn as thin upright lines; an empty name
            stays out of the legend.
        legend: "below" the figure, True for on the axes, or False.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    values = np.asarray(values, float)
    half_widths = np.full(len(values), np.nan) if half_widths is None else np.asarray(half_widths)
    rows = np.arange(len(names))[::-1]
    for row, value, half_width, index in zip(
        rows, values, half_widths, range(len(values)), strict=True
    ):
        look = series(index)
        ax.plot(value, row, ls="none", color=look["color"], marker=look["marker"], ms=8)
        if np.isfinite(half_width):
            ax.hlines(row, value - half_width, value + half_width, color=look["color"], lw=2)
    dashes = ((2, 2), (6, 2), (1, 1))
    for index, (name, value) in enumerate((reference or {}).items()):
        line = (0, dashes[index % 3])
        ax.axvline(value, color="#555555", lw=1.2, ls=line, zorder=1, label=name)
    if any(reference or {}):
        add_legend(ax, legend)
    ax.set_yticks(rows, names)
    ax.set_ylim(-0.6, len(names) - 0.4)
    ax.grid(axis="y", visible=False)
    ax.set(xlabel=xlabel, title=title)


@picture(height=3.2)
def bars(names, values, *, ylabel, xlabel=None, title=None, form="{:.3g}", ax):
    """Bars from zero with each value written above its bar.

    Args:
        names: list of str.
        values: list of float, or dict of series name to such a list: bars side by side.
        ylabel: str, with the unit.
        form: format of the written values.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    groups = values if isinstance(values, dict) else {None: values}
    at, width = np.arange(len(names)), 0.8 / len(groups)
    hatches = (
        "",
        "///",
        "...",
        "xx",
        "\\\\\\",
        "++",
    )  # tell the groups apart without colour
    for index, (label, heights) in enumerate(groups.items()):
        drawn = ax.bar(
            at + (index - (len(groups) - 1) / 2) * width, heights, 0.92 * width, label=label,
            color=series(index)["color"], hatch=hatches[index % 6], edgecolor="white", lw=0.5,
        )  # fmt: skip
        ax.bar_label(drawn, [form.format(h) for h in heights], padding=2, fontsize=8)
    ax.set_xticks(at, names)
    ax.grid(axis="x", visible=False)
    ax.margins(y=0.12)
    ax.set(ylabel=ylabel, xlabel=xlabel, title=title)
    if len(groups) > 1:
        ax.legend(loc="best")


@picture()
def heat_map(
    values,
    row_names,
    *,
    label,
    xlabel,
    ylabel=None,
    column_names=None,
    extent=None,
    title=None,
    log=False,
    limits=None,
    form=None,
    ax,
):
    """A matrix as a picture, light for large and dark for small, with its scale beside it.

    Args:
        values: array `(rows, columns)`.
        row_names: list of str, from top to bottom.
        label: str, what the values are, with the unit; stands at the scale.
        column_names: list of str, one per column, where columns are things.
        extent: `(first, last)`, what the left and right edges mean, where columns are a range.
        log: bool, logarithmic scale; needs a positive value.
        limits: `(low, high)` of the scale.
        form: format such as "{:.2f}" that writes each value into its cell.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
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
    ax.set_facecolor("#BBBBBB")  # a cell without a value is grey
    ax.set_yticks(range(len(row_names)), row_names)
    if column_names is not None:
        ax.set_xticks(range(len(column_names)), column_names)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(visible=False)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    if form:
        for (row, column), value in np.ndenumerate(values):
            bright = norm(np.clip(value, low, high)) > 0.55
            ax.text(
                column, row, form.format(value), ha="center", va="center", fontsize=9,
                color="black" if bright else "white",
            )  # fmt: skip
    ax.figure.colorbar(image, ax=ax, label=label)
