"""The engine: a bundle's model as a function from packed inputs to predictions."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import IntegrityError, ProjectError, first_line
from ..schema import Schema

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = Sequence[Sequence[str]]


class Engine(Protocol):
    """numeric: float64 [n, k], null is NaN; categorical: n rows of c strings.

    Returns float64 [n] (regression: the value; binary: probability of the second class) or [n, classes].
    """

    name: str

    def predict(self, numeric: Floats, categorical: Rows) -> Floats: ...


def load(folder: Path, schema: Schema, name: str) -> Engine:
    """The engine a manifest names, on the bundle in `folder`. Raises IntegrityError when the model cannot be loaded."""
    if name == "onnx":
        return OnnxEngine((folder / "model.onnx").read_bytes(), schema)
    from .persistence import load as load_model

    return SklearnEngine(load_model((folder / "model.skops").read_bytes()), schema)


class OnnxEngine:
    """onnxruntime in float64 on one thread: equal to scikit-learn, without importing it."""

    name = "onnx"

    def __init__(self, model: bytes, schema: Schema) -> None:
        # Read when it is imported: it would keep a device id in the user's home, and report to its makers.
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Rows come few at a time: threads would only wait for each other, and spinning would burn the core.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # The extended optimizations fold a division into a MatMul's float32 attribute (4e-8 off, measured).
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.log_severity_level = 4
        failed = onnxruntime.capi.onnxruntime_pybind11_state
        try:
            self._session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except (failed.Fail, failed.InvalidGraph, failed.InvalidProtobuf, failed.NotImplemented) as error:
            raise IntegrityError(f"model.onnx cannot be loaded: {first_line(error)}. Train again.") from None
        listed = json.loads(self._session.get_modelmeta().custom_metadata_map["vocabulary"])
        self.vocabulary: list[dict[str, int]] = [
            {value: code for code, value in enumerate(listed[column])} for column in schema.categorical
        ]
        self._width = schema.width
        self._inputs = [given.name for given in self._session.get_inputs()]

    def run(self, numeric: Floats, codes: NDArray[np.int64]) -> Floats:
        """Predict for codes int64 [n, c]: each value's place in `vocabulary`, -1 when it is not there."""
        given = {"numeric": numeric, "categorical": codes}
        result: Floats = self._session.run(None, {name: given[name] for name in self._inputs})[0]
        return result

    def predict(self, numeric: Floats, categorical: Rows) -> Floats:
        if not len(numeric):
            return _nothing(self._width)
        vocabulary = self.vocabulary
        codes = [[known.get(value, -1) for known, value in zip(vocabulary, row, strict=True)] for row in categorical]
        return self.run(numeric, np.array(codes, dtype=np.int64).reshape(len(numeric), len(vocabulary)))


class SklearnEngine:
    """The scikit-learn model itself, for estimators that have no exact ONNX form."""

    name = "sklearn"

    def __init__(self, model: Any, schema: Schema) -> None:
        self._model = model
        self._schema = schema

    def predict(self, numeric: Floats, categorical: Rows) -> Floats:
        """Raises ProjectError when the model refuses the rows (a missing value it was not made for)."""
        if not len(numeric):
            return _nothing(self._schema.width)
        from .threads import threads

        try:
            with threads(len(numeric)):
                return answer(self._model, frame(self._schema, numeric, categorical), self._schema)
        except Exception as error:  # whatever the author's code raises
            from .recipe import RECIPE, sentence

            raise ProjectError(
                f"The model cannot answer these rows: {sentence(error)} "
                f"Prepare for it in {RECIPE} (SimpleImputer, handle_unknown='ignore')."
            ) from error


def answer(model: Any, rows: "pd.DataFrame", schema: Schema) -> Floats:
    """A fitted model's predictions. It was fitted on class numbers, places in `schema.classes`; it may miss some.

    A classifier without predict_proba is certain: 1.0 for the class it predicts.
    """
    if schema.task == "regression":
        return np.asarray(model.predict(rows), dtype=np.float64).reshape(len(rows))
    everything = np.zeros((len(rows), len(schema.classes)))
    if hasattr(model, "predict_proba"):
        everything[:, np.asarray(model.classes_, dtype=np.int64)] = model.predict_proba(rows)
    else:
        everything[np.arange(len(rows)), np.asarray(model.predict(rows), dtype=np.int64).reshape(len(rows))] = 1.0
    return np.ascontiguousarray(everything[:, 1]) if schema.width == 1 else everything


def frame(schema: Schema, numeric: Floats, categorical: Rows) -> "pd.DataFrame":
    """The inputs as the data frame that models are fitted on: one column for each name of the schema."""
    import pandas as pd

    columns: dict[str, Any] = {name: numeric[:, i] for i, name in enumerate(schema.numeric)}
    values = list(zip(*categorical, strict=True)) or [()] * len(schema.categorical)
    for name, column in zip(schema.categorical, values, strict=True):
        columns[name] = pd.Series(column, dtype=object)
    return pd.DataFrame(columns)


def _nothing(width: int) -> Floats:
    return np.empty(0 if width == 1 else (0, width))
