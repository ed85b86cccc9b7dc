"""Names of the monitors' metrics, shared by the code, the alert rules and the dashboard; and their Prometheus text."""

from collections import Counter

from ..serving.metrics import monitored
from ..store import Store
from .reports import Report

DRIFT_PSI = "ml_monitor_drift_psi"
DRIFT_LIMIT = "ml_monitor_drift_psi_limit"
QUALITY = "ml_monitor_quality_growth"
PERFORMANCE_DROP = "ml_monitor_performance_drop"
CHALLENGER_DROP = "ml_monitor_challenger_drop"
PERFORMANCE = "ml_monitor_performance"
FINDINGS = "ml_monitor_findings"
ALARM = "ml_monitor_alarm"
LAST_RUN = "ml_monitor_last_run_timestamp_seconds"
ROWS = "ml_monitor_window_rows"
LABELLED = "ml_monitor_labelled_rows"

HELP = {
    DRIFT_PSI: "Population stability index beyond chance, by input.",
    DRIFT_LIMIT: "Population stability index above which an input counts as moved.",
    QUALITY: "Growth of a share of missing, unknown or outlying values, by input and what they are.",
    PERFORMANCE_DROP: "Relative loss of the deciding metric on labelled predictions.",
    CHALLENGER_DROP: "Relative loss of the deciding metric from the champion to the challenger.",
    PERFORMANCE: "Every metric on labelled predictions.",
    FINDINGS: "Findings by monitor and state.",
    ALARM: "1 when something needs attention.",
    LAST_RUN: "When the monitors last ran.",
    ROWS: "Predictions in the window.",
    LABELLED: "Labelled predictions that were looked at.",
}
VALUES = {"drift": DRIFT_PSI, "quality": QUALITY, "performance": PERFORMANCE_DROP, "challenger": CHALLENGER_DROP}


def write(store: Store, report: Report) -> None:
    """Leave the report's numbers where services show them: the monitors end before anybody could ask."""
    store.write(monitored(report.model), render(report).encode())


def render(report: Report) -> str:
    """The report in Prometheus' text format; a gauge each, labelled with the model."""
    lines = []
    for name, samples in _samples(report).items():
        lines += [f"# HELP {name} {HELP[name]}", f"# TYPE {name} gauge"]
        lines += [f"{name}{_labels({'model': report.model} | labels)} {value:.10g}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _samples(report: Report) -> dict[str, list[tuple[dict[str, str], float]]]:
    samples: dict[str, list[tuple[dict[str, str], float]]] = {name: [] for name in HELP}
    for finding in report.findings:
        # What cannot be judged yet has a value that means nothing.
        if finding.value is not None and finding.monitor in VALUES and finding.state != "few":
            samples[VALUES[finding.monitor]].append(({"name": finding.name}, finding.value))
    limits = [finding.limit for finding in report.findings if finding.monitor == "drift" and finding.limit is not None]
    samples[DRIFT_LIMIT] = [({}, limit) for limit in limits[:1]]
    samples[PERFORMANCE] = [({"metric": name}, value) for name, value in report.metrics.items()]
    counts = Counter((finding.monitor, finding.state) for finding in report.findings)
    samples[FINDINGS] = [({"monitor": monitor, "state": state}, n) for (monitor, state), n in sorted(counts.items())]
    samples[ALARM] = [({}, report.alarm)]
    samples[LAST_RUN] = [({}, report.at.timestamp())]
    samples[ROWS] = [({}, report.rows)]
    samples[LABELLED] = [({}, report.labelled)]
    return samples


def _labels(labels: dict[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
