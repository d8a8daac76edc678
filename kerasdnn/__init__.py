"""kerasdnn: dense networks for tables, in Keras."""

from .activations import LeakyReLU as LeakyReLU
from .activations import leaky_relu as leaky_relu
from .checks import check_fit as check_fit
from .checks_words import DataWarning as DataWarning
from .comparing import compare as compare
from .diagnostics import Diagnostics as Diagnostics
from .diagnostics import health as health
from .estimators import DNNClassifier as DNNClassifier
from .estimators import DNNRegressor as DNNRegressor
from .factories import build_classifier as build_classifier
from .factories import build_multilabel_classifier as build_multilabel_classifier
from .factories import build_regressor as build_regressor
from .files import load as load
from .heads import HEADS as HEADS
from .optimizers import NAG as NAG
from .optimizers import Momentum as Momentum
from .population import Population as Population
from .population_tuner import PopulationTuner as PopulationTuner
from .rate_range import rate_range_test as rate_range_test
from .spaces import hypermodel as hypermodel
from .tables import TableEncoder as TableEncoder
from .training import Network as Network
from .tuning import tune as tune
