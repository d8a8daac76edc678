"""DNNClassifier and DNNRegressor: scikit-learn estimators for tables of any columns."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from ..core.messages import invalid, quoted_list
from ..core.rows import Rows
from ..core.sources import is_source
from ..decisions.classification import Decisions
from ..decisions.regression import Intervals
from ..heads.head import Head
from ..heads.loss_names import check_loss
from ..heads.numbers import head_of_target
from ..hyperparameters import (
    DNN_CLASSIFIER,
    DNN_REGRESSOR,
    check_labels,
    check_ordered,
    documented,
)
from ..nn.quantiles import check_quantiles
from ..tables.rows import read_table
from ..tables.targets.classes import learn_classes, learn_ordered_classes, order_of
from ..tables.targets.numbers import NumberTarget
from ..tables.targets.reading import read_target
from .base import ScoredByRow, TableEstimator, mean_d2
from .files.archive import ESTIMATORS
from .presets import by_name


@documented(DNN_CLASSIFIER, by_name())
class DNNClassifier(Decisions, ScoredByRow, ClassifierMixin, TableEstimator):
    """A dense network that classifies the rows of a table with any columns.

    Numbers, text, booleans, dates and missing values need no preprocessing; see `TableEncoder`.
    Labels are strings, integers or booleans; if y has several columns of 0 and 1, the problem is
    multi-label.

    Args:
        {arguments}

    Attributes:
        classes_: labels, sorted, or with `ordered` from lowest to highest; for a multi-label
            problem the names of the columns of y.
        n_features_in_: int, number of columns of X.
        feature_names_in_: object array of the columns' names; only if all are strings.
        network_: the trained `Network`.
        encoder_: the `TableEncoder` that prepares its input.
        history_: DataFrame with one row per epoch. Metrics are weighted by the row weights.
        best_epoch_: the epoch whose weights were kept, at least 1.
        fit_report_: str, which epoch was kept, why training ended, and what a time limit changed.
        hyperparameters_: dict, the hyperparameters that were used.
        temperature_: float, what log-odds are divided by in `predict_proba`; 1 without calibration.
        threshold_: float, the probability of the second class above which it is predicted; None for
            more classes and for labels.
        oof_predict_: with `bagging`, what `predict` returns for the rows of `fit`, computed by the
            members that were not trained on them; without rows of weight 0 or without a target.
            None for a row on which all members were trained, which "bootstrap" allows. Not in the
            file.
        oof_predict_proba_: the same for `predict_proba`; NaN for a row on which all members were
            trained.
        oof_score_: float, the same for `score`, over the rows that have a prediction.
        record_: dict, the record of the training: seeds, data hashes, split, versions, device,
            timings and scores; see `records/contents.py`.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=5, random_state=0).fit(frame, labels)
        model.predict(frame.head(1))
        model.predict({"age": 41, "city": "Oslo"})       # one row
    """

    def __init__(
        self,
        preset: str | None = None,
        *,
        hidden_units: Sequence[int] | None = None,
        loss: str | Callable | None = None,
        activation: str | Callable | None = None,
        kernel_initializer: str | keras.Initializer | None = None,
        optimizer: str | dict | keras.Optimizer | None = None,
        learning_rate: float | Callable | None = None,
        schedule: str | None = None,
        warmup: float | None = None,
        momentum: float | None = None,
        learning_rate_factors: Sequence[float] | Mapping[str, float] | None = None,
        clipnorm: float | None = None,
        dropout: float | None = None,
        l2: float | None = None,
        l1: float | None = None,
        batch_norm: bool | None = None,
        layer_norm: bool | None = None,
        residual: bool | None = None,
        wide: bool | None = None,
        ordered: bool | Sequence = False,
        label_smoothing: float | None = None,
        metrics: list | None = None,
        batch_size: int | str | None = None,
        epochs: int | None = None,
        validation_fraction: float = 0.2,
        validation_split: Any = None,
        early_stopping: bool | None = None,
        patience: int | None = None,
        time_limit: float | None = None,
        refit: bool = False,
        warm_start: bool = False,
        class_weight: str | dict | None = None,
        classes: Sequence | None = None,
        calibrate: bool | str = True,
        threshold: float | str | Mapping | Callable | None = None,
        scaling: str | None = None,
        one_hot_limit: int | None = None,
        categorical: Sequence | None = None,
        columns: Mapping | None = None,
        missing_target: str = "error",
        embedding_size: int | None = None,
        numeric_embedding: str | None = None,
        weight_decay: float | None = None,
        monitor: str | Callable | None = None,
        n_members: int | None = None,
        bagging: str | bool | None = None,
        k: int | None = None,
        callbacks: list | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self._keep(locals())

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation_data: Any = None,
        *,
        groups: Any = None,
        time: Any = None,
    ) -> Any:
        """Train on a table.

        Args:
            X: table of `(rows, columns)`: a DataFrame, an array or a dict; see `tables/frame.py`. A
                Parquet file or folder (its path), a `pyarrow.dataset.Dataset` or a lazy frame
                (Polars, DuckDB, ...) is read in parts and never loaded completely; see
                `streaming/training.py`.
            y: labels `(rows,)`, or 0 and 1 `(rows, labels)`. If X is read in parts, the name of its
                column of labels, or a list of names.
            sample_weight: float array `(rows,)`, non-negative; a row of weight 0 is left out. None
                means 1 for every row.
            validation_data: `(X, y)` or `(X, y, sample_weight)` on which epochs are evaluated. None
                means a part of the rows, see `validation_fraction`.
            groups: name of a column of X, or array `(rows,)`: all rows of a group are either in the
                training set or in the validation set. A column named here is not a feature. None
                means that rows are independent.
            time: name of a column of X, or array `(rows,)` of numbers or dates: epochs are
                validated on the latest rows. A column named here is not a feature; pass `X[name]`
                to keep it as one. None means that validation rows are drawn at random.

        Returns:
            The estimator.

        Raises:
            ValueError: invalid data (the message names column, row, value and fix), or training
                diverged.

        Warns:
            DataWarning: data that is valid, but probably a mistake.
        """
        rows = Rows(X, y, sample_weight, groups=groups, time=time)
        return self._fit(rows, validation_data, self._make_target(y))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Train for one pass over some rows, and keep what was learned from earlier calls.

        The first call of an estimator that is not fitted learns the encoder from its rows, and
        fixes the columns, the categories and the classes. Let it have rows that are typical of all.
        The RealMLP presets train at a constant learning rate, a quarter of `learning_rate`, because
        no last epoch is known. Nothing is held out.

        Args:
            X: table of `(rows, columns)`.
            y: labels `(rows,)`, or 0 and 1 `(rows, labels)`.
            classes: all labels that will occur. The first call needs them, unless the estimator has
                them or y has several columns; later calls may repeat them.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            The estimator; `history_` has a row for each call.

        Raises:
            ValueError: invalid data, other columns, or labels that were not declared.

        Example:
            import pandas as pd
            from kerasdnn import DNNClassifier

            model = DNNClassifier("standard", random_state=0)
            for day in range(2):
                chunk = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "day": day})
                model.partial_fit(chunk, ["yes", "no"] * 50, classes=["no", "yes"])
        """
        known = getattr(self, "classes_", None)
        if classes is not None:
            given = {*np.asarray(check_labels("classes", classes)).tolist()}
            if known is not None and given != {*known.tolist()}:
                remedy = f"The classes are {quoted_list(known, 10)}."
                raise invalid("classes", "must be those of the first call", classes, remedy)
        ordered = check_ordered("ordered", self.ordered)
        order = None if ordered is False else order_of(y, ordered)
        declared = self.classes if classes is None else classes
        declared = order if declared is None else declared

        def make_target(y, names):
            if declared is None and (y.ndim == 1 or y.shape[1] == 1):
                raise ValueError(
                    "`classes` must be passed to the first call of `partial_fit`, or to the "
                    "estimator: later rows may have labels that these rows lack."
                )
            if ordered is not False:
                return learn_ordered_classes(order, declared, least=1)(y, names)
            return learn_classes(y, names, declared, least=1)

        return self._fit_partially(Rows(X, y, sample_weight), make_target)

    def _make_target(self, y):
        """A function from labels and their column names to their target."""
        classes = None if self.classes is None else check_labels("classes", self.classes)
        ordered = check_ordered("ordered", self.ordered)
        if ordered is False:
            return partial(learn_classes, classes=classes)
        return learn_ordered_classes(order_of(y, ordered), classes)

    def _set_fitted(self, fitted):
        super()._set_fitted(fitted)
        self.classes_ = self.target_.classes

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


@documented(DNN_REGRESSOR, by_name(numbers=True))
class DNNRegressor(Intervals, ScoredByRow, RegressorMixin, TableEstimator):
    """A dense network that predicts numbers from a table with any columns.

    Numbers, text, booleans, dates and missing values need no preprocessing; see `TableEncoder`. A
    real target is standardized for training and predicted in its own units; the history is in
    standard deviations.

    Args:
        {arguments}

    Attributes:
        n_features_in_: int, number of columns of X.
        feature_names_in_: object array of the columns' names; only if all are strings.
        network_: the trained `Network`.
        encoder_: the `TableEncoder` that prepares its input.
        history_: DataFrame with one row per epoch. Metrics are weighted by the row weights.
        best_epoch_: the epoch whose weights were kept, at least 1.
        fit_report_: str, which epoch was kept, why training ended, and what a time limit changed.
        hyperparameters_: dict, the hyperparameters that were used.
        oof_predict_: with `bagging`, what `predict` returns for the rows of `fit`, computed by the
            members that were not trained on them; NaN for a row on which all members were trained.
            Not in the file.
        oof_score_: float, the same for `score`, over the rows that have a prediction.
        record_: dict, the record of the training: seeds, data hashes, split, versions, device,
            timings and scores; see `records/contents.py`.

    Example:
        from kerasdnn import DNNRegressor
        from sklearn.datasets import load_diabetes

        X, y = load_diabetes(return_X_y=True, as_frame=True)
        model = DNNRegressor("standard", epochs=5, random_state=0).fit(X, y)
        model.predict(X.head(1))
    """

    def __init__(
        self,
        preset: str | None = None,
        *,
        hidden_units: Sequence[int] | None = None,
        target: str | Head = "real",
        loss: str | Callable | None = None,
        quantiles: Sequence[float] | None = None,
        activation: str | Callable | None = None,
        kernel_initializer: str | keras.Initializer | None = None,
        optimizer: str | dict | keras.Optimizer | None = None,
        learning_rate: float | Callable | None = None,
        schedule: str | None = None,
        warmup: float | None = None,
        momentum: float | None = None,
        learning_rate_factors: Sequence[float] | Mapping[str, float] | None = None,
        clipnorm: float | None = None,
        dropout: float | None = None,
        l2: float | None = None,
        l1: float | None = None,
        batch_norm: bool | None = None,
        layer_norm: bool | None = None,
        residual: bool | None = None,
        wide: bool | None = None,
        metrics: list | None = None,
        batch_size: int | str | None = None,
        epochs: int | None = None,
        validation_fraction: float = 0.2,
        validation_split: Any = None,
        early_stopping: bool | None = None,
        patience: int | None = None,
        time_limit: float | None = None,
        refit: bool = False,
        warm_start: bool = False,
        scaling: str | None = None,
        one_hot_limit: int | None = None,
        categorical: Sequence | None = None,
        columns: Mapping | None = None,
        missing_target: str = "error",
        embedding_size: int | None = None,
        numeric_embedding: str | None = None,
        weight_decay: float | None = None,
        monitor: str | Callable | None = None,
        n_members: int | None = None,
        bagging: str | bool | None = None,
        k: int | None = None,
        callbacks: list | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ):
        self._keep(locals())

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        validation_data: Any = None,
        *,
        groups: Any = None,
        time: Any = None,
    ) -> Any:
        """Train on a table.

        Args:
            X: table of `(rows, columns)`, or a source that is read in parts, as in
                `DNNClassifier.fit`.
            y: numbers `(rows,)` or `(rows, columns)`. If X is read in parts, the name of its target
                column, or a list of names.
            sample_weight: float array `(rows,)`, non-negative; a row of weight 0 is left out. None
                means 1 for every row.
            validation_data: `(X, y)` or `(X, y, sample_weight)` on which epochs are evaluated. None
                means a part of the rows, see `validation_fraction`.
            groups: name of a column of X, or array `(rows,)`: all rows of a group are either in the
                training set or in the validation set. A column named here is not a feature. None
                means that rows are independent.
            time: name of a column of X, or array `(rows,)` of numbers or dates: epochs are
                validated on the latest rows. A column named here is not a feature. None means that
                validation rows are drawn at random.

        Returns:
            The estimator.

        Raises:
            ValueError: invalid data (the message names column, row, value and fix), or training
                diverged.
        """
        rows = Rows(X, y, sample_weight, groups=groups, time=time)
        return self._fit(rows, validation_data, self._make_target(y))

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Train for one pass over some rows, and keep what was learned from earlier calls.

        The first call also fixes the units of y. See `DNNClassifier.partial_fit`.

        Args:
            X: table of `(rows, columns)`.
            y: numbers `(rows,)` or `(rows, columns)`.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            The estimator; `history_` has a row for each call.

        Raises:
            ValueError: invalid data, or other columns.
        """
        return self._fit_partially(Rows(X, y, sample_weight), self._make_target(y))

    @property
    def _steep(self):
        """Whether presets have the values for a head that is steep."""
        log = isinstance(self.target, str) and self.target == "log"
        return not log and head_of_target(self.target, others=["log"]).steep

    def _make_target(self, y):
        """A function from y and its column names to its `NumberTarget`."""
        quantiles = self.quantiles
        if quantiles is not None:
            quantiles = check_quantiles("quantiles", quantiles)
        loss = None if self.loss is None else check_loss("loss", self.loss)
        return NumberTarget.of(self.target, quantiles, loss)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the target in its own units.

        Args:
            X: table, array or path of a Parquet file, with the columns of `fit`.

        Returns:
            float64 `(rows,)` or `(rows, columns)`; with `quantiles` `(rows, quantiles)`, increasing
            in each row.
        """
        output = self._output(X)  # raises NotFittedError before the target is needed
        return self.target_.from_network(output)

    def predict_dist(self, X: Any) -> Any:
        """Predict the distribution of the target in each row.

        With `n_members` the parameters are the means of those of the members.

        Args:
            X: table, as in `fit`.

        Returns:
            Frozen distribution of `scipy.stats` in the units of y, whose methods return an array of
            shape `(rows,)`: `norm` of target="normal", `nbinom` of target="negative_binomial".

        Raises:
            ValueError: the estimator was fitted with another target.

        Example:
            from kerasdnn import DNNRegressor
            from sklearn.datasets import load_diabetes

            X, y = load_diabetes(return_X_y=True, as_frame=True)
            model = DNNRegressor("standard", target="normal", epochs=2, random_state=0).fit(X, y)
            model.predict_dist(X).std()
            model.predict_dist(X).sf(200)                    # P(y > 200) in each row
        """
        output = self._output(X)
        distribution = self.target_.head.distribution
        if distribution is None:
            remedy = "Fit with target='normal', or for counts 'negative_binomial'."
            raise invalid("target", "must be a distribution", self.target, remedy)
        return distribution.frozen(*self.target_.parameters(output).T)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute R2 as scikit-learn does; with `quantiles` D2, its analog for the pinball loss.

        D2 is 1 minus the loss divided by that of the constant quantiles of y, averaged over the
        quantiles.

        Args:
            X: table of `(rows, columns)`, with the columns of `fit`.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            float, at most 1; 0 is that of a constant prediction.
        """
        if is_source(X) or getattr(self, "target_", None) is None or not self.target_.head.levels:
            return super().score(X, y, sample_weight)
        rows, _ = read_table(Rows(X, y, sample_weight))
        p, y = self.predict(rows.x), self.target_.encode(read_target(rows.y)[0])[:, 0]
        return mean_d2(y, p, self.target_.head.levels, rows.weights)


ESTIMATORS.update({kind.__name__: kind for kind in (DNNClassifier, DNNRegressor)})
