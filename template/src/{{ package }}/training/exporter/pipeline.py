"""The whole model: its preprocessing, its estimator, and the answer in the schema's classes."""

import warnings
from typing import Any, Protocol

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from ...schema import Schema
from . import constants, forests, linear, neural
from .graph import Graph, Unsupported, of_scikit_learn
from .matrix import Matrix, Numbers, has_text, without_needless
from .preprocessing import strings, transform


class _Family(Protocol):
    def regressor(self, graph: Graph, model: Any, matrix: Matrix) -> str | None: ...

    def classifier(self, graph: Graph, model: Any, matrix: Matrix) -> str | None: ...


FAMILIES: tuple[_Family, ...] = (forests, linear, neural)


def export(model: Any, schema: Schema, values: list[list[str]]) -> bytes:
    """The fitted model as ONNX bytes: the same for the same model.

    values: of each categorical input the strings seen in training. The graph's inputs are "numeric" double [N, k] and
    "categorical" int64 [N, c] (place in the metadata's vocabulary, -1 when not there), each only when it has columns;
    its output "prediction" is double [N] or [N, classes]. Raises Unsupported when there is no exact form.
    """
    graph = Graph(len(schema.numeric), len(schema.categorical))
    steps = [step for _, step in model.steps] if isinstance(model, Pipeline) else [model]
    for part in (model, steps[-1]):
        of_scikit_learn(part)
    answer = constants.constant(graph, steps[-1], rows="numeric" if schema.numeric else "categorical")
    kept: list[list[str]] = [[] for _ in schema.categorical]
    if answer is None:
        matrix, kept = without_needless(_prepared(graph, steps[:-1], schema, values), values)
        answer = _estimated(graph, steps[-1], matrix, schema)
    if schema.task == "classification":
        answer = _every_class(graph, answer, steps[-1].classes_, schema)
    return graph.finish(answer, schema.width, dict(zip(schema.categorical, kept, strict=True)))


def _prepared(graph: Graph, steps: list[Any], schema: Schema, values: list[list[str]]) -> Matrix:
    matrix: Matrix = [Numbers("numeric", len(schema.numeric))] if schema.numeric else []
    matrix += [strings(column, names) for column, names in enumerate(values)]
    with warnings.catch_warnings():
        # The encoders are asked about an unknown value, and about arrays without names, on purpose.
        warnings.simplefilter("ignore")
        for step in steps:
            matrix = transform(graph, step, matrix)
    if has_text(matrix):
        raise Unsupported("strings that reach the estimator itself have no ONNX form here")
    return matrix


def _estimated(graph: Graph, estimator: Any, matrix: Matrix, schema: Schema) -> str:
    """Of a regression the value, of two classes the probability of the second: [N, 1]; else [N, classes]."""
    for family in FAMILIES:
        if schema.task == "regression":
            found = family.regressor(graph, estimator, matrix)
        else:
            found = family.classifier(graph, estimator, matrix) if is_classifier(estimator) else None
        if found is not None:
            return found
    raise Unsupported(f"{type(estimator).__name__} has no exact ONNX form")


def _every_class(graph: Graph, found: str, classes: Any, schema: Schema) -> str:
    """The probabilities of all the schema's classes; those the model never saw have none."""
    known = [int(code) for code in classes]
    if schema.width == 1:
        return found if known == [0, 1] else graph.add("Mul", found, graph.constant(float(known == [1])))
    if len(known) == 2:
        found = graph.add("Concat", graph.add("Sub", graph.constant(1.0), found), found, axis=1)
    if known == list(range(schema.width)):
        return found
    spread = np.zeros((len(known), schema.width))
    spread[np.arange(len(known)), known] = 1.0
    return graph.add("MatMul", found, graph.constant(spread))
