"""Train stacked networks for many steps in one compiled function.

Numbers (learning rate, dropout, l2, ...) are tensors with a value per network. A function is
compiled for shapes and for the activations and update rules present, and shared by all groups that
have the same.
"""

import functools

import tensorflow as tf

from .forward import Stack, forward, losses
from .optimizer_rules import RULES

MAX_FUNCTIONS = 64  # in the cache


def train(layout, stack, constants, table, orders, n_rows, first, count):
    """Train for steps `first` to `first + count` of an epoch.

    Args:
        layout: `Layout`.
        stack: `Stack` to continue from.
        constants: dict of what training does not change, with a value per network.
        table: x (rows, features), y, and flat weights of rows.
        orders: int32 (networks or 1, steps * batch), rows in the order of these steps, padded with
            0; 1 line where all networks have the same order.
        n_rows: int32 (networks,), rows of each network's epoch, 0 for one that does not train.
        first, count: int32.

    Returns:
        `Stack`, and the sum over real rows of what was minimized, (networks,).
    """
    x_all, y_all, weight_all = table
    batch = layout.batch

    def step(t, stack, total):
        # Rows of this step. A network's last batch may be short: missing rows have weight 0.
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
            # A missing row has loss 0, not 0 times a loss that may have overflowed.
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
    """Compute the new weights and optimizer state, each network by its own rule.

    Every rule present is computed for every network, and the right result selected: on two cores a
    step of 50 networks takes a quarter longer with six rules than with two. Concatenating the
    weights into one tensor takes longer still.
    """
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
            if RULES[name].kernel is not None and len(w.shape) == 3:
                size = {"size": constants["sizes"][i // layout.per_layer][axes]}
                by_kernel = RULES[name].kernel(w, g, old, t[:count][axes], h | size)
                w_k, slots_k = choose_rule(i, stack, by_kernel, (w_k, slots_k), h)
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


def choose_rule(i, stack, of_kernels, of_others, h):
    """The result of the rule of kernels; for the output kernel only of networks that use it."""
    if i != len(stack.weights) - 2:
        return of_kernels
    use = h["muon_output"] > 0
    pairs = zip(of_kernels[1], of_others[1], strict=True)
    return tf.where(use, of_kernels[0], of_others[0]), [tf.where(use, a, b) for a, b in pairs]


def choose(which, new, old):
    which = tf.reshape(which[: old.shape[0]], (-1,) + (1,) * (len(old.shape) - 1))
    return tf.where(which, new, old)


@functools.lru_cache(MAX_FUNCTIONS)
def train_function(layout):
    """Return `train` for a layout as a TensorFlow function, compiled again for other shapes."""
    run = functools.partial(train, layout)
    return tf.function(run, jit_compile=layout.compiled, autograph=False)
