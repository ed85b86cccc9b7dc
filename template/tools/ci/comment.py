"""Show var/infra/preview.txt on the change request: one comment, kept up to date.

    python tools/ci/comment.py

CI_TOKEN is the job's own token (GitHub, Azure). Elsewhere, where it may only read, and where nobody answers, the
preview stays in the job's log and artifacts.
"""

import json
import os
import sys
import urllib.request
from itertools import chain, count, takewhile
from pathlib import Path
from typing import Any

PREVIEW = Path("var/infra/preview.txt")
MARK = "<!-- infrastructure preview -->"
LONGEST = 60_000
"""Letters; the systems refuse a little more."""


def text() -> str:
    shown = PREVIEW.read_text("utf-8").strip()
    if len(shown) > LONGEST:
        shown = shown[:LONGEST] + "\n... (all of it is in the job's log)"
    return f"{MARK}\n### Infrastructure preview\n\n```\n{shown}\n```\n"


def ask(method: str, address: str, body: Any = None) -> Any:
    headers = {"authorization": f"Bearer {os.environ['CI_TOKEN']}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address, data, headers, method=method)  # noqa: S310 - the system's own address
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def on_github(shown: str) -> None:
    event = json.loads(Path(os.environ["GITHUB_EVENT_PATH"]).read_text("utf-8"))
    base = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    comments = f"{base}/{event['pull_request']['number']}/comments"
    pages = (ask("GET", f"{comments}?per_page=100&page={number}") for number in count(1))
    held = chain.from_iterable(takewhile(bool, pages))
    if earlier := next((found["id"] for found in held if found["body"].startswith(MARK)), None):
        ask("PATCH", f"{base}/comments/{earlier}", {"body": shown})
    else:
        ask("POST", comments, {"body": shown})


def on_azure(shown: str) -> None:
    given = os.environ
    base = f"{given['SYSTEM_COLLECTIONURI']}{given['SYSTEM_TEAMPROJECTID']}/_apis/git/repositories/"
    threads = f"{base}{given['BUILD_REPOSITORY_ID']}/pullRequests/{given['SYSTEM_PULLREQUEST_PULLREQUESTID']}/threads"
    for thread in ask("GET", f"{threads}?api-version=7.1")["value"]:
        first = (thread["comments"] or [{}])[0]
        if str(first.get("content", "")).startswith(MARK):
            where = f"{threads}/{thread['id']}/comments/{first['id']}?api-version=7.1"
            ask("PATCH", where, {"content": shown})
            return
    comment = {"comments": [{"content": shown, "commentType": 1}], "status": "closed"}
    ask("POST", f"{threads}?api-version=7.1", comment)


def main() -> int:
    if not PREVIEW.exists():
        print(f"comment: {PREVIEW} is missing; run make infra-preview first.", file=sys.stderr)
        return 2
    shown = text()
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(shown)
    systems = {"GITHUB_EVENT_PATH": on_github, "SYSTEM_COLLECTIONURI": on_azure}
    post = next((post for sign, post in systems.items() if sign in os.environ), None)
    if post is None or "CI_TOKEN" not in os.environ:
        print(f"comment: {PREVIEW} is kept with the job; this system has no comment that a job may write")
        return 0
    try:
        post(shown)
    except (OSError, ValueError) as error:  # no right, no network, no JSON: a comment is not worth a red job
        print(f"comment: it was not written ({error}); the preview is in the job's log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
