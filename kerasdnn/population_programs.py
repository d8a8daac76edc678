"""What stacked networks compute: their outputs, and the program of many training steps.

Every tensor of weights has a leading axis over the networks, the deepest first: a hidden layer is
computed for the networks that have it and passed by the others. Networks that are narrower than
others in their stack are padded: a mask sets the outputs of missing units to 0, so that neither
they nor the weights behind them receive a gradient, and their weights stay 0. Numbers
(learning rate, dropout, l2, ...) are tensors with a value per network; what is compiled depends on
shapes and on the activations and update rules present, and is shared by all stacks alike.
"""

import collections
import functools
from typing import NamedTuple

import tensorflow as tf

from . import activations
from .rules import RULES

REMEMBERED = 64
EPSILON, MOMENTUM = 1e-3, 0.99  # of Keras's BatchNormalization


class Layout(NamedTuple):
    """All that a program is compiled for, beside the shapes of its arguments.

    `counts` says for each hidden layer how many networks, from the first, compute it; those of
    them that lack it (there are few, so that counts are round) are told by `constants`.
    `activations` and `rules` are those present, sorted; `dropout` and `l2` whether any network
    has some.
    """

    problem: str
    one_hot: bool
    units: int
    counts: tuple
    batch: int
    batch_norm: bool
    activations: tuple
    rules: tuple
    dropout: bool
    l2: bool
    compiled: bool  # by XLA, else a TensorFlow graph

    @property
    def per_layer(self):
        """Trainable weights of a hidden layer."""
        return 3 if self.batch_norm else 2


class Stack(NamedTuple):
    """The changing part of a stack: lists of tensors (networks, ...), and steps (networks,)."""

    weights: list
    slots: list  # per slot of the update rules, a list like `weights`
    moving: list  # mean and variance per hidden layer, with batch norm
    steps: tf.Tensor


def forward(layout, weights, moving, constants, x, rows=None, steps=None):
    """What the networks put out before the output activation: (networks, rows, units).

    Args:
        x: (networks or 1, rows, features).
        rows: while training, bool (networks or 1, rows): which rows are real.
        steps: while training, int (networks,): steps done.

    Returns:
        Outputs, and the new `moving`.
    """
    h, new_moving = x, []
    for i, count in enumerate(layout.counts):
        kernel, *rest = weights[layout.per_layer * i : layout.per_layer * (i + 1)]
        z = tf.matmul(h if h.shape[0] == 1 else h[:count], kernel)
        if layout.batch_norm:
            gamma, beta = rest
            mean, variance = old = moving[2 * i : 2 * i + 2]
            if rows is not None:
                mean, variance = now = moments(z, rows if rows.shape[0] == 1 else rows[:count])
                new_moving += [
                    m * MOMENTUM + n * (1 - MOMENTUM) for m, n in zip(old, now, strict=True)
                ]
            scale = gamma * tf.math.rsqrt(variance + EPSILON)
            z = z * scale[:, None] + (beta - mean * scale)[:, None]
        else:
            z = z + rest[0][:, None]
        out = activate(layout, z, constants["activation"][:count])
        out = out * constants["masks"][i][:, None]
        if layout.dropout and rows is not None:
            out = drop(
                out, constants["dropout"][:count], constants["dropout_seeds"][:count, i],
                steps[:count],
            )  # fmt: skip
        h = out if i == 0 else pass_by(h, out, constants["present"][i])
    kernel, bias = weights[-2:]
    return tf.matmul(h, kernel) + bias[:, None], new_moving


def pass_by(h, out, present):
    """`out` of the networks that have a layer, `h` of those that pass it by."""
    count, width = out.shape[0], out.shape[2]
    lacking = width - h.shape[2]
    # No network that passes by is wider than `width`: what is cut off is padding.
    h = h[..., :width] if lacking <= 0 else tf.pad(h, [(0, 0), (0, 0), (0, lacking)])
    out = tf.where(present[:, None, None], out, h[:count])
    return out if h.shape[0] == count else tf.concat([out, h[count:]], 0)


def moments(z, rows):
    """Mean and variance over the real rows: (networks, width) each."""
    weight = tf.cast(rows, z.dtype)[..., None]
    count = tf.maximum(tf.reduce_sum(weight, 1), 1.0)
    mean = tf.reduce_sum(z * weight, 1) / count
    return mean, tf.reduce_sum(tf.square(z - mean[:, None]) * weight, 1) / count


def activate(layout, z, which):
    """Each network's own activation; `which` counts in `layout.activations`."""
    if len(layout.activations) == 1:
        return activations.BY_NAME[layout.activations[0]](z)
    out = tf.zeros_like(z)
    for k, name in enumerate(layout.activations):
        chosen = (which == k)[:, None, None]
        # An activation sees only its own networks: another's z could overflow in it, and
        # 0 * inf in the gradient is NaN.
        out = tf.where(chosen, activations.BY_NAME[name](tf.where(chosen, z, 0.0)), out)
    return out


def drop(h, rate, seed, steps):
    """Dropout. Its random numbers are a function of seed, step, row of the batch and unit.

    They come from an integer hash (lowbias32 by C. Wellons, twice), several times as fast on a CPU
    as TensorFlow's generators, and do not depend on how networks are stacked or padded.
    """
    row, unit = tf.range(h.shape[1])[:, None], tf.range(h.shape[2])
    place = scramble(tf.cast(row * 65_536 + unit, "uint32"))
    key = scramble(seed + scramble(tf.cast(steps, "uint32")))
    bits = scramble(place[None] + key[:, None, None])
    # 24 bits are what a float32 holds exactly.
    uniform = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, "uint32")), "int32")
    keep = tf.cast(uniform, "float32") >= rate[:, None, None] * 2.0**24
    return tf.where(keep, h / (1 - rate)[:, None, None], 0.0)


def scramble(x):
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, "uint32")))
        x = x * tf.constant(factor, "uint32")
    return tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(16, "uint32")))


def output(layout, z):
    """The output activation: what `predict` gives."""
    if layout.problem == "multiclass":
        return tf.nn.softmax(z)
    if layout.problem in ("binary", "multilabel"):
        return tf.sigmoid(z)
    return tf.exp(z) if layout.problem == "count" else z


def losses(layout, z, y, smoothing=None):
    """The head's loss of each row, (networks, rows), from what `forward` gives.

    Args:
        y: int class indices (networks or 1, rows), else float (networks or 1, rows, units).
        smoothing: (networks,) or None.
    """
    if layout.problem in ("regression", "count"):
        if layout.problem == "regression":
            return tf.reduce_mean(tf.square(z - y), -1)
        p = tf.exp(z)
        return tf.reduce_mean(p - y * tf.math.log(p + 1e-7), -1)
    if layout.problem == "multiclass" and not layout.one_hot:
        y = tf.one_hot(y, layout.units)
    if smoothing is not None:
        s = smoothing[:, None, None]
        y = y * (1 - s) + s / (layout.units if layout.problem == "multiclass" else 2)
    y = tf.broadcast_to(y, tf.shape(z))
    if layout.problem == "multiclass":
        return tf.nn.softmax_cross_entropy_with_logits(y, z)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y, z), -1)


def train(layout, stack, constants, table, orders, n_rows, first, count):
    """Train for steps `first` to `first + count` of an epoch.

    Args:
        layout: `Layout`.
        stack: `Stack` to go on from.
        constants: dict of what does not change, with a value per network.
        table: x (rows, features), y, and flat weights of rows.
        orders: int32 (networks or 1, steps * batch): rows in the order of these steps; 1 where
            all networks see the same. Padded with 0.
        n_rows: int32 (networks,): rows of each network's epoch, 0 for one that does not train.
        first, count: int32.

    Returns:
        `Stack`, and the sum over real rows of what was minimised (networks,).
    """
    x_all, y_all, weight_all = table
    batch = layout.batch

    def step(t, stack, total):
        # Rows of this step. A network's last batch may be short: missing rows weigh nothing.
        real = tf.clip_by_value(n_rows - (first + t) * batch, 0, batch)
        rows = tf.range(batch) < real[:, None]
        order = tf.slice(orders, [0, t * batch], [orders.shape[0], batch])
        x, y = tf.gather(x_all, order), tf.gather(y_all, order)
        weight = tf.gather(weight_all, constants["weights_from"][:, None] + order)
        mean = tf.cast(rows, "float32") / tf.cast(tf.maximum(real, 1), "float32")[:, None]
        smoothing = constants.get("label_smoothing")

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(stack.weights)
            z, moving = forward(
                layout, stack.weights, stack.moving, constants, x, rows, stack.steps
            )
            # Where there is no row there must be no loss, not 0 times one that overflowed.
            row_losses = tf.where(rows, losses(layout, z, y, smoothing), 0.0)
            loss = tf.reduce_sum(row_losses * weight * mean, -1)
        gradients = tape.gradient(loss, stack.weights)

        kernels = [len(w.shape) == 3 for w in stack.weights]
        if layout.l2:
            l2 = constants["l2"]
            for i, is_kernel in enumerate(kernels):
                if is_kernel:
                    w = stack.weights[i]
                    count = w.shape[0]
                    penalty = l2[:count] * tf.reduce_sum(tf.square(w), (1, 2))
                    loss += tf.pad(penalty, [(0, l2.shape[0] - count)])
                    gradients[i] += 2 * l2[:count, None, None] * w
        trains = real > 0
        weights, slots = update(layout, stack, gradients, constants)
        keep = functools.partial(choose, trains)
        stack = Stack(
            [keep(new, old) for new, old in zip(weights, stack.weights, strict=True)],
            [
                [keep(new, old) for new, old in zip(news, olds, strict=True)]
                for news, olds in zip(slots, stack.slots, strict=True)
            ],
            [keep(new, old) for new, old in zip(moving, stack.moving, strict=True)],
            stack.steps + tf.cast(trains, "int32"),
        )
        total += tf.where(trains, loss * tf.cast(real, "float32"), 0.0)
        return t + 1, stack, total

    total = tf.zeros(n_rows.shape, "float32")
    _, stack, total = tf.while_loop(lambda t, *_: t < count, step, [0, stack, total])
    return stack, total


def update(layout, stack, gradients, constants):
    """The new weights and slots, each network by its own rule."""
    which = constants["rule"]
    t = tf.cast(stack.steps + 1, "float32")
    all_weights, all_slots = [], [[] for _ in stack.slots]
    for i, (w, g) in enumerate(zip(stack.weights, gradients, strict=True)):
        axes = (...,) + (None,) * (len(w.shape) - 1)
        count = w.shape[0]
        h = {name: value[:count][axes] for name, value in constants["rates"].items()}
        new, slots = w, [slot[i] for slot in stack.slots]
        for k, name in enumerate(layout.rules):
            n_slots = len(RULES[name].slots)
            old = [slot[i] for slot in stack.slots[:n_slots]]
            w_k, slots_k = RULES[name].update(w, g, old, t[:count][axes], h)
            if len(layout.rules) == 1:
                new, slots[:n_slots] = w_k, slots_k
                continue
            chosen = (which == k)[:count][axes]
            new = tf.where(chosen, w_k, new)
            slots[:n_slots] = [
                tf.where(chosen, s_k, s) for s_k, s in zip(slots_k, slots[:n_slots], strict=True)
            ]
        all_weights.append(new)
        for kept, slot in zip(all_slots, slots, strict=True):
            kept.append(slot)
    return all_weights, all_slots


def choose(which, new, old):
    which = tf.reshape(which[: old.shape[0]], (-1,) + (1,) * (len(old.shape) - 1))
    return tf.where(which, new, old)


programs = collections.OrderedDict()


def program(layout):
    """The program of `train` for a layout; traced and compiled anew for other shapes."""
    if layout not in programs:
        programs[layout] = tf.function(
            functools.partial(train, layout), jit_compile=layout.compiled, autograph=False
        )
        while len(programs) > REMEMBERED:
            programs.popitem(last=False)
    programs.move_to_end(layout)
    return programs[layout]
