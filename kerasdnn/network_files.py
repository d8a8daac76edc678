"""A network as bytes, and back without running anything that stands in them.

`keras.saving.load_model` refuses lambdas; here every class that a file names is looked at first.
"""

import io
import json
import tempfile
import zipfile
from pathlib import Path

import keras

from .training import Network

# Modules of Keras whose classes and functions compute and do nothing else.
MODULES = {
    "keras",
    "keras.activations",
    "keras.constraints",
    "keras.dtype_policies",
    "keras.initializers",
    "keras.layers",
    "keras.losses",
    "keras.metrics",
    "keras.optimizers",
    "keras.optimizers.schedules",
    "keras.regularizers",
}
# Layers among them that run what a file tells them to.
RUNNING = {"Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"}
VALUES = {"__tuple__", "__tensor__", "__numpy__", "__bytes__", "__ellipsis__"}
MOST_UNPACKED = 100  # times the file's own size


class BadFile(Exception):
    """Says what is wrong with a file."""


def network_to_bytes(network):
    """The `.keras` file of a `Network`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        network.save(path)
        return path.read_bytes()


def network_from_bytes(data, seed=None, trusted=None):
    """The `Network` in a `.keras` file, with its optimizer's state.

    Args:
        data: bytes.
        seed: int, of the order of rows in further training.
        trusted: dict from name to object, what else the bytes may name. They are then not from a
            file but from this program, as in a copy.

    Raises:
        BadFile: damaged, no Sequential, or with a class that is neither Keras's nor ours.
    """
    config = read_config(data)
    if config.get("class_name") not in ("Sequential", "Network"):
        raise BadFile(
            f"it holds a {config.get('class_name')} model, no `Sequential`. "
            "keras.saving.load_model opens it."
        )
    if trusted is None:
        check_config(config)
    try:
        with keras.saving.custom_object_scope(trusted or {}):
            network = Network.from_config(config["config"])
            if config.get("compile_config"):
                network.compile_from_config(config["compile_config"])
        if seed is not None:
            network.seed = seed
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "network.keras"
            path.write_bytes(data)
            network.load_weights(path)
    except Exception as error:  # Keras raises of every kind on a file that does not fit
        raise BadFile(f"its network does not fit together ({str(error)[:300]}).") from error
    return network


def read_config(data):
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            if sum(info.file_size for info in file.infolist()) > MOST_UNPACKED * len(data):
                raise BadFile("it would unpack to a size beyond all measure.")
            damaged = file.testzip()
            if damaged:
                raise BadFile(f"part {damaged!r} is damaged.")
            config = json.loads(file.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, RuntimeError) as error:
        raise BadFile(f"its network is damaged or cut off ({error}).") from error
    if not isinstance(config, dict):
        raise BadFile("its network has no configuration.")
    return config


def check_config(config):
    """Refuse a serialized Keras object that names a class not known to be harmless.

    Raises:
        BadFile: naming the class.
    """
    if isinstance(config, (list, tuple)):
        for item in config:
            check_config(item)
    if not isinstance(config, dict):
        return
    if "class_name" in config and not is_known(config):
        raise BadFile(
            f"it names {config.get('module') or ''} {config['class_name']!r}".replace("  ", " ")
            + ", which is no layer, loss, metric or optimizer of Keras or kerasdnn known to run no "
            "code of its own. Rebuild such a network in Python and load its weights."
        )
    for value in config.values():
        check_config(value)


def is_known(config):
    name, module = config["class_name"], config.get("module")
    registered = config.get("registered_name")
    if isinstance(registered, str) and registered.startswith("kerasdnn>"):
        return is_ours(registered)
    if module is None:
        return name in VALUES
    if module == "builtins":  # a function by its name, which Keras looks up among its own
        function = config.get("config")
        return name == "function" and (is_function_of_keras(function) or is_ours(function))
    return module in MODULES and name not in RUNNING and registered in (None, name)


def is_ours(name):
    """Whether `name` is that of a class or a function which this package has registered."""
    found = keras.saving.get_registered_object(name) if isinstance(name, str) else None
    return getattr(found, "__module__", "").split(".")[0] == "kerasdnn"


def is_function_of_keras(name):
    places = keras.activations, keras.losses, keras.metrics, keras.initializers
    return isinstance(name, str) and any(hasattr(place, name) for place in places)
