"""AverageOf: several networks as one layer, whose output is the mean of theirs."""

import keras
from keras import ops

from .schedules import Schedule
from .training import Network


@keras.saving.register_keras_serializable(package="kerasdnn")
class AverageOf(keras.layers.Layer):
    """The mean of the outputs of several networks: of probabilities, or of predicted numbers.

    Args:
        networks: list of built `keras.Sequential` with the same input and output shapes.

    Shapes: those of the networks.
    """

    row_by_row = True  # if its networks are

    def __init__(self, networks, **kwargs):
        super().__init__(**kwargs)
        self.networks = networks

    def build(self, input_shape):
        for network in self.networks:
            if not network.built:
                network.build(input_shape)

    def call(self, x, training=False):
        return ops.mean(ops.stack([network(x, training=training) for network in self.networks]), 0)

    def compute_output_shape(self, input_shape):
        return self.networks[0].compute_output_shape(input_shape)

    def get_config(self):
        parts = [keras.saving.serialize_keras_object(network) for network in self.networks]
        return {**super().get_config(), "networks": parts}

    @classmethod
    def from_config(cls, config):
        parts = [keras.saving.deserialize_keras_object(part) for part in config.pop("networks")]
        return cls(parts, **config)


def first_of(network):
    """The first member of an average as a compiled `Network`; any other network as it is."""
    last = network.layers[-1]
    if not isinstance(last, AverageOf):
        return network
    first = Network([keras.Input(network.input_shape[1:]), *last.networks[0].layers])
    first.compile(
        optimizer=stateless(network.optimizer),
        loss=network.loss,
        weighted_metrics=network._compile_metrics._user_weighted_metrics,
    )
    return first


def stateless(optimizer):
    """Plain descent, of the same schedule where it is ours: `health` asks whether it had waves."""
    rate = optimizer._learning_rate
    return keras.optimizers.SGD(rate if isinstance(rate, Schedule) else 0.01)


def average(networks):
    """A compiled `Network` whose output is the mean of those of `networks`."""
    first = networks[0]
    members = [keras.Sequential([keras.Input(first.input_shape[1:]), *n.layers]) for n in networks]
    whole = Network([keras.Input(first.input_shape[1:]), AverageOf(members)], seed=first.seed)
    whole.compile(
        optimizer=stateless(first.optimizer),  # nobody trains the mean further
        loss=first.loss,
        weighted_metrics=first._compile_metrics._user_weighted_metrics,
    )
    return whole
