"""The train step: fit on the training part, measure on the validation part, and publish the bundle."""

import platform
import re
import tempfile
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..contract import Contract
from ..errors import ContractError, ProjectError
from ..features.offline import TrainingSet, stored
from ..schema import Schema
from ..settings import Settings
from ..store import Store
from . import bundle, equivalence, fingerprint, persistence, tracking
from .bundle import Manifest, Record
from .engine import Engine, Floats, OnnxEngine, SklearnEngine, frame
from .examples import Examples, examples
from .fit import fit
from .metrics import answered, baseline, deciding, metrics
from .recipe import RECIPE, blamed
from .reference import reference
from .split import Split, split

SLICES = 20
"""Values of a slice column that are measured, the commonest first."""


class Trained(msgspec.Struct, frozen=True):
    """The published bundle and its run. Metrics are of the validation rows; slices: metrics by "column=value".

    said: what scikit-learn warned of while it fitted.
    """

    digest: str
    run_id: str
    engine: str
    engine_reason: str
    rows: dict[str, int]
    metrics: dict[str, float]
    baseline: dict[str, float]
    slices: dict[str, dict[str, float]]
    params: dict[str, Any]
    said: list[str]

    def text(self) -> str:
        main = deciding(self.metrics)
        told = f"{main} {self.metrics[main]:.4g} (baseline {self.baseline[main]:.4g}) on " if main else ""
        engine = "ONNX" if self.engine == "onnx" else self.engine_reason
        rows = f"{self.rows['validation']:,} validation rows, {self.rows['train']:,} to learn from"
        tuned = ["tuned parameters win over those in model.py (ml tune --reset forgets them)"] if self.params else []
        return "; ".join([f"{told}{rows}", engine, f"bundle {self.digest[:12]}", *tuned, *self.said])


@dataclass(frozen=True)
class Made:
    """A bundle's content, before it is written: its files, its manifest without run, and the measurements."""

    files: dict[str, bytes]
    manifest: Manifest
    baseline: dict[str, float]
    slices: dict[str, dict[str, float]]
    said: list[str]


def train(
    contract: Contract,
    store: Store,
    settings: Settings,
    *,
    params: dict[str, Any] | None = None,
    shuffle_labels: bool = False,
) -> Trained:
    """Train on the stored training set, record an MLflow run and publish the bundle.

    params: for model.py; the tuned ones, if there are any, when None. Nothing is visible in the store before all of it
    is. The same data, code, lock and seed make the same bundle, which is then left as it is.
    """
    from .tune import tuned

    # Before the fit, which may take hours.
    tracking.reach(settings)
    chosen = tuned(store, contract.name) if params is None else params
    made = make(contract, stored(store), settings, chosen, shuffle_labels)
    with tracking.run(settings, contract.name) as run:
        manifest = publish(made, store, run.id)
        _track(run, made, manifest, chosen, shuffle_labels)
    return Trained(
        digest=manifest.digest,
        run_id=run.id,
        engine=manifest.engine,
        engine_reason=manifest.engine_reason,
        rows=manifest.rows,
        metrics=manifest.metrics,
        baseline=made.baseline,
        slices=made.slices,
        params=chosen,
        said=made.said,
    )


def make(
    contract: Contract, data: TrainingSet, settings: Settings, params: dict[str, Any], shuffle_labels: bool = False
) -> Made:
    """Fit and measure, and lay out the bundle; nothing is written. Raises ContractError or ProjectError."""
    schema, parts, every = data.schema, split(data.table), examples(data.table, data.schema)
    if not len(parts.train):
        raise ContractError("The training set has no row to learn from; add rows and run ml run features.")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        model = fit(schema, every.at(parts.train), settings.seed, params, shuffle_labels)
        said = list(dict.fromkeys(str(warning.message).partition("\n")[0] for warning in caught))
        # From here on unknown values are shown to it on purpose, and encoders warn of each.
        warnings.simplefilter("ignore")
        files, engine, reason = _stored(model, schema, every, parts)
        predictions = engine.predict(every.numeric, every.categorical)
    held_out = np.concatenate([parts.validation, parts.test])
    times = data.table["_time"].to_numpy() if "_time" in data.table.column_names else None
    histograms = reference(schema, every.numeric, every.categorical, predictions, held_out, times)
    validation, answers = every.at(parts.validation), predictions[parts.validation]
    constant = baseline(schema.task, schema.classes, every.target[parts.train], len(validation))
    measured = metrics(schema.task, schema.classes, validation.target, answers)
    said += _decided_otherwise(model, schema, validation, answers)
    return Made(
        files | {"schema.json": msgspec.json.encode(schema), "reference.json": msgspec.json.encode(histograms)},
        _manifest(contract, data, settings, parts, repr(model), engine.name, reason, measured),
        metrics(schema.task, schema.classes, validation.target, constant),
        by_slice(schema, validation, answers),
        said,
    )


def publish(made: Made, store: Store, run_id: str) -> Manifest:
    """Write the bundle and copy it into the store."""
    record = msgspec.structs.replace(made.manifest.record, run_id=run_id, created_at=datetime.now(UTC).isoformat())
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "bundle"
        bundle.write(folder, msgspec.structs.replace(made.manifest, record=record), made.files)
        return bundle.publish(store, folder)


def _decided_otherwise(model: Any, schema: Schema, rows: Examples, answers: Floats) -> list[str]:
    """What to know of a model with a threshold of its own: what is served, and measured, are its probabilities."""
    if schema.task == "regression" or not hasattr(model, "predict") or not len(rows):
        return []
    if not hasattr(model, "predict_proba"):
        return ["the model tells no probabilities: 0 or 1 is served and measured; CalibratedClassifierCV gives it some"]
    with blamed("predict failed"):
        own = np.asarray(model.predict(frame(schema, rows.numeric, rows.categorical)), dtype=np.int64)
    differ = int((own.reshape(len(rows)) != answered(answers)).sum())
    # Fewer are ties.
    if differ <= len(rows) / 100:
        return []
    return [f"model.predict decides otherwise on {differ:,} of {len(rows):,} validation rows; probabilities are served"]


def by_slice(schema: Schema, rows: Examples, predictions: Floats) -> dict[str, dict[str, float]]:
    """Metrics of the rows with each of a slice column's commonest values, by "column=value"; and their number."""
    found: dict[str, dict[str, float]] = {}
    for column, values in rows.slices.items():
        names, counts = np.unique(values, return_counts=True)
        for _, name in sorted(zip(-counts, names, strict=True))[:SLICES]:
            here = values == name
            measured = metrics(schema.task, schema.classes, rows.target[here], predictions[here])
            found[f"{column}={name}"] = {"rows": float(here.sum()), **measured}
    return found


def _stored(model: Any, schema: Schema, every: Examples, parts: Split) -> tuple[dict[str, bytes], Engine, str]:
    """The model's files, the engine that will answer from them, and why it is that one."""
    validation = every.at(parts.validation if len(parts.validation) else parts.train)
    skops = persistence.dump(model)
    again = SklearnEngine(persistence.load(skops), schema)
    rows = validation.numeric, validation.categorical
    before = SklearnEngine(model, schema).predict(*rows)
    # Threads (n_jobs) add up in an order of their own each time: the last digits may differ.
    if not np.allclose(before, again.predict(*rows), rtol=1e-9, atol=0, equal_nan=True):
        raise ProjectError(
            f"{RECIPE}: the model answers differently after it was stored and loaded; "
            "make its whole state attributes that skops can store."
        )
    seen = [every.categorical[place] for place in parts.train]
    onnx, reason = equivalence.exported(model, schema, seen, *rows)
    if onnx is None:
        return {"model.skops": skops}, again, reason
    return {"model.skops": skops, "model.onnx": onnx}, OnnxEngine(onnx, schema), reason


def _manifest(
    contract: Contract,
    data: TrainingSet,
    settings: Settings,
    parts: Split,
    estimator: str,
    engine: str,
    reason: str,
    measured: dict[str, float],
) -> Manifest:
    """The manifest but for the files, which are hashed when they are written, and the run."""
    return Manifest(
        model=contract.name,
        files={},
        data=data.versions,
        code=fingerprint.code(contract, settings),
        lock=fingerprint.lock(settings),
        seed=settings.seed,
        # Functions and other parts without a name of their own show their memory address.
        estimator=re.sub(r" at 0x[0-9a-f]+", "", estimator),
        engine=engine,
        engine_reason=reason,
        rows={name: len(places) for name, places in parts._asdict().items()},
        train_end=_newest(data, parts),
        metrics=measured,
        record=Record("", fingerprint.commit(settings), "", platform.python_version(), platform.platform()),
    )


def _newest(data: TrainingSet, parts: Split) -> str | None:
    if "_time" not in data.table.column_names:
        return None
    newest = max(data.table["_time"].take(parts.train).to_pylist())
    return str(newest.astimezone(UTC).isoformat())


def _track(run: tracking.Run, made: Made, manifest: Manifest, params: dict[str, Any], shuffle_labels: bool) -> None:
    run.log(
        {**params, "seed": manifest.seed, "shuffle_labels": shuffle_labels},
        manifest.metrics | {f"baseline_{name}": value for name, value in made.baseline.items()},
        {
            "digest": manifest.digest,
            "data": msgspec.json.encode(manifest.data).decode(),
            "git_commit": manifest.record.git_commit,
            "code": manifest.code,
            "lock": manifest.lock,
            "seed": str(manifest.seed),
            "engine": manifest.engine,
        },
    )
    run.json("manifest.json", msgspec.to_builtins(manifest))
    run.json("slices.json", made.slices)
