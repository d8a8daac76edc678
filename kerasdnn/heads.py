"""Problem types: the output layer, loss, metrics and label rule of each, one row of `HEADS`.

A new problem type is a new row of `HEADS`, or a `Head` object passed where a name is accepted:

    HEADS["relative"] = Head("n", "linear", "mean_absolute_percentage_error", ERRORS, "n floats")
    build_regressor(n_features=10, target="relative")

Metrics have fixed names, so that a column of the history has the same name in the first network of
a session and in the hundredth. Both areas under curves are Keras's, computed from 200 thresholds:
accurate to about 0.002.
"""

import functools
import inspect
import re
from collections import UserDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import NormalDist
from typing import Any

import keras
import numpy as np
from keras import metrics as km

from .core import keras_internals
from .core.arguments import check_bool, check_choice, check_integer, check_positive
from .core.messages import did_you_mean, invalid, quoted_list, warn
from .nn import distributions, losses
from .nn.quantiles import QuantileLoss, check_quantiles, increasing


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric of a problem type.

    Attributes:
        make: callable that returns a new Keras metric, such as its class.
        direction: "min" where less is better, "max" where more is. None means as the class of the
            metric says, else as its name suggests.
        sums: tuple of str, the sums over rows from which a population computes the metric, see
            `population/metrics.py`. Empty: Keras computes it from the predictions.
        above: int, the metric is left out for up to so many classes.
        scorer: bool, it is computed from the predictions for all rows at once, and networks, which
            see them batch by batch, do not report it.
    """

    make: Callable
    direction: str | None = None
    sums: tuple[str, ...] = ()
    above: int = 0
    scorer: bool = False

    def __post_init__(self):
        if not callable(self.make) or isinstance(self.make, keras.metrics.Metric):
            remedy = "Such as keras.metrics.MeanAbsoluteError, the class, without parentheses."
            raise invalid("make", "must be what makes a Keras metric", self.make, remedy)
        if self.direction is not None:
            check_choice("direction", self.direction, ("min", "max"))

    def __call__(self, **arguments) -> keras.Metric:
        """Make a new Keras metric."""
        return self.make(**arguments)


class Metrics(UserDict):
    """Metrics by name. What makes a Keras metric becomes a `Metric`."""

    def __setitem__(self, name: str, metric):
        if name == "loss":
            raise invalid("metrics", "must have names other than that of the loss", name)
        super().__setitem__(name, metric if isinstance(metric, Metric) else Metric(metric))


@dataclass(frozen=True)
class Values:
    """A rule for the numbers in y.

    Attributes:
        rule: what y must do, as text.
        accepts: function from a float array to a bool array of the same shape.
        remedy: what to do with other numbers.
    """

    rule: str
    accepts: Callable
    remedy: str = ""


@dataclass(frozen=True, eq=False)
class Head:
    """A problem type: one row of `HEADS`.

    Attributes:
        units: "1" for a single output whatever the number of classes, "K" or "n" for one each.
            "K-1" for thresholds between ordered classes: `nn.OrdinalOutput` follows one unit.
        activation: Keras name of the output activation, or a function.
        loss: Keras name, class, instance or function.
        metrics: dict from the name of each default metric to a `Metric`, or to what makes one.
        y: description of one row of y.
        name: key of the row. `HEADS` fills it in.
        kind: "class" (one class per row), "labels" (several), "number", or "mixed" (several heads).
        target: value of `target=` that selects the row in `build_regressor` and `DNNRegressor`;
            empty means its name. Only for numbers.
        one_hot: bool, y has one column per class.
        one_hot_head: the row for one-hot labels of the same classes, or None.
        two_classes: key of the row that replaces this one for two classes, or empty.
        values: `Values`, which numbers y may hold. None: any finite number.
        standardize: bool, whether an estimator scales y to mean 0 and standard deviation 1. None
            means True for numbers behind a linear output, else False.
        by_mean: bool, whether an estimator divides y by the mean of its absolute values instead.
        bias: function from a checked `prior` to the output bias. None: the inverse of the
            activation, see `PRIORS`.
        bias_rule: what `prior` must be, with `{n}` for the number of outputs. None: see `PRIORS`.
        logits_loss: function of y and of what precedes the activation, both float of shape
            (..., units), to the loss of each row (...). A population minimizes it where it is more
            accurate than the loss of the activation. None: `loss` of the activation.
        levels: tuple of float, the quantiles that the outputs predict; see `quantile_head`.
        start: tuple of float, the initial output bias of each unit where there is no `prior`. Empty
            means 0.
        distribution: `nn.distributions.Distribution` of one column of y, of which the outputs are
            the two parameters. None: the outputs are what is predicted.
        like: str, the output activation whose `prior` this head takes; see `PRIORS`. Empty means
            `activation`.
        parts: tuple of `Part`, the heads of a "mixed" one, one per column of y; see `mixed_head`.
        row: the row of `HEADS` that this head varies; see `with_loss` and `quantile_head`.

    Example:
        from kerasdnn import HEADS

        HEADS["binary"].loss           # 'binary_crossentropy'
        HEADS["multiclass"].n_units(3)    # 3
    """

    units: str
    activation: Any
    loss: object
    metrics: dict
    y: str
    name: str = ""
    kind: str = "number"
    target: str = ""
    one_hot: bool = False
    one_hot_head: "Head | None" = None
    two_classes: str = ""
    values: Values | None = None
    standardize: bool | None = None
    by_mean: bool = False
    bias: Callable | None = None
    bias_rule: str | None = None
    logits_loss: Callable | None = None
    levels: tuple[float, ...] = ()
    start: tuple[float, ...] = ()
    distribution: distributions.Distribution | None = None
    like: str = ""
    parts: "tuple[Part, ...]" = ()
    row: "Head | None" = field(default=None, repr=False)

    def __post_init__(self):
        check_choice("kind", self.kind, ("class", "labels", "number", "mixed"))
        check_choice("units", self.units, ("1", "K", "n", "K-1"))
        object.__setattr__(self, "metrics", Metrics(self.metrics))
        if self.standardize is None:
            linear = self.kind == "number" and self.activation == "linear" and not self.values
            object.__setattr__(self, "standardize", linear)

    def n_units(self, n: int) -> int:
        """Return the number of output biases.

        Args:
            n: int, number of classes, labels or target columns, at least 1.

        Returns:
            int.
        """
        if self.parts:
            return sum(part.units for part in self.parts)
        if self.distribution is not None:
            return 2
        return len(self.levels) or {"1": 1, "K-1": n - 1}.get(self.units, n)

    def initial_bias(self, n: int) -> list[float] | None:
        """Return the initial output bias if there is no `prior`; None means 0.

        Args:
            n: int, number of classes, labels or target columns, at least 1.

        Returns:
            list of float, one per output, or None.
        """
        if self.ordered and self.bias is not None:
            return [float(b) for b in self.bias(np.ones(n))]
        return list(self.start) or None

    @property
    def ordered(self) -> bool:
        """Whether classes have an order, and one score decides between them."""
        return self.units == "K-1"

    @property
    def one_column(self) -> bool:
        """Whether several outputs describe one column of y."""
        return bool(self.levels) or self.distribution is not None

    def columns_of_y(self, n: int) -> int:
        """Return the number of columns of y, unless it holds class indices.

        Args:
            n: int, number of classes, labels or target columns, at least 1.

        Returns:
            int.
        """
        return len(self.parts) or (1 if self.one_column else self.n_units(n))

    def metric_names(self, n: int) -> list[str]:
        """Return the names of the default metrics.

        Args:
            n: int, number of classes, labels or target columns, at least 1.

        Returns:
            list of str.
        """
        if self.parts:  # the loss of each head, the first metric, and the objective of a search
            found = [name for part in self.parts for name in part.metric_names[:2]]
            return found + [name for name, metric in self.metrics.items() if metric.scorer]
        return [name for name, metric in self.metrics.items() if n > metric.above]

    def __reduce__(self):
        """Pickle a row of `HEADS` as its key, which another program must have, too."""
        if self.levels:
            return quantile_head, (self.levels,)
        if self.parts:
            return mixed_head, (self.parts,)
        if self.row is not None:
            return with_loss, (self.row, self.loss)
        row = HEADS.get(self.name)
        if row is not None and self in (row, row.one_hot_head):
            return head_of, (self.name, self.one_hot)
        return super().__reduce__()

    @property
    def per_class(self) -> bool:
        """Whether classes exclude each other and each has an output."""
        return self.kind == "class" and self.units != "1"

    @property
    def smoothed(self) -> type | None:
        """The class of the loss that takes `label_smoothing`, or None."""
        if self.kind in ("number", "mixed"):
            return None
        if self.loss == "sparse_categorical_crossentropy":
            return losses.SmoothedSparseCategoricalCrossentropy
        cls: Any = LOSSES.get(self.loss) if isinstance(self.loss, str) else self.loss
        takes = isinstance(cls, type) and "label_smoothing" in inspect.signature(cls).parameters
        return cls if takes else None

    def __str__(self):
        loss, activation = (
            thing if isinstance(thing, str) else getattr(thing, "__name__", type(thing).__name__)
            for thing in (self.loss, self.activation)
        )  # fmt: skip
        return (
            f"{self.units} x {activation}, {loss}, y: {self.y}, metrics: {', '.join(self.metrics)}"
        )


@dataclass(frozen=True)
class Part:
    """One of several heads of a network.

    Attributes:
        name: str, of its column of y.
        head: `Head`.
        n: int, number of classes; 1 for two classes with one output, and for numbers.
        weight: positive float, of its loss.
    """

    name: str
    head: Head
    n: int = 1
    weight: float = 1.0

    @property
    def units(self) -> int:
        """Number of outputs."""
        return self.head.n_units(self.n)

    @property
    def metric_names(self) -> list[str]:
        """The names of its loss and its metrics, as the network reports them."""
        return [f"{self.name}_{name}" for name in ("loss", *self.head.metric_names(self.n))]


class Heads(UserDict):
    """Rows by name. A row that is added learns its name, and its value of `target=`."""

    def __setitem__(self, name: str, head: Head):
        if not isinstance(head, Head):
            raise invalid("head", "must be a `Head`", head)
        head = replace(head, name=name) if head.name not in ("", name) else head
        object.__setattr__(head, "name", name)
        if head.kind == "number" and not head.target:
            object.__setattr__(head, "target", name)
        super().__setitem__(name, head)


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


def head_of_target(target: str | Head) -> Head:
    """Return the row for numbers that `target=` selects in a regressor: "real", "count", ..."""
    if isinstance(target, Head):
        return target
    rows = {head.target: head for head in HEADS.values() if head.kind == "number"}
    return rows[check_choice("target", target, rows)]


def head_of_numbers(target: str | Head, quantiles=None) -> Head:
    """Return the head of a regressor: `head_of_target`, or with `quantiles` `quantile_head`."""
    head = head_of_target(target)
    if quantiles is None:
        return head
    if head is not HEADS["regression"]:
        remedy = "They have no distribution of their own; leave `target` out."
        raise invalid("quantiles", f"need target='real', not {target!r}", quantiles, remedy)
    return quantile_head(check_quantiles("quantiles", quantiles))


@functools.lru_cache(64)
def quantile_head(levels: tuple[float, ...]) -> Head:
    """Return the head that predicts quantiles of one column, which never cross.

    At first it predicts the quantiles of a standard normal distribution, as a standardized y has
    them if it is normal.

    Args:
        levels: tuple of increasing floats in (0, 1).
    """
    normal = [NormalDist().inv_cdf(level) for level in levels]
    middle = len(levels) // 2
    neighbors = [*normal[1 : middle + 1], normal[middle], *normal[middle:-1]]
    steps = np.maximum(np.abs(np.subtract(normal, neighbors)), 1e-3)
    start = np.log(np.expm1(steps))  # the inverse of softplus
    start[middle] = normal[middle]
    loss = QuantileLoss(levels)
    return Head(
        "1", increasing, loss, {}, "1 float", name="quantiles", standardize=True, levels=levels,
        start=tuple(map(float, start)), row=HEADS["regression"],
        logits_loss=lambda y, z: loss.call(y, increasing(z)),
    )  # fmt: skip


CLASSES_OF_HEAD = {"class": "multiclass"}  # other names of rows in `heads=`


def head_named(name: str, value: Any) -> Head:
    """Return the head of a column in `heads={name: value}`.

    Raises:
        ValueError: an unknown problem type, or one that several heads cannot have.
    """
    rows = {head.target: head for head in HEADS.values() if head.kind == "number"}
    rows |= dict(HEADS) | {key: HEADS[row] for key, row in CLASSES_OF_HEAD.items()}
    fitting = {key for key, head in rows.items() if head.kind != "labels" and not head.ordered}
    argument = f"heads[{name!r}]"
    head = value
    if not isinstance(value, Head):
        head = rows[check_choice(argument, value, [key for key in rows if key in fitting])]
    if head.ordered or head.levels or head.parts or head.kind == "labels":
        raise invalid(argument, "must be of one class or one number per row", value)
    return head


def check_loss_weights(name: str, value: Any) -> dict[str, float]:
    """Return `loss_weights` as a dict of positive floats."""
    if not isinstance(value, Mapping):
        rule = "must be a dict from the name of a head to the weight of its loss"
        raise invalid(name, rule, value, "Such as {'spend': 0.5}.")
    return {key: check_positive(f"{name}[{key!r}]", weight) for key, weight in value.items()}


def read_heads(heads: Any, loss_weights: Any = None) -> Head:
    """Return the mixed head of the argument `heads` of a factory.

    Args:
        heads: dict from the name of a head to a problem type, or to (problem type, classes).
        loss_weights: dict from name to positive float, or None.

    Raises:
        ValueError: fewer than two heads, an unknown problem type, a name twice.
    """
    if not isinstance(heads, Mapping) or len(heads) < 2:
        rule = "must be a dict from name to problem type, of at least two heads"
        remedy = "Such as {'churn': 'binary', 'plan': ('multiclass', 3), 'spend': 'regression'}."
        raise invalid("heads", rule, heads, remedy)
    parts = []
    for name, value in heads.items():
        several = isinstance(value, (tuple, list)) and len(value) == 2
        kind, n = value if several else (value, 1)
        head = head_named(name, kind)
        if head.per_class:
            remedy = f"Such as {name!r}: ('multiclass', 3). Two classes are 'binary'."
            if not several:
                raise invalid(f"heads[{name!r}]", "needs the number of classes", value, remedy)
            n = check_integer(f"heads[{name!r}]", n, 3, remedy)
        elif n != 1:
            raise invalid(f"heads[{name!r}]", "has no number of classes", value)
        parts.append(Part(name, head, n))
    return mixed_head(weighted_parts(parts, loss_weights))


def weighted_parts(parts: list[Part], loss_weights: Any) -> tuple[Part, ...]:
    """Return the parts with the weights of `loss_weights`, a dict or None."""
    weights = {} if loss_weights is None else check_loss_weights("loss_weights", loss_weights)
    names = [part.name for part in parts]
    for name in weights.keys() - {*names}:
        rule = f"must have keys among {quoted_list(names)}"
        raise invalid("loss_weights", rule, loss_weights, did_you_mean(str(name), names))
    return tuple(replace(part, weight=weights.get(part.name, 1.0)) for part in parts)


@functools.lru_cache(64)
def mixed_head(parts: tuple[Part, ...]) -> Head:
    """Return the head of a network that predicts several columns of different kinds.

    The output has the columns of all parts side by side, each with its own activation. The loss is
    the sum of their losses times their weights. y has a column per part, of numbers and of class
    indices.

    Args:
        parts: tuple of at least two `Part`.

    Raises:
        ValueError: two metrics would have the same name.
    """
    made, units = [make_loss(part.head) for part in parts], [part.units for part in parts]
    slices = losses.columns_of(units)
    activation = losses.MixedActivation(
        [(part.head.activation, n) for part, n in zip(parts, units, strict=True)]
    )
    metrics: dict[str, Metric] = {}
    for k, (part, at) in enumerate(zip(parts, slices, strict=True)):
        place = {"column": k, "start": at.start, "units": part.units}
        found = [Metric(partial(losses.PartLoss, made[k], **place), "min")]
        for name in part.head.metric_names(part.n):
            metric = part.head.metrics[name]
            make = partial(_part_metric, metric, f"{part.name}_{name}", place)
            found.append(Metric(make, metric.direction or better(name, part.head)))
        if twice := metrics.keys() & {*part.metric_names}:
            raise invalid("heads", "must not lead to equal names of metrics", min(twice))
        metrics |= dict(zip(part.metric_names, found, strict=True))

    def of_logits(y, z):
        found = 0.0
        for k, (part, at) in enumerate(zip(parts, slices, strict=True)):
            of, score = y[..., k : k + 1], part.head.logits_loss
            if score is None:
                of = keras.ops.broadcast_to(of, (*z.shape[:-1], 1))
                loss = losses.loss_of_part(made[k], of, keras.activations.get(
                    part.head.activation)(z[..., at]))  # fmt: skip
            else:
                if part.head.per_class:
                    of = keras.ops.one_hot(keras.ops.cast(of[..., 0], "int32"), part.units)
                loss = score(of, z[..., at])
            found = found + part.weight * loss
        return found

    starts = [part.head.initial_bias(part.n) or [0.0] * part.units for part in parts]
    start = tuple(value for values in starts for value in values)
    return Head(
        "n", activation, losses.MixedLoss(made, units, [part.weight for part in parts]), metrics,
        f"{len(parts)} numbers or class indices", name="mixed", kind="mixed",
        standardize=any(part.head.standardize for part in parts), parts=parts,
        start=start if any(start) else (), logits_loss=of_logits,
    )  # fmt: skip


def _part_metric(metric, full_name, place, name=None):
    return losses.PartMetric(metric(name=full_name), name=name or full_name, **place)


def snake_case(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


# What Keras itself takes as the name of a metric.
KERAS_METRICS = {"accuracy", "acc", "crossentropy", "ce", "mse", "mape", "msle", "bce"} | {
    name
    for key in vars(km)
    if not key.startswith("_") and key not in ("get", "serialize", "deserialize", "Metric")
    for name in (key, snake_case(key))
}
LOSSES = {  # the classes of Keras's losses by the names of their functions
    snake_case(key): cls
    for key, cls in vars(keras.losses).items()
    if isinstance(cls, type) and cls is not keras.losses.Loss
}
LOSSES["asymmetric"] = losses.AsymmetricLoss
FOCAL = "focal"  # which of two losses it means depends on the problem type


# Losses of Keras that depend on the units or the zero of y: an estimator does not standardize it.
IN_UNITS = ("poisson", "mean_squared_logarithmic_error", "kl_divergence", "cosine_similarity")
# A custom loss receives class indices; those of Keras, but for these, one-hot labels.
OF_INDICES = ("", "sparse_categorical_crossentropy", "categorical_generalized_cross_entropy")
OF_CLASSES = ("crossentropy", "hinge", "asymmetric")
RELATIVE = "mean_absolute_percentage_error"


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


@functools.lru_cache(256)
def with_loss(head: Head, loss: Any = None) -> Head:
    """Return `head` with another loss and everything else, also where it already has another.

    Args:
        head: `Head`.
        loss: what `check_loss` accepts. None means the loss of the row.

    Raises:
        ValueError: a loss of Keras that does not fit the output of the head.
    """
    if head.levels:
        if loss is not None:
            raise ValueError("Pass either `loss` or `quantiles`, not both.")
        return head
    if head.parts and loss is not None:
        rule = "must be left out of a problem with several heads, each of which has its own"
        raise invalid("loss", rule, loss, "Such as heads={'spend': 'huber'}.")
    if head.distribution is not None and loss is not None:
        rule = f"must be left out of a {head.name} problem, whose loss is its likelihood"
        raise invalid("loss", rule, loss)
    head = head.row or head
    if isinstance(loss, str) and loss == FOCAL:
        loss = f"{'categorical' if head.per_class else 'binary'}_focal_crossentropy"
    name = "" if loss is None else keras_name(loss)
    if loss is None or (isinstance(loss, str) and name == head.loss):
        return head
    one_hot = head.kind == "class" and head.one_hot
    if "categorical" in name and (not head.per_class or (one_hot and name in OF_INDICES)):
        what = "labels in one column" if one_hot else "an output per class"
        remedy = (
            "Use 'binary_crossentropy'." if not head.per_class and head.kind != "number" else ""
        )
        raise invalid("loss", f"needs {what}, which a {head.name} problem lacks", loss, remedy)
    if head.kind == "number" and any(word in name for word in OF_CLASSES):
        raise invalid("loss", f"needs classes, not a {head.name} problem", loss)
    if name == "poisson" and head.kind == "number" and head.activation != "exponential":
        remedy = "Pass target='count' instead, or 'positive' for numbers that are not counts."
        raise invalid("loss", "needs a problem whose predictions are positive", loss, remedy)
    relative = name == RELATIVE and bool(head.standardize)
    return replace(
        head, loss=name if isinstance(loss, str) and name in LOSSES else loss, row=head,
        logits_loss=None, by_mean=head.by_mean or relative,
        standardize=head.standardize and not relative and name not in IN_UNITS,
    )  # fmt: skip


def make_loss(head: Head, label_smoothing: float = 0.0):
    """Make the loss of `head` as Keras takes it: an object, or the function it was given as.

    A saved network that holds it opens in plain Keras, except for class indices with smoothing,
    which Keras does not have: see `nn/losses.py`.

    Args:
        label_smoothing: float in [0, 1), only for a head whose loss takes it.
    """
    if label_smoothing:
        if head.smoothed is None:
            remedy = "Leave it out."
            what: object = head.name or head
            if head.row is not None and head.kind != "number":
                what = keras_name(head.loss) or head.loss
            rule = f"needs classes and a loss that takes it, not {what}"
            raise invalid("label_smoothing", rule, label_smoothing, remedy)
        loss = head.smoothed(label_smoothing=label_smoothing)
    elif isinstance(head.loss, str):
        loss = loss_named(head.loss)
    else:
        loss = head.loss() if isinstance(head.loss, type) else head.loss
    indices = head.row is not None and head.per_class and not head.one_hot
    return losses.OneHotLoss(loss) if indices and keras_name(loss) not in OF_INDICES else loss


def mean_loss(head: Head, y, prediction, weights=None) -> float:
    """Compute the loss of predictions, without label smoothing, as a weighted mean over the rows.

    Args:
        y: array (rows,) or (rows, outputs), as the network takes it.
        prediction: array (rows, outputs), what the network predicts.
        weights: (rows,), row weights. None means 1 for every row.
    """
    rows = row_losses(head, y, prediction)
    # A custom loss may return one number for all rows, which weights no longer change.
    return float(np.average(rows, weights=weights if len(y) == rows.size else None))


def row_losses(head: Head, y, prediction) -> np.ndarray:
    """Compute the loss of each prediction, without label smoothing; y and prediction as above.

    Returns:
        array (rows,), or one number of a custom loss that returns it for all rows.
    """
    loss = make_loss(head)
    loss = loss.call if isinstance(loss, keras.losses.Loss) else loss
    y = np.asarray(y)
    if head.per_class and not head.one_hot:
        y = y.reshape(-1).astype("int32")
    else:
        shape = (len(prediction), 1) if head.one_column else np.shape(prediction)
        shape = (len(prediction), len(head.parts)) if head.parts else shape
        y = y.reshape(shape).astype(prediction.dtype)
    return keras.ops.convert_to_numpy(loss(y, prediction))


def check_shapes(head: Head, y, outputs: int) -> None:
    """Reject a custom loss that cannot be computed from some rows, which Keras reports as shapes.

    Args:
        y: array of a few rows, as the network takes it.
        outputs: int, number of outputs of the network.
    """
    if not callable(head.loss) or keras_name(head.loss):
        return
    prediction = np.full((len(y), outputs), 1 / outputs, "float32")
    try:
        row_losses(head, y, prediction)
    except Exception as error:
        shape = np.shape(y) if head.per_class and not head.one_hot else prediction.shape
        what = "indices of classes" if head.per_class else "y"
        raise invalid(
            "loss", f"must accept {what} of shape {shape} and predictions of shape "
            f"{prediction.shape}", head.loss, f"It raised {type(error).__name__}: "
            f"{str(error).splitlines()[0][:120]}",
        ) from error  # fmt: skip


def check_metrics(head, metrics):
    """Return `metrics` as a list, or None; an unknown name raises a ValueError."""
    if metrics is None:
        return None
    metrics = list(metrics) if isinstance(metrics, (list, tuple)) else [metrics]
    for metric in metrics:
        known = isinstance(metric, str) and metric in head.metrics
        if head.one_column and not known and not isinstance(metric, km.Metric):
            what = "quantiles" if head.levels else "parameters of the distribution"
            rule = f"must be Keras metrics of y and all {what}, such as a subclass of yours"
            raise invalid("metrics", rule, metric, "The loss is always reported.")
        if not callable(metric):
            check_choice("metrics", metric, list(head.metrics) + sorted(KERAS_METRICS))
    return metrics


def make_metrics(head, n, metrics=None):
    """Make the metrics of `head` for `n` classes, or those asked for, each under a fixed name.

    Args:
        head: `Head`.
        n: int, number of classes, labels or target columns.
        metrics: None for the default, or a list of names (of the head's table, else Keras's),
            Keras metrics and functions.

    Returns:
        list of Keras metrics, names and functions, as `compile` takes them.
    """
    if metrics is None:
        metrics = [name for name in head.metric_names(n) if not head.metrics[name].scorer]
    return [_metric(head, metric) for metric in metrics]


def _metric(head, metric):
    if not isinstance(metric, str):
        return metric
    if metric in head.metrics:
        return head.metrics[metric](name=metric)
    if metric in ("acc", "crossentropy", "ce"):  # Keras chooses which by the shape of y
        return metric
    found = km.get(metric)
    if not isinstance(found, km.Metric):
        return metric  # a function, which goes under its name
    # Keras would call the second one of a session `true_positives_1`.
    return type(found).from_config({**found.get_config(), "name": metric})


# The output bias that makes an untrained network guess what is known before any row is seen.
#
# With small weights the output starts near the bias alone. The best constant guess is the class
# frequencies, or the mean of the target; the bias that gives it is its image under the inverse of
# the output activation: log-odds for sigmoid, log for softmax and exponential, itself for linear.
# The first epochs then learn what depends on x. (Karpathy, A recipe for training neural
# networks.)

# fmt: off
# Output activation: inverse, which priors it accepts, what `prior` must be.
PRIORS: dict[str, tuple] = {
    "linear":      (lambda p: p, np.isfinite,
                    "the mean of each of the {n} target columns, finite"),
    "exponential": (np.log, lambda p: p > 0,
                    "the mean of each of the {n} target columns, finite and above 0"),
    "sigmoid":     (lambda p: np.log(p / (1 - p)), lambda p: (p > 0) & (p < 1),
                    "the fraction of ones of each of the {n} labels, in (0, 1)"),
    "softmax":     (lambda p: np.log(p / p.sum()), lambda p: p > 0,
                    f"the {{n}} classes' {FREQUENCIES}"),
}
# fmt: on


def output_bias(problem: str | Head, prior, n: int) -> list[float]:
    """Compute the starting bias of the output layer, one float per unit.

    Args:
        problem: key of `HEADS`, or a `Head`.
        prior: float or sequence of floats, see `PRIORS` and `Head.bias_rule`.
        n: int, number of classes, labels or target columns.

    Raises:
        ValueError: `prior` has another shape, or is out of range.
    """
    head = head_of(problem)
    two_classes = head.kind == "class" and head.units == "1"
    if head.activation not in PRIORS and head.bias is None:
        activation = getattr(head.activation, "__name__", head.activation)
        rule = f"needs the inverse of {activation!r}, which is not known"
        raise invalid("prior", rule, prior, "Leave it out.")
    like: Any = head.like or head.activation
    inverse, accepts, rule = PRIORS["softmax" if two_classes else like]
    try:
        p = np.atleast_1d(np.asarray(prior, dtype="float64"))
    except (TypeError, ValueError):
        p = np.array([np.nan])
    if two_classes:
        n = 2
        p = np.array([1 - p[0], p[0]]) if p.shape == (1,) else p
    if p.shape != (n,) or not np.isfinite(p).all() or not accepts(p).all():
        raise invalid(
            "prior",
            f"must be {(head.bias_rule or rule).format(n=n)}",
            prior,
            "Leave it out if y does not contain every class." if (p == 0).any() else "",
        )
    return (head.bias or inverse)(p).tolist()


# Where Keras does not say it.
LESS = ("ce", "log_cosh", "logcosh", "false_positives", "false_negatives")
LESS_WORDS = ("loss", "error", "entropy", "divergence", "deviance", "distance")
MORE_WORDS = ("acc", "auc", "iou", "precision", "recall", "specificity", "sensitivity", "true_")


def direction_of(objective, direction=None, head: Head | None = None) -> str:
    """Return "min" or "max": losses and errors are to be small, all other metrics large."""
    if direction is not None:
        return check_choice("direction", direction, ("min", "max"))
    if not isinstance(objective, str) or not objective.startswith("val_"):
        raise ValueError(
            "`objective` must be 'val_loss' or 'val_' and a metric's name: a score on training "
            f"rows says nothing about new rows. Received: objective={objective!r}."
        )
    return better(objective.removeprefix("val_"), head)


def better(name: str, head: Head | None = None) -> str:
    """Return "min" or "max": which values of a metric, or of the loss, are better.

    Args:
        name: of the metric, without "val_".
        head: the problem type that reports it. None: any row of `HEADS` that does.
    """
    heads = [head] if head else [*HEADS.values(), ONE_HOT]
    metric = next((h.metrics[name] for h in heads if name in h.metrics), None)
    return (metric and metric.direction) or _better(name, metric)


@functools.cache  # making a metric takes milliseconds
def _better(name, maker):
    if name in LESS or any(word in name for word in LESS_WORDS):
        return "min"
    try:
        metric = maker() if maker else keras.metrics.get(name.removeprefix("weighted_"))
    except (ValueError, TypeError):  # none of Keras's, or one that needs arguments
        metric = None
    found = getattr(metric, "_direction", None)
    if found is None and not any(word in name for word in MORE_WORDS):
        warn(
            f"The direction of the objective {name!r} is unknown, so larger values are assumed to "
            "be better. If smaller values are better, use a name that ends in '_loss'."
        )
    return "min" if found == "down" else "max"


def check_objective(objective, problem, one_hot, metrics=()):
    """Return `objective`, which must be one that a network of `problem` reports."""
    names = ["loss", *head_of(problem, one_hot).metrics, *metrics]
    return check_choice("objective", objective, [f"val_{name}" for name in names])
