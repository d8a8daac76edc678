"""Learn a `TableEncoder` from a table that is read in parts.

What a column holds (numbers, dates, text, marks of missing values) is inferred from a random sample
of up to 131,072 training rows. Everything that scales or numbers the values then comes from one
pass over all training rows:

    exact, as in memory     means, standard deviations, extremes, categories and how often each
                            occurs, missing values
    of the sample           medians and quartiles (scaling="robust"), components of free text

A table of at most that many training rows is its own sample, and its encoder is that of memory.
"""

import numpy as np

from ..tables.columns import (
    NumericColumn,
    center_and_scale,
    learn_categorical,
    learn_missing,
    parts_of,
    scale_of,
    texts_of,
)
from ..tables.frame import Column, read_frame

MAX_CATEGORIES = 1_000_000  # counted per column; beyond, those seen once so far are forgotten


class Moments:
    """Mean, standard deviation and extremes of columns, updated by chunks of rows.

    Chunks are merged by the formula of Chan, Golub and LeVeque (1979), which is as accurate as two
    passes. Missing values (NaN) are left out.
    """

    def __init__(self):
        self.count = self.mean = self.squares = 0.0
        self.low, self.high = np.inf, -np.inf

    def add(self, values):
        """Add float64 `(rows, columns)`."""
        present = ~np.isnan(values)
        count = present.sum(axis=0)
        values = np.where(present, values, 0.0)
        safe = np.maximum(count, 1)
        mean = values.sum(axis=0) / safe
        squares = (np.where(present, values - mean, 0.0) ** 2).sum(axis=0)
        total = np.maximum(self.count + count, 1)
        step = np.where(count > 0, mean - self.mean, 0.0)
        self.squares = self.squares + squares + step**2 * self.count * count / total
        self.mean = self.mean + step * count / total
        self.low = np.minimum(self.low, np.where(present, values, np.inf).min(axis=0))
        self.high = np.maximum(self.high, np.where(present, values, -np.inf).max(axis=0))
        self.count = self.count + count

    @property
    def deviation(self):
        return np.sqrt(self.squares / np.maximum(self.count, 1))


class Counts:
    """How many rows of a column have a value and how many have none, and the number of each value.

    Args:
        values: bool, whether to count each value.
    """

    def __init__(self, values=True):
        self.of, self.missing, self.rows = {} if values else None, 0, 0

    def add(self, column):
        self.rows += len(column.values)
        self.missing += int(column.missing.sum())
        if self.of is None or column.kind == "empty":
            return
        codes, uniques = texts_of(column).factorized
        found = np.bincount(codes[codes >= 0], minlength=len(uniques)).tolist()
        for value, n in zip(uniques, found, strict=True):
            self.of[value] = self.of.get(value, 0) + n
        if len(self.of) > MAX_CATEGORIES:
            self.of = {value: n for value, n in self.of.items() if n > 1}

    def column(self, kind):
        """A short column with weights that has the same counts, two rows per repeated value.

        Returns:
            (`Column`, float64 weights).
        """
        values, weights = [], []
        present = {"": self.rows - self.missing} if self.of is None else self.of
        for value, n in [*present.items(), (None, self.missing)]:
            repeated = min(n, 2)
            if not repeated:
                continue
            values += [value] * repeated
            weights += [n / repeated] * repeated
        if kind == "boolean":
            numbers = [np.nan if v is None else float(v == "True") for v in values]
            return Column("boolean", np.array(numbers)), np.array(weights)
        return Column("text", np.array(values, dtype=object)), np.array(weights)


def learn_encoder(encoder, sample, frames, complete):
    """Fit `encoder` on all rows.

    Args:
        encoder: new `TableEncoder`.
        sample: DataFrame of sampled rows.
        frames: function that returns an iterable of DataFrames of all rows.
        complete: bool, whether the sample has all rows.
    """
    sample = read_frame(sample)
    encoder.fit(sample)
    if complete:
        return
    learners = [Learner(encoder, state) for state in encoder.states_]
    crossed = [Learner(encoder, state) for _, state in encoder.crosses_]
    for table in frames():
        frame = read_frame(table)
        columns = encoder._read_columns(frame, range(frame.width), False)
        for learner, column in zip([*learners, *crossed], columns, strict=True):
            learner.add(column)
    columns = encoder._read_columns(sample, range(sample.width), False)
    states = [
        learner.state(column)
        for learner, column in zip([*learners, *crossed], columns, strict=True)
    ]
    encoder.states_ = states[: len(learners)]
    sources = [sources for sources, _ in encoder.crosses_]
    encoder.crosses_ = list(zip(sources, states[len(learners) :], strict=True))
    encoder._plan = encoder._row = None


class Learner:
    """Learn the state of one column again from all rows.

    Args:
        encoder: `TableEncoder`, fitted on the sample.
        state: what it learned of the column.
    """

    def __init__(self, encoder, state):
        self.encoder, self.sampled = encoder, state
        self.counts = Counts(state.role == "categorical" and not state.buckets)
        self.moments, self.kind, self.suffixes = Moments(), None, None

    def add(self, column):
        if self.sampled.inferred in ("drop", "identifier"):
            return
        self.counts.add(column)
        if column.kind == "empty":
            return
        if self.sampled.role == "numeric" and column.kind != "text":
            self.kind = self.kind or column.kind
            parts = parts_of(column)
            self.suffixes = self.suffixes or list(parts)
            self.moments.add(np.column_stack(list(parts.values())).astype("float64"))

    def state(self, column):
        """The state of the column; `column` is that of the sample."""
        old, scaling = self.sampled, self.encoder.scaling
        if old.inferred in ("drop", "identifier") or (old.kind == "empty" and self.kind is None):
            return old
        short, weights = self.counts.column("boolean" if old.kind == "boolean" else "text")
        if old.role == "categorical":
            limit, buckets = self.encoder.one_hot_limit, old.buckets
            state = learn_categorical(old.name, short, weights, scaling, limit, buckets)
        elif old.role == "text":
            old.missing = learn_missing(short, weights, scaling)
            return old
        else:
            state = NumericColumn(old.name, self.kind or old.kind, [])
            state.missing = learn_missing(short, weights, scaling)
            state.parts = self.parts(column, scaling)
        state.reading, state.details, state.inferred = old.reading, old.details, old.inferred
        return state

    def parts(self, column, scaling):
        """`[suffix, center, scale]` of each part that varies."""
        if self.kind is None:
            return []
        moments, found = self.moments, []
        sampled = {} if column.kind == "empty" else parts_of(column)
        for k, suffix in enumerate(self.suffixes):
            low, high = moments.low[k], moments.high[k]
            center, spread = moments.mean[k], moments.deviation[k]
            values = sampled.get(suffix)
            if scaling == "robust" and values is not None and not column.missing.all():
                center, scale = center_and_scale(values[~column.missing], None, scaling)
                spread = 1 / scale if scale else (high - low) / 2
            scale = 0.0 if low >= high else scale_of(spread, max(abs(low), abs(high)))
            if scale:
                found.append([suffix, float(center), float(scale)])
        return found
