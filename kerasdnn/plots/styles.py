"""Style of every plot, and how plots are saved.

Color never carries information alone: each series has its own color, line style and marker, so that
a plot is readable in black and white and with any color vision. The colors are those of Okabe and
Ito, Color Universal Design, 2008, https://jfly.uni-koeln.de/color/, ordered so that neighbors also
differ in lightness.

Figures are created without `pyplot`, which would keep each one until it is closed.
"""

import functools
import inspect
import io
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..core.atomic_files import write_bytes

# fmt: off
SERIES = (
    {"color": "#0072B2", "linestyle": "-",                     "marker": "o"},
    {"color": "#D55E00", "linestyle": "--",                    "marker": "s"},
    {"color": "#009E73", "linestyle": "-.",                    "marker": "^"},
    {"color": "#000000", "linestyle": ":",                     "marker": "D"},
    {"color": "#CC79A7", "linestyle": (0, (6, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": "#E69F00", "linestyle": (0, (3, 1)),             "marker": "P"},
    {"color": "#56B4E9", "linestyle": (0, (8, 2)),             "marker": "X"},
    {"color": "#7F7F7F", "linestyle": (0, (1, 1)),             "marker": "<"},
)
# fmt: on
REFERENCE: dict[str, Any] = {
    "color": "#555555",
    "lw": 1.0,
    "ls": (0, (2, 2)),
    "zorder": 1,
}  # a reference line

STYLE = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 130,
    "font.family": "DejaVu Sans",  # part of matplotlib: the same plot on every machine
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "legend.handlelength": 3.2,
    "image.cmap": "cividis",
}
LABELS = ("title", "xlabel", "ylabel")
EARLIER_NAMES = {"minimise": "minimize"}  # of arguments, which are still accepted
LABEL_TEXTS = {
    "title": "str, the title of the plot. None means no title.",
    "xlabel": "str, the label of the x axis. None means that of the plot.",
    "ylabel": "str, the label of the y axis. None means that of the plot.",
}
COMMON_ARGUMENTS = """
{labels}        ax: matplotlib axes to draw on. None means a new figure.

    Returns:
        The matplotlib axes.
"""


def series(index: int) -> dict[str, Any]:
    """Return color, line style and marker of series number `index`.

    Args:
        index: int, at least 0. After eight series they repeat.

    Returns:
        dict: arguments of `matplotlib.axes.Axes.plot`.

    Example:
        from kerasdnn import plots

        figure, ax = plots.figure()
        ax.plot([0.9, 0.5, 0.4], **plots.series(0))
    """
    return dict(SERIES[index % len(SERIES)])


def style() -> AbstractContextManager:
    """Return a context in which matplotlib draws in the style of this package.

    Returns:
        Context manager that restores the earlier style at its end.

    Example:
        from kerasdnn import plots

        with plots.style():
            figure, ax = plots.figure()
    """
    return matplotlib.rc_context(STYLE)


def figure(
    rows: int = 1, columns: int = 1, width: float = 6.4, height: float = 4.0, **subplots: Any
) -> tuple[Figure, Any]:
    """Create an empty figure.

    Args:
        rows: int, rows of axes.
        columns: int, columns of axes.
        width: float, width of the figure in inches.
        height: float, height of the figure in inches.
        **subplots: further arguments of `matplotlib.figure.Figure.subplots`.

    Returns:
        `(figure, axes)`: one axes, or an array of them as `Figure.subplots` returns it.

    Example:
        from kerasdnn import plots

        figure, (left, right) = plots.figure(1, 2, width=8)
        plots.dots(["nag", "adam"], [0.31, 0.28], xlabel="loss", ax=left)
    """
    with style():
        new = Figure(figsize=(width, height), layout="constrained")
        return new, new.subplots(rows, columns, **subplots)


def plot(width: float = 6.4, height: float = 4.0) -> Callable[[Callable], Callable[..., Axes]]:
    """Decorate a function `draw(ax, ...)`: it gets the style, a figure if needed, and labels."""

    def decorate(draw):
        own = list(inspect.signature(draw).parameters.values())[1:]
        free = [name for name in LABELS if name not in [p.name for p in own]]

        @functools.wraps(draw)
        def drawn(*args, ax=None, **kwargs):
            kwargs = {EARLIER_NAMES.get(name, name): value for name, value in kwargs.items()}
            labels = {name: kwargs.pop(name) for name in free if name in kwargs}
            with style():
                if ax is None:
                    ax = figure(width=width, height=height)[1]
                draw(ax, *args, **kwargs)
                ax.set(**{name: text for name, text in labels.items() if text is not None})
            return ax

        optional = {"kind": inspect.Parameter.KEYWORD_ONLY, "default": None}
        shared = [inspect.Parameter(name, **optional) for name in (*free, "ax")]
        drawn.__signature__ = inspect.Signature([*own, *shared], return_annotation=Axes)
        entries = "".join(f"        {name}: {LABEL_TEXTS[name]}\n" for name in free)
        arguments, heading, example = draw.__doc__.partition("\n    Example:\n")
        common = COMMON_ARGUMENTS.format(labels=entries)
        drawn.__doc__ = arguments.rstrip() + common + heading + example
        return drawn

    return decorate


def legend(ax: Axes, place: bool | str = True) -> None:
    """Add the legend: True means on the axes, "below" means below all axes of the figure."""
    handles, labels = ax.get_legend_handles_labels()
    if place == "below":
        ax.figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)))
    elif place:
        ax.legend(handles, labels, loc="best")


def png(drawing: Figure | Axes) -> bytes:
    """Render a figure, or the figure of an axes, as a PNG image.

    Args:
        drawing: matplotlib figure or axes.

    Returns:
        bytes: the content of a PNG file.

    Raises:
        ValueError: `drawing` is neither.

    Example:
        from kerasdnn import plots

        image = plots.png(plots.dots(["nag", "adam"], [0.31, 0.28], xlabel="loss"))
    """
    buffer = io.BytesIO()
    with style():
        _figure_of(drawing).savefig(buffer, format="png")
    return buffer.getvalue()


def save(drawing: Figure | Axes, path: str | Path) -> Path:
    """Write a figure, or the figure of an axes, to a PNG file.

    Args:
        drawing: matplotlib figure or axes.
        path: str or Path. Missing folders are created.

    Returns:
        `pathlib.Path` of the file.

    Raises:
        ValueError: `drawing` is neither.

    Example:
        from kerasdnn import plots

        path = plots.save(plots.dots(["nag", "adam"], [0.31, 0.28], xlabel="loss"), "dots.png")
    """
    return write_bytes(path, png(drawing))


def _figure_of(drawing):
    found = drawing if isinstance(drawing, Figure) else getattr(drawing, "figure", None)
    if not isinstance(found, Figure):
        raise ValueError(
            "`drawing` must be a matplotlib Figure or the axes that a plot function returned. "
            f"Received: drawing={drawing!r}."
        )
    return found
