"""The target of several columns of different kinds, each with a target of its own."""

import numpy as np
import pandas as pd

from ...core.messages import invalid, quoted_list
from ...heads.head import Part
from ...heads.mixed import head_named, mixed_head, weighted_parts
from ...nn.losses import columns_of
from .classes import ClassTarget, learn_classes
from .numbers import NumberTarget
from .reading import plain_values

MAX_AMBIGUOUS_INTEGERS = 20  # so many different integers may be classes as well as a quantity


class MixedTarget:
    """Several columns of y, each with a target of its own.

    Attributes:
        names: list of the names of the columns.
        targets: list of `ClassTarget` and `NumberTarget` of one column.
        weights: dict from name to the weight of its loss, or None.
        head: `Head` of all columns.
    """

    def __init__(self, names, targets, weights=None):
        self.names, self.targets, self.weights = list(names), list(targets), weights
        self.n = len(self.names)
        parts = [
            Part(name, target.head, target.n if target.head.per_class else 1)
            for name, target in zip(self.names, self.targets, strict=True)
        ]
        self.head = mixed_head(weighted_parts(parts, weights))

    @classmethod
    def of(cls, heads=None, loss_weights=None, classes=None):
        """A function from y, as `MixedColumns` reads it, and its column names to the target.

        Args:
            heads: dict from a column to its problem type, see the argument of `DNNMultiOutput`.
            loss_weights: dict from a column to the weight of its loss, or None.
            classes: dict from a column of classes to all labels that will occur; y may lack some.
                None means that y has them all.
        """

        def make(y, names):
            kinds, labels = heads or {}, classes or {}
            for argument, given in (("heads", kinds), ("classes", labels)):
                for name in given.keys() - {*names}:
                    raise invalid(
                        argument, "must have the columns of `y` as keys", name,
                        f"`y` has {quoted_list(names)}.",
                    )  # fmt: skip
            targets = [
                target_of_column(y[:, k], name, kinds.get(name), labels.get(name))
                for k, name in enumerate(names)
            ]
            of_classes = [n for n, one in zip(names, targets, strict=True)
                          if isinstance(one, ClassTarget)]  # fmt: skip
            missing = [name for name in of_classes if classes is not None and name not in labels]
            if missing:
                raise ValueError(
                    f"`classes` must have the labels of column {missing[0]!r}, because later rows "
                    "may have labels that these rows lack. Pass them to the first call, such as "
                    f"classes={{{missing[0]!r}: {list(targets[names.index(missing[0])].classes)}}}."
                )
            return cls(names, targets, loss_weights)

        return make

    def __iter__(self):
        """Yield each target with its columns among the outputs."""
        return zip(self.targets, columns_of([part.units for part in self.head.parts]), strict=True)

    def encode(self, y, what="y"):
        """y as float64 `(rows, columns)`: positions of classes, and numbers in their own units.

        Raises:
            ValueError: another number of columns, an unseen class, or an invalid number.
        """
        if y.ndim != 2 or y.shape[1] != self.n:
            raise ValueError(
                f"`{what}` must have the columns {quoted_list(self.names)}. Received: an array of "
                f"shape {y.shape}."
            )
        found = np.empty(y.shape)
        for k, (name, target) in enumerate(zip(self.names, self.targets, strict=True)):
            encoded = target.encode(plain_values(y[:, k]), f"{what}[{name!r}]")
            found[:, k] = encoded.reshape(-1)
        return found

    def decode(self, y):
        """An encoded y as a DataFrame of labels and numbers."""
        columns = zip(self.names, self.targets, strict=True)
        return pd.DataFrame({
            name: target.classes[y[:, k].astype("int64")] if hasattr(target, "classes") else y[:, k]
            for k, (name, target) in enumerate(columns)
        })  # fmt: skip

    def of_column(self, k, y):
        """Column k of an encoded y, as its own target encodes it."""
        y = y[:, k]
        return y.astype("int32") if self.head.parts[k].head.kind == "class" else y[:, None]

    def learn(self, y, weights):
        """Learn the units of each column; `weights` is float `(rows,)` or None."""
        for k, target in enumerate(self.targets):
            target.learn(self.of_column(k, y), weights)

    @property
    def baseline(self):
        """The prediction of a model that knows nothing of X, in the units of each column."""
        return np.concatenate([np.reshape(target.baseline, -1) for target in self.targets])

    @property
    def numbers(self):
        """Yield the positions of columns of numbers with their targets."""
        return [(k, t) for k, t in enumerate(self.targets) if isinstance(t, NumberTarget)]

    @property
    def log(self):
        """Whether a column is trained on its logarithm."""
        return any(target.log for _, target in self.numbers)

    @property
    def bounded(self):
        """Whether presets keep predictions of a column within its range."""
        return any(target.bounded for _, target in self.numbers)

    @property
    def range(self):
        """The ranges that predictions are kept in; they are those of the targets."""
        return [target.range for _, target in self.numbers]

    @range.setter
    def range(self, values):
        for k, (_, target) in enumerate(self.numbers):
            target.range = None if values is None else values[k]

    def keep_range(self, y):
        """From now on predict no number outside those of y; see `NumberTarget.keep_range`."""
        for k, target in self.numbers:
            if target.bounded:
                target.keep_range(self.of_column(k, y))

    def learn_bias(self, output, y, weights=None):
        """Learn the corrections of columns that are trained on their logarithm."""
        for k, (target, at) in enumerate(self):
            if getattr(target, "log", False):
                target.learn_bias(output[:, at], self.of_column(k, y), weights)

    def to_network(self, y):
        """An encoded y as the network is trained on it, float32 `(rows, columns)`."""
        found = y.astype("float32")
        for k, target in self.numbers:
            found[:, k] = target.to_network(y[:, k : k + 1])[:, 0]
        return found

    def in_units(self, output):
        """What metrics are computed from: probabilities, and numbers in the units of y."""
        found = output.astype("float64")
        for target, at in self:
            if isinstance(target, NumberTarget):
                found[:, at] = target.in_units(output[:, at])
        return found


def target_of_column(y, name, kind=None, classes=None):
    """The target of one of several columns of y.

    Args:
        y: array of objects `(rows,)`.
        name: its name.
        kind: "class", "log", or another head, see `head_named`. None: text, booleans, 0 and
            1, and the integers 0..K-1 are classes.
        classes: the labels of a column of classes, of which y may lack some, or None.

    Raises:
        ValueError: a column that the head does not accept; a few other integers, which could be
            classes or a quantity.
    """
    values = plain_values(y)
    kind = "class" if kind is None and classes is not None else kind
    if kind is None:
        found = np.unique(values) if values.dtype.kind in "iuf" else np.arange(2)
        few = values.dtype.kind != "f" and len(found) <= MAX_AMBIGUOUS_INTEGERS
        counted = few and np.array_equal(found, np.arange(len(found)))
        kind = "class" if counted or np.isin(found, (0, 1)).all() else "regression"
        if kind == "regression" and few:
            raise ValueError(
                f"Column {name!r} of `y` could hold classes or a quantity: the integers "
                f"{quoted_list(found, 5)}. Pass heads={{{name!r}: 'class'}} or 'regression'."
            )
    if kind == "log":
        return NumberTarget.of("log")(values, [name])
    head = head_named(name, kind)
    try:
        if head.kind == "class":
            target = learn_classes(values, [name], classes, 2 if classes is None else 1)
            if head.units == "1" and target.n > 2:
                raise invalid("heads", f"must be 'class' for {target.n} classes", {name: kind})
            return target
        if classes is not None:
            raise invalid("classes", f"must be left out of a {head.name} problem", classes)
        return NumberTarget.of(head)(values, [name])
    except ValueError as error:
        raise ValueError(f"Column {name!r} of `y`: {error}") from error
