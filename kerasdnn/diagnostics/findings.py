"""What is wrong with a network or a run, in plain words: evidence first, then the remedy.

Each rule looks at a `Case` and gives a `Finding` or None. A new finding is a new function in
`RULES`.
"""

from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
from keras import ops

from ..checks.output_layer import read_head
from ..core import keras_internals
from ..nn.embedding import EmbedCategories

FIRST, LAST = 0, -1
SCALING = (  # layers after which the scale of a column says nothing
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
    """One thing that is wrong: its name, what shows it, what to do."""

    name: str
    evidence: str
    remedy: str

    def __str__(self):
        return f"{self.name}: {self.evidence} {self.remedy}"


@dataclass
class Case:
    """What the rules look at.

    Attributes:
        network: compiled `keras.Sequential`.
        x, y: rows to look at.
        names: list, what the columns of x are called; None: by their numbers.
        layers: DataFrame of `probe.probe`, and in its column "update" the size of a training
            step relative to the weights, NaN where unknown.
        history: DataFrame, a row per epoch, with "loss" and perhaps "val_loss"; may be empty.
    """

    network: keras.Model
    x: np.ndarray
    y: np.ndarray
    layers: pd.DataFrame
    history: pd.DataFrame
    names: list | None = None

    def curve(self, name):
        return self.history[name].to_numpy() if name in self.history else np.empty(0)


def find(case):
    """The findings of all rules, the gravest first."""
    return [found for rule in RULES if (found := rule(case)) is not None]


def not_finite(case):
    bad = [
        weight.path
        for weight in case.network.weights
        if not np.isfinite(ops.convert_to_numpy(weight)).all()
    ]
    if bad:
        return Finding(
            "not a number",
            f"{len(bad)} of {len(case.network.weights)} weights hold NaN or infinity, the first "
            f"is {bad[0]!r}.",
            "Train anew with a tenth of the learning rate, and scale the inputs.",
        )
    return None


def blow_up(case):
    loss = case.curve("loss")
    if len(loss) == 0:
        return None
    broken = ~np.isfinite(loss)
    if broken.any():
        evidence = f"The loss is {loss[broken.argmax()]} from epoch {broken.argmax() + 1} on."
    elif loss[LAST] > max(3 * loss.min(), loss[FIRST]) and loss.min() >= 0:
        best = int(loss.argmin())
        evidence = f"The loss was {loss[best]:.4g} in epoch {best + 1}, and is {loss[LAST]:.4g}."
    else:
        return None
    remedy = "Lower the learning rate ten times; `clipnorm=1` in the optimizer cuts large steps."
    return Finding("blow-up", evidence, remedy)


def unscaled_inputs(case):
    x = scaled_by_the_network(case.network, case.x)
    if x is None:
        return None
    size = np.sqrt(np.mean(x.astype("float64") ** 2, axis=0))
    spread = x.std(axis=0, dtype="float64")
    varies = spread > 0
    if not varies.any():
        return None
    ratio = spread[varies].max() / spread[varies].min()
    if size.max() > 100 or (ratio > 1000 and size.max() > 10):
        j = int(size.argmax())
        column = f"{j}" if case.names is None else repr(case.names[j])
        return Finding(
            "unscaled inputs",
            f"Column {column} has a root mean square of {size[j]:.4g}, and the spreads of the "
            f"columns differ by a factor of {ratio:.3g}.",
            "Scale each column to mean 0 and spread 1: `TableEncoder`, or "
            "sklearn.preprocessing.StandardScaler, fitted on the training rows.",
        )
    return None


def scaled_by_the_network(network, x):
    """The columns of x that reach a kernel as numbers, as the layers before it leave them.

    None where these normalise batches or look up codes, which have no scale.
    """
    x = x.reshape(len(x), -1)
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            break
        if isinstance(layer, EmbedCategories):
            x = x[:, : -len(layer.cardinalities)]
        elif isinstance(layer, (keras.layers.Normalization, keras.layers.Rescaling)):
            x = np.array(ops.convert_to_numpy(layer(x)))
        elif isinstance(layer, SCALING):
            return None
    return x


def vanishing(case):
    gradient = case.layers["gradient"].to_numpy()
    if len(gradient) < 4 or not np.isfinite(gradient).all() or gradient.max() == 0:
        return None
    dead = case.layers["dead"].to_numpy()
    ratio = gradient[FIRST] / gradient[1:].max()
    if ratio < 1e-3 and not (dead[:-1] > 0.9).any():
        return Finding(
            "vanishing gradient",
            f"The gradient of {case.layers.index[FIRST]!r} is {ratio:.1g} of that of "
            f"{case.layers.index[1 + gradient[1:].argmax()]!r}: the first layers do not learn.",
            "Use activation='relu' or 'leaky_relu' instead of sigmoid or tanh, fewer layers, or "
            "batch_norm=True.",
        )
    return None


def dead_units(case):
    dead = case.layers["dead"]
    if (case.x == case.x[:1]).all():  # equal rows have equal outputs
        return None
    if dead.max() >= 0.3:
        layer = dead.idxmax()
        return Finding(
            "dying units",
            f"{dead.max():.0%} of the units of {layer!r} give the same output for every row.",
            "Train anew with a lower learning rate; activation='leaky_relu' lets units come back.",
        )
    return None


def saturated_units(case):
    saturated = case.layers["saturated"]
    if saturated.max() >= 0.5:
        layer = saturated.idxmax()
        return Finding(
            "saturated units",
            f"{saturated.max():.0%} of the outputs of {layer!r} lie at an end of their range, "
            "where the derivative is next to 0.",
            "Scale the inputs, lower the learning rate, or add a little `l2`.",
        )
    return None


def rate_too_low(case):
    loss, update = case.curve("loss"), case.layers.get("update", pd.Series(dtype="float64"))
    if len(loss) < 4 or not update.notna().any() or not np.isfinite(loss).all():
        return None
    late = loss[len(loss) * 3 // 4 - 1] - loss[LAST]
    falls = (np.diff(loss) < 0).mean()
    if update.max() < 1e-4 and falls > 0.8 and late > 0.15 * (loss[FIRST] - loss[LAST]):
        return Finding(
            "learning rate too low",
            f"A step changes the weights by at most {update.max():.1g} of their size, and the loss "
            f"was still falling, by {late:.3g} in the last quarter of {len(loss)} epochs.",
            "Raise the learning rate ten times; `rate_range_test` shows how far it may go.",
        )
    return None


def rate_too_high(case):
    loss = case.curve("loss")
    if rises_again(case.network.optimizer):
        return None  # and the loss with it, as it should
    if len(loss) < 6 or not np.isfinite(loss).all() or loss.min() <= 0:
        return None
    late = loss[len(loss) // 2 :]
    steps = np.diff(late)
    rises = steps[steps > 0]
    if len(rises) >= 0.25 * len(steps) and rises.mean() > 0.1 * np.median(late):
        return Finding(
            "learning rate too high",
            f"In the second half of the run the loss rose in {len(rises)} of {len(steps)} epochs, "
            f"by {rises.mean() / np.median(late):.0%} of itself on average.",
            "Lower the learning rate three to ten times, or let it fall with a schedule.",
        )
    return None


def rises_again(optimizer):
    """Whether the learning rate comes in waves: it has fallen, and rises."""
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of mixed precision
    rate = keras_internals.learning_rate_of(optimizer)
    if not isinstance(rate, keras.optimizers.schedules.LearningRateSchedule):
        return False
    steps = int(ops.convert_to_numpy(optimizer.iterations)) or getattr(rate, "steps", 0)
    turns = np.diff([float(rate(step)) for step in np.linspace(0, steps, 100).astype("int64")])
    return bool((turns < 0).any() and (turns[np.argmax(turns < 0) :] > 0).any())


def no_better_than_a_guess(case):
    loss, guess = case.curve("loss"), loss_of_guess(case)
    if len(loss) < 5 or guess is None or not np.isfinite(loss[LAST]):
        return None
    if loss[LAST] > 0.98 * guess and loss[LAST - 3] - loss[LAST] < 0.01 * guess:
        return Finding(
            "plateau",
            f"After {len(loss)} epochs the loss is {loss[LAST]:.4g} and falls no more; always "
            f"answering the mean or the class shares costs {guess:.4g}.",
            "Nothing was learned. Look at the learning rate, at the other findings, and at "
            "whether X says anything about y.",
        )
    return None


def overfitting(case):
    train, valid = case.curve("loss"), case.curve("val_loss")
    if len(valid) < 5 or not np.isfinite(valid).all():
        return None
    best = int(valid.argmin())
    if valid[LAST] > 1.15 * valid[best] and valid[best] > 0 and train[LAST] < train[best]:
        return Finding(
            "overfitting",
            f"The validation loss was lowest in epoch {best + 1}, {valid[best]:.4g}, and rose to "
            f"{valid[LAST]:.4g}, while the training loss fell from {train[best]:.4g} to "
            f"{train[LAST]:.4g}.",
            "Keep the best epoch (early stopping), or use dropout, `l2`, fewer units, more rows.",
        )
    return None


def imbalance(case):
    head = read_head(case.network, case.y.shape)
    if head.classes is None or head.kind == "categorical" or head.from_logits:
        return None
    y = case.y.reshape(len(case.y)).astype("int64")
    share = np.bincount(y, minlength=head.classes) / len(y)
    output = ops.convert_to_numpy(case.network(case.x, training=False))
    answer = output.argmax(axis=1) if head.classes > 2 else (output[:, 0] > 0.5).astype("int64")
    rare = int(np.where(share > 0, share, 2).argmin())
    found = (answer[y == rare] == rare).mean() if (y == rare).any() else 1.0
    if share[rare] < 0.1 / max(1, head.classes / 4) and found < 0.3 and (y == rare).sum() >= 5:
        return Finding(
            "imbalance",
            f"Class {rare} has {share[rare]:.1%} of the rows, and the network finds {found:.0%} of "
            "them.",
            "Judge by 'pr_auc' or recall instead of accuracy; class_weight='balanced' or a lower "
            "threshold finds more of them.",
        )
    return None


def loss_of_guess(case):
    """The loss of the best constant answer, None where the loss is not one of the known ones."""
    head = read_head(case.network, case.y.shape)
    y = case.y.astype("float64").reshape(len(case.y), -1)
    if head.kind is None or head.from_logits or head.ignored is not None:
        return None
    if head.kind == "sparse":
        guess = np.bincount(y[:, 0].astype("int64"), minlength=head.units) / len(y)
    else:
        guess = y.mean(axis=0)
    guess = np.broadcast_to(guess, (len(y), len(guess))).astype("float32")
    target = case.y.reshape(len(y), -1).astype("int32" if head.kind == "sparse" else "float32")
    loss = case.network.loss
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    return float(ops.mean(loss(target, guess)))


RULES = (
    not_finite, blow_up, unscaled_inputs, vanishing, dead_units, saturated_units,
    no_better_than_a_guess, rate_too_high, rate_too_low, overfitting, imbalance,
)  # fmt: skip
