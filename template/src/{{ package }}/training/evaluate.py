"""Evaluation: the candidate, the baseline and the champion on the same rows, none of which was trained on."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from .. import deployment, tables
from ..contract import Contract
from ..errors import ProjectError
from ..settings import Settings
from ..store import Store
from .answering import Answering, Kind
from .bootstrap import by_chance, standard_error
from .compare import Comparison, compare
from .engine import Floats
from .examples import Examples
from .metrics import baseline, codes, confusion, metrics
from .recipe import RECIPE
from .split import split

if TYPE_CHECKING:
    from ..registry.gates import Gates


class Slice(msgspec.Struct, frozen=True):
    """Rows that share a value of a column. baseline: the deciding metric of the baseline on them."""

    column: str
    value: str
    rows: int
    metrics: dict[str, float]
    baseline: float | None = None


class Evaluation(msgspec.Struct, frozen=True):
    """What the gate judges. Undefined metrics are left out; `unjudged` counts the slices with too few rows.

    `error` is the standard error of the deciding metric's difference from the baseline, `chance` how far the metric
    scatters for answers that know nothing. `confusion`: rows of each class (row) answered with which (column).
    """

    model: str
    digest: str
    kind: Kind
    metric: str
    rows: int
    metrics: dict[str, float]
    baseline: dict[str, float]
    slices: list[Slice]
    error: float = 0.0
    chance: float = 0.0
    unjudged: int = 0
    classes: list[str] = []
    confusion: list[list[int]] = []
    champion: Comparison | None = None

    def text(self) -> str:
        """One line for the terminal."""
        beside = [f"baseline {_shown(self.baseline, self.metric)}"]
        if self.champion and self.champion.problem:
            beside.append(f"champion not scored: {self.champion.problem}")
        elif self.champion:
            beside.append(
                f"champion {self.champion.champion:.4g} against {self.champion.candidate:.4g} on {self.champion.rows:,}"
            )
        value = _shown(self.metrics, self.metric)
        return f"{self.metric} {value} on {self.rows:,} test rows ({', '.join(beside)}), {len(self.slices)} slices"


def load(store: Store, digest: str) -> Evaluation | None:
    """The saved evaluation of a bundle, or None."""
    return store.load(_key(digest), Evaluation, "Delete it and evaluate again: ml run evaluate.")


def evaluate(contract: Contract, store: Store, settings: Settings, digest: str, gates: "Gates") -> Evaluation:
    """Score a bundle's test rows as it would be served, and save the result as evaluations/<digest>.json.

    Raises IntegrityError when the bundle is damaged, ProjectError when it answers with no numbers; a champion that
    cannot be scored is reported, not raised.
    """
    with TemporaryDirectory(prefix="evaluate-") as folder:
        candidate = Answering(store, contract.name, digest, Path(folder))
        task, classes = candidate.schema.task, candidate.schema.classes
        metric: str = getattr(gates.metric, candidate.kind)
        # The version it was trained on: rows that came later would move the split.
        table = tables.read(store, "training_set", candidate.manifest.data["training_set"])
        every, parts = candidate.examples(table), split(table)
        test = every.at(parts.test)
        answers = candidate.answer(test)
        is_number = np.isfinite(answers).reshape(len(test), candidate.schema.width).all(axis=1)
        if wrong := int((~is_number).sum()):
            # Metrics that leave them out would call the rest a good model.
            raise ProjectError(f"{RECIPE}: the model answers {wrong} of {len(test)} test rows with no number.")
        guess = baseline(task, classes, every.target[parts.train], len(test))
        slices, unjudged = _slices(candidate, test, answers, guess, metric, gates.slices.min_rows)
        now = deployment.read(store, contract.name)
        champion = compare(store, candidate, table, parts.test, metric, now.champion, Path(folder)) if now else None
    target = codes(classes, test.target) if classes else test.target
    result = Evaluation(
        model=contract.name,
        digest=digest,
        kind=candidate.kind,
        metric=metric,
        rows=len(test),
        metrics=metrics(task, classes, test.target, answers),
        baseline=metrics(task, classes, test.target, guess),
        slices=slices,
        error=standard_error(metric, target, answers, guess),
        chance=by_chance(metric, target, answers),
        unjudged=unjudged,
        classes=classes,
        confusion=confusion(classes, test.target, answers).tolist() if classes else [],
        champion=champion,
    )
    store.write(_key(digest), msgspec.json.format(msgspec.json.encode(result), indent=2))
    return result


def _key(digest: str) -> str:
    return f"evaluations/{digest}.json"


def _slices(
    candidate: Answering, test: Examples, answers: Floats, guess: Floats, metric: str, min_rows: int
) -> tuple[list[Slice], int]:
    """Slices large enough to judge, and how many were not. Those are not scored: a column may have thousands."""
    found: list[Slice] = []
    unjudged = 0
    for column, values in test.slices.items():
        names, member, counts = np.unique(values.astype(str), return_inverse=True, return_counts=True)
        unjudged += int((counts < min_rows).sum())
        for number in np.flatnonzero(counts >= min_rows):
            here = member == number
            scores, guessed = (
                metrics(candidate.schema.task, candidate.schema.classes, test.target[here], told[here])
                for told in (answers, guess)
            )
            found.append(Slice(column, str(names[number]), int(counts[number]), scores, guessed.get(metric)))
    return found, unjudged


def _shown(values: dict[str, float], metric: str) -> str:
    return f"{values[metric]:.4g}" if metric in values else "undefined"
