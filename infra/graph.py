"""Draw what the programs make, from the programs themselves, into README.md: a picture for each target.

make infra-graph        asks no engine, no cluster and nothing of this machine
"""

import re
import sys
from collections import Counter
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from components import config
from recording import Made, record

README = Path(__file__).with_name("README.md")
DRAWN: Mapping[str, Mapping[str, str]] = {
    "local": {},
    "kubernetes": {"image": "departures:1", "route": "ingress", "routeHost": "departures.example", "alerts": "true"},
}
"""The configuration that is drawn: what can be switched on is on."""
Box = tuple[str, str]
"""Program and outermost component."""
Needs = dict[Box, set[Box]]


def picture(target: str) -> str:
    """The components and what they consist of, as Mermaid; an arrow leads to what needs it.

    An arrow that others imply is left out.
    """
    made = [each for each in record(target, "dev", DRAWN[target]) if not each.kind.startswith("pulumi:")]
    known = {each.urn: each for each in made}
    boxes = {each.urn: _box(each, known) for each in made}
    contents: dict[Box, Counter[str]] = {box: Counter() for box in sorted(boxes.values())}
    needs: Needs = {box: set() for box in contents}
    for each in made:
        box = boxes[each.urn]
        contents[box].update([_word(each)] if each.custom else [])
        needs[box] |= {boxes[urn] for urn in each.uses if urn in boxes} - {box}
    lines = ["flowchart LR"]
    for program in config.programs(target):
        lines += [f"  subgraph {program}", *(_node(box, words) for box, words in contents.items() if box[0] == program)]
        lines += ["  end"]
    arrows = [(source, box) for box in needs for source in needs[box] if not _implied(source, box, needs)]
    lines += [f"  {_id(source)} --> {_id(box)}" for source, box in sorted(arrows)]
    lines += ["  bootstrap --> platform"] if "bootstrap" in config.programs(target) else []
    return "\n".join(["```mermaid", *lines, "```\n"])


def _box(made: Made, known: Mapping[str, Made]) -> Box:
    """What is in no component shares one box."""
    while made.parent in known:
        made = known[made.parent]
    return made.program, "" if made.custom else made.name


def _word(made: Made) -> str:
    """A resource's kind; its name where a provider of this library makes it."""
    return made.name if made.kind.startswith("pulumi-python:") else made.kind.split(":")[-1]


def _node(box: Box, words: Counter[str]) -> str:
    listed = [f"{word} x{number}" if number > 1 else word for word, number in sorted(words.items())]
    title = [f"<b>{box[1]}</b>"] if box[1] else []
    return f'    {_id(box)}["{"<br/>".join([*title, *listed])}"]'


def _id(box: Box) -> str:
    return "-".join(filter(None, box)) if box[1] else f"{box[0]}-itself"


def _implied(source: Box, box: Box, needs: Needs) -> bool:
    """Whether a longer way leads from the one to the other."""
    return any(source in _behind(other, needs) for other in needs[box] - {source})


def _behind(box: Box, needs: Needs) -> set[Box]:
    found, ahead = set(), [box]
    while ahead:
        new = needs[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def written(text: str, target: str, content: str) -> str:
    """The text with what stands between the target's markers replaced."""
    first, last = f"<!-- {target}: graph -->\n", f"<!-- /{target}: graph -->"
    return re.sub(f"{first}.*?{last}", lambda _: f"{first}{content}{last}", text, flags=re.DOTALL)


def main() -> None:
    # Pulumi's mocks leave event loops behind that complain when Python ends.
    sys.unraisablehook = lambda _: None
    for target in config.TARGETS:
        if find_spec(f"components.{target}"):
            text = README.read_text(encoding="utf-8")
            README.write_text(written(text, target, picture(target)), encoding="utf-8")


if __name__ == "__main__":
    main()
