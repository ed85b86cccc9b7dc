"""The platform on this machine: a folder of objects, MLflow on SQLite, online features in a file or Redis."""

from dataclasses import dataclass
from pathlib import Path

import pulumi

from . import places
from .arguments import Arguments
from .folder import Folder
from .managed import ManagedProcess


@dataclass(frozen=True)
class Platform:
    tracking_uri: pulumi.Input[str]
    artifact_uri: pulumi.Input[str]
    feature_online_uri: pulumi.Input[str]


class Tracking(pulumi.ComponentResource):
    """MLflow's server; clients need no access to its files, it hands artifacts through."""

    def __init__(self, name: str, args: Arguments, data: Folder, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ml:local:Tracking", name, None, opts)
        folder = places.data(args.environment)
        self.process = ManagedProcess(
            "mlflow",
            command=[
                places.command("mlflow"),
                "server",
                *("--host", "127.0.0.1", "--port", "{port}", "--workers", "1"),
                *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
                *("--artifacts-destination", str(folder / "artifacts"), "--serve-artifacts"),
            ],
            # Its job runner is seven processes that nothing here asks for.
            environment={"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            health="/health",
            makes=str(folder / "mlflow.db"),
            port=args.tracking_port,
            seconds=args.start_seconds,
            folder=places.processes(args.environment),
            cwd=places.ROOT,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[data]),
        )
        self.register_outputs({"url": self.process.url})


def platform(args: Arguments) -> Platform:
    folder: Path = places.data(args.environment)
    data = Folder("data", folder)
    tracking = Tracking("tracking", args, data)
    return Platform(
        tracking_uri=tracking.process.url,
        artifact_uri=data.path.apply(lambda path: f"{path}/store"),
        feature_online_uri=args.online or data.path.apply(lambda path: f"sqlite:///{path}/online.db"),
    )
