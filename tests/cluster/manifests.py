"""Print what the programs of a project would apply, as JSON, without an engine: run by the project's infra environment.

manifests.py ENVIRONMENT SETTINGS    settings: JSON, the configuration's keys without namespace
"""

import json
import sys
from typing import Any

import pulumi

MADE: list[dict[str, Any]] = []
WRAPPED = "4dabf18193072939515e22adb298388d"
PLATFORM = {"secret": "settings-0", "endpoint": "http://store", "artifact_uri": "s3://b/p", "tracking_uri": "http://t"}


class Recorder(pulumi.runtime.Mocks):  # type: ignore[misc]
    """Keeps every object; two of one kind and name are refused, as the API server would."""

    def new_resource(self, args: Any) -> tuple[str, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            return "reference", {"outputs": {**PLATFORM, "ci": "ci"}}
        if args.typ.startswith("kubernetes:"):
            MADE.append(plain(args.inputs))
        return f"{args.name}-id", {**args.inputs, "value": f"{args.name}-value", "private": "key", "public": "key"}

    def call(self, args: Any) -> dict[str, Any]:
        return {}


def plain(value: Any) -> Any:
    """Secrets opened, nulls away, whole numbers as int."""
    if isinstance(value, dict):
        return plain(value["value"]) if WRAPPED in value else {k: plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def main(environment: str, settings: dict[str, Any]) -> None:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    pulumi.runtime.set_mocks(Recorder(), "project", environment)
    pulumi.runtime.set_all_config({f"ml:{key}": value for key, value in ({"target": "kubernetes"} | texts).items()})
    from components import stack
    from components.kubernetes import prerequisites

    prerequisites.check = lambda *_, **__: None

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def programs() -> None:
        platform, arguments = stack.part("platform")
        platform(arguments)
        serving, arguments = stack.part("serving")
        serving(arguments, stack.platform())

    programs()
    print(json.dumps(MADE))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
