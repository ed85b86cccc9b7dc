"""Protect the main branch and the environments as this repository says, through the system's own client (gh, glab, az).

    python tools/ci/repository.py [--show]

Who approves comes from roles.yaml. Run it again after changing people: GitHub and GitLab take the new settings in place
of the earlier ones, Azure beside them. --show prints what it would send and needs no client.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from owners import FILES, approvers

ENVIRONMENTS = ("staging", "production", "watch")
GUARDED = ("staging", "production")
"""Environments whose approvers roles.yaml names; staging waits for nobody until somebody is named."""

Call = tuple[list[str], Any]
"""A command, and the JSON on its standard input (None: nothing)."""


class Client:
    """Runs the calls of one system, or only prints them."""

    def __init__(self, show: bool) -> None:
        self.show = show

    def ask(self, *command: str) -> str:
        """What a command that only looks answers; a placeholder when nothing is run."""
        if self.show:
            return f"<{' '.join(command)}>"
        ended = subprocess.run(list(command), capture_output=True, text=True, check=False)
        return ended.stdout.strip() if ended.returncode == 0 else ""

    def send(self, command: list[str], body: Any) -> None:
        text = "" if body is None else json.dumps(body)
        if self.show:
            print(" ".join(command), text)
            return
        subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def github(client: Client) -> Iterator[Call]:
    api, here = ["gh", "api"], "repos/{owner}/{repo}"
    ruleset = json.loads(Path(".github/ruleset.json").read_text("utf-8"))
    found = client.ask(*api, f"{here}/rulesets", "--jq", f'.[] | select(.name == "{ruleset["name"]}") | .id')
    where = ["--method", "PUT", f"{here}/rulesets/{found}"] if found else ["--method", "POST", f"{here}/rulesets"]
    yield [*api, *where, "--input", "-"], ruleset
    for name in ENVIRONMENTS:
        reviewers = []
        for person in approvers(name):
            organisation, _, team = person.removeprefix("@").partition("/")
            address = f"orgs/{organisation}/teams/{team}" if team else f"users/{organisation}"
            reviewers.append({"type": "Team" if team else "User", "id": client.ask(*api, address, "--jq", ".id")})
        for reviewer in reviewers:
            reviewer["id"] = int(reviewer["id"]) if reviewer["id"].isdigit() else reviewer["id"]
        only_main = {"protected_branches": True, "custom_branch_policies": False}
        settings = {"reviewers": reviewers, "prevent_self_review": False, "deployment_branch_policy": only_main}
        yield [*api, "--method", "PUT", f"{here}/environments/{name}", "--input", "-"], settings


def gitlab(client: Client) -> Iterator[Call]:
    api, here = ["glab", "api", "--header", "Content-Type: application/json"], "projects/:id"
    merging = {"only_allow_merge_if_pipeline_succeeds": True, "merge_method": "ff"}
    yield [*api, "--method", "PUT", here, "--input", "-"], merging
    yield ["glab", "api", "--method", "DELETE", f"{here}/protected_branches/main", "--silent"], None
    branch = {"name": "main", "push_access_level": 0, "merge_access_level": 30, "code_owner_approval_required": True}
    yield [*api, "--method", "POST", f"{here}/protected_branches", "--input", "-"], branch
    for name in GUARDED:
        rules = []
        for person in approvers(name):
            account = person.removeprefix("@")
            kind, address = ("group_id", "groups/" + account.replace("/", "%2F"))
            if "/" not in account:
                kind, address = ("user_id", f"users?username={account}")
            answer = client.ask("glab", "api", address)
            found = json.loads(answer) if answer.startswith(("{", "[")) else {"id": answer}
            rules.append({kind: (found[0] if isinstance(found, list) else found)["id"], "required_approvals": 1})
        deployers = [{"access_level": 30}]
        guarded = {"name": name, "deploy_access_levels": deployers, "approval_rules": rules}
        yield ["glab", "api", "--method", "DELETE", f"{here}/protected_environments/{name}", "--silent"], None
        yield [*api, "--method", "POST", f"{here}/protected_environments", "--input", "-"], guarded
    nightly = {"description": "watch", "ref": "main", "cron": "43 4 * * *"}
    if not client.ask("glab", "api", f"{here}/pipeline_schedules") or client.show:
        yield [*api, "--method", "POST", f"{here}/pipeline_schedules", "--input", "-"], nightly


def azure(client: Client) -> Iterator[Call]:
    repository = client.ask("az", "repos", "list", "--query", "[0].id", "--output", "tsv")
    policy = ["az", "repos", "policy"]
    shared = ["--branch", "main", "--repository-id", repository, "--blocking", "true", "--enabled", "true"]
    count = ["--minimum-approver-count", "1", "--creator-vote-counts", "false", "--allow-downvotes", "false"]
    yield [*policy, "approver-count", "create", *shared, *count, "--reset-on-source-push", "true"], None
    for what, paths in FILES.items():
        if people := approvers(what):
            required = ["--required-reviewer-ids", ";".join(people), "--path-filter", ";".join(paths)]
            yield [*policy, "required-reviewer", "create", *shared, *required, "--message", what], None
    call = ["az", "devops", "invoke", "--api-version", "7.1-preview"]
    invoke = [*call, "--http-method", "POST", "--in-file", "/dev/stdin"]
    look = [*call, "--area", "distributedtask", "--resource", "environments", "--output", "tsv"]
    for name in ENVIRONMENTS:
        number = client.ask(*look, "--query", f"value[?name=='{name}'].id")
        if not number:
            yield [*invoke, "--area", "distributedtask", "--resource", "environments"], {"name": name}
            number = client.ask(*look, "--query", f"value[?name=='{name}'].id")
        if people := approvers(name):
            found = [client.ask("az", "devops", "user", "show", "--user", who, "--query", "id") for who in people]
            settings = {"approvers": [{"id": id.strip('"')} for id in found], "minRequiredApprovers": 1}
            guarded = {"type": "environment", "id": number, "name": name}
            check = {"type": {"name": "Approval"}, "settings": settings, "resource": guarded}
            yield [*invoke, "--area", "PipelinesChecks", "--resource", "configurations"], check


def jenkins(client: Client) -> Iterator[Call]:
    """Nothing to send: the Jenkinsfile asks the approvers, and reads who they are each time."""
    yield from ()


SYSTEMS = {".github": github, ".gitlab-ci.yml": gitlab, "azure-pipelines.yml": azure, "Jenkinsfile": jenkins}


def main() -> int:
    parser = argparse.ArgumentParser(description="Protect the main branch and the environments.")
    parser.add_argument("--show", action="store_true", help="print what would be sent")
    client = Client(parser.parse_args().show)
    sent = 0
    try:
        for file, calls in SYSTEMS.items():
            if Path(file).exists():
                for command, body in calls(client):
                    client.send(command, body)
                    sent += 1
    except FileNotFoundError as error:
        print(f"repository: {error.filename} is missing; install the system's command line client.", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"repository: {' '.join(error.cmd)} ended with {error.returncode}; see above.", file=sys.stderr)
        return 2
    print(f"{sent} settings {'shown' if client.show else 'sent'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
