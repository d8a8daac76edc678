"""`DNNMultiOutput`: several columns of different kinds, predicted by one network.

`estimator` has the estimator, `single` makes one column of it an estimator of its own.
"""

from .estimator import DNNMultiOutput as DNNMultiOutput
