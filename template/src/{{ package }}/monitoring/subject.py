"""The subject of the monitors: the champion, since when it answers, and what it was made and accepted on."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from .. import deployment
from ..contract import Contract
from ..schema import Schema
from ..settings import Settings
from ..store import Store
from ..training.reference import Reference

if TYPE_CHECKING:
    from ..training.answering import Kind

T = TypeVar("T")


@dataclass(frozen=True)
class Subject:
    """accepted: the champion's metrics on its own test rows; empty when its evaluation is gone.

    doubt: the standard error of those that were judged. validated: its metrics on the validation rows.
    """

    version: int
    digest: str
    since: datetime
    schema: Schema
    reference: Reference
    accepted: dict[str, float]
    doubt: dict[str, float] = field(default_factory=dict)
    validated: dict[str, float] = field(default_factory=dict)

    @property
    def kind(self) -> "Kind":
        from ..training.answering import kind_of

        return kind_of(self.schema)


def subject(contract: Contract, store: Store, settings: Settings) -> Subject | None:
    """The champion's bundle, verified; None before the first promote. Raises ProjectError when it cannot be trusted."""
    current = deployment.read(store, contract.name)
    if current is None:
        return None
    from ..registry import trust
    from ..training import bundle, evaluate

    digest = current.champion.digest
    folder = trust.fetch(store, contract.name, digest, settings.public_key, settings.home / "cache" / "bundles")
    evaluation = evaluate.load(store, digest)
    return Subject(
        version=current.champion.version,
        digest=digest,
        since=_since(store, contract.name, digest),
        schema=_decoded(folder / "schema.json", Schema),
        reference=_decoded(folder / "reference.json", Reference),
        accepted=evaluation.metrics if evaluation else {},
        doubt={evaluation.metric: evaluation.error} if evaluation else {},
        validated=_decoded(folder / bundle.MANIFEST, bundle.Manifest).metrics,
    )


def _since(store: Store, model: str, digest: str) -> datetime:
    """When this bundle last became champion: later moves may have changed its challenger only."""
    at = ""
    for entry in reversed(deployment.history(store, model)):
        if entry.champion.digest != digest:
            break
        at = entry.at
    return datetime.fromisoformat(at)


def _decoded(path: Path, kind: type[T]) -> T:
    return msgspec.json.decode(path.read_bytes(), type=kind)
