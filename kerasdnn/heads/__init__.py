"""Problem types: the output layer, loss, metrics and label rule of each, one row of `HEADS`.

`head` says what a problem type consists of, `problem_types` is the table `HEADS` and a problem with
its sizes, `numbers` and `mixed` make the heads of regressors and of several columns. `loss_names`
reads `loss=`, `loss` computes the loss of a head, `metrics` makes its metrics and knows which of
their values are better, `priors` the initial output bias, `pickling` copies and pickles heads.
"""

from .head import Head as Head
from .head import Heads as Heads
from .head import Metric as Metric
from .head import Metrics as Metrics
from .head import Part as Part
from .head import Values as Values
from .loss import with_loss as with_loss
from .mixed import mixed_head as mixed_head
from .numbers import quantile_head as quantile_head
from .pickling import made_by as made_by
from .problem_types import HEADS as HEADS
from .problem_types import Problem as Problem
from .problem_types import head_of as head_of
from .problem_types import make_problem as make_problem
