"""Compute outputs and losses of stacked networks from their weights and rows.

Every weight tensor has a leading axis over the networks, the deepest first: a hidden layer is
computed for the networks that have it and skipped by the others. Networks that are narrower than
others in their group are padded: a mask sets the outputs of missing units to 0, so that neither
they nor the weights after them receive a gradient, and their weights stay 0.
"""

import functools
from typing import NamedTuple

import keras
import tensorflow as tf

from .. import activations
from ..core.arguments import Unstackable
from ..core.messages import invalid
from ..heads.head import Head
from ..heads.loss import make_loss
from ..training.metrics import WRAPPER, is_row_by_row_loss

EPSILON, MOMENTUM = 1e-3, 0.99  # of Keras's BatchNormalization


class Layout(NamedTuple):
    """What a function is compiled for, besides the shapes of its arguments.

    `units` is the number of outputs. `counts` says for each hidden layer how many networks, from
    the first, compute it; `constants` mark those of them that lack it (a few, because counts are
    rounded up). `activations` and `rules` are those present, sorted; `dropout` and `l2` whether any
    network uses it.
    """

    head: Head
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
    """What training changes: lists of tensors (networks, ...), and steps (networks,)."""

    weights: list
    slots: list  # per optimizer state variable, a list like `weights`
    moving: list  # mean and variance per hidden layer, with batch norm
    steps: tf.Tensor


def forward(layout, weights, moving, constants, x, rows=None, steps=None):
    """Compute what precedes the output activation: (networks, rows, units).

    Args:
        x: float32 (networks or 1, rows, features).
        rows: in training, bool (networks or 1, rows), False for padding.
        steps: in training, int (networks,), steps done.

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
        h = out if i == 0 else skip_layer(h, out, constants["present"][i])
    kernel, bias = weights[-2:]
    return tf.matmul(h, kernel) + bias[:, None], new_moving


def skip_layer(h, out, present):
    """Return `out` of the networks that have a layer, `h` of those that skip it."""
    count, width = out.shape[0], out.shape[2]
    lacking = width - h.shape[2]
    # No network that skips the layer is wider than `width`: only padding is cut off.
    h = h[..., :width] if lacking <= 0 else tf.pad(h, [(0, 0), (0, 0), (0, lacking)])
    out = tf.where(present[:, None, None], out, h[:count])
    return out if h.shape[0] == count else tf.concat([out, h[count:]], 0)


def moments(z, rows):
    """Compute mean and variance over the real rows: (networks, width) each."""
    weight = tf.cast(rows, z.dtype)[..., None]
    count = tf.maximum(tf.reduce_sum(weight, 1), 1.0)
    mean = tf.reduce_sum(z * weight, 1) / count
    return mean, tf.reduce_sum(tf.square(z - mean[:, None]) * weight, 1) / count


def activate(layout, z, which):
    """Apply each network's own activation; `which`: positions in `layout.activations`."""
    if len(layout.activations) == 1:
        return activations.BY_NAME[layout.activations[0]](z)
    out = tf.zeros_like(z)
    for k, name in enumerate(layout.activations):
        chosen = (which == k)[:, None, None]
        # An activation receives 0 for the other networks, whose z could overflow in it: 0 * inf in
        # the gradient is NaN.
        out = tf.where(chosen, activations.BY_NAME[name](tf.where(chosen, z, 0.0)), out)
    return out


def drop(h, rate, seed, steps):
    """Apply dropout. Its random numbers are a function of seed, step, row of the batch and unit.

    They come from an integer hash (lowbias32 by C. Wellons, twice), which is several times as fast
    on a CPU as TensorFlow's generators and does not depend on how networks are grouped or padded.
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
    """Apply the output activation: what `predict` returns."""
    return keras.activations.get(layout.head.activation)(z)


def losses(layout, z, y, smoothing=None):
    """Compute the loss of each row, (networks, rows), from what `forward` returns.

    Args:
        y: int class indices (networks or 1, rows), else float (networks or 1, rows, units).
        smoothing: (networks,) or None.
    """
    head = layout.head
    indices = head.per_class and not head.one_hot
    if head.logits_loss is None:
        y = tf.broadcast_to(y, tf.shape(z)[:-1] if indices else tf.shape(z))
        return loss_by_row(head)(y, output(layout, z))
    if indices:
        y = tf.one_hot(y, layout.units)
    if smoothing is not None:
        s = smoothing[:, None, None]
        y = y * (1 - s) + s / (layout.units if head.per_class else 2)
    return head.logits_loss(y, z)


@functools.lru_cache
def loss_by_row(head):
    """Return the function from y and predictions to the loss of each row.

    Raises:
        Unstackable: `Network.fit` minimizes something else than a weighted mean of numbers of which
            each depends on its row alone, as far as is known.
    """
    loss = make_loss(head)
    loss = loss if isinstance(loss, keras.losses.Loss) else WRAPPER(loss)
    by_row = isinstance(head.activation, str) or getattr(head.activation, "row_by_row", False)
    if not by_row or not is_row_by_row_loss(loss):
        rule = "must have a row-wise loss of Keras, or a `logits_loss`, to be stacked"
        remedy = "Train this network by `Network.fit`."
        raise invalid("problem", rule, head.name or str(head), remedy, Unstackable)
    return loss.call
