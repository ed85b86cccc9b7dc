"""What a monitor says about one thing it looked at."""

from typing import Literal

import msgspec

Monitor = Literal["captures", "champion", "quality", "drift", "performance", "challenger"]
State = Literal["ok", "alarm", "error", "few"]
"""few: not enough rows to judge. An error is an alarm too, never "nothing found"."""


class Finding(msgspec.Struct, frozen=True):
    """`value` beside its `limit`, both in the unit of the monitor; one sentence for a person."""

    monitor: Monitor
    name: str
    state: State
    sentence: str
    value: float | None = None
    limit: float | None = None

    @property
    def is_loud(self) -> bool:
        """Whether a person should look."""
        return self.state in ("alarm", "error")
