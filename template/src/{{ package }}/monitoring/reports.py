"""What the monitors found, kept in the store: one object per run, and the newest under a name of its own."""

from datetime import datetime

import msgspec

from ..contract import Contract
from ..errors import IntegrityError
from ..store import Store
from .findings import Finding

JUDGING = ("quality", "drift", "performance")


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What the monitors found at a time, about one champion; version None: there was none, or it could not be read.

    rows: newest predictions looked at, since it was deployed. metrics: of its `labelled` predictions, beside those it
    was `accepted` with on test rows; `metric` is the deciding one.
    """

    model: str
    at: datetime
    alarm: bool
    version: int | None = None
    digest: str = ""
    since: datetime | None = None
    rows: int = 0
    labelled: int = 0
    findings: list[Finding]
    metric: str = ""
    metrics: dict[str, float] = {}
    accepted: dict[str, float] = {}

    @property
    def is_judged(self) -> bool:
        """Whether any monitor had enough rows: that nothing is loud means little otherwise."""
        return any(finding.monitor in JUDGING and finding.state != "few" for finding in self.findings)

    def text(self) -> str:
        """One line for the terminal."""
        loud = [finding.sentence for finding in self.findings if finding.is_loud]
        silence = "nothing needs attention" if self.is_judged else "nothing to judge yet"
        seen = f"{self.rows:,} predictions of version {self.version}, {self.labelled:,} labelled"
        if self.version is None:
            seen = "no champion to look at"
        rest = f"; and {len(loud) - 3} more" if len(loud) > 3 else ""
        return f"{seen}: {'; '.join(loud[:3]) + rest if loud else silence}"


def save(store: Store, report: Report) -> None:
    raw = msgspec.json.format(msgspec.json.encode(report), indent=2)
    store.write(f"{_folder(report.model)}/{report.at:%Y-%m-%dT%H-%M-%S-%f}.json", raw)
    store.write(_latest(report.model), raw)


def latest(contract: Contract, store: Store) -> Report | None:
    """The newest report, or None. Raises IntegrityError when it cannot be read."""
    return _read(store, _latest(contract.name))


def recent(contract: Contract, store: Store, count: int) -> list[Report]:
    """The newest reports, oldest first."""
    keys = [key for key in store.list(_folder(contract.name)) if key != _latest(contract.name)]
    return [report for key in keys[-count:] if (report := _read(store, key))]


def _read(store: Store, key: str) -> Report | None:
    raw = store.read(key)
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw, type=Report)
    except msgspec.MsgspecError as error:
        raise IntegrityError(
            f"{store.shown(key)} is not a monitoring report: {error}. Delete it and run ml monitor."
        ) from None


def _folder(model: str) -> str:
    return f"monitoring/{model}"


def _latest(model: str) -> str:
    return f"{_folder(model)}/latest.json"
