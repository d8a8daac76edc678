"""The OpenAPI description of a served model, derived from its columns."""

from typing import Any

from .requests import RequestColumn


def row_schema(columns: list[RequestColumn]) -> dict[str, Any]:
    """The JSON schema of a row."""
    properties: dict[str, Any] = {}
    for column in columns:
        text = f"Learned as {column.kind}."
        if not column.required:
            text += " The model ignores it."
        properties[column.name] = {"type": [*column.types, "null"], "description": text}
        if column.examples:
            properties[column.name]["examples"] = list(column.examples)
    return {
        "type": "object",
        "properties": properties,
        "required": [column.name for column in columns if column.required],
        "additionalProperties": False,
    }


def openapi(columns: list[RequestColumn], answer: dict[str, Any], about: dict[str, Any]) -> dict:
    """The OpenAPI 3.1 document.

    Args:
        columns: the columns of a request.
        answer: JSON schema of the answer.
        about: "title", "version" and "max_rows".
    """
    rows = {
        "type": "array",
        "items": {"$ref": "#/components/schemas/Row"},
        "minItems": 1,
        "maxItems": about["max_rows"],
    }
    request = {"type": "object", "properties": {"rows": rows}, "required": ["rows"],
               "additionalProperties": False}  # fmt: skip
    failures = {
        "400": "The body is not JSON.",
        "408": "The body did not arrive in time.",
        "413": "The body is too large, or has too many rows.",
        "415": "The body is not application/json.",
        "422": "A row does not fit the columns; the message names row, column and value.",
    }
    responses = {"200": _json("Predictions in the order of the rows.", "Answer")}
    responses |= {status: _json(text, "Errors") for status, text in failures.items()}
    predict = {
        "summary": "Predict rows",
        "requestBody": {"required": True, **_json("", "Request", described=False)},
        "responses": responses,
    }

    def get(summary):
        return {"get": {"summary": summary, "responses": {"200": {"description": summary}}}}

    return {
        "openapi": "3.1.0",
        "info": {"title": about["title"], "version": about["version"]},
        "paths": {
            "/predict": {"post": predict},
            "/health": get("Whether the server answers"),
            "/version": get("The model and the versions of the libraries"),
            "/openapi.json": get("This document"),
        },
        "components": {
            "schemas": {
                "Row": row_schema(columns),
                "Request": request,
                "Answer": answer,
                "Errors": {
                    "type": "object",
                    "properties": {"detail": {"type": "array", "items": PROBLEM}},
                    "required": ["detail"],
                },
            }
        },
    }


PROBLEM = {
    "type": "object",
    "properties": {
        "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
        "msg": {"type": "string"},
        "type": {"type": "string"},
    },
}


def _json(description, schema, described=True):
    reference = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    found: dict[str, Any] = {"content": {"application/json": reference}}
    return {"description": description, **found} if described else found
