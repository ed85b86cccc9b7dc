"""The local target under the real engine: up, unchanged, changed, killed, repaired, gone."""

import os
import shutil
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.infra.local import KILLS, NAMES, Local, ask, chance, kill_after
from tests.projects import tail


def test_an_environment_from_its_first_preview_to_its_end(local: Local) -> None:
    previewed = local.done("preview")
    assert "4 to create" in previewed
    assert "Policy Packs run" in previewed
    assert not local.alive()

    local.done("up")
    made = local.outputs()
    assert made["contract_version"] == "1"
    assert made["target"] == "local"
    assert ask(made["tracking_uri"] + "/health")[0] == 200
    assert ask(made["serving_url"] + "/health/live")[0] == 200
    assert local.leaders() == sorted(NAMES)
    told = local.done("env")
    assert f"export ML_SERVING_URL={made['serving_url']}\n" in told
    assert f"export ML_TRACKING_URI={made['tracking_uri']}\n" in told

    local.done("preview", "--refresh", "--expect-no-changes")
    before = {name: local.pid(name) for name in NAMES}
    local.done("up")
    assert {name: local.pid(name) for name in NAMES} == before

    local.configure(scheduleSeconds=60)
    local.done("up")
    after = {name: local.pid(name) for name in NAMES}
    assert {name for name in NAMES if after[name] != before[name]} == {"schedule"}

    for name in NAMES:
        psutil.Process(local.pid(name)).kill()
    drift = local.run("preview", "--refresh", "--expect-no-changes")
    assert drift.returncode == 3, tail(drift)
    local.done("up")
    assert local.leaders() == sorted(NAMES)
    assert local.outputs() == made
    assert ask(made["serving_url"] + "/health/live")[0] == 200

    listening = [found for process in local.alive() for found in process.net_connections() if found.status == "LISTEN"]
    assert {found.laddr.ip for found in listening} == {"127.0.0.1"}

    said = local.done("down")
    assert not local.alive()
    assert f"Kept: {local.home / 'dev' / 'data'}" in said
    assert {path.name for path in (local.home / "dev").iterdir()} == {"data"}
    assert not any(_taken(found.laddr.port) for found in listening)


def test_what_the_policies_refuse_is_told_whole_and_not_made(local: Local) -> None:
    components = local.project / "infra" / "components" / "local"
    for file, right in (("platform.py", '"--host", "127.0.0.1"'), ("serving.py", '"ML_HOST": "127.0.0.1"')):
        text = (components / file).read_text()
        assert right in text
        (components / file).write_text(text.replace(right, right.replace("127.0.0.1", "0.0.0.0")))  # noqa: S104
    for verb in ("preview", "up"):
        assert "The policies refuse this: loopback (mlflow), loopback (serving);" in local.refused(verb)
        assert not local.alive()


@pytest.mark.parametrize("number", range(KILLS // 2))
def test_an_engine_killed_at_any_moment_leaves_nothing_the_next_one_cannot_put_right(local: Local, number: int) -> None:
    moments = chance(number)
    kill_after(local.start("up"), moments.uniform(0.5, 14))
    local.done("up")
    assert local.leaders() == sorted(NAMES)
    sessions = {os.getsid(process.pid) for process in local.alive()}
    assert len(sessions) == len(NAMES), "a process of the killed engine lives on beside the new one"
    kill_after(local.start("down"), moments.uniform(0.5, 6))
    local.done("down")
    assert not local.alive()


def test_a_process_that_took_over_the_number_is_left_alone(local: Local) -> None:
    local.done("up")
    psutil.Process(local.pid("schedule")).kill()
    with psutil.Popen(["sleep", "60"]) as stranger:
        (local.processes / "schedule.pid").write_text(str(stranger.pid))
        local.done("up")
        assert stranger.is_running()
        assert local.pid("schedule") != stranger.pid
        local.done("down")
        assert stranger.is_running()
        stranger.kill()


LATE = """
import socket, sys
from components.local import managed, ports, process

free_port, strangers = ports.free_port, []

def unlucky(wanted, last):
    port = free_port(wanted, last)
    if not strangers:
        strangers.append(socket.create_server(("127.0.0.1", port)))
    return port

ports.free_port = unlucky
command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
where = {"folder": sys.argv[1], "cwd": sys.argv[1], "health": "/", "seconds": 20, "port": 0}
props = {"name": "web", "command": command, "environment": {}, "config": "", "makes": "", **where}
made = managed._started(props)
assert process.answers(made["url"])
assert made["actual_port"] != strangers[0].getsockname()[1]
managed.ProcessProvider().delete("web", made)
"""


def test_a_free_port_that_somebody_takes_first_is_not_insisted_on(project: Path, tmp_path: Path) -> None:
    command = [str(project / "infra" / ".venv" / "bin" / "python"), "-c", LATE, str(tmp_path)]
    ended = subprocess.run(command, cwd=project / "infra", capture_output=True, text=True, check=False)
    assert ended.returncode == 0, tail(ended)


STARTED = """
import sys
from pathlib import Path
from components.local import process

folder = Path(sys.argv[1])
process.start(["sh", "-c", "env >env; exec sleep 60"], {"ML_PORT": "1"}, folder, "web", folder)
while not (folder / "env").exists() or "ML_PORT" not in (folder / "env").read_text():
    pass
process.stop(folder / "web.pid")
"""


def test_what_a_job_starts_is_not_handed_the_jobs_secrets(project: Path, tmp_path: Path) -> None:
    secrets = ("PULUMI_CONFIG_PASSPHRASE", "CI_ID_TOKEN", "CI_TOKEN", "REGISTRY_PASSWORD", "SYSTEM_ACCESSTOKEN")
    given = os.environ | dict.fromkeys((*secrets, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "DATABASE_USER"), "hunter2")
    command = [str(project / "infra" / ".venv" / "bin" / "python"), "-c", STARTED, str(tmp_path)]
    subprocess.run(command, cwd=project / "infra", env=given, check=True, timeout=60)
    held = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert [name for name, value in held.items() if value == "hunter2"] == ["DATABASE_USER"]


def test_a_port_that_is_taken_is_told(local: Local) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        local.configure(trackingPort=port)
        assert f"port {port} is taken" in local.refused("up")
    assert not local.alive()


def test_a_place_that_cannot_be_written_is_told(local: Local) -> None:
    (local.home / "dev").mkdir(parents=True)
    (local.home / "dev" / "data").write_text("a file where the folder should be")
    assert f"{local.home / 'dev' / 'data'} cannot be written" in local.refused("up")
    shutil.rmtree(local.home)
    local.home.write_text("a file in the place of everything")
    assert f"{local.home / 'state'} cannot be written" in local.refused("up")


def test_a_full_disk_is_told_and_with_space_again_it_comes_up(local: Local) -> None:
    local.home.mkdir(parents=True)
    disk = ["mount", "-t", "tmpfs", "tmpfs", str(local.home), "-o"]
    if subprocess.run([*disk, "size=8k"], capture_output=True, check=False).returncode:
        pytest.skip("a small disk to fill is mounted by root")
    try:
        for size in ("8k", "200k"):  # full for our own files; for a database
            subprocess.run([*disk, f"remount,size={size}"], check=True)
            assert local.refused("up") == "infra: The disk is full; free some space and run the command again."
        subprocess.run([*disk, "remount,size=1g"], check=True)
        local.done("up")
        assert local.leaders() == sorted(NAMES)
        local.done("down")
        assert not local.alive()
    finally:
        local.end()
        subprocess.run(["umount", "--lazy", str(local.home)], check=True)


def test_a_process_that_ends_at_once_is_told_with_its_last_words(local: Local) -> None:
    (local.project / "contract.yaml").write_text("no contract")
    assert "serving ended while it started: 'ml: " in local.refused("up")
    assert local.leaders() == ["mlflow"]


def test_another_passphrase_is_told(local: Local) -> None:
    local.done("preview")
    sentence = local.refused("up", **{"PULUMI_CONFIG_PASSPHRASE": "another"})
    assert sentence.startswith("infra: The passphrase is not the one")
    secret = (local.home / "passphrase").read_text()
    state = [path for path in local.home.rglob("*") if path.is_file() and path.name != "passphrase"]
    assert not [path for path in state if secret in path.read_text(errors="ignore")]
    assert (local.home / "passphrase").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"servingPorts": 1}, "ml:servingPorts is no key of the target local"),
        ({"servingPort": "often"}, "Pulumi.dev.yaml: ml:servingPort is 'often': give a whole number"),
        ({"servingPort": 70000}, "Pulumi.dev.yaml: ml:servingPort is 70000: give 0 to 65535"),
        ({"online": "redis://:hunter2@cache:6379/0"}, "online is an address with a password: give one without"),
        ({"target": "moon"}, "target is 'moon'; give one of local"),
    ],
)
def test_a_wrong_key_is_told_before_the_engine_is_asked(local: Local, values: dict[str, object], sentence: str) -> None:
    local.configure(**values)
    said = local.refused("preview")
    assert sentence in said
    assert "hunter2" not in said


def test_what_is_not_up_has_no_outputs(local: Local) -> None:
    assert "bring it up: make infra-up ENV=dev" in local.refused("outputs")
    assert "bring it up: make infra-up ENV=dev" in local.refused("env")


ENV = """
from types import SimpleNamespace

import environment
from components.contract import Outputs

made = Outputs(tracking_uri="http://host/?a=1&b=$(touch run)")
environment.outputs_of = lambda _: made
environment.env(SimpleNamespace(), [])
"""


def test_an_address_is_a_value_to_the_shell_and_no_command(project: Path, tmp_path: Path) -> None:
    command = [str(project / "infra" / ".venv" / "bin" / "python"), "-c", ENV]
    told = subprocess.run(command, cwd=project / "infra", capture_output=True, text=True, check=True).stdout
    script = f'{told}printf %s "$ML_TRACKING_URI"'
    said = subprocess.run(["sh", "-eu", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said == "http://host/?a=1&b=$(touch run)"


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_without_an_engine_the_command_that_helps_is_named(local: Local, tmp_path: Path) -> None:
    nowhere = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    assert "make engine" in local.refused("preview", **nowhere)
