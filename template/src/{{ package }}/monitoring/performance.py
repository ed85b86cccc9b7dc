"""Performance: how good the champion's answers turned out, against how good it was when it was accepted."""

import numpy as np

from ..schema import Schema
from ..training.bootstrap import standard_error
from ..training.metrics import better, codes, metrics
from .findings import Finding, State
from .window import Floats, Window

MIN_LABELS = 50


def performance(
    schema: Schema, window: Window, labels: dict[str, str], metric: str, accepted: dict[str, float], limit: float
) -> tuple[Finding, dict[str, float]]:
    """The deciding metric on labelled predictions against the `accepted` one; also every metric that is defined.

    limit: the relative drop (errors: rise) that is an alarm, beyond two standard errors (bootstrap) of the estimate.
    """
    places = [i for i, id in enumerate(window.ids) if id in labels]
    if len(places) < MIN_LABELS:
        sentence = f"{len(places)} labelled predictions; {MIN_LABELS} are needed to judge"
        return Finding("performance", metric, "few", sentence), {}
    truth = [labels[window.ids[i]] for i in places]
    answers = window.predictions[places]
    answers = answers if schema.width > 1 else answers[:, 0]
    target = np.array(truth, dtype=np.float64) if schema.task == "regression" else np.array(truth, dtype=object)
    found = metrics(schema.task, schema.classes, target, answers)
    if metric not in found or metric not in accepted:
        sentence = f"{metric} is not defined on these {len(places)} labels (does every class occur?)"
        return Finding("performance", metric, "few", sentence), found
    loss = (accepted[metric] - found[metric]) * (1 if better(metric) == "higher" else -1)
    drop = loss / max(abs(accepted[metric]), 1e-12)
    doubt = 2 * _doubt(schema, metric, target, answers) / max(abs(accepted[metric]), 1e-12)
    state: State = "alarm" if drop > limit + doubt else "ok"
    sentence = f"{metric} {found[metric]:.4g} on {len(places):,} labels, {accepted[metric]:.4g} when accepted"
    return Finding("performance", metric, state, sentence, drop, limit + doubt), found


def _doubt(schema: Schema, metric: str, target: np.ndarray, answers: Floats) -> float:
    """Standard error of the metric itself: that of its difference to an answer that never varies."""
    known = target if schema.task == "regression" else codes(schema.classes, target)
    constant = np.broadcast_to(answers.mean(axis=0), answers.shape)
    return standard_error(metric, known, answers, constant)
