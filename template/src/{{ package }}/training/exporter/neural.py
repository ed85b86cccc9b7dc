"""Multilayer perceptrons."""

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from .graph import Graph
from .linear import probability, weighted
from .matrix import Matrix, Numbers

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "logistic": "Sigmoid", "identity": "Identity"}


def regressor(graph: Graph, model: Any, matrix: Matrix) -> str | None:
    """double [N, 1], or None when the model is not one of these."""
    if not isinstance(model, MLPRegressor):
        return None
    raw = _layers(graph, model, matrix)
    return graph.add("Exp", raw) if model.out_activation_ == "exp" else raw


def classifier(graph: Graph, model: Any, matrix: Matrix) -> str | None:
    """Of two classes the probability of the second, double [N, 1]; of more each one's [N, classes]. Else None."""
    if not isinstance(model, MLPClassifier):
        return None
    return probability(graph, _layers(graph, model, matrix), len(model.classes_))


def _layers(graph: Graph, model: Any, matrix: Matrix) -> str:
    layers = [np.asarray(weights, dtype=np.float64) for weights in model.coefs_]
    last = len(layers) - 1
    raw = ""
    for i, (weights, bias) in enumerate(zip(layers, model.intercepts_, strict=True)):
        raw = weighted(graph, matrix, weights, np.asarray(bias, dtype=np.float64))
        if i < last:
            matrix = [Numbers(graph.add(ACTIVATIONS[model.activation], raw), weights.shape[1])]
    return raw
