"""A stack on the device: padded members in, training steps, members out."""

import math
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from ..training.device_data import FLOPS, SECONDS_PER_CALL, power_of_two, round_up
from .forward import Layout, Stack, forward, output
from .member_state import CLASSIFIERS, Member, Progress, join, part, spread
from .metrics import OF_SUMS, judging_program, metrics, metrics_by_keras
from .optimizer_rules import RULES, with_rests
from .plan import padded, padded_shapes
from .train_steps import choose, program

BYTES_TO_JUDGE = 2**26  # of one layer's outputs at a time


@dataclass
class StackedMembers:
    """Members on the device.

    Args:
        task: `Task`.
        numbers: which members of the population these are.
        members: list of `Member`.
        batch: rows of a step.
        compiled: whether XLA compiles the steps.
        counts: how many networks compute each hidden layer; None for as few as do.
    """

    task: object
    numbers: list
    members: list[Member]
    batch: int
    compiled: bool = True
    counts: tuple | None = None
    stack: Stack = field(default=None, repr=False)
    best: list = field(default=None, repr=False)

    def __post_init__(self):
        task, members = self.task, self.members
        self.widths, counts, self.count = padded(members)
        self.counts = counts = self.counts or counts
        batch_norm = members[0].batch_norm
        self.layout = layout_of(task, members, self.batch, counts, self.compiled)
        self.shapes = padded_shapes(task, self.widths, counts, self.count, batch_norm)
        self.moving_shapes = [
            (n, w)
            for n, w in zip(counts, self.widths, strict=True)
            for _ in range(2 if batch_norm else 0)
        ]
        self.n_slots = max(len(RULES[name].slots) for name in self.layout.rules)
        self.constants = constants_of(self.layout, self.widths, self.count, members)

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
        steps = self.steps
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
                    int(steps[k]),
                    part(best, k, shapes + moved) if self.has_best[k] else None,
                )
            )
        return found

    @staticmethod
    def _arrays(tensors):
        return [np.asarray(t) for t in tensors]

    @property
    def steps(self):
        """Steps done, int array (members,)."""
        return np.asarray(self.stack.steps)[: len(self.members)]

    def park(self):
        """Move the stack to the host's memory until its next epoch."""
        self.stack = tf.nest.map_structure(np.asarray, self.stack)
        self.best = self.best and tf.nest.map_structure(np.asarray, self.best)

    @property
    def bytes(self):
        """What the stack takes on the device between epochs."""
        return 4 * (2 + self.n_slots) * sum(map(math.prod, self.shapes))

    def train(self, table, weights_from, orders):
        """One epoch; changes nothing here.

        Args:
            table: x, y and flat row weights, tensors.
            weights_from: (members,), where in the weights a member's begin.
            orders: per member the rows of its epoch in order, None for one that does not train.

        Returns:
            The new `stack`, and the mean of what was minimised (members,), NaN for a member that
            does not train.
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
        run, stack, total = program(self.layout), self.stack, 0.0
        for first in range(0, in_epoch, block):
            part = padded[:, first * self.batch : (first + block) * self.batch]
            stack, loss = run(
                stack, constants, table, tf.constant(part), tf.constant(n_rows),
                tf.constant(first, "int32"), tf.constant(min(block, in_epoch - first), "int32"),
            )  # fmt: skip
            total = total + loss.numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.float64(total) / n_rows
        # A ReLU makes 0 of NaN: a network whose weights are ruined may have a finite loss. Kernels
        # tell, for no bias is ruined alone.
        for kernel in stack[0]:
            if len(kernel.shape) == 3:
                sums = tf.reduce_sum(kernel, (1, 2)).numpy()
                means[: len(sums)][~np.isfinite(sums)] = np.nan
        return Stack(*stack), means[: len(self.members)]

    def compile(self):
        """From now on let XLA compile the steps."""
        self.compiled, self.layout = True, self.layout._replace(compiled=True)

    def _steps_per_block(self):
        seconds = 6 * sum(map(math.prod, self.shapes)) * self.batch / FLOPS
        return power_of_two(max(1, int(4 * SECONDS_PER_CALL / seconds)))

    def judge(self, stack, table, weights_from, rows, center):
        """The head's metrics on rows: dict of float64 (members,).

        Args:
            stack: as `train` returns it.
            rows: list of int32 arrays, one per member, or one for all.
        """
        found, own_weights = None, weights_from
        weights_from = self._per_network(weights_from)
        longest = max(map(len, rows))
        chunk = max(1, BYTES_TO_JUDGE // (4 * self.count * max(*self.widths, self.task.n_features)))
        lines = np.zeros((len(rows) if len(rows) == 1 else self.count, longest), "int32")
        real = np.zeros(lines.shape, bool)
        for k, own in enumerate(rows):
            lines[k, : len(own)], real[k, : len(own)] = own, True
        run = judging_program(self.layout._replace(compiled=False))
        for start in range(0, longest, chunk):
            part = run(
                stack, self.constants, table, tf.constant(lines[:, start : start + chunk]),
                tf.constant(real[:, start : start + chunk]), weights_from, center,
            )  # fmt: skip
            part = {k: v.numpy().astype("float64")[: len(self.members)] for k, v in part.items()}
            found = part if found is None else {k: found[k] + v for k, v in part.items()}
        others = metrics_by_keras(
            [n for n in self.task.head.metrics if n not in OF_SUMS[self.task.problem]],
            self.layout, stack, self.constants, table, rows, own_weights,
        )  # fmt: skip
        return metrics(self.task.problem, self.task.n_outputs, found, others)

    def _per_network(self, values):
        padded = np.zeros(self.count, "int32")
        padded[: len(values)] = values
        return tf.constant(padded)

    def keep_best(self, better):
        """Note the present weights of some members, bool (members,), as their best."""
        self.best = self._best_or_now(better)
        self.has_best = [had or new for had, new in zip(self.has_best, better, strict=True)]

    def _best_or_now(self, now):
        """Best weights and moving averages, but the present ones of the members `now`."""
        present = [*self.stack.weights, *self.stack.moving]
        which = np.ones(self.count, bool)
        which[: len(now)] = now
        return present if self.best is None else list(keep(tf.constant(which), present, self.best))

    def predict(self, x, best=False):
        """(members, rows, outputs) as NumPy."""
        weights, moving = self.stack.weights, self.stack.moving
        if best:
            kept = self._best_or_now(~np.array(self.has_best))
            weights, moving = kept[: len(weights)], kept[len(weights) :]
        chunk = max(1, BYTES_TO_JUDGE // (4 * self.count * max(*self.widths, self.task.n_features)))
        parts = []
        for start in range(0, max(1, len(x)), chunk):
            rows = tf.constant(x[None, start : start + chunk])
            z, _ = forward(self.layout, weights, moving, self.constants, rows)
            parts.append(output(self.layout, z).numpy()[: len(self.members)])
        return np.concatenate(parts, axis=1)


@tf.function(autograph=False)
def keep(which, new, old):
    return [choose(which, n, o) for n, o in zip(new, old, strict=True)]


def layout_of(task, members, batch, counts, compiled):
    """The `Layout` of members; `counts`: how many networks compute each hidden layer."""
    return Layout(
        problem=task.problem,
        one_hot=task.one_hot,
        units=task.units,
        counts=counts,
        batch=batch,
        batch_norm=members[0].batch_norm,
        activations=tuple(sorted({m.activation for m in members})),
        rules=tuple(sorted({m.rule for m in members})),
        dropout=any(m.dropout for m in members),
        l2=any(m.l2 for m in members),
        compiled=compiled,
    )


def constants_of(layout, widths, count, members):
    """What does not change, with a value per network; padding gets the first network's."""
    members = members + [members[0]] * (count - len(members))

    def numbers(values, dtype="float32"):
        return tf.constant(np.array(list(values), dtype))

    rates = [with_rests(m.hyperparameters) for m in members]
    names = sorted({name for h in rates for name in h})
    found = {
        # A rate that another network's rule needs and this one's has not is not used.
        "rates": {name: numbers(h.get(name, 0.5) for h in rates) for name in names},
        "rule": numbers((layout.rules.index(m.rule) for m in members), "int32"),
        "activation": numbers((layout.activations.index(m.activation) for m in members), "int32"),
    }
    units = [m.hidden_units + (0,) * len(widths) for m in members]
    layers = list(enumerate(zip(widths, layout.counts, strict=True)))
    found["masks"] = [numbers(np.arange(w) < u[i] for u in units[:n]) for i, (w, n) in layers]
    found["present"] = [numbers((u[i] > 0 for u in units[:n]), "bool") for i, (_, n) in layers]
    if layout.problem in CLASSIFIERS:
        found["label_smoothing"] = numbers(m.label_smoothing for m in members)
    if layout.dropout:
        found["dropout"] = numbers(m.dropout for m in members)
        seeds = [np.random.SeedSequence([m.seed, 1]) for m in members]
        found["dropout_seeds"] = numbers((s.generate_state(len(widths)) for s in seeds), "uint32")
    if layout.l2:
        found["l2"] = numbers(m.l2 for m in members)
    return found
