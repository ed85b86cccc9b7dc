"""The monitor step: take in what was captured, look at quality, drift and performance, and say what needs attention."""

import traceback
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from .. import deployment
from ..contract import Contract
from ..schema import Schema
from ..settings import Settings
from ..store import Store
from . import metrics
from .captures import ingest
from .drift import drift
from .findings import Finding
from .labels import newest
from .performance import performance
from .quality import quality
from .window import Window, window

if TYPE_CHECKING:
    from ..registry.gates import Gates
    from ..training.reference import Reference

T = TypeVar("T")


class Report(msgspec.Struct, frozen=True):
    """What the monitors found at a time, about one champion. `metrics`: of its labelled predictions."""

    model: str
    at: datetime
    version: int | None
    digest: str
    rows: int
    labelled: int
    alarm: bool
    findings: list[Finding]
    metrics: dict[str, float] = {}

    def text(self) -> str:
        loud = [finding.sentence for finding in self.findings if finding.state in ("alarm", "error")]
        seen = f"{self.rows:,} predictions of version {self.version}, {self.labelled:,} labelled"
        if self.version is None:
            seen = "no champion yet"
        rest = f"; and {len(loud) - 3} more" if len(loud) > 3 else ""
        return f"{seen}: {'; '.join(loud[:3]) + rest if loud else 'nothing needs attention'}"


def monitor(
    contract: Contract, store: Store, settings: Settings, gates: "Gates", now: datetime | None = None
) -> Report:
    """Look, keep the report in the store, and write its metrics under home. A monitor that fails is itself an alarm."""
    at = now or datetime.now(UTC)
    findings: list[Finding] = []
    findings += _guarded("captures", lambda: _captured(store, contract.name))
    current = deployment.read(store, contract.name)
    if current is None:
        report = Report(contract.name, at, None, "", 0, 0, bool(_loud(findings)), findings)
        return _kept(report, store, settings)
    deployed = current.champion
    labels: dict[str, str] = {}
    seen: Window | None = None
    told: dict[str, float] = {}

    def look() -> list[Finding]:
        nonlocal labels, seen, told
        schema, reference, accepted = champion(contract, store, settings, deployed.digest)
        limits = gates.monitoring
        seen = window(store, schema, deployed.digest, limits.window_rows)
        labels = newest(store)
        if len(seen) < limits.min_rows:
            few = f"{len(seen)} predictions; {limits.min_rows} are needed to judge"
            return [Finding("drift", "window", "few", few)]
        judged = quality(reference, seen, limits.null_increase) + drift(reference, seen, limits.drift_psi)
        metric = getattr(gates.metric, _kind(schema))
        worth, told = performance(schema, seen, labels, metric, accepted, limits.performance_drop)
        return [*judged, worth]

    findings += _guarded("drift", look)
    report = Report(
        model=contract.name,
        at=at,
        version=deployed.version,
        digest=deployed.digest,
        rows=len(seen) if seen else 0,
        labelled=sum(id in labels for id in seen.ids) if seen else 0,
        alarm=bool(_loud(findings)),
        findings=findings,
        metrics=told,
    )
    return _kept(report, store, settings)


def latest(contract: Contract, store: Store) -> Report | None:
    """The newest report, or None."""
    raw = store.read(f"monitoring/{contract.name}/latest.json")
    return None if raw is None else msgspec.json.decode(raw, type=Report)


def champion(
    contract: Contract, store: Store, settings: Settings, digest: str
) -> "tuple[Schema, Reference, dict[str, float]]":
    """Schema and histograms of the champion's bundle, and the metrics it was accepted with."""
    from ..registry import trust
    from ..training import evaluate
    from ..training.reference import Reference

    folder = trust.fetch(store, contract.name, digest, settings.public_key, settings.home / "cache" / "bundles")
    schema = _decoded(folder / "schema.json", Schema)
    evaluation = evaluate.load(store, digest)
    return schema, _decoded(folder / "reference.json", Reference), evaluation.metrics if evaluation else {}


def reports(contract: Contract, store: Store, count: int) -> list[Report]:
    """The newest reports, oldest first."""
    keys = [key for key in store.list(f"monitoring/{contract.name}") if not key.endswith("latest.json")]
    return [msgspec.json.decode(store.read(key) or b"{}", type=Report) for key in keys[-count:]]


def _captured(store: Store, model: str) -> list[Finding]:
    taken = ingest(store, model)
    if taken.torn:
        return [Finding("captures", "torn lines", "alarm", f"{taken.torn} captured lines were torn; see capture-torn/")]
    return [Finding("captures", "ingest", "ok", f"{taken.new:,} new predictions")]


def _decoded(path: Path, kind: type[T]) -> T:
    return msgspec.json.decode(path.read_bytes(), type=kind)


def _kind(schema: Schema) -> str:
    if schema.task == "regression":
        return "regression"
    return "binary" if len(schema.classes) == 2 else "multiclass"


def _guarded(name: str, look: Callable[[], list[Finding]]) -> list[Finding]:
    """What a monitor finds; its failure as an alarm. Silence must never be mistaken for "no drift"."""
    try:
        return look()
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        sentence = f"the {name} monitor failed: {type(error).__name__}: {error} ({where})"
        return [Finding("drift" if name == "drift" else "captures", name, "error", sentence)]


def _loud(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.state in ("alarm", "error")]


def _kept(report: Report, store: Store, settings: Settings) -> Report:
    raw = msgspec.json.format(msgspec.json.encode(report), indent=2)
    store.write(f"monitoring/{report.model}/{report.at:%Y-%m-%dT%H-%M-%S-%f}.json", raw)
    store.write(f"monitoring/{report.model}/latest.json", raw)
    metrics.write(report, settings.home / "metrics" / "monitor.prom")
    return report
