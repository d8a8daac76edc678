"""Paths of optimizers over a loss surface of two weights, as a plot and as an animation."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike
from PIL import Image

from ..core.atomic_files import write_bytes
from .styles import SERIES, figure, plot, series, style

FRAME_MS, LAST_FRAME_MS = 83, 2000  # how long each frame, and the last one, is shown


@plot(width=7.0, height=5.0)
def surface_paths(
    ax: Axes,
    surface: Callable,
    paths: dict[str, ArrayLike],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    *,
    minimum: tuple[float, float] | None = None,
) -> None:
    """Draw contour lines of a loss over two weights, and the path of each optimizer.

    Args:
        surface: function of two arrays `(w1, w2)` of equal shape that returns the loss.
        paths: dict of name to array `(steps + 1, 2)`, the weights from start to end.
        xlim: `(low, high)` of w1.
        ylim: `(low, high)` of w2.
        minimum: `(w1, w2)` of the lowest point, drawn as a star. None draws none.

    Example:
        import numpy as np
        from kerasdnn import plots

        path = np.array([[2.0, 2.0], [1.0, 1.5], [0.2, 0.8], [0.0, 0.1]])
        ax = plots.surface_paths(lambda a, b: a**2 + b**2, {"sgd": path}, (-3, 3), (-3, 3))
    """
    w1, w2 = np.meshgrid(np.linspace(*xlim, 240), np.linspace(*ylim, 240))
    loss = surface(w1, w2)
    # Levels at equal fractions of the area: evenly spaced ones would crowd on the steep walls.
    levels = np.unique(np.quantile(loss, np.linspace(0, 1, 16)))
    shades = [str(shade) for shade in np.linspace(1.0, 0.84, len(levels) - 1)]
    ax.contourf(w1, w2, loss, levels, colors=shades)
    ax.contour(w1, w2, loss, levels, colors="#999999", linewidths=0.6)
    ax.grid(visible=False)
    for index, (name, path) in enumerate(paths.items()):
        path, look = np.asarray(path), series(index)
        every = (index, max(8, len(path) // 6))
        thin: dict[str, Any] = (
            {"lw": 0.9, "alpha": 0.8} if len(path) > 200 else {}
        )  # or it would hide the others
        ax.plot(path[:, 0], path[:, 1], label=name, markevery=every, **look, **thin)
        end: dict[str, Any] = {"marker": look["marker"], "color": look["color"], "mec": "white"}
        ax.plot(*path[-1], ms=9, zorder=5, **end)
    if minimum is not None:
        star: dict[str, Any] = {
            "marker": "*",
            "ms": 13,
            "mfc": "yellow",
            "mec": "black",
            "ls": "none",
        }
        ax.plot(*minimum, zorder=6, label="minimum", **star)
    if paths:
        start = np.asarray(next(iter(paths.values())))[0]
        ax.annotate("start", start, xytext=(6, 6), textcoords="offset points", fontsize=9)
        ax.plot(*start, marker="o", ms=9, mfc="white", mec="black", zorder=6)
        ax.figure.legend(loc="outside right upper")
    ax.set(xlim=xlim, ylim=ylim, xlabel="weight w1", ylabel="weight w2")


def animate_paths(
    surface: Callable,
    paths: dict[str, ArrayLike],
    xlim: tuple[float, float],
    ylim: tuple[float, float],
    file: str | Path,
    *,
    minimum: tuple[float, float] | None = None,
    title: str = "",
    frames: int = 60,
) -> Path:
    """Write an animated GIF of paths that grow step by step, 12 frames per second.

    Args:
        surface: function of two arrays `(w1, w2)` of equal shape that returns the loss.
        paths: dict of name to array `(steps + 1, 2)`, the weights from start to end.
        xlim: `(low, high)` of w1.
        ylim: `(low, high)` of w2.
        file: str or Path, the file to write.
        minimum: `(w1, w2)` of the lowest point. None draws none.
        title: str, written above each frame together with the step.
        frames: int, number of frames, spread evenly over the steps; 60 by default.

    Returns:
        The path.

    Example:
        import numpy as np
        from kerasdnn import plots

        path = np.array([[2.0, 2.0], [1.0, 1.5], [0.2, 0.8], [0.0, 0.1]])
        plots.animate_paths(
            lambda a, b: a**2 + b**2, {"sgd": path}, (-3, 3), (-3, 3), "paths.gif", frames=4
        )
    """
    with style():
        drawing, ax = figure(width=7.0, height=5.0)
        surface_paths(surface, paths, xlim, ylim, minimum=minimum, ax=ax)
        label = ax.set_title(title, animated=True)
    lines = [line for line in ax.lines if line.get_label() in paths]
    ends = [ax.lines[ax.lines.index(line) + 1] for line in lines]
    above = [line for line in ax.lines if line not in lines and line not in ends]  # start, minimum
    for artist in (*lines, *ends, *above):
        artist.set_animated(True)
    # The contours are drawn once; each frame draws only the paths on a copy of them.
    canvas = FigureCanvasAgg(drawing)
    canvas.draw()
    background = canvas.copy_from_bbox(drawing.bbox)
    longest = max(len(np.asarray(path)) for path in paths.values())
    images = []
    for step in np.unique(np.linspace(0, longest - 1, frames).astype(int)):
        canvas.restore_region(background)
        for line, end, path in zip(lines, ends, paths.values(), strict=True):
            path = np.asarray(path)[: step + 1]
            line.set_data(path[:, 0], path[:, 1])
            end.set_data(path[-1:, 0], path[-1:, 1])
            ax.draw_artist(line)
            ax.draw_artist(end)
        for artist in above:
            ax.draw_artist(artist)
        label.set_text(f"{title}   step {step}".strip())
        ax.draw_artist(label)
        frame = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        images.append(frame.quantize(palette=_palette(), dither=Image.Dither.NONE))
    buffer = io.BytesIO()
    durations = [FRAME_MS] * (len(images) - 1) + [LAST_FRAME_MS]
    images[0].save(
        buffer, "GIF", save_all=True, append_images=images[1:], duration=durations, loop=0
    )
    return write_bytes(file, buffer.getvalue())


def _palette():
    """The 256 colors of a GIF: grays, and the colors of the series in shades towards white."""
    grays = [np.full(3, level) for level in np.linspace(0, 1, 60)]
    colors = [np.array(to_rgb(look["color"])) for look in SERIES]
    shades = [1 - part * (1 - c) for c in colors for part in np.linspace(1, 0.2, 16)]
    palette = Image.new("P", (1, 1))
    levels = np.array([*grays, *shades, np.array(to_rgb("yellow"))])
    palette.putpalette((255 * levels).round().astype(int).ravel().tolist())
    return palette
