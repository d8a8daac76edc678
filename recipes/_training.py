"""What the comparing recipes share: a network that is trained repeatedly, baselines, sentences."""

import time
import warnings

import numpy as np


class Trainer:
    """A network that is compiled once and trained repeatedly, each time from new weights.

    Args:
        table: `_tables.Table`.
        settings: arguments of `build_classifier` or `build_regressor`.
    """

    def __init__(self, table, **settings):
        self.table, self.settings = table, settings
        self.network = self._build(seed=0)
        self.network.optimizer.build(self.network.trainable_variables)
        self._state = [v.numpy() for v in self.network.optimizer.variables]

    def _build(self, seed):
        import kerasdnn

        features = self.table.X.shape[1]
        if self.table.problem == "regression":
            return kerasdnn.build_regressor(features, metrics=["mae"], seed=seed, **self.settings)
        classes = len(np.unique(self.table.y))
        return kerasdnn.build_classifier(
            features, classes, metrics=["accuracy"], seed=seed, **self.settings
        )

    def first_weights(self, seed):
        """The initial weights of a network built with this seed."""
        return self._build(seed).get_weights()

    def reset(self, weights, rate, seed):
        """Reset the network as if it had just been built with these arguments."""
        self.network.set_weights(weights)
        for variable, value in zip(self.network.optimizer.variables, self._state, strict=True):
            variable.assign(value)
        self.network.optimizer.learning_rate = rate
        self.network.seed = seed

    def run(self, rows, weights, rate, seed, epochs, batch_size=32, **fit):
        """Train from scratch. Returns validation losses and metrics per epoch, and seconds."""
        self.reset(weights, rate, seed)
        began = time.perf_counter()
        with warnings.catch_warnings():  # a rate that diverges is part of the comparison
            warnings.filterwarnings("ignore", "The loss became")
            history = self.network.fit(
                rows.x, rows.y, validation_data=(rows.x_valid, rows.y_valid),
                batch_size=batch_size, epochs=epochs, verbose=0, **fit,
            ).history  # fmt: skip
        seconds = time.perf_counter() - began
        metric = "val_mae" if self.table.problem == "regression" else "val_accuracy"
        return np.array(history["val_loss"]), np.array(history[metric]), seconds


def best_rate(rates, losses_of):
    """The learning rate whose runs end with the lowest mean loss; a run that diverged is worst.

    Args:
        rates: list of float.
        losses_of: function of a rate that returns the final validation loss of each of its runs.
    """
    cost = {rate: np.mean(np.nan_to_num(losses_of(rate), nan=np.inf)) for rate in rates}
    return min(cost, key=cost.get)


def baseline(table, rows):
    """Loss, metric and seconds of the linear baseline on the same rows."""
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from sklearn.metrics import log_loss

    began = time.perf_counter()
    if table.problem == "regression":
        model = LinearRegression().fit(rows.x, rows.y)
        error = model.predict(rows.x_valid) - rows.y_valid
        return (error**2).mean(), abs(error).mean(), time.perf_counter() - began
    model = LogisticRegression(max_iter=2000).fit(rows.x, rows.y)
    seconds = time.perf_counter() - began
    loss = log_loss(rows.y_valid, model.predict_proba(rows.x_valid), labels=model.classes_)
    return loss, model.score(rows.x_valid, rows.y_valid), seconds


def baseline_name(table):
    return "linear regression" if table.problem == "regression" else "logistic regression"


def constant_loss(table):
    """Loss of the constant baseline: the mean of a standardized target, or class frequencies."""
    if table.problem == "regression":
        return 1.0
    frequency = np.bincount(table.y) / len(table.y)
    return -(frequency * np.log(frequency)).sum()


def paired(ours, theirs):
    """As text: how much higher or lower their losses are, paired by seed on the same rows."""
    from kerasdnn.core.statistics import mean_interval

    gap, half_width = mean_interval(theirs - ours)
    side = "higher" if gap > 0 else "lower"
    if np.isnan(half_width):
        return f"{side} by {abs(gap):.4f}, with one seed only"
    clear = "" if abs(gap) > half_width else ", not significant"
    return f"{side} by {abs(gap):.4f}, 95% CI ±{half_width:.4f}{clear}"


def dead_fraction(network, x):
    """Fraction of the units of each hidden layer whose output is positive for no row."""
    fractions = []
    for layer in network.layers[:-1]:
        x = layer(x)
        fractions.append(float(np.mean(np.max(x, axis=0) <= 0)))
    return fractions
