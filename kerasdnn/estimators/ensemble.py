"""The members of an estimator: which rows each gets, how they are trained, and their average.

bagging=None           all members train on the same rows, with the same validation set
bagging="folds"        each validates on one fold and trains on the others
bagging="bootstrap"    each trains on rows drawn with replacement, validates on those not drawn
"""

import math
import warnings
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import keras
import numpy as np
import tensorflow as tf

from ..core import keras_internals
from ..core.arguments import check_integer
from ..core.messages import DataWarning, invalid, warn
from ..core.parallel import Died, Shared, for_workers, run_calls, runs_here
from ..nn.average import AverageOf
from ..nn.realmlp_layers import ScheduledDropout
from ..nn.schedules import Schedule
from ..tables.rows import check_exclusive
from ..tables.splits import folds
from ..training.device_data import MEMORY_FRACTION, available_cores, device_memory
from ..training.dispatch import may_share_process
from ..training.network import Network
from ..training.together import NotStackable, fit_together
from .presets import PRESETS

FIRST = slice(0, 1)
SECONDS_TO_STOP = 0.1  # between attempts to stop threads
N_FOLDS = 5  # members where `n_members` is None
MIN_ROWS_TO_SPLIT = 50  # fewer rows are all trained on
EXCLUDED = "validation_split", "time_limit", "refit", "warm_start"  # together with `bagging`


def check_bagging(estimator, given, validation_data):
    """Check what excludes `bagging`."""
    if not estimator.bagging:
        return
    check_exclusive(bagging=estimator.bagging, validation_data=validation_data)
    for name in EXCLUDED:
        value = getattr(estimator, name)
        check_exclusive(bagging=estimator.bagging, **{name: None if value is False else value})
    if given.time is not None:
        remedy = "Rows before the first fold would never be validated on. Leave one of them out."
        raise invalid("bagging", "must be None where `time` is given", estimator.bagging, remedy)
    if estimator.bagging == "bootstrap" and given.groups is not None:
        remedy = "bagging='folds' keeps groups together."
        raise invalid("bagging", "must keep groups together", estimator.bagging, remedy)
    if estimator.n_members is not None:
        remedy = "A single member has no rows that it was not trained on."
        check_integer("n_members", estimator.n_members, 2, remedy)


def bags_of(estimator, rows, validation_data):
    """How the members get rows of their own, as `(bagging, n)`; None where they share them.

    Args:
        estimator: `TableEstimator`.
        rows: `Rows` of a `Frame`, all of them.
        validation_data: see `fit.fit_table`.
    """
    preset = PRESETS[estimator._chosen_preset()]
    if preset.bagging is None:
        return estimator.bagging and (estimator.bagging, estimator.n_members or N_FOLDS)
    n = estimator.n_members or preset.hyperparameters["n_members"]
    if estimator.bagging is not None:
        return (estimator.bagging, n) if estimator.bagging else None
    given = [validation_data, rows.time, *(getattr(estimator, name) for name in EXCLUDED)]
    excluded = any(value is not None and value is not False for value in given)
    if excluded or not estimator.validation_fraction or len(rows) < MIN_ROWS_TO_SPLIT:
        return None
    most = len(rows) if rows.groups is None else len(np.unique(rows.groups))
    return (preset.bagging, n) if 2 <= n <= most else None


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


def together_pays():
    """Whether training members as one function takes less time than with a shared one.

    A core is as busy with one network as with several, and compiling for several takes longer;
    docs/log.md has the measurements.
    """
    return bool(tf.config.list_logical_devices("GPU"))


def threads_for(training, members):
    """How many members are trained at a time in this process, each in a thread.

    More than one only if nobody watches, if training uses nothing of Python but what is known, and
    if `joblib.parallel_config` does not ask for workers or for "sequential".

    Args:
        training: `training.Training`.
        members: list of `training.Member`, which are not trained.
    """
    estimator, limit = training.estimator, training.limit
    seen = estimator.callbacks or estimator.verbose or training.monitor.scorer is not None
    seen = seen or (limit and limit.seconds is not None)  # the first one decides on the others
    if len(members) < 2 or seen or together_pays() or not runs_here():
        return 1
    if not all(may_share_process(m.network, *arguments_of(m.rows.take(FIRST))) for m in members):
        return 1
    fits = int(MEMORY_FRACTION * device_memory() // max(1, training.rows.x.nbytes))
    return max(1, min(len(members), available_cores(), fits))


def train_together(members, settings):
    """Train members as one compiled function; returns whether that was possible.

    Args:
        members: list of `training.Member`, which are not trained.
        settings: the hyperparameters.
    """
    fits = [arguments_of(member.rows) for member in members]
    held = [member.validation and arguments_of(member.validation) for member in members]
    batch = len(members[0].rows) if settings["batch_size"] == "full" else settings["batch_size"]
    try:
        fit_together(
            [member.network for member in members], fits, batch, settings["epochs"],
            held if all(held) else None, [member.callbacks for member in members],
        )  # fmt: skip
    except NotStackable:
        return False
    return True


def train_each(training, members, epochs, threads):
    """Train members that are not trained together: in this process, or in workers where
    `joblib.parallel_config` says so.

    Args:
        training: `training.Training`.
        members: list of `training.Member`, which are not trained.
        epochs: list of int, the last epoch of each.
        threads: int, members at a time in this process.
    """
    if threads > 1:
        train_in_threads(training, members, epochs, threads)
        return
    shared = Shared(training=training)
    calls = {i: (member, epochs[i]) for i, member in enumerate(members)}
    limit = training.limit
    here = len(members) == 1 or training.estimator.callbacks or (limit and limit.only)
    here = 1 if here else None
    for number, trained in run_calls(train_member, shared, calls, here):
        if isinstance(trained, Died):
            raise RuntimeError(f"Network {number} could not be trained: {trained}.")
        if trained is not None:
            member, (weights, history, best, outputs) = members[number], trained
            member.network.set_weights(weights)
            member.network.history = keras.callbacks.History()
            vars(member.network.history).update(history)
            if best is not None:
                vars(member.best).update(best)
            if outputs is not None:
                member.outputs.outputs = outputs


def train_in_threads(training, members, epochs, threads):
    """Train members, some at a time. Where one fails, the others stop, and its error is raised.

    Warnings belong to a process: those of the threads are collected, and issued once at the end.
    """
    with (
        training.silenced(),
        warnings.catch_warnings(record=True) as seen,
        ThreadPoolExecutor(threads, "kerasdnn-member") as pool,
    ):
        futures = [pool.submit(training.train, *pair) for pair in zip(members, epochs, strict=True)]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:  # one may have failed, or this thread may be interrupted
            while wait(futures, SECONDS_TO_STOP).not_done:
                for member, future in zip(members, futures, strict=True):
                    future.cancel()
                    member.network.stop_training = True  # which `fit` resets when it begins
    for future in futures:  # they began in this order: what was left out is behind the error
        future.result()
    told = {(w.category, str(w.message)): w for w in seen}
    for (category, message), w in told.items():
        if issubclass(category, DataWarning):
            warn(message)
        else:
            warnings.warn_explicit(w.message, category, w.filename, w.lineno)


@for_workers
def train_member(number, shared, member, last):
    """Train a member; returns None where that is in place, else what training changed."""
    shared.training.run(member, last)
    if not shared.elsewhere:
        return None
    network, best = member.network, member.best
    history = {name: getattr(network.history, name) for name in ("history", "epoch")}
    if best is not None:
        best = {name: getattr(best, name) for name in ("best_epoch", "stopped_epoch")}
    outputs = None if member.outputs is None else member.outputs.outputs
    return network.get_weights(), history, best, outputs


def own_history(shared):
    """A `History` of the last training alone, where the same callback has seen earlier ones."""
    own = keras.callbacks.History()
    own.epoch = list(shared.epoch)
    own.history = {name: values[-len(own.epoch) :] for name, values in shared.history.items()}
    return own


def arguments_of(rows):
    """(x, y) or (x, y, sample_weight)."""
    return (rows.x, rows.y) if rows.weights is None else (rows.x, rows.y, rows.weights)


def out_of_fold(outputs, n_rows, pairs):
    """The mean output of the members that were not trained on a row; NaN where there is none.

    Args:
        outputs: for each member what it predicts for its validation rows, `(rows, outputs)`.
        n_rows: int, number of all rows.
        pairs: for each member (training rows, validation rows).
    """
    total, count = np.zeros((n_rows, outputs[0].shape[1])), np.zeros((n_rows, 1))
    for output, (_, held) in zip(outputs, pairs, strict=True):
        total[held] += output
        count[held] += 1
    with np.errstate(invalid="ignore"):
        return total / count


def first_of(network):
    """The first member of an average as a compiled `Network`; any other network unchanged."""
    last = network.layers[-1]
    if not isinstance(last, AverageOf):
        return network
    before = network.layers[:-1]
    first = Network([keras.Input(network.input_shape[1:]), *before, *last.networks[0].layers])
    first.compile(
        optimizer=stateless(network.optimizer),
        loss=network.loss,
        weighted_metrics=keras_internals.given_metrics(network)[1],
    )
    return first


def layers_of_members(network, count):
    """The layers of each member of an average of `count` networks, or of a single network.

    Raises:
        ValueError: the network has another number of members.
    """
    layers = layers_of(network)
    if len(layers) != count:
        remedy = f"Keep n_members={len(layers)}, or pass warm_start=False."
        raise invalid("n_members", "must be as before to continue", count, remedy)
    return layers


def layers_of(network):
    """The layers of each member of an average, or of a single network."""
    last = network.layers[-1]
    members = last.networks if isinstance(last, AverageOf) else [network]
    return [member.layers for member in members]


def copy_weights(layers, others):
    """Copy weights between layers of the same shapes, except the steps that dropout has counted.

    Args:
        layers: list of built Keras layers to copy from.
        others: such layers to copy to.

    Raises:
        ValueError: the shapes differ.
    """
    rule = "needs the hidden layers, the embeddings and the loss of the fitted network"
    remedy = "Pass warm_start=False to train from new weights."
    pairs = [
        [layer for layer in these if not isinstance(layer, ScheduledDropout) and layer.weights]
        for these in (layers, others)
    ]
    shapes = [[tuple(w.shape) for layer in these for w in layer.weights] for these in pairs]
    if shapes[0] != shapes[1]:
        received = f"weights of shapes {shapes[1]} instead of {shapes[0]}"
        raise invalid("warm_start", rule, received=received, remedy=remedy)
    for layer, other in zip(*pairs, strict=True):
        other.set_weights(layer.get_weights())


def stateless(optimizer):
    """SGD, with the same schedule if it is ours: `health` checks whether the rate was cyclic."""
    rate = keras_internals.learning_rate_of(optimizer)
    return keras.optimizers.SGD(rate if isinstance(rate, Schedule) else 0.01)


def average(networks, before=(), shape=None):
    """A compiled `Network` whose output is the mean of those of `networks`.

    Args:
        networks: list of compiled `Network` with the same input and output shapes.
        before: list of layers whose output they take.
        shape: of a row of the input of `before`. None means that of the networks.
    """
    first = networks[0]
    inner = first.input_shape[1:]
    members = [keras.Sequential([keras.Input(inner), *n.layers]) for n in networks]
    mean = Network([keras.Input(shape or inner), *before, AverageOf(members)], seed=first.seed)
    mean.compile(
        optimizer=stateless(first.optimizer),  # the mean is not trained further
        loss=first.loss,
        weighted_metrics=keras_internals.given_metrics(first)[1],
    )
    return mean
