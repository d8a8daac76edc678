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

A rule is called as `rule(w, g, slots, t, h)`; `h` holds the hyperparameters by name, numbers or
tensors that broadcast against w, so that networks stacked on a leading axis have their own. It
also holds "1 - rho" and its like, as Keras rounds them: once, from Python's floats. (In float32
alone 1 - 0.999 is wrong by 5e-5 of its value.) A rule returns the new w and the new slots.
"""

from dataclasses import dataclass

import keras
from keras import ops

from .errors import invalid
from .optimizers import NAG, Momentum


def sgd(w, g, slots, t, h):
    return w - h["learning_rate"] * g, []


def momentum(w, g, slots, t, h):
    v = h["momentum"] * slots[0] - h["learning_rate"] * g
    return w + v, [v]


def nag(w, g, slots, t, h):
    step = h["learning_rate"] * g
    v = h["momentum"] * slots[0] - step
    return w + (h["momentum"] * v - step), [v]


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


@dataclass(frozen=True)
class Rule:
    """A rule, its hyperparameters beside the learning rate, and where Keras keeps its slots."""

    update: callable
    hyperparameters: tuple
    slots: tuple


# fmt: off
RULES = {
    "sgd":      Rule(sgd,      (),                              ()),
    "momentum": Rule(momentum, ("momentum",),                   ("velocities",)),
    "nag":      Rule(nag,      ("momentum",),                   ("velocities",)),
    "adagrad":  Rule(adagrad,  ("epsilon",),                    ("_accumulators",)),
    "rmsprop":  Rule(rmsprop,  ("rho", "epsilon"),              ("_velocities",)),
    "adam":     Rule(adam,     ("beta_1", "beta_2", "epsilon"), ("_momentums", "_velocities")),
}
# fmt: on
ko = keras.optimizers
NAMES = {
    ko.SGD: "sgd", Momentum: "momentum", NAG: "nag", ko.Adagrad: "adagrad",
    ko.RMSprop: "rmsprop", ko.Adam: "adam",
}  # fmt: skip
# What the formulas above do not know, with the values at which it does nothing.
OTHERS = {
    "weight_decay": (None,), "clipnorm": (None,), "clipvalue": (None,), "global_clipnorm": (None,),
    "use_ema": (False,), "loss_scale_factor": (None,), "gradient_accumulation_steps": (None, 1),
    "amsgrad": (False,), "centered": (False,),
}  # fmt: skip


def rule_of(optimizer):
    """The rule of a Keras optimizer: its name and its hyperparameters as floats.

    Raises:
        ValueError: another rule, a learning rate that is no number, or a setting that the
            formulas do not know, such as `weight_decay`.
    """
    remedy = f"Use one of {', '.join(map(repr, RULES))}, or train this network by `Network.fit`."
    name = NAMES.get(type(optimizer))
    if name is None:
        raise invalid("optimizer", "must follow one of the six rules", optimizer, remedy)
    config = optimizer.get_config()
    if not isinstance(config["learning_rate"], (int, float)):
        received = type(optimizer._learning_rate).__name__
        raise invalid("learning_rate", "must be a number to be stacked", received, remedy)
    refused = {k: config[k] for k, ok in OTHERS.items() if k in config and config[k] not in ok}
    if name == "rmsprop" and config["momentum"]:
        refused["momentum"] = config["momentum"]
    if refused:
        raise invalid("optimizer", "must have no other settings than its rule's", refused, remedy)
    if name == "sgd" and config["momentum"]:
        name = "nag" if config["nesterov"] else "momentum"
    return name, {k: float(config[k]) for k in ("learning_rate", *RULES[name].hyperparameters)}


def with_rests(h):
    """Hyperparameters as `rule_of` gives them, joined by "1 - rho" and its like."""
    return h | {f"1 - {k}": 1 - h[k] for k in ("rho", "beta_1", "beta_2") if k in h}


def slots_of(optimizer, name):
    """The slots of a built Keras optimizer: a list of variables per slot of the rule."""
    found = vars(optimizer)
    attributes = RULES[name].slots
    if isinstance(optimizer, ko.SGD):
        attributes = ("momentums",) if attributes else ()
    return [found[attribute] for attribute in attributes]
