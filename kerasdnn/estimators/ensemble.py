"""Average several networks into one compiled `Network`."""

import keras

from ..core import keras_internals
from ..core.messages import invalid
from ..nn.average import AverageOf
from ..nn.realmlp_layers import ScheduledDropout
from ..nn.schedules import Schedule
from ..training.network import Network


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


def layers_of_members(network, count):
    """The layers of each member of an average of `count` networks, or of a single network.

    Raises:
        ValueError: the network has another number of members.
    """
    last = network.layers[-1]
    members = last.networks if isinstance(last, AverageOf) else [network]
    if len(members) != count:
        remedy = f"Keep n_members={len(members)}, or pass warm_start=False."
        raise invalid("n_members", "must be as before to continue", count, remedy)
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
