"""Answer the body of a request with the predictions of a model."""

import contextlib
import hashlib
import json
import warnings
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.messages import to_python
from ..estimators.files.archive import library_versions, load
from .openapi import openapi
from .requests import Invalid, columns_of, parse, problem, read_rows

MAX_CHARACTERS = 2_000  # of a message


@dataclass(frozen=True)
class Limits:
    """Limits of a request.

    Attributes:
        rows: int, the maximum number of rows. Default: 10,000.
        bytes: int, the maximum number of bytes of the body. Default: 8 MiB.
        seconds: float, the time in which the body has to arrive. Default: 30.

    Example:
        from kerasdnn.serving.service import Limits

        Limits(rows=100, seconds=5.0)
    """

    rows: int = 10_000
    bytes: int = 8 << 20
    seconds: float = 30.0


class Service:
    """A fitted estimator that answers bodies of requests, one at a time.

    Args:
        model: fitted `DNNClassifier` or `DNNRegressor`, trained on a table with column names.
        limits: `Limits` of a request. None means the defaults of `Limits`.
        digest: str, the SHA-256 of the model's file, for `/version`.

    Raises:
        ValueError: the columns of the model have no names of type str.

    Example:
        import pandas as pd
        from kerasdnn import DNNClassifier
        from kerasdnn.serving.service import Service

        frame = pd.DataFrame({"age": [41, 23, 58, 35] * 25, "city": ["Oslo", "Bonn"] * 50})
        labels = ["yes", "no", "yes", "yes"] * 25
        model = DNNClassifier("standard", epochs=2, random_state=0).fit(frame, labels)
        service = Service(model)
        status, answer = service.answer(b'{"rows": [{"age": 41, "city": "Oslo"}]}')
    """

    def __init__(self, model: Any, limits: Limits | None = None, digest: str = ""):
        self.model, self.limits, self.digest = model, limits or Limits(), digest
        self.columns = columns_of(model)
        self.classes = getattr(model, "classes_", None)
        self.labels = None if self.classes is None else [to_python(c) for c in self.classes]
        with contextlib.suppress(ValueError, TypeError):  # the first prediction compiles
            self.predict([dict.fromkeys(column.name for column in self.columns)])

    @classmethod
    def of_file(cls, path: str | PathLike, limits: Limits | None = None) -> "Service":
        """Create the service of a file that `model.save` wrote.

        Args:
            path: str or Path.
            limits: `Limits` of a request. None means the defaults of `Limits`.

        Returns:
            `Service`.

        Raises:
            ValueError: the file holds no estimator, or its columns have no names of type str.
        """
        content = Path(path).read_bytes()
        model = load(Path(path))
        if not hasattr(model, "encoder_"):
            raise ValueError(f"{path} holds a network without an encoder of tables.")
        return cls(model, limits, hashlib.sha256(content).hexdigest())

    def answer(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Answer the body of a request.

        Args:
            body: bytes of JSON, `{"rows": [{column: value, ...}, ...]}`.

        Returns:
            `(status, content)`: 200 and the predictions, or the status of an error and
            `{"detail": [{"loc", "msg", "type"}, ...]}`.
        """
        try:
            rows = read_rows(parse(body), self.columns, self.limits.rows)
            try:
                return 200, self.predict(rows)
            except (ValueError, TypeError, OverflowError) as error:  # of a value, by the encoder
                message = one_line(error)
                raise Invalid(422, [problem(message, "rows")]) from None
        except Invalid as error:
            return error.status, {"detail": error.problems}

    def predict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Predict rows that have been checked.

        Args:
            rows: list of dict from column to value.

        Returns:
            dict of JSON: "predictions", a value per row; of a classifier "classes" and
            "probabilities", of several outputs "outputs"; "warnings", such as unseen categories.
        """
        table = pd.DataFrame(rows, columns=[column.name for column in self.columns], dtype=object)
        table = table[[c.name for c in self.columns if c.required or c.name in rows[0]]]
        self.model.encoder_._told = set()  # every request is told of its own unseen categories
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", UserWarning)
            found = np.asarray(self.model.predict(table))
            told = list(dict.fromkeys(one_line(w.message) for w in caught))
            answer: dict[str, Any] = {"predictions": found.tolist(), "warnings": told}
            if self.labels is not None:
                answer["classes"] = self.labels
                answer["probabilities"] = self.model.predict_proba(table).tolist()
        if levels := getattr(self.model.target_.head, "levels", ()):
            answer["outputs"] = [f"quantile {level:g}" for level in levels]
        return answer

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document of the service.

        Returns:
            dict of JSON values.
        """
        numbers = {"type": "array", "items": {"type": "number"}}
        several = (
            self.model.target_.head.kind == "labels" or self.model.network_.output_shape[1] > 1
        )
        value: dict[str, Any] = numbers if several else {"type": "number"}
        properties: dict[str, Any] = {}
        if self.labels is not None:
            if self.model.target_.head.kind == "class":
                value = {"enum": self.labels}
            properties["classes"] = {"type": "array", "items": {"enum": self.labels}}
            properties["probabilities"] = {"type": "array", "items": numbers}
        properties["predictions"] = {"type": "array", "items": value}
        properties["warnings"] = {"type": "array", "items": {"type": "string"}}
        answer = {"type": "object", "properties": properties, "required": [*properties]}
        record = self.model.record_ or {"data": {"target": {"name": None}}}
        name = record["data"]["target"]["name"]
        about = {
            "title": type(self.model).__name__ + ("" if name is None else f" of {name}"),
            "version": self.digest[:12] or "unsaved",
            "max_rows": self.limits.rows,
        }
        return openapi(self.columns, answer, about)

    def version(self) -> dict[str, Any]:
        """Return what `/version` answers.

        Returns:
            dict of JSON values: versions, and the SHA-256 of the file.
        """
        record = self.model.record_ or {}
        trained = record.get("timings", {}).get("started")
        return {
            "model": {"sha256": self.digest, "estimator": type(self.model).__name__,
                      "trained": trained},
            "versions": {**record.get("versions", {}), **library_versions()},
        }  # fmt: skip


def one_line(error):
    """The message of an error or a warning, which may quote a text of megabytes."""
    return " ".join(str(error)[:MAX_CHARACTERS].split())


def to_json(content: Any) -> bytes:
    """JSON in ASCII: a lone surrogate of a request cannot be written in UTF-8."""
    return json.dumps(content, allow_nan=False).encode("ascii")
