"""Likely leaks: columns that tell the target all by themselves."""

from typing import TYPE_CHECKING, Any, NamedTuple

from ..contract import Task
from . import text
from .kinds import Profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROWS = 5_000
"""Judged on a sample of at most so many rows."""
LEAST = 30
SUSPICIOUS = 0.95
"""Score (balanced accuracy or R2 on held-out rows) of one column alone from which a person should look."""


class Suspicion(NamedTuple):
    """How well a column alone predicts the target, and whether it is the target itself, renamed or in other units.

    Only the latter is certain: a column that predicts without error may be a leak, or simply what decides.
    """

    score: float
    is_outright: bool


def suspicions(columns: list[Profile], target: Profile, task: Task) -> dict[str, Suspicion]:
    """The columns that predict the target suspiciously well, by name.

    Outright ones are all or nothing: when more than half of the columns are, the task is an easy one.
    """
    import numpy as np

    known = np.flatnonzero(target.values.is_valid().to_numpy())
    chosen = np.sort(np.random.default_rng(0).permutation(known)[:ROWS])
    if len(chosen) < LEAST:
        return {}
    truth = target.values.take(chosen)
    found = {}
    for column in columns:
        x = _numbers(column.values.take(chosen))
        if task == "classification":
            found[column.name] = _classes(x, _codes(truth), can_rename=column.type != "number")
        else:
            found[column.name] = _amounts(x, _numbers(truth))
    found = {name: suspicion for name, suspicion in found.items() if suspicion.score >= SUSPICIOUS}
    outright = sum(suspicion.is_outright for suspicion in found.values())
    if outright > len(columns) / 2:
        found = {name: Suspicion(suspicion.score, False) for name, suspicion in found.items()}
    return found


def _classes(x: "NDArray[np.float64]", y: "NDArray[np.int64]", can_rename: bool) -> Suspicion:
    """Balanced accuracy of a tree on three held-out folds."""
    import numpy as np
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.tree import DecisionTreeClassifier

    often = np.bincount(y)[y] >= 3
    x, y = x[often], y[often]
    sizes = np.bincount(y)[np.unique(y)]
    if len(sizes) < 2 or np.isnan(x).all():
        return Suspicion(0.0, False)
    tree = DecisionTreeClassifier(class_weight="balanced", max_leaf_nodes=64, random_state=0)
    answers = cross_val_predict(tree, x.reshape(-1, 1), y, cv=StratifiedKFold(3, shuffle=True, random_state=0))
    errors = np.array([np.sum(answers[y == code] != code) for code in np.unique(y)])
    # A date that only those have who left: whether it is there is the target.
    is_outright = (can_rename and _renames(x, y)) or _renames(np.isnan(x).astype(float), y)
    return Suspicion(float(1 - np.mean(errors / sizes)), is_outright)


def _amounts(x: "NDArray[np.float64]", y: "NDArray[np.float64]") -> Suspicion:
    """R2 of a tree on three held-out folds, or the squared correlation when that is higher."""
    import numpy as np
    import pandas as pd
    from sklearn.model_selection import KFold, cross_val_predict
    from sklearn.tree import DecisionTreeRegressor

    there = ~np.isnan(x)
    if there.sum() < LEAST or np.ptp(x[there]) == 0 or np.ptp(y[there]) == 0:
        return Suspicion(0.0, False)
    folds = KFold(3, shuffle=True, random_state=0)
    tree = DecisionTreeRegressor(max_leaf_nodes=256, random_state=0)
    answers = cross_val_predict(tree, x.reshape(-1, 1), y, cv=folds)
    # What is as large as 1e300 has no square.
    with np.errstate(all="ignore"):
        score = float(np.nan_to_num(1 - np.sum((y - answers) ** 2) / np.sum((y - y.mean()) ** 2)))
        straight = float(np.nan_to_num(np.corrcoef(x[there], y[there])[0, 1] ** 2))
    ordered = float(pd.Series(x[there]).corr(pd.Series(y[there]), method="spearman") ** 2)
    return Suspicion(max(score, straight if there.all() else 0.0), max(straight, ordered) >= 0.99999)


def _renames(x: "NDArray[np.float64]", y: "NDArray[np.int64]") -> bool:
    """Whether every value stands for one class and every class for one value: the target under another name."""
    import numpy as np

    pairs = np.unique(np.column_stack([np.nan_to_num(x, nan=-1e300), y]), axis=0)
    return len(pairs) == len(np.unique(pairs[:, 0])) == len(np.unique(pairs[:, 1]))


def _codes(values: Any) -> "NDArray[np.int64]":
    import numpy as np

    return np.asarray(np.unique(np.asarray(text.column(values).to_pylist(), dtype=str), return_inverse=True)[1])


def _numbers(values: Any) -> "NDArray[np.float64]":
    """Text by its place among the values, times in microseconds, null as NaN."""
    import numpy as np
    import pyarrow as pa

    if pa.types.is_string(values.type):
        values = values.combine_chunks().dictionary_encode().indices
    elif pa.types.is_timestamp(values.type):
        values = values.cast(pa.int64())
    return np.asarray(values.cast(pa.float64(), safe=False).to_pandas(), dtype=np.float64)
