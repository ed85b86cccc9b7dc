"""The scorer: one loaded bundle, from rows to predictions. Online and batch use the same."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import IntegrityError, ProjectError
from ..features.encode import inputs_of
from ..features.online import OnlineStore, lookup
from ..features.online_sqlite import SqliteStore
from ..schema import MISSING, Schema, calendar_values
from ..training import bundle
from ..training.engine import Engine, OnnxEngine, load
from .decode import Decoder, Row

Floats = NDArray[np.float64]
Cells = tuple[Any, ...]
"""One row's values in the order of `Decoder.names`: timestamps as datetimes, null as None."""


class Scorer:
    """A model version ready to answer; any thread may use it."""

    def __init__(self, folder: Path, version: int, online: OnlineStore, max_rows: int) -> None:
        """folder: a bundle that is trusted. Raises IntegrityError when it cannot be loaded."""
        manifest = bundle.read(folder)
        self.version, self.digest = version, manifest.digest
        self.engine_reason = manifest.engine_reason
        try:
            self.schema = msgspec.json.decode((folder / "schema.json").read_bytes(), type=Schema)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise IntegrityError(f"{folder / 'schema.json'} is no schema: {error}. Train again.") from None
        self.engine: Engine = load(folder, self.schema, manifest.engine)
        self.decoder = Decoder(self.schema, max_rows)
        self._online = online
        self._pack_categorical = _packer(self.engine)
        self._plan()

    def _plan(self) -> None:
        """Where the inputs stand among a row's cells: plain numbers first, then strings, then the rest."""
        schema, names = self.schema, self.decoder.names
        place = {name: i for i, name in enumerate(names)}
        attribute = {name: f"c{i}" for name, i in place.items()}
        times = [field for field in schema.fields if field.type == "timestamp" and inputs_of(schema, field)]
        self._calendars = [(place[field.name], field.name == schema.time) for field in times]
        calendar = [name for field in times for name in inputs_of(schema, field)]
        plain = [name for name in schema.numeric if name not in calendar]
        self._plain = len(plain)
        self._strings = slice(len(plain), len(plain) + len(schema.categorical))
        packed = [*plain, *calendar]
        self._order = [packed.index(name) for name in schema.numeric]
        self._time = attribute.get(schema.time or "")
        self._views = [
            (view, [(name, attribute[name]) for name in view.entity], [attribute[name] for name in view.columns])
            for view in schema.views
        ]

    def complete(self, rows: Sequence[Row]) -> None:
        """Fill in what a request need not bring: the event time (now), and the views' features as of that time."""
        if self._time is None:
            return
        now = datetime.now(UTC)
        for row in rows:
            at = getattr(row, self._time)
            if at is msgspec.UNSET:
                at = now
                setattr(row, self._time, now)
            for view, entity, attributes in self._views:
                asked = [name for name in attributes if getattr(row, name) is msgspec.UNSET]
                if asked:
                    key = {name: getattr(row, held) for name, held in entity}
                    values = lookup(self._online, view, key, at) if at else [math.nan] * len(attributes)
                    for name, value in zip(attributes, values, strict=True):
                        if name in asked:
                            setattr(row, name, None if math.isnan(value) else value)

    def predict(self, rows: Sequence[Row]) -> Floats:
        """Predictions of completed rows: [n], or [n, classes]."""
        return self.predict_cells([*map(msgspec.structs.astuple, rows)])

    def predict_cells(self, rows: Sequence[Cells]) -> Floats:
        """Predictions of rows as tuples."""
        return self._pack_categorical(self._numeric(rows), [row[self._strings] for row in rows])

    def _numeric(self, rows: Sequence[Cells]) -> Floats:
        plain = self._plain
        if not self._calendars:
            return np.array([row[:plain] for row in rows], dtype=np.float64)
        packed = []
        for row in rows:
            numbers = [*row[:plain]]
            for place, is_event_time in self._calendars:
                numbers += calendar_values(row[place], is_event_time)
            packed.append(numbers)
        return np.ascontiguousarray(np.array(packed, dtype=np.float64)[:, self._order])

    def warm(self) -> None:
        """Predict once for nobody: the first call of an engine is slow."""
        given = self._strings.stop
        rest = len(self.decoder.names) - given
        cells = (0.0,) * self._plain + ("",) * (given - self._plain) + (None,) * rest
        # A model may refuse made-up rows and still be good for real ones.
        with suppress(ProjectError):
            self.predict_cells([cells])

    @property
    def is_quick(self) -> bool:
        """Whether a few rows may be scored in the event loop itself: a server that is asked may keep it waiting."""
        return isinstance(self.engine, OnnxEngine) and (not self.schema.views or isinstance(self._online, SqliteStore))


def _packer(engine: Engine) -> Callable[[Floats, list[Cells]], Floats]:
    """Predict from numbers and strings. ONNX gets codes straight from the cells: it saves a copy of every string."""
    if not isinstance(engine, OnnxEngine):

        def with_strings(numeric: Floats, strings: list[Cells]) -> Floats:
            return engine.predict(numeric, [[MISSING if s is None else s for s in row] for row in strings])

        return with_strings
    run, width = engine.run, len(engine.vocabulary)
    codes = [(known | {None: known.get(MISSING, -1)}).get for known in engine.vocabulary]

    def with_codes(numeric: Floats, strings: list[Cells]) -> Floats:
        packed = [[code(s, -1) for code, s in zip(codes, row, strict=True)] for row in strings]
        return run(numeric, np.array(packed, dtype=np.int64).reshape(len(strings), width))

    return with_codes
