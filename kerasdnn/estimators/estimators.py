"""DNNClassifier and DNNRegressor: a table in, labels out, as scikit-learn estimators."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from ..tables.targets import NumberTarget, learn_classes
from .archive import ESTIMATORS
from .base import ScoredByRow, TableEstimator

SMALLEST, LARGEST = float(np.finfo("float32").tiny), 1 - 2.0**-24  # of a float32 probability


class DNNClassifier(ScoredByRow, ClassifierMixin, TableEstimator):
    """A dense network that tells classes apart, from a table of any columns.

    Numbers, text, booleans and dates are taken as they are, missing values included; see
    `TableEncoder`. Labels are strings, whole numbers or booleans; y of several columns of 0 and 1
    is the multi-label problem.

    Hyperparameters that are None are the preset's, see `estimators/presets.py`.

    Args:
        preset: "realmlp" (accurate without tuning; Better by Default, 2024), "realmlp-s" (its
            simplified form), or "standard" (the plain network of `build_classifier`). None:
            "realmlp", or "standard" where a hyperparameter is given that only it has: `optimizer`,
            `momentum`, `l2`, `batch_norm`.
        hidden_units, activation, optimizer, learning_rate, momentum, dropout, l2, batch_norm,
            label_smoothing, metrics: see `build_classifier`. In "realmlp" dropout falls to 0 with
            the training.
        batch_size: rows per step, "full", or "auto": 64 to 1,024, by the number of rows.
        epochs: most passes over the rows. The schedules of "realmlp" end with the last of them.
        validation_fraction: share of the rows, drawn by class, on which each epoch is judged; 0
            for none. Tables under 50 rows are trained on all of theirs.
        early_stopping: stop after `patience` epochs without a lower loss on the held-out rows.
            The best epoch's weights are kept either way.
        patience: epochs; "realmlp" has none, and trains all epochs.
        class_weight: "balanced", or dict from label to weight; labels left out weigh 1.
        scaling, one_hot_limit: see `TableEncoder`.
        categorical: names (positions) of columns of numbers that are categories.
        columns: dict from a column's name to what it holds ("number", "date", "category", "text",
            "hash", "drop", ...), where that should not be inferred; see `TableEncoder`.
        missing_target: "error" (default) names the rows of `fit` whose target is missing, "drop"
            trains without them.
        embedding_size: length of the vector that stands for a category of many.
        numeric_embedding: "periodic", "realmlp" alone: see `PeriodicEmbedding`.
        weight_decay: float from 0, of `GroupAdam`, not in "standard".
        monitor: "loss" or "accuracy", of the rows held out: what the best epoch is the best by, and
            of equal ones by accuracy the last. For probabilities that can be trusted take "loss",
            with label_smoothing=0.
        n_members: how many networks, from seeds of their own, are trained and averaged;
            `history_` and `best_epoch_` are those of the first.
        callbacks: list of Keras callbacks.
        random_state: int, `RandomState` or None: weights, held-out rows, order of rows.
        verbose: 0 silent, 1 progress bar, 2 one line per epoch.

    Attributes:
        classes_: labels, sorted; of a multi-label problem the columns' names.
        n_features_in_, feature_names_in_: columns of X; names only where all are strings.
        network_: the trained `Network`; encoder_: the `TableEncoder` before it.
        history_: DataFrame, a row per epoch. Metrics are weighted as the rows are.
        best_epoch_: the epoch whose weights were kept, from 1.
        hyperparameters_: dict, those that were used.

    Example:
        model = DNNClassifier(random_state=0).fit(frame, labels)
        model.predict(frame.head(1))
        model.predict({"age": 41, "city": "Oslo"})       # one row
    """

    def __init__(
        self,
        preset=None,
        *,
        hidden_units=None,
        activation=None,
        optimizer=None,
        learning_rate=None,
        momentum=None,
        dropout=None,
        l2=None,
        batch_norm=None,
        label_smoothing=None,
        metrics=None,
        batch_size=None,
        epochs=None,
        validation_fraction=0.2,
        early_stopping=True,
        patience=None,
        class_weight=None,
        scaling=None,
        one_hot_limit=None,
        categorical=None,
        columns=None,
        missing_target="error",
        embedding_size=None,
        numeric_embedding=None,
        weight_decay=None,
        monitor=None,
        n_members=None,
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.preset = preset
        self.hidden_units = hidden_units
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.dropout = dropout
        self.l2 = l2
        self.batch_norm = batch_norm
        self.label_smoothing = label_smoothing
        self.metrics = metrics
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.class_weight = class_weight
        self.scaling = scaling
        self.one_hot_limit = one_hot_limit
        self.categorical = categorical
        self.columns = columns
        self.missing_target = missing_target
        self.embedding_size = embedding_size
        self.numeric_embedding = numeric_embedding
        self.weight_decay = weight_decay
        self.monitor = monitor
        self.n_members = n_members
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, validation_data=None):
        """Train on a table.

        Args:
            X: table of `(rows, columns)`; see `tables/frame.py`.
            y: labels `(rows,)`, or 0 and 1 `(rows, labels)`.
            sample_weight: `(rows,)` from 0; a weight of 0 leaves the row out.
            validation_data: `(X, y)` or `(X, y, sample_weight)` to judge epochs by, instead of a
                share of the rows.

        Raises:
            ValueError: data from which nothing right could be learned; the message names column,
                row, value and remedy. Or training diverged, and no weights are worth keeping.

        Warns:
            DataWarning: data that is legal, but a mistake more often than not.
        """
        return self._fit(X, y, sample_weight, validation_data, learn_classes)

    def take_fitted(self, fitted):
        super().take_fitted(fitted)
        self.classes_ = self.target_.classes

    def predict_proba(self, X):
        """Probability of each class, float64 `(rows, classes)`, of each label `(rows, labels)`."""
        p = self._output(X).clip(SMALLEST, LARGEST)
        if self.target_.problem == "binary":
            return np.column_stack([1 - p[:, 0], p[:, 0]])
        return p if self.target_.problem == "multilabel" else p / p.sum(axis=1, keepdims=True)

    def decision_function(self, X):
        """What is compared: above 0, or the largest, is the answer.

        The log-odds log p / (1 - p) of two classes `(rows,)` or of labels `(rows, labels)`, and
        the log-probabilities of more classes `(rows, classes)`.
        """
        p = self._output(X).clip(SMALLEST, LARGEST)
        if self.target_.problem == "multiclass":
            return np.log(p)
        odds = np.log(p) - np.log1p(-p)
        return odds[:, 0] if self.target_.problem == "binary" else odds

    def predict(self, X):
        """The most probable class `(rows,)`, or 0 and 1 of each label `(rows, labels)`."""
        p = self._output(X)
        if self.target_.problem == "multilabel":
            return (p > 0.5).astype("int64")
        if self.target_.problem == "binary":
            return self.classes_[(p[:, 0] > 0.5).astype("int64")]
        return self.classes_[p.argmax(axis=1)]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class DNNRegressor(ScoredByRow, RegressorMixin, TableEstimator):
    """A dense network that predicts numbers, from a table of any columns.

    The target is standardised for training and given back in its own units; the history is in
    standard deviations. Everything else as `DNNClassifier`, without classes.

    Args:
        target: "real" for any number, "log" for non-negative numbers that range over orders of
            magnitude (trained on the logarithm, predicts the mean), "count" for whole numbers from
            0 (Poisson loss).
        others: see `DNNClassifier`.
    """

    def __init__(
        self,
        preset=None,
        *,
        target="real",
        hidden_units=None,
        activation=None,
        optimizer=None,
        learning_rate=None,
        momentum=None,
        dropout=None,
        l2=None,
        batch_norm=None,
        metrics=None,
        batch_size=None,
        epochs=None,
        validation_fraction=0.2,
        early_stopping=True,
        patience=None,
        scaling=None,
        one_hot_limit=None,
        categorical=None,
        columns=None,
        missing_target="error",
        embedding_size=None,
        numeric_embedding=None,
        weight_decay=None,
        monitor=None,
        n_members=None,
        callbacks=None,
        random_state=None,
        verbose=0,
    ):
        self.preset = preset
        self.target = target
        self.hidden_units = hidden_units
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.dropout = dropout
        self.l2 = l2
        self.batch_norm = batch_norm
        self.metrics = metrics
        self.batch_size = batch_size
        self.epochs = epochs
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.scaling = scaling
        self.one_hot_limit = one_hot_limit
        self.categorical = categorical
        self.columns = columns
        self.missing_target = missing_target
        self.embedding_size = embedding_size
        self.numeric_embedding = numeric_embedding
        self.weight_decay = weight_decay
        self.monitor = monitor
        self.n_members = n_members
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X, y, sample_weight=None, validation_data=None):
        """Train on a table; y is `(rows,)` or `(rows, columns)`. See `DNNClassifier`."""
        make_target = NumberTarget.of(self.target)
        return self._fit(X, y, sample_weight, validation_data, make_target)

    def predict(self, X):
        """The target in its own units, float64 `(rows,)` or `(rows, columns)`."""
        output = self._output(X)
        return self.target_.from_network(output)


ESTIMATORS.update({kind.__name__: kind for kind in (DNNClassifier, DNNRegressor)})
