"""Convert a fitted estimator, apart from its network, to JSON and back."""

import types

import keras
import numpy as np
import pandas as pd

from ...core.messages import to_python, warn
from ...heads.head import Head
from ...heads.loss import with_loss
from ...heads.numbers import quantile_head
from ...heads.problem_types import HEADS, key_of, row_of
from ...nn.quantiles import check_quantiles
from ...tables.encoder import TableEncoder
from ...tables.targets.classes import ClassTarget, LabelTarget
from ...tables.targets.mixed import MixedTarget
from ...tables.targets.numbers import NumberTarget
from .network_file import BadFile, check_config, check_name, object_of


class NotJson(Exception):
    """A value that JSON cannot hold."""


def estimator_to_state(estimator):
    """The state of a fitted estimator without its network, ready for JSON.

    Warns:
        DataWarning: arguments that a file cannot hold, such as callbacks; they are None after
            loading, which changes no prediction.
    """
    lost = []

    def packed(name, value):
        try:
            return pack(value)
        except (NotJson, BadFile):
            lost.append(name)
            return None

    state = {
        "class": type(estimator).__name__,
        "arguments": {k: packed(k, v) for k, v in estimator.get_params(deep=False).items()},
        "hyperparameters": {k: packed(k, v) for k, v in estimator.hyperparameters_.items()},
        "encoder": estimator.encoder_.to_dict(),
        "target": target_to_state(estimator.target_),
        "history": {k: list(map(float, v)) for k, v in estimator.history_.items()},
        "best_epoch": int(estimator.best_epoch_),
        "rows": int(estimator.n_rows_),
        "report": str(getattr(estimator, "fit_report_", "")),
        "network_seed": int(estimator.network_.seed),
        "decisions": estimator._decisions_to_state(),
    }
    if hasattr(estimator, "oof_score_"):
        state["oof_score"] = float(estimator.oof_score_)
    if getattr(estimator, "record_", None) is not None:
        state["record"] = estimator.record_
    if lost:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(lost))
        warn(
            f"A file cannot hold custom objects: {names} will be None after loading. Predictions "
            "are the same; set them again before another `fit`."
        )
    return state


def estimator_from_state(classes, state, make_network):
    """The estimator of a state.

    Args:
        classes: dict from name to estimator class.
        state: what `estimator_to_state` returned.
        make_network: `make_network(seed)`.

    Raises:
        BadFile: the parts are inconsistent.
    """
    try:
        estimator = classes[state["class"]](**{k: unpack(v) for k, v in state["arguments"].items()})
        encoder = TableEncoder.from_dict(state["encoder"])
        history = pd.DataFrame(state["history"])
        history.index = pd.RangeIndex(1, len(history) + 1, name="epoch")
        network = make_network(state["network_seed"])
        if network.input_shape[-1] != len(encoder.get_feature_names_out()):
            raise BadFile("the network expects another number of columns than the encoder has.")
        hyperparameters = {k: unpack(v) for k, v in state["hyperparameters"].items()}
        target = target_from_state(state["target"])
        target.head = with_loss(target.head, hyperparameters.get("loss"))
        estimator._set_fitted(
            {
                "encoder_": encoder,
                "target_": target,
                "network_": network,
                "hyperparameters_": hyperparameters,
                "history_": history,
                "best_epoch_": state["best_epoch"],
                "n_rows_": state["rows"],
                "fit_report_": str(state.get("report", "")),  # earlier versions wrote none
                **estimator._decisions_from_state(state.get("decisions"), target),
                "record_": state.get("record"),  # files of earlier versions have none
            }
        )
        if "oof_score" in state:
            estimator.oof_score_ = float(state["oof_score"])
    except BadFile:
        raise
    except Exception as error:  # of any type: a state may contain anything
        raise BadFile(f"its contents are inconsistent ({error!r}).") from error
    return estimator


def target_to_state(target, in_file=True):
    """The state of a target; in a file its problem type must be a row of `HEADS`."""
    if isinstance(target, MixedTarget):
        parts = [target_to_state(part, in_file) for part in target.targets]
        weights = None if target.weights is None else dict(target.weights)
        return {"problem": "mixed", "names": target.names, "weights": weights, "parts": parts}
    head = target.head.row or target.head
    named = in_file or HEADS.get(head.name) is head
    problem = key_of(target.head) if named else str(target.head)
    state = {"problem": problem, "baseline": target.baseline.tolist()}
    if isinstance(target, NumberTarget):
        state |= {"n": target.n, "flat": target.flat}
        if target.head.levels:
            state["quantiles"] = list(target.head.levels)
        arrays = {k: getattr(target, k) for k in ("center", "scale", "range", "shift", "bias")}
        return state | {k: None if v is None else v.tolist() for k, v in arrays.items()}
    return state | {"classes": target.classes.tolist(), "dtype": target.classes.dtype.str}


def target_from_state(state):
    if "parts" in state:
        targets = [target_from_state(part) for part in state["parts"]]
        return MixedTarget(state["names"], targets, state["weights"])
    try:
        head = row_of(state["problem"])
    except ValueError as error:
        raise BadFile(str(error)) from error
    if "classes" in state:
        kind = LabelTarget if head.kind == "labels" else ClassTarget
        dtype, classes = np.dtype(state["dtype"]), state["classes"]
        if dtype.itemsize * len(classes) > 2**26:  # a text dtype may have any length
            raise BadFile(f"its labels are of type {dtype}, too long for labels.")
        target = kind(np.array(classes, dtype=dtype))
        target.head = head
    else:
        if state.get("quantiles") is not None:
            head = quantile_head(tuple(check_quantiles("quantiles", state["quantiles"])))
        target = NumberTarget(head, state["n"], state["flat"])
        target.center, target.scale = np.array(state["center"]), np.array(state["scale"])
        if state.get("shift") is not None:
            target.log, target.shift = True, np.array(state["shift"])
            target.bias = np.array(state["bias"])
        if state.get("range") is not None:
            target.range = np.array(state["range"])
    target.baseline = np.array(state["baseline"])
    return target


def pack(value):
    """A hyperparameter as JSON from which `unpack` restores the same value."""
    value = to_python(value)
    if isinstance(value, Head) and HEADS.get(value.name) is value:
        return value.target
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [pack(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [pack(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[pack(k), pack(v)] for k, v in value.items()]}
    if isinstance(value, np.ndarray):
        return pack(value.tolist())
    if not hasattr(value, "get_config") and not isinstance(value, types.FunctionType):
        raise NotJson
    config = keras.saving.serialize_keras_object(value)
    check_config(config)
    return {"keras": config}


def unpack(value):
    if isinstance(value, list):
        return [unpack(item) for item in value]
    if isinstance(value, str):
        check_name(value)
    if not isinstance(value, dict):
        return value
    (kind, content), *_ = value.items()
    if kind == "tuple":
        return tuple(unpack(item) for item in content)
    if kind == "dict":
        return {unpack(k): unpack(v) for k, v in content}
    return object_of(content)
