"""Learning-rate range test: train briefly while the learning rate increases."""

import keras
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ..checks.fit import check_data
from ..core import keras_internals
from ..core.arguments import check_integer, check_positive

SMOOTHING = 0.9  # weight of the past in the running mean of the losses
STOP_FACTOR = 4.0  # times the lowest smoothed loss at which the test stops


def rate_range_test(
    network: keras.Model,
    X: ArrayLike | pd.DataFrame,
    y: ArrayLike,
    *,
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int = 0,
) -> tuple[pd.DataFrame, float]:
    """Measure the loss while the learning rate grows by the same factor every step.

    Afterwards the network has its earlier weights, optimizer state and learning rate.

    Args:
        network: built and compiled Keras model whose learning rate is a number.
        X: array `(rows, features)`.
        y: array `(rows,)` or `(rows, outputs)`, as in `fit`.
        lowest: positive float, the first learning rate. Default: 1e-6.
        highest: positive float, the last learning rate; the test stops early if the loss diverges.
            Default: 10.
        steps: int, at least 10, number of training steps, 100 by default.
        batch_size: int, at least 1, rows per step, 32 by default.
        seed: int, selects the rows of each step, 0 by default.

    Returns:
        `(table, suggested)`: a DataFrame with a row per step and the columns "learning_rate",
        "loss" and "smoothed" (bias-corrected running mean, weight 0.9), and a float: one tenth of
        the rate with the lowest smoothed loss, which is usually close to the largest rate that
        works. `plots.learning_rate_range(table, suggested)` draws them.

    Raises:
        ValueError: X or y is invalid, the learning rate is a schedule, or `lowest` is not below
            `highest`.

    Reference:
        Smith, Cyclical learning rates for training neural networks, 2017,
        https://arxiv.org/abs/1506.01186

    Example:
        import kerasdnn
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
        network = kerasdnn.build_classifier(64, 10, optimizer="nag", seed=0)
        table, suggested = kerasdnn.rate_range_test(network, X / 16, y)
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
            "The learning rate of `network` must be a number, not a schedule. Received: "
            f"a {type(rate).__name__}. Compile the network with a number."
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
            if not np.isfinite(loss) or smoothed > STOP_FACTOR * lowest_mean > 0:
                break
            lowest_mean = min(lowest_mean, smoothed)
    finally:
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)
    table = pd.DataFrame(rows, columns=["learning_rate", "loss", "smoothed"])
    return table, float(table["learning_rate"][table["smoothed"].idxmin()]) / 10
