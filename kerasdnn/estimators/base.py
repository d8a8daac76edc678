"""TableEstimator: the methods that `DNNClassifier` and `DNNRegressor` share."""

import time
from collections.abc import Sequence
from os import PathLike
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator, clone, is_regressor
from sklearn.metrics import accuracy_score, d2_pinball_score, r2_score
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..checks.table_columns import told_once
from ..core import keras_internals
from ..core.rows import Rows
from ..core.sources import is_source
from ..diagnostics.report import Health, examine
from ..explain.columns import original_columns
from ..explain.methods import Explained
from ..explain.summary import Summary, summarize
from ..heads.loss import mean_loss
from ..heads.loss_names import check_loss
from ..heads.metrics import check_metrics, make_metrics
from ..nn.losses import complete
from ..records.contents import Recorder
from ..stopping.time_limit import Predicted
from ..tables.rows import encode_rows, read_rows, read_table
from . import presets
from .continuing import fit_partially
from .ensemble import first_of
from .files.archive import save_estimator
from .files.network_file import network_from_bytes, network_to_bytes
from .files.saved_state import target_to_state
from .fit import fit_table

PREDICTION_ROWS = 8  # a prediction is for a multiple of so many rows
OF_DECISIONS = ("accuracy", "precision", "recall")  # metrics of the predicted classes


class ScoredByRow:
    """A base class in front of scikit-learn's mixins, whose `score` checks no row order."""

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the accuracy (multi-label: of complete rows) or R2, as scikit-learn does.

        Args:
            X: table of `(rows, columns)`, with the columns of `fit`.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            float: accuracy in [0, 1], or R2, at most 1.
        """
        if is_source(X):
            from ..streaming.prediction import score_source

            return score_source(self, X, y)
        rows, _ = read_table(Rows(X, y, sample_weight))
        return super().score(X, rows.y, rows.weights)  # type: ignore[misc] # of a mixin


class CompleteLoss:
    """The argument `loss`, which a copy and a file make from its config: `losses.complete`."""

    def __get__(self, estimator, owner=None):
        if estimator is not None and "loss" not in vars(estimator):
            raise AttributeError("loss")
        return self if estimator is None else vars(estimator)["loss"]

    def __set__(self, estimator, value):
        vars(estimator)["loss"] = complete(value)


class TableEstimator(Explained, BaseEstimator):
    """What both estimators share; see `DNNClassifier`."""

    loss = CompleteLoss()

    def _keep(self, arguments):
        """Set the arguments of `__init__` as attributes, as scikit-learn requires."""
        for name, value in arguments.items():
            if name not in ("self", "__class__"):
                setattr(self, name, value)

    def _chosen_preset(self):
        return presets.choose(self.preset, self.get_params(deep=False))

    def _hyperparameters(self):
        """The hyperparameters of the preset, replaced by those that were given."""
        given = self.get_params(deep=False)
        return presets.resolve(self._chosen_preset(), given, self._of_numbers, self._steep)

    @property
    def _of_numbers(self):
        """Whether presets have the values for numbers."""
        return is_regressor(self)

    @property
    def _steep(self):
        """Whether presets have the values for a head that is steep."""
        return False

    def _as_y(self, y):
        """y as `read_target` reads it."""
        return y

    def _as_validation(self, validation_data):
        """The validation rows with such a y."""
        return validation_data

    def _draw_seed(self):
        self._drawn_seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return self._drawn_seed

    def _fit(self, given, validation_data, make_target):
        for name in [name for name in vars(self) if name.startswith("oof_")]:
            delattr(self, name)  # of an earlier fit
        fit = fit_table
        if is_source(given.x):
            from ..streaming.training import fit_source  # which imports this room

            fit = fit_source
        with told_once():
            recorder = Recorder()
            fitted = fit(self, given, validation_data, make_target, recorder)
            output, rows = (fitted.pop(name, None) for name in ("oof_output_", "oof_rows_"))
            self._set_fitted(fitted)
            target = target_to_state(self.target_, in_file=False)
            parts = {"encoder": self.encoder_.to_dict(), "target": target,
                     "decisions": self._decisions_to_state()}  # fmt: skip
            self.record_ = recorder.finish(self, parts)
        if output is not None:
            self._set_out_of_fold(output, rows)
        if self.verbose:
            print(self.fit_report_)
        return self

    def _fit_partially(self, given, make_target):
        with told_once():
            self._set_fitted(fit_partially(self, given, make_target))
        return self

    def _set_out_of_fold(self, output, rows):
        """Set what the members predict for rows that they were not trained on.

        Args:
            output: float64 `(rows, outputs)`, NaN where every member was trained on the row.
            rows: `Rows` of the table, y encoded.
        """
        known = np.isfinite(output).all(axis=1)
        predicted = self._of_outputs(output[known])
        found = {"predict": predicted}
        if not is_regressor(self):
            found = {"predict": self._decided_of(predicted), "predict_proba": predicted}
        for method, part in found.items():
            kind = part.dtype if known.all() or part.dtype.kind == "f" else object
            values = np.empty((len(output), *part.shape[1:]), kind)  # of objects: None
            if part.dtype.kind == "f":
                values[~known] = np.nan
            values[known] = part
            setattr(self, f"oof_{method}_", values)
        self.oof_score_ = self._score_encoded(rows.take(known), found["predict"])

    def _score_encoded(self, rows, prediction):
        """`score` of a prediction for rows whose y is encoded."""
        head, y = self.target_.head, rows.y
        if head.levels:
            return mean_d2(y[:, 0], prediction, head.levels, rows.weights)
        if is_regressor(self):
            return float(r2_score(y.reshape(prediction.shape), prediction,
                                  sample_weight=rows.weights))  # fmt: skip
        y = y if head.kind == "labels" else self.target_.classes[y]
        return float(accuracy_score(y, prediction, sample_weight=rows.weights))

    def _set_fitted(self, fitted):
        """Set the attributes that `fit_table` returned, or that a file contains."""
        for name, value in fitted.items():
            setattr(self, name, value)
        self.record_ = fitted.get("record_")
        self.n_features_in_ = self.encoder_.n_features_in_
        if hasattr(self.encoder_, "feature_names_in_"):
            self.feature_names_in_ = self.encoder_.feature_names_in_
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _matrix(self, X):
        """The matrix of a table that the network takes, float32 `(rows, columns)`."""
        return self.encoder_.encode(X, warn_unseen=True)

    def _held_out(self, X, y, sample_weight):
        """The matrix of held-out rows, and their `Rows` with y encoded."""
        check_is_fitted(self)
        rows, _ = read_rows(Rows(X, y, sample_weight), self.target_)
        return self._matrix(rows.x), rows

    def _network_threshold(self):
        """The output of the network above which the second of two classes is predicted."""
        return 0.5

    def _output(self, X):
        """The network's output for a table, float64 `(rows, outputs)`."""
        return self._in_parts(X, lambda table: self._output_of(self.network_, self._matrix(table)))

    def _in_parts(self, X, output):
        """`output` of a table, or of each part of one that is read in parts."""
        if "network_" not in self.__dict__:  # the check itself takes a tenth of a prediction
            check_is_fitted(self)
        if is_source(X):
            from ..streaming.prediction import outputs  # which imports this room

            return outputs(self, X, output)
        return output(X)

    def _output_of(self, network, matrix):
        """The output of a network for a matrix, float64 `(rows, outputs)`."""
        if len(matrix) == 0:
            return np.empty((0, self.network_.output_shape[-1]))
        # The product of one row sums in another order, and activations of numbers left over by
        # vectors of up to eight differ in the last bit. In full chunks the prediction for a row is
        # the same bit for bit, whatever the other rows are. Classes need not be: see `few_rows`.
        padding = -len(matrix) % PREDICTION_ROWS
        full = np.zeros((len(matrix) + padding, matrix.shape[1]), matrix.dtype)
        full[: len(matrix)] = matrix
        output = network.predict(full, verbose=0)[: len(matrix)].astype("float64")
        if np.isnan(output).any():  # the input is finite
            raise ValueError(
                "`network_` must have finite weights to predict. Received: an output of NaN. "
                "Fit again, or restore its weights."
            )
        return output

    def evaluate(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Compute loss and metrics on a table, and those of a constant baseline.

        Args:
            X: table, array or path of a Parquet file, with the columns of `fit`.
            y: as in `fit`; for a source that is read in parts, the name of its target column.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            dict: "loss" (without regularization or label smoothing), the metrics, and
            "baseline_loss" and so on, those of always predicting the class frequencies (regression:
            the mean) of the training rows. Errors of a regressor are in the units of y.
        """
        check_is_fitted(self)
        if is_source(X):
            from ..streaming.prediction import evaluate_source

            return evaluate_source(self, X, y)
        rows, _ = read_rows(Rows(X, y, sample_weight), self.target_)
        return evaluate_with_baseline(self, rows)

    def health(self, X: Any, y: Any) -> Health:
        """Find out whether anything prevents the network from learning; see `kerasdnn.health`.

        Args:
            X: table of `(rows, columns)`: the training rows or others.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.

        Returns:
            `Health`: prints as a table of the layers and the findings. With several members it
            describes the first.
        """
        check_is_fitted(self)
        rows, _ = read_rows(Rows(X, y), self.target_)
        rows = encode_rows(rows, self.encoder_, self.target_)
        return examine(
            first_of(self.network_), rows.x, rows.y, self.history_,
            columns=original_columns(self.encoder_),
            classes=self.target_.classes.tolist() if hasattr(self.target_, "classes") else None,
            best_epoch_kept="val_loss" in self.history_,
            threshold=self._network_threshold(),
        )  # fmt: skip

    def estimate_fit_time(self, X: Any, y: Any, **fit: Any) -> float:
        """Measure the first epochs of a copy, and predict how long `fit` takes.

        Early stopping may end `fit` sooner, and `time_limit` shortens it. `fit` with `verbose=1`
        prints the same prediction, and what it took, without training twice.

        Args:
            X: table `(rows, columns)`, as in `fit`.
            y: labels or numbers `(rows,)`, as in `fit`.
            **fit: other arguments of `fit`.

        Returns:
            float, seconds.

        Raises:
            ValueError: whatever `fit` rejects.

        Example:
            from kerasdnn import DNNRegressor
            from sklearn.datasets import load_diabetes

            X, y = load_diabetes(return_X_y=True)
            DNNRegressor("standard", random_state=0).estimate_fit_time(X, y)    # about 5
        """
        model, began = clone(self).set_params(verbose=0), time.monotonic()
        model._only_estimates = True
        try:
            model.fit(X, y, **fit)
        except Predicted as found:
            return float(found.args[0])
        return time.monotonic() - began  # it ended before it was measured

    def tune(self, X: Any, y: Any, **search: Any) -> Any:
        """Search for good hyperparameters on a table; see `kerasdnn.tune` for the arguments.

        The hyperparameters given to this estimator hold for all trials. The estimator does not
        change: `best_network()` of the result is a new one, fitted on all rows. Without a preset,
        plain networks are searched, many in parallel; with one, variants of it are fitted one after
        the other.

        Args:
            X: table of `(rows, columns)`.
            y: as in `fit`.
            **search: arguments of `kerasdnn.tune`, such as `max_trials` and `objective`.

        Returns:
            `SearchResult`.
        """
        from ..search.tuning import tune  # which imports this module

        with told_once():
            return tune(X, y, estimator=self, **search)

    def predict_to(self, X: Any, path: str | PathLike, copy: Sequence[str] = ()) -> int:
        """Write predictions for a table that is read in parts to a Parquet file, atomically.

        Args:
            X: Parquet path, `pyarrow.dataset.Dataset` or lazy frame, as in `fit`.
            path: str or Path of the file to write.
            copy: names of columns of X that are written next to the predictions. Default: none.

        Returns:
            int: number of rows. The file has the column "prediction" (one per column of y or
            quantile if there are several), and of a classifier "probability of ..." per class.

        Raises:
            ValueError: a name that X does not have; X as in `predict`.

        Example:
            import pandas as pd
            from kerasdnn import DNNClassifier

            frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
            labels = ["yes", "no", "yes", "yes"] * 25
            model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
            frame.to_parquet("people.parquet")
            model.predict_to("people.parquet", "predictions.parquet", copy=["city"])
        """
        from ..streaming.prediction import predict_to  # which imports this room

        check_is_fitted(self)
        return predict_to(self, X, path, copy)

    def summary(self) -> Summary:
        """Describe the fitted estimator: problem, training, layers and columns.

        Returns:
            `Summary`, which prints, and which notebooks show. `network_.summary()` is Keras's.

        Example:
            import pandas as pd
            from kerasdnn import DNNClassifier

            frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
            labels = ["yes", "no", "yes", "yes"] * 25
            model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
            print(model.summary())
        """
        check_is_fitted(self)
        return summarize(self)

    def save(self, path: str | PathLike) -> None:
        """Write the fitted estimator to one file atomically; `kerasdnn.load` reads it.

        Args:
            path: str or Path; the usual extension is `.kerasdnn`.
        """
        check_is_fitted(self)
        save_estimator(self, path)

    def export(self, path: str | PathLike, format: str = "numpy") -> dict[str, Any]:
        """Write the fitted estimator to a folder that runs without kerasdnn, with a proof.

        The export is loaded by its own runtime in a fresh process and predicts thousands of
        ordinary and awkward rows (missing values, unseen categories, extreme numbers, one row,
        many). It must agree with `predict` and `predict_proba` to 1e-5; if it does not, nothing is
        written.

        Args:
            path: str or Path of the folder to create. An earlier export there is replaced.
            format: str. "numpy" (default) is `model.npz` and `predict.py`, which needs NumPy
                alone. "saved_model" is a TensorFlow SavedModel with a signature over named columns.
                "onnx" (`pip install 'kerasdnn[onnx]'`) is `model.onnx`, which takes named columns,
                text included, and returns labels and probabilities. "litert" is `model.tflite`,
                for tables of numbers, and `model_int8.tflite`; sizes and differences of both are
                printed.

        Returns:
            dict: the manifest, which is also in the folder as `manifest.json`: columns, number of
            compared rows, largest difference, versions and checksums.

        Raises:
            FileExistsError: there is something else at `path`.
            ImportError: a package that the format needs is not installed.
            ValueError: a column or a layer that the format cannot reproduce, by name; predictions
                that differ.

        Example:
            import pandas as pd
            from kerasdnn import DNNClassifier

            frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
            labels = ["yes", "no", "yes", "yes"] * 25
            model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
            model.export("exported")                 # then, anywhere: from predict import load
        """
        from ..export.exporting import export  # which imports this room

        check_is_fitted(self)
        return export(self, path, format)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.target_tags.multi_output = True
        return tags

    def __sklearn_clone__(self):
        if isinstance(self.loss, keras.losses.Loss):
            check_loss("loss", self.loss)  # a copy might silently lose its settings
        callbacks = [c for c in self.callbacks or () if isinstance(c, keras.callbacks.Callback)]
        networks = [keras_internals.watched(callback) for callback in callbacks]
        try:
            for callback in callbacks:  # a copy does not need the network that it has monitored
                keras_internals.set_watched(callback, None)
            own = own_functions(self.get_params(deep=False))
            with keras.saving.custom_object_scope(own):  # a loss is copied by its config
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


def mean_d2(y, prediction, levels, weights=None):
    """Compute the mean of D2, the analog of R2 for the pinball loss, over the quantiles."""
    found = [
        d2_pinball_score(y, prediction[:, k], alpha=level, sample_weight=weights)
        for k, level in enumerate(levels)
    ]
    return float(np.mean(found))


def own_functions(state):
    """Functions and classes among an estimator's arguments, by the names that Keras saves."""
    values = [state.get(name) for name in ("activation", "loss", "kernel_initializer")]
    values += [*np.atleast_1d(state.get("metrics") or [])]
    kinds = {type(value).__name__: type(value) for value in values if hasattr(value, "get_config")}
    return kinds | {value.__name__: value for value in values if hasattr(value, "__name__")}


def evaluate_with_baseline(estimator, rows):
    """`{"loss": ..., metric: ..., "baseline_loss": ..., ...}` of a fitted estimator.

    Args:
        estimator: fitted `DNNClassifier` or `DNNRegressor`.
        rows: `Rows` of a `Frame`, y in its own units.
    """
    output = estimator._evaluated(rows.x)
    guess = np.broadcast_to(estimator.target_.baseline, output.shape)
    baseline = scores(estimator, rows, guess)
    found = scores(estimator, rows, output)
    threshold = getattr(estimator, "threshold_", None) or 0.5
    if threshold != 0.5:
        decided = scores(estimator, rows, (output > threshold).astype("float64"))
        found |= {name: decided[name] for name in OF_DECISIONS if name in found}
    return found | {f"baseline_{n}": v for n, v in baseline.items()}


def scores(estimator, rows, prediction):
    """Loss and metrics of a prediction of shape (rows, outputs), in the units of y."""
    target = estimator.target_
    head = target.head
    y = rows.y.reshape(len(rows), -1).astype("int32" if head.per_class else "float32")
    prediction = prediction.astype("float32")
    weights = rows.unit_weights().weights
    metrics = check_metrics(head, estimator.hyperparameters_["metrics"])
    metrics = keras_internals.compile_metrics(None, make_metrics(head, target.n, metrics))
    metrics.update_state(y, prediction, sample_weight=weights)
    loss = mean_loss(head, y, prediction, weights)
    return {"loss": loss} | {name: float(v) for name, v in metrics.result().items()}
