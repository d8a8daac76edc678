"""The earlier place of `kerasdnn.estimators.files.archive`."""

from .estimators.files.archive import load as load
from .estimators.files.archive import to_json as to_json
