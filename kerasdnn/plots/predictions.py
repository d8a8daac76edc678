"""Pictures that judge predictions on rows held back: which errors, at which threshold, how sure."""

import numpy as np
from sklearn import metrics
from sklearn.calibration import calibration_curve

from .comparisons import heat_map
from .styles import picture, series

MANY_CLASSES = 12  # beyond this a cell has no room for its number


def confusion_matrix(y, predicted, labels=None, *, title=None, ax=None):
    """Share of each true class that was answered with each class; rows sum to 1.

    Args:
        y, predicted: labels, shape `(rows,)`.
        labels: the classes in order; those found where None.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    labels = np.unique(np.concatenate([y, predicted])) if labels is None else labels
    counts = metrics.confusion_matrix(y, predicted, labels=labels)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    names = [str(label)[:18] for label in labels]
    few = len(names) <= MANY_CLASSES
    ax = heat_map(
        share,
        [f"{name} ({n:,})" for name, n in zip(names, counts.sum(axis=1), strict=True)],
        label="share of the true class",
        xlabel="predicted class",
        ylabel="true class (rows)",
        column_names=names,
        limits=(0, 1),
        form="{:.2f}" if few else None,
        title=title,
        ax=ax,
    )
    if max(map(len, names)) * len(names) > 40:
        ax.tick_params(axis="x", rotation=45 if few else 90)
    return ax


@picture()
def roc_curves(y, scores, *, title=None, ax):
    """True positives against false positives over all thresholds, with the area under each curve.

    Args:
        y: 0 or 1, shape `(rows,)`.
        scores: dict of name to scores, shape `(rows,)`, higher for 1.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    for index, (name, score) in enumerate(scores.items()):
        false, true, _ = metrics.roc_curve(y, score)
        area = metrics.roc_auc_score(y, score)
        _curve(ax, false, true, f"{name}, area {area:.3f}", index)
    ax.plot([0, 1], [0, 1], color="#555555", lw=1, ls=(0, (2, 2)), label="chance, area 0.5")
    ax.set(xlabel="false positive rate", ylabel="true positive rate", title=title)
    ax.legend(loc="lower right")


@picture()
def precision_recall_curves(y, scores, *, title=None, ax):
    """Precision against recall over all thresholds, with the average precision of each.

    Arguments and result as `roc_curves`.
    """
    for index, (name, score) in enumerate(scores.items()):
        precision, recall, _ = metrics.precision_recall_curve(y, score)
        average = metrics.average_precision_score(y, score)
        _curve(ax, recall, precision, f"{name}, average {average:.3f}", index, drawstyle="steps")
    share = float(np.mean(y))
    ax.axhline(share, color="#555555", lw=1, ls=(0, (2, 2)), label=f"chance, {share:.3f}")
    ax.set(xlabel="recall", ylabel="precision", title=title, ylim=(None, 1.02))
    ax.legend(loc="best")


@picture()
def calibration_curves(y, probabilities, *, bins=10, title=None, ax):
    """How often the answer was right among rows given each probability; the diagonal is honest.

    Args:
        y: 0 or 1, shape `(rows,)`.
        probabilities: dict of name to probabilities of 1, shape `(rows,)`.
        bins: int, groups of equally many rows.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    for index, (name, probability) in enumerate(probabilities.items()):
        seen, said = calibration_curve(y, probability, n_bins=bins, strategy="quantile")
        brier = metrics.brier_score_loss(y, probability)
        ax.plot(said, seen, label=f"{name}, Brier score {brier:.3f}", **series(index))
    ax.plot([0, 1], [0, 1], color="#555555", lw=1, ls=(0, (2, 2)), label="honest")
    ax.set(xlabel="probability said", ylabel="share that came true", title=title)
    ax.legend(loc="best")


@picture(width=8.4, height=3.8)
def residuals(y, predicted, *, unit="target", title=None, ax):
    """Truth minus prediction against the prediction, one dot per row.

    Args:
        y, predicted: floats, shape `(rows,)`.
        unit: str, what y measures.
        ax: axes to draw on; a new figure where None.

    Returns:
        The axes.
    """
    y, predicted = np.asarray(y, float), np.asarray(predicted, float)
    errors = y - predicted
    ax.scatter(
        predicted, errors, s=10, alpha=min(1.0, 300 / len(y) + 0.1), color=series(0)["color"]
    )
    ax.axhline(0, color="#333333", lw=1)
    order = np.argsort(predicted)
    parts = [part for part in np.array_split(order, min(12, max(1, len(y) // 20))) if len(part)]
    middles = [predicted[part].mean() for part in parts]
    means = [errors[part].mean() for part in parts]
    ax.plot(middles, means, label="mean of neighbouring rows", **series(1))
    ax.set(xlabel=f"predicted {unit}", ylabel=f"true minus predicted {unit}", title=title)
    ax.legend(loc="best")


@picture(width=5.4, height=4.6)
def predicted_against_true(y, predicted, *, unit="target", title=None, ax):
    """Prediction against truth, one dot per row; a perfect one lies on the diagonal.

    Arguments and result as `residuals`.
    """
    y, predicted = np.asarray(y, float), np.asarray(predicted, float)
    ends = [min(y.min(), predicted.min()), max(y.max(), predicted.max())]
    ax.scatter(y, predicted, s=10, alpha=min(1.0, 300 / len(y) + 0.1), color=series(0)["color"])
    ax.plot(ends, ends, color="#333333", lw=1, ls=(0, (2, 2)))
    ax.set(xlabel=f"true {unit}", ylabel=f"predicted {unit}", title=title)


def _curve(ax, x, y, label, index, **arguments):
    look = series(index)
    points = max(1, len(x) // 6)
    ax.plot(x, y, label=label, markevery=(points * index // 8, points), **look, **arguments)
