"""Adam with a learning rate and weight decay per group of variables."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from ..core.arguments import check_fraction
from ..core.messages import invalid


@keras.saving.register_keras_serializable(package="kerasdnn")
class GroupAdam(keras.optimizers.Adam):
    """Adam with factors on the learning rate and weight decay of variables, by their names.

    With g the gradient, a and d the two factors of a variable's group, lr the learning rate and
    wd the weight decay of step t = 1, 2, ...:

        w = w (1 - d lr wd)                                       decoupled decay
        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g^2
        w = w - a lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Args:
        learning_rate: float or `LearningRateSchedule`. Default 0.001.
        weight_decay: non-negative float or `LearningRateSchedule`. Default 0.0, no decay.
        groups: dict from the name of a variable ("kernel", "bias", ...) to `(a, d)`. None means
            (1, 1) for every variable, as do names that are not in it.
        beta_1: float in [0, 1), decay of the mean of gradients. Default 0.9.
        beta_2: float in [0, 1), decay of the mean of squared gradients. Default 0.95.
        epsilon: float, avoids division by zero. Default 1e-8.
        factors: sequence of non-negative float, more factors on the learning rate, one per variable
            in the order of `build`. Empty means 1 for every variable.
        name: str.
        **kwargs: arguments of every Keras optimizer.

    Raises:
        ValueError: invalid factors, or `beta_1` or `beta_2` outside [0, 1).

    Example:
        from kerasdnn.nn import GroupAdam

        GroupAdam(0.01, groups={"bias": (0.1, 0.0)})    # biases: a tenth of the rate, no decay

    References:
        Kingma and Ba, Adam, 2015. Loshchilov and Hutter, Decoupled weight decay regularization,
        2019. Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024.
    """

    elementwise, inputs = True, ("decay",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: Any = 0.0,
        groups: dict[str, tuple[float, float]] | None = None,
        beta_1: float = 0.9,
        beta_2: float = 0.95,
        epsilon: float = 1e-8,
        factors: Sequence[float] = (),
        name: str = "group_adam",
        **kwargs: Any,
    ):
        super().__init__(
            learning_rate, check_fraction("beta_1", beta_1), check_fraction("beta_2", beta_2),
            epsilon, name=name, **kwargs,
        )  # fmt: skip
        if isinstance(weight_decay, dict):
            weight_decay = keras.saving.deserialize_keras_object(weight_decay)
        self.decay = weight_decay
        self.own_factors = [float(factor) for factor in factors]
        self.groups = {key: check_pair(key, value) for key, value in (groups or {}).items()}

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        pairs = [self.groups.get(variable.name, (1.0, 1.0)) for variable in variables]
        if len(self.own_factors) == len(pairs):  # else `update_step` rejects them
            pairs = [(f * a, d) for f, (a, d) in zip(self.own_factors, pairs, strict=True)]
        self.factors = pairs

    def on_packed(self, twin, spread):
        """Set the factors of a copy that works on concatenated variables.

        Args:
            twin: the copy, a built `GroupAdam`.
            spread: function from one number per variable to one array per packed variable.
        """
        if self.own_factors:
            check_count(self.own_factors, self.factors)
        rates, decays = zip(*self.factors, strict=True)
        twin.factors = list(zip(spread(rates), spread(decays), strict=True))
        twin.own_factors = []

    def update_step(self, gradient, variable, learning_rate):
        if self.own_factors:
            check_count(self.own_factors, self.factors)
        rate, decay = self.factors[self._get_variable_index(variable)]
        learning_rate = ops.cast(learning_rate, variable.dtype)
        if callable(self.decay) or ops.is_tensor(self.decay) or self.decay:
            amount = self.decay(self._iterations) if callable(self.decay) else self.decay
            amount = learning_rate * ops.cast(amount, variable.dtype)
            self.assign(variable, variable * (1 - decay * amount))
        super().update_step(gradient, variable, learning_rate * rate)

    def get_config(self):
        decay = self.decay
        if callable(decay):
            decay = keras.saving.serialize_keras_object(decay)
        groups = {key: list(value) for key, value in self.groups.items()}
        own = {"weight_decay": decay, "groups": groups, "factors": self.own_factors}
        return {**super().get_config(), **own}


def check_count(factors, variables):
    """Reject factors of other variables than those that are trained."""
    if len(factors) != len(variables):
        rule = f"must be one per variable, of which there are {len(variables)}"
        raise invalid("factors", rule, received=f"{len(factors)} factors")


def check_pair(name, value):
    """Return the two factors of a group as floats."""
    try:
        rate, decay = (float(factor) for factor in value)
    except (TypeError, ValueError):
        rate = decay = -1.0
    if min(rate, decay) < 0:
        rule = "must be a pair of non-negative factors, on learning rate and weight decay"
        raise invalid(f"groups[{name!r}]", rule, value, "(1, 1) changes nothing.")
    return rate, decay
