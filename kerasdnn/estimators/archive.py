"""One file for a fitted estimator: a zip of JSON and of the network as Keras writes it.

    manifest.json     format, version, checksum and length of every other part
    estimator.json    class, hyperparameters, encoder, labels, history, library versions
    network.keras     the network; opens in plain Keras where it holds no layer of this package

There is no pickle, and nothing in a file is run. Parts lie in the zip as they are, without
compression, so that no file grows when it is read. Before Keras sees the network's configuration,
every name in it must be that of a class or function of Keras's or of this package's that runs no
code of its own (`estimators/network_file.py`), or be passed in `custom_objects`.
"""

import hashlib
import io
import json
import platform
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import sklearn

from ..core.atomic_files import atomic_write
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

ESTIMATORS = {}  # by name; `estimators/estimators.py` enters them
FORMAT = "kerasdnn estimator"
VERSION = 1  # of the format; a file of a newer one is refused
PARTS = ("estimator.json", "network.keras")


def save_estimator(estimator, path):
    """Write a fitted estimator to `path`, whole or not at all."""
    with only():  # what may be in the file does not hang on the scope that the caller is in
        data = archive(estimator)
    with atomic_write(path) as beside:
        beside.write_bytes(data)


def archive(estimator):
    """The file of a fitted estimator, as bytes.

    Raises:
        ValueError: the network holds a function or a class of the user's, which no file can.
    """
    state = {**estimator_to_state(estimator), "versions": library_versions()}
    network = network_to_bytes(estimator.network_)
    try:
        check_config(read_config(network))
    except BadFile as error:
        raise ValueError(
            f"The estimator cannot be saved to a file that loads without running code: {error} "
            "pickle and joblib take it."
        ) from error
    return zipped({"estimator.json": to_json(state), "network.keras": network})


def zipped(parts):
    """The file of the parts, a dict of bytes, with a manifest of their checksums."""
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


def load(path, custom_objects=None):
    """Read what `save` wrote: an estimator, or a `Network` from a `.keras` file.

    No code of the file is run, even after `keras.config.enable_unsafe_deserialization()`. Of your
    program it can name only what you pass here, not what is registered or in a scope.

    Args:
        path: str or Path.
        custom_objects: dict from name to your own layer, loss, metric, function ... that the file
            may name, as in `keras.saving.load_model`. None: none.

    Returns:
        `DNNClassifier`, `DNNRegressor` or `Network`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, cut off, of another program, of a newer version, names a
            class or function that could run code, claims more memory than its bytes can fill, or
            holds weights that are NaN or infinite; the message says which.

    Example:
        model = kerasdnn.load("model.kerasdnn")
        network = kerasdnn.load("network.keras", custom_objects={"my_loss": my_loss})
    """
    data = Path(path).read_bytes()
    try:
        with only(custom_objects):
            parts = read_zip(data)
            if "manifest.json" not in parts:
                return network_from_bytes(data)
            state, network = checked(parts)
            return estimator_from_state(
                ESTIMATORS, state, lambda seed: network_from_bytes(network, seed)
            )
    except Forbidden as error:
        raise ValueError(
            f"{path} cannot be loaded: {error} If you trust the file, pass the object to "
            "kerasdnn.load(path, custom_objects={...}); otherwise rebuild the network in Python "
            "and load its weights."
        ) from error
    except BadFile as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from error


def read_zip(data):
    """The parts of a zip, by name."""
    if not data:
        raise BadFile("it is empty.")
    if not data.startswith(b"PK"):
        raise BadFile("it is no file of kerasdnn or Keras, which begins with the letters PK.")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            return read_parts(file, len(data))
    except (zipfile.BadZipFile, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise BadFile(f"it is damaged or cut off ({error}).") from error
    except (RuntimeError, KeyError, OverflowError, UnicodeError) as error:
        raise BadFile(f"it is damaged ({error}).") from error


def read_parts(file, size):
    names = file.namelist()
    check_unpacked(file, size)
    if min((info.header_offset for info in file.infolist()), default=1) != 0:
        # The end of the file is lost, and what was found is the end of the network inside it.
        raise BadFile("it is damaged or cut off.")
    if len(set(names)) < len(names):
        raise BadFile("it holds a part twice.")
    if "manifest.json" not in names:
        if "config.json" in names and "model.weights.h5" in names:
            return {}
        raise BadFile(
            "it is a zip of another program: neither kerasdnn's nor Keras's parts are in it."
        )
    for info in file.infolist():
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise BadFile(f"part {info.filename!r} is compressed, which kerasdnn never does.")
    missing = [name for name in PARTS if name not in names]
    if missing:
        raise BadFile(f"part {missing[0]!r} is missing.")
    return {name: file.read(name) for name in ("manifest.json", *PARTS)}


def checked(parts):
    """`(state, bytes of the network)` of parts whose checksums are right."""
    manifest = from_json(parts["manifest.json"], "manifest.json")
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise BadFile("its manifest is not that of a kerasdnn estimator.")
    if type(manifest.get("version")) is not int or manifest["version"] < 1:
        raise BadFile("its manifest has no version.")
    if manifest["version"] > VERSION:
        raise BadFile(
            f"it is of format {manifest['version']}, this is a program for formats up to "
            f"{VERSION}. Update kerasdnn to open it."
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
