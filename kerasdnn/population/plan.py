"""Which members are stacked together.

Members of one stack share batch size and batch norm; narrower ones are padded to the widest,
shallower ones pass by the layers they lack. A stack of mixed widths is divided where the padding
would cost more time than compiling another program; one that takes more than its share of the
cores is divided among them; and one that would not fit into memory.
"""

import math

from ..training.device_data import FLOPS, power_of_two
from .member_state import weight_shapes

SECONDS_TO_COMPILE = 2.5
WIDTHS = 8  # padded widths are multiples of it: few programs, whole vector registers
SMALLEST_SHARE = 8  # networks; fewer are not divided among cores


def plan(members, problem, batches, rows, epochs, cores, memory):
    """Divide members into stacks.

    Args:
        members: dict from a number to a `Member`.
        problem: `Problem`.
        batches: dict from the same numbers to batch sizes.
        rows: rows of an epoch, the most of any member.
        epochs: how many are planned.
        cores: how many stacks run side by side.
        memory: bytes that one stack may take.

    Returns:
        List of lists of numbers. It depends on nothing else than the arguments.
    """
    classes = {}
    for i, member in members.items():
        classes.setdefault((batches[i], member.batch_norm), []).append(i)
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
    """Whether XLA gains more than compiling takes.

    What a step gains, measured on two cores: 2 ms for 6 networks, 9 to 17 ms for 50.
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
    """Halve the largest groups until none of them keeps one core busy alone.

    The halves are alike, so that one program serves both.
    """
    groups = list(groups)
    total = sum(map(cost, groups))
    while cores > 1:
        largest = max(groups, key=cost)
        if cost(largest) <= 1.2 * total / cores or len(largest) < 2 * SMALLEST_SHARE:
            break
        groups.remove(largest)
        groups += [largest[::2], largest[1::2]]
    return groups


def divide_by_memory(group, members, problem, batch, memory):
    widths, counts, count = padded([members[i] for i in group])
    # Weights, two slots, best ones, gradient, and as much again while they are replaced. Per row
    # what a layer puts out, what is before that, and the gradients of both.
    outputs = count * (problem.n_features + problem.units)
    outputs += sum(n * width for n, width in zip(counts, widths, strict=True))
    needed = 4 * (10 * n_weights(problem, widths, counts, count) + 4 * batch * outputs)
    parts = min(len(group), max(1, math.ceil(needed / memory)))
    return [group[k::parts] for k in range(parts)]


def padded(members):
    """What members, the deepest first, are padded to.

    Returns:
        Widths of the hidden layers; how many networks compute each of them; how many there are.
    """
    depth = len(members[0].hidden_units)
    depth = max(depth, *(len(m.hidden_units) for m in members))
    # A layer must be as wide as what passes it by.
    reach = [m.hidden_units + m.hidden_units[-1:] * (depth - len(m.hidden_units)) for m in members]
    widths = tuple(rounded(max(w), WIDTHS) for w in zip(*reach, strict=True))
    grain = max(1, power_of_two(len(members)) // 8)
    count = rounded(len(members), grain)
    having = [sum(len(m.hidden_units) > i for m in members) for i in range(depth)]
    # In quarters, so that searches, whose waves differ a little in depths, compile once.
    counts = tuple(min(count, rounded(n, math.ceil(count / 4))) for n in having)
    return widths, counts, count


def counts_alike(groups, members, batches):
    """How many networks compute each hidden layer of each group.

    Groups that differ in that alone take the most of any of them: then one program serves all.
    """
    kinds = [(batches[g[0]], members[g[0]].batch_norm, padded([members[i] for i in g]))
             for g in groups]  # fmt: skip
    most = {}
    for batch, batch_norm, (widths, counts, count) in kinds:
        key = batch, batch_norm, widths, count
        most[key] = tuple(map(max, counts, most.get(key, counts)))
    return [most[batch, norm, widths, count] for batch, norm, (widths, _, count) in kinds]


def rounded(number, grain):
    """Up, so that a few sizes, and few programs, serve many."""
    return grain * math.ceil(number / grain)


def n_weights(problem, widths, counts, count):
    shapes = padded_shapes(problem, widths, counts, count, False)
    return sum(math.prod(shape) for shape in shapes)


def padded_shapes(problem, widths, counts, count, batch_norm):
    """Shapes of stacked weights, as `weight_shapes` with the number of networks before each."""
    shapes = weight_shapes(problem.n_features, widths, problem.units, batch_norm)
    per_layer = 3 if batch_norm else 2
    networks = [n for n in counts for _ in range(per_layer)] + [count] * 2
    return [(n, *shape) for n, shape in zip(networks, shapes, strict=True)]
