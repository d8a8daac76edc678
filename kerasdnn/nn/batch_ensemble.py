"""Layers of TabM: k networks that share most of their weights, trained as one.

    MemberScale          x r_m                            an input scale per member
    BatchEnsembleDense   f(((x r_m) W) s_m + b_m)         W shared, vectors r, s, b per member
    MemberDense          x_m W_m + b_m                    nothing shared
    MeanOfMembers        mean over m of f(x_m)            in training: the f(x_m) next to each other
    MemberLoss           mean over m of loss(y, f(x_m))

Rows `(rows, d)` become `(rows, members, d)` in the first of these layers, and `(rows, units)` again
in the last. TabM is BatchEnsembleDense for every hidden layer; TabM-mini is MemberScale, then
ordinary Dense layers. Both end in MemberDense and MeanOfMembers:

    keras.Sequential([
        keras.Input((10,)),
        BatchEnsembleDense(128, members=32, activation="relu", start="signs"),
        BatchEnsembleDense(128, members=32, activation="relu"),
        MemberDense(3, members=32),
        MeanOfMembers("softmax"),
    ])

The members must learn from their own errors: the loss of the mean would make them one large
network. Therefore the last layer returns all predictions in training, which `MemberLoss` compares
with y one by one, and their mean in evaluation and prediction.

Sources: Wen, Tran, Ba, BatchEnsemble, 2020 (arXiv:2002.06715); Gorishniy, Kotelnikov, Babenko,
TabM: Advancing tabular deep learning with parameter-efficient ensembling, 2025 (arXiv:2410.24210).
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import initializers, ops

from ..core.arguments import check_choice, check_integer
from ..core.messages import invalid

register = keras.saving.register_keras_serializable(package="kerasdnn")
STARTS = ("ones", "signs", "normal")


class MemberLayer(keras.layers.Layer):
    """Base class: a layer of `(rows, d)` or `(rows, members, d)` to `(rows, members, ...)`."""

    def __init__(self, members: int, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.members, self.seed = check_integer("members", members), seed

    def check_input(self, shape):
        """Return d, the width of the input.

        Args:
            shape: tuple, the input shape.

        Returns:
            int: d.

        Raises:
            ValueError: `shape` is not `(rows, d)` or `(rows, members, d)`, as the layer needs.
        """
        if len(shape) not in (2, 3) or (len(shape) == 3 and shape[1] != self.members):
            raise invalid(
                "x", f"must have shape (rows, d) or (rows, {self.members}, d)",
                received=f"a tensor of shape {tuple(shape)}",
            )  # fmt: skip
        return shape[-1]

    def get_config(self):
        return {**super().get_config(), "members": self.members, "seed": self.seed}


def for_each_member(x):
    """`x` as a tensor that broadcasts against `(rows, members, d)`."""
    return x if len(x.shape) == 3 else ops.expand_dims(x, 1)


def start_of(kind, blocks, seed):
    """An initializer of scales `(members, d)`.

    Args:
        kind: one of `STARTS`.
        blocks: lengths of the consecutive blocks of columns that share a number per member, or
            None for a number per column.
        seed: `keras.random.SeedGenerator`.
    """

    def initial(shape, dtype=None):
        if kind == "ones":
            return ops.ones(shape, dtype)
        members, width = shape
        count = width if blocks is None else len(blocks)
        drawn = keras.random.normal((members, count), dtype="float32", seed=seed)
        if kind == "signs":
            drawn = ops.where(drawn < 0, -1.0, 1.0)
        if blocks is not None:
            drawn = ops.take(drawn, np.repeat(np.arange(count), blocks), axis=1)
        return ops.cast(drawn, dtype)

    return initial


def check_blocks(blocks, width):
    if blocks is not None and sum(blocks) != width:
        rule = f"must be the lengths of blocks of columns, {width} in sum"
        raise invalid("blocks", rule, list(blocks))


@register
class MemberScale(MemberLayer):
    """A layer that multiplies each column by a learned number per member, x r_m.

    It is the one difference between the members of TabM-mini.

    Args:
        members: int, at least 1, number of members k.
        start: "signs" (default): r is -1 or 1 at random; "normal": N(0, 1), for embedded numbers;
            "ones": all members start equal.
        blocks: list of int, lengths of the blocks of consecutive columns that start with the same
            number, such as the columns of an embedding. None means that each column has its own.
        seed: int, of r. None means a random one.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, d)` or `(rows, members, d)`, output shape `(rows, members, d)`. The weight
    "input_scale" is `(members, d)`.

    Raises:
        ValueError: `blocks` whose sum is not d, or an input of another number of members.

    Example:
        import keras
        from kerasdnn.nn import MemberScale

        x = keras.Input((4,))
        MemberScale(members=8)(x).shape    # (None, 8, 4)
    """

    row_by_row = True

    def __init__(
        self,
        members: int,
        start: str = "signs",
        blocks: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(members, seed, **kwargs)
        self.start = check_choice("start", start, STARTS)
        self.blocks_initializer = None if blocks is None else [*map(int, blocks)]

    def build(self, input_shape):
        width, blocks = self.check_input(input_shape), self.blocks_initializer
        check_blocks(blocks, width)
        start = start_of(self.start, blocks, keras.random.SeedGenerator(self.seed))
        self.input_scale = self.add_weight(
            shape=(self.members, width), initializer=start, name="input_scale"
        )

    def call(self, x):
        return for_each_member(x) * self.input_scale

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.members, input_shape[-1])

    def get_config(self):
        own = {"start": self.start, "blocks": self.blocks_initializer}
        return {**super().get_config(), **own}


@register
class BatchEnsembleDense(MemberLayer):
    """A dense layer whose members share the kernel, f(((x r_m) W) s_m + b_m).

    W starts at U(-1/sqrt d, 1/sqrt d), s at 1, and b at one draw of U(-1/sqrt d, 1/sqrt d) that all
    members share. The members differ by r in the first layer only, and then learn to differ.

    Args:
        units: int, at least 1, outputs of each member.
        members: int, at least 1, number of members k.
        activation: str, callable or None (linear), f.
        start: "ones" (default): r of all members is 1; "signs": -1 or 1 at random, and "normal":
            N(0, 1), for the first layer behind numbers or behind embeddings.
        blocks: list of int, see `MemberScale`.
        seed: int, of the initial weights. None means a random one.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, d)` or `(rows, members, d)`, output shape `(rows, members, units)`. Weights:
    "kernel" `(d, units)`, "input_scale" `(members, d)`, "output_scale" and "bias" `(members,
    units)`.

    Raises:
        ValueError: `blocks` whose sum is not d, or an input of another number of members.

    Example:
        import keras
        from kerasdnn.nn import BatchEnsembleDense, MemberScale

        x = keras.Input((4,))
        members = MemberScale(members=8)(x)                     # (None, 8, 4)
        BatchEnsembleDense(16, members=8, activation="relu")(members).shape    # (None, 8, 16)

    Reference:
        Wen, Tran, Ba, BatchEnsemble: An alternative approach to efficient ensemble and lifelong
        learning, 2020. The initial values are those of TabM, 2025.
    """

    row_by_row = True

    def __init__(
        self,
        units: int,
        members: int,
        activation: str | Callable | None = None,
        start: str = "ones",
        blocks: Sequence[int] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(members, seed, **kwargs)
        self.units = check_integer("units", units)
        self.activation = keras.activations.get(activation)
        self.start = check_choice("start", start, STARTS)
        self.blocks_initializer = None if blocks is None else [*map(int, blocks)]

    def build(self, input_shape):
        width, blocks = self.check_input(input_shape), self.blocks_initializer
        check_blocks(blocks, width)
        draws = keras.random.SeedGenerator(self.seed)
        uniform = initializers.RandomUniform(-(width**-0.5), width**-0.5, seed=draws)

        def same_for_all(shape, dtype=None):
            return ops.broadcast_to(uniform(shape[1:], dtype=dtype), shape)

        k, units = self.members, self.units
        self.kernel = self.add_weight(shape=(width, units), initializer=uniform, name="kernel")
        self.input_scale = self.add_weight(
            shape=(k, width), initializer=start_of(self.start, blocks, draws), name="input_scale"
        )
        self.output_scale = self.add_weight(
            shape=(k, units), initializer="ones", name="output_scale"
        )
        self.bias = self.add_weight(shape=(k, units), initializer=same_for_all, name="bias")

    def call(self, x):
        scaled = for_each_member(x) * self.input_scale
        # One product of all rows of all members, which is faster than one per member.
        z = ops.matmul(ops.reshape(scaled, (-1, scaled.shape[-1])), self.kernel)
        z = ops.reshape(z, (-1, self.members, self.units))
        return self.activation(z * self.output_scale + self.bias)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.members, self.units)

    def get_config(self):
        own = {"units": self.units, "start": self.start, "blocks": self.blocks_initializer}
        own["activation"] = keras.activations.serialize(self.activation)
        return {**super().get_config(), **own}


@register
class MemberDense(MemberLayer):
    """A dense layer of which each member has its own, f(x_m W_m + b_m).

    Args:
        units: int, at least 1, outputs of each member.
        members: int, at least 1, number of members k.
        activation: str, callable or None (linear), f.
        seed: int, of W and b ~ U(-1/sqrt d, 1/sqrt d). None means a random one.
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, d)` or `(rows, members, d)`, output shape `(rows, members, units)`. Weights:
    "kernel" `(members, d, units)` and "bias" `(members, units)`.

    Raises:
        ValueError: an input of another number of members.

    Example:
        import keras
        from kerasdnn.nn import MemberDense, MemberScale

        x = keras.Input((4,))
        members = MemberScale(members=8)(x)        # (None, 8, 4)
        MemberDense(3, members=8)(members).shape    # (None, 8, 3)
    """

    row_by_row = True

    def __init__(
        self,
        units: int,
        members: int,
        activation: str | Callable | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(members, seed, **kwargs)
        self.units = check_integer("units", units)
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        width = self.check_input(input_shape)
        draws = keras.random.SeedGenerator(self.seed)
        uniform = initializers.RandomUniform(-(width**-0.5), width**-0.5, seed=draws)
        shape = self.members, width, self.units
        self.kernel = self.add_weight(shape=shape, initializer=uniform, name="kernel")
        self.bias = self.add_weight(shape=(shape[0], shape[2]), initializer=uniform, name="bias")

    def call(self, x):
        if self.units == 1:  # a sum of products compiles to one pass
            z = ops.sum(for_each_member(x) * self.kernel[:, :, 0], axis=-1, keepdims=True)
        elif len(x.shape) == 3:
            z = ops.einsum("rkd,kdu->rku", x, self.kernel)
        else:
            z = ops.einsum("rd,kdu->rku", x, self.kernel)
        return self.activation(z + self.bias)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.members, self.units)

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "units": self.units, "activation": activation}


@register
class MeanOfMembers(keras.layers.Layer):
    """The last layer of an ensemble: the mean of the members' predictions f(x_m).

    With `training=True` it returns the predictions of all members next to each other, `(rows,
    members * units)`, which `MemberLoss` and `MemberMetric` take apart.

    Args:
        activation: str, callable or None (linear), f: the output activation, such as "softmax".
        **kwargs: `name`, `dtype` and other arguments of `keras.layers.Layer`.

    Input shape `(rows, members, units)`, output shape `(rows, units)`.

    Example:
        import keras
        from kerasdnn.nn import MeanOfMembers

        x = keras.Input((8, 1))
        MeanOfMembers("sigmoid")(x).shape    # (None, 1): the mean over 8 members
    """

    row_by_row = True
    all_members_in_training = True  # read by `checks/output_layer.py`

    def __init__(self, activation: str | Callable | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.activation = keras.activations.get(activation)

    def call(self, x, training=False):
        y = self.activation(x)
        if training:
            return ops.reshape(y, (-1, x.shape[1] * x.shape[2]))
        return ops.mean(y, axis=1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[2])

    def get_config(self):
        activation = keras.activations.serialize(self.activation)
        return {**super().get_config(), "activation": activation}


def members_of(y_pred, units):
    """How many predictions of `units` numbers are next to each other in `(rows, columns)`."""
    columns = y_pred.shape[-1]
    if columns % units:
        rule = f"must be a divisor of the {columns} outputs of the network"
        raise invalid("units", rule, units)
    return columns // units


@register
class MemberLoss(keras.losses.Loss):
    """The mean of the losses of all members; outside training, the loss of their mean prediction.

    Args:
        loss: Keras loss, its name or its config; computed from y and the prediction of one member.
        units: int, at least 1, outputs of a member.
        **kwargs: `reduction`, `name` and `dtype`, as for every Keras loss.

    Call arguments:
        y_true: as `loss` takes it, shape `(rows,)` or `(rows, outputs)`.
        y_pred: shape `(rows, members * units)` from `MeanOfMembers` in training, otherwise
            `(rows, units)`.

    Example:
        import keras
        from kerasdnn.nn import MeanOfMembers, MemberDense, MemberLoss, MemberScale

        network = keras.Sequential(
            [keras.Input((4,)), MemberScale(8), MemberDense(3, 8), MeanOfMembers("softmax")]
        )
        network.compile("adam", MemberLoss("sparse_categorical_crossentropy", units=3))
    """

    row_by_row = True  # if `loss` is, see `training/metrics.py`
    takes_y_of_its_loss = True  # read by `checks/output_layer.py`

    def __init__(self, loss: Any, units: int, **kwargs: Any):
        loss = keras.losses.get(loss)
        super().__init__(**{"reduction": loss_object(loss).reduction} | kwargs)
        self.loss, self.units = loss, check_integer("units", units)

    def call(self, y_true, y_pred):
        members, loss = members_of(y_pred, self.units), loss_object(self.loss)
        if members == 1:
            return loss.call(y_true, y_pred)
        y_pred = ops.reshape(y_pred, (-1, self.units))
        losses = loss.call(ops.repeat(y_true, members, axis=0), y_pred)
        if len(losses.shape) != 1:
            rule = "must return a number per row, to be averaged over members"
            raise invalid("loss", rule, received=f"numbers of shape {tuple(losses.shape)}")
        return ops.mean(ops.reshape(losses, (-1, members)), axis=1)

    def get_config(self):
        loss = keras.losses.serialize(self.loss)
        return {**super().get_config(), "loss": loss, "units": self.units}


def loss_object(loss):
    """A Keras loss as an object, whose `call` also takes y of one dimension less."""
    if isinstance(loss, keras.losses.Loss):
        return loss
    wrapper = keras.losses.MeanSquaredError.__mro__[1]  # of a function
    return wrapper(loss, name=getattr(loss, "__name__", "loss"))


@register
class MemberMetric(keras.metrics.Metric):
    """A metric of the mean prediction of all members.

    Args:
        metric: Keras metric, its name or its config.
        units: int, at least 1, outputs of a member.
        name: str. None means that of the metric.
        **kwargs: `dtype`, as for every Keras metric.

    Example:
        import keras
        from kerasdnn.nn import MeanOfMembers, MemberDense, MemberLoss, MemberMetric, MemberScale

        network = keras.Sequential(
            [keras.Input((4,)), MemberScale(8), MemberDense(3, 8), MeanOfMembers("softmax")]
        )
        loss = MemberLoss("sparse_categorical_crossentropy", units=3)
        metric = MemberMetric("sparse_categorical_accuracy", units=3)
        network.compile("adam", loss, metrics=[metric])
    """

    row_by_row = True  # if `metric` is a sum over rows, see `training/metrics.py`

    def __init__(self, metric: Any, units: int, name: str | None = None, **kwargs: Any):
        metric = keras.metrics.get(metric)
        if not isinstance(metric, keras.metrics.Metric):
            metric = keras.metrics.MeanMetricWrapper(metric, getattr(metric, "__name__", "metric"))
        super().__init__(name=name or metric.name, **kwargs)
        self.metric, self.units = metric, check_integer("units", units)
        self._direction = getattr(metric, "_direction", None)

    def update_state(self, y_true, y_pred, sample_weight=None):
        members = members_of(y_pred, self.units)
        if members > 1:
            y_pred = ops.mean(ops.reshape(y_pred, (-1, members, self.units)), axis=1)
        return self.metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def result(self):
        return self.metric.result()

    def reset_state(self):
        self.metric.reset_state()

    def get_config(self):
        metric = keras.metrics.serialize(self.metric)
        return {**super().get_config(), "metric": metric, "units": self.units}
