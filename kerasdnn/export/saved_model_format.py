"""Write a TensorFlow SavedModel of TensorFlow operations only, with a signature of named columns.

Each input is a vector, one value per row:

    numbers                 double, NaN where missing
    booleans                double 0 or 1, NaN where missing
    dates                   double, seconds since 1970-01-01 (UTC if the column has time zones)
    durations               double, seconds
    categories              string, "" where missing (where "" is a category: see the manifest)

A column whose text kerasdnn reads as numbers, dates, times or booleans takes these values, not
their text. Sentences, hashed categories and combinations of columns have no TensorFlow operation.

In the names of inputs, whatever is not an ASCII letter or digit becomes "_": "home town" is
"home_town"; the manifest lists them. The signature "serving_default" takes the columns. "examples"
takes serialized `tf.train.Example`, whose numbers are float32; an absent feature is missing.
`tf.saved_model.load` and TensorFlow Serving need no kerasdnn.
"""

import re
from math import pi
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ..checks.table_columns import LARGEST
from ..core.messages import to_python
from ..decisions.outputs import before_activation
from ..tables.columns import FARTHEST
from .description import refuse, unseen_text

# What the runtimes of "saved_model" and "onnx" feed: `cells` yields the name of an input, whether
# it is text, and its values.
CELLS = """
inputs = json.load(open(os.path.join(sys.argv[1], "manifest.json")))["inputs"]
def number(value):
    if isinstance(value, dict):
        (kind, content), = value.items()
        if kind == "seconds":
            return content
        moment = datetime.fromisoformat(content)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
        return (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds()
    return float("nan") if value is None else float(value)
def cells(table):
    for one in inputs:
        at = one["position"] if table["names"] is None else table["names"].index(one["column"])
        values, text = [row[at] for row in table["rows"]], one["dtype"] == "string"
        missing = one.get("missing")
        yield one["name"], text, [
            (missing if v is None else v) if text else number(v) for v in values]
"""
RUNTIME = (
    """
import json, os, sys
for name in ("kerasdnn", "keras", "pandas", "sklearn"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
from datetime import datetime, timezone
loaded = tf.saved_model.load(sys.argv[1])
serve = loaded.signatures["serving_default"]
"""
    + CELLS
    + """
def feed(table):
    if inputs[0]["dtype"] == "float":
        return {"x": tf.constant(np.array(table["rows"], "float32"))}
    return {name: tf.constant(values, tf.string if text else tf.float64)
            for name, text, values in cells(table)}
answers = []
tables = json.load(open(sys.argv[2]))
for table in tables:
    found = serve(**feed(table))
    label = found.get("label")
    if label is not None:
        label = label.numpy()
        label = [v.decode() for v in label.tolist()] if label.dtype == object else label.tolist()
    numbers = found.get("probabilities", found.get("prediction", found.get("output")))
    answers.append([numbers.numpy().astype("float64").tolist(), label])
if "examples" in loaded.signatures:  # agrees with the columns, rounded to float32
    fed = {k: v[:20] for k, v in feed(tables[0]).items()}
    numbers = {k: v.numpy().astype("float32") for k, v in fed.items() if v.dtype != tf.string}
    def example(i):
        features = {}
        for k, v in fed.items():
            if k in numbers:
                floats = tf.train.FloatList(value=[numbers[k][i]])
                features[k] = tf.train.Feature(float_list=floats)
            else:
                texts = tf.train.BytesList(value=[v.numpy()[i]])
                features[k] = tf.train.Feature(bytes_list=texts)
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    count = len(next(iter(fed.values())))
    one = loaded.signatures["examples"](examples=tf.constant([example(i) for i in range(count)]))
    rounded = {k: tf.constant(v, tf.float64) for k, v in numbers.items()}
    two = serve(**{**fed, **rounded})
    for k in two:
        same = one[k].numpy() == two[k].numpy()
        assert np.all(same) or np.allclose(one[k], two[k], 1e-6, 1e-6), k
versions = {"python": sys.version.split()[0], "tensorflow": tf.__version__}
json.dump({"answers": answers, "versions": versions}, open(sys.argv[3], "w"))
"""
)
MARKER = "missing value"
DAY = 86_400.0


def describe_inputs(description):
    """The inputs of the signature.

    Raises:
        ValueError: a column that TensorFlow operations cannot encode exactly, by name.
    """
    if description["kind"] == "network":
        return [{"name": "x", "dtype": "float", "shape": [None, description["width"]]}]
    wrong = [
        (c["name"], "holds sentences" if c["kind"] == "text" else "is hashed"
         if c.get("buckets") else "combines columns")
        for c in description["columns"]
        if c["kind"] == "text" or c.get("buckets") or c["sources"] is not None
    ]  # fmt: skip
    refuse("saved_model", wrong, "numpy")
    return inputs_of(description)


def inputs_of(description, taken=()):
    """The inputs of an estimator, one per column, with names other than those `taken`."""
    inputs: list[dict] = []
    for column in description["columns"]:
        name = input_name(column, description["names"])
        while name in taken or name in [one["name"] for one in inputs]:
            name += "_"
        text = column["kind"] == "category"
        missing = "" if "" not in column.get("codes", ()) else unseen_text(column["codes"])
        one = {
            "name": name, "column": column["name"], "position": column["position"],
            "kind": column["kind"], "dtype": "string" if text else "double",
            "missing": missing if text else "NaN",
        }  # fmt: skip
        inputs.append(one)
    return inputs


def input_name(column, names):
    """A column's name with the letters that a signature allows."""
    name = "" if names is None else re.sub(r"\W+", "_", str(column["name"]), flags=re.ASCII)
    name = name.strip("_") or str(column["position"])
    return name if name[0].isalpha() else f"column_{name}"


def write(model, description, folder):
    """Write the SavedModel of `model` into a folder; returns its inputs for the manifest.

    Raises:
        ValueError: a column that TensorFlow operations cannot encode exactly, by name; Keras runs
            on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError("format='saved_model' needs KERAS_BACKEND=tensorflow.")
    inputs = describe_inputs(description)
    network = getattr(model, "network_", model)
    target, log_odds = description["target"], None
    if target.get("temperature") is not None and not model.target_.head.per_class:
        log_odds = before_activation(network)
    module = tf.Module()
    module.tables, module.weights = [], [variable.value for variable in network.variables]
    if description["kind"] == "network":
        specs = tf.TensorSpec([None, description["width"]], tf.float32, name="x")

        def serve(x):
            return {"output": network(x, training=False)}

    else:
        specs = {
            one["name"]: tf.TensorSpec([None], getattr(tf, one["dtype"]), name=one["name"])
            for one in inputs
        }
        encode = encoder(description, inputs, module.tables)
        decode = decoder(description, log_odds is not None)
        network = network if log_odds is None else log_odds

        def serve(columns):
            return decode(network(encode(columns), training=False))

    function = tf.function(serve).get_concrete_function(specs)
    signatures = {"serving_default": function}
    if isinstance(specs, dict):
        signatures["examples"] = of_examples(serve, inputs)
    tf.saved_model.save(module, str(Path(folder)), signatures=signatures)
    return {"inputs": inputs, "outputs": {k: v.dtype.name for k, v in
                                          function.structured_outputs.items()}}  # fmt: skip


def of_examples(serve, inputs):
    """`serve` of serialized `tf.train.Example`."""
    features = {
        one["name"]: tf.io.FixedLenFeature([], tf.string, one["missing"])
        if one["dtype"] == "string"
        else tf.io.FixedLenFeature([], tf.float32, np.nan)
        for one in inputs
    }

    @tf.function
    def parse(examples):
        parsed = tf.io.parse_example(examples, features)
        numbers = {k: tf.cast(v, tf.float64) for k, v in parsed.items() if v.dtype != tf.string}
        return serve(parsed | numbers)

    return parse.get_concrete_function(tf.TensorSpec([None], tf.string, name="examples"))


def encoder(description, inputs, tables):
    """A function from named columns to the matrix of the network, float32.

    Args:
        tables: list, to which the lookup tables are added, for the SavedModel to find.
    """
    columns = list(zip(description["columns"], inputs, strict=True))
    codes_of = {}
    for column, one in columns:
        if column["kind"] == "category":
            texts = list(column["codes"]) or [MARKER]
            codes = list(column["codes"].values()) or [-1]
            initial = tf.lookup.KeyValueTensorInitializer(texts, codes, tf.string, tf.int64)
            codes_of[one["name"]] = tf.lookup.StaticHashTable(initial, -1)
    tables += codes_of.values()

    def encode(given):
        numbers, flags, codes = [], [], []
        for column, one in columns:
            values, kind = given[one["name"]], column["kind"]
            if kind == "category":
                code = codes_of[one["name"]].lookup(values)
                missing = tf.equal(values, one["missing"])
                position = code + 1
            elif kind == "boolean":
                missing = tf.math.is_nan(values)
                good = missing | tf.equal(values, 0) | tf.equal(values, 1)
                check(good, f"Input {one['name']!r} must be 0, 1 or NaN.")
                position = tf.where(missing, tf.zeros_like(values), values)
                position = tf.cast(position, tf.int64) + 1
            else:
                values = without_sentinels(values, column, one["name"])
                missing, position = tf.math.is_nan(values), tf.zeros_like(values, tf.int64)
                parts = date_parts(values) if kind in ("datetime", "instant") else {"": values}
                numbers += [parts[suffix] for suffix in column["parts"]]
            if column["table"] is not None:
                table = column["table"]
                position = tf.where(missing, tf.constant(len(table) - 1, tf.int64), position)
                flags.append(tf.gather(tf.constant(table), position))
            if column["code_at"] is not None:
                code = tf.where(missing, tf.constant(-1, tf.int64), code)
                codes.append(tf.cast(code + 1, tf.float32)[:, None])
        parts = []
        if numbers:
            x = (tf.stack(numbers, axis=1) - description["centers"]) * description["scales"]
            if description["scaling"] == "robust":
                x = tf.clip_by_value(x, -1e150, 1e150)
                x = x / tf.sqrt(1 + tf.square(x / 3))
            else:
                x = tf.clip_by_value(x, -FARTHEST, FARTHEST)
            x = tf.where(tf.math.is_nan(x), tf.zeros_like(x), x)
            parts.append(tf.cast(x, tf.float32))
        parts += flags + codes
        if not parts:  # no column varied
            return tf.zeros((1, description["width"]), tf.float32)
        return tf.concat(parts, axis=1)

    return encode


def check(good, message):
    tf.debugging.Assert(tf.reduce_all(good), [message])


def without_sentinels(values, column, name):
    """Numbers whose sentinels are missing."""
    if column["kind"] == "numeric":
        good = tf.math.is_nan(values) | (tf.abs(values) <= LARGEST)
        check(good, f"Input {name!r} must contain finite numbers.")
    missing = tf.zeros_like(values, tf.bool)
    for sentinel in column["sentinels"]:
        if column["kind"] != "numeric":
            sentinel = np.datetime64(sentinel, "us").astype("int64") / 1e6
        missing |= tf.equal(values, sentinel)
    return tf.where(missing, np.float64("nan"), values)


def date_parts(seconds):
    """The numbers of a date, by suffix of their name; see `tables/columns.py`."""
    missing = tf.math.is_nan(seconds)
    present = tf.round(tf.where(missing, tf.zeros_like(seconds), seconds) * 1e6) / 1e6
    days = tf.floor(present / DAY)
    turns = {
        "year": tf.cast(day_of_year(tf.cast(days, tf.int64)), tf.float64) / 365.25,
        "week": tf.math.floormod(days + 3, 7) / 7,  # 1970-01-01 was a Thursday
        "day": tf.math.floormod(present / DAY, 1),
    }
    parts = {" elapsed days": present / DAY}
    for period, turn in turns.items():
        parts[f" sine of {period}"] = tf.sin(2 * pi * turn)
        parts[f" cosine of {period}"] = tf.cos(2 * pi * turn)
    return {k: tf.where(missing, np.float64("nan"), v) for k, v in parts.items()}


def day_of_year(days):
    """The day of the year, 0 on January 1, of days since 1970-01-01.

    Source: Hinnant, chrono-compatible low-level date algorithms, `civil_from_days`.
    """
    z = days + 719_468
    era = z // 146_097
    day = z - era * 146_097
    of_era = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    from_march = day - (365 * of_era + of_era // 4 - of_era // 100)
    year = of_era + era * 400
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    late = from_march + 59 + tf.cast(leap, tf.int64)
    return tf.where(from_march >= 306, from_march - 306, late)


def decoder(description, log_odds=False):
    """A function from the output of the network to the outputs of the signature.

    Args:
        log_odds: bool, whether the output is what the sigmoid of the last layer takes.
    """
    kind, target = description["kind"], description["target"]
    if kind == "regressor":
        return lambda output: {"prediction": in_units(tf.cast(output, tf.float64), target)}
    smallest, largest = float(np.finfo("float32").tiny), 1 - 2.0**-24
    temperature, sigmoid = target["temperature"], kind == "labels" or target["binary"]

    def probabilities(output):
        output = tf.cast(output, tf.float64)
        if log_odds:
            return tf.sigmoid(output / temperature)
        p = tf.clip_by_value(output, smallest, largest)
        if temperature is None:
            return p
        if sigmoid:
            return tf.sigmoid((tf.math.log(p) - tf.math.log1p(-p)) / temperature)
        return tf.nn.softmax(tf.math.log(p) / temperature)

    def decode(output):
        p = probabilities(output)
        if kind == "labels":
            return {"probabilities": p, "label": tf.cast(p > 0.5, tf.int64)}
        labels = tf.constant([to_python(label) for label in target["labels"]])
        if target["binary"]:
            best = tf.cast(p[:, 0] > target["threshold"], tf.int64)
            return {"probabilities": tf.concat([1 - p, p], axis=1),
                    "label": tf.gather(labels, best)}  # fmt: skip
        p = p / tf.reduce_sum(p, axis=1, keepdims=True)
        return {"probabilities": p, "label": tf.gather(labels, tf.argmax(output, axis=1))}

    return decode


def in_units(y, target):
    y = y[:, :1] if target["mean_first"] else y  # of a distribution
    y = tf.minimum(y, LARGEST) * np.array(target["scale"]) + np.array(target["center"])
    if target["shift"] is not None:
        y = tf.exp(tf.minimum(y, np.float64(88.0))) * np.array(target["bias"])
        y = tf.maximum(y - np.array(target["shift"]), np.float64(0))
    if target["range"] is not None:
        low, high = np.array(target["range"])
        y = tf.minimum(tf.maximum(y, low), high)
    return y[:, 0] if target["flat"] else y
