"""Train many networks in one compiled function.

`population` has `Population`. `members` reads the hyperparameters of a member, `member_rows` its
rows, `optimizer_rules` its optimizer; `plan` groups members, `stack` holds one group on the device
and `stack_manager` all of them; `forward` and `train_steps` compute, `metrics` evaluates, `history`
records epochs and applies early stopping, `member_state` saves.
"""

from .population import Population as Population
