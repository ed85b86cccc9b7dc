"""The hot routes in the OpenAPI document, so that /docs shows them with the contract's fields and an example."""

from datetime import datetime
from typing import Any

from fastapi import FastAPI

from ..contract import Column, Contract
from .forms import OUTPUT
from .members import INT64, parsed
from .models import Models

DATATYPES = {"number": "FP64", "integer": "INT64", "boolean": "BOOL", "string": "BYTES", "timestamp": "BYTES"}
"""Open Inference's, by the contract's types."""
TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer", "minimum": INT64[0], "maximum": INT64[1]},
    "boolean": {"type": "boolean"},
    "string": {"type": "string"},
    "timestamp": {"type": "string", "format": "date-time"},
}
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "field": {"type": "string"}, "row": {"type": "integer"}},
}
ERRORS = {
    "400": "The body is not JSON.",
    "401": "No API key, where one is asked for, or one that is not known.",
    "404": "No such model or version.",
    "408": "The body did not come in time.",
    "413": "The body is too large, or holds too many rows.",
    "415": "The body is compressed, binary or CSV.",
    "422": "A field is unknown, missing, mistyped or outside the contract.",
    "503": "No model answers, or too many requests are waiting.",
}
ID = {"type": ["string", "null"]}
KEYS = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def add(app: FastAPI, contract: Contract, models: Models) -> None:
    """Give the application a document that tells of predictions too, as the model in service takes them."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        for path in document["paths"].values():
            for operation in path.values():
                # FastAPI's: what it checks are names in paths, and those are any text.
                operation["responses"].pop("422", None)
        views = models.live.champion.schema.views if models.live else []
        predictions = paths(contract, [name for view in views for name in view.columns])
        others = {path: told for path, told in document["paths"].items() if path not in predictions}
        keys = {"components": {"securitySchemes": KEYS}, "security": [{}, *({name: []} for name in KEYS)]}
        return document | {"paths": predictions | others} | keys

    app.openapi = openapi  # type: ignore[method-assign]


def paths(contract: Contract, features: list[str]) -> dict[str, Any]:
    """features: what the model looks up unless a request gives it."""
    looked_up = {"type": ["number", "null"], "description": "Looked up, unless it is given."}
    row = {
        "type": "object",
        "required": [name for name, column in contract.fields.items() if _is_required(name, column, contract)],
        "properties": {name: _property(column) for name, column in contract.fields.items()}
        | dict.fromkeys(features, looked_up),
        "additionalProperties": False,
    }
    example = {name: _example(column) for name, column in contract.fields.items() if not column.ignore}
    tensors = [
        {"name": name, "datatype": DATATYPES[column.type], "shape": [1], "data": [example[name]]}
        for name, column in contract.fields.items()
        if name in example
    ]
    model = f"/models/{contract.name}"
    predictions = {"predictions": [0.5], "request_id": "a1-0", "model_version": "1"}
    output = {"name": OUTPUT, "datatype": "FP64", "shape": [1], "data": [0.5]}
    infer = {"model_name": contract.name, "model_version": "1", "id": "a1-0", "outputs": [output]}
    return {
        "/invocations": _path("Predict (MLflow)", _rows("dataframe_records", row), [example], predictions),
        f"/v1{model}:predict": _path("Predict (TensorFlow Serving)", _rows("instances", row), [example], predictions),
        f"/v2{model}/infer": _path("Predict (Open Inference)", _tensors(contract), tensors, infer),
    }


def errors(*statuses: str) -> dict[int | str, dict[str, Any]]:
    """Refusals as a route's responses."""
    told = {"content": {"application/json": {"schema": ERROR}}}
    return {status: {"description": ERRORS[status], **told} for status in statuses}


def _path(summary: str, schema: dict[str, Any], given: list[Any], answer: Any) -> dict[str, Any]:
    key = schema["required"][0]
    responses = errors(*ERRORS)
    responses["200"] = {"description": "Predictions.", "content": {"application/json": {"example": answer}}}
    body = {"required": True, "content": {"application/json": {"schema": schema, "example": {key: given}}}}
    return {"post": {"tags": ["predictions"], "summary": summary, "requestBody": body, "responses": responses}}


def _rows(key: str, row: dict[str, Any]) -> dict[str, Any]:
    rows = {"type": "array", "minItems": 1, "items": row}
    given = {key: rows, "params": {}, "signature_name": {}}
    return {"type": "object", "required": [key], "properties": given, "additionalProperties": False}


def _tensors(contract: Contract) -> dict[str, Any]:
    tensor = {
        "type": "object",
        "required": ["name", "data"],
        "properties": {
            "name": {"type": "string", "examples": list(contract.fields)},
            "datatype": {"enum": sorted(set(DATATYPES.values()))},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "data": {"type": "array"},
        },
    }
    inputs = {"type": "array", "minItems": 1, "items": tensor}
    return {"type": "object", "required": ["inputs"], "properties": {"inputs": inputs, "id": ID}}


def _is_required(name: str, column: Column, contract: Contract) -> bool:
    return not column.ignore and not column.nullable and name != contract.time


def _property(column: Column) -> dict[str, Any]:
    found = dict(TYPES[column.type])
    limits = {"minimum": column.min, "maximum": column.max, "enum": _values(column), "description": column.ignore}
    found |= {key: value for key, value in limits.items() if value not in (None, [])}
    if column.nullable or column.ignore:
        found["type"] = [found["type"], "null"]
        if "enum" in found:
            found["enum"] = [*found["enum"], None]
    return found


def _values(column: Column) -> list[Any]:
    return [value.isoformat() if isinstance(value, datetime) else value for value in parsed(column)]


def _example(column: Column) -> Any:
    if values := _values(column):
        return values[0]
    if column.type in ("number", "integer"):
        low, high = column.min, column.max
        middle = (low + high) / 2 if low is not None and high is not None else low if low is not None else high or 0
        return round(middle) if column.type == "integer" else middle
    return {"boolean": True, "timestamp": "2024-01-31T08:00:00Z", "string": "text"}[column.type]
