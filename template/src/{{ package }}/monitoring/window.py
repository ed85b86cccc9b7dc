"""The rows monitors look at: a subject's newest predictions since it was deployed, and its newest labelled ones."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from .. import tables
from ..features.encode import encode_row
from ..schema import Schema
from ..serving.capture import SHADOW, TRIAL
from ..store import Store
from .labels import newest
from .subject import Subject

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """Rows in time order, encoded as the model saw them. numeric [n, k], categorical [n][c], predictions [n, width]."""

    times: list[datetime]
    numeric: Floats
    categorical: list[list[str]]
    predictions: Floats

    def __len__(self) -> int:
        return len(self.times)

    @property
    def span(self) -> timedelta:
        """Time between the first and the last prediction."""
        return self.times[-1] - self.times[0] if self.times else timedelta(0)


@dataclass(frozen=True)
class Labelled:
    """Predictions whose label is known, in time order: class names, or values [n]; predictions [n, width].

    ids: of the answers that were given; a shadow's are those of the champion.
    """

    ids: list[str]
    target: NDArray[Any]
    predictions: Floats

    def __len__(self) -> int:
        return len(self.target)

    def at(self, places: list[int]) -> "Labelled":
        """The rows at these places."""
        return Labelled([self.ids[place] for place in places], self.target[places], self.predictions[places])


def window(store: Store, subject: Subject, rows: int, until: datetime) -> Window:
    """The subject's newest `rows` predictions."""
    import pyarrow.compute as pc

    answered = _answered(subject, until)
    times = tables.select(store, "predictions", ["at"], answered)["at"].to_pylist()
    if len(times) > rows:
        # Times are small, inputs are not: only those of the newest rows are read.
        answered &= pc.field("at") >= sorted(times)[-rows]
    found = tables.select(store, "predictions", ["id", "at", "inputs", "prediction"], answered)
    newest_rows = found.sort_by([("at", "ascending"), ("id", "ascending")]).to_pylist()[-rows:]
    schema = subject.schema
    encoded = [encode_row(schema, msgspec.json.decode(row["inputs"])) for row in newest_rows]
    return Window(
        times=[row["at"] for row in newest_rows],
        numeric=_table([numbers for numbers, _ in encoded], len(schema.numeric)),
        categorical=[categories for _, categories in encoded],
        predictions=_table([row["prediction"] for row in newest_rows], schema.width),
    )


def labelled(store: Store, subject: Subject, rows: int, until: datetime) -> Labelled:
    """The subject's newest `rows` predictions with a label.

    They may be older than the window: labels come late, and a busy service fills the window before they do.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    ending = SHADOW if subject.role == "shadow" else ""
    labels = {f"{id}{ending}": label for id, label in newest(store).items()}
    known = pc.field("id").cast(pa.string()).isin(pa.array(labels, pa.string()))
    table = tables.select(store, "predictions", ["id", "at", "prediction"], _answered(subject, until) & known)
    found = table.sort_by([("at", "ascending"), ("id", "ascending")]).to_pylist()[-rows:]
    return Labelled(
        [row["id"].removesuffix(ending) for row in found],
        _target(subject.schema, [labels[row["id"]] for row in found]),
        _table([row["prediction"] for row in found], subject.schema.width),
    )


def _answered(subject: Subject, until: datetime) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    at = pc.field("at")
    by = pc.field("digest").cast(pa.string()) == subject.digest
    role = pc.field("role").cast(pa.string()) == subject.role
    real = ~pc.starts_with(pc.field("request_id").cast(pa.string()), TRIAL)
    return by & role & real & (at >= pa.scalar(subject.since, pa.timestamp("us", "UTC"))) & (at <= until)


def _target(schema: Schema, said: list[str]) -> NDArray[Any]:
    return np.array(said, dtype=np.float64 if schema.task == "regression" else object)


def _table(rows: list[Any], width: int) -> Floats:
    return np.array(rows, dtype=np.float64).reshape(len(rows), width)
