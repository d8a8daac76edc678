"""Problem types: the output layer, loss, metrics and label rule of each, one row of `HEADS`.

`head` says what a problem type consists of, `problem_types` is the table `HEADS` and a problem with
its sizes, `numbers` and `mixed` make the heads of regressors and of several columns. `loss_names`
reads `loss=`, `loss` computes the loss of a head, `metrics` makes its metrics and knows which of
their values are better, `priors` the initial output bias, `pickling` copies and pickles heads.
"""

from . import pickling as _pickling  # noqa: F401  # tells `pickle` how to write a head
from .head import Head as Head
from .head import Metric as Metric
from .head import Values as Values
from .problem_types import HEADS as HEADS
