"""Read a Keras optimizer as one of the update rules, its hyperparameters and its state."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from ..core import keras_internals
from ..core.arguments import Unstackable
from ..core.messages import invalid
from ..nn import update_rules
from ..optimizers import NAG, Momentum


@dataclass(frozen=True)
class Rule:
    """A rule, its hyperparameters besides the learning rate, and the attributes of its state."""

    update: Callable
    hyperparameters: tuple
    slots: tuple


# fmt: off
RULES = {
    "sgd":      Rule(update_rules.sgd,      (),                              ()),
    "momentum": Rule(update_rules.momentum, ("momentum",),                   ("velocities",)),
    "nag":      Rule(update_rules.nag,      ("momentum",),                   ("velocities",)),
    "adagrad":  Rule(update_rules.adagrad,  ("epsilon",),                    ("_accumulators",)),
    "rmsprop":  Rule(update_rules.rmsprop,  ("rho", "epsilon"),              ("_velocities",)),
    "adam":     Rule(update_rules.adam,     ("beta_1", "beta_2", "epsilon"),
                     ("_momentums", "_velocities")),
    "adamw":    Rule(update_rules.adamw,    ("weight_decay", "beta_1", "beta_2", "epsilon"),
                     ("_momentums", "_velocities")),
}
# fmt: on
ko = keras.optimizers
NAMES = {
    ko.SGD: "sgd", Momentum: "momentum", NAG: "nag", ko.Adagrad: "adagrad",
    ko.RMSprop: "rmsprop", ko.Adam: "adam", ko.AdamW: "adamw",
}  # fmt: skip
# Settings that the rules do not implement, with the values that have no effect.
OTHERS = {
    "weight_decay": (None,), "clipnorm": (None,), "clipvalue": (None,), "global_clipnorm": (None,),
    "use_ema": (False,), "loss_scale_factor": (None,), "gradient_accumulation_steps": (None, 1),
    "amsgrad": (False,), "centered": (False,),
}  # fmt: skip


def rule_of(optimizer):
    """Return the name of an optimizer's rule, and its hyperparameters as floats.

    Raises:
        Unstackable: another rule, a learning rate that is not a number, or a setting that the
            rules do not implement, such as `weight_decay`.
    """
    remedy = f"Use one of {', '.join(map(repr, RULES))}, or train this network by `Network.fit`."
    name = NAMES.get(type(optimizer))
    if name is None:
        rule = "must follow one of the rules that can be stacked"
        raise invalid("optimizer", rule, optimizer, remedy, Unstackable)
    config = optimizer.get_config()
    if not isinstance(config["learning_rate"], (int, float)):
        received = type(keras_internals.learning_rate_of(optimizer)).__name__
        rule = "must be a number to be stacked"
        raise invalid("learning_rate", rule, received, remedy, Unstackable)
    allowed = {k: ok for k, ok in OTHERS.items() if k not in RULES[name].hyperparameters}
    refused = {k: config[k] for k, ok in allowed.items() if k in config and config[k] not in ok}
    if name == "rmsprop" and config["momentum"]:
        refused["momentum"] = config["momentum"]
    if refused:
        rule = "must only have the settings of its rule to be stacked"
        raise invalid("optimizer", rule, refused, remedy, Unstackable)
    if name == "sgd" and config["momentum"]:
        name = "nag" if config["nesterov"] else "momentum"
    return name, {k: float(config[k]) for k in ("learning_rate", *RULES[name].hyperparameters)}


def with_complements(h):
    """Add "1 - rho" and similar complements to hyperparameters as `rule_of` returns them."""
    return h | {f"1 - {k}": 1 - h[k] for k in ("rho", "beta_1", "beta_2") if k in h}


def slots_of(optimizer, name):
    """Return the state of a built Keras optimizer: a list of variables per state variable."""
    found = vars(optimizer)
    attributes = RULES[name].slots
    if isinstance(optimizer, ko.SGD):
        attributes = ("momentums",) if attributes else ()
    return [found[attribute] for attribute in attributes]
