"""Build TabM: k networks that share their kernels, with the settings of a preset.

    [embed categories]  [piecewise-linear embedding of numbers]
    two times: dense layer of k members that share the kernel, activation, dropout
    dense layer of k members that share nothing, mean of their predictions

It is trained by `GroupAdam` on the mean of the members' losses. The variant "mini" has ordinary
dense layers behind a scale of the inputs per member.

Source: Gorishniy, Kotelnikov, Babenko, TabM, 2025 (arXiv:2410.24210).
"""

import math

import keras
import numpy as np

from .. import activations
from ..core.messages import invalid
from ..heads.loss import make_loss
from ..heads.metrics import check_metrics, make_metrics
from ..nn.batch_ensemble import (
    BatchEnsembleDense,
    MeanOfMembers,
    MemberDense,
    MemberLoss,
    MemberMetric,
    MemberScale,
)
from ..nn.realmlp_layers import ScheduledDropout
from ..training.network import Network
from .preset_parts import (
    draw,
    first_layers,
    make_optimizer,
    reported_metrics,
    start_of_output,
)

# Factors of the learning rate and of the weight decay: biases and linear parts do not decay.
GROUPS = {"bias": (1.0, 0.0), "linear": (1.0, 0.0)}
KERAS_CHOOSES = ("acc", "crossentropy", "ce")  # the metric, by the shape of y


def build_tabm(problem, encoder, settings, seed, x, y):
    """Build a compiled `Network` for the matrix of a `TableEncoder`; see `presets.Preset`."""
    head, rng = problem.head, np.random.default_rng(seed)
    if head.ordered:
        remedy = 'Use preset="realmlp", or leave the order of the classes out.'
        raise invalid("ordered", "must be left out of preset 'tabm'", received=True, remedy=remedy)
    batch_size = len(x) if settings["batch_size"] == "full" else settings["batch_size"]
    steps = settings["epochs"] * math.ceil(len(x) / batch_size)
    layers = [keras.Input((x.shape[1],)), *first_layers(encoder, settings, rng, x)]
    layers += hidden_layers(settings, steps, blocks_of(encoder, settings), rng)
    layers.append(MemberDense(problem.units, settings["k"], seed=draw(rng), name="output"))
    layers.append(MeanOfMembers(head.activation, name="mean"))
    network = Network(layers, seed=seed)
    bias = start_of_output(head, y)
    if bias is not None:
        network.layers[-2].bias.assign_add(np.broadcast_to(bias, (settings["k"], problem.units)))
    metrics = settings["metrics"]
    if metrics is None:  # areas under curves take long to compute every epoch
        metrics = reported_metrics(head, problem.n_outputs, settings["monitor"])
    metrics = make_metrics(head, problem.n_outputs, check_metrics(head, metrics))
    for metric in metrics:
        if isinstance(metric, str) and metric in KERAS_CHOOSES:
            remedy = f"Name it in full, such as {next(iter(head.metrics), 'accuracy')!r}."
            raise invalid("metrics", "must not depend on the shape of y", metric, remedy)
    network.compile(
        optimizer=make_optimizer(
            network, settings, steps, GROUPS, settings["schedule"] != "constant"
        ),
        loss=MemberLoss(make_loss(head, settings["label_smoothing"]), problem.units),
        weighted_metrics=[MemberMetric(metric, problem.units) for metric in metrics],
    )
    return network


def blocks_of(encoder, settings):
    """Lengths of the consecutive columns that represent one column of the table."""
    embedded = settings["numeric_embedding"] is not None
    size = settings["numeric_size"] if embedded else 1
    numeric = [size] * encoder.n_numeric_
    flags = [stop - start for _, start, stop in encoder._the_plan().flagged]
    return numeric + flags + [settings["embedding_size"]] * len(encoder.cardinalities_)


def hidden_layers(settings, steps, blocks, rng):
    activation, k = activations.get(settings["activation"]), settings["k"]
    if isinstance(activation, keras.layers.Layer):
        remedy = "Pass the name of an activation, or a function."
        raise invalid("activation", "must not be a layer in preset 'tabm'", activation, remedy)
    start = "signs" if settings["numeric_embedding"] is None else "normal"
    mini, layers = settings["sharing"] == "mini", []
    if mini:
        layers.append(MemberScale(k, start, blocks, seed=draw(rng), name="members"))
    for i, units in enumerate(settings["hidden_units"]):
        name, seed = f"hidden_{i + 1}", draw(rng)
        if mini:
            layers.append(keras.layers.Dense(
                units, activation, name=name, kernel_initializer=uniform(layers, seed),
                bias_initializer=uniform(layers, seed + 1)))  # fmt: skip
        else:
            first = {"start": start, "blocks": blocks} if i == 0 else {}
            layers.append(BatchEnsembleDense(units, k, activation, seed=seed, name=name, **first))
        if settings["dropout"]:
            layers.append(ScheduledDropout(settings["dropout"], steps, seed=draw(rng)))
    return layers


def uniform(layers, seed):
    """U(-1/sqrt d, 1/sqrt d)."""
    return keras.initializers.VarianceScaling(1 / 3, "fan_in", "uniform", seed=seed)
