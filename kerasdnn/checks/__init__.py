"""Check data and settings before training; the docstring of `fit` lists all rules.

`values` checks numbers, `targets` y, `weights` row weights and validation data, `callbacks`
callbacks and layers, `table_columns` the columns of a table, `target_leakage` features that copy
the target. `output_layer` determines what a network expects of y, `divergence` detects a failed
training, and `named_array` names rows and columns in messages.
"""

from ..core.messages import DataWarning as DataWarning
from .fit import check_data as check_data
from .fit import check_fit as check_fit
from .fit import check_rows as check_rows
from .fit import column_names as column_names
from .fit import match_columns as match_columns
