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


MUTATIONS = [
    Mutation(
        "quarantine never stops a step",
        "data/validate.py",
        "contract.quarantine_limit * found.base",
        "(contract.quarantine_limit + 1) * found.base",
        "tests/data/test_validate.py",
    ),
    Mutation(
        "features from the future",
        "features/offline.py",
        'on=events[time] >= rows["_known"]',
        'on=events[time] <= rows["_known"]',
        "tests/features/test_point_in_time.py",
    ),
    Mutation(
        "features never expire",
        "features/offline.py",
        'joined[time] <= joined["_known"] + ibis.interval(view.ttl)',
        'joined[time] >= joined["_known"]',
        "tests/features/test_point_in_time.py",
    ),
    Mutation(
        "training on other rows",
        "training/split.py",
        "np.searchsorted(before, TRAIN * len(times))",
        "np.searchsorted(before, VALIDATION * len(times))",
        "tests/training/test_split.py",
    ),
    Mutation(
        "training on mixed-up targets",
        "training/fit.py",
        "model.fit(rows, target[places])",
        "model.fit(rows, target[places][::-1])",
        "tests/training/test_fit.py tests/training/test_train.py",
    ),
    Mutation(
        "the gate lets everything pass",
        "registry/gate.py",
        "accepted = all(",
        "accepted = any(",
        "tests/registry/test_gate.py",
    ),
    Mutation(
        "promote does not ask for the verdict",
        "registry/promote.py",
        "if not chosen.verdict.accepted and not override:",
        "if chosen is None:",
        "tests/registry/test_promote.py",
    ),
    Mutation(
        "nobody looks at the signature",
        "registry/trust.py",
        "signing.verify(folder, public_key)",
        "str(public_key)",
        "tests/registry/test_promote.py",
    ),
    Mutation(
        "values outside the contract are answered",
        "serving/decode.py",
        "value not in known",
        "value is None",
        "tests/serving/test_names.py",
    ),
    Mutation(
        "a changed file is loaded",
        "training/bundle.py",
        "if sha256(path.read_bytes()) != expected:",
        "if expected is None:",
        "tests/training/test_bundle.py",
    ),
    Mutation(
        "two promotes at once both win",
        "deployment.py",
        "or not store.swap(key(new.model), raw, encode(new))",
        "or store.write(key(new.model), encode(new))",
        "tests/test_deployment.py tests/registry/test_promote.py",
    ),
    Mutation(
        "answers are not captured",
        "serving/capture.py",
        "written = os.write(self._segment(), data)",
        "written = len(data)",
        "tests/serving/test_capture.py",
    ),
    Mutation(
        "no drift is ever seen",
        "monitoring/drift.py",
        "moved = beyond > limit",
        "moved = beyond > limit + 1000",
        "tests/monitoring/test_drift.py",
    ),
    Mutation(
        "the trigger does not cool down",
        "monitoring/trigger.py",
        "now < last.at + cool",
        "now > last.at + cool",
        "tests/monitoring/test_trigger.py",
    ),
    Mutation(
        "what is out of date counts as current",
        "pipelines/run.py",
        "record.after != upstream.stamp",
        "record.after == upstream.stamp",
        "tests/pipelines/test_run.py",
    ),
]


NEIGHBOURS = """
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline

TRUSTED_TYPES: list[str] = []


def model(numeric, categorical, task, seed, **params):
    kind = KNeighborsClassifier if task == "classification" else KNeighborsRegressor
    return make_pipeline(ColumnTransformer([("numeric", SimpleImputer(), numeric)]), kind(**params))


def space(trial):
    return {"n_neighbors": trial.suggest_int("n_neighbors", 3, 50)}
"""
"""What a data scientist may make of model.py: other parameters, no seed, no ONNX form."""


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.what)
def test_a_broken_station_turns_its_tests_red(mutation: Mutation, project: Path, tmp_path: Path) -> None:
    broken = copy(project, tmp_path / "broken")
    path = broken / "src" / "departures" / mutation.file
    text = path.read_text()
    assert text.count(mutation.old) == 1, f"{mutation.file} does not hold this once any more: {mutation.old}"
    path.write_text(text.replace(mutation.old, mutation.new))
    ended = run(broken, "python", "-m", "pytest", "-x", "-q", *mutation.tests.split(), environment=project)
    assert ended.returncode == 1, f"{mutation.what}: no test turned red\n{tail(ended)}"


def test_an_unbroken_copy_is_green(project: Path, tmp_path: Path) -> None:
    tests = ["tests/training/test_split.py", "tests/registry/test_gate.py", "tests/monitoring/test_trigger.py"]
    ended = run(copy(project, tmp_path / "whole"), "python", "-m", "pytest", "-x", "-q", *tests, environment=project)
    assert ended.returncode == 0, tail(ended)


def test_another_model_turns_no_test_red(project: Path, tmp_path: Path) -> None:
    changed = copy(project, tmp_path / "changed")
    (changed / "src" / "departures" / "training" / "model.py").write_text(NEIGHBOURS)
    tests = ["tests/training/test_train.py", "tests/serving/test_protocols.py", "tests/pipelines/test_over_http.py"]
    ended = run(changed, "python", "-m", "pytest", "-q", *tests, environment=project)
    assert ended.returncode == 0, tail(ended)


def test_every_station_is_broken_once() -> None:
    stations = {mutation.file.split("/")[0] for mutation in MUTATIONS}
    assert stations >= {"data", "features", "training", "registry", "serving", "monitoring", "pipelines"}
