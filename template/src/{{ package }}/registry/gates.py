"""The limits of gates.yaml, typed: what a candidate must reach, and when monitoring raises its alarm."""

from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from .. import yaml_file
from ..errors import ProjectError
from ..training.bootstrap import WEIGHTED
from ..training.metrics import better, metrics

NotNegative = Annotated[float, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Deciding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The metric that candidates are compared by, for each kind of task."""

    binary: str = "roc_auc"
    multiclass: str = "balanced_accuracy"
    regression: str = "rmse"


class Limit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`min` for a metric that is better when higher, `max` for an error."""

    min: float | None = None
    max: float | None = None


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asked gain: `margin` plus `noise` standard errors."""

    margin: NotNegative = 0.0
    noise: NotNegative = 1.64


class Champion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Allowed loss: `tolerance` plus `noise` standard errors. `required`: reject when the champion cannot be scored."""

    tolerance: NotNegative = 0.0
    noise: NotNegative = 2.0
    required: bool = True


class Slices(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    min_rows: Count = 50
    max_gap: NotNegative = 0.25


class Monitoring(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    drift_psi: NotNegative = 0.25
    min_rows: Count = 200
    performance_drop: NotNegative = 0.1
    null_increase: Share = 0.1
    window_rows: Count = 2000
    cool_down_hours: Annotated[float, msgspec.Meta(ge=0, le=876_000)] = 24


class Gates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """gates.yaml. Every key may be left out; these are the defaults."""

    enforce: bool = True
    metric: Deciding = Deciding()
    thresholds: dict[str, Limit] = msgspec.field(default_factory=lambda: {"roc_auc": Limit(0.5), "r2": Limit(0.0)})
    baseline: Baseline = Baseline()
    champion: Champion = Champion()
    slices: Slices = Slices()
    monitoring: Monitoring = Monitoring()


def load(path: Path) -> Gates:
    """Read and check the limits. Raises ProjectError naming the key that is wrong."""
    gates = yaml_file.read(path, Gates, "restore it from git, or point ML_GATES to it")
    _check(gates, path)
    return gates


@cache
def reported() -> dict[str, frozenset[str]]:
    """The metrics each kind of task reports, asked of the code that computes them, on three rows."""
    names, values = ["a", "b", "c"], np.array([0.2, 0.3, 0.5])
    return {
        "binary": frozenset(metrics("classification", names[:2], ["a", "b", "b"], values)),
        "multiclass": frozenset(metrics("classification", names, names, np.tile(values, (3, 1)))),
        "regression": frozenset(metrics("regression", [], values, values)),
    }


def _check(gates: Gates, path: Path) -> None:
    for kind, metric in msgspec.structs.asdict(gates.metric).items():
        can_decide = sorted(reported()[kind] & WEIGHTED.keys())
        if metric not in can_decide:
            raise ProjectError(f"{path}: metric.{kind}: '{metric}' cannot decide; give one of {', '.join(can_decide)}.")
    seen = gates.monitoring
    if seen.window_rows < seen.min_rows:
        raise ProjectError(
            f"{path}: monitoring.window_rows is {seen.window_rows}, and no verdict is given on fewer than "
            f"{seen.min_rows} rows (monitoring.min_rows); give at least as many."
        )
    every = sorted(frozenset().union(*reported().values()))
    for metric, limit in gates.thresholds.items():
        if metric not in every:
            raise ProjectError(f"{path}: thresholds.{metric}: not a metric; give one of {', '.join(every)}.")
        _check_limit(metric, limit, f"{path}: thresholds.{metric}")


def _check_limit(metric: str, limit: Limit, where: str) -> None:
    # A bound on the wrong side would reject models for being good.
    wrong, right = ("max", "min") if better(metric) == "higher" else ("min", "max")
    if getattr(limit, wrong) is not None:
        raise ProjectError(f"{where}.{wrong}: {metric} is better when {better(metric)}; give {right} instead.")
    asked = getattr(limit, right)
    if asked is None:
        raise ProjectError(f"{where}: give {right}.")
    # A percentage, most often.
    if not (asked <= 1 if right == "min" else asked >= 0):
        bound = "at most 1" if right == "min" else "never below 0"
        raise ProjectError(f"{where}.{right} is {asked:g}, which no model reaches: {metric} is {bound}.")
