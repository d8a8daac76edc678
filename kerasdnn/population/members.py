"""What a member of a population is: a dict in the factories' vocabulary, checked and read.

A member knows the shapes of its weights and their first values, which are those of the same
network made by `build_classifier` and its siblings with the same seed.
"""

import functools
import random
from dataclasses import dataclass

import keras
import numpy as np

from .. import activations, optimizers
from ..core.arguments import (
    Unstackable,
    check_bool,
    check_fraction,
    check_integer,
    check_interval,
    is_number,
    known_name,
)
from ..core.messages import invalid
from ..factories import (
    build_classifier,
    build_multilabel_classifier,
    build_regressor,
    check_hidden_units,
)
from ..heads import head_of, output_bias
from ..hyperparameters import HIDDEN_UNITS
from .member_state import CLASSIFIERS, Member
from .optimizer_rules import rule_of

BUILD = (
    "hidden_units", "activation", "optimizer", "learning_rate", "momentum", "dropout", "l2",
    "batch_norm", "label_smoothing", "prior", "seed",
)  # fmt: skip
TRAIN = ("batch_size", "epochs")


@dataclass(frozen=True)
class Task:
    """What all members share.

    Attributes:
        problem, n_features, n_outputs, one_hot: as in `Population`.
    """

    problem: str
    n_features: int
    n_outputs: int
    one_hot: bool

    @property
    def head(self):
        return head_of(self.problem, self.one_hot)

    @property
    def units(self):
        """Units of the output layer."""
        return self.head.n_units(self.n_outputs)

    def build(self, **settings):
        """A compiled `Network` for this task."""
        common = {"n_features": self.n_features, **settings}
        if self.problem in ("binary", "multiclass"):
            return build_classifier(
                n_classes=self.n_outputs if self.problem == "multiclass" else 2,
                one_hot_labels=self.one_hot,
                **common,
            )
        if self.problem == "multilabel":
            return build_multilabel_classifier(n_labels=self.n_outputs, **common)
        target = "count" if self.problem == "count" else "real"
        return build_regressor(n_outputs=self.n_outputs, target=target, **common)


def make_task(problem, n_features, n_outputs, one_hot):
    head_of(problem)
    n_outputs = check_integer("n_outputs", n_outputs, 2 if problem == "multiclass" else 1)
    if problem == "binary" and n_outputs > 2:
        remedy = "For more classes use problem='multiclass', for labels 'multilabel'."
        raise invalid("n_outputs", "must be 1 for a binary problem", n_outputs, remedy)
    one_hot = check_bool("one_hot", one_hot) and problem == "multiclass"
    if (problem, n_outputs, one_hot) == ("multiclass", 2, False):  # as `build_classifier`
        problem = "binary"
    n_outputs = 1 if problem == "binary" else n_outputs
    return Task(problem, check_integer("n_features", n_features), n_outputs, one_hot)


def read_members(members, task, seed):
    """The members of a population, checked; one without a seed gets `seed` plus its place.

    Raises:
        ValueError: names the member at fault.
    """
    if isinstance(members, (dict, str)) or not hasattr(members, "__iter__"):
        raise invalid("members", "must be a list of dicts, one per network", members)
    members = list(members)
    if not members:
        raise invalid("members", "must name at least one network", members)
    seed = (
        random.randrange(2**31) if seed is None else check_integer("seed", seed, 0, at_most=2**31)
    )
    rules, read = {}, []
    for i, given in enumerate(members):
        try:
            if not isinstance(given, dict):
                raise invalid("member", "must be a dict", given, "Such as {'optimizer': 'nag'}.")
            read.append(read_member({"seed": seed + i, **given}, task, rules))
        except ValueError as error:
            kind = Unstackable if isinstance(error, Unstackable) else ValueError
            raise kind(f"Member {i}: {error}") from error
    return read


def read_member(given, task, rules):
    """A `Member`; `rules` remembers what was read of optimizers, each of which costs 7 ms."""
    for name, value in given.items():
        known_name(name, value, BUILD + TRAIN, "a hyperparameter of a member")
    given = {name: value for name, value in given.items() if value is not None}
    if "seed" not in given:
        raise invalid("seed", "must be a whole number", None, "Leave it out to be given one.")
    activation = given.get("activation", "relu")
    remedy = "Pass a name, or train this network by `Network.fit`."
    if not isinstance(activation, str):
        rule = "must be a name to be stacked"
        raise invalid("activation", rule, activation, remedy, Unstackable)
    activations.get(activation)
    smoothing = check_fraction("label_smoothing", given.get("label_smoothing", 0.0))
    if smoothing and task.problem not in CLASSIFIERS:
        raise invalid("label_smoothing", f"needs classes, not {task.problem}", smoothing)
    optimizer = given.get("optimizer", "adam")
    if not isinstance(optimizer, (str, dict)):
        optimizers.check(optimizer)
        optimizer = given["optimizer"] = keras.optimizers.serialize(optimizer)
    rate, momentum = given.get("learning_rate"), given.get("momentum")
    optimizers.check(optimizer, rate, momentum)
    if rate is not None and not is_number(rate):
        raise invalid("learning_rate", "must be a number to be stacked", rate, kind=Unstackable)
    key = repr((optimizer, momentum))
    if key not in rules:
        made = optimizers.get(optimizer, None, momentum)
        rules[key] = *rule_of(made), getattr(made, "initial_accumulator_value", 0.0)
    rule, hyperparameters, slot_start = rules[key]
    if rate is not None:
        hyperparameters = {**hyperparameters, "learning_rate": float(rate)}
    prior = given.get("prior")
    if prior is not None:
        n = 2 if task.problem == "binary" else task.n_outputs
        prior = given["prior"] = np.asarray(prior).tolist()
        output_bias(task.problem, prior, n)
    batch_size = given.get("batch_size")
    return Member(
        given=given,
        hidden_units=check_hidden_units(given.get("hidden_units", HIDDEN_UNITS)),
        activation=activation,
        dropout=check_fraction("dropout", given.get("dropout", 0.0)),
        l2=check_interval("l2", given.get("l2", 0.0), "[0, inf)"),
        batch_norm=check_bool("batch_norm", given.get("batch_norm", False)),
        label_smoothing=smoothing,
        prior=prior,
        seed=check_integer("seed", given["seed"], 0, at_most=2**32 - 1),
        rule=rule,
        hyperparameters=hyperparameters,
        slot_start=slot_start,
        batch_size=batch_size if batch_size is None else check_batch_size(batch_size),
        epochs=None if "epochs" not in given else check_integer("epochs", given["epochs"]),
    )


def check_batch_size(batch_size):
    remedy = "'full' takes all rows in one step."
    return (
        batch_size if batch_size == "full" else check_integer("batch_size", batch_size, 1, remedy)
    )


def first_weights(members, task):
    """The first weights of each member: a list of lists of float32 arrays.

    `build_classifier` and its siblings draw a kernel's seed from the network's, and after it the
    seed of the layer's dropout, used or not.
    """

    @functools.cache  # of this call: networks that share a seed share their first kernels
    def kernel(seed, shape):
        return np.asarray(keras.initializers.GlorotUniform(seed)(shape))

    found = []
    for member in members:
        seeds = random.Random(member.seed)
        seeds = [seeds.randrange(2**31) for _ in range(2 * len(member.hidden_units) + 1)]
        kernel_seeds = iter(seeds[::2])
        weights = [
            kernel(next(kernel_seeds), shape) if len(shape) == 2 else np.zeros(shape, "float32")
            for shape in member.shapes(task)
        ]
        if member.batch_norm:
            for i in range(len(member.hidden_units)):
                weights[3 * i + 1] = np.ones_like(weights[3 * i + 1])  # gamma
        if member.prior is not None:
            n = 2 if task.problem == "binary" else task.n_outputs
            weights[-1] = np.array(output_bias(task.problem, member.prior, n), "float32")
        found.append(weights)
    return found
