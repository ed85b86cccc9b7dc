"""The challenger: how good its answers turned out beside the champion's, since both answer."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from ..store import Store
from ..training.bootstrap import standard_error
from ..training.metrics import better, codes
from .findings import Finding, State
from .performance import CHANCE, MIN_LABELS, answers, measured, no_numbers, uncertainty
from .subject import Subject
from .window import Labelled, labelled

if TYPE_CHECKING:
    from ..registry.gates import Gates


def challenger(store: Store, champion: Subject, beside: Subject, gates: "Gates", until: datetime) -> Finding:
    """Compare the two on labelled predictions made while they stood side by side.

    A shadow saw the champion's rows, so only rows that both answered count. Of a share each has rows of its own.
    """
    since = max(champion.since, beside.since)
    first, second = (
        labelled(store, replace(subject, since=since), gates.monitoring.window_rows, until)
        for subject in (champion, beside)
    )
    if beside.role == "shadow":
        first, second = _common(first, second)
    metric: str = getattr(gates.metric, champion.kind)
    return compared(champion, beside, first, second, metric, gates.monitoring.performance_drop)


def compared(
    champion: Subject, beside: Subject, first: Labelled, second: Labelled, metric: str, limit: float
) -> Finding:
    """The deciding metric of both: first the champion's rows, second the challenger's.

    limit: the relative loss that is an alarm, beyond two standard errors (bootstrap) of the difference; a shadow's is
    none, as nobody gets its answers.
    """
    name = f"the challenger (version {beside.version}, {'shadow' if beside.role == 'shadow' else 'share'})"
    fewest = min(len(first), len(second))
    if fewest < MIN_LABELS:
        sentence = f"{name}: {fewest} labelled predictions to compare with the champion; {MIN_LABELS} are needed"
        return Finding("challenger", metric, "few", sentence)
    if broken := no_numbers(second):
        sentence = f"{name}: {broken} of {len(second):,} labelled predictions are no numbers; look at the model"
        return Finding("challenger", metric, "error", sentence)
    ours, theirs = measured(champion.schema, first).get(metric), measured(beside.schema, second).get(metric)
    if ours is None or theirs is None:
        sentence = f"{name}: {metric} is not defined on its labels or on the champion's"
        return Finding("challenger", metric, "few", sentence)
    size = max(abs(ours), 1e-12)
    loss = (ours - theirs) * (1 if better(metric) == "higher" else -1)
    doubt = CHANCE * _uncertainty(champion, beside, first, second, metric)
    word = "about as good" if abs(loss) <= doubt else "worse" if loss > 0 else "better"
    bound = limit + doubt / size
    state: State = "alarm" if beside.role == "challenger" and loss / size > bound else "ok"
    rows = "the same " if first.ids == second.ids else f"{len(second):,} and "
    sentence = f"{name} is {word}: {metric} {theirs:.4g}, the champion's {ours:.4g}, "
    sentence += f"on {rows}{len(first):,} labels (chance: ±{doubt:.2g})"
    if state == "alarm":
        sentence += "; ml promote --challenger none retires it"
    return Finding("challenger", metric, state, sentence, loss / size, bound)


def _common(first: Labelled, second: Labelled) -> tuple[Labelled, Labelled]:
    """The rows that both answered, in the first one's order."""
    place = {id: at for at, id in enumerate(second.ids)}
    both = [(at, place[id]) for at, id in enumerate(first.ids) if id in place]
    return first.at([at for at, _ in both]), second.at([at for _, at in both])


def _uncertainty(champion: Subject, beside: Subject, first: Labelled, second: Labelled, metric: str) -> float:
    """Standard error of the difference: much smaller where both answered the same rows."""
    if first.ids == second.ids and champion.schema.classes == beside.schema.classes:
        known = codes(champion.schema.classes, first.target) if champion.schema.classes else first.target
        return standard_error(metric, known, answers(champion.schema, first), answers(beside.schema, second))
    return float(np.hypot(uncertainty(champion.schema, metric, first), uncertainty(beside.schema, metric, second)))
