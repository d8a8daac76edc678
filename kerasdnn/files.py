"""The earlier place of `kerasdnn.estimators.archive`."""

from .estimators.archive import load as load
from .estimators.archive import to_json as to_json
