"""Layers, losses, schedules and update rules that work in any Keras model, on any backend.

`average` averages networks, `batch_ensemble` contains the layers of TabM, `embedding` embeds
categories, `numeric_embeddings` embeds numbers by piecewise-linear functions and cosines,
`realmlp_layers` contains the layers of RealMLP, `losses` cross-entropy of class indices with label
smoothing, the asymmetric loss, the Gamma deviance, Huber's loss and what several heads need,
`quantiles` the pinball loss of quantiles that never cross, `distributions` ordered classes, normal
and negative binomial outputs, `skip` residual layers and wide & deep networks, `schedules`
learning-rate schedules, `group_adam` an optimizer with groups of variables, and `update_rules` the
update rules as pure functions.
"""

from .average import AverageOf as AverageOf
from .batch_ensemble import BatchEnsembleDense as BatchEnsembleDense
from .batch_ensemble import MeanOfMembers as MeanOfMembers
from .batch_ensemble import MemberDense as MemberDense
from .batch_ensemble import MemberLoss as MemberLoss
from .batch_ensemble import MemberMetric as MemberMetric
from .batch_ensemble import MemberScale as MemberScale
from .distributions import NegativeBinomialLikelihood as NegativeBinomialLikelihood
from .distributions import NormalLikelihood as NormalLikelihood
from .distributions import OrdinalOutput as OrdinalOutput
from .embedding import EmbedCategories as EmbedCategories
from .group_adam import GroupAdam as GroupAdam
from .losses import AsymmetricLoss as AsymmetricLoss
from .losses import GammaDeviance as GammaDeviance
from .losses import Huber as Huber
from .losses import MixedActivation as MixedActivation
from .losses import MixedLoss as MixedLoss
from .losses import OneHotLoss as OneHotLoss
from .losses import PartLoss as PartLoss
from .losses import PartMetric as PartMetric
from .losses import SmoothedSparseCategoricalCrossentropy as SmoothedSparseCategoricalCrossentropy
from .numeric_embeddings import CosineEmbedding as CosineEmbedding
from .numeric_embeddings import PiecewiseLinearEmbedding as PiecewiseLinearEmbedding
from .numeric_embeddings import quantile_edges as quantile_edges
from .quantiles import QuantileLoss as QuantileLoss
from .quantiles import increasing as increasing
from .realmlp_layers import NTKDense as NTKDense
from .realmlp_layers import ParametricActivation as ParametricActivation
from .realmlp_layers import PeriodicEmbedding as PeriodicEmbedding
from .realmlp_layers import Scale as Scale
from .realmlp_layers import ScheduledDropout as ScheduledDropout
from .schedules import CosLog as CosLog
from .schedules import FlatCos as FlatCos
from .schedules import NamedSchedule as NamedSchedule
from .skip import Residual as Residual
from .skip import WideAndDeep as WideAndDeep
