"""Requests the service refuses: one sentence that names the field and the row."""

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from ..schema import Field, Schema

AT = re.compile(r"^(?:\.(?:dataframe_records|instances))?\[(?P<row>\d+)\](?:\.(?P<field>.*))?$", re.DOTALL)
OBJECT = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`$", re.DOTALL)
SEARCHED = 500_000
"""Values up to which a body is searched for what is no number: read like that, each takes a hundred bytes and more."""
SHOWN = 40
"""Characters of a refused text that a sentence repeats."""
LISTED = 20
"""Names or values that a sentence lists."""
WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a number",
    "bool": "a boolean",
    "array": "a list",
    "object": "an object",
}


class Refusal(Exception):
    """HTTP status, one sentence, and where the request is wrong; `row` counts from 0."""

    def __init__(self, status: int, sentence: str, field: str | None = None, row: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.field, self.row = status, field, row

    def body(self) -> bytes:
        found = {"error": str(self), "field": self.field, "row": self.row}
        return msgspec.json.encode({key: value for key, value in found.items() if value is not None})


class Constant(str):
    """A number that is none: NaN and Infinity, which JSON lacks yet many clients send, or one beyond 64 bits."""


def not_json(error: Exception, body: bytes | None) -> Refusal:
    """A body that is not JSON. Where that is because of NaN or Infinity, their field and row are named."""
    if found := _first_constant(body or b""):
        value, name, row = found
        return Refusal(400, f"'{name}' is {value}, which is not JSON; give a number, or null.", name, row)
    return Refusal(400, f"The body is not JSON: {error}.")


def too_large(body: bytes) -> Refusal:
    """A body with a number that float64 does not hold."""
    if found := _first_constant(body):
        value, name, row = found
        return Refusal(422, f"'{name}' is {value[:SHOWN]}, which is too large for a number of 64 bits.", name, row)
    return Refusal(422, "A number is too large for 64 bits.")


def _first_constant(body: bytes) -> tuple[Constant, str, int | None] | None:
    """The value, its field and its row; None where the body has none, is no JSON otherwise, or holds too much."""
    if sum(map(body.count, (b",", b"[", b"{"))) > SEARCHED:
        return None
    try:
        document = json.loads(body, parse_constant=Constant, parse_float=_finite, parse_int=_finite)
        path, value = next(_constants(document, ()))
        name, row = _place(document, path)
    except (ValueError, LookupError, TypeError, RecursionError, StopIteration):
        return None
    # Half of a surrogate pair is JSON, but no text.
    return value, name.encode("utf-8", "replace").decode()[:SHOWN], row


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else Constant(text)  # type: ignore[return-value]


def _constants(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Constant]]:
    if isinstance(value, Constant):
        yield path, value
    elif isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _constants(part, (*path, key))


def _place(document: Any, path: tuple[Any, ...]) -> tuple[str, int | None]:
    """Field and row of a value, in any of the forms rows come in."""
    match path:
        case ("dataframe_split", "data", row, column):
            return str(document["dataframe_split"]["columns"][column]), row
        case ("inputs", int(place), "data", row, *_):
            return str(document["inputs"][place]["name"]), row
        case ("inputs", str(name), row, *_):
            return name, row
        case (_, int(row), str(name), *_):
            return name, row
    return next(str(key) for key in reversed(path) if isinstance(key, str)), None


def translated(error: msgspec.ValidationError, schema: Schema, names: dict[str, str]) -> Refusal:
    """Msgspec's message as a refusal. names: by key, where a key is not the field's name."""
    what, _, path = str(error).rpartition(" - at `$")
    what, path = (what, path.removesuffix("`")) if what else (str(error), "")
    place = AT.match(path)
    row = int(place["row"]) if place else None
    if found := OBJECT.match(what):
        name = names.get(found["name"], found["name"])
        if found["what"] == "missing required":
            return Refusal(422, f"'{name}' is missing.", name, row)
        return _unknown(name, row, schema)
    got = re.search(r", got `(\w+)`$", what)
    instead = f", not {WORDS.get(got[1], got[1])}" if got else ""
    if place is None or place["field"] is None:
        where = path.removeprefix(".") or None
        expected = re.search(r"Expected `(\w+)", what)
        kind = WORDS.get(expected[1], expected[1]) if expected else "something else"
        subject = "A row" if place else f"'{where}'" if where else "The body"
        return Refusal(422, f"{subject} should be {kind}{instead}.", None if place else where, row)
    name = names.get(place["field"], place["field"])
    field = next((field for field in schema.fields if field.name == name), None)
    return Refusal(422, f"'{name}' should be {wanted(field) if field else 'a number, or null'}{instead}.", name, row)


def wanted(field: Field) -> str:
    """What a field's value should be."""
    words = {
        "number": "a number",
        "integer": "a whole number",
        "boolean": "true or false",
        "string": "a string",
        "timestamp": "a time as ISO 8601 text, like 2024-01-31T08:00:00Z",
    }
    said = words[field.type]
    if field.min is not None and field.max is not None:
        said += f" from {field.min:g} to {field.max:g}"
    elif field.min is not None:
        said += f" of at least {field.min:g}"
    elif field.max is not None:
        said += f" of at most {field.max:g}"
    if field.values:
        said = f"one of {_listed(field.values)}"
    return f"{said}, or null" if field.nullable else said


def _unknown(name: str, row: int | None, schema: Schema) -> Refusal:
    shown = name[:SHOWN]
    if row is None:
        return Refusal(422, f"'{shown}' is no part of such a request.", shown)
    if name == schema.target:
        return Refusal(422, f"'{name}' is what the model predicts; leave it out.", name, row)
    known = _listed([field.name for field in schema.fields if field.used])
    return Refusal(422, f"'{shown}' is no field of this model; it takes {known}.", shown, row)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:LISTED]) + (", ..." if len(names) > LISTED else "")
