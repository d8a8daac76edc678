"""Average the outputs of several networks in one layer."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="kerasdnn")
class AverageOf(keras.layers.Layer):
    """A layer whose output is the mean of the outputs of several networks.

    Args:
        networks: list of `keras.Sequential` with the same input and output shapes, which are also
            those of the layer.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Example:
        import keras
        from kerasdnn.nn import AverageOf

        networks = [keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)]) for _ in range(2)]
        average = keras.Sequential([keras.Input((4,)), AverageOf(networks)])
        average.output_shape    # (None, 1)
    """

    row_by_row = True  # if its networks are
    branched = True  # its networks may run at the same time

    def __init__(self, networks: list[keras.Sequential], **kwargs: Any):
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
