"""Which learning rate? A short run in which the rate grows with every step says it."""

import keras
import numpy as np
import pandas as pd

from ..checks.fit import check_data
from ..core import keras_internals
from ..core.arguments import check_integer, check_positive

SMOOTHING = 0.9  # weight of the past in the running mean of the losses
LOST = 4.0  # times the lowest loss at which the run stops


def rate_range_test(network, X, y, *, lowest=1e-6, highest=10.0, steps=100, batch_size=32, seed=0):
    """Loss against learning rate, from one run whose rate grows by the same factor every step.

    The network comes out as it went in: weights, state of the optimizer, learning rate.

    Args:
        network: built and compiled Keras model whose learning rate is a number.
        X: `(rows, features)`.
        y: as in `fit`.
        lowest, highest: floats above 0, the rates at the ends. The run stops early where the loss
            leaves all bounds.
        steps: int, how many steps.
        batch_size: int, rows per step.
        seed: int, which rows.

    Returns:
        `(table, suggested)`: DataFrame with "learning_rate", "loss" and "smoothed" (running mean
        of weight 0.9, without bias), a row per step; and a tenth of the rate at which the smoothed
        loss is lowest, which is usually near the largest one that works.
        `plots.learning_rate_range(table, suggested)` draws them.

    Raises:
        ValueError: X or y are none that `evaluate` would take, the learning rate is a schedule,
            or `lowest` is not below `highest`.

    Reference:
        Smith, Cyclical learning rates for training neural networks, 2017.
    """
    lowest, highest = check_positive("lowest", lowest), check_positive("highest", highest)
    steps, batch_size = check_integer("steps", steps, 10), check_integer("batch_size", batch_size)
    if lowest >= highest:
        raise ValueError(
            f"`lowest` must be below `highest`. Received: lowest={lowest}, highest={highest}."
        )
    optimizer = network.optimizer
    rate = keras_internals.learning_rate_of(optimizer)
    if not isinstance(rate, keras.Variable):
        raise ValueError(
            "The network's learning rate must be a number, which the test can change. Received: "
            f"{type(rate).__name__}. Compile it with a number."
        )
    check_data(network, X, y, what=("X", "y", ""), training=False)
    x, y = np.asarray(X, dtype="float32"), np.asarray(y)
    if not optimizer.built:
        optimizer.build(network.trainable_variables)
    variables = [*network.variables, *optimizer.variables]
    kept = [np.array(keras.ops.convert_to_numpy(v)) for v in variables]
    rng, rows, mean, lowest_mean = np.random.default_rng(seed), [], 0.0, np.inf
    try:
        for step, rate in enumerate(np.geomspace(lowest, highest, steps)):
            optimizer.learning_rate = rate
            chosen = rng.choice(len(x), min(batch_size, len(x)), replace=False)
            loss = float(network.train_on_batch(x[chosen], y[chosen], return_dict=True)["loss"])
            network.reset_metrics()
            mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
            smoothed = mean / (1 - SMOOTHING ** (step + 1))
            rows.append((rate, loss, smoothed))
            if not np.isfinite(loss) or smoothed > LOST * lowest_mean > 0:
                break
            lowest_mean = min(lowest_mean, smoothed)
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
    table = pd.DataFrame(rows, columns=["learning_rate", "loss", "smoothed"])
    best = table["smoothed"].idxmin()
    return table, float(table["learning_rate"][best]) / 10
