"""Every stage is red where the project is broken, and says why: one seeded fault each."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.ci import checkers
from tests.ci.loopback import Handler, a_server
from tests.images import tools
from tests.projects import copy

SERVED = """
import os, subprocess, sys
from departures import settings
from departures.pipelines.service import Service
with Service(settings.load()) as service:
    sys.exit(subprocess.run(["make", "load"], env=os.environ | {"ML_SERVING_URL": service.url}).returncode)
"""


@dataclass(frozen=True)
class Fault:
    """break_it: what is done to the project. said: what its stage says then. delivered: it has a champion by then."""

    break_it: Callable[[Path], object]
    said: str
    delivered: bool = False
    command: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


def put(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Something else in a file."""

    def break_it(project: Path) -> None:
        text = (project / name).read_text()
        assert old in text
        (project / name).write_text(text.replace(old, new, 1))

    return break_it


def tampered(project: Path) -> None:
    """Another model in the bundle that was judged."""
    [model] = (project / "var" / "store" / "bundles").rglob("model.skops")
    model.write_bytes(model.read_bytes() + b"x")
    shutil.rmtree(project / "var" / "cache", ignore_errors=True)


def nothing(project: Path) -> None:
    """The fault is around the project."""


def without_lock(project: Path) -> None:
    (project / "uv.lock").unlink()


SLOW = put(
    "src/departures/serving/scorer.py",
    "    def predict_cells(self, rows: Sequence[Cells]) -> Floats:\n",
    "    def predict_cells(self, rows: Sequence[Cells]) -> Floats:\n        __import__('time').sleep(0.6)\n",
)
IMPOSSIBLE = put("gates.yaml", "roc_auc: {min: 0.5}", "roc_auc: {min: 0.9999}")
NOBODY = "redis://127.0.0.1:1"
FAULTS: dict[str, Fault] = {
    "check": Fault(put("src/departures/cli.py", "import sys\n", "import os\nimport sys\n"), "F401"),
    "test": Fault(put("tests/conftest.py", "import", "import nowhere\nimport"), "No module named 'nowhere'"),
    "loop-smoke": Fault(IMPOSSIBLE, "The loop stops here"),
    "image": Fault(without_lock, "uv.lock"),
    "sbom": Fault(without_lock, "Unable to find lockfile"),
    "engine": Fault(lambda project: (project / "infra" / "uv.lock").unlink(), "Unable to find lockfile"),
    "infra-preview": Fault(put("infra/Pulumi.dev.yaml", "ml:target: local", "ml:target: moon"), "target is 'moon'"),
    "infra-up": Fault(put("infra/Pulumi.dev.yaml", "ml:target: local", "ml:trget: local"), "ml:trget is no key"),
    "train": Fault(put("contract.yaml", "late", "later"), "later"),
    "evaluate": Fault(tampered, "model.skops", delivered=True),
    "gate": Fault(IMPOSSIBLE, "roc_auc", delivered=True),
    "promote": Fault(IMPOSSIBLE, "rejected", delivered=True),
    "materialize": Fault(nothing, NOBODY, delivered=True, variables={"ML_FEATURE_ONLINE_URI": NOBODY}),
    "smoke": Fault(nothing, "ml run validate first"),
    "load": Fault(SLOW, "p99 is", delivered=True, command=("python", "-c", SERVED)),
    "monitor": Fault(put("contract.yaml", "late", "later"), "later", delivered=True),
    "retrain": Fault(put("contract.yaml", "late", "later"), "later", delivered=True),
    "template-check": Fault(lambda project: (project / ".copier-answers.yml").unlink(), "template"),
    "rollback": Fault(nothing, "no previous version", delivered=True),
}


@pytest.fixture(scope="module")
def delivered(project: Path, tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]) -> Path:
    """A project whose first model answers."""
    made = copied(project, tmp_path_factory.mktemp("delivered") / "project")
    ended = checkers.run("make", "promote", "materialize", cwd=made, env=environment(made, surroundings))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return made


def copied(project: Path, folder: Path) -> Path:
    made = copy(project, folder)
    (made / ".venv").symlink_to((project / ".venv").resolve())
    if (project / "var").exists():
        shutil.copytree(project / "var", made / "var")
    return made


def environment(project: Path, surroundings: dict[str, str]) -> dict[str, str]:
    path = f"{project / '.venv' / 'bin'}:{surroundings['PATH']}"
    own = {"PYTHONPATH": str(project / "src"), "ENV": "dev", "PATH": path, "ML_HOME": str(project / "var")}
    return os.environ | surroundings | own


@pytest.mark.parametrize("stage", FAULTS)
def test_a_stage_is_red_for_the_fault_that_was_seeded(
    stage: str, project: Path, tmp_path: Path, surroundings: dict[str, str], request: pytest.FixtureRequest
) -> None:
    fault = FAULTS[stage]
    broken = copied(request.getfixturevalue("delivered") if fault.delivered else project, tmp_path / "project")
    fault.break_it(broken)
    if stage == "image":
        tools()
    if stage.startswith("infra"):
        request.getfixturevalue("engine")
    given = environment(broken, surroundings) | fault.variables
    if not stage.startswith(("engine", "infra")):  # which has an environment of its own
        given["UV_NO_SYNC"] = "1"
    ended = checkers.run(*(fault.command or ("make", stage)), cwd=broken, env=given)
    assert ended.returncode != 0
    assert fault.said in ended.stdout + ended.stderr, (ended.stdout + ended.stderr)[-2000:]


@pytest.mark.parametrize("found", [[], [{"id": "PYSEC-2026-1", "modified": "2026-01-01T00:00:00Z"}]])
def test_the_audit_is_red_when_a_locked_package_is_known_to_be_vulnerable(
    found: list[dict[str, str]], project: Path, surroundings: dict[str, str]
) -> None:
    asked: list[str] = []

    class Advisories(Handler):
        """Answers as api.osv.dev does: something is known of the package that is asked for first."""

        def do_POST(self) -> None:
            queries = self.body()["queries"]
            asked.extend(query["package"]["name"] for query in queries)
            self.answer({"results": [{"vulns": found}, *({} for _ in queries[1:])]})

        def do_GET(self) -> None:
            self.answer({"id": "PYSEC-2026-1", "modified": "2026-01-01T00:00:00Z", "summary": "Answers strangers"})

    with a_server(Advisories) as address:
        words = ("make", "audit", f"ARGS=--service-url {address}")
        ended = checkers.run(*words, cwd=project, env=environment(project, surroundings))
    assert {"mlflow", "scikit-learn"} <= set(asked)
    said = ended.stdout + ended.stderr
    if found:
        assert ended.returncode != 0
        assert "PYSEC-2026-1" in said
    else:
        assert ended.returncode == 0, said
