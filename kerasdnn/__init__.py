"""kerasdnn: dense networks for tables, in Keras.

The root has the thin toolkit; the rest is in sub-packages, most of which load when first used:
`import kerasdnn` takes about as long as `import keras`.
"""

import os as _os
import sys as _sys
from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

# TensorFlow otherwise takes all memory of a GPU. It reads this when a GPU is first used.
_os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

# In the command (`kerasdnn`, `python -m kerasdnn`) the toolkit, too, loads when it is first used:
# `--help` and wrong options are answered without Keras.
_PROGRAM = (_sys.argv or [""])[0]
_IS_COMMAND = _os.path.basename(_PROGRAM).lower().removesuffix(".exe") == "kerasdnn" or (
    _PROGRAM == "-m" and not {"kerasdnn", "-mkerasdnn"}.isdisjoint(_sys.orig_argv)
)

if _TYPE_CHECKING or not _IS_COMMAND:
    from . import nn as nn  # all of it: a `.keras` file finds registered classes only
    from .activations import LeakyReLU as LeakyReLU
    from .activations import leaky_relu as leaky_relu
    from .checks.fit import check_fit as check_fit
    from .core.messages import DataWarning as DataWarning
    from .factories import build_classifier as build_classifier
    from .factories import build_multi_output as build_multi_output
    from .factories import build_multilabel_classifier as build_multilabel_classifier
    from .factories import build_regressor as build_regressor
    from .heads.problem_types import HEADS as HEADS
    from .optimizers import NAG as NAG
    from .optimizers import Momentum as Momentum
    from .training.network import Network as Network

__version__ = "0.1.0"

# Public names whose module or sub-package loads when they are first used.
_LAZY = {
    "DataWarning": "core.messages",
    "HEADS": "heads.problem_types",
    "LeakyReLU": "activations",
    "Momentum": "optimizers",
    "NAG": "optimizers",
    "Network": "training.network",
    "build_classifier": "factories",
    "build_multi_output": "factories",
    "build_multilabel_classifier": "factories",
    "build_regressor": "factories",
    "check_fit": "checks.fit",
    "leaky_relu": "activations",
    "nn": None,
    "DNNClassifier": "estimators",
    "DNNMultiOutput": "multi_output",
    "DNNRegressor": "estimators",
    "Diagnostics": "diagnostics",
    "Population": "population",
    "PopulationTuner": "search",
    "TableEncoder": "tables",
    "compare": "search",
    "graphs": None,
    "health": "diagnostics",
    "hypermodel": "search",
    "load": "estimators",
    "plots": None,
    "rate_range_test": "diagnostics",
    "tune": "search",
}
_ROOMS = ("diagnostics", "estimators", "explain", "multi_output", "population", "search", "tables")

__all__ = [
    "HEADS",
    "NAG",
    "DNNClassifier",
    "DNNMultiOutput",
    "DNNRegressor",
    "DataWarning",
    "Diagnostics",
    "LeakyReLU",
    "Momentum",
    "Network",
    "Population",
    "PopulationTuner",
    "TableEncoder",
    "__version__",
    "build_classifier",
    "build_multi_output",
    "build_multilabel_classifier",
    "build_regressor",
    "check_fit",
    "compare",
    "graphs",
    "health",
    "hypermodel",
    "leaky_relu",
    "load",
    "nn",
    "plots",
    "rate_range_test",
    "tune",
]


def __getattr__(name: str) -> _Any:
    if name in _ROOMS:
        return _import_module(f".{name}", __name__)
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = _LAZY[name]
    module = _import_module(f".{room or name}", __name__)
    found = globals()[name] = getattr(module, name) if room else module
    return found


def __dir__() -> list[str]:
    return __all__
