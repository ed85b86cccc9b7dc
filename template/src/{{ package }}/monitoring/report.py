"""The monitoring report: one HTML page that needs no server, no script and no network."""

from pathlib import Path
from typing import Any

from .. import deployment
from ..contract import Contract
from ..settings import Settings
from ..store import Store
from . import plots, trigger
from .findings import Finding
from .monitor import Report, champion, latest, reports
from .window import Window, window

ORDER = {"error": 0, "alarm": 1, "few": 2, "ok": 3}
BARS = 25
PLOTS = 6
ROWS = 10


def write(contract: Contract, store: Store, settings: Settings, path: Path) -> None:
    """Render the newest report, whole or not at all."""
    page = render(contract, store, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
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
        "alarm": bool(report and report.alarm),
        "sentence": report.text() if report else "The monitors have not run yet: ml monitor.",
        "cards": _cards(contract, store, report),
        "findings": findings,
        "drift": plots.bars(drift[:BARS]),
        "drift_limit": drift[0].limit if drift else "gates.yaml",
        "triggers": _triggers(store, contract.name),
        **_performance(contract, store),
        **_distributions(contract, store, settings, report, drift[:PLOTS]),
    }


def _cards(contract: Contract, store: Store, report: Report | None) -> list[dict[str, str]]:
    now = deployment.read(store, contract.name)
    champion = f"version {now.champion.version}" if now else "none"
    since = f"since {now.at[:16].replace('T', ' ')} by {now.by}" if now else "ml run promote makes one"
    cards = [{"label": "champion", "value": champion, "note": since}]
    if report:
        metric, value = next(iter(report.metrics.items()), ("metric", None))
        shown = "-" if value is None else f"{value:.4g}"
        cards += [
            {"label": "looked at", "value": f"{report.rows:,}", "note": f"predictions, {report.at:%Y-%m-%d %H:%M} UTC"},
            {"label": "labelled", "value": f"{report.labelled:,}", "note": "of them have a known outcome"},
            {"label": metric, "value": shown, "note": "on labelled predictions"},
        ]
    return cards


def _triggers(store: Store, model: str) -> list[dict[str, str]]:
    found = [trigger.read(store, key) for key in store.list(f"triggers/{model}")[-ROWS:]]
    return [
        {
            "at": f"{t.at:%Y-%m-%d %H:%M}",
            "reason": t.reason,
            "outcome": t.outcome or "running, or its process was killed",
        }
        for t in reversed(found)
        if t
    ]


def _performance(contract: Contract, store: Store) -> dict[str, Any]:
    told = [report for report in reports(contract, store, ROWS) if report.metrics]
    names = list(told[-1].metrics)[:6] if told else []
    rows = [
        {
            "version": report.version,
            "at": f"{report.at:%Y-%m-%d %H:%M}",
            "labelled": f"{report.labelled:,}",
            "cells": [f"{report.metrics[name]:.4g}" if name in report.metrics else "-" for name in names],
        }
        for report in reversed(told)
    ]
    return {"performance": rows, "metric_names": names}


def _distributions(
    contract: Contract, store: Store, settings: Settings, report: Report | None, most: list[Finding]
) -> dict[str, Any]:
    if report is None or report.version is None or not report.rows:
        return {"histograms": [], "over_time": None}
    schema, reference, _ = champion(contract, store, settings, report.digest)
    seen: Window = window(store, schema, report.digest, report.rows)
    return {
        "histograms": [plot for f in most if (plot := plots.histogram(f.name, schema, reference, seen))],
        "over_time": plots.over_time(seen, schema.classes[1] if len(schema.classes) == 2 else schema.target),
    }
