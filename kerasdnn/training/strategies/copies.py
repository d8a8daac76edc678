"""Keep the copies of a network's variables on several devices equal.

Compiled functions read and write the first copy of each variable. The others are set afterwards, so
that whoever reads the variables, also stock Keras, sees one network.
"""

import tensorflow as tf

from ...core import keras_internals


def settle_of(network):
    """Return a function that sets all copies of the variables of `network` to the first ones.

    The copies of a metric's variable are added up when they are read: the others become 0.
    """
    if keras_internals.strategy_of(network) is None:
        return nothing
    groups = [network.variables, network.metrics_variables]
    groups += [network.optimizer.variables] if network.optimizer is not None else []
    values = {id(v): v.value for group in groups for v in group}.values()
    values = [v for v in values if len(keras_internals.copies_of(v)) > 1]
    if not values:
        return nothing

    def settle():
        for value in values:
            first, *others = keras_internals.copies_of(value)
            found = first.read_value()
            if value.synchronization is tf.VariableSynchronization.ON_READ:
                found = tf.zeros_like(found)
            for copy in others:
                copy.assign(found)

    return tf.function(settle, autograph=False).get_concrete_function()


def nothing():
    """Settle a network that has one copy of each variable."""
