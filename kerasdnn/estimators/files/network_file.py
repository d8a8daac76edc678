"""Convert a network to bytes and back, without running code that the bytes contain.

Every name in a file is resolved by the rules of Keras before Keras sees it. It must refer to a
class or function of Keras or kerasdnn that only computes, or to one passed in `custom_objects`; a
file may not use what the program has registered or put in a scope. Sizes that a file claims are
compared with its length before memory is allocated.
"""

import contextlib
import contextvars
import io
import json
import math
import tempfile
import types
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np

from ...core import keras_internals
from ...training.network import Network

# Modules of Keras whose classes a file may name, and the base classes these must have.
MODULES = {"keras", *(f"keras.{name}" for name in (
    "activations", "constraints", "dtype_policies", "initializers", "layers", "losses", "metrics",
    "optimizers", "optimizers.schedules", "quantizers", "regularizers",
))}  # fmt: skip
KINDS = (
    keras.Layer, keras.DTypePolicy, keras.Initializer, keras.Regularizer, keras.Loss, keras.Metric,
    keras.Optimizer, keras.Quantizer, keras.constraints.Constraint,
    keras.optimizers.schedules.LearningRateSchedule, keras.quantizers.QuantizationConfig,
)  # fmt: skip
# Layers among them that run code from a file.
RUNNING = (
    keras.layers.Lambda, keras.layers.TorchModuleWrapper, keras.layers.TFSMLayer,
    keras.layers.JaxLayer, keras.layers.FlaxLayer,
)  # fmt: skip
FUNCTIONS = {"keras.activations", "keras.losses", "keras.metrics"}
MAKERS = {"get", "serialize", "deserialize"}  # functions there that create objects from configs
VALUES = {"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__"}
MAX_UNBACKED_BYTES = 64 * 2**20  # allocated beyond the length of a file
MAX_SIZE = 10**7  # the largest number of a config, apart from these:
NO_SIZES = ("seed", "salt", "step", "token", "value", "shared_object_id")

allowed: contextvars.ContextVar[tuple] = contextvars.ContextVar("allowed", default=())


class BadFile(Exception):
    """A file that cannot be loaded; the message says why."""


class Forbidden(BadFile):
    """A file that names an object which it may not use."""


@contextlib.contextmanager
def only(custom_objects=None):
    """Let a file name these objects besides those of Keras and kerasdnn, and no others."""
    objects = dict(custom_objects or {})
    named = {
        keras.saving.get_registered_name(o): o for o in objects.values() if hasattr(o, "__name__")
    }
    token = allowed.set(tuple(objects.values()))
    try:
        with keras.saving.custom_object_scope(named | objects), keras_internals.safe_mode():
            yield
    finally:
        allowed.reset(token)


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
        seed: int, fixes the order of rows in further training.
        trusted: dict from name to object that the bytes may also name. They then come from this
            program, as in a copy. None means that they come from a file, read within `only`.

    Raises:
        BadFile: the data are damaged, not a Sequential, name a class of neither Keras nor kerasdnn,
            contain weights that are not finite, or claim more bytes than there are.
    """
    config = read_config(data)
    if config.get("class_name") not in ("Sequential", "Network"):
        raise BadFile(
            f"it contains a {config.get('class_name')} model, not a Sequential. Use "
            "keras.saving.load_model."
        )
    compiled = config.get("compile_config")
    if trusted is None:
        check_config(config)
        compiled = json.loads(json.dumps(compiled), object_hook=without_weights)
    scope = contextlib.nullcontext()
    if trusted is not None:
        scope = keras.saving.custom_object_scope(trusted)
    try:
        with scope:
            if trusted is None:
                check_sizes(config, data)
            network = Network.from_config(config["config"])
            if compiled:
                network.compile_from_config(compiled)
        if seed is not None:
            network.seed = seed
        load_state(network, data)
    except BadFile:
        raise
    except Exception as error:  # Keras raises many types for inconsistent files
        raise BadFile(f"its network is inconsistent ({str(error)[:300]}).") from error
    if trusted is None:
        check_finite(network)
    return network


def load_state(network, data):
    """Load weights, optimizer state, and vocabularies, which `load_weights` leaves out."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.keras"
        path.write_bytes(data)
        network.load_weights(path)
        with zipfile.ZipFile(path) as file:
            if any(name.startswith("assets/") for name in file.namelist()):
                keras_internals.load_assets(network, file)


def read_config(data):
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as file:
            check_unpacked(file, len(data))
            damaged = file.testzip()
            if damaged:
                raise BadFile(f"part {damaged!r} is damaged.")
            config = json.loads(file.read("config.json"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, RuntimeError) as error:
        raise BadFile(f"its network is damaged or truncated ({error}).") from error
    if not isinstance(config, dict):
        raise BadFile("its network has no config.")
    return config


def check_unpacked(file, size):
    """Reject a zip that claims more than its bytes can hold; Keras writes without compression."""
    parts = file.infolist()
    unpacked = sum(part.file_size for part in parts)
    if (
        unpacked > MAX_UNBACKED_BYTES + 10 * size
        or sum(part.compress_size for part in parts) > size
    ):
        raise BadFile(f"it has {size:,} bytes and would unpack to {unpacked:,}.")


def check_config(config):
    """Reject a serialized Keras object that is too large or names what is not known to be harmless.

    Raises:
        BadFile: the message names it.
    """
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, (list, tuple)):
            left.extend(value)
        elif isinstance(value, str):
            check_name(value)
        elif isinstance(value, dict):
            if "class_name" in value and not is_known(value):
                raise Forbidden(
                    f"it names {described(value)}, which is not a layer, loss, metric or optimizer "
                    "of Keras or kerasdnn that is known to run no code of its own."
                )
            check_numbers(value)
            left.extend(value.values())


def described(config):
    name = config["class_name"]
    what = f"the 'function' {config.get('config')!r}" if name == "function" else repr(name)
    return f"{what} of {config['module']}" if config.get("module") else what


def check_name(name):
    """Reject a name that Keras would look up among the objects that the program has registered.

    Keras searches registered objects first, therefore 'relu' may be one; and it searches names of
    optimizers in lower case.
    """
    for spelled in {name, name.lower()}:
        if any(not is_allowed(found) for found in registered(spelled)):
            raise Forbidden(
                f"it names {name!r}, under which this program has registered a custom object."
            )


def registered(name):
    """The objects that Keras may find for a name, in a scope and among all registered."""
    places = keras.saving.get_registered_object(name), keras.saving.get_custom_objects().get(name)
    return [found for found in places if found is not None]


def is_allowed(found):
    ours = getattr(found, "__module__", None) or ""
    return ours.split(".")[0] == "kerasdnn" or any(found is one for one in allowed.get())


def is_known(config):
    """Whether Keras creates a harmless object from a config."""
    name, module, inner = config["class_name"], config.get("module"), config.get("config")
    registered_name = config.get("registered_name", name)
    if not isinstance(name, str) or not isinstance(registered_name, (str, types.NoneType)):
        return False
    looked_up = inner if name == "function" else registered_name
    if isinstance(looked_up, str) and registered(looked_up):
        return True  # `check_name` rejects those that are not allowed
    if module is None:
        return name in VALUES and "registered_name" not in config and is_value(name, inner)
    if registered_name not in (None, name, looked_up) or not isinstance(module, str):
        return False
    if name == "function":
        return isinstance(inner, str) and is_function_of_keras(module, inner)
    if (module, name) == ("keras.src.models.functional", "Functional"):
        return keras_internals.module_of_functional() == module
    found = keras_internals.exported(f"{module}.{name}") if module in MODULES else None
    return isinstance(found, type) and issubclass(found, KINDS) and not issubclass(found, RUNNING)


def is_value(name, inner):
    """Whether arrays contain numbers: a text dtype may claim any length."""
    if name not in ("__numpy__", "__tensor__"):
        return True
    dtype = inner.get("dtype") if isinstance(inner, dict) else None
    return dtype in ("bool", "bfloat16") or (
        isinstance(dtype, str) and dtype.rstrip("0123456789") in ("int", "uint", "float", "complex")
    )


def is_function_of_keras(module, name):
    modules = FUNCTIONS if module == "builtins" else {module} & FUNCTIONS
    if "." in name or name in MAKERS:
        return False
    found = [keras_internals.exported(f"{place}.{name}") for place in modules]
    return any(isinstance(one, types.FunctionType) for one in found)


def check_sizes(config, data):
    """Reject a network that is larger than the weights in its file, before allocating memory.

    The layers are built without values, which tells what variables they would have.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        weights = file.read("model.weights.h5")
    with h5py.File(io.BytesIO(weights)) as file:
        file.visititems(check_array)
    # States of recurrent layers, which have no initializer, are as large as their outputs.
    config = json.loads(json.dumps(config["config"]), object_hook=without_state)
    scope = keras.StatelessScope(initialize_variables=False)
    with keras_internals.no_pending_variables(), scope:
        network = keras.Sequential.from_config(config)
    claimed = sum(bytes_of(v.shape, v.dtype) for v in network.variables)
    if claimed > len(weights) + MAX_UNBACKED_BYTES:
        raise BadFile(
            f"its network would have {claimed:,} bytes of weights; the file has {len(weights):,}."
        )
    for layer in network.layers if network.built else ():
        shape = getattr(getattr(layer, "output", None), "shape", ())
        if bytes_of(shape, "float32") > MAX_UNBACKED_BYTES + len(weights):
            raise BadFile(f"layer {layer.name!r} would output {shape} numbers.")


def without_state(config):
    return {**config, "stateful": False} if config.get("stateful") else config


def bytes_of(shape, dtype):
    wide = any(bits in str(dtype) for bits in ("64", "128"))
    return math.prod(n or 1 for n in shape) * (8 if wide else 4)


def object_of(config):
    """The Keras object of a config in a file, such as an optimizer or an activation."""
    check_config(config)
    config = json.loads(json.dumps(config), object_hook=without_weights)
    return keras.saving.deserialize_keras_object(config)


def without_weights(config):
    """Reject a network where none belongs, because its size was not compared."""
    if "layers" in config:
        raise BadFile("it contains a network where none belongs.")
    return {k: v for k, v in config.items() if k != "build_config"}


def check_array(name, array):
    if not isinstance(array, h5py.Dataset):
        return
    stored = array.id.get_storage_size()
    if array.external or array.is_virtual or array.nbytes > stored:
        raise BadFile(f"array {name!r} claims {array.nbytes:,} bytes; the file has {stored:,}.")


def check_numbers(config):
    """Reject numbers with which a layer or a metric would fill the memory."""
    sizes = {k: abs(n) for k, n in config.items() if type(n) is int}
    sizes = {k: n for k, n in sizes.items() if not any(part in k for part in NO_SIZES)}
    for key, number in sizes.items():
        if number > MAX_SIZE:
            raise BadFile(f"its {key!r} of {number:,} is more than any network has.")
    numbers = math.prod(max(1, n) for n in sizes.values()) * max(1, sizes.get("num_classes", 1))
    if {"num_thresholds", "num_classes", "num_labels"} & set(sizes) and numbers > MAX_SIZE:
        raise BadFile(f"a metric of {numbers:,} numbers is more than any network needs.")


def check_finite(network):
    """Reject weights that are NaN or infinite: such a network predicts nothing."""
    weights = network.weights
    broken = [w.path for w in weights if not np.isfinite(keras.ops.convert_to_numpy(w)).all()]
    if broken:
        raise BadFile(
            f"{len(broken)} of its {len(weights)} weights contain NaN or infinity, the first is "
            f"{broken[0]!r}. Train it again with a lower learning rate, or load a file from an "
            "earlier epoch."
        )
