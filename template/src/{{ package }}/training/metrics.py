"""Metrics: how good predictions are. One that is not defined on the rows at hand (a class is missing) is left out."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

LOWER = {"log_loss", "brier", "ece", "rmse", "mae", "median_absolute_error", "mape"}
"""Metrics of which less is better."""
DECIDING = ("rmse", "roc_auc", "balanced_accuracy")
POSITIVE = 0.5
"""Probability from which on a row counts as answered with the positive class."""
BINS = 10
"""Bins of the expected calibration error."""


def better(metric: str) -> Literal["higher", "lower"]:
    """Which direction of a metric is better."""
    return "lower" if metric in LOWER else "higher"


def deciding(found: Iterable[str]) -> str | None:
    """The first of the usual deciding metrics that is among these."""
    return next((metric for metric in DECIDING if metric in set(found)), None)


def metrics(task: str, classes: Sequence[str], target: ArrayLike, prediction: Floats) -> dict[str, float]:
    """Every metric of the task that is defined on these rows.

    target: class names or values [n]; prediction: [n], or [n, classes] with more than two classes. Rows whose target is
    no class the model knows count as wrong answers, never as an error; no rows, no metrics.
    """
    if not len(prediction):
        return {}
    if task == "regression":
        with np.errstate(over="ignore", invalid="ignore"):
            return _defined(_regression(np.asarray(target, dtype=np.float64), prediction))
    known = codes(classes, target)
    if len(classes) == 2:
        return _defined(_binary(known, prediction))
    return _defined(_multiclass(known, prediction))


def codes(classes: Sequence[str], target: ArrayLike) -> Integers:
    """Class names as places in `classes`; -1 for a name that is not among them."""
    place = {name: code for code, name in enumerate(classes)}
    return np.array([place.get(str(name), -1) for name in np.asarray(target, dtype=object)], dtype=np.int64)


def answered(prediction: Floats) -> Integers:
    """The place of the class each row is answered with."""
    return prediction.argmax(axis=1) if prediction.ndim > 1 else (prediction >= POSITIVE).astype(np.int64)


def confusion(classes: Sequence[str], target: ArrayLike, prediction: Floats) -> Integers:
    """How many rows of each class (row) were answered with which (column) [classes, classes]; known classes only."""
    known, count = codes(classes, target), len(classes)
    answer = answered(prediction)
    is_known = known >= 0
    return np.bincount(known[is_known] * count + answer[is_known], minlength=count * count).reshape(count, count)


def baseline(task: str, classes: Sequence[str], target: ArrayLike, rows: int) -> Floats:
    """The answer without a model, to so many rows: the mean, or the classes' shares, of a training target."""
    if task == "regression":
        return np.full(rows, float(np.mean(np.asarray(target, dtype=np.float64))))
    known = codes(classes, target)
    shares = np.bincount(known[known >= 0], minlength=len(classes)) / max(1, len(known))
    return np.full(rows, shares[1]) if len(classes) == 2 else np.tile(shares, (rows, 1))


def _regression(target: Floats, prediction: Floats) -> dict[str, float]:
    error = np.abs(prediction - target)
    found = {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(error.mean()),
        "median_absolute_error": float(np.median(error)),
    }
    with np.errstate(over="ignore"):
        # In units of the range: the variance of equal values may be a rounding error, that of tiny ones 0.
        if (unit := np.ptp(target)) > 0:
            spread = (target - target.mean()) / unit
            found["r2"] = 1 - float(np.sum((error / unit) ** 2)) / float(np.sum(spread**2))
        if np.all(target != 0):
            found["mape"] = float(np.mean(error / np.abs(target)))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _binary(target: Integers, prediction: Floats) -> dict[str, float]:
    is_positive = target == 1
    answer = answered(prediction)
    found = {
        "accuracy": float(np.mean(answer == target)),
        "balanced_accuracy": _balanced(target, answer),
        "log_loss": _log_loss(target, np.column_stack([1 - prediction, prediction])),
        "brier": float(np.mean((prediction - is_positive) ** 2)),
        "ece": _calibration_error(prediction, is_positive),
    }
    if is_positive.any():
        found["recall"] = float(np.mean(answer[is_positive] == 1))
        found["average_precision"] = _average_precision(is_positive, prediction)
    if answer.any():
        found["precision"] = float(np.mean(is_positive[answer == 1]))
    if is_positive.any() and not is_positive.all():
        found["roc_auc"] = _roc_auc(is_positive, prediction)
    return found


def _multiclass(target: Integers, prediction: Floats) -> dict[str, float]:
    answer = answered(prediction)
    confidence = prediction.max(axis=1)
    return {
        "accuracy": float(np.mean(answer == target)),
        "balanced_accuracy": _balanced(target, answer),
        "f1_macro": _f1_macro(target, answer),
        "log_loss": _log_loss(target, prediction),
        "ece": _calibration_error(confidence, answer == target),
    }


def _balanced(target: Integers, answer: Integers) -> float:
    """Mean recall of the classes that occur."""
    return float(np.mean([np.mean(answer[target == code] == code) for code in np.unique(target)]))


def _f1_macro(target: Integers, answer: Integers) -> float:
    """Mean F1 of the classes that occur or were predicted."""
    scores = []
    for code in np.union1d(target, answer):
        hits = np.sum((target == code) & (answer == code))
        scores.append(2 * hits / (np.sum(target == code) + np.sum(answer == code)))
    return float(np.mean(scores))


def _log_loss(target: Integers, probability: Floats) -> float:
    chance = np.where(target >= 0, probability[np.arange(len(target)), target], 0.0)
    return float(-np.mean(np.log(np.clip(chance, np.finfo(np.float64).eps, 1.0))))


def _calibration_error(confidence: Floats, is_right: NDArray[np.bool_]) -> float:
    """Expected calibration error over equal bins (Naeini, Cooper and Hauskrecht, 2015)."""
    bins = np.clip((confidence * BINS).astype(np.int64), 0, BINS - 1)
    gaps = np.bincount(bins, confidence, BINS) - np.bincount(bins, is_right, BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def _roc_auc(is_positive: NDArray[np.bool_], score: Floats) -> float:
    """Chance that a positive scores above a negative, ties half (Mann and Whitney, 1947)."""
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    positives = int(is_positive.sum())
    above = rank[is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (len(score) - positives)))


def _average_precision(is_positive: NDArray[np.bool_], score: Floats) -> float:
    """Area under precision and recall as the steps' sum; equal scores make one step."""
    _, place = np.unique(-score, return_inverse=True)
    count = np.bincount(place)
    hits = np.bincount(place, is_positive)
    precision = np.cumsum(hits) / np.cumsum(count)
    return float(np.sum(precision * hits) / hits.sum())


def _defined(found: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in found.items() if np.isfinite(value)}
