"""Values of the provider protocol: secrets wrapped, unknowns marked, every number a float."""

import json
from typing import Any

from google.protobuf import json_format, struct_pb2

WRAPPED = "4dabf18193072939515e22adb298388d"
"""Key of the object that wraps a secret, an asset or an output."""
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""Stands for a string that only an apply will know."""


def to_dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    return dict(json_format.MessageToDict(struct))


def to_struct(value: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(value, struct_pb2.Struct())


def plain(value: Any) -> Any:
    """The value as the API server wants it: secrets opened, whole numbers as int, nothing that is null."""
    if isinstance(value, dict):
        if WRAPPED in value and "value" in value:
            return plain(value["value"])
        return {key: plain(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [plain(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_known(value: Any) -> bool:
    return UNKNOWN not in json.dumps(value)


def as_live(inputs: Any, live: Any) -> Any:
    """The inputs with what the cluster holds now in their place. What was not asked for is no drift."""
    if isinstance(inputs, dict) and WRAPPED in inputs:
        opened = as_live(inputs.get("value"), live)
        return {**inputs, "value": opened}
    if isinstance(inputs, dict) and isinstance(live, dict):
        # The API server keeps no stringData: it turns into data.
        return {
            key: as_live(each, live[key]) if key in live else each
            for key, each in inputs.items()
            if key in live or key == "stringData"
        }
    if isinstance(inputs, list) and isinstance(live, list) and len(inputs) == len(live):
        return [as_live(each, there) for each, there in zip(inputs, live, strict=True)]
    return inputs if live == plain(inputs) else live


def type_of(urn: str) -> str:
    return urn.split("::")[2].split("$")[-1]


def name_of(urn: str) -> str:
    return urn.split("::")[-1]
