"""How sure a difference between two models is, when both answered the same rows."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Target = NDArray[np.int64] | Floats
"""Class numbers, or the values of a regression."""

RESAMPLES = 300
SEED = 20240117
"""Fixed, so that judging the same bundles twice gives the same verdict."""
CELLS = 4_000_000
"""Weights held at once (32 MB): more rows make smaller blocks, not more memory."""


def standard_error(metric: str, target: Target, first: Floats, second: Floats) -> float:
    """Standard error of metric(first) - metric(second) by paired bootstrap over the rows (Efron, 1979).

    metric: a key of WEIGHTED. first, second: predictions [rows], or [rows, classes].
    Resamples in which the metric is undefined (rows of one class only) do not count; 0.0 when fewer than two remain.
    """
    if not len(target):
        return 0.0
    score = WEIGHTED[metric]
    blocks = [score(weights, target, first) - score(weights, target, second) for weights in _resamples(len(target))]
    differences = np.concatenate(blocks)
    defined = differences[np.isfinite(differences)]
    return float(defined.std(ddof=1)) if len(defined) > 1 else 0.0


def by_chance(metric: str, target: Target, answers: Floats) -> float:
    """Standard deviation of the metric when answers and rows are matched at random (Fisher, 1935).

    The bootstrap of a few lucky rows hardly varies: without this, noise passed the gate four times too often there.
    0.0 when the metric is undefined.
    """
    if not len(target):
        return 0.0
    score, random, once = WEIGHTED[metric], np.random.default_rng(SEED), np.ones((1, len(target)))
    found = [score(once, random.permutation(target), answers)[0] for _ in range(_draws(len(target)))]
    return float(np.std(found, ddof=1)) if np.isfinite(found).all() else 0.0


def _draws(rows: int) -> int:
    """Fewer of many rows: at a million each takes a tenth of a second."""
    return int(np.clip(CELLS // rows, 30, RESAMPLES))


def _resamples(rows: int) -> Iterator[Floats]:
    """How often each row was drawn, in blocks of [resamples, rows]."""
    random = np.random.default_rng(SEED)
    block = max(1, min(RESAMPLES, CELLS // rows))
    for start in range(0, RESAMPLES, block):
        size = min(block, RESAMPLES - start)
        drawn = random.integers(0, rows, (size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


# The metrics of metrics.py, all resamples at once: (weights [resamples, rows], target, prediction) -> [resamples].
# One by one they would take seconds; tests hold them equal to metrics.py on the drawn rows.


def _mean(weights: Floats, loss: NDArray[np.generic]) -> Floats:
    mean: Floats = weights @ loss.astype(np.float64) / weights.sum(axis=1)
    return mean


def _accuracy(weights: Floats, target: Target, prediction: Floats) -> Floats:
    return _mean(weights, _decided(prediction) == target)


def _balanced_accuracy(weights: Floats, target: Target, prediction: Floats) -> Floats:
    is_class = target[:, None] == np.unique(target)
    hits = is_class & (_decided(prediction) == target)[:, None]
    return _mean_over_classes(weights @ hits.astype(np.float64), weights @ is_class.astype(np.float64))


def _f1_macro(weights: Floats, target: Target, prediction: Floats) -> Floats:
    answer = _decided(prediction)
    every = np.union1d(target, answer)
    is_class, is_answer = target[:, None] == every, answer[:, None] == every
    hits = weights @ (is_class & is_answer).astype(np.float64)
    return _mean_over_classes(2 * hits, weights @ (is_class.astype(np.float64) + is_answer))


def _mean_over_classes(parts: Floats, wholes: Floats) -> Floats:
    """Mean of parts / wholes over the classes the resample holds; [resamples, classes] -> [resamples]."""
    ratios = np.divide(parts, wholes, out=np.zeros_like(parts), where=wholes > 0)
    mean: Floats = ratios.sum(axis=1) / (wholes > 0).sum(axis=1)
    return mean


def _roc_auc(weights: Floats, target: Target, prediction: Floats) -> Floats:
    positive, negative = _by_score(weights, target, prediction)
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return _ratio((positive * below).sum(axis=1), pairs)


def _average_precision(weights: Floats, target: Target, prediction: Floats) -> Floats:
    positive, negative = _by_score(weights, target, -prediction)
    hits = np.cumsum(positive, axis=1)
    precision = _ratio(hits, hits + np.cumsum(negative, axis=1))
    return _ratio(np.nansum(precision * positive, axis=1), positive.sum(axis=1))


def _by_score(weights: Floats, target: Target, score: Floats) -> tuple[Floats, Floats]:
    """Weights of positives and of negatives at each distinct score, ascending."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.diff(score[order], prepend=-np.inf))
    drawn, is_positive = weights[:, order], target[order] == 1
    return np.add.reduceat(drawn * is_positive, starts, axis=1), np.add.reduceat(drawn * ~is_positive, starts, axis=1)


def _log_loss(weights: Floats, target: Target, prediction: Floats) -> Floats:
    probability = np.column_stack([1 - prediction, prediction]) if prediction.ndim == 1 else prediction
    chance = np.where(target >= 0, probability[np.arange(len(target)), target.astype(np.int64)], 0.0)
    return _mean(weights, -np.log(np.clip(chance, np.finfo(np.float64).eps, 1.0)))


def _brier(weights: Floats, target: Target, prediction: Floats) -> Floats:
    return _mean(weights, (prediction - (target == 1)) ** 2)


def _rmse(weights: Floats, target: Target, prediction: Floats) -> Floats:
    return np.sqrt(_mean(weights, (prediction - target) ** 2))


def _mae(weights: Floats, target: Target, prediction: Floats) -> Floats:
    return _mean(weights, np.abs(prediction - target))


def _r2(weights: Floats, target: Target, prediction: Floats) -> Floats:
    centred = target - target.mean()
    spread = _mean(weights, centred**2) - _mean(weights, centred) ** 2
    return 1 - _ratio(_mean(weights, (prediction - target) ** 2), np.maximum(spread, 0))


def _ratio(parts: Floats, wholes: Floats) -> Floats:
    return np.divide(parts, wholes, out=np.full_like(parts, np.nan), where=wholes > 0)


def _decided(prediction: Floats) -> NDArray[np.int64]:
    """The class a prediction amounts to."""
    decided = prediction >= 0.5 if prediction.ndim == 1 else prediction.argmax(axis=1)
    return decided.astype(np.int64)


WEIGHTED: dict[str, Callable[[Floats, Target, Floats], Floats]] = {
    "accuracy": _accuracy,
    "average_precision": _average_precision,
    "balanced_accuracy": _balanced_accuracy,
    "brier": _brier,
    "f1_macro": _f1_macro,
    "log_loss": _log_loss,
    "mae": _mae,
    "r2": _r2,
    "rmse": _rmse,
    "roc_auc": _roc_auc,
}
"""The metrics that can decide between two models."""
