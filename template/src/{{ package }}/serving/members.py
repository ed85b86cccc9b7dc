"""What a row may hold, as members of a struct: types, bounds and defaults by the schema, in packing order."""

import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from ..contract import Column
from ..features.encode import inputs_of
from ..schema import Field, Schema

INT64 = (-(2**63), 2**63 - 1)
UNSAFE = '\\"'


class Member(NamedTuple):
    """`attribute` of the struct, `name` for people, `key` in JSON (unlike the name where a struct cannot hold it).

    known: the values a field that is no string may have; None when any.
    """

    attribute: str
    name: str
    key: str
    declared: Any
    is_time: bool
    known: frozenset[Any] | None


def members(schema: Schema) -> list[Member]:
    """First what becomes a number as it is, in the schema's order; then strings of the model; then the rest."""
    by_input = {name: field for field in schema.fields for name in inputs_of(schema, field)}
    from_views = {name for view in schema.views for name in view.columns}
    order: list[Field | str] = []
    for name in [*schema.numeric, *schema.categorical]:
        if name in from_views:
            order.append(name)
        elif by_input[name].type != "timestamp":
            order.append(by_input[name])
    order += [field for field in schema.fields if field not in order]
    return [_member(i, found, schema) for i, found in enumerate(order)]


def _member(place: int, found: Field | str, schema: Schema) -> Member:
    attribute = f"c{place}"
    if isinstance(found, str):
        declared = (attribute, float | None | msgspec.UnsetType, msgspec.UNSET)
        return Member(attribute, found, _key(found, place), declared, False, None)
    known = None if found.type == "string" or not found.values else frozenset(parsed(found))
    declared = _declared(attribute, found, schema.time)
    return Member(attribute, found.name, _key(found.name, place), declared, found.type == "timestamp", known)


def _declared(attribute: str, field: Field, time: str | None) -> Any:
    """Required when the model needs it and null is not allowed. Null and absent differ only for the event time."""
    kind = _kind(field)
    # The contract asks nobody for an ignored column, so null is fine there too.
    if field.nullable or not field.used:
        kind = kind | None
    if field.name == time or not field.used:
        return (attribute, kind | msgspec.UnsetType, msgspec.UNSET)
    return (attribute, kind, None) if field.nullable else (attribute, kind)


def _kind(field: Field) -> Any:
    if field.type == "number":
        return Annotated[float, msgspec.Meta(ge=field.min, le=field.max)]
    if field.type == "integer":
        # 3.0 is a whole number too: some clients know no other.
        low = INT64[0] if field.min is None else max(INT64[0], math.ceil(field.min))
        high = INT64[1] if field.max is None else min(INT64[1], math.floor(field.max))
        return (
            Annotated[int, msgspec.Meta(ge=low, le=high)]
            | Annotated[float, msgspec.Meta(ge=float(low), le=float(high), multiple_of=1.0)]
        )
    if field.type == "boolean":
        return bool
    return Literal[tuple(field.values)] if field.type == "string" and field.values else str


def parsed(field: Field | Column) -> list[Any]:
    """The values it may have, of its type."""
    read: dict[str, Any] = {
        "number": float,
        "integer": int,
        "boolean": lambda text: text == "true",
        "string": str,
        "timestamp": lambda text: datetime.fromisoformat(text).astimezone(UTC),
    }
    return [read[field.type](text) for text in field.values or []]


def _key(name: str, place: int) -> str:
    """The name itself, unless it holds what msgspec refuses in a struct; then one of a private character."""
    is_safe = all(character not in UNSAFE and character >= " " for character in name)
    return name if is_safe else f"\ue000{place}"
