"""The scorer: one loaded bundle, from validated rows to predictions. Online and batch use the same."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..features.encode import inputs_of
from ..features.online import OnlineStore, lookup
from ..schema import MISSING, Schema, calendar_values
from ..training import bundle
from ..training.engine import Engine, OnnxEngine, load
from .decode import Decoder, Row

Floats = NDArray[np.float64]


class Scorer:
    """A model version ready to answer. Reading it is safe from any thread."""

    def __init__(self, folder: Path, version: int, online: OnlineStore, max_rows: int) -> None:
        """folder: a bundle that was verified. Raises IntegrityError when it cannot be loaded."""
        manifest = bundle.read(folder)
        self.version, self.digest = version, manifest.digest
        self.engine_reason = manifest.engine_reason
        self.schema: Schema = msgspec.json.decode((folder / "schema.json").read_bytes(), type=Schema)
        self.engine: Engine = load(folder, self.schema, manifest.engine)
        self.decoder = Decoder(self.schema, max_rows)
        self._online = online
        self._plan()

    def _plan(self) -> None:
        """Where each member of a row goes among the packed inputs."""
        schema, names = self.schema, self.decoder.names
        place = {name: i for i, name in enumerate(schema.numeric)}
        self._from: list[int] = []
        self._to: list[int] = []
        self._calendars: list[tuple[int, bool, list[int]]] = []
        for i, field in enumerate(schema.fields):
            inputs = inputs_of(schema, field)
            if field.type == "timestamp" and inputs:
                self._calendars.append((i, field.name == schema.time, [place[name] for name in inputs]))
            elif field.type != "string" and inputs:
                self._from.append(i)
                self._to.append(place[field.name])
        for i, name in enumerate(names[len(schema.fields) :], start=len(schema.fields)):
            self._from.append(i)
            self._to.append(place[name])
        self._strings = [names.index(name) for name in schema.categorical]
        self._time = names.index(schema.time) if schema.time in names else None
        self._views = [(view, [f"c{names.index(column)}" for column in view.columns]) for view in schema.views]
        self._numbers = itemgetter(*self._from) if len(self._from) > 1 else None
        self._is_plain = not self._calendars and self._to == list(range(len(schema.numeric)))

    def complete(self, rows: Sequence[Row]) -> None:
        """Fill in what a request need not bring: the event time (now) and the features of views, as of that time."""
        if self._time is None and not self._views:
            return
        now = datetime.now(UTC)
        for row in rows:
            at = now
            if self._time is not None:
                told = getattr(row, f"c{self._time}")
                if told is None:
                    setattr(row, f"c{self._time}", now.isoformat())
                else:
                    at = datetime.fromisoformat(told)
            self._look_up(row, at)

    def _look_up(self, row: Row, at: datetime) -> None:
        for view, attributes in self._views:
            if all(getattr(row, attribute) is not msgspec.UNSET for attribute in attributes):
                continue
            named = {name: getattr(row, f"c{self.decoder.names.index(name)}") for name in view.entity}
            for attribute, value in zip(attributes, lookup(self._online, view, named, at), strict=True):
                if getattr(row, attribute) is msgspec.UNSET:
                    setattr(row, attribute, None if math.isnan(value) else value)

    def pack(self, rows: Sequence[Row]) -> tuple[Floats, list[list[str]]]:
        """Completed rows as the engine's inputs: float64 [n, k] and n rows of c strings."""
        tuples = [msgspec.structs.astuple(row) for row in rows]
        numeric = self._numeric(tuples)
        categorical = [[MISSING if cells[i] is None else cells[i] for i in self._strings] for cells in tuples]
        return numeric, categorical

    def _numeric(self, tuples: list[tuple[Any, ...]]) -> Floats:
        shape = (len(tuples), len(self.schema.numeric))
        if self._is_plain and self._numbers:
            return np.array([self._numbers(cells) for cells in tuples], dtype=np.float64).reshape(shape)
        packed = np.full(shape, math.nan)
        if self._from:
            cells_of = self._numbers or (lambda cells: (cells[self._from[0]],))
            packed[:, self._to] = np.array([cells_of(cells) for cells in tuples], dtype=np.float64)
        for source, is_event_time, targets in self._calendars:
            for line, cells in zip(packed, tuples, strict=True):
                text = cells[source]
                line[targets] = calendar_values(datetime.fromisoformat(text) if text else None, is_event_time)
        return packed

    def predict(self, rows: Sequence[Row]) -> Floats:
        """Predictions of completed rows: [n], or [n, classes]."""
        return self.engine.predict(*self.pack(rows))

    @property
    def is_quick(self) -> bool:
        """Whether a few rows may be scored in the event loop itself."""
        return isinstance(self.engine, OnnxEngine)
