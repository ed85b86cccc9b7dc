"""Linear models: a weighted sum, and the link that makes it an answer."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from sklearn import linear_model, svm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model._base import LinearModel

from .graph import Graph, Unsupported
from .matrix import Matrix, Numbers

Floats = NDArray[np.float64]

REGRESSORS = (LinearModel, linear_model.SGDRegressor, svm.LinearSVR, linear_model.QuantileRegressor)
LOGARITHMIC = (linear_model.PoissonRegressor, linear_model.GammaRegressor)
PROBABILITY = (linear_model.LogisticRegression, LinearDiscriminantAnalysis)
CERTAIN = (linear_model.RidgeClassifier, linear_model.Perceptron, svm.LinearSVC)


def regressor(graph: Graph, model: Any, matrix: Matrix) -> str | None:
    """double [N, 1], or None when the model is not one of these."""
    if isinstance(model, LOGARITHMIC):
        return graph.add("Exp", decision(graph, model, matrix))
    if isinstance(model, REGRESSORS):
        return decision(graph, model, matrix)
    return None


def classifier(graph: Graph, model: Any, matrix: Matrix) -> str | None:
    """Of two classes the probability of the second, double [N, 1]; of more each one's [N, classes]. Else None."""
    if isinstance(model, PROBABILITY):
        raw = decision(graph, model, matrix)
        is_each_alone = getattr(model, "solver", "") == "liblinear"
        return probability(graph, raw, len(model.classes_), is_each_alone)
    if isinstance(model, linear_model.SGDClassifier):
        if model.loss == "modified_huber":
            raise Unsupported("SGDClassifier(loss='modified_huber') has no ONNX form here")
        raw = decision(graph, model, matrix)
        if model.loss == "log_loss":
            return probability(graph, raw, len(model.classes_), is_each_alone=True)
        return certainty(graph, raw, len(model.classes_))
    if isinstance(model, CERTAIN):
        return certainty(graph, decision(graph, model, matrix), len(model.classes_))
    return None


def decision(graph: Graph, model: Any, matrix: Matrix) -> str:
    """The weighted sums, double [N, outputs]."""
    weights = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)).T
    return weighted(graph, matrix, weights, np.asarray(model.intercept_, dtype=np.float64).reshape(-1))


def weighted(graph: Graph, matrix: Matrix, weights: Floats, intercept: Floats) -> str:
    """matrix @ weights + intercept. Coded strings are not spread out: the weight of each value is looked up."""
    terms: list[str] = []
    coded: list[tuple[int, Floats]] = []
    start = 0
    for block in matrix:
        part = weights[start : start + block.width]
        start += block.width
        if isinstance(block, Numbers):
            terms.append(graph.add("MatMul", block.tensor, graph.constant(part)))
        else:
            coded.append((block.column, np.asarray(block.table, dtype=np.float64) @ part))
    if coded:
        terms.append(_looked_up(graph, coded))
    total = graph.constant(intercept)
    for term in terms:
        total = graph.add("Add", term, total)
    return total


def _looked_up(graph: Graph, coded: list[tuple[int, Floats]]) -> str:
    """The sum over the columns of what each value weighs: one look-up in all their tables, one behind the other."""
    columns = [column for column, _ in coded]
    sizes = np.array([len(table) for _, table in coded])
    ends = np.cumsum(sizes)
    codes = graph.add("Gather", "categorical", graph.constant(columns, np.int64), axis=1)
    is_unknown = graph.add("Less", codes, graph.constant(0, np.int64))
    known = graph.add("Add", codes, graph.constant(ends - sizes, np.int64))
    place = graph.add("Where", is_unknown, graph.constant(ends - 1, np.int64), known)
    found = graph.add("Gather", graph.constant(np.vstack([table for _, table in coded])), place, axis=0)
    return graph.add("ReduceSum", found, graph.constant([1], np.int64), keepdims=0)


def probability(graph: Graph, raw: str, classes: int, is_each_alone: bool = False) -> str:
    """Logistic for two classes; softmax for more, or each class's logistic made to sum to one."""
    if classes == 2:
        return graph.add("Sigmoid", raw)
    if not is_each_alone:
        return graph.add("Softmax", raw, axis=1)
    each = graph.add("Sigmoid", raw)
    return graph.add("Div", each, graph.add("ReduceSum", each, graph.constant([1], np.int64), keepdims=1))


def certainty(graph: Graph, raw: str, classes: int) -> str:
    """1.0 for the class with the largest sum, the first of equals; of two classes for the second when above zero."""
    if classes == 2:
        return graph.cast(graph.add("Greater", raw, graph.constant(0.0)), TensorProto.DOUBLE)
    best = graph.add("ArgMax", raw, axis=1, keepdims=0)
    return graph.add("Gather", graph.constant(np.eye(classes)), best, axis=0)
