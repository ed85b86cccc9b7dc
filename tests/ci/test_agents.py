"""GitHub's, Azure's and Jenkins' jobs, started and run as their agents do it, in clean clones with an empty home."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.ci import checkers, definitions, runners
from tests.rendering import ROOT, git, render


class Workspace(NamedTuple):
    """An agent's own machine: one folder for a project that holds every system's definition."""

    origin: Path
    clone: Path

    def renew(self) -> Path:
        """A clean clone at the same place, with the installed packages of the one before."""
        kept = [name for name in (".venv", "infra/.venv") if (self.clone / name).exists()]
        for number, name in enumerate(kept):
            (self.clone / name).rename(self.clone.parent / str(number))
        shutil.rmtree(self.clone, ignore_errors=True)
        git(self.clone.parent, "clone", "--quiet", str(self.origin), self.clone.name)
        for number, name in enumerate(kept):
            (self.clone.parent / str(number)).rename(self.clone / name)
        return self.clone


@pytest.fixture(scope="module")
def workspace(
    engine: None, template: Path, tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]
) -> Iterator[Workspace]:
    folder = tmp_path_factory.mktemp("agent")
    origin = render(template, folder / "origin", ci="github")
    for name in ("azure-pipelines.yml", "Jenkinsfile"):
        shutil.copy(ROOT / "template" / name, origin)
    for words in (("init", "--quiet", "-b", "main"), ("add", "--all"), ("commit", "--quiet", "-m", "generated")):
        git(origin, *words)
    yield Workspace(origin, folder / "clone")
    for environment in ("staging", "production"):
        checkers.run("make", "infra-down", cwd=folder / "clone", env=os.environ | surroundings | {"ENV": environment})


JOBS = {
    "change": ["verify", "image", "preview"],
    "fork": ["verify", "image"],
    "main": ["image", "staging", "production"],
    "watch": ["monitor", "retrain", "audit", "template-check", "infra-drift"],
    "hand": ["rollback"],
}


@pytest.mark.parametrize("event", runners.EVENTS)
@pytest.mark.parametrize("system", runners.SYSTEMS)
def test_an_event_starts_its_jobs_and_no_other(system: str, event: str) -> None:
    started = runners.SYSTEMS[system](ROOT / "template", event)
    assert [definitions.plain(name) for name in started] == JOBS[event]


def test_jenkins_delivers_again_by_hand_and_rolls_back_from_main_alone() -> None:
    """Its events are told by what caused them: a failed delivery that somebody starts again is one of theirs, too."""
    assert [definitions.plain(name) for name in runners.jenkins(ROOT / "template", "again")] == JOBS["main"]
    assert runners.jenkins(ROOT / "template", "elsewhere") == {}


@pytest.mark.parametrize("system", runners.SYSTEMS)
def test_a_change_request_is_green_in_a_clean_clone(
    system: str, workspace: Workspace, surroundings: dict[str, str]
) -> None:
    clone = workspace.renew()
    jobs = runners.SYSTEMS[system](clone, "change")
    assert [step.command for step in jobs["verify"]][:3] == ["make setup", "make check", "make test"]
    # GitLab's change request runs the tests.
    runners.run(system, clone, [step for step in jobs["verify"] if step.command != "make test"], surroundings)
    assert "to create" in runners.run(system, clone, jobs["preview"], surroundings)


@pytest.mark.parametrize("system", runners.SYSTEMS)
def test_main_delivers_and_what_runs_outlives_the_job(
    system: str, workspace: Workspace, surroundings: dict[str, str]
) -> None:
    """From one workspace, as on a runner of one's own: the second system finds what the first has deployed."""
    clone = workspace.clone if workspace.clone.exists() else workspace.renew()
    jobs = runners.SYSTEMS[system](clone, "main")
    for environment in ("staging", "production"):
        runners.check_out(system, clone, environment)
        said = runners.run(system, clone, jobs[environment], surroundings)
        assert "answers 50 rows with version 1" in said
    runners.check_out(system, clone, "infra-drift")
    watch = runners.SYSTEMS[system](clone, "watch")
    [drift] = [steps for name, steps in watch.items() if definitions.plain(name) == "infra-drift"]
    runners.run(system, clone, drift, surroundings)
    if system == "github":  # and the next system's delivery heals it
        for record in (clone / "var" / "infra" / "production" / "processes").glob("serving.pid"):
            os.killpg(int(record.read_text()), signal.SIGKILL)
        with pytest.raises(AssertionError, match=r"none were expected|no changes were expected"):
            runners.run(system, clone, drift, surroundings)
