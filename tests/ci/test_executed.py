"""GitLab's stages run for real, on change requests and on main, by gitlab-ci-local, in a clean clone."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ci import checkers
from tests.rendering import git, render


def a_clone(template: Path, folder: Path, ci: str) -> Path:
    """A clean clone of a project's first commit."""
    origin = render(template, folder / "origin", ci=ci)
    for words in (("init", "--quiet", "-b", "main"), ("add", "--all"), ("commit", "--quiet", "-m", "generated")):
        git(origin, *words)
    git(folder, "clone", "--quiet", str(origin), "clone")
    return folder / "clone"


@pytest.fixture(scope="module")
def on_gitlab(
    engine: None, template: Path, tmp_path_factory: pytest.TempPathFactory, surroundings: dict[str, str]
) -> Iterator[Path]:
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
