"""Moves of the pointer: promote a version, put one beside the champion, roll back. All is checked before it moves."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from .. import deployment
from ..contract import Contract
from ..deployment import Challenger, Deployment, Target
from ..errors import IntegrityError, ProjectError, Refused, StoreError
from ..settings import Settings
from ..store import Store
from . import card, catalog, trust
from .catalog import ModelVersion


def promote(
    contract: Contract,
    store: Store,
    settings: Settings,
    version: int | None = None,
    *,
    by: str,
    reason: str,
    override: bool = False,
    challenger: str | float | None = None,
) -> Deployment:
    """Make a version (None: the newest candidate) the champion; `challenger` ('shadow' or a share) only puts it beside.

    Raises IntegrityError when the bundle cannot be trusted, Refused when the gate rejected it, or accepted it against
    another champion, and nobody overrides with a reason, ConflictError when somebody else moved the pointer meanwhile.
    After a kill, the next run finishes it.
    """
    # Read before the slow checks: who decided on an older state than there is when the pointer moves is told so.
    now = deployment.read(store, contract.name)
    chosen = _allowed(contract, store, settings, version, reason, override)
    target = Target(chosen.version, chosen.digest)
    changes: dict[str, Any] = {"reason": reason or chosen.verdict.text(), "override": not chosen.verdict.accepted}
    if challenger is not None:
        changes |= {"action": "challenge", "challenger": _beside(now, target, challenger)}
        return _move(contract, store, settings, now, by=by, **changes)
    if now and now.champion == target:
        return _finished(contract, store, settings, target)
    if now and _is_outdated(store, chosen, now):
        if not override:
            raise Refused(
                f"Version {target.version} was judged against another champion than today's, version "
                f"{now.champion.version}. "
                "What was trained last, ml promote without a version judges again; else give --override and --reason."
            )
        changes["override"] = True
    beside = now.challenger if now and now.challenger and now.challenger.digest != target.digest else None
    changes |= {"champion": target, "previous": now.champion if now else None, "challenger": beside}
    return _move(contract, store, settings, now, by=by, action="promote", **changes)


def rollback(contract: Contract, store: Store, settings: Settings, *, by: str, reason: str) -> Deployment:
    """Swap champion and previous, so that a second rollback undoes the first; after a kill, the next run finishes it.

    Raises Refused when there is no previous version, IntegrityError when its bundle cannot be trusted any more.
    """
    now = deployment.read(store, contract.name)
    if now is None or now.previous is None:
        raise Refused(f"There is no previous version of '{contract.name}' to roll back to.")
    if now.action == "roll back" and not _is_mirrored(contract, settings, now):
        # The rollback before this one was killed half-way; another swap would undo it.
        return _finished(contract, store, settings, now.champion)
    trust.look(store, contract.name, now.previous.digest, settings.public_key)
    beside = now.challenger if now.challenger and now.challenger.digest != now.previous.digest else None
    changes = {"champion": now.previous, "previous": now.champion, "challenger": beside, "override": False}
    return _move(contract, store, settings, now, by=by, reason=reason, action="roll back", **changes)


def retire(contract: Contract, store: Store, settings: Settings, *, by: str, reason: str) -> Deployment:
    """Take the challenger away. Raises Refused when there is none."""
    now = deployment.read(store, contract.name)
    if now is None or now.challenger is None:
        raise Refused(f"There is no challenger of '{contract.name}' to retire.")
    return _move(
        contract,
        store,
        settings,
        now,
        by=by,
        reason=reason,
        action="retire challenger",
        challenger=None,
        override=False,
    )


def _finished(contract: Contract, store: Store, settings: Settings, champion: Target) -> Deployment:
    """Mirror a pointer that names this champion already. Raises ConflictError when it has moved since it was read."""
    found = mirror(contract, store, settings)
    if found.champion != champion:
        raise deployment.overtaken(contract.name, found)
    return found


def mirror(contract: Contract, store: Store, settings: Settings) -> Deployment:
    """Make aliases and model card say what the pointer says, and return it. Raises Refused before the first promote."""
    now = deployment.read(store, contract.name)
    while now is not None:
        catalog.set_aliases(contract, settings, _aliases(now))
        # Moved meanwhile: whoever did may have written its aliases before ours.
        before, now = now, deployment.read(store, contract.name)
        if now == before:
            card.card(contract, store, settings, now.champion.version)
            return now
    raise Refused(f"'{contract.name}' has no champion yet; promote a version first.")


def _aliases(now: Deployment) -> dict[catalog.Alias, int | None]:
    return {
        "champion": now.champion.version,
        "previous": now.previous.version if now.previous else None,
        "challenger": now.challenger.version if now.challenger else None,
    }


def _is_mirrored(contract: Contract, settings: Settings, now: Deployment) -> bool:
    try:
        held = catalog.aliases(contract, settings)
    except StoreError:
        # Rolling back is for emergencies: it does not wait for the registry.
        return True
    return all(held.get(alias) == version for alias, version in _aliases(now).items())


def _allowed(
    contract: Contract, store: Store, settings: Settings, version: int | None, reason: str, override: bool
) -> ModelVersion:
    """The version, once its bundle is trusted and the gate, or a person with a reason, lets it pass."""
    if override and not reason.strip():
        raise ProjectError("--override needs --reason: it is recorded with the deployment.")
    chosen = catalog.describe(contract, settings, "candidate" if version is None else version)
    trust.look(store, contract.name, chosen.digest, settings.public_key)
    if not chosen.verdict.accepted and not override:
        raise Refused(
            f"Version {chosen.version} was {chosen.verdict.text()} All checks: ml card {chosen.version}; "
            "--override with --reason promotes it on record."
        )
    return chosen


def _is_outdated(store: Store, chosen: ModelVersion, now: Deployment) -> bool:
    """Whether another champion has come since the version was held against one. A former champion may come back."""
    against = chosen.verdict.against if chosen.verdict.enforced else None
    if not against or against == now.champion.digest:
        return False
    return all(entry.champion.digest != chosen.digest for entry in deployment.history(store, now.model))


def _beside(now: Deployment | None, target: Target, traffic: str | float) -> Challenger:
    share = _share(traffic)
    if now is None:
        raise Refused("There is no champion yet to put a challenger beside; promote a version first.")
    if now.champion.digest == target.digest:
        raise Refused(f"Version {target.version} is the champion already; it cannot challenge itself.")
    if share is None:
        return Challenger(target.version, target.digest)
    return Challenger(target.version, target.digest, "share", share)


def _share(traffic: str | float) -> float | None:
    """The share of the traffic; None for a shadow."""
    if traffic == "shadow":
        return None
    try:
        share = float(traffic)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise ProjectError(
            f"challenger '{traffic}' must be `shadow` or a share of the traffic between 0 and 1, like 0.1."
        )
    return share


def _move(contract: Contract, store: Store, settings: Settings, now: Deployment | None, **changes: Any) -> Deployment:
    changes["at"] = datetime.now(UTC).isoformat()
    # One line each: what is told about a move must not look like another move.
    changes |= {key: " ".join(changes[key].split()) for key in ("by", "reason")}
    if now is None:
        new = Deployment(
            model=contract.name, generation=deployment.latest_generation(store, contract.name) + 1, **changes
        )
    else:
        new = msgspec.structs.replace(now, generation=now.generation + 1, **changes)
    deployment.move(store, now, new)
    try:
        return mirror(contract, store, settings)
    except (StoreError, IntegrityError) as error:
        raise StoreError(
            f"Version {new.champion.version} is champion now, but the registry could not follow: {error} "
            f"Then finish with: ml promote {new.champion.version}."
        ) from None
