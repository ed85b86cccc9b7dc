"""Axes: where ticks stand, and how numbers and times are written so that neighbours differ and nothing is longer."""

import math
from collections.abc import Sequence
from datetime import datetime

STEPS = (1, 2, 2.5, 5, 10)


def scale(low: float, high: float, count: int = 4) -> list[float]:
    """Round ticks around a range: `count` or a few more, the first not above `low`, the last not below `high`."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return [0.0, 1.0]
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-300):
        low, high = low - max(abs(low), 1) / 2, high + max(abs(high), 1) / 2
    power = 10.0 ** math.floor(math.log10((high - low) / count))
    step = next(factor * power for factor in STEPS if factor * power * count >= (high - low) * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * i for i in range(first, last + 1)]


def rounded(values: Sequence[float]) -> list[str]:
    """Numbers as text, with as many digits as it takes to tell one from the next."""
    for digits in range(3, 18):
        texts = [_short(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            return texts
    return [repr(value) for value in values]


def moments(times: Sequence[datetime]) -> list[str]:
    """Times as text: with the day if it changes or nothing else would be said, with seconds if all is in one hour."""
    first, last = times[0], times[-1]
    if (last - first).days >= 3:
        return [f"{time:%Y-%m-%d}" for time in times]
    if first.date() != last.date():
        return [f"{time:%Y-%m-%d %H:%M}" for time in times]
    if (last - first).total_seconds() < 3600:
        return [f"{first:%Y-%m-%d %H:%M:%S}", *(f"{time:%H:%M:%S}" for time in times[1:])]
    return [f"{first:%Y-%m-%d %H:%M}", *(f"{time:%H:%M}" for time in times[1:])]


def _short(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    if not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits - 1}e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    # Numbers of four digits are years as often as not.
    grouping = "," if abs(value) >= 10_000 else ""
    text = f"{value:{grouping}.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
