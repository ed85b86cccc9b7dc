"""Trees in arrays: cut from scikit-learn's models, written as one TreeEnsemble node in float64."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from .graph import Graph, Unsupported

LARGEST = 2_000_000
"""Nodes; beyond it the graph would be larger than 100 MB and slow to load."""


@dataclass(frozen=True)
class Tree:
    """A binary tree; node 0 is the root. A row goes left when feature <= threshold, or, missing, when missing_left."""

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    is_leaf: NDArray[np.bool_]
    value: NDArray[np.float64]


def of_histogram(nodes: NDArray[Any]) -> Tree:
    """A tree of histogram gradient boosting."""
    is_leaf = nodes["is_leaf"].astype(bool)
    if nodes["is_categorical"][~is_leaf].any():
        raise Unsupported("HistGradientBoosting with categorical_features has no ONNX form here")
    return Tree(
        nodes["feature_idx"].astype(np.int64),
        nodes["num_threshold"],
        nodes["left"].astype(np.int64),
        nodes["right"].astype(np.int64),
        nodes["missing_go_to_left"].astype(bool),
        is_leaf,
        nodes["value"],
    )


def of_tree(tree: Any, output: int = 0, scale: float = 1.0) -> Tree:
    """A decision tree's values for one output, multiplied by `scale`. Branches that all say the same are cut off."""
    value = tree.value[:, 0, output] * scale
    left, right = tree.children_left, tree.children_right
    low, high = value.copy(), value.copy()
    # Children come after their parent, so backwards every subtree's range is known when its root is reached.
    for node in range(tree.node_count - 1, -1, -1):
        if left[node] >= 0:
            low[node] = min(low[left[node]], low[right[node]])
            high[node] = max(high[left[node]], high[right[node]])
    is_leaf = (left < 0) | (low == high)
    missing_left = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count)).astype(bool)
    return Tree(tree.feature, tree.threshold, left, right, missing_left, is_leaf, np.where(is_leaf, low, value))


@dataclass
class _Columns:
    """The attributes of a TreeEnsemble node, growing."""

    roots: list[int] = field(default_factory=list)
    feature: list[int] = field(default_factory=list)
    split: list[float] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    children: list[tuple[int, int, int, int]] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)
    target: list[int] = field(default_factory=list)

    def grow(self, tree: Tree, target: int) -> None:
        """Append the reachable part of a tree."""
        self.roots.append(len(self.feature))
        if tree.is_leaf[0]:
            leaf = self._leaf(tree.value[0], target)
            self._node(0, 0.0, False)
            self.children[-1] = (leaf, 1, leaf, 1)
            return
        waiting = [(0, -1, 0)]
        while waiting:
            node, parent, side = waiting.pop()
            is_leaf = bool(tree.is_leaf[node])
            here = self._leaf(tree.value[node], target) if is_leaf else len(self.feature)
            if not is_leaf:
                self._node(int(tree.feature[node]), float(tree.threshold[node]), bool(tree.missing_left[node]))
                waiting += [(int(tree.right[node]), here, 2), (int(tree.left[node]), here, 0)]
            if parent >= 0:
                child = list(self.children[parent])
                child[side : side + 2] = here, int(is_leaf)
                self.children[parent] = (child[0], child[1], child[2], child[3])

    def _node(self, feature: int, split: float, missing_left: bool) -> None:
        self.feature.append(feature)
        self.split.append(split)
        self.missing.append(int(missing_left))
        self.children.append((0, 0, 0, 0))

    def _leaf(self, weight: float, target: int) -> int:
        self.weight.append(float(weight))
        self.target.append(target)
        return len(self.weight) - 1


def ensemble(graph: Graph, inputs: str, trees: list[tuple[Tree, int]], targets: int) -> str:
    """The sum of the trees' values by target, double [N, targets]. inputs: double [N, features]."""
    if sum(len(tree.feature) for tree, _ in trees) > LARGEST:
        raise Unsupported(f"an ensemble of more than {LARGEST} nodes is too large for an ONNX graph")
    columns = _Columns()
    for tree, target in trees:
        columns.grow(tree, target)
    true, true_leaf, false, false_leaf = (list(side) for side in zip(*columns.children, strict=True))
    return graph.add(
        "TreeEnsemble",
        inputs,
        domain="ai.onnx.ml",
        n_targets=targets,
        aggregate_function=1,
        post_transform=0,
        tree_roots=columns.roots,
        nodes_featureids=columns.feature,
        nodes_modes=numpy_helper.from_array(np.zeros(len(columns.feature), np.uint8)),
        nodes_splits=numpy_helper.from_array(np.array(columns.split, np.float64)),
        nodes_truenodeids=true,
        nodes_trueleafs=true_leaf,
        nodes_falsenodeids=false,
        nodes_falseleafs=false_leaf,
        nodes_missing_value_tracks_true=columns.missing,
        leaf_targetids=columns.target,
        leaf_weights=numpy_helper.from_array(np.array(columns.weight, np.float64)),
    )
