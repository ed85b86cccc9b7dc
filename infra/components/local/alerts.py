"""Prometheus and, where it is installed, Alertmanager: the project's rules (ops/) on this machine's service."""

import shutil

import pulumi
import yaml

from . import places
from .arguments import Arguments
from .managed import ManagedProcess

OPS = places.ROOT / "ops"


class Alerts(pulumi.ComponentResource):
    def __init__(
        self, name: str, args: Arguments, service: pulumi.Output[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ml:local:Alerts", name, None, opts)
        self._args = args
        teller = self._alertmanager() if shutil.which("prometheus-alertmanager") else pulumi.Output.from_input("")
        self.url = self._prometheus(pulumi.Output.all(service, teller).apply(lambda urls: _config(*urls))).url
        self.register_outputs({"url": self.url})

    def _alertmanager(self) -> pulumi.Output[str]:
        own = ["--config.file", str(OPS / "alertmanager.yml"), "--cluster.listen-address", ""]
        return self._process("prometheus-alertmanager", own).url

    def _prometheus(self, config: pulumi.Output[str]) -> ManagedProcess:
        return self._process("prometheus", ["--config.file", "{config}"], config)

    def _process(self, command: str, own: list[str], config: pulumi.Input[str] = "") -> ManagedProcess:
        name = command.removeprefix("prometheus-")
        data = places.data(self._args.environment) / name
        storage = "--storage.path" if name == "alertmanager" else "--storage.tsdb.path"
        return ManagedProcess(
            name,
            command=[command, *own, storage, str(data), "--web.listen-address", "127.0.0.1:{port}"],
            environment={},
            config=config,
            health="/-/ready",
            folder=places.processes(self._args.environment),
            cwd=places.ROOT,
            seconds=self._args.start_seconds,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _config(service: str, teller: str) -> str:
    targets = [{"targets": [service.removeprefix("http://")]}]
    told = [{"static_configs": [{"targets": [teller.removeprefix("http://")]}]}] if teller else []
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": "15s"},
            "rule_files": [str(OPS / "rules.yml")],
            "alerting": {"alertmanagers": told},
            "scrape_configs": [{"job_name": "ml", "static_configs": targets}],
        },
        sort_keys=False,
    )
