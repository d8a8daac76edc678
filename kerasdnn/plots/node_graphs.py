"""A computational graph with the value and the derivative on every edge."""

from collections import Counter, defaultdict
from itertools import pairwise

from .styles import figure, style

FORWARD, BACKWARD = "#0072B2", "#A63D00"
SWEEPS = 24


def graph(expression, *, name="result", start_at=(), title=None, ax=None):
    """Draws how a `kerasdnn.graphs.Node` was computed, from its inputs on the left.

    On every edge stands the value that flows forwards, above the line, and the derivative of the
    result that flows backwards, below it and in italics. Call `expression.backward()` first to
    see the derivatives. An array with more than two entries is written as its shape, its
    derivative as its largest absolute value.

    Args:
        expression: `Node`, the result.
        name: str, what the result is called.
        start_at: nodes to draw as inputs, without what they were computed from: the way to show
            a large graph in parts. Give them a `name` first.
        ax: axes to draw on; a new figure that fits the graph where None.

    Returns:
        The axes.
    """
    inputs = _inputs(expression, set(start_at))
    ways, place = _layout(inputs)
    columns = max(x for x, _ in place.values()) + 1
    rows = max(y for _, y in place.values()) + 1
    with style():
        if ax is None:
            ax = figure(width=1.0 + 1.75 * (columns + 0.6), height=0.9 + 1.15 * rows)[1]
        users = Counter(source for source, *_ in ways)
        shared = [source for source in inputs if users[source] > 1]
        for source, node, edge, way in ways:
            # Lines of neighbours that fan out cross halfway: their labels stand before or behind.
            along = (0.4, 0.68)[shared.index(source) % 2] if source in shared else 0.5
            flow = node.edge_gradients[edge]
            _edge([place[stop] for stop in way], source.value, flow, ax, along)
        x, y = place[expression]
        done = expression.gradient if expression.gradient.any() else None
        _edge([(x, y), (x + 0.85, y)], expression.value, done, ax)
        ax.text(x + 0.95, y, name, ha="left", va="center", fontweight="bold")
        for node, sources in inputs.items():
            _node(node, bool(sources), place[node], ax)
        ax.text(
            0, 0, "above: value, forwards →      below: ← derivative, backwards",
            transform=ax.transAxes, fontsize=8, color="#555555", va="top",
        )  # fmt: skip
        ax.set(xlim=(-0.55, columns + 0.45), ylim=(rows - 0.4, -0.6), title=title)
        ax.axis("off")
    return ax


def _inputs(expression, start_at):
    """Every node to draw with the nodes its edges come from, inputs first."""
    needed, inputs = {expression}, {}
    for node in reversed(expression.nodes()):
        if node in needed:
            inputs[node] = [] if node in start_at else node.inputs
            needed.update(inputs[node])
    return dict(reversed(inputs.items()))


def _layout(inputs):
    """The stops of every edge, and column and row of every stop.

    Sugiyama's way: an edge that crosses columns gets a stop in each of them; then every stop
    moves, sweep by sweep, to the mean row of its neighbours, a row apart from the next one.
    """
    depth = {}
    for node, sources in inputs.items():
        depth[node] = 1 + max((depth[i] for i in sources), default=-1)
    for source in reversed(inputs):  # as far to the right as what uses it allows
        users = [depth[node] for node in inputs if source in inputs[node]]
        if users:
            depth[source] = min(users) - 1
    ways = []
    for node, sources in inputs.items():
        for edge, source in enumerate(sources):
            between = [(node, edge, d) for d in range(depth[source] + 1, depth[node])]
            depth |= {stop: stop[2] for stop in between}
            ways.append((source, node, edge, [source, *between, node]))
    left, right = defaultdict(list), defaultdict(list)
    for *_, way in ways:
        for a, b in pairwise(way):
            left[b].append(a)
            right[a].append(b)
    columns = [[stop for stop in depth if depth[stop] == d] for d in sorted(set(depth.values()))]
    row = {stop: float(i) for column in columns for i, stop in enumerate(column)}
    for sweep in range(SWEEPS):
        near, path = (left, columns) if sweep % 2 == 0 else (right, columns[::-1])
        for column in path:
            wish = {s: sum(map(row.get, near[s])) / len(near[s]) if near[s] else row[s]
                    for s in column}  # fmt: skip
            column.sort(key=wish.get)
            for i, stop in enumerate(column):
                row[stop] = max(wish[stop], row[column[i - 1]] + 1) if i else wish[stop]
            shift = sum(wish[s] - row[s] for s in column) / len(column)
            for stop in column:
                row[stop] += shift
    top, first = min(row.values()), min(depth.values())
    return ways, {stop: (depth[stop] - first, row[stop] - top) for stop in depth}


def _node(node, computed, place, ax):
    text = node.operation if computed else node.name or _number(node.value)
    look = {"boxstyle": "circle,pad=0.35" if computed else "round,pad=0.35",
            "fc": "white" if computed else "#EEEEEE", "ec": "#333333", "lw": 1.2}  # fmt: skip
    ax.text(*place, text, ha="center", va="center", fontsize=11, bbox=look, zorder=4)


def _edge(stops, value, flow, ax, along=0.5):
    for start, end in pairwise(stops):
        last = end == stops[-1]
        arrow = {"arrowstyle": "-|>" if last else "-", "color": "#777777", "lw": 1.1,
                 "shrinkA": 14 * (start == stops[0]), "shrinkB": 17 * last}  # fmt: skip
        ax.annotate("", end, start, zorder=2, arrowprops=arrow)
    x, y = (s + along * (e - s) for s, e in zip(*stops[:2], strict=True))
    box = {"boxstyle": "square,pad=0.08", "fc": "white", "ec": "none"}
    write = {"ha": "center", "fontsize": 9, "bbox": box, "zorder": 3}
    ax.text(x, y - 0.05, _number(value), va="bottom", color=FORWARD, **write)
    if flow is not None:
        ax.text(x, y + 0.05, _number(flow, True), va="top", color=BACKWARD, style="italic", **write)


def _number(array, flow=False):
    if array.size > 2:
        shape = "×".join(map(str, array.shape))
        return f"max {abs(array).max():.2g}" if flow else shape
    return ", ".join(f"{v:.4g}" for v in array.ravel())
