"""The output contract: what every target tells the application, the same keys whatever it is made of."""

from dataclasses import asdict, dataclass, fields
from typing import Any

VERSION = "1"


@dataclass(frozen=True)
class Outputs:
    """Addresses of one environment; empty is off. A change of a meaning is a new `contract_version`."""

    contract_version: str = VERSION
    target: str = ""
    tracking_uri: str = ""
    """MLflow's tracking server and registry."""
    artifact_uri: str = ""
    """Root of the object store: tables, bundles, captures. Empty where only pods reach it."""
    image_repository: str = ""
    """Where the project's image is pushed, without tag."""
    serving_url: str = ""
    serving_auth: str = ""
    """keys: clients send an API key; off: nobody is asked."""
    batch_queue: str = ""
    feature_online_uri: str = ""
    metrics_uri: str = ""
    """Prometheus, where there is one."""
    secrets_ref: str = ""
    """Name of the secret that holds what must not be read here."""
    ci_identity: str = ""
    """Who a pipeline acts as."""
    network_id: str = ""

    def environment(self) -> dict[str, str]:
        """The ML_* variables the application reads."""
        return {f"ML_{name.upper()}": value for key, name in READ.items() if (value := getattr(self, key))}


READ = {
    "artifact_uri": "store",
    "tracking_uri": "tracking_uri",
    "feature_online_uri": "feature_online_uri",
    "serving_url": "serving_url",
    "serving_auth": "serving_auth",
}
"""Output -> setting of the application, where it has one."""


def outputs(found: dict[str, Any]) -> Outputs:
    """A stack's outputs, typed. Raises ValueError naming the key that is missing, foreign or no text."""
    known = {field.name for field in fields(Outputs)}
    if wrong := sorted(found.keys() ^ known):
        what = "is not of the contract" if wrong[0] in found else "is missing"
        raise ValueError(f"the output '{wrong[0]}' {what}")
    if mistyped := [key for key, value in found.items() if not isinstance(value, str)]:
        raise ValueError(f"the output '{mistyped[0]}' is no text")
    if found["contract_version"] != VERSION:
        raise ValueError(f"contract_version is {found['contract_version']}, this library reads {VERSION}")
    return Outputs(**found)


def plain(made: Outputs) -> dict[str, Any]:
    """For pulumi.export, one by one."""
    return asdict(made)
