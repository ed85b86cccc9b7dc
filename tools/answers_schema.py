"""Write blueprints/answers.schema.json: what an answers file may hold, made from copier.yml.

    python tools/answers_schema.py [--check]

Copier ignores unknown keys and answers a wrong value with a traceback; with the schema an editor or check-jsonschema
says it in one line. Hidden (computed) questions are left out, so that nobody can override them.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "blueprints" / "answers.schema.json"
TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
PATTERNS = {
    "project_name": r"^(?=.{1,30}$)[a-z][a-z0-9]*(-[a-z0-9]+)*$",
    "repository": r"^$|^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$",
}

TAKEN = "taken-or-no-text"
NO_TEXT = {"false", "n", "no", "null", "off", "on", "true", "y", "yes"}
"""What Copier's YAML does not take for text."""


def questions() -> dict[str, dict[str, Any]]:
    """The questions of copier.yml that a person may answer."""
    content = yaml.safe_load((ROOT / "copier.yml").read_text())
    return {
        name: spec for name, spec in content.items() if not name.startswith("_") and spec.get("when", True) is not False
    }


def choices(spec: dict[str, Any]) -> list[Any]:
    """The values a question offers; empty when it is free."""
    offered = spec.get("choices", [])
    return list(offered.values()) if isinstance(offered, dict) else list(offered)


def schema() -> dict[str, Any]:
    properties = {}
    for name, spec in questions().items():
        entry: dict[str, Any] = {"type": TYPES[spec["type"]], "description": spec["help"]}
        if choices(spec):
            entry["enum"] = choices(spec)
        if name in PATTERNS:
            entry["pattern"] = PATTERNS[name]
        if name == "project_name":
            entry["not"] = {"$ref": f"#/$defs/{TAKEN}"}
        properties[name] = entry
    taken = {name.replace("_", "-") for name in (ROOT / "tools" / "reserved.txt").read_text().split()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Answers to the Slipway template",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "$defs": {TAKEN: {"enum": sorted(taken | NO_TEXT)}},
    }


def main() -> int:
    text = json.dumps(schema(), indent=2) + "\n"
    if "--check" in sys.argv[1:]:
        if SCHEMA.read_text() != text:
            print("blueprints/answers.schema.json is out of date; run: make schema", file=sys.stderr)
            return 1
        return 0
    SCHEMA.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
