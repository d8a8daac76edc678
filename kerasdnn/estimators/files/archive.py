"""Save and load fitted estimators: a zip of JSON and of the network as Keras writes it.

    manifest.json     format, version, checksum and length of every other part
    estimator.json    class, hyperparameters, encoder, labels, history, library versions
    network.keras     the network; opens in plain Keras where it holds no layer of this package

There is no pickle, and no code from a file is run. The parts are stored without compression, so
that no file grows when it is read. Before Keras reads the network's configuration, every name in it
must be that of a class or function of Keras or kerasdnn that runs no code of its own
(`estimators/files/network_file.py`), or be passed in `custom_objects`.
"""

import hashlib
import io
import json
import platform
import types
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import sklearn

from ...core.atomic_files import atomic_write
from .network_file import (
    BadFile,
    Forbidden,
    check_config,
    check_unpacked,
    network_from_bytes,
    network_to_bytes,
    only,
    read_config,
)
from .saved_state import estimator_from_state, estimator_to_state

ESTIMATORS: dict[str, type] = {}  # by name; `estimators/estimators.py` fills it
FORMAT = "kerasdnn estimator"
VERSION = 1  # of the format; files of a newer one are rejected
PARTS = ("estimator.json", "network.keras")


def save_estimator(estimator, path):
    """Write a fitted estimator to `path` atomically."""
    # The content does not depend on the caller's custom object scope.
    with only(custom_loss(estimator)):
        data = archive(estimator)
    with atomic_write(path) as temporary:
        temporary.write_bytes(data)


def custom_loss(estimator):
    """The custom loss of a fitted estimator by name, which `load` then needs; {} without one."""
    loss = estimator.hyperparameters_.get("loss")
    thing = loss if isinstance(loss, types.FunctionType) else type(loss)
    ours = thing.__module__.split(".")[0] in ("builtins", "keras", "kerasdnn")
    return {} if loss is None or ours else {thing.__name__: thing}


def archive(estimator):
    """The file of a fitted estimator, as bytes.

    Raises:
        ValueError: the network contains a custom function or class, which a file cannot hold, other
            than a loss.
    """
    state = {**estimator_to_state(estimator), "versions": library_versions()}
    network = network_to_bytes(estimator.network_)
    try:
        check_config(read_config(network))
    except BadFile as error:
        raise ValueError(
            f"The estimator cannot be saved to a file that loads without running code: {error} "
            "Use pickle or joblib."
        ) from error
    return zipped({"estimator.json": to_json(state), "network.keras": network})


def zipped(parts):
    """The file of `parts`, a dict of bytes, with a manifest of their checksums."""
    sums = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in parts.items()
    }
    manifest = {"format": FORMAT, "version": VERSION, "parts": sums}
    manifest["sha256"] = hashlib.sha256(to_json(manifest)).hexdigest()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name, data in {"manifest.json": to_json(manifest), **parts}.items():
            file.writestr(name, data)
    return out.getvalue()


def load(path: str | Path, custom_objects: dict[str, Any] | None = None) -> Any:
    """Load an estimator, or a `Network` from a `.keras` file.

    No code from the file is run, even after `keras.config.enable_unsafe_deserialization()`. The
    file can refer to the custom objects passed here, but not to others that are registered or in a
    scope.

    Args:
        path: str or Path.
        custom_objects: dict from name to custom layer, loss, metric or function that the file may
            refer to, as in `keras.saving.load_model`. None means that it may refer to none.

    Returns:
        `DNNClassifier`, `DNNRegressor` or `Network`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, truncated, from another program or a newer version, refers
            to a class or function that could run code, claims more memory than its bytes can fill,
            or contains weights that are NaN or infinite; the message says which.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier, load

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        model.save("model.kerasdnn")
        load("model.kerasdnn").predict(frame.head(1))
    """
    data = Path(path).read_bytes()
    try:
        with only(custom_objects):
            parts = read_zip(data)
            if "manifest.json" not in parts:
                return network_from_bytes(data)
            state, network = checked(parts)
            return estimator_from_state(
                estimators(), state, lambda seed: network_from_bytes(network, seed)
            )
    except Forbidden as error:
        raise ValueError(
            f"{path} cannot be loaded: {error} If you trust the file, pass the object to "
            "kerasdnn.load(path, custom_objects={...}); otherwise rebuild the network in Python "
            "and load its weights."
        ) from error
    except BadFile as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from error


def estimators():
    """The classes of estimators that a file may name."""
    from ...multi_output.estimator import DNNMultiOutput  # which imports this room

    return ESTIMATORS | {DNNMultiOutput.__name__: DNNMultiOutput}


def read_zip(data):
    """The parts of a zip, by name."""
    if not data:
        raise BadFile("it is empty.")
    if not data.startswith(b"PK"):
        raise BadFile("it is not a kerasdnn or Keras model file (no zip signature).")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return read_parts(file, len(data))
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise BadFile(f"it is damaged or truncated ({error}).") from error
    except (RuntimeError, KeyError, OverflowError, UnicodeError) as error:
        raise BadFile(f"it is damaged ({error}).") from error


def read_parts(file, size):
    names = file.namelist()
    check_unpacked(file, size)
    if min((info.header_offset for info in file.infolist()), default=1) != 0:
        # The end of the file is lost, and what was found is the end of the network inside it.
        raise BadFile("it is damaged or truncated.")
    if len(set(names)) < len(names):
        raise BadFile("it contains a part twice.")
    if "manifest.json" not in names:
        if "config.json" in names and "model.weights.h5" in names:
            return {}
        raise BadFile(
            "it is a zip file of another program: it lacks the parts of kerasdnn and Keras."
        )
    for info in file.infolist():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise BadFile(f"part {info.filename!r} is compressed, which kerasdnn never writes.")
    missing = [name for name in PARTS if name not in names]
    if missing:
        raise BadFile(f"part {missing[0]!r} is missing.")
    return {name: file.read(name) for name in ("manifest.json", *PARTS)}


def checked(parts):
    """Verify the checksums of the parts; returns `(state, bytes of the network)`."""
    manifest = from_json(parts["manifest.json"], "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BadFile("its manifest does not describe a kerasdnn estimator.")
    if type(manifest.get("version")) is not int or manifest["version"] < 1:
        raise BadFile("its manifest has no version.")
    if manifest["version"] > VERSION:
        raise BadFile(
            f"its format {manifest['version']} is newer than {VERSION}, the newest that this "
            "installation reads. Update kerasdnn to open it."
        )
    claimed = manifest.pop("sha256", None)
    if claimed != hashlib.sha256(to_json(manifest)).hexdigest():
        raise BadFile("'manifest.json' was changed after it was written.")
    for name in PARTS:
        wanted = manifest["parts"].get(name) if isinstance(manifest.get("parts"), dict) else None
        if not isinstance(wanted, dict) or not {"bytes", "sha256"} <= set(wanted):
            raise BadFile(f"its manifest lacks length and checksum of {name!r}.")
        if wanted["bytes"] != len(parts[name]):
            raise BadFile(f"{name!r} has {len(parts[name])} bytes, not {wanted['bytes']}.")
        if wanted["sha256"] != hashlib.sha256(parts[name]).hexdigest():
            raise BadFile(f"{name!r} was changed after it was written: its checksum is wrong.")
    return from_json(parts["estimator.json"], "estimator.json"), parts["network.keras"]


def to_json(value):
    return json.dumps(value, sort_keys=True, allow_nan=True).encode("ascii")


def from_json(data, name):
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{name!r} is not JSON ({error}).") from error


def library_versions():
    libraries = {"keras": keras, "numpy": np, "pandas": pd, "scikit-learn": sklearn}
    versions = {name: library.__version__ for name, library in libraries.items()}
    return {"python": platform.python_version(), "backend": keras.backend.backend(), **versions}
