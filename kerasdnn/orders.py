"""The order in which an epoch visits the rows."""

import numpy as np


def epoch_order(seed, iteration, n_rows):
    """A permutation of the rows that depends on nothing else than its arguments.

    Args:
        seed: int, the network's seed.
        iteration: the optimizer's step count at the start of the epoch, so that a resumed
            training sees the orders that the uninterrupted one would have seen.
        n_rows: number of training rows.

    Returns:
        int32 (n_rows,).
    """
    return np.random.default_rng([seed, iteration]).permutation(n_rows).astype("int32")
