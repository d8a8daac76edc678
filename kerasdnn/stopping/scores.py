"""Name what epochs and trials are compared by: a metric of the network, or a scikit-learn scorer.

    "loss", "auc"            reported by the network
    "average_precision"      a scorer of scikit-learn, for which more is better
    my_scorer                a function of (estimator, X, y), likewise

A scorer asks an estimator for predictions. Here it asks a stand-in, which has the class and the
arguments of the estimator and returns predictions for the validation rows that are already there.
"""

import copy
import functools
import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import get_scorer, get_scorer_names, log_loss, make_scorer

from ..core.messages import did_you_mean, invalid, quoted_list
from ..heads.head import Metric
from ..heads.metrics import better

OF_CLASSES = {"_classification", "_ranking", "_scorer"}  # modules of scikit-learn's metrics
SUITABLE: dict[str, set] = {
    "number": {"_regression"}, "class": OF_CLASSES, "labels": OF_CLASSES, "mixed": set(),
}  # fmt: skip


@dataclass(frozen=True)
class Monitor:
    """What epochs or trials are compared by.

    Attributes:
        name: str, without "val_".
        direction: "min" or "max".
        scorer: function of (estimator, X, y). None means that the network reports the value.
        by_name: bool, whether scikit-learn has the scorer; it then gets positions of classes.
    """

    name: str
    direction: str
    scorer: Callable[..., Any] | None = None
    by_name: bool = True

    @property
    def column(self) -> str:
        """The name in the history."""
        return f"val_{self.name}"


def find_monitor(value, head, argument="monitor", prefix="", others=()):
    """Find a metric of a problem type, or a scorer.

    Args:
        value: "loss", a metric of `head`, a scorer's name, or a scorer.
        head: `heads.Head`.
        argument: str, the argument's name, for messages.
        prefix: str, with which names begin, such as "val_".
        others: names of other metrics that the network reports.

    Returns:
        `Monitor`.

    Raises:
        ValueError: an unknown name, or a scorer for another kind of problem.
    """
    if callable(value):
        name = name_of(value)
        return Monitor(
            name + "_score" * (name in ("loss", *head.metrics)), "max", value, by_name=False
        )
    if isinstance(value, str) and value.startswith(prefix):
        name = value.removeprefix(prefix)
        if name == "accuracy" and head.kind != "number" and head.metrics:
            name = name if name in head.metrics else next(iter(head.metrics))
        if name == "loss":
            return Monitor(name, "min")
        if name in head.metrics or name in others:
            return Monitor(name, better(name, head))
        if name in scorer_names(head.kind):
            return Monitor(name, "max", get_scorer(name))
    metrics = [f"{prefix}{name}" for name in ("loss", *head.metrics, *others)]
    scorers = [f"{prefix}{name}" for name in scorer_names(head.kind)]
    near = did_you_mean(value, [*metrics, *scorers]) if isinstance(value, str) else ""
    such = f", a scorer of scikit-learn such as {scorers[0]!r}" if scorers else ""
    rule = f"must be one of {quoted_list(metrics, 12)}{such}, or a function of (estimator, X, y)"
    raise invalid(argument, rule, value, near)


@functools.cache
def scorer_names(kind):
    """Names of the scorers of scikit-learn for a kind of problem, see `Head.kind`."""
    return tuple(
        name for name in get_scorer_names()
        if get_scorer(name)._score_func.__module__.split(".")[-1] in SUITABLE[kind]
    )  # fmt: skip


def name_of(scorer):
    """A name for a scorer: that of its function."""
    function = getattr(scorer, "_score_func", scorer)
    function = getattr(function, "func", function)  # of a partial
    return getattr(function, "__name__", type(function).__name__).strip("<>")


class Scored:
    """A scorer that is ready to score outputs of networks for the same rows.

    Args:
        monitor: `Monitor` with a scorer.
        estimator: `DNNClassifier` or `DNNRegressor`; it is not changed.
        target: target of `tables/targets/`.
        X: what a function gets as X, such as a DataFrame of the validation rows. None in a search
            of networks that are trained together.
        fitted: dict of other attributes of the stand-in, for predictions of other rows.
        argument: str, the argument's name, for messages.
    """

    def __init__(self, monitor, estimator, target, X=None, fitted=(), argument="monitor"):
        self.monitor, self.target, self.X, self.argument = monitor, target, X, argument
        self.kind, self.arguments = type(estimator), estimator.get_params(deep=False)
        self.fitted = {"threshold_": 0.5} | dict(fitted) | {"target_": target}
        self.positions = monitor.by_name and target.head.kind == "class"
        if hasattr(target, "classes"):
            classes = np.arange(target.n) if self.positions else target.classes
            self.fitted["classes_"] = classes
        if target.head.kind == "mixed":
            self.fitted |= self.kind._columns_of(target)
            self.fitted |= self.bare()._decide_by_outputs(target, None, None)
        scorer = monitor.scorer
        if monitor.name == "neg_log_loss" and self.positions:  # validation rows may lack a class
            scorer = make_scorer(
                log_loss, greater_is_better=False, response_method="predict_proba",
                labels=self.fitted["classes_"],
            )  # fmt: skip
        self.scorer = scorer
        function = getattr(scorer, "_score_func", scorer)
        self.weighs = "sample_weight" in inspect.signature(function).parameters

    def __call__(self, output, y, weights=None) -> float:
        """Score outputs.

        Args:
            output: what a network predicts, `(rows, outputs)`.
            y: encoded by the target, numbers in their own units.
            weights: `(rows,)`, passed to a scorer that takes `sample_weight`. None means 1.

        Returns:
            float, NaN where an output is not finite.

        Raises:
            ValueError: the scorer raises an error, or returns something else than a number.
        """
        if not np.isfinite(output).all():
            return float("nan")
        given = {} if weights is None or not self.weighs else {"sample_weight": weights}
        name = self.monitor.name
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)
                value = self.scorer(self.stand_in(output), self.X, self.labels(y), **given)
        except Exception as error:
            raise ValueError(
                f"`{self.argument}` cannot score validation rows: {name!r} raised "
                f"{type(error).__name__}: {error}"
            ) from error
        if np.ndim(value) or not isinstance(value, (int, float, np.number)):
            raise invalid(
                self.argument, f"must return a number, unlike {name!r}", received=repr(value)
            )
        return float(value)

    def of_rows(self, rows):
        """The same for some of the rows, which a bool mask or positions select."""
        found = copy.copy(self)
        found.X = None if self.X is None else self.X[rows]
        return found

    def labels(self, y):
        """y as scorers take it: labels, or numbers."""
        target = self.target
        if target.head.kind == "number":
            return y[:, 0] if target.flat else y
        if target.head.kind == "mixed":
            return target.decode(y)
        if target.head.kind == "labels":
            return y.astype("int64")
        return self.fitted["classes_"][y.astype("int64")]

    def bare(self):
        """An estimator with the arguments and what is known before training."""
        found = object.__new__(self.kind)
        vars(found).update(self.arguments | self.fitted)
        return found

    def stand_in(self, output):
        """An estimator that predicts `output` for the validation rows."""
        found = self.bare()
        output = np.asarray(output, "float64")

        def predicted(X):
            return output if X is self.X else type(found)._output(found, X)

        found._output = predicted
        return found

    def metric(self, from_network):
        """The scorer as a metric of a problem type, for networks that are trained together.

        Args:
            from_network: function of y as a network takes it, which encodes it as `labels` expects.
        """
        make = functools.partial(ScorerMetric, self, from_network)
        return Metric(make, self.monitor.direction, scorer=True)


class ScorerMetric:
    """What `Scored.metric` makes; scores all rows at once."""

    def __init__(self, scored, from_network):
        self.scored, self.from_network, self.value = scored, from_network, float("nan")

    def update_state(self, y, prediction, sample_weight=None):
        y = self.from_network(np.asarray(y))
        weights = None if sample_weight is None else np.asarray(sample_weight, "float64")
        self.value = self.scored(np.asarray(prediction), y, weights)

    def result(self):
        return self.value


class EpochScore(keras.callbacks.Callback):
    """Adds the score of a scorer to what an epoch reports.

    Args:
        scored: `Scored`.
        x: what the network gets for the validation rows.
        y, weights: as `Scored` takes them.
    """

    def __init__(self, scored, x, y, weights):
        super().__init__()
        self.scored, self.x, self.y, self.weights = scored, x, y, weights
        self.reports = (scored.monitor.name,)

    def score(self):
        return self.scored(self.model.predict(self.x, verbose=0), self.y, self.weights)

    def on_train_begin(self, logs=None):
        self.scored.fitted["network_"] = self.model  # for predictions of other rows
        if not np.isfinite(value := self.score()):  # such as an area where a class is missing
            name = self.scored.monitor.name
            rule = f"needs validation rows for which {name!r} is defined"
            raise invalid(self.scored.argument, rule, received=f"a score of {value}")

    def on_epoch_end(self, epoch, logs=None):
        if logs is not None:
            logs[self.scored.monitor.column] = self.score()


def as_table(frame):
    """A `tables.frame.Frame` as a scorer expects X: a DataFrame, or an array without names."""
    if frame.matrix is not None:
        values = frame.matrix if frame.exact is None else frame.exact
        return values if frame.names is None else pd.DataFrame(values, columns=list(frame.names))
    columns = [frame.column(j) for j in range(frame.width)]
    values = [column.values if column.exact is None else column.exact for column in columns]
    table = pd.DataFrame(dict(enumerate(values)))
    return table if frame.names is None else table.set_axis(list(frame.names), axis=1)
