"""The graph being built: nodes and constants with names that are the same on every run."""

import json
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, ML_OPSET, IR = 21, 5, 10


class Unsupported(Exception):
    """The model has no exact ONNX form here; the message says what stands in the way."""


def of_scikit_learn(part: Any) -> None:
    """Raise Unsupported unless a part of a model is of a class of scikit-learn's: a subclass may answer otherwise."""
    if not type(part).__module__.startswith("sklearn."):
        raise Unsupported(f"{type(part).__name__} has no exact ONNX form")


class Graph:
    """Inputs "numeric" double [N, k] and "categorical" int64 [N, c], each left out when it has no columns."""

    def __init__(self, numeric: int, categorical: int) -> None:
        self.inputs = {"numeric": (TensorProto.DOUBLE, numeric), "categorical": (TensorProto.INT64, categorical)}
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node with one output and return the output's name."""
        name = f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [name], domain=domain, **attributes))
        return name

    def constant(self, values: Any, kind: Any = np.float64) -> str:
        """The name of a constant tensor; equal constants are one."""
        array: NDArray[Any] = np.ascontiguousarray(values, dtype=kind).reshape(np.shape(values))
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, f"c{len(self._constants)}")
        return str(self._constants[key].name)

    def cast(self, tensor: str, kind: int) -> str:
        return self.add("Cast", tensor, to=kind)

    def finish(self, prediction: str, width: int, vocabulary: dict[str, list[str]]) -> bytes:
        """The serialized model. prediction: double [N, 1] or [N, width]."""
        shape = self.constant([-1] if width == 1 else [-1, width], np.int64)
        self._nodes.append(helper.make_node("Reshape", [prediction, shape], ["prediction"]))
        given = [
            helper.make_tensor_value_info(name, kind, [None, columns])
            for name, (kind, columns) in self.inputs.items()
            if columns
        ]
        rows_by_width = [None] if width == 1 else [None, width]
        answer = helper.make_tensor_value_info("prediction", TensorProto.DOUBLE, rows_by_width)
        graph = helper.make_graph(self._nodes, "model", given, [answer], list(self._constants.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=IR)
        helper.set_model_props(model, {"vocabulary": json.dumps(vocabulary, ensure_ascii=False)})
        return bytes(model.SerializeToString(deterministic=True))
