"""Everything at one glance: champion, data, drift, last trigger, service. It reads the store, so it answers at once."""

from typing import Any

import httpx
import msgspec

from .. import deployment, tables
from ..contract import Contract
from ..deployment import Deployment
from ..settings import Settings
from ..store import Store
from . import trigger
from .monitor import Report, latest
from .trigger import Trigger


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
    """The state of the product. `tables` in the order of the data's way."""

    model: str
    deployment: Deployment | None
    tables: dict[str, Table]
    report: Report | None
    trigger: Trigger | None
    service: Service

    def text(self) -> str:
        lines = [
            ("model", self.model),
            *self._deployed(),
            ("data", ", ".join(f"{name} v{t.version} ({t.rows:,})" for name, t in self.tables.items()) or "none yet"),
            ("monitors", self._monitored()),
            ("last trigger", self._triggered()),
            ("service", self._serving()),
        ]
        return "\n".join(f"{name:<13} {value}" for name, value in lines)

    def _deployed(self) -> list[tuple[str, str]]:
        now = self.deployment
        if now is None:
            return [("champion", "none yet; ml run promote makes one")]
        told = (
            f"version {now.champion.version} ({now.champion.digest[:12]}) since {now.at[:16]} by {now.by}: {now.reason}"
        )
        lines = [("champion", told)]
        if now.previous:
            lines.append(("previous", f"version {now.previous.version}"))
        if now.challenger:
            share = f" of {now.challenger.share:.0%}" if now.challenger.mode == "share" else ""
            lines.append(("challenger", f"version {now.challenger.version}, {now.challenger.mode}{share}"))
        return lines

    def _monitored(self) -> str:
        if self.report is None:
            return "never ran; ml monitor"
        return f"{'ALARM' if self.report.alarm else 'quiet'} at {self.report.at:%Y-%m-%d %H:%M}: {self.report.text()}"

    def _triggered(self) -> str:
        if self.trigger is None:
            return "none"
        return (
            f"{self.trigger.at:%Y-%m-%d %H:%M}: {self.trigger.reason} -> {self.trigger.outcome or 'running or killed'}"
        )

    def _serving(self) -> str:
        model = f", version {self.service.version} by {self.service.engine}" if self.service.version is not None else ""
        return f"{self.service.url} {self.service.state}{model}"


def status(contract: Contract, store: Store, settings: Settings) -> Status:
    """Gather it. A service that does not answer within a second is said, not raised."""
    names = [*contract.sources, "quarantine", "training_set", "predictions", "labels"]
    return Status(
        model=contract.name,
        deployment=deployment.read(store, contract.name),
        tables={name: table for name in names if (table := _table(store, name))},
        report=latest(contract, store),
        trigger=trigger.last(store, contract.name),
        service=_service(settings),
    )


def _table(store: Store, name: str) -> Table | None:
    version = tables.version(store, name)
    return None if version is None else Table(version, tables.rows(store, name))


def _service(settings: Settings) -> Service:
    url = settings.service
    try:
        health: dict[str, Any] = httpx.get(f"{url}/health", timeout=1).json()
    except (httpx.HTTPError, ValueError):
        return Service(url, "does not answer; ml serve starts it")
    version = health.get("version")
    state = "ready" if version is not None else "up, without a model"
    return Service(url, state, None if version is None else int(version), health.get("engine"))
