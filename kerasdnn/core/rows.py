"""Carry the rows of a data set from a public function to the training step."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from .messages import invalid

PER_ROW = ("y", "weights", "groups", "time", "places")  # attributes with a value per row
VALIDATION_NAMES = tuple(f"validation_data[{i}]" for i in range(3))


@dataclass(frozen=True, eq=False)
class Rows:
    """Features, targets and row weights that belong together, row by row.

    Attributes:
        x: what the user passed, then a `Frame`, then a float32 matrix of shape (rows, features).
        y: array of shape (rows,) or (rows, outputs), or None.
        weights: float64 array of shape (rows,). None means 1 for every row.
        names: what error messages call the three.
        groups: what the user passed, then an int array of shape (rows,). Rows of one group stay
            together when rows are split. None means that there are no groups.
        time: what the user passed, then an int array of shape (rows,), the rank of each row's
            time. None means that the rows have no order in time.
        places: int array of shape (rows,), the position of each row in the user's table, or None.
    """

    x: object
    y: np.ndarray | None = None
    weights: np.ndarray | None = None
    names: tuple[str, str, str] = ("X", "y", "sample_weight")
    groups: object = None
    time: object = None
    places: np.ndarray | None = None

    def __len__(self):
        return len(self.x if self.y is None else self.y)

    def take(self, indices):
        """The rows at `indices`, a boolean mask or positions."""
        x = self.x[indices] if isinstance(self.x, np.ndarray) else self.x.take(indices)
        arrays = {name: getattr(self, name) for name in PER_ROW}
        taken = {name: None if a is None else a[indices] for name, a in arrays.items()}
        return self.replace(x=x, **taken)

    def replace(self, **changes):
        """These rows with other values of some attributes."""
        return dataclasses.replace(self, **changes)

    def concatenate(self, *others):
        """These rows, of arrays, and those of `others` below them; groups and times are dropped."""
        parts = [self, *others]
        weights = None
        if any(part.weights is not None for part in parts):
            weights = np.concatenate([
                np.ones(len(part)) if part.weights is None else part.weights for part in parts
            ])  # fmt: skip
        x, y = (np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "y"))
        return Rows(x, y, weights, self.names)

    def unit_weights(self):
        """These rows with float32 weights whose mean is 1."""
        if self.weights is None:
            return self
        return self.replace(weights=(self.weights / self.weights.mean()).astype("float32"))


def unpack_validation_data(validation_data):
    """Read the argument `validation_data` as `Rows` named "validation_data[0]" and so on.

    Args:
        validation_data: tuple or list of (X, y) or (X, y, sample_weight).

    Returns:
        `Rows` of X, y and the sample weights, or None, as they were passed.

    Raises:
        ValueError: `validation_data` is not such a tuple or list.
    """
    if not isinstance(validation_data, (tuple, list)) or len(validation_data) not in (2, 3):
        received = f"an object of type {type(validation_data).__name__}"
        if isinstance(validation_data, (tuple, list)):
            received = f"{len(validation_data)} items"
        rule = "must be (X, y) or (X, y, sample_weight)"
        raise invalid("validation_data", rule, received=received)
    return Rows(*validation_data, names=VALIDATION_NAMES)
