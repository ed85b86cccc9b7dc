"""Log in as this CI job: its own short-lived OIDC token, handed to the platforms that tools/ci/identity.yaml names.

    python tools/ci/identity.py ENVIRONMENT

Nothing is exchanged here: the token and what the platforms' own clients read go to var/ci, and var/ci/login.mk hands
the names of these files to the make targets after it.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

FILE = Path("tools/ci/identity.yaml")
FOLDER = Path("var/ci").resolve()
TOKEN = FOLDER / "token"
PLAIN = re.compile(r"[\w.:/@=+,-]+", re.ASCII)
Variables = dict[str, str]


class Failed(Exception):
    """What is wrong, in a sentence."""


def token(audience: str) -> str:
    """The job's OIDC token, wherever this system gives it. Raises Failed outside of CI or without the permission."""
    given = os.environ.get
    if found := given("CI_ID_TOKEN"):  # GitLab's id_tokens, Jenkins' credential
        return found
    if address := given("ACTIONS_ID_TOKEN_REQUEST_URL"):
        return str(_asked(f"{address}&audience={audience}", given("ACTIONS_ID_TOKEN_REQUEST_TOKEN"), "GET")["value"])
    if address := given("SYSTEM_OIDCREQUESTURI"):
        connection = given("SERVICE_CONNECTION_ID")
        suffix = f"&serviceConnectionId={connection}" if connection else ""
        return str(_asked(f"{address}?api-version=7.1{suffix}", given("SYSTEM_ACCESSTOKEN"), "POST")["oidcToken"])
    raise Failed("this is no CI job that may ask for an OIDC token; log in by hand, or give the job the permission.")


def _asked(address: str, bearer: str | None, method: str) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
    request = urllib.request.Request(address, b"" if method == "POST" else None, headers, method=method)  # noqa: S310 - the system's own address
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return dict(json.load(answer))
    except (urllib.error.URLError, ValueError) as error:
        raise Failed(f"the CI system gave no OIDC token: {error}.") from None


def aws(told: dict[str, str]) -> Variables:
    return {
        "AWS_ROLE_ARN": told["role"],
        "AWS_REGION": told["region"],
        "AWS_ROLE_SESSION_NAME": "ci",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(TOKEN),
    }


def gcp(told: dict[str, str]) -> Variables:
    credentials = {
        "type": "external_account",
        "audience": f"//iam.googleapis.com/{told['provider']}",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": {"file": str(TOKEN)},
        "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
        f"{told['account']}:generateAccessToken",
    }
    return {"GOOGLE_APPLICATION_CREDENTIALS": _written("gcp.json", credentials)}


def azure(told: dict[str, str]) -> Variables:
    client, tenant = told["client"], told["tenant"]
    own = {"AZURE_CLIENT_ID": client, "AZURE_TENANT_ID": tenant, "AZURE_FEDERATED_TOKEN_FILE": str(TOKEN)}
    pulumi = {"ARM_USE_OIDC": "true", "ARM_CLIENT_ID": client, "ARM_TENANT_ID": tenant}
    return own | pulumi | {"ARM_SUBSCRIPTION_ID": told["subscription"], "ARM_OIDC_TOKEN_FILE_PATH": str(TOKEN)}


def kubernetes(told: dict[str, str]) -> Variables:
    cluster = {"server": told["server"], "certificate-authority-data": told["authority"]}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "ci", "cluster": cluster}],
        "users": [{"name": "ci", "user": {"tokenFile": str(TOKEN)}}],
        "contexts": [{"name": "ci", "context": {"cluster": "ci", "user": "ci", "namespace": told["namespace"]}}],
        "current-context": "ci",
    }
    return {"KUBECONFIG": _written("kubeconfig", config)}


def _written(name: str, content: dict[str, Any]) -> str:
    return str(_private(FOLDER / name, json.dumps(content, indent=2)))


def _private(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)
    return path


PLATFORMS = {"aws": aws, "gcp": gcp, "azure": azure, "kubernetes": kubernetes}


def _told(environment: str) -> dict[str, Any]:
    """What the file says of an environment. Raises Failed where it says something else than keys and plain text."""
    try:
        held = yaml.safe_load(FILE.read_text("utf-8")) or {}
    except yaml.YAMLError as error:
        raise Failed(f"{FILE} is not YAML: {' '.join(str(error).split())}.") from None
    told: dict[str, Any] = _keys(held, str(FILE)).get(environment) or {}
    for name, value in _keys(told, f"{FILE}: {environment}").items():
        where = f"{FILE}: {environment}.{name}"
        inside = {"": value} if name == "audience" else _keys(value, where)
        for key, text in inside.items():
            # make reads it, where a dollar or a line's end would mean something.
            if not isinstance(text, str) or not PLAIN.fullmatch(text):
                named = f"{where}.{key}".rstrip(".")
                raise Failed(f"{named} must be letters, digits and .:/_@=+,- (a number in quotes).")
    return told


def _keys(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Failed(f"{where} must hold keys, not {value!r:.40}.")
    return value


def login(environment: str) -> str:
    """Log in to an environment's platforms; what was done, in a sentence."""
    told = _told(environment)
    platforms = {name: keys for name, keys in told.items() if name != "audience"}
    _private(FOLDER / "login.mk", "")
    if not platforms:
        return f"{FILE} names nothing for {environment}; no login is needed"
    variables: Variables = {}
    for name, keys in platforms.items():
        if name not in PLATFORMS:
            raise Failed(f"{FILE}: {environment}.{name} is none of {', '.join(PLATFORMS)}.")
        try:
            variables |= PLATFORMS[name](keys)
        except KeyError as error:
            raise Failed(f"{FILE}: {environment}.{name} lacks {error}.") from None
    _private(TOKEN, token(told.get("audience", "slipway")))
    _private(FOLDER / "login.mk", "".join(f"export {name} := {value}\n" for name, value in variables.items()))
    return f"logged in to {environment}: {', '.join(platforms)}"


def main() -> int:
    try:
        print(login(sys.argv[1] if len(sys.argv) > 1 else "dev"))
    except Failed as error:
        print(f"login: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
