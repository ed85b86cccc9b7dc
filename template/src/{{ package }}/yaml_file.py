"""The YAML files that people edit, read into types; what is wrong is one sentence that names the file and the key."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from .errors import ProjectError, first_line

Kind = TypeVar("Kind")

STEP = re.compile(r"\.(\w+)|\[(\d+|\.{3})\]")


def read(path: Path, kind: type[Kind], missing: str, error: type[ProjectError] = ProjectError) -> Kind:
    """A file's content as `kind`. missing: what to do without the file. Raises `error` naming the file and the key."""
    try:
        document = _Loader(path.read_text(encoding="utf-8")).get_single_data()
        return msgspec.convert({} if document is None else document, kind)
    except OSError:
        raise error(f"{path} is missing; {missing}.") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path}: byte {problem.start} is not UTF-8; save the file as UTF-8.") from None
    except msgspec.ValidationError as problem:
        raise error(f"{path}: {_sentence(problem, document, kind)}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise error(_not_yaml(path, problem)) from None


class _Loader(yaml.SafeLoader):
    """YAML forbids a key to be there twice; PyYAML would drop the first in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"'{name}' is there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _not_yaml(path: Path, error: Exception) -> str:
    # A date that no calendar has is a ValueError.
    mark = getattr(error, "problem_mark", None)
    where = f" line {mark.line + 1}" if mark else ""
    problem = getattr(error, "problem", None) or first_line(error)
    return f"{path}{where}: not YAML: {problem}."


def _sentence(error: msgspec.ValidationError, document: Any, kind: type) -> str:
    message, _, place = str(error).partition(" - at `")
    here, where = document, []
    for field, index in STEP.findall(place):
        step = int(index) if index.isdigit() else field or _refused(error, document, here, kind)
        here = here[step]
        where.append(str(step))
    if place.startswith("key"):
        name = next(name for name in here if not isinstance(name, str))
        message = f"YAML reads the name {name} as {type(name).__name__}; put it in quotes"
    return ": ".join([".".join(where), message] if where else [message])


def _refused(error: msgspec.ValidationError, document: Any, entries: dict[str, Any], kind: type) -> str:
    """Msgspec writes [...] for a name the file was free to choose: the one that alone is refused in the same words."""
    for name, entry in tuple(entries.items()):
        entries.clear()
        entries[name] = entry
        try:
            msgspec.convert(document, kind)
        except msgspec.ValidationError as alone:
            if str(alone) == str(error):
                return name
    raise error
