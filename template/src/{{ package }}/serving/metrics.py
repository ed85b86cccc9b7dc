"""The service's metrics: plain counters on the hot path, made into Prometheus metrics when somebody asks."""

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

if TYPE_CHECKING:
    from .models import Models

REQUESTS = "ml_requests"
ROWS = "ml_predictions"
LATENCY = "ml_request_duration_seconds"
IN_FLIGHT = "ml_requests_in_flight"
MODEL = "ml_model_info"
READY = "ml_model_ready"
SWITCHES = "ml_model_switches"
REFUSED = "ml_model_refused"
CAPTURES = "ml_captures"
CAPTURES_DROPPED = "ml_captures_dropped"
CAPTURES_WAITING = "ml_captures_waiting_bytes"
SHADOW_FAILED = "ml_shadow_failed"

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counts since the start of the process. Incremented in place; rendered by `collect`."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, int], int] = {}
        self.rows: dict[tuple[str, int], int] = {}
        self.latency = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0
        self.in_flight = 0
        self.switches = self.refused = self.shadow_failed = 0
        self.captures = self.captures_dropped = self.captures_waiting = 0

    def answered(self, route: str, status: int, seconds: float) -> None:
        key = (route, status)
        self.requests[key] = self.requests.get(key, 0) + 1
        self.latency[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds

    def predicted(self, role: str, version: int, rows: int) -> None:
        key = (role, version)
        self.rows[key] = self.rows.get(key, 0) + rows


class Collector:
    """What Prometheus reads."""

    def __init__(self, metrics: Metrics, models: "Models") -> None:
        self._metrics, self._models = metrics, models

    def registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        metrics = self._metrics
        requests = CounterMetricFamily(REQUESTS, "Requests by route and status.", labels=["route", "status"])
        for (route, status), count in list(metrics.requests.items()):
            requests.add_metric([route, str(status)], count)
        rows = CounterMetricFamily(ROWS, "Predicted rows by role and model version.", labels=["role", "version"])
        for (role, version), count in list(metrics.rows.items()):
            rows.add_metric([role, str(version)], count)
        yield requests
        yield rows
        yield self._latency()
        for name, help, value in (
            (SWITCHES, "Times another model version took over.", metrics.switches),
            (REFUSED, "Bundles that were refused: tampered with, broken or unsigned.", metrics.refused),
            (SHADOW_FAILED, "Requests whose shadow prediction failed.", metrics.shadow_failed),
            (CAPTURES, "Captured predictions.", metrics.captures),
            (CAPTURES_DROPPED, "Predictions that could not be captured.", metrics.captures_dropped),
        ):
            yield CounterMetricFamily(name, help, value=value)
        yield GaugeMetricFamily(
            CAPTURES_WAITING, "Captured bytes not yet in the store.", value=metrics.captures_waiting
        )
        yield GaugeMetricFamily(IN_FLIGHT, "Requests being answered.", value=metrics.in_flight)
        yield from self._model()

    def _latency(self) -> Metric:
        total, buckets = 0, []
        for bound, count in zip([*map(str, BUCKETS), "+Inf"], self._metrics.latency, strict=True):
            total += count
            buckets.append((bound, total))
        family = HistogramMetricFamily(LATENCY, "Time to answer a prediction request.")
        family.add_metric([], buckets, self._metrics.seconds)
        return family

    def _model(self) -> Iterator[Metric]:
        live = self._models.live
        yield GaugeMetricFamily(READY, "1 when a model answers.", value=int(live is not None))
        info = GaugeMetricFamily(MODEL, "The loaded models.", labels=["role", "version", "digest", "engine"])
        for role, scorer in (("champion", live and live.champion), ("challenger", live and live.challenger)):
            if scorer:
                info.add_metric([role, str(scorer.version), scorer.digest[:12], scorer.engine.name], 1)
        yield info
