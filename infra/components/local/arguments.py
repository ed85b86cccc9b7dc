"""What the local target is told: one field for each configuration key."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from ..keys import key


@dataclass(frozen=True)
class Arguments:
    """Ports 0 mean: a free one, kept as long as it is free."""

    environment: str
    project: str
    tracking_port: int = key("Port of MLflow's tracking server; 0 takes a free one.", 0)
    serving_port: int = key("Port of the service; 0 takes a free one.", 0)
    online: str = key("Online feature store as redis://..., without a password; empty is a SQLite file.", "")
    schedule_seconds: int = key("Seconds between two rounds of monitor and retrain.", 300)
    start_seconds: int = key("How long a process may take until it answers.", 60)
    alerts: bool = key("Start Prometheus and Alertmanager where they are installed.", True)

    def __post_init__(self) -> None:
        """Raises ValueError with a sentence that names the key."""
        for name, port in (("trackingPort", self.tracking_port), ("servingPort", self.serving_port)):
            if not 0 <= port <= 65535:
                raise ValueError(f"{name} is {port}: give 0 to 65535")
        for name, seconds in (("scheduleSeconds", self.schedule_seconds), ("startSeconds", self.start_seconds)):
            if seconds < 1:
                raise ValueError(f"{name} is {seconds}: give 1 or more")
        # Whoever reads the state, a preview or its comment would read it too.
        if urlsplit(self.online).password:
            raise ValueError("online is an address with a password: give one without, or the target kubernetes")
        if self.online and not self.online.startswith(("redis://", "rediss://")):
            raise ValueError(f"online is '{self.online}': give redis://HOST:PORT/DB, or leave it empty for SQLite")
