"""Models made of trees: histogram and classic gradient boosting, forests, single trees."""

from typing import Any

import numpy as np
from onnx import TensorProto
from sklearn import ensemble as sk
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from .graph import Graph, Unsupported
from .linear import probability
from .matrix import Matrix, tensor
from .trees import Tree, ensemble, of_histogram, of_tree

FOREST_CLASSIFIERS = (sk.RandomForestClassifier, sk.ExtraTreesClassifier)
FOREST_REGRESSORS = (sk.RandomForestRegressor, sk.ExtraTreesRegressor)


def regressor(graph: Graph, model: Any, matrix: Matrix) -> str | None:
    """double [N, 1], or None when the model is not one of these."""
    if isinstance(model, sk.HistGradientBoostingRegressor):
        raw = _histogram(graph, model, matrix)
        return graph.add("Exp", raw) if model.loss in ("poisson", "gamma") else raw
    if isinstance(model, sk.GradientBoostingRegressor):
        return _boosted(graph, model, matrix)
    if isinstance(model, (*FOREST_REGRESSORS, DecisionTreeRegressor)):
        return _averaged(graph, model, matrix, [0])
    return None


def classifier(graph: Graph, model: Any, matrix: Matrix) -> str | None:
    """Of two classes the probability of the second, double [N, 1]; of more each one's [N, classes]. Else None."""
    if isinstance(model, sk.HistGradientBoostingClassifier):
        return probability(graph, _histogram(graph, model, matrix), len(model.classes_))
    if isinstance(model, sk.GradientBoostingClassifier):
        raw = _boosted(graph, model, matrix)
        if model.loss == "exponential":
            raw = graph.add("Mul", raw, graph.constant(2.0))
        return probability(graph, raw, len(model.classes_))
    if isinstance(model, (*FOREST_CLASSIFIERS, DecisionTreeClassifier)):
        classes = len(model.classes_)
        return _averaged(graph, model, matrix, [1] if classes == 2 else list(range(classes)))
    return None


def _histogram(graph: Graph, model: Any, matrix: Matrix) -> str:
    """The raw sums, double [N, outputs]."""
    trees = [(of_histogram(tree.nodes), k) for round_ in model._predictors for k, tree in enumerate(round_)]
    start = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1)
    return graph.add("Add", ensemble(graph, tensor(graph, matrix), trees, len(start)), graph.constant(start))


def _boosted(graph: Graph, model: Any, matrix: Matrix) -> str:
    if model.init not in (None, "zero"):
        raise Unsupported(f"{type(model).__name__} that starts from another model has no ONNX form here")
    start = model._raw_predict_init(np.zeros((1, model.n_features_in_))).reshape(-1)
    trees = [
        (of_tree(tree.tree_, scale=model.learning_rate), k)
        for round_ in model.estimators_
        for k, tree in enumerate(round_)
    ]
    inputs = _as_float32(graph, tensor(graph, matrix))
    return graph.add("Add", ensemble(graph, inputs, trees, len(start)), graph.constant(start))


def _averaged(graph: Graph, model: Any, matrix: Matrix, outputs: list[int]) -> str:
    """The mean of the trees' values for these outputs. A leaf holds one number, so each output has its own trees."""
    members = getattr(model, "estimators_", [model])
    trees: list[tuple[Tree, int]] = [
        (of_tree(member.tree_, output, 1 / len(members)), k) for member in members for k, output in enumerate(outputs)
    ]
    return ensemble(graph, _as_float32(graph, tensor(graph, matrix)), trees, len(outputs))


def _as_float32(graph: Graph, inputs: str) -> str:
    # These trees compare inputs rounded to float32 with thresholds in float64; so does the graph, or rows would flip.
    return graph.cast(graph.cast(inputs, TensorProto.FLOAT), TensorProto.DOUBLE)
