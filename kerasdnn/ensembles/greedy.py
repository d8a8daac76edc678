"""Select an ensemble greedily from predictions on the validation set, while networks train.

Forward selection: start from the best entry, and add the entry whose inclusion gives the best score
of the mean of the predictions, as long as the score improves. An entry is a network at the end of
an epoch. After each epoch the pool has the entries of the present ensemble, the best epoch of every
network, and the latest one of those that train; its selection replaces the present ensemble where
it scores better.

Sources: Caruana et al., Ensemble selection from libraries of models, 2004. TabPack, 2026
(arXiv:2607.05380), which selects in every epoch.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..heads import Head
from ..population.forward import loss_by_row


class Entry(NamedTuple):
    """A network at the end of an epoch; `prediction`: (rows, outputs) of the validation set."""

    member: int
    epoch: int
    prediction: np.ndarray

    @property
    def key(self):
        return self.member, self.epoch


def select(predictions: np.ndarray, score: Callable, limit: int) -> tuple[list[int], float]:
    """Select entries, each at most once.

    Args:
        predictions: (entries, rows, outputs).
        score: function of predictions (n, rows, outputs) that returns n numbers; less is better.
        limit: int, at least 1: the most entries.

    Returns:
        Positions in the order of selection, and the score of their mean.
    """
    chosen: list[int] = []
    best = np.inf
    total = np.zeros_like(predictions[0])
    left = list(range(len(predictions)))
    while left and len(chosen) < limit:
        scores = score((total + predictions[left]) / (len(chosen) + 1))
        k = int(np.argmin(np.where(np.isnan(scores), np.inf, scores)))
        if not scores[k] < best:
            break
        best = float(scores[k])
        total = total + predictions[left[k]]
        chosen.append(left.pop(k))
    return chosen, best


def scorer(head: Head, y: np.ndarray, weights: np.ndarray | None, monitor: str | None) -> Callable:
    """Return a function from predictions (n, rows, outputs) to n scores; less is better.

    Args:
        head: `Head` with a row-wise loss.
        y: as the network takes it.
        weights: (rows,). None means 1 for every row.
        monitor: "accuracy", or "binary_accuracy" of several labels, scores by the fraction of
            wrong rows (labels), and equal fractions by the loss; None by the loss.
    """
    indices = head.per_class and not head.one_hot
    y = y.reshape(-1).astype("int32") if indices else y.reshape(len(y), -1).astype("float32")
    loss = loss_by_row(head)

    def losses(p):
        # One long table: not every loss of Keras takes a third axis.
        truth = np.tile(y, len(p) if indices else (len(p), 1))
        rows = np.asarray(loss(truth, p.reshape(-1, p.shape[-1])))
        return np.average(rows.reshape(len(p), len(y)), axis=1, weights=weights)

    def errors(p):
        if head.per_class and p.shape[-1] > 1:
            wrong = p.argmax(-1) != (y if indices else y.argmax(1))
        else:
            wrong = ((p > 0.5) != (y.reshape(len(y), -1) > 0.5)).mean(-1)
        return np.average(wrong, axis=1, weights=weights)

    if monitor is None:
        return losses
    return lambda p: errors(p) + 1e-6 * np.minimum(losses(p), 100.0)
