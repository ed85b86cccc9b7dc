"""Names of the monitors' metrics, shared by the code, the alert rules and the dashboard; and their Prometheus text."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .monitor import Report

DRIFT_PSI = "ml_monitor_drift_psi"
QUALITY = "ml_monitor_quality_growth"
PERFORMANCE_DROP = "ml_monitor_performance_drop"
FINDINGS = "ml_monitor_findings"
ALARM = "ml_monitor_alarm"
LAST_RUN = "ml_monitor_last_run_timestamp_seconds"
ROWS = "ml_monitor_window_rows"
LABELLED = "ml_monitor_labelled_rows"

HELP = {
    DRIFT_PSI: "Population stability index beyond chance, by input.",
    QUALITY: "Growth of the share of missing or unknown values, by input.",
    PERFORMANCE_DROP: "Relative loss of the deciding metric on labelled predictions.",
    FINDINGS: "Findings by monitor and state.",
    ALARM: "1 when something needs attention.",
    LAST_RUN: "When the monitors last ran.",
    ROWS: "Predictions in the window.",
    LABELLED: "Labelled predictions in the window.",
}
VALUES = {"drift": DRIFT_PSI, "quality": QUALITY, "performance": PERFORMANCE_DROP}


def write(report: "Report", path: Path) -> None:
    """Write the report's numbers for the node exporter's textfile collector, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(render(report), "utf-8")
    draft.replace(path)


def render(report: "Report") -> str:
    """The report in Prometheus' text format."""
    samples: dict[str, list[str]] = {name: [] for name in HELP}
    counts: dict[tuple[str, str], int] = {}
    for finding in report.findings:
        counts[finding.monitor, finding.state] = counts.get((finding.monitor, finding.state), 0) + 1
        if finding.value is not None and finding.monitor in VALUES:
            samples[VALUES[finding.monitor]].append(f'{{name="{_escape(finding.name)}"}} {finding.value:.6g}')
    for (monitor, state), count in sorted(counts.items()):
        samples[FINDINGS].append(f'{{monitor="{monitor}",state="{state}"}} {count}')
    samples[ALARM].append(f" {int(report.alarm)}")
    samples[LAST_RUN].append(f" {report.at.timestamp():.0f}")
    samples[ROWS].append(f" {report.rows}")
    samples[LABELLED].append(f" {report.labelled}")
    lines = []
    for name, help in HELP.items():
        lines += [f"# HELP {name} {help}", f"# TYPE {name} gauge", *(f"{name}{sample}" for sample in samples[name])]
    return "\n".join(lines) + "\n"


def _escape(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
