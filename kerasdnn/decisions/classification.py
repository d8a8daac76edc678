"""What `DNNClassifier` inherits: calibrated probabilities, and a threshold to predict by."""

from functools import partial
from types import MethodType
from typing import Any

import numpy as np
from scipy.special import expit, logit

from ..core.messages import invalid
from ..forward import few_rows
from .calibration import (
    LARGEST,
    METHODS,
    SMALLEST,
    Temperature,
    calibrator_from_state,
    check_calibrate,
    fit_calibrator,
)
from .outputs import class_scores, outputs_of, scores_of_outputs
from .thresholds import check_threshold, choose_threshold, needs_rows
from .uncertainty import Spread

UNDECIDED = 1e-4  # distance of probabilities, far more than a rounding difference


class ArgumentAndMethod:
    """A method that has the name of an argument of `__init__`.

    scikit-learn keeps an argument in the attribute of its name, and reads it from there. Here it is
    kept in `vars(estimator)`, from where `get_params` takes it, and the attribute is the method.
    """

    def __init__(self, function):
        self.function, self.__doc__ = function, function.__doc__

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, estimator, owner=None):
        return self.function if estimator is None else MethodType(self.function, estimator)

    def __set__(self, estimator, value):
        vars(estimator)[self.name] = value


def scores_of(network, x, head):
    """`class_scores` of the rows of a matrix."""
    return class_scores(network, lambda one: outputs_of(one, x), head)


class Decisions(Spread):
    """Calibrated probabilities and the classes predicted from them.

    Attributes:
        calibrator_: `Temperature`, `Isotonic`, or None for the probabilities of the network.
        threshold_: float, or None for several labels or more than two classes.
    """

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the arguments of `__init__`, as in scikit-learn.

        Args:
            deep: bool, whether parameters of contained estimators are included; there are none.
                Default: True.

        Returns:
            dict from the name of each argument to its value.
        """
        found = super().get_params(deep)  # type: ignore[misc] # of scikit-learn
        return {**found, "calibrate": vars(self)["calibrate"]}

    @property
    def temperature_(self) -> float:
        """The number that log-odds are divided by; 1 if probabilities have no temperature."""
        calibrator = getattr(self, "calibrator_", None)
        return calibrator.value if isinstance(calibrator, Temperature) else 1.0

    @ArgumentAndMethod
    def calibrate(
        self, X: Any, y: Any, method: str = "temperature", *, sample_weight: Any = None
    ) -> Any:
        """Calibrate the probabilities on held-out rows, instead of the validation rows of `fit`.

        The network does not change. A threshold chosen for a metric is chosen again, on these rows.

        Args:
            X: table of `(rows, columns)` that the estimator was not trained on.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.
            method: "temperature" (default) divides the log-odds by one number, fitted to minimize
                the log loss; "isotonic" fits scikit-learn's `IsotonicRegression` to each class
                against the others, and divides by their sum. It needs many rows, and can change
                the predicted class.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            The estimator.

        Raises:
            ValueError: an unknown method, or rows that `fit` would reject.

        Example:
            from kerasdnn import DNNClassifier
            from sklearn.datasets import load_breast_cancer

            X, y = load_breast_cancer(return_X_y=True, as_frame=True)
            model = DNNClassifier("standard", epochs=2, random_state=0).fit(X[:400], y[:400])
            model.calibrate(X[400:], y[400:], method="isotonic")
        """
        if not (isinstance(method, str) and method in METHODS):
            raise invalid("method", 'must be "temperature" or "isotonic"', method)
        x, rows = self._held_out(X, y, sample_weight)
        scores = partial(scores_of, self.network_, x, self.target_.head)
        self._keep_decisions(self._decided(self.target_, scores, rows, method))
        return self

    def _check_decisions(self, target, validation):
        """Check the arguments of this class before training."""
        given = self.get_params(deep=False)
        check_calibrate("calibrate", given["calibrate"])
        threshold = given["threshold"]
        if threshold is None:
            return
        if target.head.units != "1":
            remedy = "With more classes, the most probable one is predicted."
            if target.head.kind == "labels":
                remedy = "Compare `predict_proba` with a threshold per label."
            raise invalid("threshold", "is for two classes", threshold, remedy)
        if needs_rows(check_threshold("threshold", threshold)) and validation is None:
            raise invalid(
                "threshold", "needs validation rows to be chosen on", threshold,
                "Pass validation_data to `fit`, or a number. Tables under 50 rows and "
                "validation_fraction=0 leave none.",
            )  # fmt: skip

    def _decide(self, target, network, x, rows):
        """The attributes of this class after training.

        Args:
            target: encodes y.
            network: the trained network.
            x: float32 `(rows, columns)`, the matrix of the validation rows, or None.
            rows: their `Rows`, y as `target` encodes it.
        """
        scores = None if x is None else partial(scores_of, network, x, target.head)
        return self._decided(target, scores, rows, self.get_params(deep=False)["calibrate"])

    def _decide_by_outputs(self, target, outputs, rows):
        """`_decide` from the outputs of networks that were not trained on the rows."""
        scores = partial(scores_of_outputs, outputs, target.head)
        return self._decided(target, scores, rows, self.get_params(deep=False)["calibrate"])

    def _decided(self, target, scores, rows, method):
        labels, binary = target.head.kind == "labels", target.head.units == "1"
        threshold = self.get_params(deep=False)["threshold"]
        calibrator, p = None, None
        if scores is not None and (method or needs_rows(threshold)):
            z = scores()
            if method:
                calibrator = fit_calibrator(method, z, rows.y, rows.weights, labels)
            p = (calibrator or Temperature(1.0)).probabilities(z, labels)
        if not binary:
            chosen = None
        elif threshold is None:
            chosen = 0.5
        elif needs_rows(threshold) and p is None:
            chosen = getattr(self, "threshold_", 0.5)
        else:
            chosen = choose_threshold(threshold, p, rows and rows.y, rows and rows.weights,
                                      target.classes)  # fmt: skip
        return {"calibrator_": calibrator, "threshold_": chosen}

    def _keep_decisions(self, decisions):
        self.calibrator_, self.threshold_ = decisions["calibrator_"], decisions["threshold_"]

    def _decisions_to_state(self):
        calibrator = self.calibrator_
        return {
            "calibration": None if calibrator is None else calibrator.to_state(),
            "threshold": self.threshold_,
        }

    def _decisions_from_state(self, state, target):
        """The attributes of this class; those of a file without them leave predictions alone."""
        state = state or {}
        binary = target.head.units == "1"
        return {
            "calibrator_": calibrator_from_state(state.get("calibration")),
            "threshold_": float(state.get("threshold", 0.5)) if binary else None,
        }

    # ------------------------------------------------------------------------------ predictions

    def predict_proba(self, X: Any) -> np.ndarray:
        """Predict probabilities.

        They are calibrated on the validation rows of `fit`, unless there were none or
        `calibrate=False`.

        Args:
            X: table, array or path of a Parquet file, with the columns of `fit`.

        Returns:
            float64 `(rows, classes)`, columns as `classes_`; for several labels `(rows, labels)`.
        """
        return self._calibrated(lambda: self._output(X), lambda: self._scores(X))

    def _calibrated(self, output, scores):
        """The probabilities of an output of the network, or of `class_scores`: two functions."""
        if getattr(self, "calibrator_", None) is None:
            return self._uncalibrated(output())
        return self.calibrator_.probabilities(scores(), self._labels)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Predict the natural logarithms of the probabilities of `predict_proba`.

        Args:
            X: table, array or path of a Parquet file, with the columns of `fit`.

        Returns:
            float64, in the shape of `predict_proba`.
        """
        return np.log(self.predict_proba(X))

    @property
    def _labels(self):
        return self.target_.head.kind == "labels"

    def _uncalibrated(self, output):
        """The probabilities that an output of the network stands for."""
        p = output.clip(SMALLEST, LARGEST)
        if self.target_.head.units == "1":
            return np.column_stack([1 - p[:, 0], p[:, 0]])
        return p if self._labels else p / p.sum(axis=1, keepdims=True)

    def _scores(self, X):
        """Log-odds or log-probabilities before calibration, see `outputs.class_scores`."""
        return self._in_parts(X, lambda table: self._scores_of(self._matrix(table)))

    def _scores_of(self, matrix):
        return class_scores(
            self.network_, lambda network: self._output_of(network, matrix), self.target_.head
        )

    def decision_function(self, X: Any) -> np.ndarray:
        """Compute decision values: those above 0, or the largest one of a row, are predicted.

        With a `threshold_` t, those above log t / (1 - t) are predicted.

        Args:
            X: table of `(rows, columns)`, with the columns of `fit`.

        Returns:
            float64: the log-odds log p / (1 - p) of two classes `(rows,)` or of labels `(rows,
            labels)`; the log-probabilities of more classes `(rows, classes)`.
        """
        if getattr(self, "calibrator_", None) is None:
            p = self._output(X).clip(SMALLEST, LARGEST)
            if self.target_.head.per_class:
                return np.log(p)
            odds = np.log(p) - np.log1p(-p)
            return odds[:, 0] if self.target_.head.units == "1" else odds
        scores = self.calibrator_.scores(self._scores(X), self._labels)
        return scores[:, 1] - scores[:, 0] if self.target_.head.units == "1" else scores

    def predict(self, X: Any) -> np.ndarray:
        """Predict the most probable class, or 0 or 1 for each label.

        Of two classes, the second is predicted if its probability is above `threshold_`.

        Args:
            X: table, array or path of a Parquet file, with the columns of `fit`.

        Returns:
            Labels `(rows,)` of the type of y, or int `(rows, labels)`.
        """
        if "_output" in vars(self):  # of rows whose outputs are known
            return self._classes(lambda: self._output(X), lambda: self._scores(X))
        return self._in_parts(X, self._classes_of)

    def _classes_of(self, table):
        """The predicted classes of a table. Those of a few rows may not need TensorFlow."""
        matrix = self._matrix(table)
        if 0 < len(matrix) <= few_rows.MAX_ROWS and self._keeps_order:
            output = few_rows.predict(self.network_, matrix)
            if output is not None and self._is_decided(output):
                return self._chosen(output, self._network_threshold())
        return self._classes(
            lambda: self._output_of(self.network_, matrix), lambda: self._scores_of(matrix)
        )

    def _classes(self, output, scores):
        """The predicted classes of what `_calibrated` takes."""
        binary = self.target_.head.units == "1"
        if self._keeps_order and not (binary and self.threshold_ != 0.5):
            return self._chosen(output(), 0.5)
        p = self._calibrated(output, scores)
        return self._chosen(p[:, 1:] if binary else p, self.threshold_)

    @property
    def _keeps_order(self):
        """Whether the most probable class is that of the network."""
        calibrator = getattr(self, "calibrator_", None)
        return calibrator is None or calibrator.keeps_order

    def _chosen(self, p, threshold):
        """The classes that probabilities in the shape of the network's output stand for."""
        if self._labels:
            return (p > 0.5).astype("int64")
        if self.target_.head.units != "1":
            return self.classes_[p.argmax(axis=1)]
        return self.classes_[(p[:, 0] > threshold).astype("int64")]

    def _is_decided(self, p):
        """Whether no rounding difference can change the classes, see `_chosen`; never of NaN."""
        if p.size == 1:
            return abs(p.item() - self._network_threshold()) > UNDECIDED
        if self.target_.head.per_class:
            second, first = np.sort(p, axis=1)[:, -2:].T
            return bool((first - second > UNDECIDED).all())
        return bool((abs(p - self._network_threshold()) > UNDECIDED).all())

    def _network_threshold(self):
        """The output of the network that `threshold_` stands for."""
        threshold = getattr(self, "threshold_", None) or 0.5
        return 0.5 if threshold == 0.5 else float(expit(logit(threshold) * self.temperature_))

    def _evaluated(self, X):
        """What `evaluate` compares with y: calibrated, in the shape of the network's output."""
        p = self.predict_proba(X)
        return p[:, 1:] if self.target_.head.units == "1" else p

    def _decided_of(self, p):
        """The classes that `predict` predicts, of the probabilities of `predict_proba`."""
        if self._labels:
            return (p > 0.5).astype("int64")
        if self.target_.head.units == "1":
            return self.classes_[(p[:, 1] > self.threshold_).astype("int64")]
        return self.classes_[p.argmax(axis=1)]

    def _of_outputs(self, outputs):
        """Probabilities `(rows, classes)` or `(rows, labels)` of outputs of a network."""
        calibrator = getattr(self, "calibrator_", None)
        if calibrator is None:
            return self._uncalibrated(outputs)
        z = scores_of_outputs(outputs, self.target_.head)
        return calibrator.probabilities(z, self._labels)
