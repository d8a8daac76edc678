"""What `DNNRegressor` inherits: prediction intervals with a stated coverage."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..core.messages import invalid, warn
from .intervals import Conformal, check_coverage, conformal_from_state
from .outputs import outputs_of
from .uncertainty import Spread


class Intervals(Spread):
    """Prediction intervals from the residuals of held-out rows.

    Attributes:
        conformal_: `Conformal`, or None if there were no validation rows.
    """

    crosses_epochs = True  # residuals of few validation rows are of epochs that others selected

    def predict_interval(self, X: Any, coverage: float = 0.9) -> np.ndarray:
        """Predict an interval that contains the target of a new row with a stated probability.

        The interval is conformal: the prediction is widened on both sides by what the residuals of
        the validation rows require. With `quantiles`, those two that are nearest to the ends are
        widened or narrowed, so that the width follows the row. A distribution (`predict_dist`) has
        its own quantiles, as the network has learned them. Otherwise the coverage holds on average
        over rows like the validation rows, whatever the network has learned; those of other times,
        places or customers may differ more.

        Args:
            X: table, as in `fit`.
            coverage: float in (0, 1). Default: 0.9.

        Returns:
            float64 `(rows, 2)`, lower and upper end; for y of several columns `(rows, columns, 2)`,
            with the coverage of each column by itself.

        Raises:
            ValueError: there were no validation rows, and no quantiles for this coverage.

        Warns:
            DataWarning: there were too few validation rows for this coverage, or none, and the
                interval is that of the quantiles alone.

        Example:
            from kerasdnn import DNNRegressor
            from sklearn.datasets import load_diabetes

            X, y = load_diabetes(return_X_y=True, as_frame=True)
            model = DNNRegressor("standard", epochs=2, random_state=0).fit(X, y)
            low, high = model.predict_interval(X, coverage=0.8).T
        """
        check_is_fitted(self)
        coverage = check_coverage(coverage)
        if self.target_.head.distribution is not None:
            return np.column_stack(self.predict_dist(X).interval(coverage))
        conformal = getattr(self, "conformal_", None)
        if conformal is None:
            return self._interval_of_quantiles(X, coverage)
        prediction = self.predict(X)
        found = conformal.interval(prediction.reshape(len(prediction), -1), coverage)
        return found[:, 0] if found.shape[1] == 1 else found

    def _interval_of_quantiles(self, X, coverage):
        levels = np.array(self.target_.head.levels)
        ends = [(1 - coverage) / 2, (1 + coverage) / 2]
        found = [np.flatnonzero(np.abs(levels - end) < 1e-9) for end in ends]
        if not all(map(len, found)):
            raise invalid(
                "coverage", "needs validation rows", coverage, "Pass held-out rows to "
                "`calibrate(X, y)`, or validation_data to `fit`. Tables under 50 rows and "
                "validation_fraction=0 leave none.",
            )  # fmt: skip
        warn(
            "`fit` had no validation rows, so the interval is that of the quantiles of the "
            "network, whose coverage may differ. `calibrate(X, y)` with held-out rows corrects it."
        )
        return self.predict(X)[:, [found[0][0], found[1][0]]]

    def calibrate(self, X: Any, y: Any, *, sample_weight: Any = None) -> Any:
        """Use the residuals of held-out rows for `predict_interval`.

        They replace those of the validation rows of `fit`, by which the epoch was chosen.

        Args:
            X: table of `(rows, columns)` that the estimator was not trained on.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            The estimator.

        Example:
            from kerasdnn import DNNRegressor
            from sklearn.datasets import load_diabetes

            X, y = load_diabetes(return_X_y=True, as_frame=True)
            model = DNNRegressor("standard", epochs=2, random_state=0).fit(X[:300], y[:300])
            model.calibrate(X[300:], y[300:])
        """
        x, rows = self._held_out(X, y, sample_weight)
        self._keep_decisions(self._decide(self.target_, self.network_, x, rows))
        return self

    def _check_decisions(self, target, validation):
        """There is no argument to check."""

    def _decide(self, target, network, x, rows):
        """The attributes of this class after training; see `Decisions._decide`."""
        return self._decide_by_outputs(target, x if x is None else outputs_of(network, x), rows)

    def _decide_by_outputs(self, target, outputs, rows):
        """`_decide` from the outputs of networks that were not trained on the rows, or None."""
        if outputs is None or target.head.distribution is not None:
            return {"conformal_": None}
        prediction = target.from_network(outputs).reshape(len(outputs), -1)
        how = {"levels": target.head.levels, **scale_of(target)}
        return {"conformal_": Conformal.fit(prediction, rows.y, rows.weights, **how)}

    def _keep_decisions(self, decisions):
        self.conformal_ = decisions["conformal_"]

    def _decisions_to_state(self):
        conformal = self.conformal_
        return None if conformal is None else conformal.to_state()

    def _decisions_from_state(self, state, target):
        return {"conformal_": conformal_from_state(state)}

    def _evaluated(self, X):
        """What `evaluate` compares with y."""
        output = self.network_.predict(self._matrix(X), verbose=0)
        return self.target_.in_units(output)

    def _of_outputs(self, outputs):
        """Predictions of outputs of a network."""
        return self.target_.from_network(outputs)


def scale_of(target):
    """How the residuals of a target are scaled, see `intervals`."""
    if target.shift is not None:
        return {"scale": "log", "shift": target.shift, "lowest": 0.0}
    if target.head.by_mean:
        return {"scale": "relative", "lowest": 0.0}
    if target.head.activation == "exponential":
        return {"scale": "root", "lowest": 0.0}
    return {}
