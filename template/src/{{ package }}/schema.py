"""What the model is given: request fields, looked-up view features, and the packed inputs made of both.

Training writes it into the bundle as schema.json; serving decodes requests with it. It depends on neither.
"""

import math
from datetime import UTC, datetime

import msgspec

MISSING = "(missing)"
"""Category that stands for a missing string."""


def prefix(model: str, digest: str) -> str:
    """Where a bundle lies in the store."""
    return f"bundles/{model}/{digest}"


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column a request may carry. `used`: the model or a view needs it, so a request must bring it."""

    name: str
    type: str
    used: bool = True
    nullable: bool = False
    min: float | None = None
    max: float | None = None
    values: list[str] | None = None


class View(msgspec.Struct, frozen=True):
    """A feature view as serving sees it: looked up by `entity`, null when older than `ttl` seconds."""

    name: str
    entity: list[str]
    ttl: float
    features: list[str]

    @property
    def columns(self) -> list[str]:
        """Names of its features among the model's inputs."""
        return [f"{self.name}__{feature}" for feature in self.features]


class Schema(msgspec.Struct, frozen=True):
    """The model's inputs in order: `numeric` as float64 (null is NaN), `categorical` as strings (null is MISSING)."""

    model: str
    task: str
    target: str
    classes: list[str]
    """Names in the order of the model's probabilities; empty for regression. Binary: the second is the positive one."""
    time: str | None
    fields: list[Field]
    views: list[View]
    numeric: list[str]
    categorical: list[str]

    @property
    def width(self) -> int:
        """Numbers per prediction: 1 for regression and binary classification, else one per class."""
        return len(self.classes) if len(self.classes) > 2 else 1


def calendar(name: str, is_event_time: bool) -> list[str]:
    """Names of the numeric inputs a timestamp column becomes."""
    return [f"{name}_hour", f"{name}_weekday"] if is_event_time else [f"{name}_hour", f"{name}_weekday", f"{name}_day"]


def calendar_values(value: datetime | None, is_event_time: bool) -> list[float]:
    """Hour with its fraction, weekday (Monday 0) and, unless it is the event time, days since 1970-01-01; all UTC."""
    if value is None:
        return [math.nan] * (2 if is_event_time else 3)
    value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    values = [value.hour + value.minute / 60 + value.second / 3600, float(value.weekday())]
    return values if is_event_time else [*values, value.timestamp() / 86400]


def inputs(fields: list[Field], views: list[View], time: str | None) -> tuple[list[str], list[str]]:
    """Names of the numeric and of the categorical inputs, in packing order: fields first, then views."""
    numeric: list[str] = []
    categorical: list[str] = []
    for field in fields:
        if not field.used:
            continue
        if field.type == "timestamp":
            numeric += calendar(field.name, field.name == time)
        elif field.type == "string":
            categorical.append(field.name)
        else:
            numeric.append(field.name)
    return numeric + [column for view in views for column in view.columns], categorical
