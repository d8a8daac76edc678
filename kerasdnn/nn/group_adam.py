"""GroupAdam: Adam in which groups of variables have their own learning rate and weight decay."""

import keras
from keras import ops

from ..core.arguments import check_fraction


@keras.saving.register_keras_serializable(package="kerasdnn")
class GroupAdam(keras.optimizers.Adam):
    """Adam whose variables are grouped by name.

    With g the gradient, a and d the two factors of a variable's group, lr the learning rate and
    wd the weight decay of step t = 1, 2, ...:

        w = w (1 - d lr wd)                                       decoupled decay
        m = beta_1 m + (1 - beta_1) g
        v = beta_2 v + (1 - beta_2) g^2
        w = w - a lr sqrt(1 - beta_2^t) / (1 - beta_1^t) m / (sqrt(v) + epsilon)

    Args:
        learning_rate: float, or a `LearningRateSchedule`.
        weight_decay: float from 0, or a `LearningRateSchedule`; 0 for none.
        groups: dict from the name of a variable ("kernel", "bias", ...) to `(a, d)`. Variables
            whose name is not in it have (1, 1).
        beta_1, beta_2, epsilon: as in Adam.
        **kwargs: arguments of every Keras optimizer.

    Raises:
        ValueError: a factor that is no pair of numbers from 0.

    References:
        Kingma and Ba, Adam, 2015. Loshchilov and Hutter, Decoupled weight decay regularization,
        2019. Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024.
    """

    elementwise = True

    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.0,
        groups=None,
        beta_1=0.9,
        beta_2=0.95,
        epsilon=1e-8,
        name="group_adam",
        **kwargs,
    ):
        super().__init__(
            learning_rate, check_fraction("beta_1", beta_1), check_fraction("beta_2", beta_2),
            epsilon, name=name, **kwargs,
        )  # fmt: skip
        if isinstance(weight_decay, dict):
            weight_decay = keras.saving.deserialize_keras_object(weight_decay)
        self.decay = weight_decay
        self.groups = {key: pair(key, value) for key, value in (groups or {}).items()}

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self.factors = [self.groups.get(variable.name, (1.0, 1.0)) for variable in variables]

    def on_packed(self, twin, spread):
        """Give `twin`, which works on concatenated variables, a pair of factors per number.

        Args:
            twin: a built `GroupAdam`.
            spread: function from a number per variable to arrays, one per packed variable.
        """
        rates, decays = zip(*self.factors, strict=True)
        twin.factors = list(zip(spread(rates), spread(decays), strict=True))

    def update_step(self, gradient, variable, learning_rate):
        rate, decay = self.factors[self._get_variable_index(variable)]
        learning_rate = ops.cast(learning_rate, variable.dtype)
        if callable(self.decay) or self.decay:
            amount = self.decay(self._iterations) if callable(self.decay) else self.decay
            amount = learning_rate * ops.cast(amount, variable.dtype)
            self.assign(variable, variable * (1 - decay * amount))
        super().update_step(gradient, variable, learning_rate * rate)

    def get_config(self):
        decay = self.decay
        if callable(decay):
            decay = keras.saving.serialize_keras_object(decay)
        groups = {key: list(value) for key, value in self.groups.items()}
        return {**super().get_config(), "weight_decay": decay, "groups": groups}


def pair(name, value):
    """The two factors of a group as floats."""
    try:
        rate, decay = (float(factor) for factor in value)
    except (TypeError, ValueError):
        rate = decay = -1.0
    if min(rate, decay) < 0:
        raise ValueError(
            "`groups` must hold a learning-rate factor and a weight-decay factor from 0 for each "
            f"name. Received: groups[{name!r}] = {value!r}. (1, 1) changes nothing."
        )
    return rate, decay
