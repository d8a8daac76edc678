"""Rules that interpret measurements of a network: what is wrong, the evidence, the fix.

Each rule takes a `Case` and returns a `Finding` or None. `RULES` lists them, the most severe first;
a new finding is a new function there.
"""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from keras import ops
from keras.optimizers.schedules import LearningRateSchedule

from ..checks.output_layer import read_head
from ..core import keras_internals
from ..nn.embedding import EmbedCategories

FIRST, LAST = 0, -1
RESCALING_LAYERS = (  # after one of these, the scale of a column no longer matters
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.Embedding,
    keras.layers.Discretization,
    keras.layers.CategoryEncoding,
    keras.layers.Hashing,
    keras.layers.IntegerLookup,
)


@dataclass(frozen=True)
class Finding:
    """One problem of a network.

    Attributes:
        name: str, such as "dead units".
        evidence: str, the measurement that shows the problem.
        fix: str, what to do about it; `remedy` is another name for it.

    Example:
        from kerasdnn.diagnostics import Finding

        print(Finding("plateau", "The loss is 0.69.", "Raise the learning rate."))
    """

    name: str
    evidence: str
    fix: str

    @property
    def remedy(self) -> str:
        """Another name of `fix`."""
        return self.fix

    def __str__(self) -> str:
        return f"{self.name}: {self.evidence} {self.fix}"


@dataclass
class Case:
    """The measurements that the rules interpret.

    Attributes:
        network: compiled `keras.Sequential`.
        x, y: arrays, the rows that were measured.
        layers: DataFrame that `probe.probe` returned, with the column "update" if known: the size
            of a training step relative to the weights.
        history: DataFrame with a row per epoch and the columns "loss" and "val_loss" if known.
        columns: list, names of the columns of x. None means their positions.
        classes: list, labels of the classes. None means 0, 1, ...
        best_epoch_kept: bool, whether the network has the weights of its best epoch.
        threshold: float, the output of the network above which the second of two classes is
            predicted.
    """

    network: keras.Model
    x: np.ndarray
    y: np.ndarray
    layers: pd.DataFrame
    history: pd.DataFrame
    columns: list | None = None
    classes: list | None = None
    best_epoch_kept: bool = False
    threshold: float = 0.5

    def curve(self, name):
        return self.history[name].to_numpy() if name in self.history else np.empty(0)


def find(case: Case) -> list[Finding]:
    """All findings, the most severe first."""
    return [found for rule in RULES if (found := rule(case)) is not None]


def not_finite(case):
    weights = case.network.weights
    bad = [w.path for w in weights if not np.isfinite(ops.convert_to_numpy(w)).all()]
    if not bad:
        return None
    return Finding(
        "not a number",
        f"{len(bad)} of {len(weights)} weights contain NaN or infinity (first: {bad[0]!r}).",
        "Divide the learning rate by 10, scale the inputs, and train again from scratch.",
    )


def divergence(case):
    loss = case.curve("loss")
    broken = ~np.isfinite(loss)
    if broken.any():
        evidence = f"The loss is {loss[broken.argmax()]} from epoch {broken.argmax() + 1} on."
    elif len(loss) and loss.min() >= 0 and loss[LAST] > max(3 * loss.min(), loss[FIRST]):
        best = int(loss.argmin())
        evidence = f"The loss rose from {loss[best]:.4g} in epoch {best + 1} to {loss[LAST]:.4g}."
    else:
        return None
    return Finding(
        "divergence",
        evidence,
        "Divide the learning rate by 10; `clipnorm=1` in the optimizer limits large steps.",
    )


def unscaled_inputs(case):
    x, columns = inputs_of_first_kernel(case)
    if x is None:
        return None
    size = np.sqrt(np.mean(x.astype("float64") ** 2, axis=0))
    deviation = x.std(axis=0, dtype="float64")
    varies = deviation > 0
    if not varies.any():
        return None
    ratio = deviation[varies].max() / deviation[varies].min()
    if size.max() <= 100 and (ratio <= 1000 or size.max() <= 10):
        return None
    j = int(size.argmax())
    column = j if columns is None else repr(columns[j])
    return Finding(
        "unscaled inputs",
        f"Column {column} has a root mean square of {size[j]:.4g}, and the standard deviations of "
        f"the columns differ by a factor of {ratio:.3g}.",
        "Standardize each column to mean 0 and standard deviation 1: `TableEncoder`, or "
        "sklearn.preprocessing.StandardScaler, fitted on the training rows.",
    )


def inputs_of_first_kernel(case):
    """The columns that the first kernel receives as scaled numbers, and their names.

    `(None, None)` where a layer before it normalizes batches or looks up codes.
    """
    x, columns = case.x.reshape(len(case.x), -1), case.columns
    for layer in case.network.layers:
        if hasattr(layer, "kernel"):
            break
        if isinstance(layer, EmbedCategories):  # the last columns are codes of categories
            x = x[:, : -len(layer.cardinalities)]
        elif isinstance(layer, (keras.layers.Normalization, keras.layers.Rescaling)):
            x = np.array(ops.convert_to_numpy(layer(x)))
        elif isinstance(layer, RESCALING_LAYERS):
            return None, None
    return x, columns


def vanishing(case):
    gradient = case.layers["gradient"].to_numpy()
    if len(gradient) < 4 or not np.isfinite(gradient).all() or gradient.max() == 0:
        return None
    largest = 1 + gradient[1:].argmax()
    ratio = gradient[FIRST] / gradient[largest]
    if ratio >= 1e-3 or (case.layers["dead"].iloc[:-1] > 0.9).any():
        return None
    names = case.layers.index
    return Finding(
        "vanishing gradient",
        f"The gradient of {names[FIRST]!r} is {ratio:.1g} times that of {names[largest]!r}, so the "
        "first layers do not learn.",
        "Use activation='relu' or 'leaky_relu' instead of sigmoid or tanh, fewer layers, or "
        "batch_norm=True.",
    )


def dead_units(case):
    dead = case.layers["dead"]
    if not dead.max() >= 0.3 or (case.x == case.x[:1]).all():  # equal rows have equal outputs
        return None
    return Finding(
        "dead units",
        f"{dead.max():.0%} of the units of {dead.idxmax()!r} have the same output for every row.",
        "Lower the learning rate and train again from scratch; activation='leaky_relu' lets units "
        "recover.",
    )


def saturated_units(case):
    saturated = case.layers["saturated"]
    if not saturated.max() >= 0.5:
        return None
    return Finding(
        "saturated units",
        f"{saturated.max():.0%} of the outputs of {saturated.idxmax()!r} are at an end of the range"
        " of the activation function, where the derivative is almost 0.",
        "Scale the inputs, lower the learning rate, or add a small `l2`.",
    )


def rate_too_low(case):
    loss, update = case.curve("loss"), case.layers.get("update", pd.Series(dtype="float64"))
    if len(loss) < 4 or not update.notna().any() or not np.isfinite(loss).all():
        return None
    late = loss[len(loss) * 3 // 4 - 1] - loss[LAST]
    falls = (np.diff(loss) < 0).mean()
    if update.max() >= 1e-4 or falls <= 0.8 or late <= 0.15 * (loss[FIRST] - loss[LAST]):
        return None
    return Finding(
        "learning rate too low",
        f"A step changes the weights by at most {update.max():.1g} of their size, and the loss "
        f"was still decreasing: by {late:.3g} in the last quarter of {len(loss)} epochs.",
        "Multiply the learning rate by 10; `rate_range_test` shows which rates are too high.",
    )


def rate_too_high(case):
    loss = case.curve("loss")
    if is_cyclic(case.network.optimizer):
        return None  # the loss rises and falls with the learning rate, as intended
    if len(loss) < 6 or not np.isfinite(loss).all() or loss.min() <= 0:
        return None
    late = loss[len(loss) // 2 :]
    steps = np.diff(late)
    rises = steps[steps > 0]
    if len(rises) < 0.25 * len(steps) or rises.mean() <= 0.1 * np.median(late):
        return None
    return Finding(
        "learning rate too high",
        f"In the second half of training the loss rose in {len(rises)} of {len(steps)} epochs, "
        f"on average by {rises.mean() / np.median(late):.0%}.",
        "Divide the learning rate by 3 to 10, or use a schedule that decreases it.",
    )


def is_cyclic(optimizer):
    """Whether the learning rate has decreased and increased again during training."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of mixed precision
    rate = keras_internals.learning_rate_of(optimizer)
    if not isinstance(rate, LearningRateSchedule):
        return False
    steps = int(ops.convert_to_numpy(optimizer.iterations)) or getattr(rate, "steps", 0)
    changes = np.diff([float(rate(step)) for step in np.linspace(0, steps, 100).astype("int64")])
    return bool((changes < 0).any() and (changes[np.argmax(changes < 0) :] > 0).any())


def plateau(case):
    loss, constant = case.curve("loss"), loss_of_constant(case)
    if len(loss) < 5 or constant is None or not np.isfinite(loss[LAST]):
        return None
    if loss[LAST] <= 0.98 * constant or loss[LAST - 3] - loss[LAST] >= 0.01 * constant:
        return None
    return Finding(
        "plateau",
        f"After {len(loss)} epochs the loss is {loss[LAST]:.4g} and no longer decreases; a "
        f"constant prediction has a loss of {constant:.4g}.",
        "The network has learned nothing. Check the learning rate, the other findings, and "
        "whether the columns of X can predict y at all.",
    )


def overfitting(case):
    train, valid = case.curve("loss"), case.curve("val_loss")
    if case.best_epoch_kept or len(valid) < 5 or not np.isfinite(valid).all():
        return None
    best = int(valid.argmin())
    if not (valid[LAST] > 1.15 * valid[best] > 0 and train[LAST] < train[best]):
        return None
    return Finding(
        "overfitting",
        f"The validation loss was lowest in epoch {best + 1}, at {valid[best]:.4g}, and rose to "
        f"{valid[LAST]:.4g}, while the training loss decreased from {train[best]:.4g} to "
        f"{train[LAST]:.4g}.",
        "Keep the best epoch (early stopping), or use dropout, `l2`, fewer units or more rows.",
    )


def imbalance(case):
    head = read_head(case.network, case.y.shape)
    if head.classes is None or head.kind == "one_hot" or head.from_logits:
        return None
    y = case.y.reshape(len(case.y)).astype("int64")
    fractions = np.bincount(y, minlength=head.classes) / len(y)
    rare = int(np.where(fractions > 0, fractions, 2).argmin())
    is_rare = y == rare
    if fractions[rare] >= 0.1 / max(1, head.classes / 4) or is_rare.sum() < 5:
        return None
    output = ops.convert_to_numpy(case.network(case.x, training=False))
    predicted = output.argmax(axis=1) if head.classes > 2 else output[:, 0] > case.threshold
    found = (predicted[is_rare] == rare).mean()
    if found >= 0.3:
        return None
    label = rare if case.classes is None else repr(case.classes[rare])
    return Finding(
        "imbalance",
        f"Class {label} has {fractions[rare]:.1%} of the rows, and the network predicts "
        f"{found:.0%} of them correctly.",
        "Evaluate with 'pr_auc' or recall instead of accuracy; class_weight='balanced' or a lower "
        "threshold finds more of them.",
    )


def loss_of_constant(case):
    """The loss of the best constant prediction, or None for a loss that is not known."""
    head = read_head(case.network, case.y.shape)
    if head.kind is None or head.from_logits or head.ignored is not None:
        return None
    loss = case.network.loss
    if getattr(type(loss), "takes_y_of_its_loss", False):  # `MemberLoss`
        loss = loss.loss
    y = case.y.reshape(len(case.y), -1)
    if head.kind == "index":
        y = y.astype("int32")
        constant = np.bincount(y[:, 0], minlength=head.units) / len(y)
    else:
        constant = y.astype("float64").mean(axis=0)
        if head.loss == "quantiles":
            constant = np.quantile(y.astype("float64"), loss.quantiles)
        elif head.one_column:
            constant = loss.distribution.constant(y[:, 0].astype("float64"), None)
        y = y.astype("float32")
    constant = np.broadcast_to(constant, (len(y), len(constant))).astype("float32")
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    return float(ops.mean(loss(y, constant)))


RULES = (
    not_finite, divergence, unscaled_inputs, vanishing, dead_units, saturated_units,
    plateau, rate_too_high, rate_too_low, overfitting, imbalance,
)  # fmt: skip
