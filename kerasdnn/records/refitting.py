"""Train a model again from its record, and report whether the result is bit-identical."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import clone

from ..core.messages import invalid
from .contents import named, plain

WHY = {
    "data": "values or their type are not those of the first training",
    "hyperparameters": "a preset or a default of the library has changed",
    "split": "other rows were held out",
    "versions": "another version may sum numbers in another order or have other defaults",
    "device": "another device sums numbers in another order",
    "seeds": "other random numbers were drawn",
}
# Parts of the record that are compared value by value, causes first.
COMPARED = ("hyperparameters", "seeds", "versions", "device")


@dataclass(frozen=True)
class Difference:
    """A part of two records that differs.

    Attributes:
        part: str, such as "data column 'age'" or "versions: keras".
        before: the value in the first record, or the first digits of its hash.
        after: the value in the new record, or the first digits of its hash.
        why: str, what such a difference means.

    Example:
        from kerasdnn.records.refitting import Difference

        print(Difference("versions: keras", "3.14", "3.15", "other rounding"))
    """

    part: str
    before: Any
    after: Any
    why: str

    def __str__(self) -> str:
        return f"{self.part}: {self.before} before, {self.after} now; {self.why}"


@dataclass
class Refit:
    """What `refit` found.

    Attributes:
        model: the estimator that was trained again.
        identical: bool, whether weights, encoder, target and decisions (temperature, threshold,
            intervals) are those of the first training bit for bit.
        causes: list of `Difference` in what goes into a training: data, hyperparameters, seeds,
            split, versions, device.
        results: list of str, the parts of the result that differ.
        largest: float, the largest difference of a weight; None if the networks have other shapes.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.records.refitting import refit

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        print(*refit(model, frame, labels).lines())
    """

    model: Any
    identical: bool
    causes: list[Difference] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    largest: float | None = 0.0

    def lines(self) -> list[str]:
        """Return the report as sentences.

        Returns:
            list of str.
        """
        if self.identical:
            found = ["bit-identical"]
            if self.causes:
                found.append("These parts differ, without an effect on the result:")
            return found + [f"- {cause}" for cause in self.causes]
        size = (
            "" if self.largest is None else f" (largest difference of a weight {self.largest:.3g})"
        )
        found = [f"not bit-identical: {', '.join(self.results)} differ{size}"]
        if not self.causes:
            same = "Data, hyperparameters, seeds, versions and device are the same"
            return [*found, f"{same}: the computation itself is not deterministic here."]
        return [*found, "Possible causes:", *(f"- {cause}" for cause in self.causes)]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON.

        Returns:
            dict of JSON values.
        """
        causes = [vars(cause) for cause in self.causes]
        return {"identical": self.identical, "results": self.results, "causes": causes,
                "largest_weight_difference": self.largest}  # fmt: skip


def refit(model: Any, X: Any, y: Any, sample_weight: Any = None, **fit: Any) -> Refit:
    """Train a fitted estimator again with its arguments and its seed, and compare the results.

    Args:
        model: fitted estimator, such as `kerasdnn.load` returns, with a record.
        X: table of `(rows, columns)`, as in the first `fit`.
        y: as in the first `fit`.
        sample_weight: as in the first `fit`. None means that there were no weights.
        **fit: other arguments of the first `fit`, such as `groups`.

    Returns:
        `Refit`.

    Raises:
        ValueError: the model has no record, or was trained with what its file does not hold.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.records.refitting import refit

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        refit(model, frame, labels).identical    # True
    """
    before = record_of(model)
    check_arguments(model, before)
    again = clone(model).set_params(verbose=0)
    seed = before["seeds"]["fit"]
    again._draw_seed = lambda: seed
    again._drawn_seed = seed
    try:
        again.fit(X, y, sample_weight, **fit)
    finally:
        del again._draw_seed
    after = again.record_
    results = [name for name, value in before["result"].items() if after["result"][name] != value]
    return Refit(again, not results, differences(before, after), results, largest(model, again))


def check_arguments(model, record):
    """Raise a ValueError if an argument, such as a custom metric, is not that of the training."""
    present = model.get_params(deep=False)
    if present.get("warm_start"):
        remedy = "The weights that its training began with are not in the record."
        raise invalid("warm_start", "must be False to train again", True, remedy)
    for name, value in record["arguments"].items():
        given = present.get(name)
        known = plain(given), plain(given, named)  # the latter in records of earlier versions
        if name not in ("verbose", "random_state") and value not in known:
            raise invalid(
                name, f"must be {value!r}, as in the training that the record describes",
                given, "A file cannot hold custom objects: set_params sets it.",
            )  # fmt: skip


def record_of(model: Any) -> dict[str, Any]:
    """The record of a model; raises a ValueError if there is none."""
    record = getattr(model, "record_", None)
    if record is None:
        raise ValueError(
            "The model has no record: it was saved by an earlier version, or is a network without "
            "an estimator. Fit and save it again to get one."
        )
    return record


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[Difference]:
    """The parts of two records that go into a training and differ."""
    data = list(data_differences(before["data"], after["data"]))
    found = [*data]
    for part in COMPARED:
        old, new = before[part], after[part]
        for name in dict.fromkeys([*old, *new]):
            if part == "seeds" and name == "random_state":
                continue
            if old.get(name) != new.get(name):
                found.append(Difference(f"{part}: {name}", old.get(name), new.get(name), WHY[part]))
    old, new = before["training"]["epochs"], after["training"]["epochs"]
    if before["arguments"].get("time_limit") is not None and old != new:
        found.append(Difference("epochs within the time limit", old, new, "the clock decides"))
    old, new = before["split"], after["split"]
    keys = ("how", "training", "validation", "sha256")
    if not data and any(old.get(key) != new.get(key) for key in keys):  # it depends on the data
        found.append(Difference("split", summary_of(old), summary_of(new), WHY["split"]))
    return found


def data_differences(before, after):
    if before["rows"] != after["rows"]:
        yield Difference("data: rows", before["rows"], after["rows"], WHY["data"])
    old, new = ({c["name"]: c for c in data["columns"]} for data in (before, after))
    for name in dict.fromkeys([*old, *new]):
        if name not in old or name not in new:
            there = ("there", "missing") if name in old else ("missing", "there")
            yield Difference(f"data column {name!r}", *there, WHY["data"])
        elif old[name]["sha256"] != new[name]["sha256"]:
            yield Difference(
                f"data column {name!r}", short(old[name]), short(new[name]), WHY["data"]
            )
    if list(old) != list(new) and set(old) == set(new):
        yield Difference("data: order of the columns", [*old], [*new], WHY["data"])
    for key in ("target", "weights", "groups", "time"):
        if before.get(key, {}).get("sha256") != after.get(key, {}).get("sha256"):
            values = (short(data[key]) if key in data else "none" for data in (before, after))
            yield Difference(f"data: {key}", *values, WHY["data"])


def short(part):
    kind = f"{part['kind']} " if "kind" in part else ""
    return f"{kind}{part['sha256'][:12]}"


def summary_of(split):
    rows = f"{split.get('validation', 0)} rows"
    return f"{split['how']}, {rows} {split.get('sha256', '')[:12]}".strip()


def largest(model, again):
    old, new = model.network_.get_weights(), again.network_.get_weights()
    if [w.shape for w in old] != [w.shape for w in new]:
        return None
    return max(
        (float(np.abs(a - b).max(initial=0)) for a, b in zip(old, new, strict=True)), default=0.0
    )
