"""Prove that an export gives the predictions of its model: both predict the same rows.

The export runs in a fresh Python process, by its own runtime and without kerasdnn. The rows are
drawn from what the encoder has learned: ordinary ones, and awkward ones with missing values, unseen
categories and extreme numbers, one row at a time and many at once.
"""

import json
import os
import string
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ..checks.table_columns import LARGEST
from .description import unseen_text

TOLERANCE = 1e-5
N_ORDINARY, N_MANY, N_SINGLE, N_UNSEEN, MAX_MISSING = 200, 5_000, 8, 16, 60
EPOCH = datetime(1970, 1, 1)
FIRST, LAST = datetime(1902, 1, 1), datetime(2099, 12, 31)
MAX_SECONDS = 600  # of the process
FAR = (
    "Its numbers are so far from those of the training that the rounding of float32, in which the "
    "model computes, exceeds the tolerance. "
)


@dataclass
class Rows:
    """Rows to predict: `cells` are what JSON holds, or dicts such as {"moment": "2021-03-31"}."""

    kind: str
    names: list | None
    cells: list = field(default_factory=list)

    def to_json(self):
        return {"names": self.names, "rows": self.cells}

    def to_table(self):
        """What the model predicts from."""
        rows = [[from_cell(value) for value in row] for row in self.cells]
        if self.names is not None:
            return pd.DataFrame(
                {name: pd.Series(list(values)) if any(isinstance(v, (datetime, timedelta))
                                                      for v in values)
                 else column_of(values) for name, values in zip(self.names, zip(*rows, strict=True),
                                                                strict=True)}
            )  # fmt: skip
        numbers = all(v is None or isinstance(v, float) for row in rows for v in row)
        return np.array(rows, dtype="float64" if numbers else object)


def column_of(values):
    numbers = all(v is None or isinstance(v, float) for v in values)
    return np.array(values, dtype="float64" if numbers else object)


def from_cell(value):
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    return datetime.fromisoformat(content) if kind == "moment" else timedelta(seconds=content)


def draw_rows(description, as_text, single=False):
    """Ordinary and awkward rows for a model.

    Args:
        description: see `description.describe`.
        as_text: bool, whether columns whose text is read as numbers, dates or times get text. Else
            they get numbers, dates and times themselves.
        single: bool, whether numbers are those of float32.

    Returns:
        list of `Rows`.
    """
    rng = np.random.default_rng(0)
    if description["kind"] == "network":
        width, names = description["width"], description["names"]
        found = {"ordinary": rng.normal(size=(N_ORDINARY, width)),
                 "extreme": rng.normal(size=(50, width)) * 10.0 ** rng.integers(-6, 4, (50, 1)),
                 "many": rng.normal(size=(N_MANY, width))}  # fmt: skip
        found["extreme"][:2] = [[0.0] * width, [1.0] * width]
        tables = {k: v.astype("float32").astype("float64").tolist() for k, v in found.items()}
    else:
        names, tables = table_rows(description, as_text, single, rng)
    singles = [("single", [row]) for row in tables["ordinary"][:N_SINGLE]]
    return [Rows(kind, names, cells) for kind, cells in [*tables.items(), *singles]]


def table_rows(description, as_text, single, rng):
    drawn = [c for c in description["columns"] if c["sources"] is None]
    column_names = description["names"]
    draws = [Draws(c, description, as_text, single, rng) for c in drawn]

    def ordinary(count):
        return [[d.ordinary() for d in draws] for _ in range(count)]

    tables = {"ordinary": ordinary(N_ORDINARY), "many": ordinary(N_MANY)}
    missing = ordinary(1 + min(len(draws), MAX_MISSING))
    missing[0] = [None] * len(draws)
    for row, j in zip(missing[1:], rng.permutation(len(draws)), strict=False):
        row[j] = None
    tables["missing"] = missing
    if any(d.column["kind"] == "category" for d in draws):
        tables["unseen"] = [[d.unseen() for d in draws] for _ in range(N_UNSEEN)]
    n_extremes = max((len(d.extremes) for d in draws), default=0)
    tables["extreme"] = [[d.extreme(i) for d in draws] for i in range(n_extremes)]
    for j, d in enumerate(draws[:MAX_MISSING]):
        for value in d.extremes:
            row = ordinary(1)[0]
            row[j] = value
            tables["extreme"].append(row)
    if not tables["extreme"]:
        del tables["extreme"]
    if column_names is None:
        places = [c["position"] for c in drawn]
        width = description["n_columns"]
        for kind, rows in tables.items():
            full = [dict(zip(places, row, strict=True)) for row in rows]
            tables[kind] = [[row.get(j) for j in range(width)] for row in full]
        return None, tables
    return [c["name"] for c in drawn], tables


class Draws:
    """Values of one column, and how they are written."""

    def __init__(self, column, description, as_text, single, rng):
        self.column, self.single, self.rng = column, single, rng
        self.reading = column["reading"] if as_text and column["stray"] else None
        self.texts = list(column.get("codes", ()))
        self.center, self.spread = 0.0, 1.0
        if column["parts"] and column["kind"] != "text":
            self.center = float(description["centers"][column["part"]])
            self.spread = 1 / float(description["scales"][column["part"]])
        if column["parts"] and column["parts"][0] != " elapsed days" and self.is_date():
            self.center, self.spread = 15_000.0, 1_000.0  # days since 1970
        self.extremes = self.make_extremes()

    def is_date(self):
        return self.column["kind"] in ("datetime", "instant")

    def ordinary(self):
        kind = self.column["kind"]
        if self.rng.random() < 0.03:
            return None
        if kind == "boolean":
            return self.written(bool(self.rng.random() < 0.5))
        if kind == "category":
            if self.column["buckets"]:
                return f"value {self.rng.integers(10_000)}"
            return self.texts[self.rng.integers(len(self.texts))] if self.texts else "a"
        if kind == "text":
            words = ["".join(self.rng.choice(list(string.ascii_lowercase), size))
                     for size in self.rng.integers(1, 10, self.rng.integers(1, 9))]  # fmt: skip
            return " ".join(words)
        return self.written(self.center + self.spread * float(self.rng.normal()))

    def unseen(self):
        if self.column["kind"] == "category":
            return unseen_text(self.column["codes"])
        return self.ordinary()

    def extreme(self, i):
        return self.extremes[i % len(self.extremes)] if self.extremes else self.ordinary()

    def make_extremes(self):
        column = self.column
        if self.is_date():
            days = [(moment - EPOCH).days for moment in (FIRST, LAST)] + [0, 11_016, 19_722.999]
            found = [self.written(float(day)) for day in days]
            return found + [{"moment": text} for text in column["sentinels"] if not self.reading]
        if column["kind"] in ("numeric", "duration"):
            steps = [-1e3, -20.0, 20.0, 1e3]
            found = [self.written(self.center + step * self.spread) for step in steps]
            found += [self.written(0.0)]
            if column["kind"] == "numeric" and not self.reading:
                found += [-LARGEST, LARGEST, *map(float, column["sentinels"])]
            return found
        if column["kind"] == "text":
            return ["", " ", "A", "É" * 300, "word " * 200]
        return []

    def written(self, value):
        """A value as a cell, as text if the column has a reading."""
        kind, reading = self.column["kind"], self.reading
        if kind == "boolean":
            return value if reading is None else "yes" if value else "no"
        value = float(np.float32(value)) if self.single else value
        if kind == "duration":
            seconds = float(np.clip(value, -8e6, 8e6))
            if reading is None:
                return {"seconds": round(seconds, 6)}
            whole = abs(int(seconds)) % 360_000
            return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        if self.is_date():
            low, high = ((moment - EPOCH).days for moment in (FIRST, LAST))
            zone = UTC if kind == "instant" else None
            moment = EPOCH.replace(tzinfo=zone) + timedelta(days=float(np.clip(value, low, high)))
            if reading is not None:
                return moment.strftime(str(self.rng.choice(reading["formats"])))
            return {"moment": moment.isoformat()}
        value = float(np.clip(value, -LARGEST, LARGEST))
        if reading is None:
            return value
        digits = f"{abs(value):,.2f}" if abs(value) < 1e12 else "0.00"
        marks = {",": reading["thousands"], ".": reading["decimal"]}
        digits = "".join(marks.get(c, c) for c in digits)
        unit = str(self.rng.choice(reading["units"]))
        return f"{'-' if value < 0 else ''}{digits}{' ' if unit.isalpha() else ''}{unit}"


# ------------------------------------------------------------------------------------ comparison


def prove(model, description, tables, runtime, folder, instead):
    """Compare an export with its model.

    Args:
        model: fitted estimator or network.
        description: see `description.describe`.
        tables: list of `Rows`.
        runtime: str, the program that predicts, called with the folder of the export, a file of
            rows and a file for its predictions. A program may answer by further, less exact files
            of the export.
        folder: Path of the export.
        instead: str, another format, which an error names.

    Returns:
        dict for the manifest: "rows" by kind, "largest_difference" by kind and in all, the
        tolerance and the versions of the runtime; of further files what `compared` returns, next
        to that of the export itself.

    Raises:
        ValueError: a prediction differs by more than `TOLERANCE`.
        RuntimeError: the runtime failed.
    """
    found = run(runtime, folder, [rows.to_json() for rows in tables])
    expected = [predictions(model, description["kind"], rows) for rows in tables]
    counts: dict[str, int] = {}
    largest: dict[str, float] = {}
    for rows, (numbers, labels), told in zip(tables, found["answers"], expected, strict=True):
        differences, wrong = compare(told, numbers, labels, description)
        if wrong.any():
            threshold = description["target"].get("threshold", 0.5)
            differences[wrong & ~is_tie(told[0], description["kind"], threshold)] = np.inf
        worst = float(differences.max(initial=0))
        counts[rows.kind] = counts.get(rows.kind, 0) + len(rows.cells)
        largest[rows.kind] = max(largest.get(rows.kind, 0.0), worst)
        if not worst <= TOLERANCE:
            row = int(np.argmax(np.nan_to_num(differences, nan=np.inf)))
            shown = np.asarray(numbers, "float64").reshape(told[0].shape)[row].ravel()
            raise ValueError(
                f"The export differs from the model by {worst:.3g} (more than {TOLERANCE}) in "
                f"{int((~(differences <= TOLERANCE)).sum()):,} of {len(rows.cells):,} "
                f"{rows.kind} rows, so nothing was written. Row {row}: the model predicts "
                f"{told[0][row].ravel().tolist()[:5]}, the export {shown.tolist()[:5]}. "
                + FAR * (rows.kind == "extreme" and worst <= 100 * TOLERANCE)
                + f"Pass format={instead!r}."
            )
    proof = {
        "rows": counts | {"all": sum(counts.values())},
        "largest_difference": largest | {"all": max(largest.values())},
        "tolerance": TOLERANCE,
        "measure": MEASURES[description["kind"]],
        "versions": found["versions"],
    }
    if "variants" in found:
        every = {"float": found["answers"], **found["variants"]}
        proof["compared"] = {
            name: compared(answers, expected, description) for name, answers in every.items()
        }
    return proof


def compare(told, numbers, labels, description):
    """`(differences, whether the label is another)` of each row."""
    expected, expected_labels = told
    numbers = np.asarray(numbers, dtype="float64").reshape(expected.shape)
    wrong = np.zeros(len(expected), dtype=bool)
    if labels is not None and expected_labels is not None:
        wrong[:] = [a != b for a, b in zip(expected_labels.tolist(), labels, strict=True)]
    return difference(expected, numbers, description), wrong


def compared(answers, expected, description):
    """How far answers are from those of the model, in all rows; labels as a share that agrees."""
    pairs = [compare(told, *answer, description)
             for told, answer in zip(expected, answers, strict=True)]  # fmt: skip
    differences, wrong = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    found = {"largest_difference": float(differences.max()),
             "mean_difference": float(differences.mean())}  # fmt: skip
    if expected[0][1] is not None and description["kind"] != "regressor":
        found["equal_labels"] = float(1 - wrong.mean())
    return found


MEASURES = {
    "classifier": "absolute difference of probabilities; labels are equal",
    "labels": "absolute difference of probabilities; labels are equal",
    "regressor": "difference in standard deviations of y, relative where predictions are larger",
    "network": "absolute difference, relative where outputs are larger than 1",
}


def predictions(model, kind, rows):
    """What the model predicts: `(numbers, labels or None)`."""
    table = rows.to_table()
    if kind == "network":
        return model.predict(np.asarray(table, "float32"), verbose=0).astype("float64"), None
    if kind == "regressor":
        return model.predict(table), None
    return model.predict_proba(table), model.predict(table)


def difference(expected, found, description):
    """The largest difference of each row; infinite where only one is NaN or infinite."""
    size = np.ones(())
    if description["kind"] == "regressor":
        unit = np.array(description["target"]["unit"])
        size = np.maximum(np.abs(expected), unit[0] if expected.ndim == 1 else unit)
    elif description["kind"] == "network":
        size = np.maximum(np.abs(expected), 1)
    with np.errstate(invalid="ignore"):
        gap = np.abs(expected - found) / size
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    gap = np.where(same, 0, np.where(np.isnan(gap), np.inf, gap))
    return gap.reshape(len(gap), -1).max(axis=1, initial=0)


def is_tie(probabilities, kind, threshold=0.5):
    """Where the predicted labels may differ by rounding."""
    if kind == "labels":
        return (np.abs(probabilities - 0.5) <= TOLERANCE).any(axis=1)
    if threshold != 0.5:
        return np.abs(probabilities[:, 1] - threshold) <= TOLERANCE
    top = np.sort(probabilities, axis=1)[:, -2:]
    return top[:, 1] - top[:, 0] <= 2 * TOLERANCE


def run(program, folder, tables):
    """The answers and versions of a runtime, from a fresh process."""
    with tempfile.TemporaryDirectory() as scratch:
        given, taken = Path(scratch) / "rows.json", Path(scratch) / "answers.json"
        given.write_text(json.dumps(tables), "utf-8")
        paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, paths))}
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        done = subprocess.run(
            [sys.executable, "-B", "-c", program, str(folder), str(given), str(taken)],
            capture_output=True,
            text=True,
            cwd=scratch,
            env=environment,
            timeout=MAX_SECONDS,
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines()[-8:]
            raise RuntimeError(
                "The export cannot be loaded or fails to predict, so nothing was written:\n"
                + "\n".join(lines)
            )
        return json.loads(taken.read_text("utf-8"))
