"""The gate: whether a candidate may become champion, judged from its evaluation alone."""

from collections.abc import Iterator

import msgspec

from ..training.evaluate import Evaluation, Slice
from ..training.metrics import better
from .gates import Baseline, Gates, Limit, reported


class Check(msgspec.Struct, frozen=True):
    """One question the gate asked. `value` and `limit` are None where there was nothing to compare."""

    name: str
    passed: bool
    value: float | None
    limit: float | None
    sentence: str


class Verdict(msgspec.Struct, frozen=True):
    """What the gate said about the bundle `digest`. Not `enforced`: accepted whatever the checks say.

    against: digest of the champion then, "" when there was none; None in verdicts from before this was kept.
    """

    accepted: bool
    checks: list[Check]
    digest: str = ""
    enforced: bool = True
    against: str | None = None

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if not check.passed]

    def text(self) -> str:
        if self.accepted and not self.failed:
            return f"accepted: {len(self.checks)} checks passed"
        word = "accepted although not all checks passed (enforce: false)" if self.accepted else "rejected"
        return f"{word}: " + " ".join(check.sentence for check in self.failed)


def judge(evaluation: Evaluation, gates: Gates) -> Verdict:
    """Thresholds; better than the baseline; not worse than the champion on the same rows; no slice far behind."""
    checks = [
        *_thresholds(evaluation, gates.thresholds),
        _baseline(evaluation, gates.baseline),
        _champion(evaluation, gates),
        _slices(evaluation, gates.slices.min_rows, gates.slices.max_gap),
    ]
    accepted = all(check.passed for check in checks) or not gates.enforce
    against = evaluation.champion.digest if evaluation.champion else ""
    return Verdict(accepted, checks, evaluation.digest, gates.enforce, against)


def _thresholds(evaluation: Evaluation, limits: dict[str, Limit]) -> Iterator[Check]:
    for name, limit in limits.items():
        label = f"threshold {name}"
        higher = better(name) == "higher"
        bound = limit.min if higher else limit.max
        value = evaluation.metrics.get(name)
        if bound is None or name not in reported()[evaluation.kind]:
            yield Check(
                label, True, None, bound, f"A {evaluation.kind} model reports no {name}: its threshold was skipped."
            )
        elif value is None:
            yield _undefined(label, name, evaluation)
        else:
            passed = value >= bound if higher else value <= bound
            word = "at least" if higher else "at most"
            yield Check(label, passed, value, bound, f"{name} is {value:.4g}{_must(passed)} {word} {bound:.4g}.")


def _baseline(evaluation: Evaluation, asked: Baseline) -> Check:
    name, value = evaluation.metric, evaluation.metrics.get(evaluation.metric)
    base = evaluation.baseline.get(name)
    if value is None or base is None:
        return _undefined("baseline", name, evaluation)
    higher = better(name) == "higher"
    error = max(evaluation.error, evaluation.chance)
    gain = asked.margin + asked.noise * error
    limit = base + gain if higher else base - gain
    passed = value > limit if higher else value < limit
    word = "above" if higher else "below"
    if not higher and limit <= 0:
        rows = f"On rows that vary so much (baseline {base:.4g}, standard error {error:.2g})"
        return Check("baseline", passed, value, limit, f"{rows} no {name} tells a model from guessing.")
    return Check(
        "baseline",
        passed,
        value,
        limit,
        f"{name} is {value:.4g}{_must(passed)} {word} {limit:.4g} (baseline {base:.4g}, standard error {error:.2g}).",
    )


def _champion(evaluation: Evaluation, gates: Gates) -> Check:
    champion, name = evaluation.champion, evaluation.metric
    if champion is None:
        return Check("champion", True, None, None, "There is no champion yet to compare with.")
    if champion.problem or champion.candidate is None or champion.champion is None:
        sentence = f"The champion (version {champion.version}) could not be compared with: {champion.problem}."
        if gates.champion.required:
            sentence += " Promote with --override and a reason if that is as it should be."
        return Check("champion", not gates.champion.required, None, None, sentence)
    allowed = gates.champion.tolerance + gates.champion.noise * champion.error
    higher = better(name) == "higher"
    limit = champion.champion - allowed if higher else champion.champion + allowed
    passed = champion.candidate >= limit if higher else champion.candidate <= limit
    sentence = (
        f"On {champion.rows:,} common rows {name} is {champion.candidate:.4g} and the champion's (version "
        f"{champion.version}) {champion.champion:.4g}{_must(passed)} at {'least' if higher else 'most'} {limit:.4g}."
    )
    return Check("champion", passed, champion.candidate, limit, sentence)


def _slices(evaluation: Evaluation, min_rows: int, max_gap: float) -> Check:
    name = evaluation.metric
    large = [part for part in evaluation.slices if part.rows >= min_rows and name in part.metrics]
    judged = []
    for part in large:
        others = [other for other in large if other.column == part.column and other is not part]
        if (yardstick := _yardstick(part, others, evaluation)) is not None:
            judged.append((_gap(part, name, yardstick), part, yardstick))
    if not judged:
        sentence = f"No slice has {min_rows} test rows and a comparable {name}: none was judged."
        return Check("slices", True, None, max_gap, sentence)
    gap, worst, yardstick = max(judged, key=lambda each: each[0])
    passed = gap <= max_gap
    against = "overall on rows as hard to guess" if better(name) == "lower" else "in the column's other slices"
    sentence = (
        f"The worst slice, {worst.column} = {worst.value} ({worst.rows} rows), has {name} {worst.metrics[name]:.4g} "
        f"against {yardstick:.4g} {against}, a gap of {gap:.4g}{_must(passed)} at most {max_gap:.4g}."
    )
    return Check("slices", passed, gap, max_gap, sentence)


def _yardstick(part: Slice, others: list[Slice], evaluation: Evaluation) -> float | None:
    """What a slice is held against: an error against that of the whole, a score against the column's other slices.

    A score of the whole also counts how well the column itself tells rows apart, which none of its slices can show.
    An error is larger where there is more to guess, however good the model: the baseline tells how much larger.
    """
    name = evaluation.metric
    if better(name) == "lower":
        whole, guess = evaluation.metrics.get(name), evaluation.baseline.get(name)
        return whole * part.baseline / guess if whole is not None and part.baseline is not None and guess else whole
    if not others:
        return None
    return sum(other.metrics[name] * other.rows for other in others) / sum(other.rows for other in others)


def _gap(part: Slice, name: str, yardstick: float) -> float:
    """How much worse a slice is: the difference of a score, the relative excess of an error."""
    value = part.metrics[name]
    if better(name) == "higher":
        return yardstick - value
    if yardstick == 0:
        return 0.0 if value == 0 else float("inf")
    return value / yardstick - 1


def _undefined(label: str, name: str, evaluation: Evaluation) -> Check:
    why = "is every answer the same class" if name == "precision" else "are there too few, or all of one class"
    sentence = f"{name} cannot be computed on the {evaluation.rows} test rows; {why}?"
    return Check(label, False, None, None, sentence)


def _must(passed: bool) -> str:
    return "; asked:" if passed else ", but must be"
