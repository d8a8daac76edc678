"""What a problem type consists of: output layer, loss, metrics, and the rule for y."""

import inspect
from collections import UserDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np

from ..core.arguments import check_choice
from ..core.messages import invalid
from ..nn import distributions, losses
from .loss_names import LOSSES


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

    Example:
        import keras
        from kerasdnn.heads import Metric

        Metric(keras.metrics.MeanSquaredError, direction="min")
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

    Example:
        from kerasdnn.heads import Values

        Values("contain fractions", lambda y: (y >= 0) & (y <= 1), "Divide them by their maximum.")
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
    def steep(self) -> bool:
        """Whether the loss rises exponentially with an output, as that of counts does.

        At a learning rate made for squared errors such a training diverges on a small table.
        """
        steep = self.activation == "exponential" or self.distribution is not None
        return steep or any(part.head.steep for part in self.parts)

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
