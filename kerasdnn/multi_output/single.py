"""Make one head of a network with several heads a network of its own.

The weights that all heads share are copied. Of the output layer, whose weights have the outputs on
their last axis, the columns of the head are kept:

    Dense, NTKDense         kernel (d, units), bias (units,)
    MemberDense             kernel (members, d, units), bias (members, units), then the mean
    WideAndDeep             both of its output layers
    AverageOf               each of its networks
"""

import keras

from ..heads.head import Head
from ..heads.loss import make_loss
from ..heads.metrics import make_metrics
from ..nn.average import AverageOf
from ..nn.batch_ensemble import MeanOfMembers
from ..nn.skip import WideAndDeep
from ..training.network import Network


def network_of_head(network: Network, at: slice, head: Head, n: int) -> Network:
    """A network that predicts some of the outputs of another one, whose layers it takes over.

    Args:
        network: a copy, which is not used afterwards.
        at: slice, the columns of the outputs.
        head: `Head` of the outputs.
        n: int, number of classes; 1 for two classes with one output, and for numbers.
    """
    layers = layers_of_head(network.layers, at, head.activation)
    made = Network([keras.Input(network.input_shape[1:]), *layers], seed=network.seed)
    made.compile("adam", make_loss(head), weighted_metrics=make_metrics(head, n))
    made.optimizer.build(made.trainable_variables)  # so that a file holds what Keras looks for
    return made


def layers_of_head(layers, at, activation):
    """The layers of a network with the outputs `at` alone, and another activation."""
    *others, last = layers
    if isinstance(last, AverageOf):
        shape = last.networks[0].input_shape[1:]
        return [*others, AverageOf([
            keras.Sequential([keras.Input(shape), *layers_of_head(one.layers, at, activation)])
            for one in last.networks
        ])]  # fmt: skip
    if isinstance(last, MeanOfMembers):
        *others, members = others
        return [*others, cut(members, at), MeanOfMembers(activation, name=last.name)]
    if isinstance(last, WideAndDeep):
        deep = layers_of_head(last.layers, at, keras.activations.linear)
        dtype = last.dtype_policy
        return [*others, WideAndDeep(deep, cut(last.wide, at), activation, dtype=dtype,
                                     name=last.name)]  # fmt: skip
    output = cut(last, at)
    output.activation = keras.activations.get(activation)
    return [*others, output]


def cut(layer, at):
    """A copy of a dense layer with the outputs `at` alone, and without its activation."""
    config = layer.get_config() | {"units": at.stop - at.start}
    if "activation" in config:
        config["activation"] = None
    made = type(layer).from_config(config)
    made.build(layer.get_build_config()["input_shape"])
    made.set_weights([weights[..., at] for weights in layer.get_weights()])
    return made
