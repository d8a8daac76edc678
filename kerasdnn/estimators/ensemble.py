"""The members of an estimator: which rows each gets, how they are trained, and their average.

bagging=None           all members train on the same rows, with the same validation set
bagging="folds"        each validates on one fold and trains on the others
bagging="bootstrap"    each trains on rows drawn with replacement, validates on those not drawn
"""

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from ..core import keras_internals
from ..core.arguments import check_integer
from ..core.messages import invalid
from ..nn.average import AverageOf
from ..nn.schedules import Schedule
from ..tables.rows import check_exclusive
from ..tables.splits import folds
from ..training.network import Network
from ..training.together import NotStackable, fit_together

N_FOLDS = 5  # members where `n_members` is None


@dataclass(frozen=True)
class Member:
    """A network, and the rows that it is trained on and evaluated on.

    Attributes:
        seed: int, of its initial weights and of the order of its rows.
        rows: `Rows` of a matrix.
        validation: such `Rows`, or None.
    """

    seed: int
    rows: Any
    validation: Any


def check_bagging(estimator, given, validation_data):
    """Check what excludes `bagging`; returns whether the members have rows of their own."""
    if estimator.bagging is None:
        return False
    check_exclusive(bagging=estimator.bagging, validation_data=validation_data)
    if given.time is not None:
        remedy = "Rows before the first fold would never be validated on. Leave one of them out."
        raise invalid("bagging", "must be None where `time` is given", estimator.bagging, remedy)
    if estimator.bagging == "bootstrap" and given.groups is not None:
        remedy = "bagging='folds' keeps groups together."
        raise invalid("bagging", "must keep groups together", estimator.bagging, remedy)
    if estimator.n_members is not None:
        remedy = "A single member has no rows that it was not trained on."
        check_integer("n_members", estimator.n_members, 2, remedy)
    return True


def split_members(bagging, rows, strata, n, rng):
    """Return for each member (training rows, validation rows), int arrays."""
    if bagging == "folds":
        try:
            return folds(rows, strata, n, rng)
        except ValueError as error:
            raise ValueError(str(error).replace("`cv`", "`n_members`").replace("cv=", "n_members=")
                             ) from error  # fmt: skip
    everything, pairs = np.arange(len(rows)), []
    for _ in range(n):
        drawn = np.sort(rng.integers(len(rows), size=len(rows)))
        pairs.append((drawn, np.setdiff1d(everything, drawn)))
    return pairs


def equal_steps(batch_size, sizes):
    """Rows per step with which all members take the same number of steps, where it is near.

    Folds differ by a row, of which one may begin a further step.
    """
    if batch_size == "full":
        return max(sizes)
    for candidate in range(batch_size, batch_size + batch_size // 8 + 2):
        if math.ceil(max(sizes) / candidate) == math.ceil(min(sizes) / candidate):
            return candidate
    return batch_size


def train_members(networks, members, settings, callbacks, one_by_one, verbose):
    """Train the networks as one compiled function, or one after the other where that has no form.

    Args:
        networks: list of compiled `Network`.
        members: list of `Member`.
        settings: the hyperparameters.
        callbacks: for each network a list of Keras callbacks.
        one_by_one: bool, because callbacks of the user must see one network at a time.
        verbose: as in `fit`.
    """
    fits = [arguments_of(member.rows) for member in members]
    validations = [member.validation and arguments_of(member.validation) for member in members]
    epochs, batch = settings["epochs"], settings["batch_size"]
    batch = len(members[0].rows) if batch == "full" else batch
    if len(networks) > 1 and not (one_by_one or verbose):
        try:
            held = validations if all(validations) else None
            fit_together(networks, fits, batch, epochs, held, callbacks)
            return
        except NotStackable:
            pass
    for network, rows, held, own in zip(networks, fits, validations, callbacks, strict=True):
        x, y, *weights = rows
        network.fit(
            x,
            y,
            sample_weight=weights[0] if weights else None,
            batch_size=settings["batch_size"],
            epochs=epochs,
            verbose=verbose,
            callbacks=own or None,
            validation_data=held,
        )


def arguments_of(rows):
    """(x, y) or (x, y, sample_weight)."""
    return (rows.x, rows.y) if rows.weights is None else (rows.x, rows.y, rows.weights)


def out_of_fold(networks, x, pairs):
    """The mean output of the members that were not trained on a row; NaN where there is none."""
    total, count = None, np.zeros((len(x), 1))
    for network, (_, held) in zip(networks, pairs, strict=True):
        output = network.predict(x[held], verbose=0).astype("float64")
        total = np.zeros((len(x), output.shape[1])) if total is None else total
        total[held] += output
        count[held] += 1
    with np.errstate(invalid="ignore"):
        return total / count


def first_of(network):
    """The first member of an average as a compiled `Network`; any other network unchanged."""
    last = network.layers[-1]
    if not isinstance(last, AverageOf):
        return network
    first = Network([keras.Input(network.input_shape[1:]), *last.networks[0].layers])
    first.compile(
        optimizer=stateless(network.optimizer),
        loss=network.loss,
        weighted_metrics=keras_internals.given_metrics(network)[1],
    )
    return first


def stateless(optimizer):
    """SGD, with the same schedule if it is ours: `health` checks whether the rate was cyclic."""
    rate = keras_internals.learning_rate_of(optimizer)
    return keras.optimizers.SGD(rate if isinstance(rate, Schedule) else 0.01)


def average(networks):
    """A compiled `Network` whose output is the mean of those of `networks`."""
    first = networks[0]
    members = [keras.Sequential([keras.Input(first.input_shape[1:]), *n.layers]) for n in networks]
    mean = Network([keras.Input(first.input_shape[1:]), AverageOf(members)], seed=first.seed)
    mean.compile(
        optimizer=stateless(first.optimizer),  # the mean is not trained further
        loss=first.loss,
        weighted_metrics=keras_internals.given_metrics(first)[1],
    )
    return mean
