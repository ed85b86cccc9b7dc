"""What the Prometheus operator reads: where the metrics are, and the project's alert rules (ops/rules.yml)."""

from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s
import yaml

from . import pod

RULES = Path(__file__).resolve().parents[3] / "ops" / "rules.yml"


class Alerts(pulumi.ComponentResource):
    def __init__(
        self, name: str, namespace: str, project: str, rules: Path = RULES, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ml:kubernetes:Alerts", name, None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        meta = {"name": "serving", "namespace": namespace, "labels": pod.owned(project)}
        k8s.apiextensions.CustomResource(
            "monitor",
            api_version="monitoring.coreos.com/v1",
            kind="ServiceMonitor",
            metadata=meta,
            spec={
                "selector": {"matchLabels": {"app.kubernetes.io/name": "serving"}},
                "endpoints": [
                    {
                        "port": "http",
                        "path": "/metrics",
                        "interval": "15s",
                        # The rules know the service by this name.
                        "relabelings": [{"targetLabel": "job", "replacement": "ml"}],
                    }
                ],
            },
            opts=mine,
        )
        k8s.apiextensions.CustomResource(
            "rules",
            api_version="monitoring.coreos.com/v1",
            kind="PrometheusRule",
            metadata=meta,
            spec=yaml.safe_load(rules.read_text()),
            opts=mine,
        )
        self.register_outputs({})
