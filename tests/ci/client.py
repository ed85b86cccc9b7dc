#!/usr/bin/env python3
"""Stands in for gh, glab, az and Jenkins' java: keeps what it is sent in $STATE, refuses what the systems refuse.

A second POST or create of the same name, a DELETE, PUT or update of what is not there, and a look at it end with 1.
Users and teams are there with the id 42, but for `nobody`. A POST of a body that has the key $REFUSED ends with 1.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zlib import crc32

STATE = Path(os.environ["STATE"])
KINDS: dict[str, tuple[str, Callable[[dict[str, str]], dict[str, str]]]] = {
    "approver-count": ("Minimum number of reviewers", lambda words: {}),
    "build": ("Build", lambda words: {"displayName": words["display-name"]}),
    "required-reviewer": ("Required reviewers", lambda words: {"message": words["message"]}),
}


def main() -> None:
    state: dict[str, Any] = json.loads(STATE.read_text()) if STATE.exists() else {}
    words = sys.argv[1:]
    if "install-plugin" in words:  # as often as one likes
        return
    if looked := next((word for word in words[:6] if word in LOOKS | MAKES), None):
        said = thing(state, words, looked)
    elif Path(sys.argv[0]).name != "az":
        options, path = _rest(words)
        said = rest(state, options.get("method", "GET"), path)
    elif words[1] == "invoke":
        said = invoked(state, _options(words))
    else:
        said = policy(state, words)
    STATE.write_text(json.dumps(state, indent=1))
    if said is None:
        sys.exit(f"{' '.join(words)}: 404")
    print(json.dumps(said))


LOOKS = {"view", "show"}
MAKES = {"create"}


def thing(state: dict[str, Any], words: list[str], verb: str) -> Any:
    """A repository, or a pipeline, by its name; a user is there, but for nobody."""
    if "user" in words:
        return None if "nobody" in words else {"id": "42"}
    if words[:2] == ["repos", "policy"]:
        return policy(state, words)
    options, held = _options(words), state.setdefault("things", [])
    positional = words[words.index(verb) + 1]
    name = f"{words[0]} {options.get('name') or (options.get('repository') if verb == 'show' else None) or positional}"
    if verb in MAKES:
        if name in held:
            return None
        held.append(name)
        if "--remote" in words:
            subprocess.run(
                ["git", "remote", "add", "origin", f"https://github.invalid/{name.split()[1]}.git"], check=True
            )
    return {"id": "42"} if name in held else None


def _rest(words: list[str]) -> tuple[dict[str, str], str]:
    path = next(
        word for word in words[1:] if ("/" in word and not word.startswith("Content-Type")) or word == "projects/:id"
    )
    return _options(words), path


def _options(words: list[str]) -> dict[str, str]:
    return {
        word[2:]: following for word, following in zip(words, [*words[1:], ""], strict=True) if word.startswith("--")
    }


def rest(state: dict[str, Any], method: str, path: str) -> Any:
    """A collection holds named things; a path below it names one, by its name or id."""
    if path.startswith(("users", "orgs", "groups")):
        return None if "nobody" in path else [{"id": 42}] if "?" in path else {"id": 42}
    if method == "GET":
        if path.endswith("/deployment-branch-policies"):
            return {"branch_policies": list(state.get(path, {}).values())}
        return _one(state, path) or (list(state[path].values()) if path in state else None)
    body: dict[str, Any] = {} if method == "DELETE" else json.load(sys.stdin)
    if method == "POST":
        held = state.setdefault(path, {})
        name = body.get("name") or body["description"]
        if name in held or os.environ.get("REFUSED") in body:
            return None
        held[name] = body | {"id": crc32(name.encode())}
        return held[name]
    collection, _, name = path.rpartition("/")
    held = state.setdefault(collection, {})
    found = next((key for key, one in held.items() if unquote(name) in (key, str(one.get("id")))), None)
    if method == "DELETE":
        return None if found is None else held.pop(found)
    if found is None and "/rulesets/" in path:
        return None
    held[found or name] = body | {"id": held[found]["id"] if found else crc32(name.encode())}
    return held[found or name]


def _one(state: dict[str, Any], path: str) -> Any:
    collection, _, name = path.rpartition("/")
    return state.get(collection, {}).get(name)


def policy(state: dict[str, Any], words: list[str]) -> Any:
    held, options = state.setdefault("policies", []), _options(words)
    if words[2] == "list":
        return held
    found = next((one for one in held if str(one["id"]) == options.get("id")), None)
    if words[2] == "delete":
        return None if found is None else held.remove(found) or {}
    type_, settings = KINDS[words[2]]
    made = {"type": {"displayName": type_}, "settings": settings(options), "words": words[words.index("--branch") :]}
    if words[3] == "update":
        return None if found is None else found.update(made) or found
    held.append(made | {"id": len(held) + 1})
    return held[-1]


def invoked(state: dict[str, Any], options: dict[str, str]) -> Any:
    held = state.setdefault(options["resource"], [])
    method = options.get("http-method", "GET")
    if method == "GET":
        wanted = next((word.partition("=")[2] for word in sys.argv if word.startswith("resourceId=")), None)
        return {"value": [one for one in held if wanted in (None, one.get("resource", {}).get("id"))]}
    number = next((word.partition("=")[2] for word in sys.argv if word.startswith("id=")), None)
    found = next((one for one in held if str(one["id"]) == number), None)
    if method == "DELETE":
        return None if found is None else held.remove(found) or {}
    body = json.load(sys.stdin)
    if method == "PATCH":
        return None if found is None else found.update(body) or found
    if body.get("name") in [one.get("name") for one in held if "name" in one]:
        return None
    held.append(body | {"id": len(held) + 1})
    return held[-1]


if __name__ == "__main__":
    main()
