"""The model card of a version, as Markdown, from what the registry knows (Mitchell et al., 2019, Model Cards)."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np

from .. import deployment
from ..contract import Contract
from ..deployment import Deployment
from ..errors import StoreError
from ..schema import Field, Schema
from ..settings import Settings
from ..store import Store
from ..training import bundle, evaluate
from ..training.bundle import Manifest
from ..training.evaluate import Evaluation
from ..training.metrics import Integers
from . import catalog
from .catalog import ModelVersion

T = TypeVar("T")


def card(contract: Contract, store: Store, settings: Settings, what: int | str) -> str:
    """The card of a version (number or alias); also written to the store as cards/<model>/<version>.md."""
    pointed = catalog.pointed_at(contract, store, what) if what in catalog.ALIASES else what
    version = catalog.describe(contract, settings, pointed)
    manifest = _part(store, contract.name, version.digest, bundle.MANIFEST, Manifest)
    schema = _part(store, contract.name, version.digest, "schema.json", Schema)
    evaluation = evaluate.load(store, version.digest)
    parts = [
        _purpose(contract, schema, version, manifest),
        _data(contract, version, manifest),
        _metrics(evaluation) if evaluation else "## Metrics\n\nNot evaluated.",
        _classes(evaluation) if evaluation and evaluation.classes else "",
        _slices(evaluation) if evaluation and evaluation.slices else "",
        _limits(contract, schema),
        _gate(version),
        _approvals(approvals(store, contract.name, version.digest)),
    ]
    text = "\n\n".join(part for part in parts if part) + "\n"
    store.write(f"cards/{contract.name}/{version.version}.md", text.encode())
    return text


def _part(store: Store, model: str, digest: str, name: str, kind: type[T]) -> T:
    place = f"{bundle.prefix(model, digest)}/{name}"
    part = store.load(place, kind, "Do not use the bundle; train and register again.")
    if part is None:
        raise StoreError(f"{store.shown(place)} is missing; was the bundle deleted? Train and register again.")
    return part


def approvals(store: Store, model: str, digest: str) -> list[Deployment]:
    """The moves of the pointer that brought a bundle into service, oldest first."""
    return [move for move in deployment.history(store, model) if _brought(move) == digest]


def _brought(move: Deployment) -> str | None:
    if move.action == "retire challenger":
        return None
    beside = move.challenger.digest if move.challenger else None
    return beside if move.action == "challenge" else move.champion.digest


def _purpose(contract: Contract, schema: Schema, version: ModelVersion, manifest: Manifest) -> str:
    # Of the bundle, not of the contract: that may be another by now.
    kind = f"{schema.task}; the probability of `{schema.classes[1]}`" if len(schema.classes) == 2 else schema.task
    return (
        f"# {contract.name}, version {version.version}\n\n"
        f"Predicts `{schema.target}` ({kind}) for one row of `{contract.examples_name}`. "
        f"Registered {version.at}.\n\n"
        + _table(
            ["part", "value"],
            [
                ["bundle", version.digest],
                ["estimator", manifest.estimator],
                ["served by", f"{manifest.engine}: {manifest.engine_reason}"],
                ["run", version.run_id],
                ["code", f"{version.git_commit or 'no commit'}, fingerprint {version.code[:12]}"],
                ["lock, seed", f"{version.lock[:12]}, {version.seed}"],
            ],
        )
    )


def _data(contract: Contract, version: ModelVersion, manifest: Manifest) -> str:
    rows = ", ".join(f"{count} {part}" for part, count in manifest.rows.items())
    until = f" Trained on rows until {manifest.train_end}." if manifest.train_end else ""
    lines = [f"- `{table}` version {number}" for table, number in version.data.items()]
    return f"## Data\n\nRows: {rows}.{until}\n\n" + "\n".join(lines)


def _metrics(found: Evaluation) -> str:
    rows = [
        [f"**{name}**" if name == found.metric else name, _number(value), _number(found.baseline.get(name))]
        for name, value in found.metrics.items()
    ]
    text = f"## Metrics\n\nOn {found.rows} test rows; the bold one decides.\n\n"
    return text + _table(["metric", "model", "baseline"], rows)


def _classes(found: Evaluation) -> str:
    counts = np.array(found.confusion)
    wrong = counts - np.diag(np.diag(counts))
    rows = [
        [name, str(held), _share(right, held), _share(right, answered), _mistaken(found.classes, missed)]
        for name, held, answered, right, missed in zip(
            found.classes, counts.sum(axis=1), counts.sum(axis=0), np.diag(counts), wrong, strict=True
        )
    ]
    return "## Classes\n\n" + _table(["class", "rows", "recall", "precision", "most often taken for"], rows)


def _share(part: int, whole: int) -> str:
    return _number(part / whole) if whole else ""


def _mistaken(classes: list[str], missed: Integers) -> str:
    return f"{classes[missed.argmax()]} ({missed.max()})" if missed.any() else ""


def _slices(found: Evaluation) -> str:
    rows = [[part.column, part.value, str(part.rows), _number(part.metrics.get(found.metric))] for part in found.slices]
    return "## Slices\n\n" + _table(["column", "value", "rows", found.metric], rows)


def _limits(contract: Contract, schema: Schema) -> str:
    ranges = [f"- `{field.name}`: {_range(field)}" for field in schema.fields if _range(field)]
    reasons = {name: column.ignore for name, column in contract.fields.items() if column.ignore}
    hidden = [f"- `{f.name}` is not seen: {reasons[f.name]}" for f in schema.fields if f.name in reasons]
    lines = [*ranges, *hidden] or ["- The contract declared no ranges."]
    return "## Limits\n\nRequests outside of these ranges are refused.\n\n" + "\n".join(lines)


def _range(column: Field) -> str:
    if column.values is not None:
        return "one of " + ", ".join(column.values)
    low = f"from {column.min:.12g} " if column.min is not None else ""
    high = f"up to {column.max:.12g}" if column.max is not None else ""
    return (low + high).strip()


def _gate(version: ModelVersion) -> str:
    word = "Accepted" if version.verdict.accepted else "Rejected"
    loose = "" if version.verdict.enforced else " The gate was not enforced."
    marks = [f"- {'passed' if check.passed else 'FAILED'}: {check.sentence}" for check in version.verdict.checks]
    return f"## Gate\n\n{word}.{loose}\n\n" + "\n".join(marks)


def _approvals(moves: list[Deployment]) -> str:
    if not moves:
        return "## Approvals\n\nNobody has put this version into service yet."
    rows = [[m.at, m.action + (" (override)" if m.override else ""), m.by, m.reason] for m in moves]
    return "## Approvals\n\n" + _table(["at", "what", "who", "why"], rows)


def _table(heads: list[str], rows: Iterable[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in line) + " |" for line in lines)


def _cell(value: str) -> str:
    return " ".join(value.split()).replace("|", "\\|")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
