"""Everything at one glance: champion, data, drift, last trigger, service. It reads the store, so it answers at once."""

from datetime import datetime
from typing import Any

import msgspec

from .. import deployment, tables
from ..address import hidden, is_here
from ..contract import Contract
from ..deployment import Deployment
from ..settings import Settings
from ..store import Store
from . import trigger
from .reports import Report, latest
from .trigger import Trigger

PATIENCE = 1.0
"""Seconds the service has to answer."""


class Table(msgspec.Struct, frozen=True):
    """A table's data version and rows."""

    version: int
    rows: int


class Service(msgspec.Struct, frozen=True):
    """The running service's own word; `version` and `engine` None when no model answers."""

    url: str
    state: str
    version: int | None = None
    engine: str | None = None


class Status(msgspec.Struct, frozen=True):
    """The state of the product. crowning: the move that made the champion. tables: in the order of the data's way."""

    model: str
    deployment: Deployment | None
    crowning: Deployment | None
    tables: dict[str, Table]
    report: Report | None
    trigger: Trigger | None
    service: Service

    def text(self) -> str:
        """A few lines for the terminal."""
        return "\n".join(f"{name:<13} {value}" for name, value in self.lines())

    def lines(self) -> list[tuple[str, str]]:
        """What is told, beside its name; of several lines about one thing only the first has it."""
        return [
            ("model", self.model),
            *_deployed(self.deployment, self.crowning, self.report),
            *_data(self.tables),
            *_monitored(self.report),
            *_triggered(self.trigger),
            ("service", _serving(self.service)),
        ]


def status(contract: Contract, store: Store, settings: Settings) -> Status:
    """Gather it. A service that does not answer within a second is said, not raised."""
    names = [*contract.sources, "quarantine", "training_set", "predictions", "labels", "scores"]
    now = deployment.read(store, contract.name)
    return Status(
        model=contract.name,
        deployment=now,
        crowning=deployment.crowning(store, now) if now else None,
        tables={name: table for name in names if (table := _table(store, name))},
        report=latest(contract, store),
        trigger=trigger.last(store, contract.name),
        service=_service(settings.service, bool(settings.serving_url)),
    )


def _deployed(now: Deployment | None, crowning: Deployment | None, report: Report | None) -> list[tuple[str, str]]:
    if now is None or crowning is None:
        return [("champion", "none yet; ml run promote makes one")]
    lines = [("champion", f"version {now.champion.version} ({now.champion.digest[:12]}), {_moved(crowning)}")]
    if beside := now.challenger:
        by = f", {_moved(now)}" if now.action == "challenge" else ""
        lines.append(("challenger", f"version {beside.version} ({beside.digest[:12]}), {beside.part}{by}"))
        # An older report is about whoever stood there then.
        if report and report.at >= datetime.fromisoformat(now.at):
            lines += [("", finding.sentence) for finding in report.findings if finding.monitor == "challenger"]
    if now.previous:
        lines.append(("previous", f"version {now.previous.version} ({now.previous.digest[:12]}); ml rollback returns"))
    return lines


def _moved(move: Deployment) -> str:
    reason = f": {move.reason}" if move.reason else ""
    return f"{move.action} by {move.by} at {move.at[:16].replace('T', ' ')}{reason}"


def _data(tables: dict[str, Table]) -> list[tuple[str, str]]:
    if not tables:
        return [("data", "none yet; ml run collect")]
    wide = max(map(len, tables))
    told = [f"{name:<{wide}} {table.rows:>12,} rows, version {table.version}" for name, table in tables.items()]
    return [("data" if place == 0 else "", line) for place, line in enumerate(told)]


def _monitored(report: Report | None) -> list[tuple[str, str]]:
    if report is None:
        return [("monitors", "never ran; ml monitor")]
    loud = [finding.sentence for finding in report.findings if finding.is_loud]
    seen = f"{report.rows:,} predictions, {report.labelled:,} labelled"
    about = f"version {report.version}" if report.version is not None else "no champion"
    silence = "quiet" if report.is_judged else "nothing to judge yet"
    verdict = f"{len(loud)} alarm{'s' if len(loud) > 1 else ''}" if loud else silence
    more = [f"and {len(loud) - 3} more: ml report"] if len(loud) > 3 else []
    lines = [f"{verdict} at {report.at:%Y-%m-%d %H:%M} about {about}: {seen}", *loud[:3], *more]
    return [("monitors" if place == 0 else "", line) for place, line in enumerate(lines)]


def _triggered(trigger: Trigger | None) -> list[tuple[str, str]]:
    if trigger is None:
        return [("last trigger", "none")]
    told = f"{trigger.at:%Y-%m-%d %H:%M}: {trigger.outcome or 'running, or its process was killed'}"
    return [("last trigger", told), *(("", reason) for reason in trigger.reason.split("; "))]


def _serving(service: Service) -> str:
    model = f", version {service.version} by {service.engine}" if service.version is not None else ""
    return f"{service.url} {service.state}{model}"


def _table(store: Store, name: str) -> Table | None:
    version = tables.version(store, name)
    return None if version is None else Table(version, tables.rows(store, name))


class _Health(msgspec.Struct):
    status: str
    version: int | None
    engine: str | None = None
    error: str | None = None


def _service(url: str, is_given: bool) -> Service:
    import httpx

    shown = hidden(url)
    try:
        answer: Any = httpx.get(f"{url}/health", timeout=PATIENCE, trust_env=not is_here(url))
        health = msgspec.json.decode(answer.content, type=_Health)
    except httpx.HTTPError:
        return Service(shown, f"does not answer; {'ML_SERVING_URL names it' if is_given else 'ml serve starts it'}")
    except msgspec.MsgspecError:
        return Service(shown, "answers, but is something else; set ML_PORT or ML_SERVING_URL")
    state = f"{health.status}: {health.error}" if health.error else health.status
    return Service(shown, state, health.version, health.engine)
