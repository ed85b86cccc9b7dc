"""The house rules: what a linter does not know of this project. `make check` runs them.

    python tools/house.py [FOLDER]

One class a rule: its name, what it asks for, what to do. Add yours at the end; tests/test_house.py breaks each once.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

SHARED = {"address", "errors", "settings", "contract", "store", "tables", "schema", "deployment", "roles", "yaml_file"}
STATIONS = ["data", "features", "training", "registry", "serving", "monitoring", "pipelines", "commands", "cli"]


class Rule(Protocol):
    asks: str
    fix: str

    def broken(self, project: Path) -> Iterator[str]:
        """Where the rule is broken, one sentence's beginning each."""


class OneWay:
    asks = "a module imports only from the stations left of it"
    fix = "Move what is needed to the left, or let it pass through the store."

    def broken(self, project: Path) -> Iterator[str]:
        for path in _modules(project):
            station = _inside(path).parts[0].removesuffix(".py")
            if station in SHARED:
                allowed = SHARED
            elif station in STATIONS:
                allowed = SHARED | set(STATIONS[: STATIONS.index(station) + 1])
            else:
                continue
            for part in sorted(_imported(path) - allowed):
                yield f"{path.relative_to(project)} imports {part}"


class ShortFiles:
    asks = "a file can be read in one sitting, at most 250 lines"
    fix = "Make two of it, each named by its concept."

    def broken(self, project: Path) -> Iterator[str]:
        for path in _modules(project):
            if (lines := path.read_text("utf-8").count("\n")) > 250:
                yield f"{path.relative_to(project)} has {lines} lines"


class NamedByConcept:
    asks = "a file is named by its concept"
    fix = "Put each function where the thing is that it is about."

    def broken(self, project: Path) -> Iterator[str]:
        for path in _modules(project):
            if path.stem in {"base", "common", "helper", "helpers", "misc", "util", "utils"}:
                yield f"{path.relative_to(project)} says nothing"


class NothingUnpickled:
    asks = "nothing is unpickled, as a pickle runs code of whoever wrote it"
    fix = "Use skops for models, msgspec or Parquet for data."

    def broken(self, project: Path) -> Iterator[str]:
        for path in _modules(project):
            for line, text in enumerate(path.read_text("utf-8").splitlines(), 1):
                if re.match(r"\s*(import|from) (cloud)?(pickle|dill|shelve|marshal|joblib)\b", text):
                    yield f"{path.relative_to(project)}:{line} imports a module that unpickles"


class NoSecrets:
    asks = "no password stands in a file that git keeps"
    fix = "Write ${NAME} in its place, and NAME=... into .env or the environment."

    def broken(self, project: Path) -> Iterator[str]:
        for name in ("contract.yaml", "gates.yaml", "roles.yaml"):
            if (path := project / name).exists() and re.search(r"://[^\s/:@]+:[^\s/@$]+@", path.read_text("utf-8")):
                yield f"{name} holds an address with a password"
        listed = subprocess.run(["git", "ls-files", ".env"], cwd=project, capture_output=True, text=True, check=False)
        if listed.stdout.strip():
            yield ".env is kept by git"


RULES: list[Rule] = [OneWay(), ShortFiles(), NamedByConcept(), NothingUnpickled(), NoSecrets()]


def _modules(project: Path) -> list[Path]:
    return sorted((project / "src").rglob("*.py"))


def _inside(path: Path) -> Path:
    """A module's path inside its package."""
    return Path(*path.parts[path.parts.index("src") + 2 :])


def _imported(path: Path) -> set[str]:
    """First part under the package of all a module imports from it, also inside functions; not for types only."""
    depth = len(_inside(path).parts)
    tree = ast.parse(path.read_text("utf-8"))
    tree.body = [
        node for node in tree.body if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
    ]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
    return found


def main() -> int:
    project = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    said = [f"{place}; {rule.asks}. {rule.fix}" for rule in RULES for place in rule.broken(project)]
    print("\n".join(said) or f"{len(RULES)} house rules are kept", file=sys.stderr if said else sys.stdout)
    return 3 if said else 0


if __name__ == "__main__":
    sys.exit(main())
