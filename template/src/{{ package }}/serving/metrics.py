"""The service's metrics: plain counters on the hot path, made into Prometheus metrics when somebody asks."""

import threading
from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

if TYPE_CHECKING:
    from .models import Models

REQUESTS = "ml_requests"
ROWS = "ml_predictions"
LATENCY = "ml_request_duration_seconds"
IN_FLIGHT = "ml_requests_in_flight"
MODEL = "ml_model_info"
READY = "ml_model_ready"
ONNX = "ml_model_onnx"
GENERATION = "ml_model_generation"
SWITCHES = "ml_model_switches"
REFUSED = "ml_model_refused"
POLL_FAILED = "ml_poll_failures"
CAPTURES = "ml_captures"
CAPTURES_DROPPED = "ml_captures_dropped"
CAPTURES_WAITING = "ml_captures_waiting_bytes"
CHALLENGER_FAILED = "ml_challenger_failures"
"""Names as the code has them; Prometheus shows counters with `_total` behind."""

HELP = {
    REQUESTS: "Prediction requests by route and status.",
    ROWS: "Predicted rows by role and model version.",
    LATENCY: "Time to answer a prediction request.",
    IN_FLIGHT: "Prediction requests being answered.",
    MODEL: "The loaded models.",
    READY: "1 when a model answers.",
    ONNX: "1 when the champion answers by exact ONNX, 0 when by scikit-learn.",
    GENERATION: "The deployment that is in service; it grows with every promotion and roll back.",
    SWITCHES: "Times another deployment took over.",
    REFUSED: "Bundles refused: tampered with, broken or unsigned.",
    POLL_FAILED: "Looks at the pointer, the key file or the store that failed.",
    CAPTURES: "Captured predictions.",
    CAPTURES_DROPPED: "Predictions that were answered but could not be captured.",
    CAPTURES_WAITING: "Captured bytes not yet in the store.",
    CHALLENGER_FAILED: "Requests the challenger failed to answer, or as shadow had no time for.",
}

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


def monitored(model: str) -> str:
    """Where in the store the monitors leave their metrics, for services to show."""
    return f"monitoring/{model}.prom"


class Metrics:
    """Counts since the start of the process."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.rows: dict[tuple[str, int], int] = {}
        self.latency = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.in_flight = 0
        self.switches = self.refused = self.poll_failed = self.challenger_failed = 0
        self.captures = self.captures_dropped = self.captures_waiting = 0
        self._lock = threading.Lock()

    def answered(self, route: str, status: int, seconds: float) -> None:
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.latency[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds

    def predicted(self, role: str, version: int, rows: int) -> None:
        key = (role, version)
        # From several threads; everything else is counted in one.
        with self._lock:
            self.rows[key] = self.rows.get(key, 0) + rows


class Collector:
    """What Prometheus reads."""

    def __init__(self, metrics: Metrics, models: "Models") -> None:
        self._metrics, self._models = metrics, models

    def registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(self)
        ProcessCollector(registry=registry)
        return registry

    def collect(self) -> Iterator[Metric]:
        metrics = self._metrics
        requests = CounterMetricFamily(REQUESTS, HELP[REQUESTS], labels=["route", "status"])
        for (route, status), count in list(metrics.requests.items()):
            requests.add_metric([route, str(status)], count)
        rows = CounterMetricFamily(ROWS, HELP[ROWS], labels=["role", "version"])
        for (role, version), count in list(metrics.rows.items()):
            rows.add_metric([role, str(version)], count)
        yield from (requests, rows, self._latency())
        for name, value in (
            (SWITCHES, metrics.switches),
            (REFUSED, metrics.refused),
            (POLL_FAILED, metrics.poll_failed),
            (CHALLENGER_FAILED, metrics.challenger_failed),
            (CAPTURES, metrics.captures),
            (CAPTURES_DROPPED, metrics.captures_dropped),
        ):
            yield CounterMetricFamily(name, HELP[name], value=value)
        for name, value in ((CAPTURES_WAITING, metrics.captures_waiting), (IN_FLIGHT, metrics.in_flight)):
            yield GaugeMetricFamily(name, HELP[name], value=value)
        yield from self._model()

    def _latency(self) -> Metric:
        total, buckets = 0, []
        for bound, count in zip([*map(str, BUCKETS), "+Inf"], self._metrics.latency, strict=True):
            total += count
            buckets.append((bound, total))
        family = HistogramMetricFamily(LATENCY, HELP[LATENCY])
        family.add_metric([], buckets, self._metrics.seconds)
        return family

    def _model(self) -> Iterator[Metric]:
        live = self._models.live
        yield GaugeMetricFamily(READY, HELP[READY], value=int(live is not None))
        info = GaugeMetricFamily(MODEL, HELP[MODEL], labels=["role", "version", "digest", "engine"])
        if live:
            yield GaugeMetricFamily(ONNX, HELP[ONNX], value=int(live.champion.engine.name == "onnx"))
            yield GaugeMetricFamily(GENERATION, HELP[GENERATION], value=live.deployment.generation)
            for role, scorer in (("champion", live.champion), ("challenger", live.challenger)):
                if scorer:
                    info.add_metric([role, str(scorer.version), scorer.digest[:12], scorer.engine.name], 1)
        yield info
