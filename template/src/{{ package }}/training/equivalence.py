"""The ONNX gate: the exported graph must answer as scikit-learn does, or it is not used."""

import warnings
from typing import Any

import numpy as np

from ..errors import IntegrityError, ProjectError
from ..schema import MISSING, Schema
from .engine import Floats, OnnxEngine, Rows, SklearnEngine
from .exporter.graph import Unsupported
from .exporter.pipeline import export

TOLERANCE = 1e-6
"""Largest difference allowed, relative to the value; to 1 where it is less, or the largest where all are."""
DISTURBED = 500
"""Validation rows that are also compared with values missing, and with unknown categories."""
EXACT = "the ONNX graph answers as scikit-learn does on every validation row"


def exported(model: Any, schema: Schema, seen: Rows, numeric: Floats, categorical: Rows) -> tuple[bytes | None, str]:
    """The ONNX bytes when they answer as the model does, else None; and the sentence that says so.

    seen: the categorical rows of training; numeric and categorical: the validation rows.
    """
    columns = [sorted(set(column)) for column in zip(*seen, strict=True)] or [[] for _ in schema.categorical]
    try:
        data = export(model, schema, columns)
        engine = OnnxEngine(data, schema)
    except Unsupported as reason:
        return None, f"{reason}; scikit-learn answers"
    except IntegrityError as error:
        return None, f"the exported graph was refused ({error}); scikit-learn answers"
    difference = _difference(SklearnEngine(model, schema), engine, schema, numeric, categorical)
    if not difference < TOLERANCE:
        return None, f"the ONNX graph differs from scikit-learn by {difference:.1e}; scikit-learn answers"
    return data, EXACT


def _difference(model: SklearnEngine, engine: OnnxEngine, schema: Schema, numeric: Floats, categorical: Rows) -> float:
    worst = _largest(model.predict(numeric, categorical), engine.predict(numeric, categorical))
    for rows in disturbed(schema, numeric[:DISTURBED], categorical[:DISTURBED]):
        try:
            expected = model.predict(*rows)
        except ProjectError:
            # A model that refuses missing values is never asked about them.
            continue
        worst = max(worst, _largest(expected, engine.predict(*rows)))
    return worst


def disturbed(schema: Schema, numeric: Floats, categorical: Rows) -> list[tuple[Floats, list[list[str]]]]:
    """The rows with about a fifth of the numbers missing, and with about a fifth of the strings unknown or missing."""
    random = np.random.default_rng(0)
    holes = np.where(random.random(numeric.shape) < 0.2, np.nan, numeric)
    dice = random.random((len(numeric), len(schema.categorical)))
    strange = [
        ["\0never seen" if die < 0.1 else MISSING if die < 0.2 else value for value, die in zip(row, dies, strict=True)]
        for row, dies in zip(categorical, dice, strict=True)
    ]
    plain = [list(row) for row in categorical]
    return [(holes, plain), (numeric, strange), (holes, strange)]


def _largest(expected: Floats, found: Floats) -> float:
    if not expected.size:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        size = min(1.0, float(np.nanmax(np.abs(expected), initial=0.0))) or 1.0
        gap = np.abs(found - expected) / np.maximum(size, np.abs(expected))
    both_missing = np.isnan(expected) & np.isnan(found)
    return float(np.where(both_missing, 0.0, np.nan_to_num(gap, nan=np.inf)).max())
