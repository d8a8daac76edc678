"""`DNNClassifier` and `DNNRegressor`: a table in, labels out, as scikit-learn estimators.

`estimators` has the two, `base` what they share, `fit` what fitting is, `training` how its networks
are trained, `continuing` further passes over new rows, `presets` named sets of hyperparameters,
`ranges` those that are drawn for each network of an average, `realmlp` the network of RealMLP,
`tabm` that of TabM, `preset_parts` what both have in common, `ensemble` the members of an estimator
and their average, `files` the file of an estimator.
"""

from .estimators import DNNClassifier as DNNClassifier
from .estimators import DNNRegressor as DNNRegressor
from .files.archive import load as load
