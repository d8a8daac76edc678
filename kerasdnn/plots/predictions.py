"""Plots that evaluate predictions on a test set: errors, thresholds, calibration."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from sklearn import metrics
from sklearn.calibration import calibration_curve

from .comparisons import heat_map
from .styles import REFERENCE, plot, series

MAX_WRITTEN_CLASSES = 12  # with more, a cell has no room for its numbers
JITTER_SEED = 0


def confusion_matrix(
    y: ArrayLike,
    predicted: ArrayLike,
    labels: Sequence | None = None,
    *,
    title: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the fraction of each true class that was predicted as each class; rows sum to 1.

    Args:
        y: array `(rows,)`, the true labels.
        predicted: array `(rows,)`, the predicted labels.
        labels: list, the classes in order. None means those that occur, sorted.
        title: str. None means no title.
        ax: matplotlib axes to draw on. None means a new figure.

    Returns:
        The matplotlib axes.

    Example:
        from kerasdnn import plots

        ax = plots.confusion_matrix(["no", "yes", "yes"], ["no", "yes", "no"])
    """
    if labels is None:
        labels = np.unique(np.concatenate([y, predicted])).tolist()
    counts = metrics.confusion_matrix(y, predicted, labels=labels)
    rows = counts.sum(axis=1)
    fractions = counts / np.maximum(rows[:, None], 1)
    names = [str(label)[:18] for label in labels]
    few = len(names) <= MAX_WRITTEN_CLASSES
    cells = zip(fractions.ravel(), counts.ravel(), strict=True)
    texts = np.reshape([f"{part:.2f}\n({count:,})" for part, count in cells], counts.shape)
    ax = heat_map(
        fractions,
        [f"{name} ({n:,})" for name, n in zip(names, rows, strict=True)],
        label="fraction of the true class",
        xlabel="predicted class",
        ylabel="true class (rows)",
        column_names=names,
        limits=(0, 1),
        form=texts if few else None,
        title=title,
        ax=ax,
    )
    if max(map(len, names)) * len(names) > 40:
        ax.tick_params(axis="x", rotation=45 if few else 90)
    return ax


@plot(width=5.4, height=5.0)
def roc_curves(ax: Axes, y: ArrayLike, scores: dict[str, ArrayLike]) -> None:
    """Draw the true positive rate against the false positive rate over all thresholds.

    Args:
        y: array `(rows,)` of 0 and 1.
        scores: dict of name to array `(rows,)`, higher for 1.

    Example:
        from kerasdnn import plots

        ax = plots.roc_curves([0, 1, 1, 0], {"network": [0.2, 0.9, 0.6, 0.7]})
    """
    for index, (name, score) in enumerate(scores.items()):
        false, true, _ = metrics.roc_curve(y, score)
        area = metrics.roc_auc_score(y, score)
        _curve(ax, false, true, f"{name}, AUC {area:.3f}", index)
    ax.plot([0, 1], [0, 1], **REFERENCE, label="chance, AUC 0.5")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", box_aspect=1)
    ax.legend(loc="lower right")


@plot(width=5.4, height=5.0)
def precision_recall_curves(ax: Axes, y: ArrayLike, scores: dict[str, ArrayLike]) -> None:
    """Draw precision against recall over all thresholds, with the average precision.

    Args:
        y: array `(rows,)` of 0 and 1.
        scores: dict of name to array `(rows,)`, higher for 1.

    Example:
        from kerasdnn import plots

        ax = plots.precision_recall_curves([0, 1, 1, 0], {"network": [0.2, 0.9, 0.6, 0.7]})
    """
    for index, (name, score) in enumerate(scores.items()):
        precision, recall, _ = metrics.precision_recall_curve(y, score)
        average = metrics.average_precision_score(y, score)
        _curve(ax, recall, precision, f"{name}, average {average:.3f}", index, drawstyle="steps")
    positive = float(np.mean(np.asarray(y)))
    ax.axhline(positive, **REFERENCE, label=f"chance, {positive:.3f}")
    ax.set(xlabel="recall", ylabel="precision", ylim=(None, 1.02), box_aspect=1)
    ax.legend(loc="best")


@plot(width=5.4, height=5.0)
def calibration_curves(
    ax: Axes, y: ArrayLike, probabilities: dict[str, ArrayLike], *, bins: int = 10
) -> None:
    """Draw the observed frequency of class 1 against its predicted probability.

    A perfectly calibrated model lies on the diagonal.

    Args:
        y: array `(rows,)` of 0 and 1.
        probabilities: dict of name to array `(rows,)`, predicted probabilities of 1.
        bins: int, number of groups of equally many rows, 10 by default.

    Example:
        from kerasdnn import plots

        ax = plots.calibration_curves([0, 1, 1, 0], {"network": [0.2, 0.9, 0.6, 0.7]}, bins=2)
    """
    for index, (name, probability) in enumerate(probabilities.items()):
        observed, mean = calibration_curve(y, probability, n_bins=bins, strategy="quantile")
        brier = metrics.brier_score_loss(y, probability)
        ax.plot(mean, observed, label=f"{name}, Brier score {brier:.3f}", **series(index))
    ax.plot([0, 1], [0, 1], **REFERENCE, label="perfectly calibrated")
    ax.set(xlabel="mean predicted probability", ylabel="fraction of positives", box_aspect=1)
    ax.legend(loc="best")


@plot(width=8.4, height=3.8)
def residuals(ax: Axes, y: ArrayLike, predicted: ArrayLike, *, unit: str = "target") -> None:
    """Draw truth minus prediction against the prediction, one dot per row.

    Args:
        y: float array `(rows,)`, the truth.
        predicted: float array `(rows,)`, the predictions, in the units of y.
        unit: str, what y measures, "target" by default.

    Example:
        from kerasdnn import plots

        ax = plots.residuals([1.0, 2.0, 4.0], [1.2, 1.9, 3.5], unit="price, EUR")
    """
    y, predicted = np.asarray(y, float), np.asarray(predicted, float)
    errors = y - predicted
    _scatter(ax, predicted, errors)
    ax.axhline(0, color="#333333", lw=1)
    order = np.argsort(predicted)
    parts = [part for part in np.array_split(order, min(12, max(1, len(y) // 20))) if len(part)]
    centers = [predicted[part].mean() for part in parts]
    means = [errors[part].mean() for part in parts]
    ax.plot(centers, means, label="mean of neighboring rows", **series(1))
    ax.set(xlabel=f"predicted {unit}", ylabel=f"true minus predicted {unit}")
    ax.legend(loc="best")


@plot(width=5.4, height=5.0)
def predicted_against_true(
    ax: Axes, y: ArrayLike, predicted: ArrayLike, *, unit: str = "target"
) -> None:
    """Draw prediction against truth, one dot per row; perfect predictions lie on the diagonal.

    If all truths are integers, the dots are shifted sideways at random by up to 0.3, so that they
    do not cover each other.

    Args:
        y: float array `(rows,)`, the truth.
        predicted: float array `(rows,)`, the predictions, in the units of y.
        unit: str, what y measures, "target" by default.

    Example:
        from kerasdnn import plots

        ax = plots.predicted_against_true([1.0, 2.0, 4.0], [1.2, 1.9, 3.5], unit="price, EUR")
    """
    y, predicted = np.asarray(y, float), np.asarray(predicted, float)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    whole = (y % 1 == 0).all()
    jitter = np.random.default_rng(JITTER_SEED).uniform(-0.3, 0.3, len(y)) if whole else 0.0
    _scatter(ax, y + jitter, predicted)
    error = np.abs(y - predicted).mean()
    label = f"perfect prediction\n(here: mean absolute error {error:.3g})"
    ax.plot(ends, ends, **REFERENCE | {"color": "#333333"}, label=label)
    ax.set(xlabel=f"true {unit}", ylabel=f"predicted {unit}", box_aspect=1)
    ax.legend(loc="upper left")


def _scatter(ax, x, y):
    ax.scatter(x, y, s=10, alpha=min(1.0, 300 / len(y) + 0.1), color=series(0)["color"])
    ax.locator_params(axis="x", nbins=6)


def _curve(ax, x, y, label, index, **arguments):
    every = max(1, len(x) // 6)
    marks = (every * index // 8, every)
    ax.plot(x, y, label=label, markevery=marks, **series(index), **arguments)
