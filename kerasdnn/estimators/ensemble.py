"""The mean of several networks as a compiled `Network`."""

import keras

from ..core import keras_internals
from ..nn.average import AverageOf
from ..nn.schedules import Schedule
from ..training.network import Network


def first_of(network):
    """The first member of an average as a compiled `Network`; any other network as it is."""
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
    """Plain descent, of the same schedule where it is ours: `health` asks whether it had waves."""
    rate = keras_internals.learning_rate_of(optimizer)
    return keras.optimizers.SGD(rate if isinstance(rate, Schedule) else 0.01)


def average(networks):
    """A compiled `Network` whose output is the mean of those of `networks`."""
    first = networks[0]
    members = [keras.Sequential([keras.Input(first.input_shape[1:]), *n.layers]) for n in networks]
    whole = Network([keras.Input(first.input_shape[1:]), AverageOf(members)], seed=first.seed)
    whole.compile(
        optimizer=stateless(first.optimizer),  # nobody trains the mean further
        loss=first.loss,
        weighted_metrics=keras_internals.given_metrics(first)[1],
    )
    return whole
