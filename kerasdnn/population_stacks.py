"""A stack on the device: padded members in, training steps, members out."""

import math
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from . import population_judging as judging
from . import population_programs as programs
from .fitting import FLOPS, SECONDS_PER_BLOCK, power_of_two, round_up
from .population_groups import padded, padded_shapes
from .population_members import Member
from .population_programs import Layout, Stack
from .rules import RULES, with_rests

BYTES_TO_JUDGE = 2**26  # of one layer's outputs at a time


@dataclass
class Progress:
    """The changing part of one member, unpadded NumPy arrays.

    Attributes:
        weights: trainable, in Keras's order; slots: per slot of its rule, a list like `weights`;
        moving: mean and variance per hidden layer, with batch norm.
        steps: int, steps done.
        best: `weights + moving` after the best epoch, or None.
    """

    weights: list
    slots: list
    moving: list
    steps: int = 0
    best: list | None = None


def first_progress(member, weights):
    slots = [[np.full_like(w, member.slot_start) for w in weights] for _ in range(member.n_slots)]
    moving = []
    if member.batch_norm:
        for units in member.hidden_units:
            moving += [np.zeros(units, "float32"), np.ones(units, "float32")]
    return Progress(weights, slots, moving)


def join(shapes, lists):
    """Arrays of several networks as tensors with a leading axis.

    Args:
        shapes: of the tensors; where arrays are smaller or fewer, they are 0.
        lists: per network a list of arrays; None for a weight that it does not have.
    """
    joined = [np.zeros(shape, "float32") for shape in shapes]
    for k, arrays in enumerate(lists):
        for whole, array in zip(joined, arrays, strict=True):
            if array is not None:
                whole[(k, *map(slice, array.shape))] = array
    return [tf.constant(whole) for whole in joined]


def part(tensors, k, shapes):
    """The arrays of network `k`, which has these shapes; None for a weight that it lacks."""
    return [
        t[(k, *map(slice, shape))].copy()
        for t, shape in zip(tensors, shapes, strict=True)
        if shape is not None
    ]


def spread(values, depth, total, per_layer, after):
    """A network's list, `per_layer` per hidden layer, with None for layers that it lacks."""
    end = len(values) - after
    return [*values[:end], *[None] * (per_layer * (total - depth)), *values[end:]]


@dataclass
class StackedMembers:
    """Members on the device.

    Args:
        task: `Task`.
        numbers: which members of the population these are.
        members: list of `Member`.
        batch: rows of a step.
        compiled: whether XLA compiles the steps.
    """

    task: object
    numbers: list
    members: list[Member]
    batch: int
    compiled: bool = True
    stack: Stack = field(default=None, repr=False)
    best: list = field(default=None, repr=False)

    def __post_init__(self):
        task, members = self.task, self.members
        self.widths, counts, self.count = padded(members)
        batch_norm = members[0].batch_norm
        self.layout = Layout(
            problem=task.problem,
            one_hot=task.one_hot,
            units=task.units,
            counts=counts,
            batch=self.batch,
            batch_norm=batch_norm,
            activations=tuple(sorted({m.activation for m in members})),
            rules=tuple(sorted({m.rule for m in members})),
            dropout=any(m.dropout for m in members),
            l2=any(m.l2 for m in members),
            compiled=self.compiled,
        )
        self.shapes = padded_shapes(task, self.widths, counts, self.count, batch_norm)
        self.moving_shapes = [
            (n, w)
            for n, w in zip(counts, self.widths, strict=True)
            for _ in range(2 if batch_norm else 0)
        ]
        self.n_slots = max(len(RULES[name].slots) for name in self.layout.rules)
        self.constants = self._constants()

    def _constants(self):
        """What does not change, with a value per network; padding gets the first network's."""
        members = self.members + [self.members[0]] * (self.count - len(self.members))

        def numbers(values, dtype="float32"):
            return tf.constant(np.array(list(values), dtype))

        rates = [with_rests(m.hyperparameters) for m in members]
        names = sorted({name for h in rates for name in h})
        found = {
            # A rate that another network's rule needs and this one's has not is not used.
            "rates": {name: numbers(h.get(name, 0.5) for h in rates) for name in names},
            "rule": numbers((self.layout.rules.index(m.rule) for m in members), "int32"),
            "activation": numbers(
                (self.layout.activations.index(m.activation) for m in members), "int32"
            ),
        }
        units = [m.hidden_units + (0,) * len(self.widths) for m in members]
        layers = list(enumerate(zip(self.widths, self.layout.counts, strict=True)))
        found["masks"] = [numbers(np.arange(w) < u[i] for u in units[:n]) for i, (w, n) in layers]
        found["present"] = [numbers((u[i] > 0 for u in units[:n]), "bool") for i, (_, n) in layers]
        if self.layout.problem in ("binary", "multiclass", "multilabel"):
            found["label_smoothing"] = numbers(m.label_smoothing for m in members)
        if self.layout.dropout:
            found["dropout"] = numbers(m.dropout for m in members)
            seeds = [np.random.SeedSequence([m.seed, 1]) for m in members]
            found["dropout_seeds"] = numbers(
                (s.generate_state(len(self.widths)) for s in seeds), "uint32"
            )
        if self.layout.l2:
            found["l2"] = numbers(m.l2 for m in members)
        return found

    def put(self, progress):
        """Bring members to the device; `progress`: a `Progress` per member."""
        slots = [
            join(self.shapes, [
                self._spread(p.slots[k]) if k < len(p.slots) else [None] * len(self.shapes)
                for p in progress
            ])
            for k in range(self.n_slots)
        ]  # fmt: skip
        steps = np.zeros(self.count, "int32")
        steps[: len(progress)] = [p.steps for p in progress]
        self.stack = Stack(
            join(self.shapes, [self._spread(p.weights) for p in progress]),
            slots,
            join(self.moving_shapes, [self._spread_moving(p.moving) for p in progress]),
            tf.constant(steps),
        )
        self.steps = steps
        self.best, self.has_best = None, [p.best is not None for p in progress]
        if any(self.has_best):
            lists = []
            for p in progress:
                best = p.best or p.weights + p.moving
                weights, moving = best[: len(p.weights)], best[len(p.weights) :]
                lists.append(self._spread(weights) + self._spread_moving(moving))
            self.best = join(self.shapes + self.moving_shapes, lists)

    def _spread(self, weights):
        per_layer, total = self.layout.per_layer, len(self.widths)
        return spread(weights, (len(weights) - 2) // per_layer, total, per_layer, after=2)

    def _spread_moving(self, moving):
        per_layer = 2 * self.layout.batch_norm
        return spread(moving, len(moving) // 2, len(self.widths), per_layer, after=0)

    def get_one(self, k):
        """One of the members as a `Progress`."""
        return self.get(range(k, k + 1))[0]

    def get(self, which=None):
        """The members as a list of `Progress`; `which`: a range of them, None for all."""
        weights, moving = self._arrays(self.stack.weights), self._arrays(self.stack.moving)
        slots = [self._arrays(slot) for slot in self.stack.slots]
        best = self._arrays(self.best) if self.best else None
        found = []
        for k in range(len(self.members)) if which is None else which:
            member = self.members[k]
            moved = [(u,) for u in member.hidden_units for _ in range(2 * member.batch_norm)]
            shapes, moved = self._spread(member.shapes(self.task)), self._spread_moving(moved)
            found.append(
                Progress(
                    part(weights, k, shapes),
                    [part(slots[j], k, shapes) for j in range(member.n_slots)],
                    part(moving, k, moved),
                    int(self.steps[k]),
                    part(best, k, shapes + moved) if self.has_best[k] else None,
                )
            )
        return found

    @staticmethod
    def _arrays(tensors):
        return [np.asarray(t) for t in tensors]

    def park(self):
        """Move the stack to the host's memory until its next epoch."""
        self.stack = tf.nest.map_structure(np.asarray, self.stack)
        self.best = self.best and tf.nest.map_structure(np.asarray, self.best)

    @property
    def bytes(self):
        """What the stack takes on the device between epochs."""
        return 4 * (2 + self.n_slots) * sum(map(math.prod, self.shapes))

    def train(self, table, weights_from, orders):
        """One epoch.

        Args:
            table: x, y and flat row weights, tensors.
            weights_from: (members,), where in the weights a member's begin.
            orders: per member the rows of its epoch in order, None for one that does not train.

        Returns:
            The mean of what was minimised (members,), NaN for one that does not train.
        """
        n_rows = np.zeros(self.count, "int32")
        n_rows[: len(orders)] = [0 if order is None else len(order) for order in orders]
        different = {id(order): order for order in orders if order is not None}
        rows = list(different.values()) if len(different) == 1 else orders
        in_epoch = -(-int(n_rows.max()) // self.batch)
        block = round_up(min(in_epoch, self._steps_per_block()))
        blocks = -(-in_epoch // block)
        padded = np.zeros(
            (1 if len(different) == 1 else self.count, blocks * block * self.batch), "int32"
        )
        for line, order in zip(padded, rows, strict=False):
            if order is not None:
                line[: len(order)] = order
        constants = self.constants | {"weights_from": self._per_network(weights_from)}
        program = programs.program(self.layout)
        stack, total = self.stack, 0.0
        for first in range(0, in_epoch, block):
            part = padded[:, first * self.batch : (first + block) * self.batch]
            stack, loss = program(
                stack, constants, table, tf.constant(part), tf.constant(n_rows),
                tf.constant(first, "int32"), tf.constant(min(block, in_epoch - first), "int32"),
            )  # fmt: skip
            total = total + loss.numpy()
        self.stack = Stack(*stack)
        self.steps = self.steps + -(-n_rows // self.batch)
        with np.errstate(invalid="ignore", divide="ignore"):
            return (np.float64(total) / n_rows)[: len(self.members)]

    def compile(self):
        """From now on let XLA compile the steps."""
        self.compiled, self.layout = True, self.layout._replace(compiled=True)

    def _steps_per_block(self):
        seconds = 6 * sum(map(math.prod, self.shapes)) * self.batch / FLOPS
        return power_of_two(max(1, int(4 * SECONDS_PER_BLOCK / seconds)))

    def judge(self, table, weights_from, rows, center):
        """The head's metrics on rows: dict of float64 (members,).

        Args:
            rows: list of int32 arrays, one per member, or one for all.
        """
        found = None
        weights_from = self._per_network(weights_from)
        longest = max(map(len, rows))
        chunk = max(1, BYTES_TO_JUDGE // (4 * self.count * max(*self.widths, self.task.n_features)))
        lines = np.zeros((len(rows) if len(rows) == 1 else self.count, longest), "int32")
        real = np.zeros(lines.shape, bool)
        for k, own in enumerate(rows):
            lines[k, : len(own)], real[k, : len(own)] = own, True
        program = judging.judging_program(self.layout._replace(compiled=False))
        for start in range(0, longest, chunk):
            part = program(
                self.stack, self.constants, table, tf.constant(lines[:, start : start + chunk]),
                tf.constant(real[:, start : start + chunk]), weights_from, center,
            )  # fmt: skip
            part = {k: v.numpy().astype("float64")[: len(self.members)] for k, v in part.items()}
            found = part if found is None else {k: found[k] + v for k, v in part.items()}
        return judging.metrics(self.task.problem, self.task.n_outputs, found)

    def _per_network(self, values):
        padded = np.zeros(self.count, "int32")
        padded[: len(values)] = values
        return tf.constant(padded)

    def keep_best(self, better):
        """Note the present weights of some members, bool (members,), as their best."""
        now = [*self.stack.weights, *self.stack.moving]
        which = np.zeros(self.count, bool)
        which[: len(better)] = better
        before = now if self.best is None else self.best
        self.best = list(keep(tf.constant(which), now, before))
        self.has_best = [had or new for had, new in zip(self.has_best, better, strict=True)]

    def predict(self, x, best=False):
        """(members, rows, outputs) as NumPy."""
        weights, moving = self.stack.weights, self.stack.moving
        if best and self.best is not None:
            weights, moving = self.best[: len(weights)], self.best[len(weights) :]
        chunk = max(1, BYTES_TO_JUDGE // (4 * self.count * max(*self.widths, self.task.n_features)))
        parts = []
        for start in range(0, max(1, len(x)), chunk):
            rows = tf.constant(x[None, start : start + chunk])
            z, _ = programs.forward(self.layout, weights, moving, self.constants, rows)
            parts.append(programs.output(self.layout, z).numpy()[: len(self.members)])
        return np.concatenate(parts, axis=1)


@tf.function(autograph=False)
def keep(which, new, old):
    return [programs.choose(which, n, o) for n, o in zip(new, old, strict=True)]
