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
    """A rule, its hyperparameters besides the learning rate, and the attributes of its state.

    `kernel` is the rule of kernels, where they have another one.
    """

    update: Callable
    hyperparameters: tuple
    slots: tuple
    kernel: Callable | None = None


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
    "muon":     Rule(update_rules.muon_of_others,
                     ("momentum", "weight_decay", "rms_rate", "adam_weight_decay", "adam_lr_ratio",
                      "beta_1", "beta_2", "epsilon", "muon_output"),
                     ("momentums", "adam_velocities"), update_rules.muon),
}
# fmt: on
ko = keras.optimizers
NAMES = {
    ko.SGD: "sgd", Momentum: "momentum", NAG: "nag", ko.Adagrad: "adagrad",
    ko.RMSprop: "rmsprop", ko.Adam: "adam", ko.AdamW: "adamw", ko.Muon: "muon",
}  # fmt: skip
# Settings that the rules do not implement, with the values that have no effect.
OTHERS = {
    "weight_decay": (None,), "clipnorm": (None,), "clipvalue": (None,), "global_clipnorm": (None,),
    "use_ema": (False,), "loss_scale_factor": (None,), "gradient_accumulation_steps": (None, 1),
    "amsgrad": (False,), "centered": (False,), "nesterov": (False, True), "ns_steps": (5,),
    "muon_a": (3.4445,), "muon_b": (-4.775,), "muon_c": (2.0315,),
    "exclude_layers": ([], ["output"]), "exclude_embeddings": (True,),
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
    decays = "weight_decay" in RULES[name].hyperparameters
    allowed = {k: ok for k, ok in OTHERS.items() if k != "weight_decay" or not decays}
    refused = {k: config[k] for k, ok in allowed.items() if k in config and config[k] not in ok}
    if name == "rmsprop" and config["momentum"]:
        refused["momentum"] = config["momentum"]
    if name == "muon":
        needed = ("nesterov", "rms_rate")
        refused |= {k: config[k] for k in needed if config[k] in (False, None)}
        config |= {f"beta_{k}": config[f"adam_beta_{k}"] for k in (1, 2)}
        config["muon_output"] = not config["exclude_layers"]
        config |= {k: config[k] or 0.0 for k in ("weight_decay", "adam_weight_decay")}
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
