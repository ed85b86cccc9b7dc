"""One fitted model in the three forms the servers take: joblib, an MLflow model, and a signed champion bundle.

Run by compare.py with a generated project's Python.
"""

import json
import sys
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import joblib
import msgspec
import yaml
from model import CATEGORIES, NUMERIC, fitted, table

NAME = "bench"
BODIES = {1: 64, 100: 10}
"""Rows in a body, and how many different bodies are sent in turn."""


def main(folder: Path) -> None:
    rows, target = table()
    model = fitted(rows, target)
    joblib.dump(model, folder / "model.joblib")
    for count, bodies in BODIES.items():
        chosen = [rows.iloc[i * count : (i + 1) * count].to_dict("records") for i in range(bodies)]
        text = "\n".join(json.dumps({"dataframe_records": part}, separators=(",", ":")) for part in chosen)
        (folder / f"bodies-{count}.jsonl").write_text(text + "\n")
    expected = model.predict_proba(rows.iloc[: BODIES[100] * 100])[:, 1].tolist()
    (folder / "expected.json").write_text(json.dumps(expected))
    _as_mlflow(model, rows.iloc[:200], folder / "mlflow")
    _as_bundle(model, rows.iloc[:2000], folder / "home")


def _as_mlflow(model: Any, rows: Any, folder: Path) -> None:
    import mlflow

    signature = mlflow.models.infer_signature(rows, model.predict_proba(rows))
    # MLflow's own format (skops) refuses these trees' types; this is what its error message advises.
    how = {"serialization_format": "cloudpickle", "pyfunc_predict_fn": "predict_proba"}
    mlflow.sklearn.save_model(model, folder, signature=signature, **how)


def _as_bundle(model: Any, rows: Any, home: Path) -> None:
    """By the project's own code, so that the service checks the digest and the signature as it always does."""
    (script,) = entry_points(group="console_scripts", name="ml")
    project = script.module.partition(".")[0]
    part = lambda name: import_module(f"{project}.{name}")  # noqa: E731
    bundle, deployment, signing = part("training.bundle"), part("deployment"), part("registry.signing")
    numbers = [part("schema").Field(name, "number") for name in NUMERIC]
    strings = [part("schema").Field(name, "string", values=_values(name)) for name in CATEGORIES]
    names = (NUMERIC, list(CATEGORIES))
    schema = part("schema").Schema(NAME, "classification", "y", ["0", "1"], None, [*numbers, *strings], [], *names)
    text = rows[names[1]].to_numpy().tolist()
    onnx, reason = part("training.equivalence").exported(model, schema, text, rows[NUMERIC].to_numpy(), text)
    if onnx is None:
        raise SystemExit(f"The benchmark's model has no exact ONNX form: {reason}.")
    files = {
        "model.onnx": onnx,
        "model.skops": part("training.persistence").dump(model),
        "schema.json": msgspec.json.encode(schema),
    }
    about: dict[str, Any] = {
        "data": {},
        "code": "",
        "lock": "",
        "seed": 0,
        "rows": {},
        "train_end": None,
        "metrics": {},
    }
    record = bundle.Record("", "", "", "", "")
    manifest = bundle.Manifest(
        model=NAME, files={}, estimator="", engine="onnx", engine_reason=reason, record=record, **about
    )
    settings = part("settings").Settings(home=home, _env_file=None)
    store = part("store").Store(settings.store_root)
    with TemporaryDirectory() as work:
        made = bundle.write(Path(work) / "bundle", manifest, files)
        bundle.publish(store, Path(work) / "bundle")
    signing.make_keys(settings.private_key, settings.public_key)
    signed = bundle.fetch(store, NAME, made.digest, home / "signing")
    signing.sign(signed, settings.private_key)
    store.write(f"{bundle.prefix(NAME, made.digest)}/{bundle.SIGNATURE}", (signed / bundle.SIGNATURE).read_bytes())
    pointer = deployment.Deployment(NAME, 1, deployment.Target(1, made.digest), "bench", "to measure", "2026-01-01")
    deployment.move(store, None, pointer)
    (home / "contract.yaml").write_text(yaml.safe_dump(_contract()))


def _contract() -> dict[str, Any]:
    columns: dict[str, Any] = {name: {"type": "number"} for name in NUMERIC}
    columns |= {name: {"type": "string", "values": _values(name)} for name in CATEGORIES}
    columns["y"] = {"type": "boolean"}
    source = {"uri": "rows.parquet", "columns": columns}
    return {"name": NAME, "task": "classification", "target": "y", "sources": {"rows": source}}


def _values(name: str) -> list[str]:
    return [f"{name}_{j}" for j in range(CATEGORIES[name])]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
