"""Programs shared by equal networks: made once, remembered under what they were made from."""

import collections
import json

import keras

from . import scoring

REMEMBERED = 128
programs = collections.OrderedDict()


class Program:
    """A traced function, called without matching its arguments by name, which takes longer.

    Args:
        concrete: a concrete `tf.function` whose first argument is a `State`.
        names: what its results are called.
    """

    def __init__(self, concrete, names=()):
        self.concrete, self.names = concrete, tuple(names)

    def __call__(self, handles, *tensors):
        """`handles(state)`, then the tensors of the other arguments, all in one row."""
        return self.concrete._call_flat([*handles, *tensors], self.concrete.captured_inputs)


def handles(state):
    return [variable.handle for group in state for variable in group]


class Own:
    """The programs that one network shares with no other; they go when it goes."""

    def __init__(self):
        self.programs = {}


def recall(network, key, make):
    """The program of `network` for `key`, made now if there is none.

    Args:
        network: a compiled `Network`.
        key: hashable, what the program was made for.
        make: function without arguments that makes it.
    """
    shared = structure(network)
    if shared is None or key[0] == "step":  # which works on the network's own variables
        own = network.own.programs
        if key not in own:
            own[key] = make()
        return own[key]
    key = (shared, *key)
    if key not in programs:
        programs[key] = make()
        while len(programs) > REMEMBERED:
            programs.popitem(last=False)
    programs.move_to_end(key)
    return programs[key]


def structure(model):
    """A string that is equal for models that may share programs, None for a model that may not.

    It holds everything that tracing a model turns into constants: layers, loss, metrics and
    optimizer without names, seeds, initial values and a learning rate that is a variable. Objects
    that Keras and this package did not define may hide state: such a model shares with no other.
    """
    serialize = keras.saving.serialize_keras_object
    if model._compile_metrics is None:
        metrics = None
    else:
        metrics = [
            model._compile_metrics._user_metrics,
            model._compile_metrics._user_weighted_metrics,
        ]
    try:
        parts = [list(model.layers), model.loss, metrics, model.optimizer]
        stripped = strip(serialize(parts))
        loss_weights = model._compile_loss._user_loss_weights if model._compile_loss else None
        names = [metric.name for metric in scoring.compiled_metrics(model)]
        return json.dumps([stripped, loss_weights, names], sort_keys=True)
    except (TypeError, ValueError, NotImplementedError):
        return None


def strip(config):
    """A serialized Keras object without what differs between equal models."""
    if isinstance(config, (list, tuple)):
        return [strip(item) for item in config]
    if not isinstance(config, dict):
        return config
    if "class_name" in config:
        module, name = config.get("module") or "keras", config.get("registered_name") or ""
        ours = module.split(".")[0] in ("keras", "kerasdnn") or name.startswith("kerasdnn>")
        if not ours:
            raise TypeError(f"{config['class_name']} is not Keras's")
        if module.startswith("keras.optimizers") or name.startswith("kerasdnn>"):
            config = {**config, "config": without_rate(config["config"])}
    gone = ("name", "seed", "build_config", "compile_config", "shared_object_id")
    return {
        key: strip(value)
        for key, value in config.items()
        if key not in gone and not key.endswith("_initializer")
    }


def without_rate(config):
    if isinstance(config, dict) and isinstance(config.get("learning_rate"), float):
        config = {**config, "learning_rate": "variable"}
    return config
