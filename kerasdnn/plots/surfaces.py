"""Paths of optimizers over a loss surface of two weights: a picture and an animation."""

import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from PIL import Image

from ..core.atomic_files import write_bytes
from .styles import SERIES, figure, picture, series, style


@picture(width=7.0, height=5.0)
def surface_paths(surface, paths, xlim, ylim, *, minimum=None, title=None, ax):
    """Contour lines of a loss over two weights, and the way each optimizer takes.

    Args:
        surface: function of two arrays `(w1, w2)` of equal shape that returns the loss.
        paths: dict of name to array `(steps + 1, 2)`, the weights from start to end.
        xlim, ylim: `(low, high)` of w1 and w2.
        minimum: `(w1, w2)` of the lowest point, drawn as a star.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    _contours(surface, xlim, ylim, minimum, ax)
    for index, (name, path) in enumerate(paths.items()):
        path = np.asarray(path)
        every = (index, max(8, len(path) // 6))
        thin = {"lw": 0.9, "alpha": 0.8} if len(path) > 200 else {}  # or it would hide the rest
        ax.plot(path[:, 0], path[:, 1], label=name, markevery=every, **series(index), **thin)
        ax.plot(*path[-1], marker=series(index)["marker"], ms=9, mec="white",
                color=series(index)["color"], zorder=5)  # fmt: skip
    if paths:
        start = np.asarray(next(iter(paths.values())))[0]
        ax.annotate("start", start, xytext=(6, 6), textcoords="offset points", fontsize=9)
        ax.plot(*start, marker="o", ms=9, mfc="white", mec="black", zorder=6)
        ax.figure.legend(loc="outside right upper")
    ax.set_title(title)


def animate_paths(surface, paths, xlim, ylim, file, *, minimum=None, title="", frames=60):
    """Writes an animated GIF of the paths growing step by step. Returns its path.

    Args:
        surface, paths, xlim, ylim, minimum: as in `surface_paths`.
        file: path of the file to write.
        frames: int, pictures in the animation, spread evenly over the steps; 12 a second.
    """
    with style():
        drawing, ax = figure(width=7.0, height=5.0)
        surface_paths(surface, paths, xlim, ylim, minimum=minimum, ax=ax)
        label = ax.set_title(title, animated=True)
    lines, heads = _hide_paths(ax, len(paths))
    # The contours are drawn once; a frame puts only the lines on a copy of them.
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    background = canvas.copy_from_bbox(drawing.bbox)
    longest = max(len(path) for path in paths.values())
    pictures = []
    for step in np.unique(np.linspace(0, longest - 1, frames).astype(int)):
        canvas.restore_region(background)
        for line, head, way in zip(lines, heads, paths.values(), strict=True):
            way = np.asarray(way)[: step + 1]
            line.set_data(way[:, 0], way[:, 1])
            head.set_data(way[-1:, 0], way[-1:, 1])
            ax.draw_artist(line)
            ax.draw_artist(head)
        label.set_text(f"{title}   step {step}".strip())
        ax.draw_artist(label)
        frame = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        pictures.append(frame.quantize(palette=_palette(), dither=Image.Dither.NONE))
    buffer = io.BytesIO()
    durations = [83] * (len(pictures) - 1) + [2000]  # milliseconds; the end stays for a while
    pictures[0].save(
        buffer,
        "GIF",
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
    )
    return write_bytes(file, buffer.getvalue())


def _contours(surface, xlim, ylim, minimum, ax):
    w1, w2 = np.meshgrid(np.linspace(*xlim, 240), np.linspace(*ylim, 240))
    loss = surface(w1, w2)
    # Levels at equal shares of the area: evenly spaced ones would crowd on the steep walls.
    levels = np.unique(np.quantile(loss, np.linspace(0, 1, 16)))
    shades = [str(shade) for shade in np.linspace(1.0, 0.84, len(levels) - 1)]
    ax.contourf(w1, w2, loss, levels, colors=shades)
    ax.contour(w1, w2, loss, levels, colors="#999999", linewidths=0.6)
    if minimum is not None:
        ax.plot(*minimum, marker="*", ms=15, mfc="white", mec="black", ls="none", zorder=4,
                label="minimum")  # fmt: skip
    ax.set(xlim=xlim, ylim=ylim, xlabel="weight w1", ylabel="weight w2")
    ax.grid(visible=False)


def _palette():
    """A GIF has 256 colours: greys, and the colours of the series in shades towards white."""
    greys = [np.full(3, level) for level in np.linspace(0, 1, 64)]
    colours = [np.array(to_rgb(look["color"])) for look in SERIES]
    shades = [1 - share * (1 - c) for c in colours for share in np.linspace(1, 0.2, 16)]
    palette = Image.new("P", (1, 1))
    palette.putpalette((255 * np.array(greys + shades)).round().astype(int).ravel().tolist())
    return palette


def _hide_paths(ax, count):
    """The lines and end points that `surface_paths` drew, taken out of the still picture."""
    named = [line for line in ax.lines if not line.get_label().startswith("_")][-count:]
    heads = [ax.lines[ax.lines.index(line) + 1] for line in named]
    for artist in named + heads:
        artist.set_animated(True)
    return named, heads
