"""A group of stacked networks on the device: padded members in, training steps, members out."""

import math
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from ..heads.loss import with_loss
from ..heads.problem_types import Problem
from ..training.device_data import FLOPS, SECONDS_PER_CALL, power_of_two, round_up
from .forward import Layout, Stack, forward, output
from .member_state import Member, Progress, align_layers, pad_and_stack, unstack
from .metrics import evaluation_function, metrics_by_keras, metrics_of_sums, needed_sums
from .optimizer_rules import RULES, with_complements
from .plan import padded, padded_shapes
from .train_steps import choose, train_function

BYTES_PER_EVALUATION = 2**26  # of one layer's outputs at a time


@dataclass
class StackedMembers:
    """Members on the device.

    Args:
        problem: `Problem`.
        numbers: list of int, which members of the population these are.
        members: list of `Member`.
        batch: int, rows per step.
        compiled: bool, whether XLA compiles the steps.
        counts: tuple of int, how many networks compute each hidden layer. None: as few as have it.
    """

    problem: Problem
    numbers: list[int]
    members: list[Member]
    batch: int
    compiled: bool = True
    counts: tuple | None = None
    stack: Stack | None = field(default=None, repr=False)
    best: list | None = field(default=None, repr=False)

    def __post_init__(self):
        members, batch_norm = self.members, self.members[0].batch_norm
        self.widths, counts, self.count = padded(members)
        self.counts = self.counts or counts
        self.layout = layout_of(self.problem, members, self.batch, self.counts, self.compiled)
        self.shapes = padded_shapes(
            self.problem, self.widths, self.counts, self.count, batch_norm
        )  # fmt: skip
        layers = zip(self.counts, self.widths, strict=True)
        self.moving_shapes = [layer for layer in layers for _ in range(2 * batch_norm)]
        self.n_slots = max(len(RULES[name].slots) for name in self.layout.rules)
        features = self.problem.n_features
        self.constants = constants_of(self.layout, self.widths, self.count, members, features)

    def put(self, progress):
        """Copy members to the device; `progress`: a `Progress` per member."""
        lacking = [None] * len(self.shapes)
        slots = [
            pad_and_stack(self.shapes, [
                self._align(p.slots[k]) if k < len(p.slots) else lacking for p in progress
            ])
            for k in range(self.n_slots)
        ]  # fmt: skip
        steps = np.zeros(self.count, "int32")
        steps[: len(progress)] = [p.steps for p in progress]
        self.stack = Stack(
            pad_and_stack(self.shapes, [self._align(p.weights) for p in progress]),
            slots,
            pad_and_stack(self.moving_shapes, [self._align_moving(p.moving) for p in progress]),
            tf.constant(steps),
        )
        self.best, self.has_best = None, [p.best is not None for p in progress]
        if any(self.has_best):
            best = [(p.best or p.weights + p.moving, len(p.weights)) for p in progress]
            best = [self._align(b[:n]) + self._align_moving(b[n:]) for b, n in best]
            self.best = pad_and_stack(self.shapes + self.moving_shapes, best)

    def _align(self, weights):
        return align_layers(weights, len(self.shapes), after=2)

    def _align_moving(self, moving):
        return align_layers(moving, len(self.moving_shapes), after=0)

    def get(self, which=None):
        """Copy members from the device as a list of `Progress`; None means all of them."""
        weights, moving, best, *slots = (
            [np.asarray(tensor) for tensor in tensors or ()]
            for tensors in (self.stack.weights, self.stack.moving, self.best, *self.stack.slots)
        )
        found = []
        for k in range(len(self.members)) if which is None else which:
            member = self.members[k]
            moved = [(u,) for u in member.hidden_units for _ in range(2 * member.batch_norm)]
            shapes, moved = self._align(member.shapes(self.problem)), self._align_moving(moved)
            found.append(
                Progress(
                    unstack(weights, k, shapes),
                    [unstack(slots[j], k, shapes) for j in range(member.n_slots)],
                    unstack(moving, k, moved),
                    int(self.steps[k]),
                    unstack(best, k, shapes + moved) if self.has_best[k] else None,
                )
            )
        return found

    @property
    def steps(self):
        """Steps done, int array (members,)."""
        return np.asarray(self.stack.steps)[: len(self.members)]

    def park(self):
        """Move the tensors to the host's memory until the next epoch."""
        self.stack = tf.nest.map_structure(np.asarray, self.stack)
        self.best = self.best and tf.nest.map_structure(np.asarray, self.best)

    @property
    def bytes(self):
        """Memory that the tensors take on the device between epochs."""
        return 4 * (2 + self.n_slots) * sum(map(math.prod, self.shapes))

    def train(self, table, weights_from, orders, factor=1.0):
        """Train for one epoch; changes nothing in this object.

        Args:
            table: x, y and flat row weights, tensors.
            weights_from: int (members,), position of a member's first row weight.
            orders: per member the rows of its epoch in order, None for one that does not train.
            factor: float, of every learning rate.

        Returns:
            The new `stack`, and the mean of what was minimized, float64 (members,), NaN for a
            member that does not train.
        """
        n_rows = np.zeros(self.count, "int32")
        n_rows[: len(orders)] = [0 if order is None else len(order) for order in orders]
        different = {id(order): order for order in orders if order is not None}
        rows = list(different.values()) if len(different) == 1 else orders
        n_steps = -(-int(n_rows.max()) // self.batch)
        chunk = round_up(min(n_steps, self._steps_per_chunk()))
        width = -(-n_steps // chunk) * chunk * self.batch
        lines = np.zeros((1 if len(different) == 1 else self.count, width), "int32")
        for line, order in zip(lines, rows, strict=False):
            if order is not None:
                line[: len(order)] = order
        constants = self.constants | {"weights_from": self._per_network(weights_from)}
        rates = constants["rates"]
        constants["rates"] = rates | {"learning_rate": rates["learning_rate"] * factor}
        run, stack, total = train_function(self.layout), self.stack, 0.0
        for first in range(0, n_steps, chunk):
            part = lines[:, first * self.batch : (first + chunk) * self.batch]
            stack, loss = run(
                stack, constants, table, tf.constant(part), tf.constant(n_rows),
                tf.constant(first, "int32"), tf.constant(min(chunk, n_steps - first), "int32"),
            )  # fmt: skip
            total = total + loss.numpy()
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.float64(total) / n_rows
        # A ReLU turns NaN into 0: the loss may be finite although weights are not. Looking at the
        # kernels is enough, because a bias alone does not become NaN.
        for kernel in stack[0]:
            if len(kernel.shape) == 3:
                sums = tf.reduce_sum(kernel, (1, 2)).numpy()
                means[: len(sums)][~np.isfinite(sums)] = np.nan
        return Stack(*stack), means[: len(self.members)]

    def compile(self):
        """Let XLA compile the steps from now on."""
        self.compiled, self.layout = True, self.layout._replace(compiled=True)

    def _steps_per_chunk(self):
        seconds = 6 * sum(map(math.prod, self.shapes)) * self.batch / FLOPS
        return power_of_two(max(1, int(4 * SECONDS_PER_CALL / seconds)))

    def evaluate(self, stack, table, weights_from, rows, center):
        """Compute the loss and the metrics of the head: a dict of float64 (members,).

        Args:
            stack: as `train` returns it.
            rows: list of int32 arrays, one per member, or one for all.
            center: see `MemberRows`.
        """
        found, longest, chunk = None, max(map(len, rows)), self._rows_per_chunk()
        lines = np.zeros((len(rows) if len(rows) == 1 else self.count, longest), "int32")
        real = np.zeros(lines.shape, bool)
        for k, own in enumerate(rows):
            lines[k, : len(own)], real[k, : len(own)] = own, True
        layout = self.layout._replace(compiled=False)
        run = evaluation_function(layout, needed_sums(self.problem))
        constants = self.constants | {"weights_from": self._per_network(weights_from)}
        for start in range(0, longest, chunk):
            part = run(
                stack, constants, table, tf.constant(lines[:, start : start + chunk]),
                tf.constant(real[:, start : start + chunk]), center,
            )  # fmt: skip
            part = {k: v.numpy().astype("float64")[: len(self.members)] for k, v in part.items()}
            found = part if found is None else {k: found[k] + v for k, v in part.items()}
        others = metrics_by_keras(layout, stack, self.constants, table, rows, weights_from)
        return metrics_of_sums(layout, found, others)

    def _rows_per_chunk(self):
        widest = max(*self.widths, self.problem.n_features)
        return max(1, BYTES_PER_EVALUATION // (4 * self.count * widest))

    def _per_network(self, values):
        padded = np.zeros(self.count, "int32")
        padded[: len(values)] = values
        return tf.constant(padded)

    def keep_best(self, better):
        """Keep the current weights of the members `better`, bool (members,), as their best."""
        self.best = self._best_or_current(better)
        self.has_best = [had or new for had, new in zip(self.has_best, better, strict=True)]

    def _best_or_current(self, current):
        """Best weights and moving averages, but the current ones of the members `current`."""
        present = [*self.stack.weights, *self.stack.moving]
        which = np.ones(self.count, bool)
        which[: len(current)] = current
        return present if self.best is None else list(keep(tf.constant(which), present, self.best))

    def predict(self, x, best=False):
        """Predict for float32 x: a NumPy array (members, rows, outputs)."""
        weights, moving = self.stack.weights, self.stack.moving
        if best:
            kept = self._best_or_current(~np.array(self.has_best))
            weights, moving = kept[: len(weights)], kept[len(weights) :]
        chunk, parts = self._rows_per_chunk(), []
        for start in range(0, max(1, len(x)), chunk):
            rows = tf.constant(x[None, start : start + chunk])
            z, _ = forward(self.layout, weights, moving, self.constants, rows)
            parts.append(output(self.layout, z).numpy()[: len(self.members)])
        return np.concatenate(parts, axis=1)


def keep(which, new, old):
    return [choose(which, n, o) for n, o in zip(new, old, strict=True)]


def layout_of(problem, members, batch, counts, compiled):
    """Return the `Layout` of members; `counts`: how many networks compute each hidden layer."""
    return Layout(
        head=with_loss(problem.head, members[0].loss),
        units=problem.outputs,
        counts=counts,
        batch=batch,
        batch_norm=members[0].batch_norm,
        activations=tuple(sorted({m.activation for m in members})),
        rules=tuple(sorted({m.rule for m in members})),
        dropout=any(m.dropout for m in members),
        l2=any(m.l2 for m in members),
        compiled=compiled,
    )


def constants_of(layout, widths, count, members, n_features):
    """Collect what training does not change, a value per network; padding repeats the first."""
    members = members + [members[0]] * (count - len(members))

    def numbers(values, dtype="float32"):
        return tf.constant(np.array(list(values), dtype))

    rates = [with_complements(m.hyperparameters) for m in members]
    names = sorted({name for h in rates for name in h})
    found = {
        # What only another network's rule needs is filled with a number that is not used.
        "rates": {name: numbers(h.get(name, 0.5) for h in rates) for name in names},
        "rule": numbers((layout.rules.index(m.rule) for m in members), "int32"),
        "activation": numbers((layout.activations.index(m.activation) for m in members), "int32"),
    }
    units = [m.hidden_units + (0,) * len(widths) for m in members]
    layers = list(enumerate(zip(widths, layout.counts, strict=True)))
    found["masks"] = [numbers(np.arange(w) < u[i] for u in units[:n]) for i, (w, n) in layers]
    found["present"] = [numbers((u[i] > 0 for u in units[:n]), "bool") for i, (_, n) in layers]
    if any(RULES[name].kernel for name in layout.rules):
        found["sizes"] = [
            numbers(sides) for sides in larger_sides(layout, members, n_features)
        ]  # fmt: skip
    if layout.head.smoothed and layout.head.logits_loss:
        found["label_smoothing"] = numbers(m.label_smoothing for m in members)
    if layout.dropout:
        found["dropout"] = numbers(m.dropout for m in members)
        seeds = [np.random.SeedSequence([m.seed, 1]) for m in members]
        found["dropout_seeds"] = numbers((s.generate_state(len(widths)) for s in seeds), "uint32")
    if layout.l2:
        found["l2"] = numbers(m.l2 for m in members)
    return found


def larger_sides(layout, members, n_features):
    """Return, per kernel, the larger side of that of each network; 1 where it has none."""
    sides = [
        [max(shape) for shape in m.shapes_of_kernels(n_features, layout.units)] for m in members
    ]
    hidden = [
        [own[i] if i < len(own) - 1 else 1 for own in sides[:count]]
        for i, count in enumerate(layout.counts)
    ]
    return [*hidden, [own[-1] for own in sides]]
