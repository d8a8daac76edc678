"""Write `model.onnx`: ONNX's own operators, strings in, labels and probabilities out.

Each input is a vector, one value per row:

    numbers                 double, NaN where missing
    booleans                double 0 or 1, NaN where missing
    yes and no as text      string, "" where missing
    dates                   double, seconds since 1970-01-01 (UTC if the column has time zones)
    durations               double, seconds
    categories              string, "" where missing (where "" is a category: see the manifest)

Numbers, dates and times written as text, sentences, hashed categories and combinations of columns
have no operator. The names of inputs are those of "saved_model"; the manifest lists them. A network
takes a float matrix, "x".

The outputs are "label" and "probabilities" of a classifier, "prediction" of a regressor, "output"
of a network. A number that is infinite, which the model rejects, is an error of the runtime that
names the input.
"""

import re
from math import pi
from pathlib import Path

import numpy as np

from ..checks.table_columns import LARGEST
from ..tables.columns import FARTHEST
from ..tables.texts.parsing import FALSE, TRUE
from .description import need_steps, refuse
from .onnx_graph import ML, OPSET, Graph, add_steps, clipped, columns, f64, i64
from .saved_model_format import CELLS, DAY, inputs_of

RUNTIME = (
    """
import json, os, sys
for name in ("kerasdnn", "tensorflow", "keras", "pandas", "sklearn", "onnx"):
    sys.modules[name] = None
import numpy as np, onnxruntime
from datetime import datetime, timezone
session = onnxruntime.InferenceSession(
    os.path.join(sys.argv[1], "model.onnx"), providers=["CPUExecutionProvider"])
"""
    + CELLS
    + """
def feed(table):
    if inputs[0]["dtype"] == "float":
        return {"x": np.array(table["rows"], "float32")}
    return {name: np.array(values, object if text else "float64")
            for name, text, values in cells(table)}
names = [one.name for one in session.get_outputs()]
answers = []
for table in json.load(open(sys.argv[2])):
    found = dict(zip(names, session.run(None, feed(table))))
    numbers = found.get("probabilities", found.get("prediction", found.get("output")))
    label = found["label"].tolist() if "label" in found else None
    answers.append([numbers.astype("float64").tolist(), label])
versions = {"python": sys.version.split()[0], "onnxruntime": onnxruntime.__version__}
json.dump({"answers": answers, "versions": versions}, open(sys.argv[3], "w"))
"""
)
OUTPUTS = ("label", "probabilities", "prediction", "output")
SPACE = r"[\s\v\x1c-\x1f\x{85}\pZ]*"  # what `str.strip` removes
MATRIX = "x"


def write(model, description, folder):
    """Write the ONNX model of `model` into a folder; returns what the manifest lists of it.

    Raises:
        ValueError: a layer or a column that ONNX's operators cannot reproduce, by name.
    """
    need_steps(description, "onnx")
    g = Graph(description["width"])
    if description["kind"] == "network":
        inputs = [{"name": MATRIX, "dtype": "float", "shape": [None, description["width"]]}]
        g("Identity", add_steps(g, MATRIX, description["steps"]), to="output")
        given = [(MATRIX, "float32", ["rows", description["width"]])]
        outputs = [("output", "float32", ["rows", description["outputs"]])]
    else:
        inputs = describe_inputs(description)
        x = encode(g, description, inputs)
        outputs = decode(g, add_steps(g, x, description["steps"]), description)
        given = [
            (one["name"], one["dtype"] if one["dtype"] == "string" else "float64", ["rows"])
            for one in inputs
        ]
    content = g.model(given, outputs).SerializeToString()
    (Path(folder) / "model.onnx").write_bytes(content)
    named = {name: np.dtype(dtype).name if dtype != "string" else dtype
             for name, dtype, _ in outputs}  # fmt: skip
    return {"inputs": inputs, "outputs": named, "opset": OPSET}


def describe_inputs(description):
    """The inputs of an estimator.

    Raises:
        ValueError: a column that ONNX's operators cannot encode exactly, by name.
    """
    reasons = [(c["name"], reason(c)) for c in description["columns"]]
    refuse("onnx", [(name, why) for name, why in reasons if why], "numpy")
    if description["empty"] or not description["columns"]:
        raise ValueError("format='onnx' needs a column that varies. Pass format='numpy'.")
    inputs = inputs_of(description, OUTPUTS)
    for one, column in zip(inputs, description["columns"], strict=True):
        if reads_text(column):
            one |= {"dtype": "string", "missing": ""}
    return inputs


def reads_text(column):
    """Whether the text of a column is read as another type."""
    return column["stray"] and column["reading"] is not None


def reason(column):
    if column["kind"] == "text":
        return "holds sentences"
    if column.get("buckets"):
        return "is hashed"
    if column["sources"] is not None:
        return "combines columns"
    if reads_text(column) and column["kind"] != "boolean":
        return f"holds text that is read as {column['reading']['as']}s"
    return ""


# ------------------------------------------------------------------------------------- encoder


def encode(g, description, inputs):
    """Add the encoder; returns the name of the float32 matrix that the network takes."""
    numbers, flags, codes = [], [], []
    for column, one in zip(description["columns"], inputs, strict=True):
        kind, table = column["kind"], column["table"]
        if kind == "category":
            position = category_position(g, one, column)
        elif kind == "boolean":
            position = boolean_position(g, one)
        else:
            values = number(g, one, column)
            position = g.cast(g("IsNaN", values), "int64")
            parts = date_parts(g, values) if kind in ("datetime", "instant") else {"": values}
            numbers += [parts[suffix] for suffix in column["parts"]]
        if table is not None:
            flags.append(g("Gather", table.astype("float32"), position, axis=0))
        if column["code_at"] is not None:
            missing = g("Equal", position, i64(last_position(column)))
            codes.append(as_column(g, g.cast(g("Where", missing, i64(0), position), "float32")))
    parts = [scaled(g, numbers, description)] if numbers else []
    return g("Concat", *parts, *flags, *codes, axis=1)


def as_column(g, x):
    return g("Unsqueeze", x, i64(1))


def last_position(column):
    """The row of the table of flags that stands for a missing value."""
    if column["table"] is not None:
        return len(column["table"]) - 1
    return max(column.get("codes", {}).values(), default=-1) + 2


def category_position(g, one, column):
    """Row of the table of flags: 0 if unseen, then the categories, then missing."""
    texts = [*column["codes"], one["missing"]]
    rows = [code + 1 for code in column["codes"].values()] + [last_position(column)]
    return g("LabelEncoder", one["name"], domain=ML, keys_strings=texts, values_int64s=rows,
             default_int64=0)  # fmt: skip


def boolean_position(g, one):
    """1 if false, 2 if true, 3 if missing."""
    values = one["name"]
    if one["dtype"] == "string":
        false, true = (g("RegexFullMatch", values, pattern=spelled(words))
                       for words in ({"0", *FALSE}, {"1", *TRUE}))  # fmt: skip
        return g("Where", true, i64(2), g("Where", false, i64(1), i64(3)))
    missing, true = g("IsNaN", values), g("Equal", values, f64(1))
    good = g("Or", g("Or", missing, true), g("Equal", values, f64(0)))
    position = g("Where", missing, i64(3), g("Where", true, i64(2), i64(1)))
    return g("Add", position, check(g, good, f"Input {values!r} must be 0, 1 or NaN."))


def spelled(words):
    """A pattern of words in any case, with spaces around them."""
    return f"(?i){SPACE}(?:{'|'.join(sorted(map(re.escape, words)))}){SPACE}"


def check(g, good, message):
    """Zeros, int64 `(rows,)`. Where `good` is false, the runtime fails and quotes `message`."""
    place = g("Sub", i64(1), g.cast(good, "int64"))  # outside of an array of one number
    return g("Gather", i64(0), place, axis=0, name=message)


def number(g, one, column):
    """Numbers whose sentinels are NaN."""
    values, sentinels = one["name"], column["sentinels"]
    if column["kind"] == "numeric":
        good = g("Or", g("IsNaN", values), g("LessOrEqual", g("Abs", values), f64(LARGEST)))
        zeros = check(g, good, f"Input {values!r} must contain finite numbers.")
        values = g("Add", values, g.cast(zeros, "float64"))
    for sentinel in sentinels:
        if column["kind"] != "numeric":
            sentinel = np.datetime64(sentinel, "us").astype("int64") / 1e6
        values = g("Where", g("Equal", values, f64(sentinel)), f64(np.nan), values)
    return values


def scaled(g, numbers, description):
    """The numbers as float32 columns; missing ones are 0."""
    x = g("Concat", *(as_column(g, number) for number in numbers), axis=1)
    x = g("Mul", g("Sub", x, f64(description["centers"])), f64(description["scales"]))
    missing = g("IsNaN", x)
    x = g("Where", missing, f64(0), x)
    if description["scaling"] == "robust":
        x = g("Min", g("Max", x, f64(-1e150)), f64(1e150))
        third = g("Div", x, f64(3))
        x = g("Div", x, g("Sqrt", g("Add", g("Mul", third, third), f64(1))))
    else:
        x = g("Min", g("Max", x, f64(-FARTHEST)), f64(FARTHEST))
    return g.cast(x, "float32")


def date_parts(g, seconds):
    """The numbers of a date, by suffix of their name; see `tables/columns.py`."""
    missing = g("IsNaN", seconds)
    present = g("Where", missing, f64(0), seconds)
    present = g("Div", g("Round", g("Mul", present, f64(1e6))), f64(1e6))
    elapsed = g("Div", present, f64(DAY))
    days = g("Floor", elapsed)
    turns = {
        "year": g("Div", day_of_year(g, days), f64(365.25)),
        "week": g("Div", remainder(g, g("Add", days, f64(3)), 7), f64(7)),  # day 0: a Thursday
        "day": g("Sub", elapsed, days),
    }
    parts = {" elapsed days": elapsed}
    for period, turn in turns.items():
        angle = g("Mul", turn, f64(2 * pi))
        parts[f" sine of {period}"] = g("Sin", angle)
        parts[f" cosine of {period}"] = g("Cos", angle)
    return {k: g("Where", missing, f64(np.nan), v) for k, v in parts.items()}


def quotient(g, x, divisor):
    return g("Floor", g("Div", x, f64(divisor)))


def remainder(g, x, divisor):
    return g("Sub", x, g("Mul", quotient(g, x, divisor), f64(divisor)))


def day_of_year(g, days):
    """The day of the year, 0 on January 1, of whole days since 1970-01-01, in doubles.

    Source: Hinnant, chrono-compatible low-level date algorithms, `civil_from_days`.
    """
    z = g("Add", days, f64(719_468))
    era = quotient(g, z, 146_097)
    day = remainder(g, z, 146_097)
    of_era = g("Sub", day, quotient(g, day, 1460))
    of_era = g("Add", of_era, quotient(g, day, 36_524))
    of_era = quotient(g, g("Sub", of_era, quotient(g, day, 146_096)), 365)
    begun = g("Add", g("Mul", of_era, f64(365)), quotient(g, of_era, 4))
    from_march = g("Sub", day, g("Sub", begun, quotient(g, of_era, 100)))
    year = g("Add", of_era, g("Mul", era, f64(400)))
    fourth, century, fourth_century = (
        g("Equal", remainder(g, year, divisor), f64(0)) for divisor in (4, 100, 400)
    )
    leap = g("Or", g("And", fourth, g("Not", century)), fourth_century)
    late = g("Add", g("Add", from_march, f64(59)), g.cast(leap, "float64"))
    early = g("Sub", from_march, f64(306))
    return g("Where", g("Less", early, f64(0)), late, early)


# ------------------------------------------------------------------------------------- decoder


def decode(g, output, description):
    """Add the outputs of an estimator; returns their `(name, dtype, shape)`."""
    kind, target, count = description["kind"], description["target"], description["outputs"]
    y = g.cast(output, "float64")
    if kind == "regressor":
        y = in_units(g, y, target)
        shape = ["rows"] if target["flat"] else ["rows", 1 if target["mean_first"] else count]
        if target["flat"]:
            g("Squeeze", y, i64(1), to="prediction")
        else:
            g("Identity", y, to="prediction")
        return [("prediction", "float64", shape)]
    p = clipped(g, y)
    likely = g.cast(g("Greater", y, f64(target["threshold"])), "int64")
    if kind == "labels":
        g("Identity", p, to="probabilities")
        g("Identity", likely, to="label")
        return [("label", "int64", ["rows", count]), ("probabilities", "float64", ["rows", count])]
    if target["binary"]:
        best = g("Squeeze", likely, i64(1))
        g("Concat", g("Sub", f64(1), p), p, axis=1, to="probabilities")
    else:
        best = g("ArgMax", output, axis=1, keepdims=0)
        g("Div", p, g("ReduceSum", p, i64(1), keepdims=1), to="probabilities")
    dtype = add_labels(g, best, target["labels"])
    return [
        ("label", dtype, ["rows"]),
        ("probabilities", "float64", ["rows", len(target["labels"])]),
    ]


def add_labels(g, best, labels):
    """Add the output "label" of positions; returns its dtype."""
    values = np.array(labels)
    if values.dtype.kind not in "Uib":
        values = values.astype("float64")
    if values.dtype.kind in "Ui":  # the operator that readers of ONNX know as labels
        kind = "values_strings" if values.dtype.kind == "U" else "values_int64s"
        positions = list(range(len(labels)))
        g("LabelEncoder", best, domain=ML, to="label", keys_int64s=positions,
          **{kind: values.tolist()})  # fmt: skip
        return "string" if values.dtype.kind == "U" else "int64"
    g("Gather", values, best, axis=0, to="label")
    return values.dtype.name


def in_units(g, y, target):
    y = columns(g, y, 0, 1) if target["mean_first"] else y  # of a distribution
    y = g("Add", g("Mul", g("Min", y, f64(LARGEST)), f64(target["scale"])), f64(target["center"]))
    if target["shift"] is not None:
        y = g("Mul", g("Exp", g("Min", y, f64(88))), f64(target["bias"]))
        y = g("Max", g("Sub", y, f64(target["shift"])), f64(0))
    if target["range"] is not None:
        low, high = f64(target["range"])
        y = g("Min", g("Max", y, low), high)
    return y
