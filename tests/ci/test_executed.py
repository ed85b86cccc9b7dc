"""The stages run for real, on change requests and on main, in clean clones with an empty home; and red when broken."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.ci import checkers, definitions
from tests.images import CERTIFICATES, SETTINGS, tools
from tests.projects import copy
from tests.rendering import ROOT, git, render

KEPT = {"UV_CACHE_DIR": "uv", "XDG_CACHE_HOME": ""}
"""Caches a runner brings along: packages by uv's own key, and the engine."""


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A runner's environment: an empty home, the caches, and packages that are there already."""
    folder = tmp_path_factory.mktemp("runner")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    (folder / "bin").mkdir()
    (folder / "home").mkdir()
    (folder / "bin" / "apt-get").write_text("#!/bin/sh\n")  # what it would install, the test has seen to
    (folder / "bin" / "apt-get").chmod(0o755)
    return {
        "HOME": str(folder / "home"),
        "PATH": f"{folder / 'bin'}:{ROOT / '.tools' / 'bin'}:{os.environ['PATH']}",
        **{name: str(cache / below) for name, below in KEPT.items()},
        **SETTINGS,
        "CERTIFICATES": CERTIFICATES,
        "BASE": "debian",
        "MAKEFLAGS": "",
    }


def a_clone(template: Path, folder: Path, ci: str) -> Path:
    """A clean clone of a project's first commit."""
    origin = render(template, folder / "origin", ci=ci)
    for words in (("init", "--quiet", "-b", "main"), ("add", "--all"), ("commit", "--quiet", "-m", "generated")):
        git(origin, *words)
    git(folder, "clone", "--quiet", str(origin), "clone")
    return folder / "clone"


@pytest.fixture(scope="module")
def on_gitlab(template: Path, tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]) -> Iterator[Path]:
    clone = a_clone(template, tmp_path_factory.mktemp("gitlab"), "gitlab")
    yield clone
    for environment in ("staging", "production"):
        checkers.run("make", "infra-down", cwd=clone, env=os.environ | surroundings | {"ENV": environment})


def gitlab(clone: Path, surroundings: dict[str, str], source: str, *jobs: str) -> str:
    """Run jobs with the shell executor; what they printed. Everything must be green."""
    given = {"CI_PIPELINE_SOURCE": source, "UV_CACHE_DIR": surroundings["UV_CACHE_DIR"], "IMAGE_REPOSITORY": ""}
    variables = [word for name, value in given.items() for word in ("--variable", f"{name}={value}")]
    ended = checkers.gitlab_ci_local(clone, "--force-shell-executor", *variables, *jobs, **surroundings)
    assert ended.returncode == 0, (ended.stdout + ended.stderr)[-3000:]
    return ended.stdout


def test_gitlabs_change_request_is_green(on_gitlab: Path, surroundings: dict[str, str]) -> None:
    said = gitlab(on_gitlab, surroundings, "merge_request_event", "verify", "preview")
    assert re.search(r"\d+ passed", said)
    assert (on_gitlab / "var" / "loop.json").exists()
    assert "to create" in (on_gitlab / "var" / "infra" / "preview.txt").read_text()


def test_gitlabs_main_delivers_to_staging_and_production(on_gitlab: Path, surroundings: dict[str, str]) -> None:
    """After the image, whose targets tests/ci/test_image.py runs."""
    said = gitlab(on_gitlab, surroundings, "push", "staging")
    assert re.search(r"answers 50 rows with version 1; \d+ requests/s", said)
    said = gitlab(on_gitlab, surroundings, "push", "production")
    assert "answers 50 rows with version 1" in said
    checkers.run("make", "infra-down", cwd=on_gitlab, env=os.environ | surroundings | {"ENV": "staging"})


def commands(project: Path, system: str, job: str) -> list[str]:
    """The commands of a change request's job, as they stand in the definition."""
    if system == "github":
        steps = yaml.safe_load((project / ".github/workflows/change.yml").read_text())["jobs"][job]["steps"]
        return [step["run"] for step in steps if "run" in step]
    if system == "azure-devops":
        stages = yaml.safe_load((project / "azure-pipelines.yml").read_text())["stages"]
        [steps] = [one["steps"] for one in stages[0]["jobs"] if one["job"] == job]
        return [step["script"] for step in steps if "script" in step]
    text = (project / "Jenkinsfile").read_text()
    stage = text.partition(f"stage('{job}')")[2].partition("stage(")[0]
    return re.findall(r"sh '(.*)'", stage)


def test_githubs_commands_are_green_in_a_clean_clone(
    template: Path, tmp_path: Path, surroundings: dict[str, str]
) -> None:
    clone = a_clone(template, tmp_path, "github")
    shown = [word for job in ("verify", "preview") for word in commands(clone, "github", job)]
    assert shown[:3] == ["make setup", "make check", "make test"]
    for command in shown:
        if command == "make test":  # GitLab's change request has just run it
            continue
        ended = checkers.run("sh", "-c", command, cwd=clone, env=os.environ | surroundings | {"ENV": "dev"})
        assert ended.returncode == 0, f"{command}\n{(ended.stdout + ended.stderr)[-2000:]}"


@pytest.mark.parametrize("system", ["azure-devops", "jenkins"])
@pytest.mark.parametrize("job", ["verify", "image", "preview"])
def test_the_others_run_the_same_commands_to_the_letter(system: str, job: str) -> None:
    template = ROOT / "template"
    assert commands(template, system, job) == commands(template, "github", job)
    assert definitions.SYSTEMS[system](template)["change"]


def put(name: str, old: str, new: str) -> Callable[[Path], None]:
    """A fault: something else in a file."""

    def break_it(project: Path) -> None:
        text = (project / name).read_text()
        assert old in text
        (project / name).write_text(text.replace(old, new, 1))

    return break_it


IMPOSSIBLE = put("gates.yaml", "roc_auc: {min: 0.5}", "roc_auc: {min: 0.9999}")
FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "check": (put("src/departures/cli.py", "import sys\n", "import os\nimport sys\n"), "F401"),
    "test": (put("tests/conftest.py", "import", "import nowhere\nimport"), "nowhere"),
    "loop-smoke": (IMPOSSIBLE, "The loop stops here"),
    "image": (lambda project: (project / "uv.lock").unlink(), "uv.lock"),
    "infra-preview": (put("infra/Pulumi.dev.yaml", "ml:target: local", "ml:target: moon"), "moon"),
    "infra-up": (put("infra/Pulumi.dev.yaml", "ml:target: local", "ml:trget: local"), "trget"),
    "train": (put("contract.yaml", "late", "later"), "later"),
    "gate": (IMPOSSIBLE, "roc_auc"),
    "smoke": (lambda project: None, "ml run validate first"),
    "push": (lambda project: None, "image"),
}
"""One fault per stage, and what is said of it."""


@pytest.mark.parametrize("stage", FAULTS)
def test_a_stage_is_red_where_the_project_is_broken(
    stage: str, project: Path, tmp_path: Path, surroundings: dict[str, str]
) -> None:
    broken = copy(project, tmp_path / "project")
    (broken / ".venv").symlink_to(project / ".venv")
    break_it, said = FAULTS[stage]
    break_it(broken)
    if stage in {"image", "push"}:
        tools()
    own = {"PYTHONPATH": str(broken / "src"), "ENV": "dev"}
    if not stage.startswith("infra"):  # which has an environment of its own
        own["UV_NO_SYNC"] = "1"
    if stage == "push":
        own["IMAGE_REPOSITORY"] = "127.0.0.1:1/nobody"
    ended = checkers.run("make", stage, cwd=broken, env=os.environ | surroundings | own)
    assert ended.returncode != 0
    assert said in ended.stdout + ended.stderr, (ended.stdout + ended.stderr)[-2000:]
