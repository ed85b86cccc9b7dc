"""The same data, code, lock and seed give the same model, byte for byte, wherever it is made."""

import json
from pathlib import Path
from typing import Any

from tests.projects import copy, done


def trained(project: Path, environment: Path, *options: str) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Train from a clean state; the bundle's files and the manifest without the record of when and where."""
    done(project, "python", "-m", "departures", "run", "train", *options, environment=environment)
    [bundle] = (project / "var" / "store" / "bundles" / "departures").iterdir()
    files = {path.name: path.read_bytes() for path in bundle.iterdir() if path.name != "manifest.json"}
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest.pop("record")
    assert manifest["digest"] == bundle.name
    return files, manifest


def test_two_places_make_the_same_bundle(project: Path, tmp_path: Path) -> None:
    one = copy(project, tmp_path / "one")
    other = copy(project, tmp_path / "some" / "other place")
    first, second = trained(one, project), trained(other, project)
    assert first[1] == second[1]
    assert first[0].keys() >= {"model.skops", "model.onnx", "schema.json", "reference.json"}
    assert first[0] == second[0]


def test_other_code_makes_another_bundle(project: Path, tmp_path: Path) -> None:
    one = copy(project, tmp_path / "one")
    other = copy(project, tmp_path / "other")
    model = other / "src" / "departures" / "training" / "model.py"
    model.write_text(model.read_text() + "\n# another comment\n")
    assert trained(one, project)[1]["digest"] != trained(other, project)[1]["digest"]
