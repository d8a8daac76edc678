"""The update rules as pure functions of tensors, with Keras's formulas.

With weights w, gradient g, learning rate lr, 1-based step t, momentum m, and state variables v, a,
s that start at zero (a: at `initial_accumulator_value`):

    sgd         w = w - lr g
    momentum    v = m v - lr g                      w = w + v
    nag         v = m v - lr g                      w = w + m v - lr g
    adagrad     a = a + g^2                         w = w - lr g / sqrt(a + epsilon)
    rmsprop     a = rho a + (1 - rho) g^2           w = w - lr g / sqrt(a + epsilon)
    adam        v = v + (1 - beta_1) (g - v)        s = s + (1 - beta_2) (g^2 - s)
                w = w - lr sqrt(1 - beta_2^t) / (1 - beta_1^t) v / (sqrt(s) + epsilon)
    adamw       w = w (1 - lr weight_decay), then adam
    muon        kernels                             v = m v + g
                w = w (1 - lr weight_decay) - lr rms_rate sqrt(max(rows, columns)) O(g + m v)
                others                              adamw with its own decay and factor of lr

where O(x), nearly orthogonal, is x / |x| after five Newton-Schulz steps, x = a x + (b x x' + c (x
x')^2) x, with (a, b, c) = (3.4445, -4.775, 2.0315).

`optimizers.py` builds Keras optimizers from Momentum and NAG, and `population/optimizer_rules.py`
applies all of them to stacked networks. A rule is called as `rule(w, g, state, t, h)`, where `h` is
a dict of hyperparameters, numbers or tensors that broadcast against w, so that networks stacked on
a leading axis have their own. It also contains "1 - rho" and similar keys, rounded once from Python
floats as in Keras. (In float32 alone 1 - 0.999 is wrong by 5e-5 of its value.) A rule returns the
new w and the new state.
"""

from typing import Any

from keras import ops


def sgd(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    return ops.subtract(w, ops.multiply(g, h["learning_rate"])), []


# Functions of `ops`, not operators: they also take the sparse gradients of embeddings.
def momentum(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    v = ops.subtract(ops.multiply(state[0], h["momentum"]), ops.multiply(g, h["learning_rate"]))
    return ops.add(w, v), [v]


def nag(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    step = ops.multiply(g, h["learning_rate"])
    v = ops.subtract(ops.multiply(state[0], h["momentum"]), step)
    return ops.add(w, ops.subtract(ops.multiply(v, h["momentum"]), step)), [v]


def adagrad(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    a = state[0] + ops.square(g)
    return w - h["learning_rate"] * g / ops.sqrt(a + h["epsilon"]), [a]


def rmsprop(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    a = h["rho"] * state[0] + h["1 - rho"] * ops.square(g)
    return w - h["learning_rate"] * g / ops.sqrt(a + h["epsilon"]), [a]


def adam(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    v, s = state
    corrected = ops.sqrt(1 - ops.power(h["beta_2"], t)) / (1 - ops.power(h["beta_1"], t))
    v = v + (g - v) * h["1 - beta_1"]
    s = s + (ops.square(g) - s) * h["1 - beta_2"]
    return w - v * (h["learning_rate"] * corrected) / (ops.sqrt(s) + h["epsilon"]), [v, s]


def adamw(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    return adam(w - w * (h["weight_decay"] * h["learning_rate"]), g, state, t, h)


def muon(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    """The rule of kernels: `h["size"]` is the larger of their two sides, without padding."""
    v = h["momentum"] * state[0] + g
    length = h["learning_rate"] * h["rms_rate"] * ops.sqrt(h["size"])
    w = w - w * (h["weight_decay"] * h["learning_rate"])
    return w - length * orthogonal(g + h["momentum"] * v), [v, *state[1:]]


def muon_of_others(w: Any, g: Any, state: Any, t: Any, h: dict) -> tuple[Any, list]:
    w = w - w * (h["adam_weight_decay"] * h["learning_rate"])
    return adam(w, g, state, t, h | {"learning_rate": h["learning_rate"] * h["adam_lr_ratio"]})


def orthogonal(x: Any, steps: int = 5) -> Any:
    """Newton-Schulz steps on `(..., rows, columns)`, after which singular values are about 1.

    Rows and columns of zeros stay zeros, and change nothing else.

    Source: Jordan et al., Muon, 2024 (https://kellerjordan.github.io/posts/muon/).
    """
    tall = x.shape[-2] > x.shape[-1]
    x = ops.swapaxes(x, -1, -2) if tall else x
    norm = ops.sqrt(ops.sum(ops.square(x), axis=(-2, -1), keepdims=True))
    x = x / (norm + 1e-7)
    for _ in range(steps):
        s = ops.matmul(x, ops.swapaxes(x, -1, -2))
        x = 3.4445 * x + ops.matmul(-4.7750 * s + 2.0315 * ops.matmul(s, s), x)
    return ops.swapaxes(x, -1, -2) if tall else x
