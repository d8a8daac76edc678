"""Describe a fitted estimator or a network as plain numbers and text, from which formats are built.

The description has no object of kerasdnn, pandas or Keras:

    kind       "classifier", "labels", "regressor" or "network"
    names      column names in the order of `fit`, None where the table was an array
    columns    list of dicts, one per used column, see `describe_column`
    scaling    "standard" or "robust"; centers, scales: float64 of all scaled parts
    width      int, columns of the matrix that the network takes; dense: those that are not codes
    steps      the layers, see `forward/layers.py`, and the temperature; None where they have none
    target     labels, temperature and threshold, or how an output becomes a number in units of y
"""

import numpy as np

from ..core.messages import quoted_list, to_python
from ..forward.layers import NotDescribed, describe_layers, supported, with_temperature
from ..tables.encoder import READINGS
from ..tables.frame import Column
from ..tables.targets.classes import ClassTarget, LabelTarget
from ..tables.targets.numbers import NumberTarget

KINDS = {ClassTarget: "classifier", LabelTarget: "labels", NumberTarget: "regressor"}


def describe(model):
    """The description of a fitted `DNNClassifier` or `DNNRegressor`, or of a `Sequential`.

    Raises:
        ValueError: a kind of target that has no description.
    """
    network = getattr(model, "network_", model)
    steps, reason = None, ""
    try:
        steps = describe_layers(network)
    except NotDescribed as error:
        reason = str(error)
    found = {"model": type(model).__name__, "steps": steps, "not_described": reason,
             "outputs": network.output_shape[-1]}  # fmt: skip
    if network is model:
        names = getattr(model, "column_names", None)
        names = None if names is None else [to_python(name) for name in names]
        width = network.input_shape[-1]
        return found | {"kind": "network", "names": names, "width": width, "target": {}}
    found |= describe_encoder(model.encoder_) | describe_target(model.target_)
    if found["kind"] != "regressor":
        found["target"] |= describe_decisions(model)
        if steps is not None and found["target"]["temperature"] is not None:
            sigmoid = not model.target_.head.per_class
            found["steps"] = with_temperature(steps, found["target"]["temperature"], sigmoid)
    return found


def need_steps(description, format):
    """Raise an error that names the layer which a format cannot compute."""
    if description["steps"] is None:
        raise ValueError(
            f"format={format!r} cannot compute {description['not_described']}. Pass "
            f"format='saved_model', which supports any layer; {format!r} computes {supported()}."
        )


def describe_target(target):
    kind = KINDS.get(type(target))
    if kind is None:
        raise ValueError(f"A model with a {type(target).__name__} cannot be exported.")
    if kind != "regressor":
        labels = [to_python(label) for label in target.classes]
        found = {"labels": labels, "binary": target.head.units == "1"}
        return {"kind": kind, "target": found}
    unit = np.abs(target.baseline) if target.shift is not None else target.scale
    if not target.head.standardize and target.shift is None:
        unit = np.maximum(np.abs(target.baseline), 1e-30)
    arrays = {"center": target.center, "scale": target.scale, "range": target.range,
              "shift": target.shift, "bias": target.bias, "unit": unit}  # fmt: skip
    arrays = {
        k: None if v is None else np.asarray(v, "float64").tolist() for k, v in arrays.items()
    }
    flat = bool(target.flat) and not target.head.levels
    mean_first = target.head.distribution is not None
    return {"kind": kind, "target": {"flat": flat, "mean_first": mean_first, **arrays}}


def describe_decisions(model):
    """The temperature of a classifier, None without one, and the threshold of two classes."""
    calibrator = getattr(model, "calibrator_", None)
    if calibrator is not None and not calibrator.keeps_order:
        raise ValueError(
            "Isotonic calibration cannot be exported: it is a step function, so a rounding "
            "difference could change a probability. Call `calibrate(X, y)` with held-out rows to "
            "use a temperature, or fit with calibrate=True."
        )
    temperature = None if calibrator is None else calibrator.value
    return {"temperature": temperature, "threshold": getattr(model, "threshold_", None) or 0.5}


def describe_encoder(encoder):
    """What a fitted `TableEncoder` does, the only place of this package that knows how it does it.

    Its tables of flags are written by the states of the columns themselves.
    """
    plan = encoder._the_plan()
    n_states = len(encoder.states_)
    sources_of = {n_states + i: sources for i, (sources, _) in enumerate(encoder.crosses_)}
    crossed = {j for sources in sources_of.values() for j in sources}
    flags = {j: [start, stop] for j, start, stop in plan.flagged}
    codes = {j: plan.dense + i for i, j in enumerate(plan.embedded)}
    part, columns = 0, []
    for j, state in enumerate(plan.states):
        if not state.used and j not in crossed:
            continue
        column = describe_column(state)
        column["position"] = j
        column["sources"] = sources_of.get(j)
        column["used"] = state.used
        if state.role != "categorical":
            column["part"] = part
            part += len(state.parts)
        if state.used and j in flags:
            column["flags"] = flags[j]
        column["code_at"] = codes.get(j)
        columns.append(column)
    return {
        "names": encoder.names_,
        "n_columns": n_states,
        "columns": columns,
        "scaling": encoder.scaling,
        "centers": plan.centers,
        "scales": plan.scales,
        "width": plan.width,
        "dense": plan.dense,
        "empty": plan.empty,
    }


def describe_column(state):
    """One column.

    Returns:
        dict: "name"; "kind" ("numeric", "duration", "datetime", "instant", "boolean", "category"
        or "text"); "reading", how text is read, or None; "stray", whether text that cannot be read
        is missing instead of an error; "sentinels"; "parts", suffixes of the scaled numbers;
        "table", float32 rows of flags: [present, missing], of categories [unseen, each, missing];
        "codes", category to number; "buckets"; "accepts", other kinds of values it takes.
    """
    reading = state.reading
    own = reading is not None
    if not own and state.kind in READINGS:
        reading = READINGS[state.kind]
    elif own and "as" not in reading:
        reading = None
    found = {
        "name": state.name,
        "kind": state.kind,
        "reading": reading if state.role != "text" else None,
        "stray": own,
        "sentinels": list(state.reading.get("sentinels", ())) if own else [],
        "parts": [],
        "table": None,
    }
    if state.role != "categorical":
        found["parts"] = [suffix for suffix, _, _ in state.parts]
        values = {"datetime": "datetime64[us]", "instant": "datetime64[us]"}.get(state.kind)
        sample = Column(state.kind, np.array([0, "NaT"], values) if values else
                        np.array([0.0, np.nan]))  # fmt: skip
        if state.role == "text":
            found |= {"kind": "text", "idf": state._idf, "components": state._components}
            sample = Column("text", np.array(["", None], dtype=object))
    elif state.kind == "boolean":
        sample = Column("boolean", np.array([np.nan, 0.0, 1.0, np.nan]))
        found["codes"] = {"False": 0, "True": 1}
    else:
        found |= {"kind": "category", "codes": dict(state.codes_of), "buckets": state.buckets}
        found["numbers"], found["wide"] = bool(state.numbers), bool(state.wide)
        unseen = unseen_text(state.codes_of)
        sample = Column("text", np.array([unseen, *state.categories, None], dtype=object))
    if state.flags:
        found["table"] = np.empty((len(sample.values), len(state.flags)), dtype="float32")
        state.write(sample, found["table"])
    return found


def unseen_text(codes):
    """A text that is not among the categories."""
    text = "unseen"
    while text in codes:
        text += "_"
    return text


def refuse(format, columns, instead):
    """Raise an error that names the columns which a format cannot reproduce."""
    if columns:
        reasons = "; ".join(f"column {name!r} {why}" for name, why in columns)
        raise ValueError(
            f"format={format!r} cannot reproduce {quoted_list([n for n, _ in columns])} exactly: "
            f"{reasons}. Pass format={instead!r}."
        )
