"""Make the record of a training: data, split, seeds, hyperparameters, versions, scores.

A record is a dict of plain JSON values. The data are not in it, only a hash of each column, and
which rows were held out: enough to say whether a table is the one that the model was trained on.
"""

import base64
import hashlib
import json
import os
import platform
import sys
import time
import zlib
from datetime import UTC, datetime

import keras
import numpy as np
import pandas as pd
import sklearn

from ..core.messages import shortened, to_python
from .intervals import scores_of

VERSION = 1  # of the record


class Recorder:
    """Collects what a training uses, while it runs."""

    def __init__(self):
        self.started, self.began = datetime.now(UTC), time.perf_counter()
        self.data, self.split, self.validation = {}, {"how": "none"}, None

    def read(self, given, rows, target):
        """Record the data.

        Args:
            given: `Rows` as the user passed them, whose names are kept.
            rows: the same `Rows` of a `Frame`, y encoded, without rows of weight 0.
            target: target of `tables/targets/` that encoded y.
        """
        frame = rows.x
        columns = [
            {
                "name": j if frame.names is None else to_python(frame.names[j]),
                "kind": frame.column(j).kind,
                "missing": int(frame.column(j).missing.sum()),
                "sha256": hash_of_column(frame.column(j)),
            }
            for j in range(frame.width)
        ]
        self.data = {
            "rows": len(rows),
            "columns": columns,
            "target": {"name": name_of(given.y), "sha256": hash_of_target(rows.y, target)},
        }
        for key, value in (("weights", rows.weights), ("groups", rows.groups), ("time", rows.time)):
            if value is not None:
                passed = getattr(given, key)
                name = passed if isinstance(passed, (str, int)) else name_of(passed)
                self.data[key] = {"name": to_python(name), "sha256": sha256(as_bytes(value))}

    def read_in_parts(self, features, target, rows, validation, given):
        """Record data that were read in parts: without hashes, which would take a pass over them.

        Args:
            features, target: lists of the names of columns.
            rows: int, number of rows with a target.
            validation: `Rows` that each epoch was evaluated on, or None.
            given: bool, whether the user passed the validation data.
        """
        columns = [{"name": to_python(n), "kind": "", "missing": 0, "sha256": ""} for n in features]
        name = to_python(target[0]) if len(target) == 1 else [to_python(n) for n in target]
        self.data = {"rows": int(rows), "columns": columns, "target": {"name": name, "sha256": ""}}
        self.validation = validation
        if validation is not None:
            drawn = 0 if given else len(validation)
            self.split = {"how": "given" if given else "random", "training": int(rows) - drawn,
                          "validation": len(validation)}  # fmt: skip

    def divide(self, rows, validation, given):
        """Record the split of `rows` (all of them) into training and `validation` rows.

        Args:
            rows: `Rows` that were trained on.
            validation: `Rows` that each epoch was evaluated on, or None.
            given: bool, whether the user passed the validation data.
        """
        self.validation = validation
        if validation is None:
            return
        how = "given" if given else "random"
        how = "groups" if rows.groups is not None else "time" if rows.time is not None else how
        self.split = {"how": how, "training": len(rows), "validation": len(validation)}
        if not given and validation.places is not None:
            self.split |= pack_places(validation.places, rows.places)

    def finish(self, estimator, parts):
        """The record of a fitted estimator.

        Args:
            estimator: the fitted estimator.
            parts: dict of what the training resulted in besides the network's weights, as JSON.
        """
        seconds = time.perf_counter() - self.began
        given = {k: v for k, v in estimator.get_params(deep=False).items() if k != "callbacks"}
        history = estimator.history_
        return {
            "record": VERSION,
            "estimator": type(estimator).__name__,
            "problem": estimator.target_.head.name or "custom",
            "preset": estimator._chosen_preset(),
            "arguments": {k: plain(v) for k, v in given.items() if v is not None},
            "hyperparameters": {k: plain(v) for k, v in estimator.hyperparameters_.items()},
            "seeds": {
                "random_state": plain(estimator.random_state),
                "fit": estimator._drawn_seed,
                "network": int(estimator.network_.seed),
            },
            "data": self.data,
            "split": self.split,
            "training": {
                "epochs": len(history),
                "best_epoch": int(estimator.best_epoch_),
                "parameters": int(estimator.network_.count_params()),
                "history": sha256(history.to_csv(float_format="%.17g").encode()),
            },
            "scores": self.scores(estimator),
            "versions": versions(),
            "device": device(),
            "timings": {
                "started": self.started.isoformat(timespec="seconds"),
                "seconds": round(seconds, 3),
            },
            "result": {"network": hash_of_network(estimator.network_)}
            | {name: sha256(as_json(part)) for name, part in parts.items()},
        }

    def scores(self, estimator):
        """Scores on the validation rows, which also selected the epoch."""
        validation, target = self.validation, estimator.target_
        if validation is None or not len(validation):
            return {}
        matrix = estimator.encoder_.encode(validation.x)
        output = estimator.network_.predict(matrix, verbose=0)
        if hasattr(target, "in_units"):
            output = target.in_units(output)
        return scores_of(target, validation.y, output, validation.weights)


def pack_places(held, kept):
    """The held out rows as one bit per row of the table, and their hash.

    Args:
        held, kept: int arrays, positions in the table of the rows of the two parts.
    """
    held = np.unique(held)
    mask = np.zeros(1 + max(held.max(initial=-1), np.max(kept, initial=-1)), bool)
    mask[held] = True
    bits = zlib.compress(np.packbits(mask).tobytes(), 9)
    return {
        "validation_rows": {"rows": len(mask), "bits": base64.b64encode(bits).decode()},
        "sha256": sha256(as_bytes(held.astype("int64"))),
    }


def validation_rows(record):
    """Return the positions, in the table, of the rows that were held out of the training.

    Args:
        record: dict, `model.record_`.

    Returns:
        int array, increasing; empty where no rows were drawn. Rows whose target was missing are not
        counted where the model was trained with `missing_target="drop"`.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.records.contents import validation_rows

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        held_out = frame.iloc[validation_rows(model.record_)]
    """
    packed = record["split"].get("validation_rows")
    if packed is None:
        return np.array([], "int64")
    size = -(-packed["rows"] // 8)
    content = zlib.decompressobj().decompress(base64.b64decode(packed["bits"]), size)
    return np.flatnonzero(np.unpackbits(np.frombuffer(content, "uint8"))[: packed["rows"]])


def hash_of_column(column):
    """SHA-256 of the values of a `Column`, which is equal for equal values in any file format."""
    digest = hashlib.sha256(f"{column.kind} {len(column.values)}\n".encode())
    if column.kind == "text":
        codes, words = column.factorized
        digest.update(as_json([str(word) for word in words]))
        digest.update(as_bytes(codes.astype("int64")))
    elif column.kind != "empty":
        if is_beyond_float64(column):
            digest.update(as_json([str(value) for value in column.exact.tolist()]))
        else:
            digest.update(as_bytes(column.values))
    return digest.hexdigest()


def is_beyond_float64(column):
    """Whether a column has integers that float64 may have rounded."""
    if column.kind != "numeric" or column.exact is None:
        return False
    return bool(np.nanmax(np.abs(column.values), initial=0) > 2**53)


def hash_of_target(y, target):
    classes = getattr(target, "classes", None)
    names = b"" if classes is None else as_json([plain(label) for label in classes])
    return sha256(names + as_bytes(y))


def hash_of_network(network):
    digest = hashlib.sha256()
    for weights in network.get_weights():
        digest.update(f"{weights.dtype} {weights.shape}\n".encode() + as_bytes(weights))
    return digest.hexdigest()


def as_bytes(values):
    """The bytes of an array; all NaN are one, and -0.0 is 0.0."""
    values = np.ascontiguousarray(values)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), np.array(np.nan, values.dtype), values + 0)
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def as_json(value):
    return json.dumps(plain(value), sort_keys=True).encode()


def named(value):
    """An object as its class and its name."""
    name = getattr(value, "__name__", None) or getattr(value, "name", None)
    kind = type(value).__name__
    return f"{kind} {name}" if isinstance(name, str) and name else shortened(kind)


def described(value):
    """An object as its class and its settings, where it has a config, or its name."""
    settings = settings_of(value)
    given = ", ".join(f"{name}={each!r}" for name, each in settings.items())
    return f"{type(value).__name__}({given})" if settings else named(value)


def plain(value, as_text=described):
    """A value as JSON; an object that JSON cannot hold as its text."""
    value = to_python(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {str(to_python(key)): plain(item, as_text) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist(), as_text)
    if isinstance(value, (list, tuple)):
        return [plain(item, as_text) for item in value]
    return as_text(value)


def settings_of(value):
    """The plain values in the config of a Keras object, such as a loss or an optimizer."""
    if isinstance(value, type) or not hasattr(value, "get_config"):
        return {}
    try:
        config = value.get_config()
    except Exception:  # of a custom class
        return {}
    return {k: v for k, v in config.items() if isinstance(v, (bool, int, float, str))}


def name_of(values):
    """The name, or the names, of a pandas object; None for anything else."""
    if isinstance(values, pd.DataFrame):
        return [to_python(name) for name in values.columns]
    return to_python(getattr(values, "name", None)) if isinstance(values, pd.Series) else None


def versions():
    """Versions of what decides the result, by name."""
    found = {
        "kerasdnn": sys.modules["kerasdnn"].__version__,
        "python": platform.python_version(),
        "keras": keras.__version__,
    }
    backend = keras.backend.backend()
    found[backend] = getattr(sys.modules.get(backend), "__version__", "")
    found |= {"numpy": np.__version__, "pandas": pd.__version__}
    return found | {"scikit-learn": sklearn.__version__}


def device():
    """The device that networks are trained on."""
    found = {"kind": "CPU", "machine": platform.machine(), "cores": os.cpu_count()}
    if "tensorflow" in sys.modules:
        import tensorflow as tf

        gpus = tf.config.get_visible_devices("GPU")
        if gpus:
            details = tf.config.experimental.get_device_details(gpus[0])
            found |= {"kind": "GPU", "name": details.get("device_name", gpus[0].name)}
    return found
