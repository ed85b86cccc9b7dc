"""`make loop` on the sample and on brought data: the whole story, unedited."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.loop.datasets import DATA, Brought
from tests.projects import copy, done, run, tail
from tests.rendering import render

STORY = [
    "serve_without_model",
    "collect_to_quarantine",
    "train",
    "gate_accepts",
    "promote_live",
    "traffic",
    "labels_arrive",
    "monitor_quiet",
    "shuffled_labels_rejected",
    "drifted_traffic",
    "report",
    "retrain_once",
    "retrained_live",
    "roll_back",
    "batch_equals_online",
    "lineage",
]


def played(project: Path) -> dict[str, dict[str, Any]]:
    """The evidence by event, of a loop that must have told its whole story in order."""
    events = json.loads((project / "var" / "loop.json").read_text())
    assert [event["name"] for event in events] == STORY
    assert all(event["seconds"] >= 0 for event in events)
    return {event["name"]: event["evidence"] for event in events}


def holds(evidence: dict[str, dict[str, Any]]) -> None:
    """What every loop must show, on any data."""
    assert evidence["serve_without_model"]["status"] == 503
    assert (
        evidence["collect_to_quarantine"]["quarantined"] == evidence["collect_to_quarantine"]["broken_rows_in_source"]
    )
    assert evidence["gate_accepts"]["accepted"]
    assert evidence["promote_live"]["version"] == 1
    assert evidence["traffic"]["failed"] == 0
    assert not evidence["monitor_quiet"]["retrained"]
    assert evidence["shuffled_labels_rejected"]["failed"]
    assert evidence["drifted_traffic"]["report"]["alarm"]
    assert evidence["retrain_once"]["retrainings"] == 1
    assert evidence["retrained_live"]["version"] == evidence["retrain_once"]["version"] > 1
    assert evidence["roll_back"]["version"] == 1
    assert evidence["batch_equals_online"]["largest_difference"] <= 1e-9
    assert evidence["lineage"]["trace"]
    assert Path(evidence["report"]["page"]).read_text().startswith("<!doctype html>")


def test_the_loop_on_the_sample(project: Path, tmp_path: Path) -> None:
    fresh = copy(project, tmp_path / "departures")
    done(fresh, "python", "-m", "departures", "loop", environment=project)
    evidence = played(fresh)
    holds(evidence)
    assert evidence["promote_live"]["answer"]["model_version"] == "1"
    assert evidence["retrain_once"]["gate"] == "accepted"


@pytest.mark.parametrize("rows", [6000, 40_000])
def test_the_loop_on_the_sample_as_a_regression(rows: int, project: Path, template: Path, tmp_path: Path) -> None:
    """Delays have a heavy tail, and 6000 of them teach little: the gate may keep the first model."""
    fresh = tmp_path / "departures"
    render(template, fresh, task="regression")
    done(fresh, "python", "-m", "departures", "loop", "--rows", str(rows), environment=project)
    evidence = played(fresh)
    holds(evidence)
    accepted = evidence["retrain_once"]["verdict"]["accepted"]
    assert evidence["retrain_once"]["gate"].partition(",")[0] == ("accepted" if accepted else "rejected")


@pytest.mark.parametrize("name", DATA)
def test_the_loop_on_brought_data(name: str, project: Path, tmp_path: Path) -> None:
    brought: Brought = DATA[name]
    fresh = copy(project, tmp_path / "project")
    path = brought.write(tmp_path)
    said = done(fresh, "python", "-m", "departures", "data", "init", str(path), *brought.arguments, environment=project)
    assert "why" in said
    done(fresh, "python", "-m", "departures", "check", environment=project)
    done(fresh, "python", "-m", "departures", "loop", environment=project)
    holds(played(fresh))


def test_a_loop_that_cannot_go_on_says_so_in_one_sentence(project: Path, tmp_path: Path) -> None:
    fresh = copy(project, tmp_path / "project")
    (tmp_path / "tiny.csv").write_text("a,b\n" + "".join(f"{i / 3:.2f},{i % 2}\n" for i in range(30)))
    words = ["data", "init", str(tmp_path / "tiny.csv"), "--target", "b"]
    done(fresh, "python", "-m", "departures", *words, environment=project)
    ended = run(fresh, "python", "-m", "departures", "loop", environment=project)
    assert ended.returncode == 2, tail(ended)
    assert "the loop needs" in ended.stderr
    assert "Traceback" not in ended.stderr
