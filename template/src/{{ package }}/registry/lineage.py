"""Lineage: from a prediction to the version that made it, its run, data, code, verdict and approvals."""

from datetime import datetime

import msgspec

from .. import deployment, tables
from ..contract import Contract
from ..deployment import Deployment
from ..errors import IntegrityError, ProjectError, StoreError
from ..settings import Settings
from ..store import Store
from . import catalog, trust
from .card import approvals
from .catalog import ALIASES, ModelVersion


class Prediction(msgspec.Struct, frozen=True):
    """One captured answer, as the table `predictions` holds it."""

    id: str
    request_id: str
    at: datetime
    version: int
    digest: str
    role: str
    inputs: str
    prediction: list[float]


class Lineage(msgspec.Struct, frozen=True):
    """The chain, in the order it is told. `predictions` is empty when a version was asked for.

    `broken`: what does not hold together, one sentence each.
    """

    model: str
    predictions: list[Prediction]
    version: ModelVersion
    approvals: list[Deployment]
    broken: list[str] = []

    def text(self) -> str:
        """Many lines for the terminal, one station each."""
        version = self.version
        lines = [
            *(f"prediction   {_answer(found)}" for found in self.predictions[:10]),
            *([f"             and {len(self.predictions) - 10} more"] if len(self.predictions) > 10 else []),
            *(
                f"             of version {other}: ml lineage {other}"
                for other in sorted({found.version for found in self.predictions} - {version.version})
            ),
            f"version      {version.version} of {self.model}"
            + (f" ({', '.join(version.aliases)})" if version.aliases else ""),
            f"bundle       {version.digest}",
            f"run          {version.run_id}",
            *(f"data         {table} version {number}" for table, number in version.data.items()),
            f"code         commit {version.git_commit or 'unknown'}, fingerprint {version.code}",
            f"lock, seed   {version.lock}, {version.seed}",
            f"gate         {version.verdict.text()}",
            *(f"approved     {_approval(move)}" for move in self.approvals),
            *(f"broken       {sentence}" for sentence in self.broken),
        ]
        return "\n".join(lines)


def lineage(contract: Contract, store: Store, settings: Settings, what: int | str) -> Lineage:
    """Trace a version number, an alias, a prediction id or a request id. Raises ProjectError when it is none."""
    found: list[Prediction] = []
    if str(what).isdecimal():
        version = catalog.describe(contract, settings, int(what))
    elif what in ALIASES:
        version = catalog.describe(contract, settings, catalog.pointed_at(contract, store, str(what)))
    else:
        found = _predictions(store, str(what))
        version = catalog.describe(contract, settings, found[0].version)
    broken = [*_strangers(found, version), *_contradictions(store, settings, contract.name, version)]
    moves = deployment.history(store, contract.name)
    if lost := sorted({*range(1, len(moves) + 1)} - {move.generation for move in moves}):
        broken.append(f"The history of deployments lacks move {lost[0]}; who approved then is not known.")
    return Lineage(contract.name, found, version, approvals(store, contract.name, version.digest), broken)


def _strangers(predictions: list[Prediction], version: ModelVersion) -> list[str]:
    """Predictions that another bundle made than the version holds: the registry is not the one it was."""
    return [
        f"Prediction {each.id} was made by bundle {each.digest[:12]}, which is not version {each.version} any more."
        for each in predictions
        if each.version == version.version and each.digest != version.digest
    ]


def _contradictions(store: Store, settings: Settings, model: str, version: ModelVersion) -> list[str]:
    """Where the registry says other than the bundle, whose signature holds."""
    try:
        manifest = trust.look(store, model, version.digest, settings.public_key)
    except (IntegrityError, StoreError) as error:
        return [str(error)]
    signed = {
        "data": manifest.data,
        "git_commit": manifest.record.git_commit,
        "code": manifest.code,
        "lock": manifest.lock,
        "seed": manifest.seed,
    }
    return [
        f"The registry says {name} {getattr(version, name)}, but the signed bundle {value}."
        for name, value in signed.items()
        if getattr(version, name) != value
    ]


def _predictions(store: Store, what: str) -> list[Prediction]:
    """The prediction with this id, or all answers to the request with this id; a shadow's come last."""
    column = "id" if "/" in what else "request_id"
    rows = tables.find(store, "predictions", column, what)
    if not rows:
        raise ProjectError(
            f"'{what}' is not a model version, an alias ({', '.join(ALIASES)}), or the id of a captured prediction or "
            "request; what was served in the last seconds may still be on its way."
        )
    return sorted(msgspec.convert(rows, list[Prediction]), key=lambda found: (found.role == "shadow", found.id))


def _answer(found: Prediction) -> str:
    return f"{found.id} = {found.prediction} at {found.at.isoformat()} by version {found.version} as {found.role}"


def _approval(move: Deployment) -> str:
    override = ", overriding the gate" if move.override else ""
    return f"{move.action} by {move.by} at {move.at}{override}: {move.reason}"
