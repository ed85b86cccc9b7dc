"""A bundle that answers rows of a training set, by the engine that would serve it."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from ..schema import Schema
from ..store import Store
from . import bundle, engine
from .engine import Floats
from .examples import Examples, examples

if TYPE_CHECKING:
    import pyarrow as pa

Kind = Literal["binary", "multiclass", "regression"]


def kind_of(schema: Schema) -> Kind:
    if schema.task == "regression":
        return "regression"
    return "binary" if schema.width == 1 else "multiclass"


class Answering:
    """Manifest, schema and engine of a bundle in the store."""

    def __init__(self, store: Store, model: str, digest: str, cache: Path) -> None:
        """Raises ProjectError when the bundle is missing, damaged, or cannot be loaded."""
        folder = bundle.fetch(store, model, digest, cache)
        self.manifest = bundle.read(folder)
        self.schema = msgspec.json.decode((folder / "schema.json").read_bytes(), type=Schema)
        self._engine = engine.load(folder, self.schema, self.manifest.engine)

    @property
    def kind(self) -> Kind:
        return kind_of(self.schema)

    def examples(self, rows: "pa.Table") -> Examples:
        """Rows of a training set as this bundle's schema packs them."""
        return examples(rows, self.schema)

    def answer(self, rows: Examples) -> Floats:
        """Predictions [n], or [n, classes]."""
        return self._engine.predict(rows.numeric, rows.categorical)
