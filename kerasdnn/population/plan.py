"""Decide which members are stacked together.

Members of a group share batch size, batch normalization and loss; narrower ones are padded to the
widest, shallower ones skip the layers that they lack. A group is divided where padding mixed
widths would take longer than compiling another function, where it would occupy one core while
others are idle, and where it would not fit into memory.
"""

import math

from ..training.device_data import FLOPS, power_of_two
from .member_state import weight_shapes

SECONDS_TO_COMPILE = 2.5
WIDTH_MULTIPLE = 8  # padded widths are multiples: few functions, full vector registers
MIN_PER_CORE = 8  # networks; fewer are not divided among cores


def plan(members, problem, batches, rows, epochs, cores, memory):
    """Divide members into groups.

    Args:
        members: dict from a number to a `Member`.
        problem: `Problem`.
        batches: dict from the same numbers to batch sizes.
        rows: int, rows per epoch, the most of any member.
        epochs: int, planned epochs.
        cores: int, how many groups train in parallel.
        memory: bytes that one group may take.

    Returns:
        List of lists of numbers, a function of the arguments alone.
    """
    classes = {}
    for i, member in members.items():
        key = batches[i], member.batch_norm, member.loss or ""
        classes.setdefault(key, []).append(i)
    # Six operations per weight and row: two forward, four backward.
    seconds_per_weight = 6 * rows * epochs / FLOPS

    def cost(group):
        return n_weights(problem, *padded([members[i] for i in group]))

    def width(i):
        return max(members[i].hidden_units)

    groups = []
    for _, group in sorted(classes.items()):
        group.sort(key=lambda i: (width(i), i))
        groups += divide_by_width(group, cost, width, SECONDS_TO_COMPILE / seconds_per_weight)
    for group in groups:  # the deepest first
        group.sort(key=lambda i: (-len(members[i].hidden_units), -width(i), i))
    return [
        part
        for group in divide_among(groups, cost, cores)
        for part in divide_by_memory(group, members, problem, batches[group[0]], memory)
    ]


def worth_compiling(members, steps):
    """Whether XLA saves more time than compiling takes.

    Measured on two cores, a step becomes faster by 2 ms for 6 networks, 9 to 17 ms for 50.
    """
    return steps * (1e-3 + 0.25e-3 * members) > SECONDS_TO_COMPILE


def divide_by_width(group, cost, width, worth):
    """Divide a group that is sorted by width where that saves more than `worth` of cost."""
    steps = [k for k in range(1, len(group)) if width(group[k]) > width(group[k - 1])]
    if not steps:
        return [group]
    best, k = min((cost(group[:k]) + cost(group[k:]), k) for k in steps)
    if cost(group) - best <= worth:
        return [group]
    parts = group[:k], group[k:]
    return [found for part in parts for found in divide_by_width(part, cost, width, worth)]


def divide_among(groups, cost, cores):
    """Halve the largest groups until none of them occupies one core alone.

    The halves have the same mix of widths, so that one compiled function serves both.
    """
    groups = list(groups)
    total = sum(map(cost, groups))
    while cores > 1:
        largest = max(groups, key=cost)
        if cost(largest) <= 1.2 * total / cores or len(largest) < 2 * MIN_PER_CORE:
            break
        groups.remove(largest)
        groups += [largest[::2], largest[1::2]]
    return groups


def divide_by_memory(group, members, problem, batch, memory):
    widths, counts, count = padded([members[i] for i in group])
    # Weights, two state variables, best weights, gradient, and as much again while they are
    # replaced. Per row the outputs of a layer before and after its activation, and both gradients.
    outputs = count * (problem.n_features + problem.units)
    outputs += sum(n * width for n, width in zip(counts, widths, strict=True))
    needed = 4 * (10 * n_weights(problem, widths, counts, count) + 4 * batch * outputs)
    parts = min(len(group), max(1, math.ceil(needed / memory)))
    return [group[k::parts] for k in range(parts)]


def padded(members):
    """Return what members, the deepest first, are padded to.

    Returns:
        Widths of the hidden layers; how many networks compute each of them; how many there are.
    """
    depth = len(members[0].hidden_units)
    depth = max(depth, *(len(m.hidden_units) for m in members))
    # A layer must be as wide as what skips it.
    reach = [m.hidden_units + m.hidden_units[-1:] * (depth - len(m.hidden_units)) for m in members]
    widths = tuple(rounded(max(w), WIDTH_MULTIPLE) for w in zip(*reach, strict=True))
    grain = max(1, power_of_two(len(members)) // 8)
    count = rounded(len(members), grain)
    having = [sum(len(m.hidden_units) > i for m in members) for i in range(depth)]
    # In quarters, so that the batches of a search, which differ little in depths, compile once.
    counts = tuple(min(count, rounded(n, math.ceil(count / 4))) for n in having)
    return widths, counts, count


def counts_alike(groups, members, batches):
    """Return how many networks compute each hidden layer of each group.

    Groups that differ only in that get the largest number, so that one compiled function serves
    all of them.
    """
    kinds = [((batches[g[0]], members[g[0]].batch_norm, members[g[0]].loss),
              padded([members[i] for i in g])) for g in groups]  # fmt: skip
    most = {}
    for kind, (widths, counts, count) in kinds:
        key = kind, widths, count
        most[key] = tuple(map(max, counts, most.get(key, counts)))
    return [most[kind, widths, count] for kind, (widths, _, count) in kinds]


def rounded(number, grain):
    """Round up, so that few sizes, and few compiled functions, serve many."""
    return grain * math.ceil(number / grain)


def n_weights(problem, widths, counts, count):
    shapes = padded_shapes(problem, widths, counts, count, False)
    return sum(math.prod(shape) for shape in shapes)


def padded_shapes(problem, widths, counts, count, batch_norm):
    """Return the shapes of stacked weights: `weight_shapes` after the number of networks."""
    shapes = weight_shapes(problem, widths, batch_norm)
    per_layer = 3 if batch_norm else 2
    networks = [n for n in counts for _ in range(per_layer)] + [count] * 2
    return [(n, *shape) for n, shape in zip(networks, shapes, strict=True)]
