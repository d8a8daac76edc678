"""TableEncoder: encode a table with any columns as a float32 matrix for a network.

Everything that it learns is plain numbers and strings: `encoder.to_dict()` is JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from ..checks.fit import match_columns
from ..checks.table_columns import (
    LARGEST,
    check_kinds,
    check_sizes,
    warn_of_categories,
    warn_of_identifiers,
    warn_of_stray,
    warn_of_unseen,
)
from ..core.arguments import check_choice, check_integer
from ..core.messages import invalid, quoted_list, to_python, warn
from .columns import (
    BUCKETS,
    SCALINGS,
    CategoricalColumn,
    NumericColumn,
    learn_categorical,
    learn_numeric,
    scaled,
    texts_of,
)
from .frame import Column, Frame, read_frame
from .free_text import TextColumn, learn_text
from .inference import KIND_NAMES, WANTED, infer_columns, warn_of_findings
from .one_row import RowEncoder, UseTablePath, one_row_dict
from .texts.reading import ISO_FORMATS, read

ROWS_PER_CHUNK = 2048
STATES = {state.role: state for state in (NumericColumn, CategoricalColumn, TextColumn)}
# How text is read in a column that held no text in `fit`.
READINGS = {
    "numeric": {"as": "number", "decimal": ".", "thousands": "", "units": [""]},
    "boolean": {"as": "boolean"},
    "duration": {"as": "time"},
    "datetime": {"as": "date", "formats": ISO_FORMATS, "zone": False},
    "instant": {"as": "date", "formats": [f"{f}%z" for f in ISO_FORMATS[1:]], "zone": True},
}


class TableEncoder(TransformerMixin, BaseEstimator):
    """Encode a table as a float32 matrix that a network can be trained on.

    Numbers are scaled; dates are split into calendar parts; categories are one-hot encoded or, if a
    column has many, numbered for an `EmbedCategories` layer; sentences become a few numbers;
    missing values are filled and marked. `fit` infers what a text column holds: numbers, dates,
    times and booleans are read from it, with a warning (see `tables/texts/recognition.py`), and
    later tables are read in the same way. Columns that do not vary and identifiers are ignored, and
    may be absent later. Columns are matched by name, in any order; a missing, unknown or extra
    column, or one of another type, is an error that lists the differences.

    Args:
        scaling: "standard" (mean 0, standard deviation 1; default) or "robust" (median, quartiles,
            smooth clip).
        one_hot_limit: int, at least 2, default 32: number of categories up to which a column is
            one-hot encoded. Columns with more are embedded.
        categorical: sequence of names (positions in an array) of columns whose numbers are
            categories. Default: none.
        columns: dict from a column's name (position in an array) to what it holds, where that
            should not be inferred: "number", "date", "time", "boolean", "category", "text" (free
            text), "hash" (categories, hashed into 1,024 buckets), "drop" (ignore the column) or a
            date format such as "%d/%m/%Y". A new name with a list of columns adds the combinations
            of their categories: `{"city and size": ["city", "size"]}`. None infers all.

    Attributes:
        columns_: DataFrame with one row per column of the table: "column" (name), "kind" (one of
            the kinds above, "identifier", "constant" or "empty"), "encoding" ("scaled", "one-hot",
            "embedded", "components" or "ignored") and "details" (guesses that were made).
        n_features_in_: int, number of the table's columns.
        feature_names_in_: object array of the columns' names; only if all are strings.
        n_dense_: number of the matrix's columns that are numbers. The others, on its right, are
            categories to embed.
        n_numeric_: number of these, from the left, that are scaled numbers and not flags.
        cardinalities_: list of int, number of categories of each embedded column, including 0 for
            an unseen one.

    Example:
        import pandas as pd
        from kerasdnn import TableEncoder

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        encoder = TableEncoder().fit(frame)
        matrix = encoder.transform(frame)        # float32 (rows, n_dense_ + len(cardinalities_))
        encoder.get_feature_names_out()          # 'age', 'city=Bonn', ...
        encoder.columns_                         # what was inferred about each column
    """

    def __init__(
        self,
        scaling: str = "standard",
        one_hot_limit: int = 32,
        categorical: Sequence[str | int] = (),
        columns: Mapping[str | int, str | Sequence[str | int]] | None = None,
    ) -> None:
        self.scaling = scaling
        self.one_hot_limit = one_hot_limit
        self.categorical = categorical
        self.columns = columns

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the encoding of X.

        Args:
            X: table of `(rows, columns)`; see `tables/frame.py`.
            y: ignored.
            sample_weight: float `(rows,)` or None (all 1); a row of weight 2 counts twice.

        Returns:
            The encoder.

        Raises:
            ValueError: no rows, infinite or complex numbers, lists in cells, duplicated or invalid
                names, unknown names in `categorical` or `columns`.

        Warns:
            DataWarning: what was inferred from text; identifiers that are ignored; numbers that
                stand for missing values; categories that differ only in case or blanks; integers
                that float32 cannot distinguish.
        """
        check_choice("scaling", self.scaling, SCALINGS)
        check_integer("one_hot_limit", self.one_hot_limit, 2)
        frame = X if isinstance(X, Frame) else read_frame(X)
        if frame.rows == 0:
            raise ValueError("`X` must have rows. Received: 0 rows (minimum of 1 is required).")
        wanted, crosses = self._wanted(frame)
        self.names_ = frame.names
        self._plan = self._row = None
        self._told: set = set()
        findings = infer_columns(frame, wanted, self.one_hot_limit)
        labels = [frame.label(j) for j in range(frame.width)]
        warn_of_findings(findings, labels)
        self.states_, self.crosses_ = [], []
        for j, (finding, label) in enumerate(zip(findings, labels, strict=True)):
            name = j if frame.names is None else frame.names[j]
            state = self._learn(name, finding, sample_weight, label, frame)
            state.reading, state.details = finding.reading, "; ".join(finding.details)
            state.inferred = finding.kind
            self.states_.append(state)
            if wanted.get(j) is None:
                if finding.column.kind == "text" and not finding.column.declared:
                    warn_of_categories(finding.column.factorized[1], label)
                warn_of_identifiers(state, finding.column, label)
        for name, sources in crosses.items():
            column = cross([findings[j].column for j in sources])
            state = learn_categorical(name, column, sample_weight, self.scaling, self.one_hot_limit)
            self.crosses_.append((sources, state))
        return self

    def _learn(self, name, finding, weights, label, frame):
        """The state of a column."""
        column, kind = finding.column, finding.kind
        if kind in ("drop", "identifier"):
            return NumericColumn(name, column.kind, [])
        if column.kind != "empty":
            if kind == "text":
                return learn_text(name, texts_of(column), weights, self.scaling)
            if kind in ("category", "hash") or column.kind in ("text", "boolean"):
                buckets = BUCKETS if kind == "hash" else 0
                return learn_categorical(
                    name, column, weights, self.scaling, self.one_hot_limit, buckets
                )
            check_sizes(column, label, frame)
        return learn_numeric(name, column, weights, self.scaling)

    def _wanted(self, frame):
        """The declared kinds `{position: kind}` and crossed columns `{name: positions}`."""
        known = list(range(frame.width)) if frame.names is None else frame.names

        def position(name, argument):
            if to_python(name) not in known:
                raise ValueError(
                    f"`{argument}` must name columns of X. Received: {to_python(name)!r}. X has "
                    f"{quoted_list(known, 20)}."
                )
            return known.index(to_python(name))

        wanted = {position(name, "categorical"): "category" for name in self.categorical}
        crosses = {}
        for name, kind in (self.columns or {}).items():
            if isinstance(kind, (list, tuple)):
                if to_python(name) in known or len(kind) < 2:
                    rule = "must combine two columns or more under a new name"
                    raise invalid("columns", rule, {to_python(name): kind})
                crosses[str(name)] = [position(part, "columns") for part in kind]
                continue
            if not (isinstance(kind, str) and "%" in kind):
                check_choice(f"columns[{to_python(name)!r}]", kind, WANTED)
            wanted[position(name, "columns")] = kind
        return wanted, crosses

    @property
    def columns_(self) -> pd.DataFrame:
        """What was inferred about each column; see the class."""
        rows = []
        for state in [*self._fitted_states(), *(state for _, state in self.crosses_)]:
            encoding = "ignored"
            if state.used:
                names = {"numeric": "scaled", "text": "components", "categorical": "one-hot"}
                encoding = "embedded" if state.embedded else names[state.role]
            kind = state.inferred or KIND_NAMES.get(state.kind, state.kind)
            if not state.used and kind not in ("drop", "identifier", "empty"):
                identifier = state.role == "categorical" and not state.categories
                kind = "identifier" if identifier and state.kind == "text" else "constant"
            rows.append((state.name, kind, encoding, state.details))
        return pd.DataFrame(rows, columns=["column", "kind", "encoding", "details"])

    def transform(self, X: Any, *, warn_unseen: bool = False) -> np.ndarray:
        """Encode X.

        Args:
            X: table, as in `fit`.
            warn_unseen: bool, whether categories that `fit` has not seen are a `DataWarning`, once
                per column; in an embedded column only if it has no other. Default False.

        Returns:
            float32 `(rows, n_dense_ + len(cardinalities_))`.

        Raises:
            ValueError: columns other than those of `fit`, by name or by type; infinite numbers.
        """
        return self.encode(X, warn_unseen)

    def encode(self, X: Any, warn_unseen: bool = False) -> np.ndarray:
        """Encode X as `transform`, also where `set_output` asks for a DataFrame.

        Args:
            X: table, as in `fit`.
            warn_unseen: as in `transform`.

        Returns:
            float32 `(rows, n_dense_ + len(cardinalities_))`.
        """
        if "states_" not in self.__dict__:
            check_is_fitted(self, "states_")
        plan = self._the_plan()
        if (row := self._encode_row(X, warn_unseen)) is not None:
            return row
        frame = X if isinstance(X, Frame) else read_frame(X)
        order = self._order(frame)
        columns: Any = None
        if frame.matrix is None or plan.flagged or plan.embedded or plan.with_sentinels:
            columns = self._read_columns(frame, order, warn_unseen)
            check_kinds(plan.states, columns)
            if warn_unseen:
                warn_of_unseen(plan.states, columns, self.__dict__.setdefault("_told", set()))
        out = np.empty((frame.rows, plan.width), dtype="float32")
        if plan.parts:
            self._write_numbers(plan, frame, order, columns, out)
        for j, start, stop in plan.flagged:
            plan.states[j].write(columns[j], out[:, start:stop])
        for position, j in enumerate(plan.embedded):
            out[:, plan.dense + position] = plan.states[j].codes(columns[j]) + 1
        if plan.empty:
            out[:] = 0
        return out

    def _encode_row(self, X, warn_unseen):
        """The matrix of a single row of common types, or None to encode it as a table."""
        if isinstance(X, pd.DataFrame) and len(X) == 1 and X.columns.is_unique:
            X = one_row_dict(X)
        if type(X) is not dict:
            return None
        if self.__dict__.get("_row") is None:
            self._row = RowEncoder(self, self._the_plan())
        try:
            return self._row(X, self.__dict__.setdefault("_told", set()) if warn_unseen else None)
        except UseTablePath:
            return None

    def _read_columns(self, frame, order, warn_unseen):
        """The columns of a table in the order of `fit`, read as they were there, and crossed."""
        columns = []
        for state, j in zip(self.states_, order, strict=True):
            if j is None:
                columns.append(Column("empty", np.full(frame.rows, None)))
                continue
            column = frame.column(j)
            if state.reading is not None:
                column, stray = read(column, state.reading)
                if len(stray) and warn_unseen:
                    told = self.__dict__.setdefault("_told", set())
                    warn_of_stray(state, frame.column(j), stray, told)
            elif column.kind == "text" and state.kind in READINGS and state.used:
                found, stray = read(column, READINGS[state.kind])
                column = column if len(stray) else found
            columns.append(column)
        return columns + [cross([columns[j] for j in sources]) for sources, _ in self.crosses_]

    def warn_of_unseen(self, frame: Frame) -> None:
        """Warn of categories that `fit` has not seen.

        Args:
            frame: `Frame`, a table that was read.
        """
        self.encode(frame, warn_unseen=True)
        self._told = set()  # a later table has other rows than the validation set

    def _write_numbers(self, plan, frame, order, columns, out):
        """Scale the numbers, one chunk of rows after the other so that each stays in the cache."""
        sources = list(dict.fromkeys(j for j, _ in plan.parts))
        if frame.matrix is not None and not plan.with_sentinels:
            whole = len(plan.parts) == frame.width
            numbers = frame.matrix if whole else frame.matrix[:, sources]
        else:
            numbers = [v for j in sources for v in plan.states[j].numbers(columns[j])]
        count, searched = len(plan.parts), False
        for start in range(0, frame.rows, ROWS_PER_CHUNK):
            stop = min(start + ROWS_PER_CHUNK, frame.rows)
            if isinstance(numbers, list):
                block = np.empty((stop - start, count))
                for position, values in enumerate(numbers):
                    block[:, position] = values[start:stop]
            else:
                block = numbers[start:stop].copy()
            clean = block.min(initial=0) >= -LARGEST and block.max(initial=0) <= LARGEST
            if not (clean or searched):
                for j in sources:
                    column = frame.column(order[j]) if columns is None else columns[j]
                    check_sizes(column, frame.label(order[j]), frame)
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
            if frame.width != len(self.states_):
                raise ValueError(
                    f"X has {frame.width} features, but TableEncoder is expecting "
                    f"{len(self.states_)} features as input."
                )
            return range(frame.width)
        if frame.names == self.names_:
            return range(frame.width)
        place = {name: j for j, name in enumerate(frame.names)}
        crossed = {j for sources, _ in self.crosses_ for j in sources}
        needed = [
            name
            for j, (name, state) in enumerate(zip(self.names_, self.states_, strict=True))
            if state.used or j in crossed or name in place
        ]
        match_columns(pd.DataFrame(columns=frame.names), needed, "X")
        return [place.get(name) for name in self.names_]

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the matrix's columns.

        Args:
            input_features: ignored; scikit-learn passes it.

        Returns:
            Object array of str, `(columns,)`.
        """
        check_is_fitted(self, "states_")
        return np.array(self._the_plan().names, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """The number of the table's columns."""
        return len(self._fitted_states())

    @property
    def feature_names_in_(self) -> np.ndarray:
        """The names of the table's columns, if all are strings."""
        self._fitted_states()
        if self.names_ is None or not all(isinstance(name, str) for name in self.names_):
            raise AttributeError("The table had no column names, or some that are not strings.")
        return np.array(self.names_, dtype=object)

    def _fitted_states(self):
        if not hasattr(self, "states_"):
            raise AttributeError("The encoder is not fitted.")
        return self.states_

    @property
    def n_dense_(self) -> int:
        """The number of the matrix's columns that are numbers."""
        return self._the_plan().dense

    @property
    def n_numeric_(self) -> int:
        """The number of the matrix's columns that are scaled numbers."""
        return len(self._the_plan().parts)

    @property
    def cardinalities_(self) -> list[int]:
        """The number of categories of each embedded column; see the class."""
        plan = self._the_plan()
        return [plan.states[j].cardinality for j in plan.embedded]

    def _the_plan(self):
        if getattr(self, "_plan", None) is None:
            self._plan = Plan([*self.states_, *(state for _, state in self.crosses_)])
        return self._plan

    def __getstate__(self):
        private = ("_plan", "_told", "_row")
        return {k: v for k, v in super().__getstate__().items() if k not in private}

    def to_dict(self) -> dict[str, Any]:
        """Return what `fit` learned as JSON values.

        Returns:
            dict.
        """
        check_is_fitted(self, "states_")
        return {
            "scaling": self.scaling,
            "one_hot_limit": self.one_hot_limit,
            "categorical": [to_python(name) for name in self.categorical],
            "declared": [[to_python(n), list(k) if isinstance(k, tuple) else k]
                         for n, k in (self.columns or {}).items()],
            "names": self.names_,
            "columns": [{"role": state.role, **asdict(state)} for state in self.states_],
            "crosses": [[sources, asdict(state)] for sources, state in self.crosses_],
        }  # fmt: skip

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Create the encoder whose `to_dict` returned `state`.

        Files of earlier versions lack some keys.

        Args:
            state: dict of JSON values.

        Returns:
            `TableEncoder`, fitted.
        """
        state = dict(state)
        columns, names = state.pop("columns"), state.pop("names")
        crosses, declared = state.pop("crosses", []), state.pop("declared", [])
        encoder = cls(**state, columns=dict(declared) or None)
        encoder.names_ = names
        encoder.states_ = [
            STATES[c["role"]](**{k: v for k, v in c.items() if k != "role"}) for c in columns
        ]
        encoder.crosses_ = [(sources, CategoricalColumn(**cross)) for sources, cross in crosses]
        return encoder


def cross(columns):
    """A text column of the combinations of categories, missing where one of them is."""
    texts = [texts_of(column).values for column in columns]
    missing = np.any([column.missing for column in columns], axis=0)
    joined = np.array([" & ".join(map(str, parts)) for parts in zip(*texts, strict=True)], object)
    joined[missing] = None
    return Column("empty" if missing.all() else "text", joined)


class Plan:
    """Where each column of the table goes in the matrix: numbers, then flags, then categories."""

    def __init__(self, states):
        self.states = states
        numeric = [(j, c) for j, c in enumerate(states) if c.role != "categorical"]
        self.parts = [(j, suffix) for j, c in numeric for suffix, _, _ in c.parts]
        self.centers = np.array([center for _, c in numeric for _, center, _ in c.parts])
        self.scales = np.array([scale for _, c in numeric for _, _, scale in c.parts])
        self.names = [f"{states[j].name}{suffix}" for j, suffix in self.parts]
        self.flagged = []
        for j, state in enumerate(states):
            if state.flags:
                start = len(self.names)
                self.names += state.flags
                self.flagged.append((j, start, len(self.names)))
        self.dense = len(self.names)
        self.embedded = [j for j, c in enumerate(states) if c.embedded]
        self.names += [str(states[j].name) for j in self.embedded]
        self.with_sentinels = any(c.reading and "sentinels" in c.reading for c in states)
        self.empty = not self.names
        if self.empty:  # no column varies: a network still needs an input
            self.names, self.dense = ["constant"], 1
        self.width = len(self.names)
