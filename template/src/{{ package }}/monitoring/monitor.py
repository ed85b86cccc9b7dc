"""The monitor step: take in what was captured, look at quality, drift and performance, and say what needs attention."""

import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ..contract import Contract
from ..settings import Settings
from ..store import Store
from . import metrics
from .captures import ingest, torn
from .challenger import challenger
from .drift import drift
from .findings import Finding, Monitor
from .performance import measured, performance
from .quality import quality
from .reports import Report, latest, save
from .subject import Subject, beside, subject
from .window import Labelled, labelled, window

if TYPE_CHECKING:
    from ..registry.gates import Gates, Monitoring

__all__ = ["Report", "latest", "monitor"]

T = TypeVar("T")


def monitor(
    contract: Contract, store: Store, settings: Settings, gates: "Gates", now: datetime | None = None
) -> Report:
    """Look, and keep report and metrics in the store.

    A monitor that fails does not stop the others; its failure is a finding of its own, and an alarm.
    """
    at = now or datetime.now(UTC)
    findings: list[Finding] = []
    findings += _guarded(findings, "captures", lambda: _captured(store, contract.name)) or []
    champion = _guarded(findings, "champion", lambda: subject(contract, store, settings))
    found = {}
    if champion:
        found = _looked_at(champion, store, gates, at, findings)
        second = _guarded(findings, "challenger", lambda: beside(contract, store, settings))
        if second:
            judged = _guarded(findings, "challenger", lambda: challenger(store, champion, second, gates, at))
            findings += [judged] if judged else []
    report = Report(
        model=contract.name,
        at=at,
        alarm=any(finding.is_loud for finding in findings),
        findings=findings,
        **found,  # type: ignore[arg-type]
    )
    save(store, report)
    metrics.write(store, report)
    return report


def _looked_at(
    champion: Subject, store: Store, gates: "Gates", at: datetime, findings: list[Finding]
) -> dict[str, object]:
    """Add what the three monitors find, and return the report's other fields."""
    limits = gates.monitoring
    deciding: str = getattr(gates.metric, champion.kind)
    rows = _watched(champion, store, limits, at, findings)
    known = _guarded(findings, "performance", lambda: labelled(store, champion, limits.window_rows, at))
    found = {} if known is None else _measured(champion, known, deciding, limits, findings)
    return {
        "version": champion.version,
        "digest": champion.digest,
        "since": champion.since,
        "rows": rows,
        "labelled": 0 if known is None else len(known),
        "metric": deciding,
        "metrics": found,
        "accepted": champion.accepted,
    }


def _watched(champion: Subject, store: Store, limits: "Monitoring", at: datetime, findings: list[Finding]) -> int:
    """Quality and drift of the window; returns its rows."""
    seen = _guarded(findings, "drift", lambda: window(store, champion, limits.window_rows, at))
    if seen is None:
        return 0
    if len(seen) < limits.min_rows:
        few = f"{len(seen)} predictions since version {champion.version} answers; {limits.min_rows} are needed to judge"
        findings.append(Finding("drift", "window", "few", few))
        return len(seen)
    reference = champion.reference
    findings += _guarded(findings, "quality", lambda: quality(reference, seen, limits.null_increase)) or []
    findings += _guarded(findings, "drift", lambda: drift(champion.schema, reference, seen, limits.drift_psi)) or []
    return len(seen)


def _measured(
    champion: Subject, known: Labelled, deciding: str, limits: "Monitoring", findings: list[Finding]
) -> dict[str, float]:
    def look() -> tuple[Finding, dict[str, float]]:
        found = measured(champion.schema, known)
        return performance(champion, known, found, deciding, limits.performance_drop), found

    judged = _guarded(findings, "performance", look)
    if judged is None:
        return {}
    findings.append(judged[0])
    return judged[1]


def _captured(store: Store, model: str) -> list[Finding]:
    new, broken = ingest(store, model), torn(store, model)
    found = [Finding("captures", "ingest", "ok", f"{new:,} new predictions")]
    if broken:
        told = f"{broken} captured lines cannot be read; look at capture-torn/{model} in the store, then delete it"
        found.append(Finding("captures", "torn lines", "alarm", told))
    return found


def _guarded(findings: list[Finding], name: Monitor, look: Callable[[], T]) -> T | None:
    """What a monitor finds; its failure as an alarm. Silence must never be mistaken for "no drift"."""
    try:
        return look()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        sentence = f"the {name} monitor failed: {type(error).__name__}: {error} ({where})"
        findings.append(Finding(name, "failure", "error", sentence))
        return None
