"""The YAML files that people edit, read into types; what is wrong is one sentence that names the file and the key."""

import json
import re
from collections.abc import Hashable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import msgspec.inspect
import yaml

from .errors import ProjectError, first_line

Kind = TypeVar("Kind")

CONFLICT = re.compile(r"^<<<<<<< ", re.MULTILINE)
"""How git marks where two people changed the same lines."""
WORDS = {
    "array": "a list",
    "object": "keys with values",
    "bool": "true or false",
    "float": "a number",
    "int": "a whole number",
    "str": "a text",
}
SHOWN = 40
"""Letters of a wrong value that are repeated."""
STEP = re.compile(r"\.(\w+)|\[(\d+|\.{3})\]")


def read(path: Path, kind: type[Kind], missing: str, error: type[ProjectError] = ProjectError) -> Kind:
    """A file's content as `kind`. missing: what to do without the file. Raises `error` naming the file and the key."""
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        document = _Loader(text).get_single_data()
        return msgspec.convert({} if document is None else document, kind)
    except OSError:
        raise error(f"{path} is missing; {missing}.") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path}: byte {problem.start} is not UTF-8; save the file as UTF-8.") from None
    except msgspec.ValidationError as problem:
        raise error(f"{path}: {_sentence(problem, document, kind)}.") from None
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        raise error(_not_yaml(path, text, problem)) from None


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


def _not_yaml(path: Path, text: str, error: Exception) -> str:
    if conflict := CONFLICT.search(text):
        line = text.count("\n", 0, conflict.start()) + 1
        return f"{path} line {line}: a merge was not finished; keep one side, without <<<<<<<, ======= and >>>>>>>."
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
    else:
        message = _plainly(message, here, _type_at(kind, where))
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


def _plainly(message: str, value: Any, wanted: msgspec.inspect.Type) -> str:
    """What msgspec says, in the words of whoever writes the file."""
    if found := re.fullmatch(r"Expected `(.*?)`(.*?)(, got `.*`)?", message):
        words = " or ".join(WORDS.get(name, name) for name in found[1].split(" | ") if name != "null")
        example = f", such as [{value}]" if words == "a list" and isinstance(value, str | int) else ""
        return f"{_shown(value)} should be {words}{example}{found[2]}"
    if isinstance(wanted, msgspec.inspect.LiteralType):
        return f"{_shown(value)} is none of {', '.join(map(str, wanted.values))}"
    if isinstance(wanted, msgspec.inspect.StructType) and (found := re.search(r"(missing|unknown).* `(.*)`$", message)):
        if found[1] == "missing":
            return f"'{found[2]}' is missing"
        names = [field.encode_name for field in wanted.fields]
        meant = get_close_matches(found[2], names, n=1)
        known = f"{meant[0]} is" if meant else f"the keys are {', '.join(names)}"
        return f"'{found[2]}' is no key; {known}"
    return message


def _shown(value: Any) -> str:
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _type_at(kind: type, where: list[str]) -> msgspec.inspect.Type:
    found = _core(msgspec.inspect.type_info(kind))
    for step in where:
        if isinstance(found, msgspec.inspect.StructType):
            found = next(field.type for field in found.fields if field.encode_name == step)
        elif isinstance(found, msgspec.inspect.DictType):
            found = found.value_type
        elif isinstance(found, msgspec.inspect.ListType):
            found = found.item_type
        found = _core(found)
    return found


def _core(found: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Without what says that it may be left out, or how large it may be."""
    if isinstance(found, msgspec.inspect.UnionType):
        found = next(one for one in found.types if not isinstance(one, msgspec.inspect.NoneType))
    return _core(found.type) if isinstance(found, msgspec.inspect.Metadata) else found
