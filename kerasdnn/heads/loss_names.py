"""Losses as a user names them: the name of a loss of Keras, an instance, or a function."""

import re
from typing import Any

import keras

from ..core import keras_internals
from ..core.messages import did_you_mean, invalid
from ..nn import losses


def snake_case(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


LOSSES = {  # the classes of Keras's losses by the names of their functions
    snake_case(key): cls
    for key, cls in vars(keras.losses).items()
    if isinstance(cls, type) and cls is not keras.losses.Loss
}
LOSSES["asymmetric"] = losses.AsymmetricLoss
FOCAL = "focal"  # which of two losses it means depends on the problem type


def loss_named(name: str):
    """Make the Keras loss of a name, an object where Keras has a class of that name."""
    return LOSSES[name]() if name in LOSSES else keras.losses.get(name)


def check_loss(name: str, value: Any) -> Any:
    """Return `value`, what `loss=` accepts: a name, an instance or a function.

    Keras's Huber is returned as ours, whose config has `delta`.

    Raises:
        ValueError: an unknown name, or something else.
    """
    rule = "must be the name of a Keras loss, a Keras loss, or a function of y and the prediction"
    if isinstance(value, str):
        try:
            if value != FOCAL:
                loss_named(value)
        except ValueError:
            remedy = did_you_mean(value, [FOCAL, *sorted(LOSSES)]) or "Such as 'huber'."
            raise invalid(name, rule, value, remedy) from None
    elif isinstance(value, type):
        raise invalid(name, rule, value, f"Pass an instance: {value.__name__}().")
    elif not callable(value):
        raise invalid(name, rule, value, "Such as 'huber'.")
    elif isinstance(value, keras.losses.Loss):
        value = losses.complete(value)
        check_config_of_loss(name, value)
    return value


def check_config_of_loss(name, loss):
    """Reject a loss with settings that its config lacks, such as the `axis` of some.

    A copy, as scikit-learn makes, and a file have the config alone.
    """
    function = getattr(loss, "fn", None)
    if function is None or not keras_name(loss):
        return
    settings = keras_internals.settings_of(loss)
    kept = keras_internals.settings_of(type(loss).from_config(loss.get_config()))
    plain = [k for k, v in settings.items() if k[0] != "_" and isinstance(v, (bool, int, float))]
    if lost := [key for key in plain if kept.get(key) != settings[key]]:
        arguments = ", ".join(f"{key}={settings[key]!r}" for key in lost)
        raise invalid(
            name, f"must keep its settings in its config, which lacks {arguments}", loss,
            "Write it as a function: def my_loss(y, p): return "
            f"keras.losses.{function.__name__}(y, p, {arguments}).",
        )  # fmt: skip


def keras_name(loss: Any) -> str:
    """Return the name of a loss of `LOSSES`, or of its function; empty for a custom loss."""
    loss = loss_named(loss) if isinstance(loss, str) else loss
    if known := vars(type(loss)).get("known_as"):
        return known
    function = getattr(loss, "fn", loss)
    ours = (getattr(function, "__module__", None) or "").startswith("keras.")
    return getattr(function, "__name__", "") if ours else ""
