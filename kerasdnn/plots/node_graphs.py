"""Plot of a computational graph with the value and the derivative on every edge."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes

from .styles import figure, style

FORWARD, BACKWARD = "#0072B2", "#A63D00"
LAYOUT_SWEEPS = 24
COLUMN_INCHES = 1.3  # a wider plot would be shrunk on a page until its text is unreadable


def graph(
    expression: Any,
    *,
    name: str = "result",
    start_at: Iterable = (),
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how a `kerasdnn.graphs.Node` was computed, from its inputs on the left.

    Above each edge is the value that flows forward, below it, in italics, the derivative of the
    result that flows backward. Call `expression.backward()` first to see the derivatives. An array
    with more than two entries is written as its shape, its derivative as its largest magnitude.

    Args:
        expression: `Node`, the result.
        name: str, name of the result, "result" by default.
        start_at: nodes to draw as inputs, without what they were computed from, in order to show a
            large graph in parts. Give them a `name` first. None are by default.
        title: str. None means no title.
        ax: matplotlib axes to draw on. None means a new figure that fits the graph.

    Returns:
        The matplotlib axes.

    Example:
        from kerasdnn import plots
        from kerasdnn.graphs import Node

        z = (Node(2, "x") + Node(3, "y")) ** 2
        z.backward()
        axes = plots.graph(z, name="z")
    """
    inputs = _inputs(expression, set(start_at))
    paths, place = _layout(inputs)
    columns = max(x for x, _ in place.values()) + 1
    rows = max(y for _, y in place.values()) + 1
    with style():
        if ax is None:
            ax = figure(width=1.0 + COLUMN_INCHES * (columns + 0.6), height=0.7 + 1.05 * rows)[1]
        users = Counter(source for source, *_ in paths)
        shared = [source for source in inputs if users[source] > 1]
        for source, node, edge, stops in paths:
            # Neighboring lines that fan out cross halfway: their labels are before or behind that.
            along = (0.4, 0.68)[shared.index(source) % 2] if source in shared else 0.5
            gradient = node.edge_gradients[edge]
            _draw_edge([place[stop] for stop in stops], source.value, gradient, ax, along)
        x, y = place[expression]
        gradient = expression.gradient if expression.gradient.any() else None
        _draw_edge([(x, y), (x + 0.85, y)], expression.value, gradient, ax)
        ax.text(x + 0.95, y, name, ha="left", va="center", fontweight="bold")
        for node, sources in inputs.items():
            _draw_node(node, bool(sources), place[node], ax)
        key: dict[str, Any] = {"transform": ax.transAxes, "fontsize": 9, "va": "top"}
        ax.text(0, 0, "above: value or shape, forward →", color=FORWARD, **key)
        if gradient is not None:
            ax.text(1, 0, "below: ← derivative, backward", color=BACKWARD, ha="right", **key)
        ax.set(xlim=(-0.55, columns + 0.45), ylim=(rows - 0.4, -0.6), title=title)
        ax.axis("off")
    return ax


def _inputs(expression, start_at):
    """Every node to draw and the nodes that its edges come from, inputs first."""
    needed, inputs = {expression}, {}
    for node in reversed(expression.nodes()):
        if node in needed:
            inputs[node] = [] if node in start_at else node.inputs
            needed.update(inputs[node])
    return dict(reversed(inputs.items()))


def _layout(inputs):
    """The stops of every edge, and the column and row of every stop.

    Sugiyama's method: an edge that crosses columns gets a stop in each of them; then every stop
    moves, sweep by sweep, to the mean row of its neighbors, at least one row from the next one.
    """
    depth = {}
    for node, sources in inputs.items():
        depth[node] = 1 + max((depth[i] for i in sources), default=-1)
    for source in reversed(inputs):  # as far to the right as its users allow
        users = [depth[node] for node in inputs if source in inputs[node]]
        if users:
            depth[source] = min(users) - 1
    paths = []
    for node, sources in inputs.items():
        for edge, source in enumerate(sources):
            between = [(node, edge, d) for d in range(depth[source] + 1, depth[node])]
            depth |= {stop: stop[2] for stop in between}
            paths.append((source, node, edge, [source, *between, node]))
    left, right = defaultdict(list), defaultdict(list)
    for *_, stops in paths:
        for a, b in pairwise(stops):
            left[b].append(a)
            right[a].append(b)
    columns = [[stop for stop in depth if depth[stop] == d] for d in sorted(set(depth.values()))]
    row = {stop: float(i) for column in columns for i, stop in enumerate(column)}
    for sweep in range(LAYOUT_SWEEPS):
        near, order = (left, columns) if sweep % 2 == 0 else (right, columns[::-1])
        for column in order:
            wanted = {s: sum(map(row.get, near[s])) / len(near[s]) if near[s] else row[s]
                      for s in column}  # fmt: skip
            column.sort(key=wanted.get)
            for i, stop in enumerate(column):
                row[stop] = max(wanted[stop], row[column[i - 1]] + 1) if i else wanted[stop]
            shift = sum(wanted[s] - row[s] for s in column) / len(column)
            for stop in column:
                row[stop] += shift
    top, first = min(row.values()), min(depth.values())
    return paths, {stop: (depth[stop] - first, row[stop] - top) for stop in depth}


def _draw_node(node, computed, place, ax):
    text = node.operation if computed else node.name or _number(node.value)
    look = {"boxstyle": "circle,pad=0.35" if computed else "round,pad=0.35",
            "fc": "white" if computed else "#EEEEEE", "ec": "#333333", "lw": 1.2}  # fmt: skip
    ax.text(*place, text, ha="center", va="center", fontsize=11, bbox=look, zorder=4)


def _draw_edge(stops, value, gradient, ax, along=0.5):
    for start, end in pairwise(stops):
        last = end == stops[-1]
        arrow = {"arrowstyle": "-|>" if last else "-", "color": "#777777", "lw": 1.1,
                 "shrinkA": 14 * (start == stops[0]), "shrinkB": 17 * last}  # fmt: skip
        ax.annotate("", end, start, zorder=2, arrowprops=arrow)
    x, y = (s + along * (e - s) for s, e in zip(*stops[:2], strict=True))
    box = {"boxstyle": "square,pad=0.08", "fc": "white", "ec": "none"}
    write = {"ha": "center", "fontsize": 9, "bbox": box, "zorder": 3}
    ax.text(x, y - 0.05, _number(value), va="bottom", color=FORWARD, **write)
    if gradient is not None:
        text = _number(gradient, largest=True)
        ax.text(x, y + 0.05, text, va="top", color=BACKWARD, style="italic", **write)


def _number(array, largest=False):
    if array.size > 2:
        shape = "×".join(map(str, array.shape))
        return f"max {abs(array).max():.2g}" if largest else shape
    return ", ".join(f"{v:.{3 if abs(v) < 1000 else 6}g}" for v in array.ravel())
