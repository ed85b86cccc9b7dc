"""Whom the monitors look at: the champion and what stands beside it, since when, and what they were made on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from .. import deployment
from ..contract import Contract
from ..deployment import Challenger, Deployment, Target
from ..schema import Schema
from ..settings import Settings
from ..store import Store
from ..training.reference import Reference

if TYPE_CHECKING:
    from ..training.answering import Kind

T = TypeVar("T")
Role = Literal["champion", "challenger", "shadow"]


@dataclass(frozen=True)
class Subject:
    """accepted: its metrics on its own test rows; empty when its evaluation is gone.

    doubt: the standard error of those that were judged. validated: its metrics on the validation rows. role: as it is
    captured with its answers.
    """

    version: int
    digest: str
    since: datetime
    schema: Schema
    reference: Reference
    accepted: dict[str, float]
    doubt: dict[str, float] = field(default_factory=dict)
    validated: dict[str, float] = field(default_factory=dict)
    role: Role = "champion"

    @property
    def kind(self) -> "Kind":
        from ..training.answering import kind_of

        return kind_of(self.schema)


def subject(contract: Contract, store: Store, settings: Settings) -> Subject | None:
    """The champion's bundle, verified; None before the first promote. Raises ProjectError when it cannot be trusted."""
    now = deployment.read(store, contract.name)
    if now is None:
        return None
    since = _since(store, contract.name, lambda move: move.champion.digest == now.champion.digest)
    return _made(contract, store, settings, now.champion, since, "champion")


def beside(contract: Contract, store: Store, settings: Settings) -> Subject | None:
    """The challenger's bundle, as `subject` gives the champion's; None when there is none."""
    now = deployment.read(store, contract.name)
    if now is None or now.challenger is None:
        return None
    found = now.challenger
    since = _since(store, contract.name, lambda move: bool(move.challenger and move.challenger.digest == found.digest))
    role: Role = "shadow" if found.mode == "shadow" else "challenger"
    return _made(contract, store, settings, found, since, role)


def _made(
    contract: Contract,
    store: Store,
    settings: Settings,
    target: Target | Challenger,
    since: datetime,
    role: Role,
) -> Subject:
    from ..registry import trust
    from ..training import bundle, evaluate

    digest = target.digest
    folder = trust.fetch(store, contract.name, digest, settings.public_key, settings.home / "cache" / "bundles")
    evaluation = evaluate.load(store, digest)
    return Subject(
        version=target.version,
        digest=digest,
        since=since,
        schema=_decoded(folder / "schema.json", Schema),
        reference=_decoded(folder / "reference.json", Reference),
        accepted=evaluation.metrics if evaluation else {},
        doubt={evaluation.metric: evaluation.error} if evaluation else {},
        validated=_decoded(folder / bundle.MANIFEST, bundle.Manifest).metrics,
        role=role,
    )


def _since(store: Store, model: str, holds: Callable[[Deployment], bool]) -> datetime:
    """The first of the newest moves that all left it where it is: later ones changed something else."""
    at = ""
    for move in reversed(deployment.history(store, model)):
        if not holds(move):
            break
        at = move.at
    return datetime.fromisoformat(at)


def _decoded(path: Path, kind: type[T]) -> T:
    return msgspec.json.decode(path.read_bytes(), type=kind)
