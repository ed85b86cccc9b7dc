"""What the programs register, for both targets, held against the SDK's own types; and the pictures made from it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.test_manifests import WHOLE
from tests.rendering import ROOT

STRICT = Path(__file__).with_name("strict.py")


def problems(project: Path, *words: str) -> list[str]:
    command = [str(project / "infra" / ".venv" / "bin" / "python"), str(STRICT), *words]
    ended = subprocess.run(command, cwd=project / "infra", capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return list(json.loads(ended.stdout))


@pytest.mark.parametrize(
    ("target", "environment", "settings"),
    [
        ("local", "dev", {}),
        ("local", "production", {"online": "redis://localhost:6379/0", "alerts": False}),
        ("kubernetes", "dev", {"image": "name:1"}),
        ("kubernetes", "dev", {"image": "name:1", "route": "gateway", "routeHost": "a.example", "gateway": "a/b"}),
        ("kubernetes", "production", WHOLE),
    ],
)
def test_what_is_registered_is_what_the_sdk_knows(
    project: Path, target: str, environment: str, settings: dict[str, Any]
) -> None:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    assert problems(project, target, environment, json.dumps(texts)) == []


def test_every_mistake_that_is_looked_for_is_found(project: Path) -> None:
    assert set(problems(project, "seeded")) == {
        "urn:pulumi:dev::seeded::ml:kubernetes:Part$kubernetes:core/v1:ServiceAccount::twin is registered twice",
        "seeded: part does not register its outputs",
        "seeded: orphan has no component as its parent",
        "seeded: service: .spec.ports.0.targetPorts is no key of ServicePortArgs",
        "seeded: service: .spec.type is 'LoadBalance'",
        "seeded: map: .data.id holds the text of an output",
        "seeded: pods: .spec.replicas is 'two', not int",
    }


def test_the_pictures_in_the_readme_are_what_the_programs_make(project: Path) -> None:
    readme = project / "infra" / "README.md"
    before = readme.read_text()
    python = project / "infra" / ".venv" / "bin" / "python"
    subprocess.run([python, "graph.py"], cwd=project / "infra", check=True)
    try:
        assert readme.read_text() == before, "run make infra-graph in a project for kubernetes, and take its README.md"
        assert before == (ROOT / "infra" / "README.md").read_text()
        assert before.count("```mermaid\nflowchart") == 2
    finally:
        readme.write_text(before)
