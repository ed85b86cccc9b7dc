"""verified.yaml says what was run, README.md shows it, and nothing is noted that did not happen."""

from pathlib import Path

import pytest

from tools import verify_target

REPORT = """<testsuites><testsuite name="pytest" time="12.4" tests="3">
<properties><property name="on" value="Kubernetes v1.35.0"/></properties>
<testcase name="test_up"/>{more}
</testsuite></testsuites>"""


def noted(tmp_path: Path, report: str) -> verify_target.Entry:
    (tmp_path / "report.xml").write_text(report)
    return verify_target.entry("kubernetes", tmp_path / "report.xml", "abc1234", "2026-01-02")


def test_the_readme_shows_the_newest_of_each_place() -> None:
    readme = verify_target.README.read_text()
    shown = readme.split(verify_target.FIRST)[1].split(verify_target.LAST)[0]
    assert shown == verify_target.table(verify_target.entries())


def test_what_failed_or_was_skipped_is_noted_with_its_reason(tmp_path: Path) -> None:
    more = '<testcase name="test_a"><failure message="AssertionError: 503&#10;more"/></testcase>'
    more += '<testcase name="test_b"><skipped message="out of reach"/></testcase>'
    made = noted(tmp_path, REPORT.format(more=more))
    assert (made.passed, made.failed, made.skipped, made.seconds) == (1, 1, 1, 12)
    assert made.on == "Kubernetes v1.35.0"
    assert made.not_passed == {"test_a": "failed: AssertionError: 503", "test_b": "skipped: out of reach"}
    assert "1 passed, 1 failed, 1 skipped" in verify_target.table([made])


def test_a_run_of_which_everything_was_skipped_is_no_run(tmp_path: Path) -> None:
    skipped = REPORT.replace('<testcase name="test_up"/>', "").format(
        more='<testcase name="test_up"><skipped message="there is no Pulumi engine; provide one"/></testcase>'
    )
    with pytest.raises(ValueError, match="no test ran: skipped: there is no Pulumi engine"):
        noted(tmp_path, skipped)


def test_a_newer_run_takes_the_place_of_an_older_one_in_the_table(tmp_path: Path) -> None:
    older = noted(tmp_path, REPORT.format(more=""))
    newer = verify_target.Entry(**(vars(older) | {"commit": "def5678"}))
    assert "abc1234" not in verify_target.table([older, newer])
