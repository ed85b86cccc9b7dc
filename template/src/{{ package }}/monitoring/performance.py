"""Performance: how good the champion's answers turned out, against how good it was when it was accepted."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ProjectError
from ..schema import Schema
from ..training.bootstrap import standard_error
from ..training.metrics import better, codes, metrics
from .findings import Finding, State
from .subject import Subject
from .window import Floats, Labelled

MIN_LABELS = 50
CHANCE = 2.0
"""Standard errors that a metric may be worse without meaning anything."""


def measured(schema: Schema, rows: Labelled) -> dict[str, float]:
    """Every metric that is defined on the labelled predictions."""
    return metrics(schema.task, schema.classes, rows.target, answers(schema, rows))


def performance(subject: Subject, rows: Labelled, found: dict[str, float], metric: str, limit: float) -> Finding:
    """The deciding metric on labelled predictions, as `measured` found it, against the one on held-out rows.

    limit: the relative drop (errors: rise) that is an alarm, beyond two standard errors (bootstrap) of the difference:
    a champion accepted on a dozen rows was as uncertain then as the labels are now. Of validation and test rows the
    worse count: what differed that much between two months before differs so again.
    Raises ProjectError when nobody knows how good the champion was.
    """
    if metric not in subject.accepted:
        raise ProjectError(
            f"the evaluation of version {subject.version} is gone or without {metric}; "
            "run ml run evaluate, or promote a version that has one"
        )
    if len(rows) < MIN_LABELS:
        sentence = f"{len(rows)} labelled predictions; {MIN_LABELS} are needed to judge"
        return Finding("performance", metric, "few", sentence)
    if broken := no_numbers(rows):
        sentence = f"{broken} of {len(rows):,} labelled predictions are no numbers; look at the model"
        return Finding("performance", metric, "error", sentence)
    if metric not in found:
        sentence = f"{metric} is not defined on these {len(rows)} labels (does every class occur?)"
        return Finding("performance", metric, "few", sentence)
    accepted = subject.accepted[metric]
    worse = min if better(metric) == "higher" else max
    before = worse(accepted, subject.validated.get(metric, accepted))
    size = max(abs(before), 1e-12)
    drop = (before - found[metric]) * (1 if better(metric) == "higher" else -1) / size
    doubt = np.hypot(uncertainty(subject.schema, metric, rows), subject.doubt.get(metric, 0.0))
    bound = limit + CHANCE * float(doubt) / size
    state: State = "alarm" if drop > bound else "ok"
    verb = "is" if state == "ok" else "fell to" if better(metric) == "higher" else "rose to"
    sentence = f"{metric} {verb} {found[metric]:.4g} on {len(rows):,} labels, {accepted:.4g} when accepted"
    if before != accepted:
        sentence += f", {before:.4g} on validation rows"
    sentence += f" (limit: {bound:.1%} worse)"
    return Finding("performance", metric, state, sentence, drop, bound)


def uncertainty(schema: Schema, metric: str, rows: Labelled) -> float:
    """Standard error of the metric itself: that of its difference to an answer that never varies."""
    answered = answers(schema, rows)
    known: NDArray[Any] = codes(schema.classes, rows.target) if schema.classes else rows.target
    return standard_error(metric, known, answered, np.broadcast_to(answered.mean(axis=0), answered.shape))


def no_numbers(rows: Labelled) -> int:
    """How many of the predictions hold a NaN or an infinity."""
    return int(np.count_nonzero(~np.isfinite(rows.predictions).all(axis=1)))


def answers(schema: Schema, rows: Labelled) -> Floats:
    """The predictions as metrics take them: [n], or [n, classes] with more than two classes."""
    return rows.predictions if schema.width > 1 else rows.predictions[:, 0]
