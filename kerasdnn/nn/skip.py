"""Layers that contain others and skip them with part of their input.

Residual      s(x) + f(x)        of a hidden layer f; s is the identity, or a matrix
WideAndDeep   a(f(x) + x W)      of all layers f up to the output, and its activation a
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

register = keras.saving.register_keras_serializable(package="kerasdnn")


def build(layer, input_shape):
    if not layer.built:  # a layer from a file is
        layer.build(input_shape)


class Container(keras.layers.Layer):
    """Base class of a layer that applies other layers one after the other.

    Args:
        layers: list of Keras layers.
    """

    def __init__(self, layers: Sequence[keras.layers.Layer], **kwargs: Any):
        super().__init__(**kwargs)
        self.layers = list(layers)

    def build(self, input_shape):
        for layer in self.layers:
            build(layer, input_shape)
            input_shape = layer.compute_output_shape(input_shape)

    def inner(self, x):
        """Apply the layers one after the other.

        Args:
            x: tensor, the input of the first layer.

        Returns:
            Tensor, the output of the last layer.
        """
        for layer in self.layers:  # Keras passes on `training` of this layer's call
            x = layer(x)
        return x

    def get_config(self):
        parts = [keras.saving.serialize_keras_object(layer) for layer in self.layers]
        return {**super().get_config(), "layers": parts}

    @classmethod
    def from_config(cls, config):
        read = keras.saving.deserialize_keras_object
        parts = [read(part) for part in config.pop("layers")]
        others = {
            key: read(value) if isinstance(value, dict) and "class_name" in value else value
            for key, value in config.items()
            if key != "dtype"
        }
        dtype = {"dtype": config["dtype"]} if "dtype" in config else {}
        return cls(parts, **others, **dtype)


@register
class Residual(Container):
    """A layer that adds its input to the output of a hidden layer, x + f(x).

    Args:
        layers: list of Keras layers, f: a Dense layer and what follows it.
        shortcut: Keras layer that adapts x where f changes its width, such as a Dense layer without
            activation or bias. None means x itself.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, columns)`, output shape that of the last layer.

    Reference:
        He, Zhang, Ren, Sun, Deep residual learning for image recognition, 2015.

    Example:
        import keras
        from kerasdnn.nn import Residual

        Residual([keras.layers.Dense(4, "relu")])(keras.Input((4,))).shape    # (None, 4)
    """

    row_by_row = True  # if its layers are

    def __init__(
        self,
        layers: Sequence[keras.layers.Layer],
        shortcut: keras.layers.Layer | None = None,
        **kwargs: Any,
    ):
        super().__init__(layers, **kwargs)
        self.shortcut = shortcut

    @property
    def kernel(self) -> Any:
        """The kernel of the hidden layer, which `health` measures."""
        return self.layers[0].kernel

    def build(self, input_shape):
        super().build(input_shape)
        if self.shortcut is not None:
            build(self.shortcut, input_shape)

    def call(self, x):
        skipped = x if self.shortcut is None else self.shortcut(x)
        return skipped + self.inner(x)

    def compute_output_shape(self, input_shape):
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        shortcut = self.shortcut and keras.saving.serialize_keras_object(self.shortcut)
        return {**super().get_config(), "shortcut": shortcut}


@register
class WideAndDeep(Container):
    """A deep network and a linear model whose outputs are added, a(f(x) + x W).

    Args:
        layers: list of Keras layers, f: hidden layers and the output layer without activation.
        wide: Dense layer without activation or bias and with as many units.
        activation: str or function of the sum. None means the sum itself.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, columns)`, output shape `(rows, units)`.

    Reference:
        Cheng et al., Wide & deep learning for recommender systems, 2016.

    Example:
        import keras
        from kerasdnn.nn import WideAndDeep

        Dense = keras.layers.Dense
        network = WideAndDeep([Dense(64, "relu"), Dense(1)], Dense(1, use_bias=False), "sigmoid")
        network(keras.Input((4,))).shape    # (None, 1)
    """

    row_by_row = True  # if its layers are

    def __init__(
        self,
        layers: Sequence[keras.layers.Layer],
        wide: keras.layers.Layer,
        activation: str | Callable | None = None,
        **kwargs: Any,
    ):
        super().__init__(layers, **kwargs)
        self.wide, self.activation = wide, keras.activations.get(activation)

    @property
    def kernel(self) -> Any:
        """The kernel of the deep part's output layer, which `health` measures."""
        return self.layers[-1].kernel

    @property
    def bias(self) -> Any:
        """The bias of the outputs."""
        return self.layers[-1].bias

    def build(self, input_shape):
        super().build(input_shape)
        build(self.wide, input_shape)

    def call(self, x):
        return self.activation(self.inner(x) + self.wide(x))

    def compute_output_shape(self, input_shape):
        return self.wide.compute_output_shape(input_shape)

    def get_config(self):
        wide = keras.saving.serialize_keras_object(self.wide)
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "wide": wide, "activation": activation}
