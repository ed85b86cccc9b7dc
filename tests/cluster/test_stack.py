"""The stacks on a real cluster, from nothing to predictions, and through changes under load. In this order."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.lab import Lab, until
from tests.infra.local import chance, kill_after
from tests.projects import tail

CAPTURED = """
import json
from departures import contract, settings, store
held = store.Store(settings.load().store_root)
name = contract.load(settings.load().contract).name
lines = b"".join(held.read(key) or b"" for key in held.list(f"capture/{name}")).splitlines()
print(json.dumps(sorted({json.loads(line)["request_id"] for line in lines})))
"""
SCORED = """
import json
from departures import contract, settings, store, tables
from departures.pipelines.replay import requests
held, kept = contract.load(settings.load().contract), store.Store(settings.load().store_root)
rows, scores = tables.read(kept, held.examples_name).sort_by("_seq"), tables.read(kept, "scores")
assert scores["id"].to_pylist() == rows["_row"].to_pylist()
print(json.dumps([requests(held, rows.slice(0, 20)), scores["prediction"].slice(0, 20).to_pylist()]))
"""


def test_a_preview_works_before_the_first_up(lab: Lab) -> None:
    assert "to create" in lab.done("preview")


def test_an_up_killed_at_any_moment_is_finished_by_the_next_and_nothing_is_left_over(lab: Lab) -> None:
    kill_after(lab.start("up"), chance(0).uniform(1, 20))
    lab.done("up")
    assert lab.orphans() == set()


def test_the_model_that_a_pod_trained_is_in_the_clusters_registry(service: Lab) -> None:
    found = service.python(
        "from mlflow import MlflowClient; import os\n"
        "[found] = MlflowClient(os.environ['ML_TRACKING_URI']).search_model_versions()\n"
        "print(found.name, found.version)"
    )
    assert found.split() == ["departures", "1"]


def test_two_pods_answer_as_the_job_that_scores_wrote_down(service: Lab) -> None:
    service.run("score")
    rows, scored = json.loads(service.python(SCORED))
    with service.load(0) as load:
        answers = {load.ask(rows).read() for _ in range(10)}
    predictions = {json.dumps(json.loads(answer)["predictions"]) for answer in answers}
    assert json.loads(predictions.pop()) == pytest.approx(scored, abs=1e-6)
    assert not predictions
    assert len(service.ready()) == 2


def test_nobody_is_answered_without_a_key(service: Lab) -> None:
    with service.load(0) as load:
        load.key = "wrong"
        assert load.ask([service.row]).status == 401


def test_a_second_up_changes_nothing(service: Lab) -> None:
    started = time.monotonic()
    service.done("up", "--expect-no-changes")
    print(f"no-change up of both stacks: {time.monotonic() - started:.1f} s")


def test_the_outputs_keep_the_contract(service: Lab) -> None:
    found = json.loads(service.done("outputs", "--json"))
    assert found["target"] == "kubernetes"
    assert found["tracking_uri"] == f"http://tracking.{service.namespace}.svc:5000"
    assert found["ci_identity"] == f"{service.namespace}/ci"


@pytest.fixture
def pipeline(service: Lab, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """make TARGETS... as a job of CI does it outside the cluster, with CI's own account; what it said."""
    account = service.login("ci", tmp_path / "kubeconfig")

    def make(*targets: str, code: int = 0) -> str:
        ended = service.make(*targets, KUBECONFIG=account)
        assert ended.returncode == code, tail(ended)
        return ended.stdout + ended.stderr

    yield make
    for left in (".env", "var/ci/settings.mk"):
        (service.project / left).unlink(missing_ok=True)


def test_the_steps_of_a_pipeline_run_inside_and_end_as_they_do_here(pipeline: Callable[..., str]) -> None:
    pipeline("settings", "ENV=dev")
    said = pipeline("evaluate", "gate", "smoke", "load")
    assert said.count("rows with version 1") == 2
    assert "Error 3" in pipeline("infra-job", "ARGS=smoke --seconds 1 --p99 0.001", code=2)
    assert "No such command" in pipeline("infra-job", "ARGS=smokes", code=2)


def test_a_step_that_is_stopped_outside_is_stopped_inside(service: Lab) -> None:
    def started() -> list[str]:
        names = [
            job["metadata"]["name"]
            for job in service.get("jobs")["items"]
            if "deletionTimestamp" not in job["metadata"]
        ]
        return [name for name in names if name.startswith("ml-")]

    before = started()
    with service.start("job", "smoke", "--seconds", "120") as process:
        until(lambda: len(started()) > len(before), 60, "the job")
        process.terminate()
    assert process.returncode == 128 + 15
    until(lambda: started() == before, 30, "no job any more")


def test_another_image_and_back_lose_no_request(service: Lab) -> None:
    before = set(service.ready())
    with service.load() as load:
        for image in (service.next_image, service.settings["image"]):
            service.done("up", image=image)
            service.kubectl("rollout", "status", "deployment/serving", "--timeout=120s")
        time.sleep(2)
    assert load.failed == []
    assert len(load.answered) > 100
    assert not before & set(service.ready())


def test_another_model_and_back_lose_no_request_and_every_pod_follows(service: Lab) -> None:
    service.run("train", ML_SEED="8")
    with service.load() as load:
        service.run("promote", "promote", "2", "--override", "--reason", "to see it switch")
        until(lambda: service.versions() == ["2", "2"], 20, "both pods answer with version 2")
        service.run("rollback")
        until(lambda: service.versions() == ["1", "1"], 20, "both pods answer with version 1 again")
        back = len(load.versions)
        time.sleep(1)
    assert load.failed == []
    assert {*load.versions} == {"1", "2"}
    assert {*load.versions[back + 4 :]} == {"1"}  # four were on their way


def test_a_pod_that_is_killed_loses_no_captured_prediction(service: Lab) -> None:
    with service.load() as load:
        time.sleep(1)
        service.kill(service.ready()[0])
        time.sleep(2)
        service.kubectl("delete", "pod", service.ready()[-1], "--wait=false")
        time.sleep(6)
    assert len(load.answered) > 100
    until(lambda: set(load.answered) <= set(json.loads(service.python(CAPTURED))), 60, "every answer captured")


def test_it_scales_up_under_load_and_down_again(service: Lab) -> None:
    service.done("up", replicas=1, maxReplicas=3)
    until(lambda: len(service.pods()) == 1, 120, "one pod at rest")
    with service.load(8):
        until(lambda: len(service.ready()) > 1, 180, "more pods under load")
    until(lambda: len(service.pods()) == 1, 240, "one pod again")
