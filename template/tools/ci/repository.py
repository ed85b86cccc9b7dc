"""Protect the main branch and the environments as this repository says, through the system's own client (gh, glab, az).

    python tools/ci/repository.py [--show]

Who approves comes from roles.yaml. Run it again after changing people: the new settings take the place of the earlier
ones, and twice the same changes nothing. --show prints what it would send and needs no client.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from owners import FILES, Failed, approvers

ENVIRONMENTS = ("staging", "production", "watch")
GUARDED = ("staging", "production")
"""Environments whose approvers roles.yaml names; until somebody is named, they wait for nobody in particular."""

Call = tuple[list[str], Any]
"""A command, and the JSON on its standard input (None: nothing)."""


class Unknown(Exception):
    """Somebody or something that the system does not know, in a sentence."""


class Client:
    """Runs the calls of one system, or only prints them."""

    def __init__(self, show: bool) -> None:
        self.show = show
        self.sent = 0

    def ask(self, *command: str) -> Any:
        """What a command that only looks answers, read as JSON; None when there is no such thing, or nothing is run."""
        if self.show:
            return None
        ended = subprocess.run(list(command), capture_output=True, text=True, check=False)
        return json.loads(ended.stdout or "null") if ended.returncode == 0 else None

    def number(self, who: str, found: Any) -> Any:
        """The id in an answer. Raises Unknown when there was none."""
        first = (found[0] if found else None) if isinstance(found, list) else found
        if first is None and not self.show:
            raise Unknown(f"'{who}' is not known there, or you may not see it")
        return f"<id of {who}>" if first is None else first["id"]

    def send(self, command: list[str], body: Any) -> None:
        self.sent += 1
        text = "" if body is None else json.dumps(body)
        if self.show:
            print(" ".join(command), text)
            return
        subprocess.run(command, input=text, text=True, check=True, stdout=subprocess.DEVNULL)


def github(client: Client) -> Iterator[Call]:
    api, here = ["gh", "api"], "repos/{owner}/{repo}"
    ruleset = json.loads(Path(".github/ruleset.json").read_text("utf-8"))
    found = [one["id"] for one in client.ask(*api, f"{here}/rulesets") or [] if one["name"] == ruleset["name"]]
    where = ["PUT", f"{here}/rulesets/{found[0]}"] if found else ["POST", f"{here}/rulesets"]
    yield [*api, "--method", *where, "--input", "-"], ruleset
    for name in ENVIRONMENTS:
        reviewers = []
        for person in approvers(name):
            organisation, _, team = person.removeprefix("@").partition("/")
            address = f"orgs/{organisation}/teams/{team}" if team else f"users/{organisation}"
            number = client.number(person, client.ask(*api, address))
            reviewers.append({"type": "Team" if team else "User", "id": number})
        # Not `protected_branches`: a ruleset does not make a branch one of these, and then any branch may deploy.
        named = {"protected_branches": False, "custom_branch_policies": True}
        settings = {"reviewers": reviewers, "prevent_self_review": False, "deployment_branch_policy": named}
        yield [*api, "--method", "PUT", f"{here}/environments/{name}", "--input", "-"], settings
        policies = f"{here}/environments/{name}/deployment-branch-policies"
        allowed = (client.ask(*api, policies) or {"branch_policies": []})["branch_policies"]
        if "main" not in [policy["name"] for policy in allowed]:
            yield [*api, "--method", "POST", policies, "--input", "-"], {"name": "main"}


def gitlab(client: Client) -> Iterator[Call]:
    api, here = ["glab", "api", "--header", "Content-Type: application/json"], "projects/:id"

    def replace(kind: str, name: str, settings: dict[str, Any]) -> None:
        """Not every plan changes levels in place. Where the new ones are refused, the maintainers' take their place."""
        make = [*api, "--method", "POST", f"{here}/{kind}", "--input", "-"]
        held = client.ask("glab", "api", f"{here}/{kind}/{name}")
        if held:
            client.send(["glab", "api", "--method", "DELETE", f"{here}/{kind}/{name}"], None)
        try:
            client.send(make, {"name": name} | settings)
        except subprocess.CalledProcessError:
            if held:
                client.send(make, {"name": name, "deploy_access_levels": [{"access_level": 40}]})
            raise

    merging = {"only_allow_merge_if_pipeline_succeeds": True, "merge_method": "ff"}
    yield [*api, "--method", "PUT", here, "--input", "-"], merging
    pushing = {"push_access_level": 0, "merge_access_level": 30, "code_owner_approval_required": True}
    replace("protected_branches", "main", pushing)
    for name in GUARDED:
        rules = []
        for person in approvers(name):
            account = person.removeprefix("@")
            group = "/" in account
            address = "groups/" + account.replace("/", "%2F") if group else f"users?username={account}"
            number = client.number(person, client.ask("glab", "api", address))
            rules.append({"group_id" if group else "user_id": number, "required_approvals": 1})
        deployers = {"deploy_access_levels": [{"access_level": 30}], "approval_rules": rules}
        replace("protected_environments", name, deployers)
    nightly = {"description": "watch", "ref": "main", "cron": "43 4 * * *"}
    schedules = client.ask("glab", "api", f"{here}/pipeline_schedules") or []
    if "watch" not in [schedule["description"] for schedule in schedules]:
        yield [*api, "--method", "POST", f"{here}/pipeline_schedules", "--input", "-"], nightly


def azure(client: Client) -> Iterator[Call]:
    project, name = _names(client)
    repository = client.number(name, client.ask("az", "repos", "show", "--repository", name))
    branch = ["--branch", "main", "--repository-id", repository]
    held = client.ask("az", "repos", "policy", "list", *branch) or []

    def policy(kind: str, words: list[str], type_: str, named: str = "") -> Call:
        """Made, or changed when there is one of its type and name."""
        same = [one for one in held if one["type"]["displayName"] == type_ and _called(one) == named]
        how = ["update", "--id", str(same[0]["id"])] if same else ["create"]
        return ["az", "repos", "policy", kind, *how, *branch, "--blocking", "true", "--enabled", "true", *words], None

    count = ["--minimum-approver-count", "1", "--creator-vote-counts", "false", "--allow-downvotes", "false"]
    yield policy("approver-count", [*count, "--reset-on-source-push", "true"], "Minimum number of reviewers")
    # Azure Repos starts a change request's pipeline by a policy alone.
    pipeline = client.number(name, client.ask("az", "pipelines", "show", "--name", name))
    build = ["--build-definition-id", str(pipeline), "--display-name", "change", "--valid-duration", "0"]
    triggers = ["--queue-on-source-update-only", "false", "--manual-queue-only", "false"]
    yield policy("build", [*build, *triggers], "Build", "change")
    for what, paths in FILES.items():
        if people := approvers(what):
            required = ["--required-reviewer-ids", ";".join(people), "--path-filter", ";".join(paths)]
            yield policy("required-reviewer", [*required, "--message", what], "Required reviewers", what)
        elif old := [one["id"] for one in held if _called(one) == what]:
            yield ["az", "repos", "policy", "delete", "--id", str(old[0]), "--yes"], None
    for environment in ENVIRONMENTS:
        yield from _azure_environment(client, project, environment)


def _names(client: Client) -> tuple[str, str]:
    """Project and repository, from .../PROJECT/_git/NAME or v3/ORGANISATION/PROJECT/NAME."""
    if client.show:
        return "PROJECT", "NAME"
    asked = subprocess.run(["git", "config", "remote.origin.url"], capture_output=True, text=True, check=False)
    parts = asked.stdout.strip().replace("/_git/", "/").split("/")
    if len(parts) < 2:
        raise Unknown("the remote 'origin' is not set, or no address of Azure Repos")
    return parts[-2], parts[-1]


def _called(policy: dict[str, Any]) -> str:
    settings = policy["settings"]
    return str(settings.get("message") or settings.get("displayName") or "")


CHECKS = {
    "Approval": "8c6f20a7-a545-4486-9777-f762fafe0d4d",
    "ExclusiveLock": "2ef31ad6-baa0-403a-8b45-2cbc9b4e5563",
}
"""Azure's kinds of checks that are asked for, by the numbers it knows them by. Their timeout is in minutes."""


def _azure_environment(client: Client, project: str, name: str) -> Iterator[Call]:
    """An environment, one run at a time, and its approval when roles.yaml names somebody."""
    call = ["az", "devops", "invoke", "--api-version", "7.1-preview", "--route-parameters", f"project={project}"]
    environments = [*call, "--area", "distributedtask", "--resource", "environments"]
    checks = [*call, "--area", "PipelinesChecks", "--resource", "configurations"]

    def look() -> list[dict[str, Any]]:
        found = client.ask(*environments) or {"value": []}
        return [one for one in found["value"] if one["name"] == name]

    if not look():
        yield [*environments, "--http-method", "POST", "--in-file", "/dev/stdin"], {"name": name}
    number = str(client.number(name, look()))
    found = client.ask(*checks, "--query-parameters", "resourceType=environment", f"resourceId={number}")
    held = {one["type"]["name"]: str(one["id"]) for one in (found or {"value": []})["value"]}
    resource = {"type": "environment", "id": number, "name": name}
    people = approvers(name)
    users = [client.number(who, client.ask("az", "devops", "user", "show", "--user", who)) for who in people]
    approval = {"approvers": [{"id": user} for user in users], "minRequiredApprovers": 1}
    # Without the lock, two runs of a stage overlap whatever its lockBehavior says.
    for kind, settings, wanted in (("Approval", approval, bool(people)), ("ExclusiveLock", {}, True)):
        check = {
            "type": {"id": CHECKS[kind], "name": kind},
            "settings": settings,
            "resource": resource,
            "timeout": 4320,
        }
        at = ["--route-parameters", f"project={project}", f"id={held.get(kind)}"]
        if wanted:
            where = ["PATCH", *at] if kind in held else ["POST"]
            yield [*checks, "--http-method", *where, "--in-file", "/dev/stdin"], check
        elif kind in held:
            yield [*checks, "--http-method", "DELETE", *at], None


def jenkins(client: Client) -> Iterator[Call]:
    """Nothing to send: the Jenkinsfile asks the approvers, and reads who they are each time."""
    yield from ()


SYSTEMS = {".github": github, ".gitlab-ci.yml": gitlab, "azure-pipelines.yml": azure, "Jenkinsfile": jenkins}

UNGUARDED = {".gitlab-ci.yml": "anybody who may deploy starts it", "Jenkinsfile": "anybody who may build may say yes"}
"""Where a delivery waits even while roles.yaml names nobody."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Protect the main branch and the environments.")
    parser.add_argument("--show", action="store_true", help="print what would be sent")
    client = Client(parser.parse_args().show)
    try:
        for file, calls in SYSTEMS.items():
            if Path(file).exists():
                for command, body in calls(client):
                    client.send(command, body)
    except FileNotFoundError as error:
        print(f"repository: {error.filename} is missing; install the system's command line client.", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"repository: {' '.join(error.cmd)} ended with {error.returncode}; see above.", file=sys.stderr)
        return 2
    except Failed as error:
        print(f"repository: {error}", file=sys.stderr)
        return 2
    except Unknown as error:
        print(f"repository: {error}; look at roles.yaml and at your login.", file=sys.stderr)
        return 2
    print(f"{client.sent} settings {'shown' if client.show else 'sent'}", file=sys.stderr)
    if not approvers("production"):
        asked = next((who for file, who in UNGUARDED.items() if Path(file).exists()), "nobody is asked")
        print(f"repository: nobody approves production, so {asked}: name people in roles.yaml.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
