"""Model versions and aliases in MLflow's registry, which people browse. What serves is said by the pointer."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from .. import deployment
from ..contract import Contract
from ..errors import IntegrityError, ProjectError
from ..settings import Settings
from ..store import Store
from ..training import bundle
from ..training.bundle import Manifest
from ..training.tracking import client, run
from .gate import Verdict

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion

Alias = Literal["candidate", "champion", "challenger", "previous"]
NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow calls an unknown run or version, and an unknown alias."""
ALIASES: tuple[Alias, ...] = ("candidate", "champion", "challenger", "previous")
LISTED = 20
"""Of so many versions a sentence tells the numbers, the newest ones."""


class ModelVersion(msgspec.Struct, frozen=True):
    """A registered version: its bundle, where that came from, what the gate said. `data`: version by table."""

    version: int
    digest: str
    run_id: str
    verdict: Verdict
    data: dict[str, int]
    git_commit: str
    code: str
    lock: str
    seed: int
    at: str
    aliases: list[str]


def describe(contract: Contract, settings: Settings, what: int | str) -> ModelVersion:
    """A version by number or alias. Raises ProjectError when there is none."""
    with client(settings) as mlflow:
        found = _lookup(mlflow, contract.name, what)
        if found is None or "verdict" not in found.tags:
            held = sorted(int(each.version) for each in mlflow.search_model_versions(f"name = '{contract.name}'"))
            newest = ", ".join(map(str, held[-LISTED:])) or "none"
            raise ProjectError(f"'{contract.name}' has no model version '{what}' in the registry; it has {newest}.")
    return _version(found)


def pointed_at(contract: Contract, store: Store, alias: str) -> int | str:
    """The version an alias means, by the pointer: a killed promote may not have told MLflow. It has no candidate."""
    if alias == "candidate":
        return alias
    now = deployment.read(store, contract.name)
    target = getattr(now, alias) if now else None
    if target is None:
        raise ProjectError(f"'{contract.name}' has no {alias}; see ml status.")
    return int(target.version)


def version_of(contract: Contract, settings: Settings, digest: str) -> int | None:
    """The version that holds a bundle, or None."""
    with client(settings) as mlflow:
        return _version_of(mlflow, contract.name, digest)


def add(contract: Contract, settings: Settings, folder: Path, verdict: Verdict) -> int:
    """Register a bundle, or update the verdict on the version that already holds it; it becomes the candidate."""
    manifest = bundle.read(folder)
    with client(settings) as mlflow:
        _ensure_model(mlflow, contract)
        version = _version_of(mlflow, contract.name, manifest.digest)
        if version is None:
            run_id = _run_of(mlflow, contract, settings, manifest)
            version = _create(mlflow, contract.name, folder, run_id, _tags(manifest, verdict))
        mlflow.set_model_version_tag(contract.name, str(version), "verdict", _text(verdict))
        mlflow.set_registered_model_alias(contract.name, "candidate", str(version))
    return version


def aliases(contract: Contract, settings: Settings) -> dict[str, int]:
    """Which version each alias names."""
    with client(settings) as mlflow:
        return {alias: int(version) for alias, version in mlflow.get_registered_model(contract.name).aliases.items()}


def set_aliases(contract: Contract, settings: Settings, wanted: Mapping[Alias, int | None]) -> None:
    """Point aliases at versions; None takes one away."""
    held = aliases(contract, settings)
    with client(settings) as mlflow:
        for alias, version in wanted.items():
            if version is not None and held.get(alias) != version:
                mlflow.set_registered_model_alias(contract.name, alias, str(version))
            elif version is None and alias in held:
                mlflow.delete_registered_model_alias(contract.name, alias)


def _lookup(client: "MlflowClient", model: str, what: int | str) -> "MlflowVersion | None":
    from mlflow.exceptions import MlflowException

    try:
        if what in ALIASES:
            return client.get_model_version_by_alias(model, str(what))
        return client.get_model_version(model, str(what))
    except MlflowException as error:
        if error.error_code not in NOT_THERE:
            raise
        return None


def _version_of(client: "MlflowClient", model: str, digest: str) -> int | None:
    found = client.search_model_versions(f"name = '{model}' and tags.digest = '{digest}'")
    return min((int(version.version) for version in found), default=None)


def _ensure_model(client: "MlflowClient", contract: Contract) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(contract.name, description=f"{contract.task} of '{contract.target}'")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _run_of(client: "MlflowClient", contract: Contract, settings: Settings, manifest: Manifest) -> str:
    """The run that trained a bundle; one that stands for it when it was trained against another tracking server."""
    from mlflow.exceptions import MlflowException

    try:
        return str(client.get_run(manifest.record.run_id).info.run_id)
    except MlflowException as error:
        if error.error_code not in NOT_THERE:
            raise
    with run(settings, contract.name) as stand_in:
        tags = {"digest": manifest.digest, "trained_by_run": manifest.record.run_id}
        stand_in.log({"seed": manifest.seed}, manifest.metrics, tags)
    return stand_in.id


def _tags(manifest: Manifest, verdict: Verdict) -> dict[str, str]:
    return {
        "digest": manifest.digest,
        "verdict": _text(verdict),
        "data": _text(manifest.data),
        "git_commit": manifest.record.git_commit,
        "code": manifest.code,
        "lock": manifest.lock,
        "seed": str(manifest.seed),
    }


def _create(client: "MlflowClient", model: str, folder: Path, run_id: str, tags: dict[str, str]) -> int:
    client.log_artifacts(run_id, str(folder), "bundle")
    # Inside the run's artifacts, or an MLflow server refuses it as a path of its own disk.
    source = f"{client.get_run(run_id).info.artifact_uri}/bundle"
    created = client.create_model_version(model, source, run_id, tags=tags, await_creation_for=0)
    first = _version_of(client, model, tags["digest"]) or int(created.version)
    if first != int(created.version):
        # Two registered it at once: the smaller number stays.
        client.delete_model_version(model, str(created.version))
    return first


def _version(found: "MlflowVersion") -> ModelVersion:
    try:
        return _from_tags(found, found.tags)
    except (KeyError, ValueError, msgspec.MsgspecError) as error:
        raise IntegrityError(
            f"The tags of version {found.version} of '{found.name}' in the registry are damaged ({error}); "
            "train and register again."
        ) from None


def _from_tags(found: "MlflowVersion", tags: dict[str, str]) -> ModelVersion:
    return ModelVersion(
        version=int(found.version),
        digest=tags["digest"],
        run_id=found.run_id or "",
        verdict=msgspec.json.decode(tags["verdict"], type=Verdict),
        data=msgspec.json.decode(tags["data"], type=dict[str, int]),
        git_commit=tags["git_commit"],
        code=tags["code"],
        lock=tags["lock"],
        seed=int(tags["seed"]),
        at=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC).isoformat(),
        aliases=sorted(found.aliases),
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
