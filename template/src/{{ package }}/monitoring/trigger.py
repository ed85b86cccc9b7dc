"""The trigger: from an alarm to exactly one retraining. Who may retrain is settled by the store, not by hope."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from .. import deployment
from ..contract import Contract
from ..store import Store
from .monitor import Report

if TYPE_CHECKING:
    from ..registry.gates import Gates


class Trigger(msgspec.Struct, frozen=True):
    """One retraining that was asked for: why, about which champion, and what came of it ("" while it runs)."""

    at: datetime
    digest: str
    reason: str
    outcome: str = ""


class Decision(msgspec.Struct, frozen=True):
    """Whether to retrain now. `key` names the claimed trigger; hand its outcome in with `finish`."""

    retrain: bool
    reason: str
    key: str = ""


def decide(contract: Contract, store: Store, gates: "Gates", report: Report, now: datetime) -> Decision:
    """Claim a retraining if drift or performance asks for one and the last is long enough ago.

    Of any number of callers at once, one is told to retrain. A failed or rejected retraining may be tried again after
    the cool-down.
    """
    asking = [f for f in report.findings if f.state == "alarm" and f.monitor in ("drift", "performance")]
    if not asking:
        return Decision(False, "drift and performance ask for none")
    current = deployment.read(store, contract.name)
    if current is None or current.champion.digest != report.digest:
        return Decision(False, "the report is about an earlier champion; run ml monitor")
    held = store.list(f"triggers/{contract.name}")
    last = read(store, held[-1]) if held else None
    cool = timedelta(hours=gates.monitoring.cool_down_hours)
    if last and now < last.at + cool:
        return Decision(
            False, f"the last retraining was asked for at {last.at:%Y-%m-%d %H:%M}, {_hours(cool)} must pass"
        )
    reason = "; ".join(finding.sentence for finding in asking[:3])
    key = f"triggers/{contract.name}/{len(held) + 1:06d}.json"
    if not store.create(key, msgspec.json.encode(Trigger(now, report.digest, reason))):
        return Decision(False, "another process was asked first")
    return Decision(True, reason, key)


def finish(store: Store, key: str, outcome: str) -> None:
    """Record what came of a claimed retraining."""
    found = read(store, key)
    if found:
        store.write(key, msgspec.json.encode(msgspec.structs.replace(found, outcome=outcome)))


def last(store: Store, model: str) -> Trigger | None:
    """The newest trigger of a model, or None."""
    held = store.list(f"triggers/{model}")
    return read(store, held[-1]) if held else None


def read(store: Store, key: str) -> Trigger | None:
    raw = store.read(key)
    return None if raw is None else msgspec.json.decode(raw, type=Trigger)


def _hours(time: timedelta) -> str:
    return f"{time.total_seconds() / 3600:g} h"
