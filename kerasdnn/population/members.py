"""Check the hyperparameters of the members of a population, and draw their initial weights.

The weights are those of the network that `build_for` makes of the same hyperparameters and seed.
"""

import functools
import random

import keras
import numpy as np

from .. import optimizers
from ..core.arguments import Unstackable, check_integer, is_number
from ..core.keras_internals import decay_exclusions
from ..core.messages import invalid
from ..heads.loss import make_loss, with_loss
from ..heads.priors import output_bias
from ..hyperparameters import MEMBER, check, default
from .forward import loss_by_row
from .member_state import Member
from .optimizer_rules import rule_of

ALONE = "Train this network by `Network.fit`."
# What only `Network.fit` implements.
UNSTACKED = (
    "kernel_initializer", "clipnorm", "l1", "schedule", "warmup", "layer_norm", "residual", "wide",
    "learning_rate_factors",
)  # fmt: skip


def read_members(members, problem, seed):
    """Check the members of a population; one without a seed gets `seed` plus its position.

    Args:
        members: list of dicts.
        problem: `Problem`.
        seed: int. None means a random one.

    Returns:
        list of `Member`.

    Raises:
        ValueError: names the member at fault.
    """
    if isinstance(members, (dict, str)) or not hasattr(members, "__iter__"):
        raise invalid("members", "must be a list of dicts, one per network", members)
    members = list(members)
    if not members:
        raise invalid("members", "must contain at least one network", members)
    drawn = random.randrange(2**31) if seed is None else seed
    seed = check_integer("seed", drawn, 0, at_most=2**31)
    rules, read = {}, []
    for i, given in enumerate(members):
        try:
            if not isinstance(given, dict):
                raise invalid("member", "must be a dict", given, "Such as {'optimizer': 'nag'}.")
            read.append(read_member({"seed": seed + i, **given}, problem, rules))
        except ValueError as error:
            kind = Unstackable if isinstance(error, Unstackable) else ValueError
            raise kind(f"Member {i}: {error}") from error
    return read


def read_member(given, problem, rules):
    """Check one member and return it as `Member`.

    Args:
        given: dict of hyperparameters with a seed.
        problem: `Problem`.
        rules: dict, remembers what was read of optimizers, each of which takes 7 ms.

    Raises:
        ValueError: a hyperparameter is unknown or out of range; as `Unstackable`, it is valid, but
            such networks cannot be stacked.
    """
    given = {n: v for n, v in check(given, MEMBER, "it").items() if v is not None}
    if "seed" not in given:
        raise invalid("seed", "must be an integer", None, "Leave it out to be given one.")

    def value(name):
        return given.get(name, default(name, MEMBER))

    smoothing, prior = value("label_smoothing"), value("prior")
    remedy = "Pass a name, or train this network by `Network.fit`."
    for name in UNSTACKED:
        if value(name) != default(name, MEMBER):
            rule = "must be left out to be stacked"
            raise invalid(name, rule, value(name), ALONE, Unstackable)
    if not value("hidden_units"):
        rule = "must have at least one layer to be stacked"
        raise invalid("hidden_units", rule, value("hidden_units"), ALONE, Unstackable)
    head = with_loss(problem.head, value("loss"))
    if not isinstance(value("loss"), (str, type(None))):
        raise invalid("loss", "must be a name to be stacked", value("loss"), remedy, Unstackable)
    if not isinstance(value("activation"), str):
        rule = "must be a name to be stacked"
        raise invalid("activation", rule, value("activation"), remedy, Unstackable)
    if smoothing:
        make_loss(head, smoothing)
    if head.logits_loss is None:
        loss_by_row(head)
        if smoothing:
            rule = "needs a problem type with a `logits_loss` to be stacked"
            raise invalid("label_smoothing", rule, smoothing, "", Unstackable)
    optimizer, rate, momentum = (value(n) for n in ("optimizer", "learning_rate", "momentum"))
    if not isinstance(optimizer, (str, dict)):
        optimizers.check(optimizer)
        if decay_exclusions(optimizer):
            rule = "must not exclude variables from weight decay to be stacked"
            raise invalid("optimizer", rule, optimizer, ALONE, Unstackable)
        optimizer = given["optimizer"] = keras.optimizers.serialize(optimizer)
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
    if prior is not None:
        given["prior"] = np.asarray(prior).tolist()
        output_bias(head, prior, problem.n_outputs)
    names = ("hidden_units", "loss", "activation", "dropout", "l2", "batch_norm", "label_smoothing")
    return Member(
        given=given,
        **{name: value(name) for name in (*names, "prior", "seed")},
        rule=rule,
        hyperparameters=hyperparameters,
        slot_start=slot_start,
        batch_size=given.get("batch_size"),
        epochs=given.get("epochs"),
    )


def initial_weights(members, problem):
    """Draw the initial weights of each member: a list of lists of float32 arrays.

    `build_for` draws the seed of a kernel from the network's, and after it the seed of the
    layer's dropout, used or not.
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
            for shape in member.shapes(problem)
        ]
        if member.batch_norm:
            for i in range(len(member.hidden_units)):
                weights[3 * i + 1] = np.ones_like(weights[3 * i + 1])  # gamma
        if member.prior is not None:
            bias = output_bias(problem.head, member.prior, problem.n_outputs)
            weights[-1] = np.array(bias, "float32")
        elif start := problem.head.initial_bias(problem.n_outputs):
            weights[-1] = np.array(start, "float32")
        found.append(weights)
    return found
