"""The monitoring report: one HTML page that needs no server, no script and no network."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from os import getpid
from pathlib import Path
from typing import Any

from .. import deployment
from ..contract import Contract
from ..errors import ProjectError
from ..settings import Settings
from ..store import Store
from . import plots, trigger
from .findings import Finding
from .performance import MIN_LABELS
from .quality import shares
from .reports import Report, latest, recent
from .subject import Subject, subject
from .window import Window, window

ORDER = {"error": 0, "alarm": 1, "few": 2, "ok": 3}
BARS = 30
PLOTS = 6
REPORTS = 60
ROWS = 10


def write(contract: Contract, store: Store, settings: Settings, path: Path) -> None:
    """Render the newest report, whole or not at all."""
    if path.is_dir():
        raise ProjectError(f"{path} is a folder; give a file to write the page to.")
    page = render(contract, store, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{getpid()}")
    draft.write_text(page, "utf-8")
    draft.replace(path)


def render(contract: Contract, store: Store, settings: Settings) -> str:
    """The page. Names and values from the data are escaped."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(Path(__file__).with_name("report.html").read_text("utf-8"))
    return page.render(**_content(contract, store, settings))


def _content(contract: Contract, store: Store, settings: Settings) -> dict[str, Any]:
    report = latest(contract, store)
    findings = sorted(report.findings, key=lambda finding: ORDER[finding.state]) if report else []
    drift = sorted((f for f in findings if f.monitor == "drift" and f.value is not None), key=lambda f: -(f.value or 0))
    return {
        "model": contract.name,
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "report": report,
        "loud": [finding for finding in findings if finding.is_loud],
        "findings": findings,
        "cards": _cards(contract, store, report, drift),
        "drift": plots.bars(drift[:BARS]),
        "more_drift": len(drift[BARS:]),
        "waiting": next((f.sentence for f in findings if f.monitor == "drift"), "the monitors saw no prediction yet"),
        "beside": [finding.sentence for finding in findings if finding.monitor == "challenger"],
        "triggers": trigger.recent(store, contract.name, ROWS),
        **_performance(contract, store, report),
        **_looked_at(contract, store, settings, report, drift[:PLOTS]),
    }


def _cards(
    contract: Contract, store: Store, report: Report | None, drift: Sequence[Finding]
) -> Iterator[dict[str, str]]:
    now = deployment.read(store, contract.name)
    if now:
        crowning = deployment.crowning(store, now)
        told = f"{crowning.action} by {crowning.by}, {crowning.at[:16].replace('T', ' ')}"
        yield {"label": "Champion", "value": f"version {now.champion.version}", "note": told}
    else:
        yield {"label": "Champion", "value": "none", "note": "ml run promote makes one"}
    if report is None:
        return
    yield {"label": "Looked at", "value": f"{report.rows:,}", "note": f"predictions up to {report.at:%Y-%m-%d %H:%M}"}
    moved = f"{sum(finding.state == 'alarm' for finding in drift)} of {len(drift)}" if drift else "not judged yet"
    yield {"label": "Moved", "value": moved, "note": "inputs and predictions"}
    value = report.metrics.get(report.metric)
    before = report.accepted.get(report.metric)
    label = report.metric.replace("_", " ") or "Performance"
    then = f"{before:.4g} when accepted; " if before is not None else ""
    shown = f"{value:.4g}" if value is not None and report.labelled >= MIN_LABELS else "not yet"
    yield {"label": label, "value": shown, "note": f"{then}{report.labelled:,} labels"}


def _performance(contract: Contract, store: Store, report: Report | None) -> dict[str, Any]:
    told = [found for found in recent(contract, store, REPORTS) if found.labelled >= MIN_LABELS]
    names = [told[-1].metric, *(name for name in told[-1].metrics if name != told[-1].metric)][:6] if told else []
    rows = [
        {
            "version": found.version,
            "at": f"{found.at:%Y-%m-%d %H:%M}",
            "labelled": f"{found.labelled:,}",
            "cells": [f"{found.metrics[name]:.4g}" if name in found.metrics else "-" for name in names],
        }
        for found in reversed(told[-ROWS:])
    ]
    plot = plots.performance(told, report.metric) if report else None
    return {"performance": plot, "performance_rows": rows, "metric_names": names}


def _looked_at(
    contract: Contract, store: Store, settings: Settings, report: Report | None, most: list[Finding]
) -> dict[str, Any]:
    """What is drawn from the rows themselves, as they were when the report was made."""
    nothing: dict[str, Any] = {"histograms": [], "over_time": None, "quality": [], "trouble": ""}
    if report is None or not report.rows:
        return nothing
    try:
        champion = subject(contract, store, settings)
        if champion is None or champion.digest != report.digest:
            return nothing | {"trouble": f"Version {report.version} is not champion any more; run ml monitor."}
        seen = window(store, champion, report.rows, report.at)
    except ProjectError as error:
        return nothing | {"trouble": f"What was served cannot be drawn: {error}"}
    return {
        "histograms": [plot for finding in most if (plot := plots.histogram(finding.name, champion, seen))],
        "over_time": plots.over_time(seen, champion.schema),
        "quality": list(_quality(champion, seen, report)),
        "trouble": "",
    }


def _quality(champion: Subject, seen: Window, report: Report) -> Iterator[dict[str, Any]]:
    """A row per input: its share of missing values, and of unknown or outlying ones."""
    loud = {finding.name for finding in report.findings if finding.monitor == "quality" and finding.is_loud}
    rows: dict[str, dict[str, Any]] = {}
    for share in shares(champion.reference, seen):
        kind = "missing" if share.what == "missing" else "odd"
        cell = {"then": f"{share.then:.1%}", "now": f"{share.now:.1%}", "is_loud": f"{share.name} {share.what}" in loud}
        rows.setdefault(share.name, {"name": share.name, "missing": None, "odd": None})[kind] = cell | {
            "detail": share.detail
        }
    yield from sorted(rows.values(), key=lambda row: not any(row[k] and row[k]["is_loud"] for k in ("missing", "odd")))
