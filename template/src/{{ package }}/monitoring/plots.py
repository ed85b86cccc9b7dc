"""Geometry of the report's plots: numbers in, places in an SVG out."""

from typing import Any

import numpy as np

from ..schema import Schema
from ..training.reference import Categories, Numbers, Reference
from .findings import Finding
from .window import Window

HEIGHT = 105
WIDTH = 312
GROUPS = 40


def bars(findings: list[Finding]) -> list[dict[str, Any]]:
    """One bar per finding, as percent of a scale that shows the largest value and twice the limit."""
    values = [finding.value or 0.0 for finding in findings]
    limits = [finding.limit or 0.0 for finding in findings]
    scale = max([*values, *(2 * limit for limit in limits), 1e-9])
    return [
        {
            "name": finding.name,
            "value": f"{value:.3f}",
            "width": round(100 * value / scale, 1),
            "limit": round(100 * limit / scale, 1),
            "alarm": finding.state == "alarm",
        }
        for finding, value, limit in zip(findings, values, limits, strict=True)
    ]


def histogram(name: str, schema: Schema, reference: Reference, seen: Window) -> dict[str, Any] | None:
    """The reference's bins of an input or prediction, with the shares then and now."""
    if name in reference.numeric:
        numbers = reference.numeric[name]
        return _histogram(
            name, _ranges(numbers), numbers.counts, numbers.bin(seen.numeric[:, schema.numeric.index(name)])
        )
    if name in reference.categorical:
        categories, place = reference.categorical[name], schema.categorical.index(name)
        return _histogram(
            name, _names(categories), categories.counts, categories.bin(row[place] for row in seen.categorical)
        )
    for i, (key, numbers) in enumerate(reference.prediction.items()):
        if name == f"prediction of {key}":
            return _histogram(name, _ranges(numbers), numbers.counts, numbers.bin(seen.predictions[:, i]))
    return None


def over_time(seen: Window, what: str) -> dict[str, Any] | None:
    """Mean and middle half of the (first) prediction, in equal groups of the window."""
    if len(seen) < 2:
        return None
    groups = np.array_split(seen.predictions[:, 0], min(GROUPS, len(seen)))
    middle = [float(np.mean(group)) for group in groups]
    low, high = ([float(np.quantile(group, share)) for group in groups] for share in (0.25, 0.75))
    bottom, top = min(low + middle), max(high + middle)
    span = (top - bottom) or 1.0
    across = np.linspace(60, 990, len(groups))

    def points(values: list[float]) -> list[str]:
        return [f"{x:.1f},{190 - 175 * (value - bottom) / span:.1f}" for x, value in zip(across, values, strict=True)]

    ticks = np.linspace(bottom, top, 4)
    return {
        "what": f"Prediction of {what}",
        "points": len(groups),
        "mean": " ".join(points(middle)),
        "band": " ".join(points(high) + points(low)[::-1]),
        "grid": [{"y": round(190 - 175 * (tick - bottom) / span, 1), "label": f"{tick:.3g}"} for tick in ticks],
        "first": f"{seen.times[0]:%Y-%m-%d %H:%M}",
        "last": f"{seen.times[-1]:%Y-%m-%d %H:%M}",
    }


def _histogram(name: str, labels: list[str], then: Any, now: Any) -> dict[str, Any]:
    before, after = (np.asarray(counts) / max(1, np.sum(counts)) for counts in (then, now))
    used = [i for i in range(len(labels)) if before[i] or after[i]]
    step = WIDTH / max(1, len(used))
    largest = max([*before[used], *after[used], 1e-9])
    every = -(-len(used) // 5)
    bins = [
        {
            "x": round(4 + place * step, 1),
            "then": round(HEIGHT * before[i] / largest, 1),
            "now": round(HEIGHT * after[i] / largest, 1),
            "then_share": f"{before[i]:.1%}",
            "now_share": f"{after[i]:.1%}",
            "label": labels[i],
            "tick": labels[i][:9] if place % every == 0 else "",
        }
        for place, i in enumerate(used)
    ]
    return {"name": name, "bins": bins, "half": round(step * 0.43, 1)}


def _ranges(numbers: Numbers) -> list[str]:
    edges = [f"{edge:.3g}" for edge in numbers.edges]
    return [*([f"<{edges[0]}"] if edges else ["all"]), *(f"≥{edge}" for edge in edges), "missing"]


def _names(categories: Categories) -> list[str]:
    return [*categories.values, "others", "missing"]
