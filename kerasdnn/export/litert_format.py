"""Write LiteRT (TensorFlow Lite) models: `model.tflite` in float32, and `model_int8.tflite`.

A model takes one float32 matrix, one row per example, whose columns the manifest lists: numbers;
booleans as 0 or 1; durations in seconds; NaN where missing. The encoder is inside. A network takes
its own input. Text, categories, dates and combinations of columns are rejected: float32 numbers do
not hold them. Infinite numbers, which the model rejects, count as very large ones.

The output is the probabilities of the labels that the manifest lists, the numbers of a regressor,
or the output of a network, all float32. Of two labels the manifest has the threshold of the second.

In `model_int8.tflite` the weights of the larger layers are int8, and so is what they are multiplied
with, quantized for each row as it comes; no rows of training are needed for it. It is not exact:
the manifest says how far it is from the model, next to the same for float32.
"""

import contextlib
import logging
import os
import tempfile
import warnings
from pathlib import Path
from unittest import mock

import keras
import numpy as np

from ..checks.table_columns import LARGEST
from ..core.messages import to_python
from ..decisions.outputs import before_activation
from ..tables.columns import FARTHEST
from .description import refuse

FILES = {"float": "model.tflite", "int8": "model_int8.tflite"}
RUNTIME = """
import json, os, sys, warnings
for name in ("kerasdnn", "keras", "pandas", "sklearn"):
    sys.modules[name] = None
import numpy as np
warnings.simplefilter("ignore")
try:
    import ai_edge_litert as package
    from ai_edge_litert.interpreter import Interpreter
except ImportError:
    import tensorflow as package
    Interpreter = package.lite.Interpreter
manifest = json.load(open(os.path.join(sys.argv[1], "manifest.json")))
inputs, labels = manifest["inputs"], manifest.get("labels")
def number(value):
    value = value["seconds"] if isinstance(value, dict) else value
    return float("nan") if value is None else float(value)
def matrix(table):
    rows, names = table["rows"], table["names"]
    if "position" not in inputs[0]:
        return np.array(rows, "float32")
    places = [one["position"] if names is None else names.index(one["column"]) for one in inputs]
    return np.array([[number(row[at]) for at in places] for row in rows], "float32")
tables = [matrix(table) for table in json.load(open(sys.argv[2]))]
def answers(file):
    interpreter = Interpreter(model_path=os.path.join(sys.argv[1], file))
    given, taken = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    for x in tables:
        interpreter.resize_tensor_input(given["index"], x.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], x)
        interpreter.invoke()
        y = interpreter.get_tensor(taken["index"])
        label = None
        if manifest["outputs"].get("probabilities") and labels is not None:
            best = y.argmax(axis=1)
            if len(labels) == 2:
                best = (y[:, 1] > manifest["threshold"]).astype(int)
            label = [labels[i] for i in best]
        elif manifest["outputs"].get("probabilities"):
            label = (y > 0.5).astype(int).tolist()
        yield y.astype("float64").tolist(), label
files = manifest["variants"]
found = {name: list(answers(file)) for name, file in files.items()}
versions = {"python": sys.version.split()[0],
            package.__name__: getattr(package, "__version__", "unknown")}
json.dump({"answers": found.pop("float"), "variants": found, "versions": versions},
          open(sys.argv[3], "w"))
"""
REASONS = {
    "text": "holds sentences", "category": "holds categories", "datetime": "holds dates",
    "instant": "holds dates",
}  # fmt: skip


def write(model, description, folder):
    """Write both models into a folder; returns what the manifest lists of them.

    Raises:
        ValueError: a column that is not numeric or a layer that has no LiteRT operation, by name;
            Keras runs on another backend.
    """
    if keras.backend.backend() != "tensorflow":
        raise ValueError("format='litert' needs KERAS_BACKEND=tensorflow.")
    import tensorflow as tf

    inputs = describe_inputs(description)
    network = getattr(model, "network_", model)
    module = tf.Module()
    module.weights = [variable.value for variable in network.variables]
    if description["kind"] == "network":
        width, encode, decode = description["width"], lambda x: x, lambda y: y
    else:
        target, log_odds = description["target"], False
        if target.get("temperature") is not None and not model.target_.head.per_class:
            inner = before_activation(network)
            network, log_odds = (network, False) if inner is None else (inner, True)
        width, encode, decode = len(inputs), encoder(description), decoder(description, log_odds)

    @tf.function(input_signature=[tf.TensorSpec([None, width], tf.float32, name="x")])
    def predict(x):
        return decode(network(encode(x), training=False))

    # The converter writes log(1 + exp(x)), which overflows.
    with mock.patch.object(tf.math, "softplus", softplus):
        function = predict.get_concrete_function()
    for name, file in FILES.items():
        content = converted(function, module, quantized=name == "int8")
        (Path(folder) / file).write_bytes(content)
    name = {"network": "output", "regressor": "prediction"}.get(
        description["kind"], "probabilities"
    )
    found = {"inputs": inputs, "outputs": {name: "float32"}, "variants": FILES}
    if description["kind"] == "classifier":
        found["labels"] = [to_python(label) for label in description["target"]["labels"]]
        found["threshold"] = description["target"]["threshold"]
    return found


def describe_inputs(description):
    """The columns of the input.

    Raises:
        ValueError: a column that is not numeric, by name.
    """
    if description["kind"] == "network":
        return [{"name": "x", "dtype": "float", "shape": [None, description["width"]]}]
    reasons = [(column["name"], reason(column)) for column in description["columns"]]
    refuse("litert", [(name, why) for name, why in reasons if why], "numpy")
    if description["empty"] or not description["columns"]:
        raise ValueError("format='litert' needs a column that varies. Pass format='numpy'.")
    return [
        {"column": c["name"], "position": c["position"], "kind": c["kind"], "dtype": "float",
         "missing": "NaN"}
        for c in description["columns"]
    ]  # fmt: skip


def reason(column):
    if column["sources"] is not None:
        return "combines columns"
    if column["kind"] in REASONS:
        return REASONS[column["kind"]]
    if column["stray"] and column["reading"] is not None:
        return f"holds text that is read as {column['reading']['as']}s"
    return ""


def converted(function, module, quantized):
    """The bytes of a LiteRT model."""
    import tensorflow as tf

    with quiet():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        if quantized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        try:
            return converter.convert()
        except Exception as error:  # of classes that TensorFlow does not export
            line = next(filter(None, map(str.strip, str(error).splitlines())), "")
            raise ValueError(
                f"format='litert' cannot compute this network: {line[:200]}. Pass format='numpy' "
                "or 'saved_model'."
            ) from None


@contextlib.contextmanager
def quiet():
    """Within it, TensorFlow's converter writes nothing to stderr, where it tells every step."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with tempfile.TemporaryFile() as sink, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept = os.dup(2)
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            logger.setLevel(level)


def softplus(features, name=None):
    """log(1 + exp(x)) without overflow."""
    import tensorflow as tf

    rest = tf.math.log(1 + tf.exp(-tf.abs(features)))
    return tf.add(tf.maximum(features, 0), rest, name=name)


def encoder(description):
    """A function from the input to the matrix of the network, float32."""
    import tensorflow as tf

    centers, scales = description["centers"], description["scales"]

    def scaled(x, missing, part):
        high = np.float32(centers[part])  # the center in two numbers: float32 alone rounds it
        scale, low = np.float32(scales[part]), np.float32((centers[part] - high) * scales[part])
        x = (x - high) * scale - low
        far = np.float32(1e15 if description["scaling"] == "robust" else FARTHEST)
        x = tf.clip_by_value(tf.where(missing, tf.zeros_like(x), x), -far, far)
        return x / tf.sqrt(1 + tf.square(x / 3)) if description["scaling"] == "robust" else x

    def encode(given):
        numbers, flags = [], []
        for j, column in enumerate(description["columns"]):
            x, table = given[:, j : j + 1], column["table"]
            missing = tf.not_equal(x, x)
            for sentinel in column["sentinels"]:
                missing |= tf.equal(x, np.float32(sentinel))
            numbers += [scaled(x, missing, column["part"] + i)
                        for i in range(len(column["parts"]))]  # fmt: skip
            if table is None:
                continue
            present = tf.zeros_like(x) + table[0]
            if column["kind"] == "boolean":
                present = tf.where(x > 0.5, tf.zeros_like(x) + table[2], table[1])
            flags.append(tf.where(missing, tf.zeros_like(x) + table[-1], present))
        return tf.concat(numbers + flags, axis=1)

    return encode


def decoder(description, log_odds=False):
    """A function from the output of the network to that of the model, float32.

    Args:
        log_odds: bool, whether the output is what the sigmoid of the last layer takes.
    """
    import tensorflow as tf

    kind, target = description["kind"], description["target"]
    if kind == "regressor":
        return lambda y: in_units(y, target)
    smallest, largest = np.finfo("float32").tiny, np.float32(1 - 2.0**-24)
    temperature, sigmoid = target["temperature"], kind == "labels" or target["binary"]

    def probabilities(output):
        if log_odds:
            return tf.sigmoid(output / temperature)
        p = tf.clip_by_value(output, smallest, largest)
        if temperature is None:
            return p
        if sigmoid:
            return tf.sigmoid((tf.math.log(p) - tf.math.log(1 - p)) / temperature)
        return tf.nn.softmax(tf.math.log(p) / temperature)

    def decode(output):
        p = probabilities(output)
        if kind == "labels":
            return p
        if target["binary"]:
            return tf.concat([1 - p, p], axis=1)
        return p / tf.reduce_sum(p, axis=1, keepdims=True)

    return decode


def in_units(y, target):
    import tensorflow as tf

    y = y[:, :1] if target["mean_first"] else y  # of a distribution
    y = tf.minimum(y, np.float32(LARGEST)) * np.float32(target["scale"])
    y += np.float32(target["center"])
    if target["shift"] is not None:
        y = tf.exp(tf.minimum(y, np.float32(88))) * np.float32(target["bias"])
        y = tf.maximum(y - np.float32(target["shift"]), np.float32(0))
    if target["range"] is not None:
        low, high = np.float32(target["range"])
        y = tf.minimum(tf.maximum(y, low), high)
    return y[:, 0] if target["flat"] else y


def summary(manifest):
    """Size and accuracy of both models, a line each."""
    lines = []
    for name, found in manifest["proof"]["compared"].items():
        file = FILES[name]
        line = (
            f"{file:17} {manifest['files'][file]['bytes'] / 1000:9,.1f} kB, largest difference "
            f"{found['largest_difference']:.1e}, mean {found['mean_difference']:.1e}"
        )
        if "equal_labels" in found:
            line += f", equal labels {found['equal_labels']:.2%}"
        lines.append(line)
    return "\n".join(lines)
