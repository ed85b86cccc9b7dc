"""The trigger: from an alarm to exactly one retraining. Who may retrain is settled by the store, not by hope."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from .. import deployment
from ..contract import Contract
from ..errors import IntegrityError
from ..store import Store
from .reports import Report

if TYPE_CHECKING:
    from ..registry.gates import Gates

ASKING = ("drift", "performance")
"""Monitors whose alarm a new model may answer; bad quality or captures have to be mended at their source."""
RUNNING = timedelta(hours=1)
"""How long a retraining that has not told its outcome counts as running; later, as killed."""


class Trigger(msgspec.Struct, frozen=True):
    """One retraining that was asked for: why, by which monitors, about which champion; `outcome` "": it runs."""

    at: datetime
    digest: str
    reason: str
    outcome: str = ""
    monitors: list[str] = []


class Decision(msgspec.Struct, frozen=True):
    """Whether to retrain now. `key` names the claimed trigger; hand its outcome in with `finish`."""

    retrain: bool
    reason: str
    key: str = ""


def decide(contract: Contract, store: Store, gates: "Gates", report: Report, now: datetime) -> Decision:
    """Claim a retraining if drift or performance asks for one and the last is long enough ago.

    Of any number of callers at once, one is told to retrain: triggers are numbered, and a number can be created once.
    After a retraining that failed, was rejected or killed, a newer report may ask again when the cool-down is over.
    """
    asking = [finding for finding in report.findings if finding.state == "alarm" and finding.monitor in ASKING]
    if not asking:
        return Decision(False, "drift and performance ask for none")
    current = deployment.read(store, contract.name)
    if current is None or current.champion.digest != report.digest:
        return Decision(False, "the report is about an earlier champion; run ml monitor")
    held = store.list(_folder(contract.name))
    if held and (because := _too_early(read(store, held[-1]), gates, report, now)):
        return Decision(False, because)
    number = int(held[-1].rpartition("/")[2].removesuffix(".json")) + 1 if held else 1
    key = f"{_folder(contract.name)}/{number:06d}.json"
    reason = "; ".join(finding.sentence for finding in asking[:3])
    asked = Trigger(now, report.digest, reason, monitors=sorted({finding.monitor for finding in asking}))
    if not store.create(key, msgspec.json.encode(asked)):
        return Decision(False, "another process was asked first")
    return Decision(True, reason, key)


def finish(store: Store, key: str, outcome: str) -> None:
    """Record what came of a claimed retraining."""
    found = read(store, key)
    if found:
        store.write(key, msgspec.json.encode(msgspec.structs.replace(found, outcome=outcome)))


def last(store: Store, model: str) -> Trigger | None:
    """The newest trigger of a model, or None."""
    return next(iter(recent(store, model, 1)), None)


def recent(store: Store, model: str, count: int) -> list[Trigger]:
    """The newest triggers of a model, newest first."""
    keys = store.list(_folder(model))[-count:]
    return [found for key in reversed(keys) if (found := read(store, key))]


def read(store: Store, key: str) -> Trigger | None:
    """A trigger by its key, or None. Raises IntegrityError when the object is not one."""
    raw = store.read(key)
    try:
        return None if raw is None else msgspec.json.decode(raw, type=Trigger)
    except msgspec.MsgspecError as error:
        raise IntegrityError(f"{store.shown(key)} is not a trigger: {error}. Delete it and run ml monitor.") from None


def _too_early(last: Trigger | None, gates: "Gates", report: Report, now: datetime) -> str:
    """Why the last trigger stands in the way; "" when it does not."""
    if last is None:
        return ""
    asked = f"{last.at:%Y-%m-%d %H:%M}"
    cool = timedelta(hours=gates.monitoring.cool_down_hours)
    if now < last.at + cool:
        killed = "" if last.outcome else "; it runs, or was killed: ml run promote does what it would have done"
        return f"the last retraining was asked for at {asked}, {_hours(cool)} must pass{killed}"
    if not last.outcome and now < last.at + RUNNING:
        return f"the retraining asked for at {asked} is still running"
    if report.at <= last.at:
        return f"the report is older than the retraining asked for at {asked}; run ml monitor"
    return ""


def _folder(model: str) -> str:
    return f"triggers/{model}"


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:g} h"
