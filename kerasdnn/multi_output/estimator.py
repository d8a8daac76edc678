"""DNNMultiOutput: classes and numbers of one table, predicted by one network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from ..core.messages import did_you_mean, invalid, quoted_list
from ..core.rows import Rows, unpack_validation_data
from ..core.sources import is_source
from ..decisions.outputs import outputs_of, scores_of_outputs
from ..diagnostics.report import Health
from ..estimators.base import TableEstimator, own_functions
from ..estimators.estimators import DNNClassifier, DNNRegressor
from ..estimators.files.network_file import network_from_bytes, network_to_bytes
from ..estimators.presets import by_name
from ..explain.importance import Importance
from ..heads.mixed import head_named
from ..hyperparameters import DNN_MULTI_OUTPUT, check_heads, check_labels, documented
from ..tables.rows import read_rows
from ..tables.targets.mixed import MixedTarget
from ..tables.targets.reading import MixedColumns
from .single import network_of_head


@documented(DNN_MULTI_OUTPUT, by_name(numbers=True))
class DNNMultiOutput(TableEstimator):
    """A dense network that predicts several columns of different kinds from a table.

    y is a DataFrame with a column per head, of classes or of numbers. All heads share the hidden
    layers. What concerns one column, such as intervals, explanations or exports, is a method of
    `single(column)`, a `DNNClassifier` or `DNNRegressor`.

    Args:
        {arguments}

    Attributes:
        columns_: list of the columns of y.
        classes_: dict from each column of classes to its labels, sorted.
        n_features_in_: int, number of columns of X.
        feature_names_in_: object array of the columns' names; only if all are strings.
        network_: the trained `Network`, whose outputs are those of all heads side by side.
        encoder_: the `TableEncoder` that prepares its input.
        history_: DataFrame with one row per epoch: "loss", the weighted sum, and for each column
            its loss and a metric, such as "churn_loss" and "churn_accuracy".
        best_epoch_: the epoch whose weights were kept, at least 1.
        fit_report_: str, which epoch was kept, why training ended, and what a time limit changed.
        hyperparameters_: dict, the hyperparameters that were used.
        oof_predict_: with `bagging`, a DataFrame of what `predict` returns for the rows of `fit`,
            computed by the members that were not trained on them; see `DNNClassifier`.
        oof_predict_proba_: with `bagging`, a dict from each column of classes to the same for
            `predict_proba`.
        oof_score_: float, with `bagging`, the same for `score`.
        record_: dict, the record of the training; see `records/contents.py`.

    Example:
        import numpy as np
        import pandas as pd
        from kerasdnn import DNNMultiOutput

        X = pd.DataFrame({"age": np.arange(18, 98), "city": ["Oslo", "Rome"] * 40})
        y = pd.DataFrame({"churn": np.where(X["age"] < 40, "yes", "no"), "spend": 2.5 * X["age"]})
        model = DNNMultiOutput("standard", loss_weights={"spend": 0.5}, epochs=3, random_state=0)
        model.fit(X, y)
        model.predict(X)                                 # a DataFrame with both columns
        model.predict_proba(X)["churn"]                  # (rows, classes)
        model.single("spend").predict_interval(X)
    """

    loss = None  # an argument that the other estimators have
    crosses_epochs = True  # as the intervals of `DNNRegressor`
    decisions_: dict
    target_: MixedTarget

    def __init__(
        self,
        preset: str | None = None,
        *,
        hidden_units: Sequence[int] | None = None,
        heads: Mapping | None = None,
        loss_weights: Mapping[str, float] | None = None,
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
            X: table of `(rows, columns)`, in memory. Tables that are read in parts are for the
                estimators of one column.
            y: DataFrame of `(rows, heads)`, or dict of its columns.
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
        check_in_memory(X)
        rows = Rows(X, self._as_y(y), sample_weight, groups=groups, time=time)
        return self._fit(rows, self._as_validation(validation_data), self._make_target(y))

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Train for one pass over some rows, and keep what was learned from earlier calls.

        The first call fixes the columns, the classes and the units of numbers. See
        `DNNClassifier.partial_fit`.

        Args:
            X: table of `(rows, columns)`, in memory.
            y: DataFrame of `(rows, heads)`, or dict of its columns.
            classes: dict from each column of classes to all labels that will occur. The first call
                needs it; later calls may repeat it.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            The estimator; `history_` has a row for each call.

        Raises:
            ValueError: invalid data, other columns, or labels that were not declared.

        Example:
            import pandas as pd
            from kerasdnn import DNNMultiOutput

            model = DNNMultiOutput("standard", random_state=0)
            for day in range(2):
                X = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "day": day})
                y = pd.DataFrame({"churn": ["yes", "no"] * 50, "spend": 2.5 * X["age"]})
                model.partial_fit(X, y, classes={"churn": ["no", "yes"]})
        """
        check_in_memory(X)
        if not isinstance(classes, Mapping | None):
            remedy = "Such as {'churn': ['no', 'yes']}."
            raise invalid("classes", "must be a dict from a column of y to its labels", classes,
                          remedy)  # fmt: skip
        given = {n: check_labels("classes", labels) for n, labels in (classes or {}).items()}
        known = getattr(self, "classes_", given)
        for name, labels in given.items():
            if {*np.asarray(labels).tolist()} != {*np.asarray(known.get(name, ())).tolist()}:
                remedy = f"The classes are { ({n: [*v] for n, v in known.items()})!r}."
                raise invalid("classes", "must be those of the first call", classes, remedy)
        make_target = MixedTarget.of(self.heads, self.loss_weights, given)
        return self._fit_partially(Rows(X, self._as_y(y), sample_weight), make_target)

    def _make_target(self, y):
        """A function from y and its column names to a `MixedTarget`."""
        return MixedTarget.of(self.heads, self.loss_weights)

    def _as_y(self, y):
        """y as `MixedColumns`; of a fitted estimator its columns in the order of `fit`."""
        known = list(getattr(self, "columns_", ()))
        frame = y
        if isinstance(y, Mapping):
            frame = pd.DataFrame(y)
        elif isinstance(y, np.ndarray) and y.ndim == 2 and y.shape[1] == len(known):
            frame = pd.DataFrame(y, columns=known)
        if not isinstance(frame, pd.DataFrame) or (frame.shape[1] < 2 and not known):
            raise invalid(
                "y", "must be a DataFrame of at least two columns, one per head",
                received=f"{type(y).__name__} of shape {np.shape(y)}",
                remedy="One column is for `DNNClassifier` or `DNNRegressor`.",
            )  # fmt: skip
        missing = [name for name in known if name not in frame.columns]
        if missing:
            rule = f"must have the columns {quoted_list(known)}"
            raise invalid("y", rule, received=f"none of the name {missing[0]!r}")
        return MixedColumns(frame[known] if known else frame)

    def _as_validation(self, validation_data):
        if validation_data is None:
            return None
        rows = unpack_validation_data(validation_data)
        y = self._as_y(rows.y)
        return (rows.x, y) if rows.weights is None else (rows.x, y, rows.weights)

    @property
    def _of_numbers(self):
        """Presets have the same values as for numbers, which are those without label smoothing."""
        return True

    @property
    def _steep(self):
        """Whether presets have the values for a head that is steep."""
        kinds = [kind for kind in check_heads("heads", self.heads or {}).values() if kind != "log"]
        return any(head_named("", kind).steep for kind in kinds)

    # ------------------------------------------------------------------------------ decisions

    def _check_decisions(self, target, validation):
        """There is no argument to check."""

    def _decide(self, target, network, x, rows):
        """Calibrate each column of classes, and take the residuals of each column of numbers."""
        return self._decide_by_outputs(target, None if x is None else outputs_of(network, x), rows)

    def _decide_by_outputs(self, target, outputs, rows):
        """`_decide` from the outputs of networks that were not trained on the rows, or None."""
        found = {}
        for k, (name, (one, at)) in enumerate(zip(target.names, target, strict=True)):
            part = kind_of(one)()
            if outputs is None:
                found[name] = part._decide(one, None, None, None)
            else:
                own = rows.replace(y=target.of_column(k, rows.y))
                found[name] = part._decide_by_outputs(one, outputs[:, at], own)
        return {"decisions_": found}

    def _set_out_of_fold(self, output, rows):
        """Set what the members predict for rows that they were not trained on."""
        parts = self._parts()
        for k, (part, at) in enumerate(parts.values()):
            own = rows.replace(y=self.target_.of_column(k, rows.y))
            part._set_out_of_fold(output[:, at], own)
        self.oof_predict_ = pd.DataFrame({n: part.oof_predict_ for n, (part, _) in parts.items()})
        self.oof_predict_proba_ = {n: parts[n][0].oof_predict_proba_ for n in self.classes_}
        self.oof_score_ = float(np.mean([part.oof_score_ for part, _ in parts.values()]))

    def _decisions_to_state(self):
        return [part._decisions_to_state() for part, _ in self._parts().values()]

    def _decisions_from_state(self, state, target):
        states = zip(target.names, target.targets, state or [None] * target.n, strict=True)
        return {
            "decisions_": {
                name: kind_of(one)()._decisions_from_state(own, one) for name, one, own in states
            }
        }

    def _set_fitted(self, fitted):
        self.__dict__.pop("columns_", None)
        super()._set_fitted(fitted)
        vars(self).update(self._columns_of(self.target_))

    @staticmethod
    def _columns_of(target):
        """The attributes that name the columns of y and their classes."""
        named = zip(target.names, target.targets, strict=True)
        classes = {name: one.classes for name, one in named if hasattr(one, "classes")}
        return {"columns_": list(target.names), "classes_": classes}

    def _parts(self):
        """For each column an estimator of outputs of the network, and where these are."""
        found = {}
        for name, (target, at) in zip(self.target_.names, self.target_, strict=True):
            part: Any = kind_of(target)()
            part.target_, head = target, target.head
            part.network_ = None  # it is never asked
            if hasattr(target, "classes"):
                part.classes_ = target.classes
            part._keep_decisions(self.decisions_[name])
            part._output = lambda outputs: outputs
            part._scores = lambda outputs, head=head: scores_of_outputs(outputs, head)
            found[name] = part, at
        return found

    def single(self, column: str) -> Any:
        """Return one column as a fitted estimator, with a copy of the network.

        Its predictions are the same, and it has all methods of an estimator of one column:
        `calibrate`, `predict_interval`, `explain`, `importance`, `export`, `save` and the plots.

        Args:
            column: str, a column of y.

        Returns:
            `DNNClassifier` or `DNNRegressor`.

        Raises:
            ValueError: an unknown column.

        Example:
            import numpy as np
            import pandas as pd
            from kerasdnn import DNNMultiOutput

            X = pd.DataFrame({"age": np.arange(18, 98), "city": ["Oslo", "Rome"] * 40})
            churn = np.where(X["age"] < 40, "yes", "no")
            y = pd.DataFrame({"churn": churn, "spend": 2.5 * X["age"]})
            model = DNNMultiOutput("standard", epochs=3, random_state=0)
            model.fit(X, y)
            model.single("churn").explain(X)
            model.single("spend").predict_interval(X)
        """
        check_is_fitted(self)
        if column not in self.columns_:
            rule = f"must be one of {quoted_list(self.columns_)}"
            near = did_you_mean(str(column), self.columns_)
            raise invalid("column", rule, column, near)
        place = self.columns_.index(column)
        target, at = list(self.target_)[place]
        part, kind = self.target_.head.parts[place], kind_of(target)
        given = self.get_params(deep=False)
        made = kind(**{n: v for n, v in given.items() if n in kind._get_param_names()})
        made.set_params(metrics=None)
        if kind is DNNRegressor:
            made.set_params(target="log" if target.log else target.head.target or target.head)
        copy = network_from_bytes(
            network_to_bytes(self.network_), self.network_.seed, own_functions(given)
        )
        metrics: dict[str, str] = {}
        for prefix in ("", "val_"):
            start = f"{prefix}{column}_"
            names = [f"{prefix}{name}" for name in part.metric_names]
            metrics |= {n: f"{prefix}{n.removeprefix(start)}" for n in names if n in self.history_}
        made._set_fitted(
            {
                "encoder_": self.encoder_,
                "target_": target,
                "network_": network_of_head(copy, at, target.head, part.n),
                "hyperparameters_": self.hyperparameters_ | {"metrics": None},
                "history_": self.history_[list(metrics)].rename(columns=metrics),
                "best_epoch_": self.best_epoch_,
                "n_rows_": self.n_rows_,
                "fit_report_": self.fit_report_,
                **self.decisions_[column],
            }
        )
        return made

    # ------------------------------------------------------------------------------ predictions

    def predict(self, X: Any) -> pd.DataFrame:
        """Predict all columns.

        Args:
            X: table, as in `fit`.

        Returns:
            DataFrame `(rows, columns of y)`: the most probable class, and numbers in their own
            units. It has the index of X where X has one.
        """
        outputs = self._output(X)
        found = {name: part.predict(outputs[:, at]) for name, (part, at) in self._parts().items()}
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(found, index=index)

    def predict_proba(self, X: Any) -> dict[str, np.ndarray]:
        """Predict the probabilities of the columns of classes.

        They are calibrated on the validation rows of `fit`, as those of `DNNClassifier`.

        Args:
            X: table, as in `fit`.

        Returns:
            dict from each column of classes to float64 `(rows, classes)`, in the order of
            `classes_[column]`.
        """
        outputs = self._output(X)
        parts = {name: self._parts()[name] for name in self.classes_}
        return {name: part.predict_proba(outputs[:, at]) for name, (part, at) in parts.items()}

    def predict_interval(self, X: Any, coverage: float = 0.9) -> dict[str, np.ndarray]:
        """Predict intervals of the columns of numbers, see `DNNRegressor.predict_interval`.

        Args:
            X: table, as in `fit`.
            coverage: float in (0, 1), of each column by itself. Default: 0.9.

        Returns:
            dict from each column of numbers to float64 `(rows, 2)`.
        """
        outputs = self._output(X)
        parts = {n: part for n, part in self._parts().items() if n not in self.classes_}
        return {n: part.predict_interval(outputs[:, at], coverage) for n, (part, at)
                in parts.items()}  # fmt: skip

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Compute the mean over the columns of the accuracy of classes and the R2 of numbers.

        Args:
            X: table of `(rows, columns)`, with the columns of `fit`.
            y: DataFrame of `(rows, heads)`, or dict of its columns, as in `fit`.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            float, at most 1.
        """
        check_is_fitted(self)
        check_in_memory(X)
        rows, _ = read_rows(Rows(X, self._as_y(y), sample_weight), self.target_)
        outputs, found = self._output(rows.x), []
        for k, (part, at) in enumerate(self._parts().values()):
            own = rows.replace(y=self.target_.of_column(k, rows.y))
            found.append(part._score_encoded(own, part.predict(outputs[:, at])))
        return float(np.mean(found))

    def evaluate(self, X: Any, y: Any, sample_weight: Any = None) -> dict[str, float]:
        """Compute the loss and a metric of each column, and those of a constant baseline.

        Args:
            X: table of `(rows, columns)`, with the columns of `fit`.
            y: DataFrame of `(rows, heads)`, or dict of its columns, as in `fit`.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.

        Returns:
            dict as of `DNNClassifier.evaluate`, with names such as "churn_accuracy" and
            "baseline_churn_accuracy". Numbers are in the units of their column, also in the "loss".
        """
        check_in_memory(X)
        return super().evaluate(X, self._as_y(y), sample_weight)

    def _evaluated(self, X):
        """What `evaluate` compares with y: calibrated, in the units of y."""
        outputs = self._output(X)
        found = self.target_.in_units(outputs)
        for name in self.classes_:
            part, at = self._parts()[name]
            p = part.predict_proba(outputs[:, at])
            found[:, at] = p if at.stop - at.start > 1 else p[:, 1:]
        return found

    def health(self, X: Any, y: Any) -> Health:
        """Find out whether anything prevents the network from learning; see `kerasdnn.health`.

        Args:
            X: table of `(rows, columns)`: the training rows or others.
            y: DataFrame of `(rows, heads)`, or dict of its columns, as in `fit`.

        Returns:
            `Health`: prints as a table of the layers and the findings.
        """
        return super().health(X, self._as_y(y))

    def tune(self, X: Any, y: Any, **search: Any) -> Any:
        """Search for good hyperparameters on a table; see `DNNClassifier.tune`.

        Args:
            X: table of `(rows, columns)`.
            y: DataFrame of `(rows, heads)`, or dict of its columns, as in `fit`.
            **search: arguments of `kerasdnn.tune`, such as `max_trials` and `objective`.

        Returns:
            `SearchResult`.
        """
        return super().tune(X, self._as_y(y), **search)

    def importance(self, X: Any, y: Any, sample_weight: Any = None, **options: Any) -> Importance:
        """Measure how much `score` falls when a column is permuted; see `DNNClassifier.importance`.

        `single(column).importance(X, y[column])` is that of one column of y.

        Args:
            X: table of `(rows, columns)`, preferably rows that `fit` has not seen.
            y: DataFrame of `(rows, heads)`, or dict of its columns, as in `fit`.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.
            **options: `scoring`, `repeats`, `confidence` and `seed`, as in
                `DNNClassifier.importance`.

        Returns:
            `Importance`.
        """
        return super().importance(X, self._as_y(y), sample_weight, **options)

    def explain(self, X: Any, **options: Any) -> Any:
        """Raise an error: attributions are of one column. Use `single(column).explain(X)`.

        Args:
            X: not used.
            **options: not used.

        Raises:
            ValueError: always.
        """
        raise self._for_single("explain")

    def export(self, path: Any, format: str = "numpy") -> Any:
        """Raise an error: an export has one column. Use `single(column).export(path, format)`.

        Args:
            path: not used.
            format: not used.

        Raises:
            ValueError: always.
        """
        raise self._for_single("export")

    def predict_to(self, X: Any, path: Any, copy: Sequence[str] = ()) -> int:
        """Raise an error: a file has one column. Use `single(column).predict_to(X, path)`.

        Args:
            X: not used.
            path: not used.
            copy: not used.

        Raises:
            ValueError: always.
        """
        raise self._for_single("predict_to")

    def _rows_to_draw(self, method, X, y, *kinds):
        raise self._for_single(method)

    def _for_single(self, method):
        check_is_fitted(self)
        return ValueError(
            f"{method}() needs one column of y; the estimator has {quoted_list(self.columns_)}. "
            f"Call model.single({self.columns_[0]!r}).{method}(...)."
        )


def check_in_memory(X):
    """Reject a table that is read in parts: its classes and units are found for one column of y."""
    if is_source(X):
        remedy = "Read it first, such as pd.read_parquet(path). Of a larger table, fit a "
        remedy += "`DNNClassifier` or `DNNRegressor` for each column of y, which read it in parts."
        raise invalid("X", "must be a table in memory for several heads", X, remedy)


def kind_of(target):
    """The estimator of one column."""
    return DNNClassifier if hasattr(target, "classes") else DNNRegressor
