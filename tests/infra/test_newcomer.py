"""The README's section on environments, word for word."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.local import Local, ask
from tests.projects import done, tail

ROW = {
    "scheduled": "2013-06-01T12:00:00Z",
    "origin": "JFK",
    "dest": "BOS",
    "carrier": "B6",
    "distance": 187,
    "scheduled_minutes": 60,
    "seats": 100,
}


def test_the_readme_leads_to_a_prediction(project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    section = (project / "README.md").read_text().split("## As an environment")[1].split("## ")[0]
    commands = [line.split("#")[0].strip() for line in section.split("```")[1].strip().splitlines()]
    assert len(commands) <= 5
    up, env, promote, down = commands
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path))
    local = Local(project)
    try:
        done(project, *up.split())
        script = f"set -eu; {env}; tools/{promote}; env | grep ^ML_SERVING_URL="
        ended = subprocess.run(["sh", "-c", script], cwd=project, env=local.variables, capture_output=True, text=True)
        assert ended.returncode == 0, tail(ended)
        (url,) = re.findall(r"ML_SERVING_URL=(\S+)", ended.stdout)
        body = json.dumps({"dataframe_records": [ROW]}).encode()
        status, answer = ask(url + "/invocations", body)
        assert (status, b"predictions" in answer) == (200, True)
        done(project, *down.split())
        assert not local.alive()
    finally:
        local.end()
