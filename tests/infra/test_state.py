"""Where the engine keeps what it made: a folder of this machine, unless one says otherwise; in CI one should."""

import json
import subprocess
from pathlib import Path

from tests.infra.local import Local

ASK = """
import json, sys
from pathlib import Path
from components import pulumi_command

print(json.dumps(pulumi_command.environment("staging", sys.argv[1], Path(sys.argv[2])).variables))
"""


def asked(local: Local, target: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The engine's variables as JSON."""
    infra = local.project / "infra"
    surroundings = {key: value for key, value in local.variables.items() if key not in ("CI", "TF_BUILD")}
    return subprocess.run(
        [str(infra / ".venv" / "bin" / "python"), "-c", ASK, target, str(infra)],
        env=surroundings | variables,
        capture_output=True,
        text=True,
        check=True,
    )


def test_what_would_be_gone_with_its_job_is_told(local: Local) -> None:
    shared = {"CI": "true", "PULUMI_BACKEND_URL": "s3://bucket"}
    for job in ({"CI": "true"}, {"TF_BUILD": "True"}, {"CI": "true", "PULUMI_BACKEND_URL": ""}):
        told = asked(local, "kubernetes", **job).stderr
        assert len(told.splitlines()) == 1
        assert "PULUMI_BACKEND_URL" in told
        assert asked(local, "local", **job).stderr == ""
    for job in (shared, shared | {"PULUMI_CONFIG_PASSPHRASE": ""}):
        assert (
            "Pulumi.staging.yaml a secretsprovider, or the job PULUMI_CONFIG_PASSPHRASE"
            in asked(local, "kubernetes", **job).stderr
        )
    for job in (
        {},
        shared | {"PULUMI_CONFIG_PASSPHRASE": "x"},
        shared | {"PULUMI_BACKEND_URL": "https://api.pulumi.com"},
    ):
        assert asked(local, "kubernetes", **job).stderr == ""
    with (local.project / "infra" / "Pulumi.staging.yaml").open("a") as file:
        file.write("secretsprovider: awskms://alias/ml\n")
    assert asked(local, "kubernetes", **shared).stderr == ""


def test_a_folder_of_states_is_found_where_it_was_made(local: Local) -> None:
    for given, meant in (("~/x", Path.home() / "x"), ("./x", local.project / "x"), ("/y/x", Path("/y/x"))):
        held = json.loads(asked(local, "local", PULUMI_BACKEND_URL=f"file://{given}").stdout)
        assert held["PULUMI_BACKEND_URL"] == f"file://{meant}"
    held = json.loads(asked(local, "local", PULUMI_BACKEND_URL="s3://bucket/~").stdout)
    assert held["PULUMI_BACKEND_URL"] == "s3://bucket/~"


def test_a_variable_that_ci_hands_on_without_a_value_is_not_set(local: Local) -> None:
    names = ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE")
    home = local.project / "var" / "infra"
    held = json.loads(asked(local, "local", CI="true", **dict.fromkeys(names, "")).stdout)
    assert held["PULUMI_BACKEND_URL"] == f"file://{home / 'state'}"
    assert held["PULUMI_CONFIG_PASSPHRASE_FILE"] == str(home / "passphrase")
    assert "PULUMI_CONFIG_PASSPHRASE" not in held
    given = dict.fromkeys(names, "s3://bucket")
    held = json.loads(asked(local, "local", **given).stdout)
    assert given.items() <= held.items()
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in held
