"""The hot routes in the OpenAPI document, so that /docs shows them with the contract's fields and an example."""

from typing import Any

from fastapi import FastAPI

from ..contract import Column, Contract
from .forms import OUTPUT
from .metadata import DATATYPES

TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
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
    "404": "No such model or version.",
    "413": "The body is too large, or holds too many rows.",
    "422": "A field is unknown, missing, mistyped or outside the contract.",
    "503": "No model answers yet, or too many requests are waiting.",
}


def add(app: FastAPI, contract: Contract) -> None:
    """Give the application a document that tells of predictions too."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        document["paths"] = paths(contract) | document["paths"]
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def paths(contract: Contract) -> dict[str, Any]:
    row = {
        "type": "object",
        "required": [name for name, column in contract.fields.items() if _is_required(name, column, contract)],
        "properties": {name: _property(column) for name, column in contract.fields.items()},
        "additionalProperties": {"type": ["number", "null"], "description": "A view's feature, as view__feature."},
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
        f"/v2{model}/infer": _path("Predict (Open Inference)", {"type": "object"}, tensors, infer, "inputs"),
    }


def _path(summary: str, schema: dict[str, Any], given: list[Any], answer: Any, key: str = "") -> dict[str, Any]:
    key = key or schema["required"][0]
    responses: dict[str, Any] = {
        status: {"description": said, "content": {"application/json": {"schema": ERROR}}}
        for status, said in ERRORS.items()
    }
    responses["200"] = {"description": "Predictions.", "content": {"application/json": {"example": answer}}}
    body = {"required": True, "content": {"application/json": {"schema": schema, "example": {key: given}}}}
    return {"post": {"tags": ["predictions"], "summary": summary, "requestBody": body, "responses": responses}}


def _rows(key: str, row: dict[str, Any]) -> dict[str, Any]:
    rows = {"type": "array", "minItems": 1, "items": row}
    return {"type": "object", "required": [key], "properties": {key: rows}}


def _is_required(name: str, column: Column, contract: Contract) -> bool:
    return not column.ignore and not column.nullable and name != contract.time


def _property(column: Column) -> dict[str, Any]:
    found = dict(TYPES[column.type])
    limits = {"minimum": column.min, "maximum": column.max, "enum": column.values, "description": column.ignore}
    found |= {key: value for key, value in limits.items() if value is not None}
    if column.nullable:
        found["type"] = [found["type"], "null"]
    return found


def _example(column: Column) -> Any:
    if column.type in ("number", "integer"):
        low, high = column.min, column.max
        middle = (low + high) / 2 if low is not None and high is not None else low if low is not None else high or 0
        return round(middle) if column.type == "integer" else middle
    if column.values and column.type == "string":
        return column.values[0]
    return {"boolean": True, "timestamp": "2024-01-31T08:00:00Z", "string": "text"}[column.type]
