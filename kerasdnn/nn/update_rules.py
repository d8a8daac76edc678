"""The six update rules as pure functions of tensors, with Keras's formulas.

With weights w, gradient g, learning rate lr, step t (from 1), momentum m, and slots v, a, s that
start at zero (a: at `initial_accumulator_value`):

    sgd         w = w - lr g
    momentum    v = m v - lr g                      w = w + v
    nag         v = m v - lr g                      w = w + m v - lr g
    adagrad     a = a + g^2                         w = w - lr g / sqrt(a + epsilon)
    rmsprop     a = rho a + (1 - rho) g^2           w = w - lr g / sqrt(a + epsilon)
    adam        v = v + (1 - beta_1) (g - v)        s = s + (1 - beta_2) (g^2 - s)
                w = w - lr sqrt(1 - beta_2^t) / (1 - beta_1^t) v / (sqrt(s) + epsilon)

`optimizers.py` makes Keras optimizers of Momentum and NAG, `population/optimizer_rules.py` lets
stacked networks follow all six. A rule is called as `rule(w, g, slots, t, h)`; `h` holds the
hyperparameters by name, numbers or tensors that broadcast against w, so that networks stacked on a
leading axis have their own. It also holds "1 - rho" and its like, as Keras rounds them: once, from
Python's floats. (In float32 alone 1 - 0.999 is wrong by 5e-5 of its value.) A rule returns the new
w and the new slots.
"""

from keras import ops


def sgd(w, g, slots, t, h):
    return ops.subtract(w, ops.multiply(g, h["learning_rate"])), []


# Functions of `ops`, not operators: they also take the sparse gradients of embeddings.
def momentum(w, g, slots, t, h):
    v = ops.subtract(ops.multiply(slots[0], h["momentum"]), ops.multiply(g, h["learning_rate"]))
    return ops.add(w, v), [v]


def nag(w, g, slots, t, h):
    step = ops.multiply(g, h["learning_rate"])
    v = ops.subtract(ops.multiply(slots[0], h["momentum"]), step)
    return ops.add(w, ops.subtract(ops.multiply(v, h["momentum"]), step)), [v]


def adagrad(w, g, slots, t, h):
    a = slots[0] + ops.square(g)
    return w - h["learning_rate"] * g / ops.sqrt(a + h["epsilon"]), [a]


def rmsprop(w, g, slots, t, h):
    a = h["rho"] * slots[0] + h["1 - rho"] * ops.square(g)
    return w - h["learning_rate"] * g / ops.sqrt(a + h["epsilon"]), [a]


def adam(w, g, slots, t, h):
    v, s = slots
    corrected = ops.sqrt(1 - ops.power(h["beta_2"], t)) / (1 - ops.power(h["beta_1"], t))
    v = v + (g - v) * h["1 - beta_1"]
    s = s + (ops.square(g) - s) * h["1 - beta_2"]
    return w - v * (h["learning_rate"] * corrected) / (ops.sqrt(s) + h["epsilon"]), [v, s]
