"""Which members are stacked together.

Members of one stack share batch size, batch norm and depth; narrower ones are padded to the widest.
A stack of mixed widths is divided where the padding would cost more time than compiling another
program; one that takes more than its share of the cores is divided among them; and one that
would not fit into memory.
"""

import math

from .fitting import FLOPS, power_of_two
from .population_members import weight_shapes

SECONDS_TO_COMPILE = 1.5
WIDTHS = 8  # padded widths are multiples of it: few programs, whole vector registers
SMALLEST_SHARE = 8  # networks; fewer are not divided among cores


def plan(members, task, batches, rows, epochs, cores, memory):
    """Divide members into stacks.

    Args:
        members: dict from a number to a `Member`.
        task: `Task`.
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
        key = batches[i], member.batch_norm, len(member.hidden_units)
        classes.setdefault(key, []).append(i)
    # Six operations per weight and row: two forward, four backward.
    seconds = 6 * rows * epochs / FLOPS

    def cost(group):
        widths = padded_widths([members[i] for i in group])
        return len(group) * n_weights(task, widths)

    groups = []
    for _, group in sorted(classes.items()):
        group.sort(key=lambda i: (max(members[i].hidden_units), sum(members[i].hidden_units), i))
        groups += divide_by_width(group, cost, SECONDS_TO_COMPILE / seconds)
    groups = divide_among(groups, cost, cores)
    return [
        part for group in groups for part in divide_by_memory(group, members, task, batches, memory)
    ]


def divide_by_width(group, cost, worth):
    """Divide a group that is sorted by width where that saves more than `worth` of cost."""
    if len(group) < 2:
        return [group]
    whole = cost(group)
    parts = [(cost(group[:k]) + cost(group[k:]), k) for k in range(1, len(group))]
    best, k = min(parts)
    if whole - best <= worth:
        return [group]
    return divide_by_width(group[:k], cost, worth) + divide_by_width(group[k:], cost, worth)


def divide_among(groups, cost, cores):
    """Halve the largest groups until none of them keeps one core busy alone."""
    if cores < 2:
        return groups
    groups, total = list(groups), sum(map(cost, groups))
    while True:
        groups.sort(key=lambda g: (-cost(g), g))
        largest = groups[0]
        if cost(largest) <= 1.2 * total / cores or len(largest) < 2 * SMALLEST_SHARE:
            return groups
        half = -(-len(largest) // 2)
        groups[:1] = [largest[:half], largest[half:]]


def divide_by_memory(group, members, task, batches, memory):
    member = [members[i] for i in group]
    widths = padded_widths(member)
    # Weights, two slots, best ones, gradient and as much again while they are replaced;
    # per row a layer's output, what is before it and the gradients of both.
    each = 4 * (
        10 * n_weights(task, widths) + 8 * batches[group[0]] * (sum(widths) + task.n_features)
    )
    most = max(1, int(memory // each))
    parts = math.ceil(len(group) / most)
    size = math.ceil(len(group) / parts)
    return [group[k : k + size] for k in range(0, len(group), size)]


def padded_widths(members):
    """The widths of the hidden layers of a stack of these members."""
    return tuple(
        WIDTHS * math.ceil(max(widths) / WIDTHS)
        for widths in zip(*(m.hidden_units for m in members), strict=True)
    )


def padded_count(count):
    """How many networks a stack of `count` has: up to an eighth more, for few sizes."""
    grain = max(1, power_of_two(count) // 8)
    return grain * math.ceil(count / grain)


def n_weights(task, widths):
    shapes = weight_shapes(task.n_features, widths, task.units, False)
    return sum(math.prod(shape) for shape in shapes)
