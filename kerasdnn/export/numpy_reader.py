"""Predict with a model that kerasdnn exported, with NumPy alone.

    from predict import load

    model = load()                                       # "model.npz" next to this file
    model.predict({"age": 41, "city": "Oslo"})           # one row: a dict of values
    model.predict([{"age": 41, "city": "Oslo"}, ...])    # rows
    model.predict({"age": [41, 23], "city": [...]})      # columns
    model.predict_proba(rows)                            # probabilities of a classifier

Missing values are None, NaN or absent keys in a list of rows. Numbers, text, booleans, `datetime`
and `timedelta` mean what they meant in training, and text is read as it was there. A network and a
model whose table had no column names take arrays of shape `(rows, columns)`. "model.npz" holds
numbers and JSON; nothing in it is executed.
"""

import json
import math
import re
import zipfile
import zlib
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np

from ..forward.numpy_steps import LARGEST_P, SMALLEST_P, compile_steps

VERSION = 1  # of the format
LARGEST = float(np.finfo("float32").max)
LARGEST_CODE = 2**53  # float64 holds every integer below this one
FARTHEST = 1e6  # standard deviations
ROWS_PER_CHUNK = 4096
EPOCH = datetime(1970, 1, 1)
DAY = 86_400_000_000  # microseconds
SEQUENCES = {list, tuple, np.ndarray}
NAN = math.nan
NOT_AN_EXPORT = (AttributeError, EOFError, KeyError, TypeError, ValueError, zipfile.BadZipFile)


def load(path=None):
    """Load a model.

    Args:
        path: str or Path of the `.npz` file. None means "model.npz" next to this file.

    Returns:
        `Model`.

    Raises:
        ValueError: the file is from a newer version or is not an export.
    """
    path = Path(__file__).with_name("model.npz") if path is None else path
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        description = json.loads(arrays.pop("description").tobytes())
        version = int(description["version"])
    except NOT_AN_EXPORT as error:
        raise ValueError(f"{path} is not a NumPy export of kerasdnn.") from error
    if version > VERSION:
        raise ValueError(f"{path} has format {version}; this file reads up to {VERSION}.")
    return Model(description, arrays)


class Model:
    """A model in NumPy.

    Args:
        description: dict; arrays: dict from name to array, to which the description refers.

    Attributes:
        kind: "classifier", "labels" (several labels per row), "regressor" or "network".
        classes: array of the labels, None for numbers and networks.
    """

    def __init__(self, description, arrays):
        self.description, self.kind = description, description["kind"]
        self.names, self.width = description["names"], description["width"]
        target = description["target"]
        self.classes = np.array(target["labels"]) if "labels" in target else None
        self.target = {k: np.array(v) if isinstance(v, list) else v for k, v in target.items()}
        self.network = compile_steps(description["steps"], arrays)
        if self.kind != "network":
            self.encoder = Encoder(description, arrays)

    def predict(self, X):
        """Predict labels `(rows,)`, 0 or 1 per label `(rows, labels)`, or numbers.

        Args:
            X: see the head of this file.
        """
        output = self.output(X)
        if self.kind == "classifier":
            if self.target["binary"]:
                return self.classes[(output[:, 0] > self.target["threshold"]).astype("int64")]
            return self.classes[output.argmax(axis=1)]
        if self.kind == "labels":
            return (output > 0.5).astype("int64")
        return self.numbers(output) if self.kind == "regressor" else output

    def predict_proba(self, X):
        """Predict probabilities, float64 `(rows, classes)`."""
        if self.classes is None:
            raise AttributeError("Only a classifier predicts probabilities.")
        p = self.output(X)
        if len(p) == 1 and self.target.get("binary"):  # microseconds count
            one = min(max(float(p[0, 0]), SMALLEST_P), LARGEST_P)
            return np.array([[1 - one, one]])
        p = p.astype("float64").clip(SMALLEST_P, LARGEST_P)
        if self.kind == "labels":
            return p
        if self.target["binary"]:
            return np.concatenate([1 - p, p], axis=1)
        return p / p.sum(axis=1, keepdims=True)

    def output(self, X):
        """The output of the network, float32 `(rows, outputs)`."""
        with np.errstate(all="ignore"):
            x = self.encoder(X) if self.kind != "network" else self.matrix(X)
            if len(x) == 0:
                return np.empty((0, self.description["outputs"]), dtype="float32")
            if len(x) <= ROWS_PER_CHUNK:
                return self.network(x)
            parts = range(0, len(x), ROWS_PER_CHUNK)
            return np.concatenate([self.network(x[i : i + ROWS_PER_CHUNK]) for i in parts])

    def numbers(self, output):
        """The output of a regressor in the units of y."""
        t = self.target
        output = output[:, :1] if t.get("mean_first") else output
        y = np.minimum(output.astype("float64"), LARGEST) * t["scale"] + t["center"]
        if t["shift"] is not None:
            y = np.maximum(np.exp(np.minimum(y, 88.0)) * t["bias"] - t["shift"], 0)
        if t["range"] is not None:
            y = np.clip(y, *t["range"])
        return y[:, 0] if t["flat"] else y

    def matrix(self, X):
        """The input of a network, float32 `(rows, columns)`."""
        if isinstance(X, dict):
            missing = [name for name in self.names or () if name not in X]
            if self.names is None or missing:
                raise ValueError(f"`X` must have the columns {self.names}. Missing: {missing}.")
            X = np.stack([np.atleast_1d(X[name]) for name in self.names], axis=1)
        x = np.asarray(X, dtype="float32")
        if x.ndim != 2 or x.shape[1] != self.width:
            raise ValueError(
                f"`X` must have shape (rows, {self.width}). Received: an array of shape {x.shape}."
            )
        if not np.isfinite(x).all():
            raise ValueError("`X` must contain finite numbers. Received: NaN or infinity.")
        return x


# ------------------------------------------------------------------------------------- encoder


class Encoder:
    """Columns of any type to the matrix of the network."""

    def __init__(self, description, arrays):
        self.names, self.n_columns = description["names"], description["n_columns"]
        self.width = description["width"]
        self.robust = description["scaling"] == "robust"
        self.centers, self.scales = arrays["centers"], arrays["scales"]
        self.count = len(self.centers)
        self.far = self.count and 2 * LARGEST * self.scales.max() > 1e150
        states = [c for c in description["columns"] if c["sources"] is None]
        by_position = {c["position"]: column_of(c, arrays) for c in states}
        self.columns = [c for c in by_position.values() if c.used]
        self.crosses = []
        for state in description["columns"]:
            if state["sources"] is not None:
                sources = [by_position[j] for j in state["sources"]]
                self.crosses.append((column_of(state, arrays), sources))
        self.keys = {c.key for c in by_position.values()}
        self.steps = [(c.key, c.cells) for c in self.columns]

    def __call__(self, X):
        """X as float32 `(rows, width)`."""
        if type(X) is dict and self.names is not None:
            first = next(iter(X.values()), None)
            if type(first) in SEQUENCES:
                return self.table(self.rows_of(X))
            if len(X) == len(self.keys):  # then none is unknown if none is missing
                try:
                    return self.row(X)[None]
                except KeyError:
                    pass
            self.check_names(X)
            return self.row(X)[None]
        if self.names is None:
            array = X if isinstance(X, np.ndarray) else np.array(X, dtype=object)
            if array.ndim != 2 or array.shape[1] != self.n_columns:
                raise ValueError(
                    f"`X` must have shape (rows, {self.n_columns}). Received: an array of shape "
                    f"{array.shape}."
                )
            return self.table([dict(enumerate(row)) for row in array.tolist()])
        if not isinstance(X, (list, tuple)) or not all(isinstance(row, dict) for row in X):
            raise ValueError(
                "`X` must be a dict of values (one row), a list of such dicts, or a dict of "
                f"columns. Received: {type(X).__name__}."
            )
        given = {name for row in X for name in row}
        if X:
            self.check_names(given)
        return self.table([{**dict.fromkeys(self.keys), **row} for row in X])

    def rows_of(self, columns):
        """A dict of columns as a list of dicts."""
        self.check_names(columns)
        cells = [plain(values) for values in columns.values()]
        if len(set(map(len, cells))) > 1:
            raise ValueError(
                "Columns of `X` must have the same length. "
                f"Received: lengths {list(map(len, cells))}."
            )
        return [dict(zip(columns, row, strict=True)) for row in zip(*cells, strict=True)]

    def check_names(self, given):
        """Reject missing and unknown columns."""
        missing = [c.key for c in self.columns if c.key not in given]
        missing += [s.key for _, sources in self.crosses for s in sources if s.key not in given]
        unknown = [name for name in given if name not in self.names]
        if missing or unknown:
            raise ValueError(
                f"`X` must have the same columns as in `fit`. Missing: {missing}. "
                f"Unknown: {unknown}."
            )

    def table(self, rows):
        if not rows:
            return np.empty((0, self.width), dtype="float32")
        return np.stack([self.row(row) for row in rows])

    def row(self, row):
        """One row, a dict, as float32 `(width,)`."""
        numbers, flags, codes = [], [], []
        for key, cells in self.steps:
            cells(row[key], numbers, flags, codes)
        for column, sources in self.crosses:
            texts = [source.text(row[source.key]) for source in sources]
            joined = None if None in texts else " & ".join(texts)
            column.cells(joined, numbers, flags, codes)
        out = np.empty(self.width, dtype="float32")
        if numbers:
            x = np.array(numbers)
            x -= self.centers
            x *= self.scales
            if self.robust:
                if self.far:
                    x = np.clip(x, -1e150, 1e150)
                y = x * x
                y *= 1 / 9
                y += 1
                x /= np.sqrt(y, out=y)
            else:
                x = np.minimum(np.maximum(x, -FARTHEST), FARTHEST)
            out[: self.count] = x
        flags += codes
        if flags:
            out[self.count :] = flags
        elif not numbers:  # no column varied
            out[:] = 0
        return out


def plain(values):
    """A column as a list of Python values; dates and durations of NumPy as `datetime` has them."""
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        values = values.astype(f"{values.dtype.kind}8[us]")
    return values.tolist() if isinstance(values, np.ndarray) else values


def column_of(state, arrays):
    kinds = {"numeric": Number, "duration": Duration, "datetime": Moment, "instant": Moment,
             "boolean": Boolean, "category": Category, "text": Sentence}  # fmt: skip
    return kinds.get(state["kind"], Unused)(state, arrays)


class ColumnReader:
    """One column: `cells` appends its numbers, flags and code, `text` is its text for a cross."""

    def __init__(self, state, arrays):
        self.name, self.used = state["name"], state["used"]
        self.key = state["name"] if state["named"] else state["position"]
        table = None if state["table"] is None else arrays[state["table"]["array"]]
        small = table is not None and table.size <= 2**16
        self.table = table.tolist() if small else table
        self.present, self.absent = [], []
        if table is not None:
            self.present, self.absent = table[0].tolist(), table[-1].tolist()
        self.reading, self.stray = state["reading"], state["stray"]
        self.sentinels = frozenset(state["sentinels"])
        self.parts, self.coded = state["parts"], state["code_at"] is not None
        first = state.get("part", 0)  # a missing number is at the center
        self.centers = arrays["centers"][first : first + len(self.parts)].tolist()

    def read(self, text):
        """A text as its reading has it, None if it stands for a missing value."""
        if self.reading is not None:
            found = parse(text, self.reading)
            if found is not None or self.stray or is_missing(text):
                return found
        raise self.wrong(text)

    def wrong(self, value):
        kind = type(self).__name__.lower()
        return ValueError(f"Column {self.name!r} must contain a {kind}. Received: {value!r}.")


class Number(ColumnReader):
    def __init__(self, state, arrays):
        super().__init__(state, arrays)
        self.direct = type(self) is Number and not self.sentinels

    def number(self, value):
        kind = type(value)
        if kind is float or kind is int:
            value = float(value)
        elif lacks(value):
            return NAN
        elif isinstance(value, str):
            found = self.read(value)
            value = NAN if found is None else found
        elif isinstance(value, (int, float, np.number, np.bool_, Decimal)):
            value = float(value)
        else:
            raise self.wrong(value)
        if not -LARGEST <= value <= LARGEST and value == value:
            raise ValueError(f"Column {self.name!r} must be finite. Received: {value!r}.")
        return NAN if value in self.sentinels else value

    def cells(self, value, numbers, flags, codes):
        if not (self.direct and type(value) is float and -LARGEST <= value <= LARGEST):
            value = self.number(value)
        if value == value:
            if self.parts:
                numbers.append(value)
            flags += self.present
        else:
            numbers += self.centers
            flags += self.absent

    def text(self, value):
        value = self.number(value)
        return as_text(value) if value == value else None


class Duration(Number):
    def number(self, value):
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, np.timedelta64):
            return float(value.astype("m8[us]").astype("int64")) / 1e6
        if lacks(value):
            return NAN
        if not isinstance(value, str):
            raise self.wrong(value)
        found = self.read(value)
        return NAN if found is None else found


class Moment(ColumnReader):
    def __init__(self, state, arrays):
        super().__init__(state, arrays)
        self.zoned = state["kind"] == "instant"
        self.sentinels = {microseconds(datetime.fromisoformat(text)) for text in self.sentinels}

    def cells(self, value, numbers, flags, codes):
        moment = self.moment(value)
        if moment is None:
            numbers += self.centers
            flags += self.absent
        else:
            found = parts_of(moment)
            numbers += [found[suffix] for suffix in self.parts]
            flags += self.present

    def moment(self, value):
        """Microseconds since 1970, or None."""
        if isinstance(value, np.datetime64):
            value = value.astype("M8[us]").item()
        if lacks(value):
            return None
        numeric = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if numeric and self.stray and self.reading:  # such as 20210331
            value = as_text(value)
        if isinstance(value, str):
            value = self.read(value)
            if value is None:
                return None
        elif isinstance(value, datetime):
            if (value.tzinfo is not None) != self.zoned:
                raise self.wrong(value)
        elif isinstance(value, date) and not self.zoned:
            value = datetime(value.year, value.month, value.day)
        else:
            raise self.wrong(value)
        value = microseconds(value)
        return None if value in self.sentinels else value


def microseconds(moment):
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return (moment - EPOCH) // timedelta(microseconds=1)


def parts_of(moment):
    """The numbers of a date, by suffix of their name."""
    seconds, days = moment / 1e6, moment // DAY
    day = EPOCH + timedelta(days=days)
    parts = {" elapsed days": seconds / 86_400}
    for period, turn in (
        ("year", (day.timetuple().tm_yday - 1) / 365.25),
        ("week", (days + 3) % 7 / 7),  # 1970-01-01 was a Thursday
        ("day", seconds / 86_400 % 1),
    ):
        parts[f" sine of {period}"] = math.sin(2 * math.pi * turn)
        parts[f" cosine of {period}"] = math.cos(2 * math.pi * turn)
    return parts


class Boolean(ColumnReader):
    def code(self, value):
        if isinstance(value, (bool, np.bool_)):
            return int(value)
        if lacks(value):
            return None
        if isinstance(value, str):
            found = self.read(value)
            return None if found is None else int(found)
        if isinstance(value, (int, float, np.number)) and value in (0, 1):
            return int(value)
        raise self.wrong(value)

    def cells(self, value, numbers, flags, codes):
        code = self.code(value)
        if self.table is not None:
            flags.extend(self.absent if code is None else self.table[code + 1])

    def text(self, value):
        code = self.code(value)
        return None if code is None else ("False", "True")[code]


class Category(ColumnReader):
    def __init__(self, state, arrays):
        super().__init__(state, arrays)
        self.codes, self.buckets = state["codes"], state["buckets"]
        self.numbers, self.wide = state["numbers"], state["wide"]
        self.dates = any(map(is_date, self.codes))

    def text(self, value):
        """The value as text, or None."""
        if type(value) is str:
            return value
        if lacks(value):
            return None
        timed = isinstance(value, (date, np.datetime64))
        if not isinstance(value, str) and not (self.dates if timed else self.numbers):
            raise self.wrong(value)
        if self.wide and isinstance(value, (float, np.floating)) and abs(value) >= LARGEST_CODE:
            raise ValueError(
                f"Column {self.name!r} has categories beyond 2**53. Pass an integer or text."
            )
        return as_text(value)

    def cells(self, value, numbers, flags, codes):
        text = value if type(value) is str else self.text(value)
        if text is None:
            code, row = -1, -1
        elif self.buckets:
            code, row = zlib.crc32(text.encode("utf-8", "replace")) % self.buckets, 0
        else:
            code = self.codes.get(text, -1)
            row = code + 1
        if self.table is not None:
            flags.extend(self.table[row])
        if self.coded:
            codes.append(code + 1)


class Sentence(ColumnReader):
    """A column of sentences: hashed character n-grams, weighted and reduced."""

    def __init__(self, state, arrays):
        super().__init__(state, arrays)
        self.idf, self.components = (arrays[state[name]["array"]] for name in ("idf", "components"))
        self.positions = [int(suffix.split()[-1]) - 1 for suffix in self.parts]

    def text(self, value):
        return None if lacks(value) else as_text(value)

    def cells(self, value, numbers, flags, codes):
        text = self.text(value)
        numbers += self.centers if text is None else self.reduced(text)
        flags += self.absent if text is None else self.present

    def reduced(self, text):
        counts = {}
        for gram in grams(text.encode("utf-8", "replace").decode().lower()):
            bucket = abs(murmur3(gram.encode())) % len(self.idf)
            counts[bucket] = counts.get(bucket, 0) + 1
        buckets = np.array(list(counts), dtype="int64")
        values = np.log1p(np.array(list(counts.values()), dtype="float64")) * self.idf[buckets]
        length = math.sqrt(float(values @ values)) or 1.0
        found = (values / length) @ self.components[buckets]
        return [float(found[position]) for position in self.positions]


class Unused(ColumnReader):
    def text(self, value):
        return None if lacks(value) else as_text(value)


def lacks(value):
    """Whether a value is missing: None, NaN, or what pandas calls NA and NaT."""
    if value is None:
        return True
    if isinstance(value, (float, np.floating)):
        return value != value
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    return type(value).__name__ in ("NAType", "NaTType")


def as_text(value):
    """A category as text: 3, 3.0 and "3" are one, and a fraction and its copy in float32."""
    if isinstance(value, Decimal) and value.is_finite():
        return str(int(value)) if value == int(value) else format(value, "f").rstrip("0")
    if isinstance(value, (float, np.floating)):
        return str(int(value) if float(value).is_integer() else np.float32(value))
    if isinstance(value, datetime) and value.tzinfo is not None:
        value = value.astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, np.datetime64):
        value = value.astype("M8[us]").item()
    if isinstance(value, timedelta):
        return as_text(value.total_seconds())
    return str(value)


def is_date(text):
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def grams(text):
    """Character 3- and 4-grams inside words, as scikit-learn's analyzer "char_wb" has them."""
    for word in text.split():
        word = f" {word} "
        for n in (3, 4):
            yield word[:n]
            for i in range(1, len(word) - n + 1):
                yield word[i : i + n]
            if len(word) <= n:
                break


def murmur3(data):
    """MurmurHash3 of bytes with seed 0, as a signed 32-bit integer."""
    mask, h, end = 0xFFFFFFFF, 0, len(data) & ~3
    for i in range(0, end, 4):
        k = int.from_bytes(data[i : i + 4], "little") * 0xCC9E2D51 & mask
        k = ((k << 15 | k >> 17) & mask) * 0x1B873593 & mask
        h ^= k
        h = (h << 13 | h >> 19) & mask
        h = h * 5 + 0xE6546B64 & mask
    if len(data) & 3:
        k = int.from_bytes(data[end:], "little") * 0xCC9E2D51 & mask
        h ^= ((k << 15 | k >> 17) & mask) * 0x1B873593 & mask
    h ^= len(data)
    h = (h ^ h >> 16) * 0x85EBCA6B & mask
    h = (h ^ h >> 13) * 0xC2B2AE35 & mask
    h ^= h >> 16
    return h - 2**32 if h >= 2**31 else h


# --------------------------------------------------------------------------------- text formats
# `numpy_format` appends the source of these functions from `tables/texts/parsing.py`.
parse_number = tidy_date = parse_time = parse_boolean = parse_serial = is_missing = common_era = (
    None
)


def parse(text, reading):
    """A text as a float or a `datetime`, None if it is neither."""
    kind = reading["as"]
    if kind == "number":
        marks = reading["decimal"], reading["thousands"], frozenset(reading["units"])
        if marks[0] == "." and text and set(text) <= set("0123456789+-.eE"):
            try:
                return float(text)
            except ValueError:
                pass
        return parse_number(text, *marks, reading.get("factors", {}))
    if kind == "date":
        text = common_era(text) if reading.get("era") else text
        found = parse_formats(text, reading["formats"])
        return parse_serial(text) if found is None and reading.get("serials") else found
    return parse_time(text) if kind == "time" else parse_boolean(text)


def parse_formats(text, formats):
    """A text by the first format that fits, as written or tidied."""
    for tidied in (text.replace("T", " "), tidy_date(text)):
        for form in formats:
            found = parse_format(tidied, form)
            if found is None and "%f" in form:  # nanoseconds
                found = parse_format(re.sub(r"(\.\d{6})\d{1,3}", r"\1", tidied), form)
            if found is not None:
                return found
    return None


def parse_format(text, form):
    try:
        moment = datetime.strptime(text, form)
    except ValueError:
        return None
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)
