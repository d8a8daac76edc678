"""Determine what a compiled network expects of `y` from its loss and its output layer.

Because nothing is remembered, this works for a network from a file and for any `keras.Sequential`.
Custom losses are not checked.
"""

from dataclasses import dataclass

import keras

from ..core.messages import invalid

# fmt: off
KINDS = {  # what y holds: (Keras losses, output activations that give what these losses take)
    "zero_one":     (("binary_crossentropy", "binary_focal_crossentropy", "asymmetric"),
                     ("sigmoid", "hard_sigmoid")),
    "index":        (("sparse_categorical_crossentropy",), ("softmax",)),
    "one_hot":      (("categorical_crossentropy", "categorical_focal_crossentropy"), ("softmax",)),
    "non_negative": (("poisson",), ("exponential", "softplus", "relu", "sigmoid")),
    "number":       (("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
                      "mean_squared_logarithmic_error", "huber", "log_cosh"), ()),
    "positive":     (("gamma_deviance",), ("exponential", "softplus")),
    "one_number":   (("quantiles", "normal"), ()),
    "one_count":    (("negative_binomial",), ()),
}
# fmt: on
KIND_OF = {loss: kind for kind, (losses, _) in KINDS.items() for loss in losses}


@dataclass(frozen=True)
class OutputHead:
    """The output end of a network.

    Attributes:
        kind: str, what y holds: a key of `KINDS`. None for another loss.
        loss: str, the Keras name of the loss.
        units: int, number of outputs. None if it cannot be determined.
        activation: str, Keras name of the output activation. None for a custom one.
        from_logits: bool, whether the loss applies the sigmoid or softmax itself.
        ignored: int, the label that the sparse loss ignores, or None.
        parts: tuple of `OutputHead`, one per column of y, of a network with several heads.
    """

    kind: str | None
    loss: str | None = None
    units: int | None = None
    activation: str | None = None
    from_logits: bool = False
    ignored: int | None = None
    parts: "tuple[OutputHead, ...]" = ()

    @property
    def multilabel(self):
        """Whether each of several outputs is an independent binary label."""
        return self.kind == "zero_one" and self.units is not None and self.units > 1

    @property
    def numbers(self):
        """Whether the target has numbers instead of classes."""
        return self.kind in ("number", "non_negative", "positive") or self.one_column

    @property
    def one_column(self):
        """Whether several outputs describe one column of y."""
        return self.kind in ("one_number", "one_count")

    @property
    def classes(self):
        """Number of classes, None if the target has none."""
        if self.kind == "zero_one" and self.units == 1:
            return 2
        return self.units if self.kind in ("index", "one_hot") else None


def read_head(network, y_shape=None):
    """Return the `OutputHead` of a compiled `keras.Model`.

    Args:
        network: `keras.Model`.
        y_shape: tuple, which decides what the loss "crossentropy" means, as in Keras. None means
            several columns.
    """
    units = _units(network)
    loss = getattr(network, "loss", None)
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    if isinstance(loss, str) and loss.lower() in ("crossentropy", "ce"):
        sparse = y_shape is not None and (len(y_shape) == 1 or y_shape[-1] == 1)
        name = "binary" if units == 1 else "sparse_categorical" if sparse else "categorical"
        loss = f"{name}_crossentropy"
    if parts := _parts(loss):
        return OutputHead(None, units=units, parts=parts)
    name, settings = _loss_name(loss)
    if name is None:
        return OutputHead(None, units=units)
    logits, ignored = bool(settings.get("from_logits")), settings.get("ignore_class")
    return OutputHead(KIND_OF.get(name), name, units, _activation(network), logits, ignored)


def check_members(network):
    """Reject a loss of one prediction for a network that trains the predictions of its members."""
    last = network.layers[-1] if getattr(network, "layers", None) else None
    loss = getattr(network, "loss", None)
    if loss is None or not getattr(type(last), "all_members_in_training", False):
        return
    if not getattr(type(loss), "takes_y_of_its_loss", False):
        rule = "must be a `MemberLoss` where the last layer is a MeanOfMembers"
        remedy = f"Compile with MemberLoss({loss!r}, units={_units(network)})."
        raise invalid("loss", rule, loss, remedy)


def _parts(loss):
    """The heads of a `MixedLoss`, empty for another loss."""
    loss = loss.loss if getattr(type(loss), "takes_y_of_its_loss", False) else loss
    if not getattr(type(loss), "takes_y_of_its_losses", False):
        return ()
    found = []
    for each, units in zip(loss.losses, loss.units, strict=True):
        name, settings = _loss_name(each)
        logits, ignored = bool(settings.get("from_logits")), settings.get("ignore_class")
        found.append(OutputHead(KIND_OF.get(name), name, units, None, logits, ignored))
    return tuple(found)


def _loss_name(loss):
    """Return the name of the Keras function that a loss computes, None if custom, and settings."""
    if loss is None or isinstance(loss, dict):
        return None, {}
    try:
        loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    except ValueError:  # Keras raises an explanatory error later
        return None, {}
    settings = {}
    if getattr(type(loss), "takes_y_of_its_loss", False):  # `MemberLoss`
        loss = loss.loss
    if isinstance(loss, keras.losses.Loss):
        settings = {name: getattr(loss, name, None) for name in ("from_logits", "ignore_class")}
        if name := vars(type(loss)).get("takes_y_of"):
            return name, settings
        function = getattr(loss, "fn", None)
        if not _is_keras(type(loss)) or function is None:
            return None, {}
        loss = function
    return (getattr(loss, "__name__", None), settings) if _is_keras(loss) else (None, {})


def _is_keras(thing):
    return getattr(thing, "__module__", "").startswith("keras.")


def _units(network):
    try:
        shape = network.output_shape
    except (AttributeError, ValueError):  # not built: the last layer with units decides
        layers = [layer for layer in getattr(network, "layers", ()) if hasattr(layer, "units")]
        return layers[-1].units if layers else None
    return shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None


def _activation(network):
    layer = network.layers[-1] if getattr(network, "layers", None) else None
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    function = getattr(layer, "activation", None)
    return getattr(function, "__name__", None) if _is_keras(function) else None
