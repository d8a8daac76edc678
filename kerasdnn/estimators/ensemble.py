"""Average several networks into one compiled `Network`."""

import keras

from ..core import keras_internals
from ..nn.average import AverageOf
from ..nn.schedules import Schedule
from ..training.network import Network


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
