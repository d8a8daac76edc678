"""Scaling of numeric columns: two statistics each, weighted, and what to do with them.

With centre m and scale s of a column,

    standard    x' = s (x - m)    m = mean      s = 1 / standard deviation
    robust      x' = s (x - m)    m = median    s = 1 / (q75 - q25), or 2 / (max - min) if q75 = q25
                x'' = x' / sqrt(1 + (x' / 3)^2)             a smooth clip to (-3, 3)

A column that is constant but for rounding has s = 0 and is left out. A quantile q_p is the smallest
value x with P(X <= x) >= p: so that a row of weight 2 counts exactly like the row twice.

Source of "robust": Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024, appendix A.
"""

import numpy as np

SCALINGS = ("standard", "robust")
FARTHEST = 1e6  # standard deviations; beyond it float32 networks overflow


def center_and_scale(values, weights, scaling):
    """The centre and the scale of one column.

    Args:
        values: float64 `(rows,)`, finite.
        weights: float64 `(rows,)`, or None where all rows weigh the same.
        scaling: "standard" or "robust".

    Returns:
        `(centre, scale)`; the scale of a constant column is 0.
    """
    if weights is not None:
        values, weights = values[weights > 0], weights[weights > 0]
    if len(values) == 0 or values.min() == values.max():
        return 0.0, 0.0
    if scaling == "standard":
        center = np.average(values, weights=weights)
        spread = np.sqrt(np.average((values - center) ** 2, weights=weights))
    else:
        low, center, high = np.quantile(
            values, [0.25, 0.5, 0.75], weights=weights, method="inverted_cdf"
        )
        spread = high - low if high > low else (values.max() - values.min()) / 2
    noise = 10 * np.finfo("float64").eps * np.abs(values).max()
    if spread <= max(noise, np.finfo("float64").tiny):  # whose inverse is finite
        return float(center), 0.0
    return float(center), float(1 / spread)


def scaled(values, center, scale, scaling):
    """`values` by the formula above, in place where they are float64; missing ones become 0."""
    values = np.subtract(values, center, out=values)
    values *= scale
    if scaling == "robust":
        np.clip(values, -1e150, 1e150, out=values)  # the square below must not overflow
        values /= np.sqrt(1 + (values / 3) ** 2)
    else:
        np.clip(values, -FARTHEST, FARTHEST, out=values)
    return values
