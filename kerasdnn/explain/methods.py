"""The methods by which an estimator explains itself and draws its errors."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ..core.messages import invalid, quoted_list, to_python
from ..core.rows import Rows
from ..tables.rows import read_table
from .attributions import Explanation, explain
from .importance import Importance, measure


class Explained:
    """What both estimators share to explain predictions and to draw how good they are."""

    target_: Any  # of a fitted estimator, as are the next
    history_: Any
    best_epoch_: int
    classes_: Any
    predict: Any
    predict_proba: Any

    def importance(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        scoring: Any = None,
        repeats: int = 30,
        confidence: float = 0.95,
        seed: int = 0,
    ) -> Importance:
        """Measure how much the score falls when a column of the table is permuted.

        Permuting a column breaks its relation to y and to the other columns. Of two columns that
        say the same, each alone therefore matters less than both. Take rows that `fit` has not
        seen: on training rows a column that was learned by heart looks important.

        Args:
            X: table of `(rows, columns)`, preferably rows that `fit` has not seen.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.
            sample_weight: float array `(rows,)`, non-negative. None means 1 for every row.
            scoring: name of a scikit-learn score such as "neg_log_loss" or "roc_auc", or a function
                of (estimator, X, y). None means `score`: accuracy of a classifier, R2 of a
                regressor, D2 of quantiles.
            repeats: int, at least 2. Each repeat permutes every column and draws rows with
                replacement. Default: 30.
            confidence: float in (0, 1), the probability that all intervals are correct.
                Default: 0.95.
            seed: int, at least 0, of the permutations and the rows drawn. Default: 0.

        Returns:
            `Importance`: a table of the columns with intervals and a verdict; it prints, and
            `plot()` draws it.

        Raises:
            ValueError: invalid data, fewer than 2 rows, an unknown score.

        Example:
            import pandas as pd
            from kerasdnn import DNNClassifier

            frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
            labels = ["yes", "no", "yes", "yes"] * 25
            model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
            print(model.importance(frame, labels, scoring="neg_log_loss", repeats=5))
        """
        check_is_fitted(self)
        return measure(
            self, Rows(X, y, sample_weight), repeats=repeats, scoring=scoring,
            confidence=confidence, seed=seed,
        )  # fmt: skip

    def explain(
        self, X: Any, *, output: Any = None, scale: str | None = None, baseline: Any = None
    ) -> Explanation:
        """Divide the prediction for each row among the columns of the table.

        The attributions are integrated gradients along the straight line from the baseline to the
        row, in the numbers that the encoder makes of the table and in the vectors of embedded
        categories. All that belongs to a column of the table is added up; a crossed column belongs
        to its sources in equal parts. Each row adds up to its prediction minus the baseline.

        Args:
            X: table, as in `fit`.
            output: what is explained. Of a classifier a class or a label; None means the second of
                two classes, and of more classes the one that is predicted for the row. Of a
                regressor the position of a column of y, or a quantile; None means the only one, and
                of quantiles the one that is nearest to the median.
            scale: "logit" (None means this) explains the log-odds log p / (1 - p) of a class or
                label, which `decision_function` returns for two classes; "probability" explains p.
                Numbers are explained in the units of y and take no scale.
            baseline: table of one or more rows to compare with, such as `X_train`; of several rows
                the mean of what the encoder makes of them. None means a row of which nothing is
                known: numbers at the mean of the training rows (with robust scaling the median),
                categories that were never seen, nothing missing.

        Returns:
            `Explanation`, which unpacks as `attributions, baseline`: a DataFrame of shape (rows,
            columns), and a Series of shape (rows,) with the prediction for the baseline.

        Raises:
            ValueError: an unknown output or scale, several columns or labels and no `output`, a
                network whose categories are not embedded by its first layer.

        Example:
            import pandas as pd
            from kerasdnn import DNNClassifier

            frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
            labels = ["yes", "no", "yes", "yes"] * 25
            model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
            attributions, baseline = model.explain(frame)
            model.explain(frame, baseline=frame).plot(row=0)

        Reference:
            Sundararajan, Taly, Yan, Axiomatic attribution for deep networks, 2017.
        """
        check_is_fitted(self)
        return explain(self, X, output, scale, baseline)

    def plot_history(self, title: str | None = None, ax: Any = None) -> Any:
        """Plot the training and the validation loss per epoch, with the epoch that was kept.

        Args:
            title: str, the title of the plot. None means no title.
            ax: matplotlib axes to draw on. None means a new figure.

        Returns:
            The matplotlib axes.
        """
        from .. import plots

        check_is_fitted(self)
        history = self.history_
        names = {"loss": "training rows", "val_loss": "validation rows"}
        curves = {
            label: history[name].to_numpy() for name, label in names.items() if name in history
        }
        positive = all((curve > 0).all() for curve in curves.values())
        ax = plots.learning_curves(curves, ylabel="loss", log_y=positive, title=title, ax=ax)
        if "val_loss" in history:
            best = self.best_epoch_
            ax.axvline(best, color="#555555", lw=1, label=f"epoch kept: {best}")
            ax.legend(loc="best")
        return ax

    def plot_confusion(self, X: Any, y: Any, title: str | None = None, ax: Any = None) -> Any:
        """Plot the fraction of each true class that was predicted as each class.

        Args:
            X: table of `(rows, columns)`, preferably rows that `fit` has not seen.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.
            title: str. None means no title.
            ax: matplotlib axes. None means a new figure.

        Returns:
            The matplotlib axes.

        Raises:
            ValueError: not a classifier of one class per row.
        """
        from .. import plots

        rows = self._rows_to_draw("plot_confusion", X, y, "class")
        classes = [to_python(label) for label in self.classes_]
        predicted = self.predict(rows.x)
        return plots.confusion_matrix(rows.y.reshape(-1), predicted, classes, title=title, ax=ax)

    def plot_calibration(
        self, X: Any, y: Any, label: Any = None, title: str | None = None, ax: Any = None
    ) -> Any:
        """Plot the observed frequency of a class against its predicted probability.

        Args:
            X: table of `(rows, columns)`, preferably rows that `fit` has not seen.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.
            label: a class, or one of several labels. None means the second of two classes.
            title: str. None names the class.
            ax: matplotlib axes. None means a new figure.

        Returns:
            The matplotlib axes.

        Raises:
            ValueError: not a classifier, an unknown label, or more than two classes without
                `label`.
        """
        from .. import plots

        rows = self._rows_to_draw("plot_calibration", X, y, "class", "labels")
        classes = [to_python(each) for each in self.classes_]
        if label is None and len(classes) == 2 and rows.y.ndim == 1:
            label = classes[1]
        if to_python(label) not in classes:
            known = f"The estimator knows {quoted_list(classes, 10)}."
            raise invalid("label", "must be a class or a label", label, known)
        position = classes.index(to_python(label))
        several = self.target_.head.kind == "labels"
        truth = rows.y[:, position] if several else rows.y.reshape(-1) == classes[position]
        probability = self.predict_proba(rows.x)[:, position]
        title = f"Calibration of {label!r}" if title is None else title
        return plots.calibration_curves(
            truth.astype("int64"), {"model": probability}, title=title, ax=ax
        )

    def plot_residuals(self, X: Any, y: Any, title: str | None = None, ax: Any = None) -> Any:
        """Plot truth minus prediction against the prediction, of quantiles that of the median.

        Args:
            X: table of `(rows, columns)`, preferably rows that `fit` has not seen.
            y: array, Series or DataFrame `(rows,)` or `(rows, outputs)`, as in `fit`.
            title: str. None means no title.
            ax: matplotlib axes. None means a new figure.

        Returns:
            The matplotlib axes.

        Raises:
            ValueError: not a regressor of one column.
        """
        from .. import plots

        rows = self._rows_to_draw("plot_residuals", X, y, "number")
        predicted = np.asarray(self.predict(rows.x))
        levels = self.target_.head.levels
        if levels:
            predicted = predicted[:, int(np.abs(np.array(levels) - 0.5).argmin())]
        truth = np.asarray(rows.y, "float64").reshape(len(rows), -1)
        if truth.shape[1] != 1:
            received = f"{truth.shape[1]} columns"
            raise invalid("y", "must have one column to draw residuals", received=received)
        return plots.residuals(truth[:, 0], predicted.reshape(-1), title=title, ax=ax)

    def _rows_to_draw(self, method, X, y, *kinds):
        """The rows to draw; the estimator must be fitted, and of one of the `kinds`."""
        check_is_fitted(self)
        if self.target_.head.kind not in kinds:
            needed = {"class": "one class per row", "number": "numbers"}[kinds[0]]
            raise ValueError(
                f"{method}() needs an estimator of {needed}, not {type(self).__name__}."
            )
        return read_table(Rows(X, y))[0]
