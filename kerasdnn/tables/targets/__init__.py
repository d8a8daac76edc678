"""Encode targets for training and decode predictions.

`reading` reads y; `classes`, `numbers` and `mixed` contain its targets:

    ClassTarget     one class per row                labels to 0..K-1
    LabelTarget     several labels per row           columns of 0 and 1
    NumberTarget    numbers, one or several columns  standardized, (y - mean) / standard deviation
                    their logarithms                 log y or log(1 + y), then standardized
                    positive numbers                 divided by their mean
                    counts                           unchanged
    MixedTarget     columns of different kinds       a target of its own for each

Each has `head` (a row of `HEADS`), `n` (classes, labels, columns), `encode`, and the prediction of
a model that knows nothing of X as `baseline`.
"""

from .classes import ClassTarget as ClassTarget
from .classes import LabelTarget as LabelTarget
from .mixed import MixedTarget as MixedTarget
from .numbers import NumberTarget as NumberTarget
