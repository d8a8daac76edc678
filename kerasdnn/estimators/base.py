"""TableEstimator: what `DNNClassifier` and `DNNRegressor` share."""

import keras
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..checks.table_columns import told_once
from ..core import keras_internals
from ..diagnostics.report import health
from ..heads import check_metrics, head_of, make_loss, make_metrics
from ..tables.rows import for_network, read_part, read_rows
from . import presets
from .archive import save_estimator
from .ensemble import first_of
from .fit import fit_table
from .network_file import network_from_bytes, network_to_bytes

BLOCK = 16  # rows


class ScoredByRow:
    """Stands before scikit-learn's mixins, whose `score` takes any rows for those of X."""

    def score(self, X, y, sample_weight=None):
        """Accuracy (of labels: of whole rows) or R2, as scikit-learn's; arguments as in `fit`."""
        _, y, _, weights = read_rows(X, y, sample_weight)
        return super().score(X, y, weights)


class TableEstimator(BaseEstimator):
    """What both estimators share; see `DNNClassifier`."""

    def chosen_preset(self):
        return presets.choose(self.preset, self.get_params(deep=False))

    def hyperparameters_of_preset(self):
        given = self.get_params(deep=False)
        return presets.resolve(self.chosen_preset(), given, is_regressor(self))

    def draw_seed(self):
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _fit(self, X, y, sample_weight, validation_data, make_target):
        with told_once():
            self.take_fitted(fit_table(self, X, y, sample_weight, validation_data, make_target))
        return self

    def take_fitted(self, fitted):
        """Take over what `fit_table` returned, or what a file holds."""
        for name, value in fitted.items():
            setattr(self, name, value)
        self.n_features_in_ = self.encoder_.n_features_in_
        if hasattr(self.encoder_, "feature_names_in_"):
            self.feature_names_in_ = self.encoder_.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _output(self, X):
        """The network's output for a table, float64 `(rows, outputs)`."""
        if "network_" not in self.__dict__:  # the check itself takes a tenth of a prediction
            check_is_fitted(self)
        matrix = self.encoder_.transform(X, warn_unseen=True)
        if len(matrix) == 0:
            return np.empty((0, self.network_.output_shape[-1]))
        # Full blocks: matrix products treat the last rows of a table in another order of sums.
        # With them a row's prediction is the same to the bit whatever rows stand beside it.
        full = np.zeros((len(matrix) + -len(matrix) % BLOCK, matrix.shape[1]), matrix.dtype)
        full[: len(matrix)] = matrix
        output = self.network_.predict(full, verbose=0)[: len(matrix)].astype("float64")
        if np.isnan(output).any():  # a row of finite numbers gives none unless a weight is
            raise ValueError(
                "`network_` must have finite weights to predict. Received: an output of NaN. "
                "Fit again, or restore its weights."
            )
        return output

    def evaluate(self, X, y, sample_weight=None):
        """Loss and metrics on a table, and beside each what a model gets that ignores X.

        Args:
            X, y, sample_weight: as in `fit`.

        Returns:
            dict: "loss" (the head's, without regularisation or smoothing), the metrics, and
            "baseline_loss" ...: always answering the class frequencies (regression: the mean) of
            the training rows. Errors of a regressor are in the units of y.
        """
        check_is_fitted(self)
        part, _ = read_part(X, y, sample_weight, self.target_)
        return judge(self, part)

    def health(self, X, y):
        """Whether anything kept the network from learning; see `kerasdnn.health`.

        Args:
            X, y: as in `fit`, the rows trained on or others.

        Returns:
            `Health`: printed, a table of the layers and the findings in words. Of an ensemble, it
            is that of the first member.
        """
        check_is_fitted(self)
        part, _ = read_part(X, y, None, self.target_)
        x, y, _ = for_network(part, self.encoder_, self.target_)
        x = pd.DataFrame(x, columns=self.encoder_.get_feature_names_out())
        return health(first_of(self.network_), x, y, self.history_)

    def tune(self, X, y, **search):
        """Search for good hyperparameters on a table; see `kerasdnn.tune` for the arguments.

        What this estimator was given holds for all trials. It is left as it is: `best_network()`
        of the result is an estimator of its kind, fitted on all rows. Without a preset, plain
        networks are searched, many at a time; with one, the search is around it, fit by fit.

        Returns:
            `SearchResult`.
        """
        from ..search.tuning import tune  # which imports this module

        with told_once():
            return tune(X, y, estimator=self, **search)

    def summary(self):
        """Print the network's layers."""
        check_is_fitted(self)
        self.network_.summary()

    def save(self, path):
        """Write all of it to one file, which `kerasdnn.load` reads; whole or not at all.

        Args:
            path: str or Path; the ending `.kerasdnn` is usual.
        """
        check_is_fitted(self)
        save_estimator(self, path)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    def __sklearn_clone__(self):
        callbacks = [c for c in self.callbacks or () if isinstance(c, keras.callbacks.Callback)]
        networks = [keras_internals.watched(callback) for callback in callbacks]
        try:
            for callback in callbacks:  # a copy has no use for the network that it has watched
                keras_internals.set_watched(callback, None)
            return super().__sklearn_clone__()
        finally:
            for callback, network in zip(callbacks, networks, strict=True):
                keras_internals.set_watched(callback, network)

    def __getstate__(self):
        state = dict(super().__getstate__())
        if "network_" in state:
            network = state["network_"]
            state["network_"] = network_to_bytes(network), network.seed
        return state

    def __setstate__(self, state):
        if "network_" in state:
            own = own_functions(state)
            state = {**state, "network_": network_from_bytes(*state["network_"], trusted=own)}
        super().__setstate__(state)


def own_functions(state):
    """Functions and classes among an estimator's arguments, by the names that Keras writes."""
    values = [state.get("activation"), *np.atleast_1d(state.get("metrics") or [])]
    kinds = {type(value).__name__: type(value) for value in values if hasattr(value, "get_config")}
    return kinds | {value.__name__: value for value in values if hasattr(value, "__name__")}


def judge(estimator, part):
    """`{"loss": ..., metric: ..., "baseline_loss": ..., ...}` of a fitted estimator.

    Args:
        estimator: fitted `DNNClassifier` or `DNNRegressor`.
        part: `rows.Part`, y in its own units.
    """
    target = estimator.target_
    output = estimator.network_.predict(
        estimator.encoder_.transform(part.frame, warn_unseen=True), verbose=0
    )
    if hasattr(target, "from_network"):
        output = target.from_network(output).reshape(len(output), -1)
    guess = np.broadcast_to(target.baseline, output.shape)
    own = scores(estimator, part, output)
    return own | {
        f"baseline_{name}": value for name, value in scores(estimator, part, guess).items()
    }


def scores(estimator, part, prediction):
    target = estimator.target_
    head = head_of(target.problem)
    y = part.y.reshape(len(part.y), -1).astype("float32")
    if target.problem == "multiclass":
        y = y.astype("int32")
    prediction = prediction.astype("float32")
    weights = None
    if part.weights is not None:
        weights = (part.weights / part.weights.mean()).astype("float32")
    metrics = check_metrics(head, estimator.hyperparameters_["metrics"])
    metrics = keras_internals.compile_metrics(None, make_metrics(head, target.n, metrics))
    metrics.update_state(y, prediction, sample_weight=weights)
    loss = make_loss(head)(y, prediction, sample_weight=weights)
    return {"loss": float(loss)} | {name: float(v) for name, v in metrics.result().items()}
