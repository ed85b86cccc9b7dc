"""Each station broken on purpose must turn its own tests red: a test that cannot fail is no test."""

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.projects import copy, run, tail


class Mutation(NamedTuple):
    """Replace `old` by `new` in a file of the package; the named tests must notice."""

    what: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS: list[Mutation] = []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_a_broken_station_turns_its_tests_red(mutation: Mutation, project: Path, tmp_path: Path) -> None:
    broken = copy(project, tmp_path / "broken")
    path = broken / "src" / "departures" / mutation.file
    text = path.read_text()
    assert text.count(mutation.old) == 1, f"{mutation.file} does not hold this once any more: {mutation.old}"
    path.write_text(text.replace(mutation.old, mutation.new))
    ended = run(broken, "python", "-m", "pytest", "-x", "-q", *mutation.tests.split(), environment=project)
    assert ended.returncode == 1, f"{mutation.what}: no test turned red\n{tail(ended)}"
    assert " failed" in ended.stdout or " error" in ended.stdout


def test_every_station_is_broken_once() -> None:
    stations = {mutation.file.split("/")[0] for mutation in MUTATIONS}
    assert stations >= {"data", "features", "training", "registry", "serving", "monitoring", "pipelines"}
