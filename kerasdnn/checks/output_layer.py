"""What a compiled network expects of `y`, read from its loss and its output layer.

Reading, not remembering: it works for a network from a file and for any `keras.Sequential`.
A loss that is not Keras's own is left alone.
"""

from dataclasses import dataclass

import keras

# fmt: off
KINDS = {  # Keras loss                      what y holds
    "binary_crossentropy":                   "binary",
    "binary_focal_crossentropy":             "binary",
    "sparse_categorical_crossentropy":       "sparse",
    "categorical_crossentropy":              "categorical",
    "categorical_focal_crossentropy":        "categorical",
    "poisson":                               "count",
    "mean_squared_error":                    "regression",
    "mean_absolute_error":                   "regression",
    "mean_absolute_percentage_error":        "regression",
    "mean_squared_logarithmic_error":        "regression",
    "huber":                                 "regression",
    "log_cosh":                              "regression",
}
OWN_LOSSES = {"SmoothedSparseCategoricalCrossentropy": "sparse_categorical_crossentropy"}
FITTING = {  # kind    output activations that give what the loss takes
    "binary":        ("sigmoid", "hard_sigmoid"),
    "sparse":        ("softmax",),
    "categorical":   ("softmax",),
    "count":         ("exponential", "softplus", "relu", "sigmoid"),
}
# fmt: on
# Activations whose range is known, so that a wrong one can be told. Others are left alone.
RANGES = {
    "linear": (-float("inf"), float("inf")),
    "leaky_relu": (-float("inf"), float("inf")),
    "relu": (0.0, float("inf")),
    "exponential": (0.0, float("inf")),
    "softplus": (0.0, float("inf")),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
}


@dataclass(frozen=True)
class OutputHead:
    """The output end of a network.

    Attributes:
        kind: "binary", "sparse", "categorical", "count", "regression", or None for another loss.
        loss: the loss's Keras name.
        units: number of outputs, or None where it cannot be told.
        activation: name of the last activation, or None where it is not a Keras one.
        from_logits: whether the loss applies the sigmoid or softmax itself.
        ignored: the label that the sparse loss leaves out, or None.
    """

    kind: str | None
    loss: str | None = None
    units: int | None = None
    activation: str | None = None
    from_logits: bool = False
    ignored: int | None = None

    @property
    def multilabel(self):
        """Several outputs, each its own yes or no."""
        return self.kind == "binary" and self.units is not None and self.units > 1

    @property
    def classes(self):
        """Number of classes, or None where the target has none."""
        if self.kind == "binary" and self.units == 1:
            return 2
        return self.units if self.kind in ("sparse", "categorical") else None


def read_head(network, y_shape=None):
    """The `OutputHead` of a compiled `keras.Model`.

    `y_shape` settles the loss "crossentropy", which Keras itself chooses by the shape of y.
    """
    units = _units(network)
    loss = getattr(network, "loss", None)
    if isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    if isinstance(loss, str) and loss.lower() in ("crossentropy", "ce"):
        sparse = y_shape is not None and (len(y_shape) == 1 or y_shape[-1] == 1)
        name = "binary" if units == 1 else "sparse_categorical" if sparse else "categorical"
        loss = f"{name}_crossentropy"
    name, settings = _loss_name(loss)
    if name is None:
        return OutputHead(None, units=units)
    return OutputHead(
        KINDS.get(name),
        name,
        units,
        _activation(network),
        bool(settings.get("from_logits")),
        settings.get("ignore_class"),
    )


def _loss_name(loss):
    """Name of the Keras function that a loss computes, and its settings; None of a custom one."""
    if loss is None or isinstance(loss, dict):
        return None, {}
    try:
        loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    except ValueError:  # Keras says so itself, in its own words
        return None, {}
    settings = {}
    if isinstance(loss, keras.losses.Loss):
        settings = {name: getattr(loss, name, None) for name in ("from_logits", "ignore_class")}
        if type(loss).__name__ in OWN_LOSSES and type(loss).__module__.startswith("kerasdnn."):
            return OWN_LOSSES[type(loss).__name__], settings
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
    except (
        AttributeError,
        ValueError,
    ):  # not built yet: the last layer with units says it
        layers = [layer for layer in getattr(network, "layers", ()) if hasattr(layer, "units")]
        return layers[-1].units if layers else None
    return shape[-1] if isinstance(shape, tuple) and len(shape) == 2 else None


def _activation(network):
    layer = network.layers[-1] if getattr(network, "layers", None) else None
    if isinstance(layer, keras.layers.Softmax):
        return "softmax"
    function = getattr(layer, "activation", None)
    return getattr(function, "__name__", None) if _is_keras(function) else None
