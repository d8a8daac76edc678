"""The table of problem types, `HEADS`, and a problem with its sizes.

A new problem type is a new row of `HEADS`, or a `Head` object passed where a name is accepted:

    HEADS["relative"] = Head("n", "linear", "mean_absolute_percentage_error", ERRORS, "n floats")
    build_regressor(n_features=10, target="relative")

Metrics have fixed names, so that a column of the history has the same name in the first network of
a session and in the hundredth. Both areas under curves are Keras's, computed from 200 thresholds:
accurate to about 0.002.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from keras import metrics as km

from ..core.arguments import check_bool, check_choice, check_integer
from ..core.messages import invalid
from ..nn import distributions, losses
from .head import Head, Heads, Metric, Values

FREQUENCIES = "frequencies or counts, each above 0"
# fmt: off
ERRORS = {
    "mae":            Metric(km.MeanAbsoluteError,     "min", ("absolute",)),
    "rmse":           Metric(km.RootMeanSquaredError,  "min", ("squared",)),
    "r2":             Metric(km.R2Score,               "max", ("squared", "y", "y_squared")),
}
BINARY = {
    "accuracy":       Metric(km.BinaryAccuracy,        "max", ("hits",)),
    "precision":      Metric(km.Precision,             "max", ("true", "claimed")),
    "recall":         Metric(km.Recall,                "max", ("true", "yes")),
    "auc":            Metric(km.AUC,                   "max", ("yes", "no")),
    "pr_auc":         Metric(partial(km.AUC, curve="PR"), "max", ("yes", "all")),
}
LABELS = {
    "binary_accuracy": Metric(km.BinaryAccuracy,       "max", ("hits",)),
    "auc":            Metric(partial(km.AUC, multi_label=True), "max", ("yes", "no")),
}
CLASSES = {
    "accuracy":       Metric(km.SparseCategoricalAccuracy, "max", ("hits",)),
    "top_5_accuracy": Metric(partial(km.SparseTopKCategoricalAccuracy, k=5), "max", ("top_5",), 5),
}
ONE_HOT_CLASSES = {
    "accuracy":       Metric(km.CategoricalAccuracy,   "max", ("hits",)),
    "top_5_accuracy": Metric(partial(km.TopKCategoricalAccuracy, k=5), "max", ("top_5",), 5),
}
ORDERED_CLASSES = {
    "accuracy":       Metric(km.SparseCategoricalAccuracy, "max", ("hits",)),
    "class_distance": Metric(distributions.ClassDistance, "min"),
}
ERRORS_OF_MEAN = {
    "mae":            Metric(distributions.MeanAbsoluteErrorOfMean, "min"),
    "rmse":           Metric(distributions.RootMeanSquaredErrorOfMean, "min"),
}
NORMAL_LOSS = distributions.NormalLikelihood()
COUNT_LOSS = distributions.NegativeBinomialLikelihood()
COUNTS = Values("contain non-negative integers", lambda y: (y >= 0) & (np.floor(y) == y),
                "Others take target='real'.")
POSITIVE = Values("contain positive numbers", lambda y: y > 0, "target='log' also accepts 0.")

# The multi-class row for `one_hot_labels=True`.
ONE_HOT = Head("K", "softmax", "categorical_crossentropy", ONE_HOT_CLASSES, "K times 0, once 1",
               name="multiclass", kind="class", one_hot=True,
               logits_loss=losses.categorical_crossentropy_of_logits)
HEADS = Heads({    # units, activation,    loss,                              metrics, a row of y
    "regression": Head("n", "linear",      "mean_squared_error",              ERRORS,  "n floats",
                       target="real"),
    "huber":      Head("n", "linear",      "huber",                           ERRORS,  "n floats"),
    "log_cosh":   Head("n", "linear",      "log_cosh",                        ERRORS,  "n floats"),
    "normal":     Head("1", distributions.normal_parameters, distributions.NormalLikelihood,
                       ERRORS_OF_MEAN, "1 float", standardize=True, like="linear",
                       distribution=distributions.NORMAL, start=(0.0, distributions.ONE),
                       bias=lambda mean: np.array([mean[0], distributions.ONE]),
                       logits_loss=lambda y, z: NORMAL_LOSS.call(
                           y, distributions.normal_parameters(z))),
    "positive":   Head("n", "exponential", losses.GammaDeviance,              ERRORS,
                       "n positive floats", values=POSITIVE, by_mean=True,
                       logits_loss=losses.gamma_deviance_of_logits),
    "count":      Head("n", "exponential", "poisson",                         ERRORS,  "n counts",
                       values=COUNTS),
    "negative_binomial": Head("1", distributions.negative_binomial_parameters,
                       distributions.NegativeBinomialLikelihood, ERRORS_OF_MEAN, "1 count",
                       values=COUNTS, like="exponential", start=(0.0, distributions.ONE),
                       distribution=distributions.NEGATIVE_BINOMIAL,
                       bias=lambda mean: np.array([np.log(mean[0]), distributions.ONE]),
                       logits_loss=lambda y, z: COUNT_LOSS.call(
                           y, distributions.negative_binomial_parameters(z))),
    "binary":     Head("1", "sigmoid",     "binary_crossentropy",             BINARY,  "0 or 1",
                       kind="class", bias=lambda p: np.log(p[1:] / p[:1]),
                       bias_rule="the fraction of ones, in (0, 1), or the two classes' "
                                 + FREQUENCIES,
                       logits_loss=losses.binary_crossentropy_of_logits),
    "multiclass": Head("K", "softmax",     "sparse_categorical_crossentropy", CLASSES, "0..K-1",
                       kind="class", one_hot_head=ONE_HOT, two_classes="binary",
                       logits_loss=losses.categorical_crossentropy_of_logits),
    "ordinal":    Head("K-1", distributions.ordinal, "sparse_categorical_crossentropy",
                       ORDERED_CLASSES, "0..K-1, ordered", kind="class", two_classes="binary",
                       like="softmax", bias=distributions.ordinal_bias,
                       logits_loss=distributions.ordinal_crossentropy_of_logits),
    "multilabel": Head("K", "sigmoid",     "binary_crossentropy",             LABELS,  "K of 0/1",
                       kind="labels", logits_loss=losses.binary_crossentropy_of_logits),
})
# fmt: on


@dataclass(frozen=True)
class Problem:
    """What to learn: the problem type and its sizes. Made by `make_problem`.

    Attributes:
        head: `Head`.
        n_outputs: int, classes, labels or target columns; 1 for two classes with one output.
        n_features: int, columns of x.
        one_hot: bool, y has one column per class.
    """

    head: Head
    n_outputs: int
    n_features: int
    one_hot: bool = False

    @property
    def name(self) -> str:
        """Key of the row of `HEADS`; empty for a `Head` without a name."""
        return self.head.name

    @property
    def kind(self) -> str:
        return self.head.kind

    @property
    def units(self) -> int:
        """Number of output biases, and of output units unless classes are ordered."""
        return self.head.n_units(self.n_outputs)

    @property
    def outputs(self) -> int:
        """Columns of what a network predicts."""
        return self.n_outputs if self.head.ordered else self.units


def make_problem(
    problem: str | Head, n_features: int, n_outputs: int = 1, one_hot: bool = False
) -> Problem:
    """Check what describes a problem. "multiclass" with two outputs becomes "binary".

    Args:
        problem: key of `HEADS`, or a `Head`.
        n_features: int, at least 1, columns of x.
        n_outputs: int, number of classes (at least 2), labels or target columns; 1 for "binary".
        one_hot: bool, y has one column per class. Ignored where the head has no such form.

    Returns:
        `Problem`.

    Raises:
        ValueError: an unknown problem, or a number out of range.
    """
    head = head_of(problem)
    several = head.kind == "class" and head.units != "1"
    n_outputs = check_integer("n_outputs", n_outputs, 2 if several else 1)
    if head.units == "1":
        if n_outputs > (2 if head.kind == "class" else 1):
            remedy = "For more classes use problem='multiclass', for labels 'multilabel'."
            remedy = remedy if head.kind == "class" else "Train one network per column."
            rule = f"must be 1 for a {head.name or 'one-output'} problem"
            raise invalid("n_outputs", rule, n_outputs, remedy)
        n_outputs = 1
    if not check_bool("one_hot", one_hot) and head.two_classes and n_outputs == 2:
        head, n_outputs = HEADS[head.two_classes], 1
    head = head_of(head, one_hot)
    return Problem(head, n_outputs, check_integer("n_features", n_features), head.one_hot)


def head_of(problem: str | Head, one_hot: bool = False) -> Head:
    """Return the `Head` of a problem type; with `one_hot` its form for labels in K columns.

    Args:
        problem: key of `HEADS`, or a `Head`.
        one_hot: bool. Ignored where the head has no such form.
    """
    if isinstance(problem, Head):
        head = problem
    else:
        head = HEADS[check_choice("problem", problem, HEADS)]
    return head.one_hot_head if one_hot and head.one_hot_head else head


def key_of(head: Head) -> str:
    """Return the key of a row of `HEADS`, by which a file names it.

    Raises:
        ValueError: it is not a row.
    """
    head = head.row or head
    if head.parts:
        raise ValueError("Several heads are not a row of HEADS, by which such a file names them.")
    row = HEADS.get(head.name)
    if row is None or head not in (row, row.one_hot_head):
        raise ValueError(
            f"A file names its problem type, and the one in use ({head}) is not a row of HEADS. "
            f"Add it before training: HEADS[{head.name or 'my_problem'!r}] = head."
        )
    return head.name


def row_of(key: str) -> Head:
    """Return the row of `HEADS` that a file names.

    Raises:
        ValueError: there is none.
    """
    if key not in HEADS:
        raise ValueError(
            f"The problem type {key!r} is not a row of HEADS. Add it before loading, as where the "
            f"file was saved: HEADS[{key!r}] = Head(...)."
        )
    return HEADS[key]
