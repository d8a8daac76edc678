"""Encode one column of a table as columns of a matrix: what it learns, and how it writes.

    numeric, duration        one scaled column
    datetime, instant        elapsed days, and sine and cosine of the time of year, week and day
    boolean, 2 categories    one column of -1 and +1, 0 for an unseen category
    K categories             K columns of 0 and 1, all 0 for an unseen category
    many categories          an integer for an embedding, 0 for one that is unseen or was seen once
    hashed categories        an integer from 1 to 1,024 for an embedding, the hash of the category
    sentences                scaled components, see `free_text`

Columns that do not vary in training are left out. A column with missing values in training gets one
more, which is 1 where the value is missing. A missing number itself counts as the mean (robust: the
median). Each learned state is a dataclass of plain numbers and strings, ready for JSON.
"""

import zlib
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..checks.table_columns import check_exact
from ..core.messages import to_python, warn
from .frame import as_text

DAY = 86_400.0
MAX_DICT_ROWS = 64  # below it a dict looks categories up faster than a hash table of pandas
BUCKETS = 1024  # of a hashed column
PERIODS = "year", "week", "day"


@dataclass
class NumericColumn:
    """A number, a duration or a date.

    Attributes:
        parts: `[suffix of the name, center, scale]` of every part that varied in training.
        missing: `[value where present, value where missing]`, empty if none was in training.
        reading: how text is read, see `texts.recognition`, and "sentinels"; None to read none.
        inferred, details: what `fit` inferred, for the table `TableEncoder.columns_`.
    """

    name: str | int
    kind: str
    parts: list
    missing: list = field(default_factory=list)
    reading: dict | None = None
    inferred: str = ""
    details: str = ""
    role = "numeric"
    embedded = False

    @property
    def used(self):
        """Whether the matrix holds anything of the column; constants are unused."""
        return bool(self.parts or self.missing)

    @property
    def flags(self):
        """Names of the columns next to the scaled ones."""
        return [f"{self.name} is missing"] if self.missing else []

    def numbers(self, column):
        """Return the parts of a column, float64 `(rows,)` each, before scaling."""
        held = {} if column.kind == "empty" else parts_of(column)
        gap = np.full(len(column.values), np.nan)
        return [held.get(suffix, gap) for suffix, _, _ in self.parts]

    def write(self, column, out):
        """Write the flags."""
        write_missing(self.missing, column, out)


@dataclass
class CategoricalColumn:
    """A text or a boolean.

    Attributes:
        categories: sorted; of a boolean "False", "True".
        numbers: whether some category reads as a number or a boolean, so that columns of numbers
            or booleans are accepted.
        levels: `[value if not, value if it is]` per category; of two categories in one column
            `[first, neither, second]`.
        embedded: whether its number goes to an embedding.
        buckets: of a hashed column, else 0.
        reading, inferred, details: as in `NumericColumn`.
    """

    name: str | int
    kind: str
    categories: list
    numbers: bool = False
    embedded: bool = False
    levels: list = field(default_factory=list)
    missing: list = field(default_factory=list)
    buckets: int = 0
    reading: dict | None = None
    inferred: str = ""
    details: str = ""
    role = "categorical"

    def __post_init__(self):
        self.codes_of = {category: code for code, category in enumerate(self.categories)}
        if self.numbers:  # a fraction in full, as text or as older files have it
            for code, category in enumerate(self.categories):
                if "." in category and was_value(category):
                    self.codes_of.setdefault(as_text(float(category)), code)
        # Integers among the categories that float64 cannot represent.
        self.wide = self.numbers and any(
            len(c) > 15 and c.lstrip("-").isdecimal() and int(float(c)) != int(c)
            for c in self.categories
        )

    @property
    def used(self):
        """Whether the matrix holds anything of the column; identifiers and constants are unused."""
        return self.embedded or bool(self.flags)

    @property
    def cardinality(self):
        """Number of integers that its embedding takes."""
        return (self.buckets or len(self.categories)) + 1

    @property
    def flags(self):
        names = [f"{self.name}={category}" for category in self.categories]
        names = [] if self.embedded or len(names) < 2 else names[1:] if len(names) == 2 else names
        return names + ([f"{self.name} is missing"] if self.missing else [])

    def codes(self, column):
        """Return the position of each value among the categories, -1 if missing or unseen."""
        if column.kind == "empty":
            return np.full(len(column.values), -1)
        if self.kind == "boolean":
            return np.where(np.isnan(column.values), -1, column.values).astype("int64")
        if column.kind != "text":
            if self.wide and column.kind == "numeric" and column.exact is None:
                check_exact(column, self.name)
            column = texts_of(column)
        if len(column.values) < MAX_DICT_ROWS and not self.buckets:
            return np.array([self.codes_of.get(v, -1) for v in column.values], dtype="int64")
        codes, uniques = column.factorized
        if self.buckets:
            table = [zlib.crc32(text.encode("utf-8", "replace")) % self.buckets for text in uniques]
        else:
            table = [self.codes_of.get(value, -1) for value in uniques]
        return np.array([*table, -1])[codes]

    def write(self, column, out):
        count = len(self.levels)
        if count:
            codes, levels = self.codes(column), np.array(self.levels, dtype="float32")
            if len(self.categories) == 2:
                out[:, 0] = levels[0][np.where(codes < 0, 1, 2 * codes)]
            else:
                out[:, :count] = levels[:, 0]
                rows = np.flatnonzero(codes >= 0)
                out[rows, codes[rows]] = levels[codes[rows], 1]
        write_missing(self.missing, column, out)


def write_missing(levels, column, out):
    if levels:
        out[:, -1] = np.array(levels, dtype="float32")[column.missing.view("int8")]


def learn_numeric(name, column, weights, scaling):
    """The `NumericColumn` of a numeric, datetime, duration or empty column."""
    state = NumericColumn(name, column.kind, [], learn_missing(column, weights, scaling))
    if column.kind != "empty":
        present = ~column.missing
        weights = None if weights is None else weights[present]
        for suffix, values in parts_of(column).items():
            center, scale = center_and_scale(values[present], weights, scaling)
            if scale:
                state.parts.append([suffix, center, scale])
    return state


def learn_categorical(name, column, weights, scaling, one_hot_limit, buckets=0):
    """The `CategoricalColumn` of a text or boolean column; numbers are converted to text."""
    kind = "boolean" if column.kind == "boolean" else "text"
    if kind == "boolean":
        present = column.values[~np.isnan(column.values)]
        categories = ["False", "True"] if present.min() != present.max() else []
        state = CategoricalColumn(name, kind, categories)
    else:
        if column.kind == "numeric" and column.exact is None:
            check_exact(column, name)
        original, column = column, texts_of(column)
        codes, uniques = column.factorized
        if (
            original.kind == "numeric"
            and original.exact is None
            and len(uniques) < pd.Series(original.values).nunique()
        ):
            warn(
                f"Column {to_python(name)!r} of `X` has categories that differ only beyond "
                "float32, "
                "such as 0.3 and 0.1 + 0.2: they are treated as one. If they are different "
                "categories, pass the column as text: frame[name].astype(str)."
            )
        numbers = any(map(was_value, uniques))
        if buckets:
            state = CategoricalColumn(name, kind, [], embedded=True, buckets=buckets)
        elif len(uniques) > one_hot_limit:
            seen = np.bincount(codes[codes >= 0], minlength=len(uniques))
            categories = sorted(uniques[seen > 1])
            state = CategoricalColumn(name, kind, categories, numbers, embedded=bool(categories))
        else:
            state = CategoricalColumn(name, kind, sorted(uniques), numbers)
    if not state.embedded:
        state.levels = learn_levels(state.codes(column), len(state.categories), weights, scaling)
    state.missing = learn_missing(column, weights, scaling)
    return state


def was_value(text):
    """Return whether a text may have been a number or a boolean among text."""
    if text in ("False", "True"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True


def texts_of(column):
    """Return a column as one of text."""
    if column.kind == "text":
        return column
    codes, uniques = pd.factorize(column.values if column.exact is None else column.exact)
    if column.kind == "boolean":
        texts = [str(value == 1) for value in uniques]
    else:
        texts = [as_text(value) for value in uniques.tolist()]
    return type(column)("text", np.array([*texts, None], dtype=object)[codes])


def learn_levels(codes, count, weights, scaling):
    """Learn the scaled values of 0 and 1 (of two categories: -1, 0 and +1)."""
    if count < 2:
        return []
    mass = np.bincount(codes[codes >= 0], None if weights is None else weights[codes >= 0], count)
    total = len(codes) if weights is None else weights.sum()
    if count == 2:
        return [two_levels([-1.0, 0.0, 1.0], [mass[0], total - mass.sum(), mass[1]], scaling)]
    return [two_levels([0.0, 1.0], [total - m, m], scaling) for m in mass]


def learn_missing(column, weights, scaling):
    missing = column.missing
    if not missing.any() or missing.all():
        return []
    mass = missing.sum() if weights is None else weights[missing].sum()
    total = len(missing) if weights is None else weights.sum()
    return two_levels([0.0, 1.0], [total - mass, mass], scaling)


def two_levels(values, mass, scaling):
    """Scale `values`, of which each occurs `mass` times; standard scaling keeps them."""
    if scaling == "standard":
        return values
    values = np.array(values)
    center, scale = center_and_scale(values, np.maximum(mass, 0), scaling)
    return scaled(values, center, scale, scaling).tolist()


def parts_of(column):
    """Return the numbers in a numeric, duration or datetime column, by suffix of its name."""
    if column.values.dtype.kind != "M":
        return {"": column.values}
    moments = column.values
    missing = np.isnat(moments)
    days = moments.astype("datetime64[D]")
    of_year = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype("float64")
    seconds = moments.astype("int64") / 1e6
    if missing.any():
        seconds[missing] = of_year[missing] = np.nan
    elapsed = seconds / DAY
    angles = np.empty((3, len(moments)))
    angles[0] = of_year / 365.25
    angles[1] = (np.floor(elapsed) + 3) % 7 / 7  # 1970-01-01 was a Thursday
    angles[2] = elapsed % 1
    return {" elapsed days": elapsed} | waves_of(angles)


def waves_of(angles):
    """Return sine and cosine of the periods by suffix, of float64 `(3, rows)` that is overwritten.

    Args:
        angles: fractions of the year, the week and the day.
    """
    angles *= 2 * np.pi
    waves = zip(PERIODS, np.sin(angles), np.cos(angles), strict=True)
    return {f" {f} of {p}": v for p, s, c in waves for f, v in (("sine", s), ("cosine", c))}


# Scaling of numeric columns: two statistics each, weighted, and what to do with them.
#
# With center m and scale s of a column,
#
#   standard    x' = s (x - m)    m = mean      s = 1 / standard deviation
#   robust      x' = s (x - m)    m = median    s = 1 / (q75 - q25), or 2 / (max - min) if q75 = q25
#               x'' = x' / sqrt(1 + (x' / 3)^2)             a smooth clip to (-3, 3)
#
# A column that is constant but for rounding has s = 0 and is left out. A quantile q_p is the
# smallest value x with P(X <= x) >= p: so that a row of weight 2 counts exactly like the row
# twice.
#
# Source of "robust": Holzmueller, Grinsztajn, Steinwart, Better by Default, 2024, appendix A.

SCALINGS = ("standard", "robust")
FARTHEST = 1e6  # standard deviations; beyond it float32 networks overflow


def center_and_scale(values, weights, scaling):
    """Compute the center and the scale of one column.

    Args:
        values: float64 `(rows,)`, finite.
        weights: float64 `(rows,)`, or None where all rows weigh the same.
        scaling: "standard" or "robust".

    Returns:
        `(center, scale)`; the scale of a constant column is 0.
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
    return float(center), scale_of(spread, np.abs(values).max())


def scale_of(spread, largest):
    """Return 1 / spread, or 0 where `spread` is rounding noise of values up to `largest`."""
    noise = 10 * np.finfo("float64").eps * largest
    if spread <= max(noise, np.finfo("float64").tiny):  # whose inverse is finite
        return 0.0
    return float(1 / spread)


def scaled(values, center, scale, scaling):
    """Scale `values` by the formula above, in place if they are float64."""
    values = np.subtract(values, center, out=values)
    values *= scale
    if scaling == "robust":
        np.clip(values, -1e150, 1e150, out=values)  # the square below must not overflow
        values /= np.sqrt(1 + (values / 3) ** 2)
    else:
        np.clip(values, -FARTHEST, FARTHEST, out=values)
    return values
