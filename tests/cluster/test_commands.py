"""The commands under the real engine, with an API server that only remembers. In this order."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.memory import NOTHING, Memory
from tests.cluster.plugin import plugins
from tests.infra.local import surroundings
from tests.projects import tail

IMAGE, NEXT = (f"registry.example/departures@sha256:{number * 64}" for number in "01")
DATABASE = "postgresql+psycopg://ml:not-for-everyone@db.example/ml"


@dataclass
class Desk:
    """Where somebody works on the environment `production`, who logs in with a kubeconfig. variables: for commands."""

    project: Path
    cluster: Memory
    variables: dict[str, str] = field(default_factory=dict)

    def make(self, target: str, *words: str, given: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["make", target, "ENV=production", *words],
            cwd=self.project,
            env=self.variables | variables,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def done(self, target: str, *words: str, given: str = "", **variables: str) -> str:
        ended = self.make(target, *words, given=given, **variables)
        assert ended.returncode == 0, tail(ended)
        return ended.stdout

    def refused(self, target: str, *words: str, **variables: str) -> str:
        """The one sentence of a command that is not to go on."""
        ended = self.make(target, *words, **variables)
        assert ended.returncode == 2, tail(ended)
        [sentence] = [line for line in ended.stderr.splitlines() if line.startswith("infra: ")]
        return sentence

    def configure(self, **settings: Any) -> None:
        held = yaml.safe_load(self.file.read_text())
        held["config"] |= {f"ml:{key}": value for key, value in settings.items()}
        self.file.write_text(yaml.safe_dump(held, sort_keys=False))

    @property
    def file(self) -> Path:
        return self.project / "infra" / "Pulumi.production.yaml"


@pytest.fixture(scope="module")
def desk(engine: None, project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A project of which nothing is up."""
    folder = tmp_path_factory.mktemp("desk")
    ignored = shutil.ignore_patterns(".venv", "var", ".tools", "__pycache__")
    shutil.copytree(project, folder / "project", ignore=ignored)
    cluster = Memory()
    here = {name: value for name, value in surroundings().items() if name not in ("CI", "TF_BUILD")}
    variables = here | {
        "PULUMI_HOME": str(plugins(project / "infra" / ".venv", folder / "pulumi")),
        "KUBECONFIG": str(cluster.kubeconfig(folder / "kubeconfig")),
    }
    made = Desk(folder / "project", cluster, variables)
    made.configure(image=IMAGE, store="s3://bucket/prefix")
    yield made
    cluster.server.shutdown()


def test_a_secret_is_taken_only_encrypted_and_by_its_name(desk: Desk) -> None:
    before = desk.file.read_text()
    desk.configure(database=DATABASE)
    sentence = desk.refused("infra-preview")
    assert "make infra-secret ENV=production KEY=database" in sentence
    assert "not-for-everyone" not in sentence
    desk.file.write_text(before)
    assert "KEY is one of storeAccess, storeSecret, database, online" in desk.refused("infra-secret", "KEY=databas")
    assert "No value came for ml:database" in desk.refused("infra-secret", "KEY=database")
    assert desk.file.read_text() == before


def test_a_command_in_an_environment_that_is_not_up_says_how_to_bring_it_up(desk: Desk) -> None:
    assert "make infra-up ENV=dev" in desk.refused("infra-job", "ENV=dev", "ARGS=status")


def test_production_comes_up_with_the_secrets_that_were_set(desk: Desk) -> None:
    assert "production needs store, database and online" in desk.refused("infra-preview")
    for key, value in {"database": DATABASE, "online": "redis://:not-for-everyone@cache.example/0"}.items():
        said = desk.done("infra-secret", f"KEY={key}", given=f"{value}\n")
        assert "not-for-everyone" not in said
    desk.done("infra-preview")
    desk.done("infra-up")
    assert desk.cluster.names("deployments") == ["serving", "tracking"]
    files = [desk.file, *(path for path in (desk.project / "var").rglob("*") if path.is_file())]
    assert [path for path in files if b"not-for-everyone" in path.read_bytes()] == []


def test_a_job_that_would_lose_the_state_or_its_key_makes_nothing(desk: Desk) -> None:
    before = dict(desk.cluster.objects)
    shared = {"CI": "true", "PULUMI_BACKEND_URL": f"file://{desk.project}"}
    for job, missing in (({"TF_BUILD": "True"}, "PULUMI_BACKEND_URL"), (shared, "PULUMI_CONFIG_PASSPHRASE")):
        assert missing in desk.refused("infra-up", **job)
    assert desk.cluster.objects == before


def test_whoever_comes_next_comes_with_a_kubeconfig_of_their_own(desk: Desk, tmp_path: Path) -> None:
    Path(desk.variables["KUBECONFIG"]).unlink()
    desk.variables["KUBECONFIG"] = str(desk.cluster.kubeconfig(tmp_path / "theirs"))
    desk.done("infra-up", "ARGS=--expect-no-changes")
    desk.done("infra-drift")


def test_what_could_not_be_replaced_keeps_the_secret_it_runs_with(desk: Desk) -> None:
    before = desk.file.read_text()
    [secret] = desk.cluster.names("secrets")
    desk.done("infra-secret", "KEY=online", given="redis://:another@cache.example/0")
    desk.cluster.failing = "preflight"
    assert "as it was told to" in desk.refused("infra-up", "IMAGE=" + NEXT)
    desk.cluster.failing = NOTHING
    used = json.dumps(desk.cluster.object("deployments", "serving"))
    assert secret in used
    assert secret in desk.cluster.names("secrets")
    desk.file.write_text(before)
    desk.done("infra-up")
    assert secret in json.dumps(desk.cluster.object("deployments", "serving"))


def test_a_push_that_nothing_runs_yet_is_no_drift_and_goes_behind_a_pin(desk: Desk) -> None:
    pushed, pinned = desk.project / "var" / "image.digest", desk.file.read_text()
    pushed.write_text(f"{NEXT}\n")
    desk.done("infra-drift")
    desk.file.write_text(pinned.replace(f"  ml:image: {IMAGE}\n", ""))
    desk.done("infra-drift")
    desk.done("infra-up")
    assert NEXT in json.dumps(desk.cluster.object("deployments", "serving"))
    pushed.unlink()
    desk.done("infra-drift")
    desk.file.write_text(pinned)
    desk.done("infra-up")


def test_the_account_of_ci_may_what_a_release_and_the_look_for_drift_take(desk: Desk, tmp_path: Path) -> None:
    pipeline = {"KUBECONFIG": str(desk.cluster.kubeconfig(tmp_path / "ci", token="ci"))}  # noqa: S106
    desk.done("infra-up", "IMAGE=" + NEXT, **pipeline)
    assert NEXT in json.dumps(desk.cluster.object("deployments", "tracking"))
    desk.done("infra-drift", "IMAGE=" + NEXT, **pipeline)
    assert desk.cluster.forbidden == []


def test_down_takes_nothing_that_is_protected_until_that_is_confirmed(desk: Desk) -> None:
    before = dict(desk.cluster.objects)
    sentence = desk.refused("infra-down")
    assert "production holds departures-production/tracking-data; nothing was taken away" in sentence
    assert desk.cluster.objects == before
    said = desk.done("infra-down", "CONFIRM=production")
    assert "Kept: departures-production/tracking-data and the namespace" in said
    assert (desk.cluster.names("persistentvolumeclaims"), desk.cluster.names("deployments")) == (["tracking-data"], [])
    assert "/api/v1/namespaces/departures-production" in desk.cluster.objects


def test_dev_says_what_goes_with_it_and_hands_on_no_address_that_leads_elsewhere(desk: Desk) -> None:
    desk.done("infra-up", "ENV=dev", "IMAGE=name:1")
    assert "ML_STORE=" not in desk.done("env", "ENV=dev")
    said = desk.done("infra-down", "ENV=dev")
    assert "Gone for good, with all that is in them: departures-dev/" in said
    assert [path for path in desk.cluster.objects if path.endswith("/namespaces/departures-dev")] == []
