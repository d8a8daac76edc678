"""How every picture of the project looks, and how it is kept.

One rule runs through all of them: colour is never the only carrier. Each series has its own
colour, line style and marker, so a picture reads in black and white and for the colour-blind.
The colours are those of Okabe and Ito, Color Universal Design, 2008, ordered so that neighbours
also differ in lightness.

Figures are made without `pyplot`, which would hold on to each one until it is closed.
"""

import functools
import io

import matplotlib
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

STYLE = {
    "figure.facecolor": "white",
    "figure.dpi": 100,
    "savefig.dpi": 130,
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same picture on every machine
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


def series(index):
    """Colour, line style and marker of series number `index`, as arguments of `Axes.plot`."""
    return dict(SERIES[index % len(SERIES)])


def style():
    """Context in which matplotlib draws in the project's style."""
    return matplotlib.rc_context(STYLE)


def figure(rows=1, columns=1, width=6.4, height=4.0, **subplots):
    """An empty figure and its axes: one axes, or an array of them as `Figure.subplots` gives.

    Args:
        rows, columns: int, how many axes.
        width, height: float, inches of the whole figure.
        subplots: further arguments of `Figure.subplots`.
    """
    with style():
        new = Figure(figsize=(width, height), layout="constrained")
        return new, new.subplots(rows, columns, **subplots)


def picture(width=6.4, height=4.0):
    """Decorator of a plot function: draws in the style, and makes the axes where none is given."""

    def decorate(draw):
        @functools.wraps(draw)
        def drawn(*args, ax=None, **kwargs):
            with style():
                if ax is None:
                    ax = figure(width=width, height=height)[1]
                draw(*args, ax=ax, **kwargs)
            return ax

        return drawn

    return decorate


def legend(ax, place=True):
    """Adds the legend: True puts it on the axes, "below" under all axes of the figure."""
    handles, labels = ax.get_legend_handles_labels()
    if place == "below":
        ax.figure.legend(handles, labels, loc="outside lower center", ncols=min(8, len(labels)))
    elif place:
        ax.legend(handles, labels, loc="best")


def png(drawing):
    """The bytes of a PNG picture of a figure, or of the figure an axes belongs to."""
    buffer = io.BytesIO()
    with style():
        _figure_of(drawing).savefig(buffer, format="png")
    return buffer.getvalue()


def save(drawing, path):
    """Writes the figure, or the figure an axes belongs to, as a PNG file. Returns its path."""
    return write_bytes(path, png(drawing))


def _figure_of(drawing):
    if isinstance(drawing, Figure):
        return drawing
    found = getattr(drawing, "figure", None)
    if not isinstance(found, Figure):
        raise ValueError(
            "`drawing` must be a matplotlib Figure or the axes that a plot function returned. "
            f"Received: drawing={drawing!r}"
        )
    return found
