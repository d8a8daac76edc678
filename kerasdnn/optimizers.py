"""Momentum, NAG, and optimizers by name. With velocity v, gradient g, momentum m, rate lr:

Momentum    v = m * v - lr * g        w = w + v
NAG         v = m * v - lr * g        w = w + m * v - lr * g
"""

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from .core import keras_internals
from .core.arguments import (
    MOMENTUM_REMEDY,
    check_choice,
    check_fraction,
    check_interval,
    check_positive,
    is_number,
)
from .core.messages import did_you_mean, invalid, quoted_list
from .nn import update_rules
from .nn.group_adam import check_count
from .nn.schedules import NamedSchedule


@keras.saving.register_keras_serializable(package="kerasdnn")
class Momentum(keras.optimizers.Optimizer):
    """Gradient descent with momentum.

        v = momentum * v - learning_rate * g
        w = w + v

    Args:
        learning_rate: positive float, `LearningRateSchedule`, or callable without arguments that
            returns the rate: the length of a step. Default: 0.01.
        momentum: float in [0, 1), the fraction of the velocity kept in each step. 0 is plain
            gradient descent. Default: 0.9.
        **kwargs: arguments of every Keras optimizer: `weight_decay`, `clipnorm`, `clipvalue`,
            `global_clipnorm`, `use_ema`, `ema_momentum`, `ema_overwrite_frequency`,
            `loss_scale_factor`, `gradient_accumulation_steps`, `name`.

    Raises:
        ValueError: `momentum` is outside [0, 1), or `learning_rate` is not positive.

    Example:
        from kerasdnn import Momentum, build_regressor

        network = build_regressor(n_features=4, optimizer=Momentum(0.1, momentum=0.8))

    Reference:
        Sutskever et al., On the importance of initialization and momentum in deep learning, 2013.
    """

    elementwise = True

    rule = staticmethod(update_rules.momentum)  # the equation in code

    def __init__(
        self, learning_rate: float | Callable = 0.01, momentum: float = 0.9, **kwargs: Any
    ):
        momentum = check_fraction("momentum", momentum, MOMENTUM_REMEDY)
        super().__init__(learning_rate=rate(learning_rate), **kwargs)
        self.momentum = momentum

    def build(self, variables: list) -> None:
        """Create one velocity per variable, zeros of its shape and dtype."""
        if self.built:
            return
        super().build(variables)
        self.velocities = self.add_optimizer_variables(variables, "velocity")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Move `variable` by one step; `Optimizer.apply` calls it once per variable."""
        v = self.velocities[self._get_variable_index(variable)]
        h = {
            "learning_rate": ops.cast(learning_rate, variable.dtype),
            "momentum": self.momentum,
        }
        gradient = ops.cast(gradient, variable.dtype)
        new_variable, (new_v,) = self.rule(variable, gradient, [v], None, h)
        self.assign(v, new_v)
        self.assign(variable, new_variable)

    def get_config(self) -> dict:
        return {**super().get_config(), "momentum": self.momentum}

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Any:
        """Create an optimizer from its config; a rate of 0, set by a callback, is accepted too."""
        saved: Any = config.get("learning_rate")
        if not is_number(saved) or saved > 0:
            return super().from_config(config, custom_objects)
        optimizer = super().from_config({**config, "learning_rate": 1.0}, custom_objects)
        optimizer.learning_rate = saved
        return optimizer


@keras.saving.register_keras_serializable(package="kerasdnn")
class NAG(Momentum):
    """Nesterov's accelerated gradient: momentum with the gradient at the point ahead.

        v = momentum * v - learning_rate * g
        w = w + momentum * v - learning_rate * g

    Momentum evaluates the gradient at the current weights w. Nesterov evaluates it at the point to
    which the velocity alone would lead, w + m v (Sutskever et al., equations 3 and 4):

        v' = m v - lr g(w + m v)                                                      (1)
        w' = w + v'                                                                   (2)

    An optimizer receives the gradient at the weights that it stores. Therefore store the point
    ahead, u = w + m v, instead of w. The gradient in (1) is then g(u), and the next point ahead is

        u' = w' + m v' = w + v' + m v'             by (2)
                       = u - m v + v' + m v'       as w = u - m v
                       = u + m v' - lr g(u)        as v' - m v = -lr g(u), by (1)

    which, with u renamed to w, is the rule above. The network's weights are therefore the points
    ahead. Both start at the same point, where v = 0, and end at the same point, as v goes to 0.

    Args:
        learning_rate: positive float, `LearningRateSchedule`, or callable without arguments that
            returns the rate: the length of a step. Default: 0.01.
        momentum: float in [0, 1), the fraction of the velocity kept in each step. 0 is plain
            gradient descent. Default: 0.9.
        **kwargs: arguments of every Keras optimizer, as in `Momentum`.

    Raises:
        ValueError: `momentum` is outside [0, 1), or `learning_rate` is not positive.

    References:
        Nesterov, A method for solving the convex programming problem with convergence rate
        O(1/k^2), 1983. Sutskever et al., On the importance of initialization and momentum in deep
        learning, 2013. Bengio et al., Advances in optimizing recurrent networks, 2012 (the form
        in u).

    Example:
        from kerasdnn import NAG, build_regressor

        network = build_regressor(n_features=4, optimizer=NAG(0.1, momentum=0.8))
    """

    elementwise = True

    rule = staticmethod(update_rules.nag)


RATE_REMEDY = "0.01 is a usual rate for 'sgd', 'momentum' and 'nag', 0.001 for 'adam'."

# fmt: off
BY_NAME: dict[str, tuple[type, float | None]] = {
                # class                      learning rate where none is given
    "sgd":      (keras.optimizers.SGD,       0.01),
    "momentum": (Momentum,                   0.01),
    "nag":      (NAG,                        0.01),
    "adagrad":  (keras.optimizers.Adagrad,   0.01),   # Keras: 0.001, which hardly moves
    "rmsprop":  (keras.optimizers.RMSprop,   0.001),
    "adam":     (keras.optimizers.Adam,      0.001),
}
# fmt: on
TAKE_MOMENTUM = ("sgd", "momentum", "nag")
# The other optimizers of Keras, with its default rates. Some of its classes only wrap others.
NOT_RULES = ("optimizer", "lossscaleoptimizer", "multioptimizer", "optimizermap")
for _class in vars(keras.optimizers).values():
    if isinstance(_class, type) and _class.__name__.lower() not in NOT_RULES:
        BY_NAME.setdefault(_class.__name__.lower(), (_class, None))


def check_name(name: str, value: str) -> str:
    """Return the name of an optimizer in lower case; an unknown one raises a ValueError."""
    return check_choice(name, value.lower(), BY_NAME)


def get(
    optimizer: str | dict | keras.Optimizer = "adam",
    learning_rate: float | Callable | None = None,
    momentum: float | None = None,
) -> keras.Optimizer:
    """Create a Keras optimizer from its name and its hyperparameters.

    Args:
        optimizer: a name of `BY_NAME`, upper or lower case; a `keras.optimizers.Optimizer` not
            used by another network; or the config of one, as `keras.optimizers.serialize` makes.
            Default: "adam".
        learning_rate: positive float, `LearningRateSchedule` or callable; only with a name. None
            means the rate of `BY_NAME`.
        momentum: float in [0, 1), for "sgd", "momentum" and "nag" only. None means 0 for "sgd" and
            0.9 for the others.

    Raises:
        ValueError: an unknown name, a number out of its range, or a hyperparameter that the
            optimizer does not accept or brings itself.
    """
    return check(optimizer, learning_rate, momentum)()


def check(
    optimizer: str | dict | keras.Optimizer = "adam",
    learning_rate: float | Callable | None = None,
    momentum: float | None = None,
    schedule: str = "constant",
    warmup: float | None = None,
) -> Callable[[], keras.Optimizer]:
    """Check the arguments of `get`, and the name of a schedule and its warm-up.

    Args:
        optimizer, learning_rate, momentum: as of `get`.
        schedule, warmup: see `nn.NamedSchedule`, whose length `Network.fit` sets.

    Returns:
        Function that creates the optimizer.
    """
    if learning_rate is not None:
        learning_rate = rate(learning_rate)
    scheduled = by_schedule(schedule, warmup, optimizer, learning_rate)
    if momentum is not None:
        momentum = check_fraction("momentum", momentum, MOMENTUM_REMEDY)
    if not isinstance(optimizer, str):
        return _check_instance(optimizer, learning_rate, momentum)
    name = check_choice("optimizer", optimizer.lower(), BY_NAME)
    if momentum is not None and name not in TAKE_MOMENTUM:
        raise invalid(
            "momentum",
            f"is a hyperparameter of {', '.join(map(repr, TAKE_MOMENTUM))}, not of {name!r}",
            momentum,
            "Leave it out, or choose optimizer='momentum' or 'nag'.",
        )
    kind, default_rate = BY_NAME[name]
    settings = {"learning_rate": default_rate if learning_rate is None else learning_rate}
    settings["momentum"] = momentum
    if scheduled is not None:
        settings["learning_rate"] = scheduled(settings["learning_rate"] or default_of(kind))
    return lambda: kind(**{key: value for key, value in settings.items() if value is not None})


def by_schedule(schedule, warmup, optimizer, learning_rate):
    """A function from a learning rate to its schedule by name; None for a constant rate.

    Raises:
        ValueError: the optimizer or the learning rate has a schedule of its own.
    """
    if schedule == "constant" and not warmup:
        return None
    name, value = ("schedule", schedule) if schedule != "constant" else ("warmup", warmup)
    if not isinstance(optimizer, str):
        rule = "needs the name of an optimizer; an instance or a config brings its own rate"
        remedy = "Pass a schedule to it, such as keras.optimizers.schedules.CosineDecay."
        raise invalid(name, rule, value, remedy)
    if callable(learning_rate):
        rule = "needs `learning_rate` to be a number, the peak of the schedule"
        raise invalid(name, rule, value, "Leave one of them out.")
    return lambda peak: NamedSchedule(schedule, peak, warmup=warmup)


def default_of(kind):
    """The learning rate of a Keras optimizer class where none is given."""
    return inspect.signature(kind).parameters["learning_rate"].default


def _check_instance(optimizer, learning_rate, momentum):
    for name, value in (("learning_rate", learning_rate), ("momentum", momentum)):
        if value is not None:
            raise invalid(
                name,
                "needs the name of an optimizer; an instance or a config brings its own",
                value,
                f"Set it there, such as `NAG({name}={value!r})`, and leave it out here.",
            )
    if isinstance(optimizer, dict):
        return lambda: _from_config(optimizer)
    if not isinstance(optimizer, keras.optimizers.Optimizer):
        raise invalid(
            "optimizer",
            "must be a name, a Keras optimizer or the config of one",
            optimizer,
            "Names: " + ", ".join(repr(name) for name in list(BY_NAME)[:6]) + ".",
        )
    if optimizer.built:
        raise invalid(
            "optimizer",
            "must not have trained another network, whose state it contains",
            optimizer,
            "Pass a new one, `type(optimizer).from_config(optimizer.get_config())`.",
        )
    return lambda: optimizer


def _from_config(config):
    try:
        return keras.optimizers.get(dict(config))
    except (KeyError, TypeError, ValueError) as error:
        rule = "as a config must be a result of `keras.optimizers.serialize`"
        raise invalid("optimizer", rule, config, f"Keras says: {error}") from error


def rate(learning_rate: float | Callable) -> float | Callable:
    """Check a learning rate: a positive float, a schedule, or a callable."""
    if callable(learning_rate) and not isinstance(learning_rate, type):
        return learning_rate
    return check_positive("learning_rate", learning_rate, RATE_REMEDY)


# Factors of the learning rate per layer.
#
#     w = w + f u(g, lr)    becomes    the update u(g, f lr) of the optimizer, f the layer's factor
#
# What an optimizer does besides, such as decoupled weight decay, keeps the learning rate itself.
ELEMENTWISE = ("SGD", "Adam", "AdamW", "Adagrad", "RMSprop", "Adamax", "Nadam", "Adadelta", "Lion")


def with_factors(kind: type) -> Any:
    """Create the subclass of an optimizer class whose learning rate has a factor per variable."""

    class Layerwise(kind):
        # Whether it updates each number by itself: see `training/flat_weights.py`.
        elementwise = kind.__name__ in ELEMENTWISE or bool(vars(kind).get("elementwise"))

        def __init__(self, *args: Any, factors: Sequence[float] = (), **kwargs: Any):
            super().__init__(*args, **kwargs)
            self.factors: list = [float(factor) for factor in factors]

        def on_packed(self, twin, spread):
            """Set the factors of a copy that works on concatenated variables."""
            check_count(self.factors, keras_internals.weights_of(self))
            twin.factors = spread(self.factors)

        def update_step(self, gradient, variable, learning_rate):
            check_count(self.factors, keras_internals.weights_of(self))
            factor = ops.cast(self.factors[self._get_variable_index(variable)], variable.dtype)
            super().update_step(gradient, variable, learning_rate * factor)

        def get_config(self):
            return {**super().get_config(), "factors": list(self.factors)}

    Layerwise.__name__ = Layerwise.__qualname__ = f"Layerwise{kind.__name__}"
    Layerwise.__doc__ = f"`{kind.__name__}` with a factor of the learning rate per variable."
    return keras.saving.register_keras_serializable(package="kerasdnn")(Layerwise)


LAYERWISE: dict[type, Any] = {
    kind: with_factors(kind) for kind, _ in dict.fromkeys(BY_NAME.values())
}


def check_factors(name: str, value: Any) -> Any:
    """Return `learning_rate_factors` as a tuple, or a dict by layer, of non-negative floats."""
    if isinstance(value, Mapping):
        return {
            layer: check_interval(f"{name}[{layer!r}]", factor, "[0, inf)")
            for layer, factor in value.items()
        }
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        rule = "must be a sequence of numbers, one per hidden layer and one for the output layer"
        raise invalid(name, rule, value, "Such as (0.1, 1.0), or a dict by names of layers.")
    return tuple(
        check_interval(f"{name}[{i}]", factor, "[0, inf)") for i, factor in enumerate(value)
    )


def factors_of(network: keras.Sequential, value: Any) -> list[float]:
    """Find the factor of each trainable variable of a built network.

    Args:
        network: its hidden layers are named hidden_1, hidden_2, ..., its output layer "output".
        value: what `check_factors` returns. In a sequence the factor of a hidden layer holds for
            all layers from it to the next hidden layer, and that of the first for what precedes it.

    Raises:
        ValueError: another number of factors, or a name that no layer has.
    """
    found: dict[int, float] = {}
    if isinstance(value, Mapping):
        names = [layer.name for layer in nested(network) if layer.trainable_weights]
        for name in value.keys() - {*names}:
            rule = f"must have the names of layers as keys: {quoted_list(names, 20)}"
            near = did_you_mean(str(name), names)
            raise invalid("learning_rate_factors", rule, received=repr(name), remedy=near)
        for layer in nested(network):  # inner layers come later, and hold for less
            if layer.name in value:
                found |= {id(v): value[layer.name] for v in layer.trainable_variables}
        return [found.get(id(v), 1.0) for v in network.trainable_variables]
    layers = [layer for top in network.layers for layer in stages(top)]
    hidden = [layer.name for layer in layers if re.fullmatch(r"(hidden|residual)_\d+", layer.name)]
    if len(value) != len(hidden) + 1:
        rule = f"must have {len(hidden) + 1} numbers, one per hidden layer and one for the output"
        raise invalid("learning_rate_factors", rule, value)
    position = 0
    for layer in layers:
        if layer.name in hidden:
            position = hidden.index(layer.name)
        elif layer.name == "output":
            position = len(hidden)
        found |= {id(v): value[position] for v in layer.trainable_variables}
    return [found[id(v)] for v in network.trainable_variables]


def stages(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yield a layer, or those of a wide & deep network, whose linear part comes last."""
    if hasattr(layer, "wide"):
        yield from (*layer.layers, layer.wide)
    else:
        yield layer


def nested(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yield the layers of a network and those inside them, outer ones first."""
    inner = [*getattr(layer, "layers", ()), getattr(layer, "wide", None)]
    for each in [*inner, getattr(layer, "shortcut", None)]:
        if each is not None:
            yield each
            yield from nested(each)


def layerwise(optimizer: keras.Optimizer, network: keras.Sequential, value: Any) -> keras.Optimizer:
    """Return an optimizer with the factors of `learning_rate_factors`; None returns it as it is.

    Args:
        optimizer: not built.
        network: built.
        value: what `check_factors` returns, or None.
    """
    if value is None:
        return optimizer
    factors = factors_of(network, value)
    kind = LAYERWISE.get(type(optimizer))
    if kind is None:
        rule = "needs an optimizer of Keras or kerasdnn"
        received = f"{type(optimizer).__name__} with learning_rate_factors={value!r}"
        raise invalid("learning_rate_factors", rule, received=received)
    rate = keras_internals.learning_rate_of(optimizer)
    config = keras_internals.config_without_rate(optimizer)
    if not isinstance(rate, keras.Variable):  # a schedule, or a callable without a config
        config["learning_rate"] = rate
    copy = kind.from_config({**config, "factors": factors})
    keras_internals.copy_decay_exclusions(optimizer, copy)
    return copy
