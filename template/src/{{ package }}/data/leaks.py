"""Likely leaks: columns that tell the target all by themselves."""

from typing import TYPE_CHECKING, Any

import msgspec

from ..contract import Column
from .text import texts, values

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from .infer import Finding

ROWS = 5_000
DEPTH = 6
SUSPICIOUS = 0.98
"""Score of one column alone, balanced accuracy or R2 on rows it was not fitted on, from which a person should look."""


def noted(
    findings: "list[Finding]", table: "pa.Table", columns: dict[str, Column], target: str, task: str
) -> "list[Finding]":
    """The findings, with a note where a column alone predicts the target nearly perfectly.

    Nothing is set aside for it: whether such a column is a leak or a good feature only a person knows.
    """
    sample = table.take(_sample(len(table)))
    truth = texts(sample[target], columns[target].type)
    marked = []
    for finding in findings:
        column = columns[finding.name]
        if finding.name == target or column.ignore or column.type == "timestamp":
            marked.append(finding)
            continue
        score = alone(_numbers(sample[finding.name], column.type), truth.to_pylist(), task)
        if score >= SUSPICIOUS:
            measure = "balanced accuracy" if task == "classification" else "R2"
            note = (
                f"possible leak: tells the target alone ({measure} {score:.3f}); if known only later, add ignore: leak"
            )
            marked.append(msgspec.structs.replace(finding, note=note))
        else:
            marked.append(finding)
    return marked


def alone(feature: "np.ndarray", truth: list[str | None], task: str) -> float:
    """How well a small tree on one column tells the target, on three held-out folds; 0 when it cannot be judged."""
    import numpy as np
    from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    known = np.array([value is not None for value in truth])
    names = np.array([value for value in truth if value is not None], dtype=object)
    x = feature[known].reshape(-1, 1)
    if len(names) < 30:
        return 0.0
    if task == "regression":
        y: Any = names.astype(float)
        folds: Any = KFold(3, shuffle=True, random_state=0)
        answers = cross_val_predict(DecisionTreeRegressor(max_depth=DEPTH, min_samples_leaf=5), x, y, cv=folds)
        spread = float(np.sum((y - y.mean()) ** 2))
        return 1 - float(np.sum((y - answers) ** 2)) / spread if spread else 0.0
    _, y = np.unique(names.astype(str), return_inverse=True)
    if np.bincount(y).min() < 3:
        keep = np.isin(y, np.flatnonzero(np.bincount(y) >= 3))
        x, y = x[keep], y[keep]
    if len(np.unique(y)) < 2:
        return 0.0
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    answers = cross_val_predict(DecisionTreeClassifier(max_depth=DEPTH, class_weight="balanced"), x, y, cv=folds)
    return float(np.mean([np.mean(answers[y == code] == code) for code in np.unique(y)]))


def _numbers(cells: "pa.ChunkedArray", kind: str) -> "np.ndarray":
    """A column as numbers: text by its rank, null as -1e18."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    typed, _ = values(texts(cells, kind), kind)
    if kind == "string":
        typed = typed.dictionary_encode().indices
    return np.asarray(pc.fill_null(typed.cast(pa.float64()), -1e18), dtype=np.float64)


def _sample(rows: int) -> "np.ndarray":
    import numpy as np

    return np.sort(np.random.default_rng(0).choice(rows, min(rows, ROWS), replace=False))
