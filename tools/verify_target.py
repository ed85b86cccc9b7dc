"""Run a target's tests on what this machine has, and note honestly in verified.yaml what came of it.

make verify-target TARGET=local|kubernetes
    SLIPWAY_KUBECONFIG=FILE SLIPWAY_SETTINGS=FILE    a cluster you have (tests/cluster/conftest.py), not one of our own
    PULUMI_REAL_PLUGINS=1                            Pulumi's own plugin for Kubernetes, not the tests' stand-in
"""

import argparse
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import yaml

ROOT = Path(__file__).resolve().parent.parent
RECORD, README = ROOT / "verified.yaml", ROOT / "README.md"
TESTS = {"local": "tests/infra", "kubernetes": "tests/cluster"}
HEADER = "# What was run where, newest last; written by make verify-target. README.md shows the newest of each place.\n"
FIRST, LAST = "<!-- verified -->\n", "<!-- /verified -->"


@dataclass(frozen=True)
class Entry:
    """One run. on: the machine or the cluster. plugin: what applied the objects. not_passed: tests by name, and why."""

    target: str
    date: str
    commit: str
    on: str
    plugin: str
    passed: int
    failed: int
    skipped: int
    seconds: int
    not_passed: dict[str, str]


def entry(target: str, report: Path, commit: str, date: str) -> Entry:
    """What a JUnit report says. Raises ValueError when nothing passed or failed in it: that is no run."""
    [suite] = ElementTree.parse(report).getroot().iter("testsuite")  # noqa: S314 - pytest wrote it
    told = {each.get("name", ""): each.get("value", "") for each in suite.iter("property")}
    outcomes = {case.get("name", ""): _outcome(case) for case in suite.iter("testcase")}
    kinds = [kind for kind, _ in outcomes.values()]
    why = {name: f"{kind}: {said}" for name, (kind, said) in outcomes.items() if kind != "passed"}
    if not {"passed", "failed"} & set(kinds):
        raise ValueError(f"no test ran: {next(iter(why.values()), 'none was found')}")
    return Entry(
        target,
        date,
        commit,
        told.get("on") or f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        told.get("plugin") or "none: dynamic providers",
        kinds.count("passed"),
        kinds.count("failed"),
        kinds.count("skipped"),
        round(float(suite.get("time", "0"))),
        why,
    )


def _outcome(case: ElementTree.Element) -> tuple[str, str]:
    for tag, kind in (("failure", "failed"), ("error", "failed"), ("skipped", "skipped")):
        if (found := case.find(tag)) is not None:
            return kind, (found.get("message") or "no word").splitlines()[0][:160]
    return "passed", ""


def table(entries: list[Entry]) -> str:
    """The newest entry of each target, place and plugin, as Markdown."""
    newest = {(each.target, each.on, each.plugin): each for each in entries}
    rows = [
        f"| {each.target} | {each.on} | {each.plugin} | {each.date} | `{each.commit}` | {_counts(each)} |"
        for each in newest.values()
    ]
    head = ["| target | on | applied by | date | commit | tests |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _counts(each: Entry) -> str:
    more = [f"{number} {word}" for word, number in (("failed", each.failed), ("skipped", each.skipped)) if number]
    return ", ".join([f"{each.passed} passed", *more])


def entries() -> list[Entry]:
    held = yaml.safe_load(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else []
    return [Entry(**each) for each in held or []]


def note(new: Entry) -> None:
    """Append to verified.yaml, and show it in README.md."""
    known = [*entries(), new]
    held = yaml.safe_dump([asdict(each) for each in known], sort_keys=False, allow_unicode=True, width=120)
    RECORD.write_text(HEADER + held, encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    shown = re.sub(f"{FIRST}.*?{LAST}", lambda _: FIRST + table(known) + LAST, text, flags=re.DOTALL)
    README.write_text(shown, encoding="utf-8")


def _commit() -> str:
    described = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(described, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=TESTS, metavar="TARGET")
    target = parser.parse_args().target
    commit = _commit()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", f"--junitxml={report}", TESTS[target]]
        subprocess.run(command, cwd=ROOT, check=False)
        try:
            new = entry(target, report, commit, f"{datetime.now(UTC):%Y-%m-%d}")
        except (OSError, ValueError) as error:
            print(f"verify-target: nothing to note; {error}", file=sys.stderr)
            return 2
    note(new)
    print(f"verified.yaml: {target} on {new.on}: {_counts(new)}")
    return 1 if new.failed else 0


if __name__ == "__main__":
    sys.exit(main())
