"""Explain what a fitted estimator predicts, and by which columns of the table.

`columns` maps the encoder's matrix back to the columns of the table, `paths` differentiates a
network along lines between two rows, `attributions` divides a prediction among the columns,
`importance` measures what a column contributes to the score. `methods` are those of the estimators,
`summary` describes a fitted one. Partial dependence needs nothing here: scikit-learn's
`PartialDependenceDisplay.from_estimator` accepts the estimators.
"""

from .attributions import Explanation as Explanation
from .importance import Importance as Importance
from .summary import Summary as Summary
