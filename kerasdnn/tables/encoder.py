"""TableEncoder: a table of any columns to a float32 matrix for a network, and the names back.

Everything it learns is plain numbers and strings: `encoder.to_dict()` is JSON.
"""

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..checks.fit import match_columns
from ..checks.table_columns import (
    LARGEST,
    check_kinds,
    check_sizes,
    warn_of_identifiers,
    warn_of_text,
    warn_of_unseen,
)
from ..core.arguments import check_choice, check_integer
from ..core.messages import quoted_list, to_python, warn
from .columns import (
    SCALINGS,
    CategoricalColumn,
    NumericColumn,
    learn_categorical,
    learn_numeric,
    scaled,
)
from .frame import Column, Frame, read_frame

STRETCH = 2048  # rows


class TableEncoder(TransformerMixin, BaseEstimator):
    """Turn a table into a float32 matrix that a network can be trained on.

    Numbers are scaled, dates split into calendar parts, categories one-hot encoded or, where there
    are many, numbered for an `EmbedCategories` layer; missing values are filled and marked. See
    `tables/columns.py` for the rules and `tables/frame.py` for what counts as a table. Columns that
    do not vary are left out. Columns are matched by name: another order is put right, a missing, an
    unknown or an extra column, or one of another type, is an error that lists the differences; one
    that was left out may be missing.

    Args:
        scaling: "standard" (mean 0, spread 1) or "robust" (median, quartiles, smooth clip).
        one_hot_limit: most categories of a column to be one-hot encoded; with more it is embedded.
        categorical: names (positions of an array) of columns of numbers that are categories.

    Attributes:
        columns_: what each column of the table has learned.
        n_features_in_, feature_names_in_: of the table; names only where all are strings.
        n_dense_: how many of the matrix's columns are numbers. The others, on its right, are the
            categories to embed.
        n_numeric_: how many of these, the first ones, are scaled numbers and no flags.
        cardinalities_: how many categories each of those has, with 0 for "never seen".

    Example:
        encoder = TableEncoder().fit(frame)
        matrix = encoder.transform(frame)        # float32 (rows, n_dense_ + len(cardinalities_))
        encoder.get_feature_names_out()          # 'age', 'city=Oslo', 'income is missing', ...
    """

    def __init__(self, scaling: str = "standard", one_hot_limit: int = 32, categorical: Any = ()):
        self.scaling = scaling
        self.one_hot_limit = one_hot_limit
        self.categorical = categorical

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """Learn from X, a table of `(rows, columns)`; rows of weight 2 count twice.

        Raises:
            ValueError: no rows, infinite or complex numbers, names twice or of no kind.

        Warns:
            DataWarning: a column of text whose values are all different, nearly all numbers, or
                dates; categories that differ by blanks alone; whole numbers that float32 cannot
                tell apart.
        """
        check_choice("scaling", self.scaling, SCALINGS)
        check_integer("one_hot_limit", self.one_hot_limit, 2)
        frame = X if isinstance(X, Frame) else read_frame(X)
        if frame.rows == 0:
            raise ValueError("`X` must have rows. Received: 0 rows (minimum of 1 is required).")
        categorical = self._positions_of_categorical(frame)
        self.names_ = frame.names
        self.columns_ = []
        self._plan: Any = None
        self._told: set = set()
        for j in range(frame.width):
            column, name = frame.column(j), j if frame.names is None else frame.names[j]
            if column.kind in ("text", "boolean") or (j in categorical and column.kind != "empty"):
                state = learn_categorical(
                    name, column, sample_weight, self.scaling, self.one_hot_limit
                )
            else:
                check_sizes(column, frame.label(j), frame)
                state = learn_numeric(name, column, sample_weight, self.scaling)
            self.columns_.append(state)
            if j in categorical or not warn_of_text(column, frame.label(j)):
                warn_of_identifiers(state, column, frame.label(j))
        return self

    def _positions_of_categorical(self, frame):
        known = list(range(frame.width)) if frame.names is None else frame.names
        unknown = [name for name in self.categorical if to_python(name) not in known]
        if unknown:
            raise ValueError(
                f"`categorical` must name columns of X. Received: {quoted_list(unknown)}. "
                f"X has {quoted_list(known, 20)}."
            )
        return {known.index(to_python(name)) for name in self.categorical}

    def transform(self, X: Any, *, warn_unseen: bool = False) -> np.ndarray:
        """X as a matrix, float32 `(rows, n_dense_ + len(cardinalities_))`.

        Args:
            X: as in `fit`.
            warn_unseen: bool, whether categories that `fit` did not meet are a `DataWarning`, the
                first time that a column has such; of an embedded column, where it has no other.

        Raises:
            ValueError: columns other than those of `fit`, by name or by type; infinite numbers.
        """
        check_is_fitted(self, "columns_")
        plan = self._the_plan()
        frame = X if isinstance(X, Frame) else read_frame(X)
        order = self._order(frame)
        columns: Any = None
        if frame.matrix is None or plan.flagged or plan.embedded:
            absent = Column("empty", np.full(frame.rows, None))
            columns = [absent if j is None else frame.column(j) for j in order]
            check_kinds(self.columns_, columns)
            if warn_unseen:
                self.__dict__.setdefault("_told", set())
                warn_of_unseen(self.columns_, columns, self._told)
        out = np.empty((frame.rows, plan.width), dtype="float32")
        if plan.parts:
            self._write_numbers(plan, frame, order, out)
        for j, start, stop in plan.flagged:
            self.columns_[j].write(columns[j], out[:, start:stop])
        for position, j in enumerate(plan.embedded):
            out[:, plan.dense + position] = self.columns_[j].codes(columns[j]) + 1
        if plan.empty:
            out[:] = 0
        return out

    def warn_of_unseen(self, frame: Any) -> None:
        """Warn of categories that `fit` did not meet; `frame` is a `Frame`."""
        self.transform(frame, warn_unseen=True)
        self._told = set()  # rows to validate on are not those of a later call

    def _write_numbers(self, plan, frame, order, out):
        """Scale the numbers, a stretch of rows after the other so that each stays in the cache."""
        sources = list(dict.fromkeys(j for j, _ in plan.parts))
        if frame.matrix is not None:
            whole = len(plan.parts) == frame.width
            numbers = frame.matrix if whole else frame.matrix[:, sources]
        else:
            numbers = [
                values
                for j in sources
                for values in self.columns_[j].numbers(frame.column(order[j]))
            ]
        count, searched = len(plan.parts), False
        for start in range(0, frame.rows, STRETCH):
            stop = min(start + STRETCH, frame.rows)
            if isinstance(numbers, list):
                block = np.empty((stop - start, count))
                for position, values in enumerate(numbers):
                    block[:, position] = values[start:stop]
            else:
                block = numbers[start:stop].copy()
            clean = block.min(initial=0) >= -LARGEST and block.max(initial=0) <= LARGEST
            if not (clean or searched):
                for j in sources:
                    check_sizes(frame.column(order[j]), frame.label(order[j]), frame)
                searched = True
            block = scaled(block, plan.centers, plan.scales, self.scaling)
            out[start:stop, :count] = block if clean else np.nan_to_num(block, copy=False)

    def _order(self, frame):
        """For each column of `fit` its position in `frame`; None if it is unused and not there."""
        if frame.names is None or self.names_ is None:
            if (frame.names is None) != (self.names_ is None):
                given, known = ("no", "") if frame.names is None else ("", "no ")
                warn(
                    f"X has {given} column names".replace("  ", " ")
                    + f", but was fitted with {known}names: columns are matched by position."
                )
            if frame.width != len(self.columns_):
                raise ValueError(
                    f"X has {frame.width} features, but TableEncoder is expecting "
                    f"{len(self.columns_)} features as input."
                )
            return range(frame.width)
        if frame.names == self.names_:
            return range(frame.width)
        place = {name: j for j, name in enumerate(frame.names)}
        states = zip(self.names_, self.columns_, strict=True)
        needed = [name for name, state in states if state.used or name in place]
        match_columns(pd.DataFrame(columns=frame.names), needed, "X")
        return [place.get(name) for name in self.names_]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the matrix's columns, object array of `(columns,)`."""
        check_is_fitted(self, "columns_")
        return np.array(self._the_plan().names, dtype=object)

    @property
    def n_features_in_(self) -> int:
        return len(self._fitted_columns())

    @property
    def feature_names_in_(self) -> np.ndarray:
        self._fitted_columns()
        if self.names_ is None or not all(isinstance(name, str) for name in self.names_):
            raise AttributeError("The table had no column names, or not of strings alone.")
        return np.array(self.names_, dtype=object)

    def _fitted_columns(self):
        if not hasattr(self, "columns_"):
            raise AttributeError("The encoder is not fitted.")
        return self.columns_

    @property
    def n_dense_(self) -> int:
        return self._the_plan().dense

    @property
    def n_numeric_(self) -> int:
        return len(self._the_plan().parts)

    @property
    def cardinalities_(self) -> list[int]:
        return [len(self.columns_[j].categories) + 1 for j in self._the_plan().embedded]

    def _the_plan(self):
        if getattr(self, "_plan", None) is None:
            self._plan = Plan(self.columns_)
        return self._plan

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k not in ("_plan", "_told")}

    def to_dict(self) -> dict:
        """What `fit` learned, as JSON takes it."""
        check_is_fitted(self, "columns_")
        return {
            "scaling": self.scaling,
            "one_hot_limit": self.one_hot_limit,
            "categorical": [to_python(name) for name in self.categorical],
            "names": self.names_,
            "columns": [{"role": c.role, **asdict(c)} for c in self.columns_],
        }

    @classmethod
    def from_dict(cls, state: dict) -> Any:
        """The encoder whose `to_dict` gave `state`."""
        state = dict(state)
        roles = {"numeric": NumericColumn, "categorical": CategoricalColumn}
        columns = state.pop("columns")
        names = state.pop("names")
        encoder = cls(**state)
        encoder.names_ = names
        encoder.columns_ = [
            roles[c["role"]](**{k: v for k, v in c.items() if k != "role"}) for c in columns
        ]
        return encoder


class Plan:
    """Where each column of the table goes in the matrix: numbers, then flags, then categories."""

    def __init__(self, columns):
        numeric = [(j, c) for j, c in enumerate(columns) if c.role == "numeric"]
        self.parts = [(j, suffix) for j, c in numeric for suffix, _, _ in c.parts]
        self.centers = np.array([center for _, c in numeric for _, center, _ in c.parts])
        self.scales = np.array([scale for _, c in numeric for _, _, scale in c.parts])
        self.names = [f"{columns[j].name}{suffix}" for j, suffix in self.parts]
        self.flagged = []
        for j, column in enumerate(columns):
            if column.flags:
                start = len(self.names)
                self.names += column.flags
                self.flagged.append((j, start, len(self.names)))
        self.dense = len(self.names)
        self.embedded = [j for j, c in enumerate(columns) if c.embedded]
        self.names += [str(columns[j].name) for j in self.embedded]
        self.empty = not self.names
        if self.empty:  # no column varies: a network still needs an input
            self.names, self.dense = ["constant"], 1
        self.width = len(self.names)
