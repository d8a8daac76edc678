"""Checks of data and settings before training; `fit` has their rules and their order.

`values` checks numbers, `targets` y, `weights` row weights and validation data, `callbacks`
callbacks and layers, `table_columns` the columns of a table, `target_leakage` features that are the
target, `output_layer` what a network expects of y, `divergence` what training left behind,
`named_array` names rows and columns in messages.
"""

from ..core.messages import DataWarning as DataWarning
from .fit import check_data as check_data
from .fit import check_fit as check_fit
from .fit import check_rows as check_rows
from .fit import column_names as column_names
from .fit import match_columns as match_columns
