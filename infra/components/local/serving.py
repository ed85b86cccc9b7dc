"""Serving on this machine: the service, the schedule, and the alarms where Prometheus is installed."""

import shutil
from typing import Any

import pulumi

from ..contract import Outputs
from . import places
from .alerts import Alerts
from .arguments import Arguments
from .managed import ManagedProcess


class Application(pulumi.ComponentResource):
    """`ml serve`, and `ml schedule` beside it, which monitors and retrains."""

    def __init__(
        self, name: str, args: Arguments, variables: dict[str, Any], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ml:local:Application", name, None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        where = {"folder": places.processes(args.environment), "cwd": places.ROOT, "seconds": args.start_seconds}
        self.service = ManagedProcess(
            "serving",
            command=[places.command("ml"), "serve"],
            environment={**variables, "ML_HOST": "127.0.0.1", "ML_PORT": "{port}"},
            health="/health/live",
            port=args.serving_port,
            opts=mine,
            **where,
        )
        self.schedule = ManagedProcess(
            "schedule",
            command=[places.command("ml"), "schedule"],
            environment={
                **variables,
                "ML_SERVING_URL": self.service.url,
                "ML_SCHEDULE_SECONDS": str(args.schedule_seconds),
            },
            opts=mine,
            **where,
        )
        self.register_outputs({"url": self.service.url})


def serving(args: Arguments, platform: Any) -> Outputs:
    """platform: the platform's outputs by name."""
    variables = {
        "ML_STORE": platform("artifact_uri"),
        "ML_TRACKING_URI": platform("tracking_uri"),
        "ML_FEATURE_ONLINE_URI": platform("feature_online_uri"),
    }
    application = Application("application", args, variables)
    metrics: pulumi.Input[str] = ""
    if args.alerts and shutil.which("prometheus"):
        metrics = Alerts("alerts", args, application.service.url).url
    return Outputs(
        target="local",
        tracking_uri=platform("tracking_uri"),
        artifact_uri=platform("artifact_uri"),
        feature_online_uri=platform("feature_online_uri"),
        serving_url=application.service.url,
        serving_auth="auto",
        metrics_uri=metrics,
    )
