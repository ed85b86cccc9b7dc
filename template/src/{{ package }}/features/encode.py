"""One row as the model's inputs. What `inputs.py` does to tables, for a single request and without heavy imports."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..schema import MISSING, Field, Schema, calendar, calendar_values


def inputs_of(schema: Schema, field: Field) -> list[str]:
    """Names of the model inputs a field becomes; none when only a view needs it, or nobody."""
    if field.type == "timestamp":
        names = calendar(field.name, field.name == schema.time)
        return names if names[0] in schema.numeric else []
    return [field.name] if field.name in (schema.categorical if field.type == "string" else schema.numeric) else []


def encode_row(schema: Schema, inputs: Mapping[str, Any]) -> tuple[list[float], list[str]]:
    """Numeric and categorical inputs in the schema's order.

    inputs: typed values by field name (timestamps also as ISO 8601 text), and looked-up values by `view__feature`;
    what is missing counts as null.
    """
    numbers: dict[str, float] = {}
    for field in schema.fields:
        names = inputs_of(schema, field)
        value = inputs.get(field.name)
        if field.type == "timestamp":
            time = datetime.fromisoformat(value) if isinstance(value, str) else value
            numbers |= zip(names, calendar_values(time, field.name == schema.time), strict=False)
        elif field.type != "string" and names:
            numbers[field.name] = number(value)
    for view in schema.views:
        numbers |= {column: number(inputs.get(column)) for column in view.columns}
    categories = [inputs.get(name) for name in schema.categorical]
    return [numbers[name] for name in schema.numeric], [MISSING if text is None else text for text in categories]


def number(value: float | None) -> float:
    return math.nan if value is None else float(value)
