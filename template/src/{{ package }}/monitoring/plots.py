"""Geometry of the report's plots: numbers in, places in an SVG (or percents of a bar) out."""

import math
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from ..schema import Schema
from ..training.reference import MARGIN, Categories, Numbers
from .axis import moments, rounded, scale
from .drift import prediction_of
from .findings import Finding
from .reports import Report
from .subject import Subject
from .window import Floats, Window

HEIGHT, WIDTH = 104, 300
"""Of a histogram."""
LEFT, RIGHT, TOP, BOTTOM = 56, 990, 14, 190
"""Of a plot over time."""
GROUPS = 40
NAMES = 7
"""Categories or classes shown by name; the others together."""
LETTER = 7
"""Width of a label per character, in units of a histogram; a wide font's."""


def bars(findings: Sequence[Finding]) -> dict[str, Any]:
    """Widths in percent. The scale ends at four limits, so that one large value does not hide the others."""
    values = [finding.value or 0.0 for finding in findings]
    limit = max((finding.limit or 0.0 for finding in findings), default=0.0)
    end = max(min(max([*values, 0.0]), 4 * limit), 2 * limit, 1e-9)
    rows = [
        {
            "name": finding.name,
            "value": f"{value:.2f}" if value < 10 else f"{value:.0f}",
            "width": round(100 * min(value, end) / end, 1),
            "is_cut": value > end,
            "state": finding.state,
        }
        for finding, value in zip(findings, values, strict=True)
    ]
    return {"rows": rows, "limit": limit, "limit_at": round(100 * limit / end, 1)}


def histogram(name: str, subject: Subject, seen: Window) -> dict[str, Any] | None:
    """The reference's bins of an input or of the prediction, with the shares then and now."""
    reference, schema = subject.reference, subject.schema
    if name in reference.categorical:
        place = schema.categorical.index(name)
        return _names(name, reference.categorical[name], [row[place] for row in seen.categorical])
    if name in reference.numeric:
        return _numbers(name, reference.numeric[name], seen.numeric[:, schema.numeric.index(name)])
    for i, (key, numbers) in enumerate(reference.prediction.items()):
        if name == prediction_of(key):
            return _numbers(name, numbers, seen.predictions[:, i])
    return None


def over_time(seen: Window, schema: Schema) -> dict[str, Any] | None:
    """The prediction in equal groups of the window: mean and middle half, or how often each class was the likeliest."""
    if len(seen) < 2:
        return None
    groups = np.array_split(seen.predictions, min(GROUPS, len(seen)))
    across = np.linspace(LEFT, RIGHT, len(groups)).tolist()
    drawn = _classes(groups, schema.classes, across) if schema.width > 1 else _values(groups, across)
    what = f"probability of {schema.classes[1]}" if schema.width == 1 and schema.classes else schema.target
    return {**drawn, "what": what, "ticks": _ticks(seen.times)}


def performance(reports: Sequence[Report], metric: str) -> dict[str, Any] | None:
    """The deciding metric of each report, a line per version, beside what it was accepted with."""
    told = [report for report in reports if metric in report.metrics]
    if not told:
        return None
    values = [report.metrics[metric] for report in told]
    accepted = [report.accepted.get(metric, value) for report, value in zip(told, values, strict=True)]
    up, grid = _up(min(values + accepted), max(values + accepted))
    across = np.linspace(LEFT + 20, RIGHT - 20, len(told)).tolist() if len(told) > 1 else [(LEFT + RIGHT) / 2]
    lines: list[dict[str, Any]] = []
    for x, report, value, before in zip(across, told, values, accepted, strict=True):
        if not lines or lines[-1]["version"] != report.version:
            # The name stands above the first dot; below it near the top, and where the dashed line would strike it.
            is_struck = 3 < up(value) - up(before) < 27
            name_at = up(value) + (22 if is_struck or up(value) < TOP + 24 else -11)
            start = {"version": report.version, "name_at": round(name_at, 1), "accepted": up(before), "from": x}
            lines.append(start | {"points": [], "dots": []})
        title = f"version {report.version}, {report.at:%Y-%m-%d %H:%M}: {value:.4g} on {report.labelled:,} labels"
        lines[-1]["points"].append(f"{x:.1f},{up(value)}")
        lines[-1]["dots"].append({"x": round(x, 1), "y": up(value), "title": title})
        lines[-1]["to"] = x
    return {"lines": lines, "grid": grid, "ticks": _ticks([report.at for report in told], across[len(told) // 2])}


def _values(groups: list[Floats], across: list[float]) -> dict[str, Any]:
    middle = [float(np.nanmean(group)) for group in groups]
    low, high = ([float(np.nanquantile(group, share)) for group in groups] for share in (0.25, 0.75))
    up, grid = _up(min(low + middle), max(high + middle))

    def points(values: list[float]) -> list[str]:
        return [f"{x:.1f},{up(value)}" for x, value in zip(across, values, strict=True)]

    return {"mean": " ".join(points(middle)), "band": " ".join(points(high) + points(low)[::-1]), "grid": grid}


def _classes(groups: list[Floats], classes: Sequence[str], across: list[float]) -> dict[str, Any]:
    """Stacked areas, the commonest class at the bottom."""
    answers = [np.bincount(group.argmax(axis=1), minlength=len(classes)) / len(group) for group in groups]
    order = np.argsort(-np.sum(answers, axis=0), kind="stable")
    shown, rest = order[:NAMES], order[NAMES:]
    layers = [(classes[i], [float(answer[i]) for answer in answers]) for i in shown]
    if len(rest):
        layers.append((f"{len(rest)} others", [float(answer[rest].sum()) for answer in answers]))
    up, grid = _up(0.0, 1.0)
    areas, floor = [], np.zeros(len(groups))
    for name, shares in layers:
        top = floor + shares
        edge = [f"{x:.1f},{up(y)}" for x, y in zip(across, top.tolist(), strict=True)]
        base = [f"{x:.1f},{up(y)}" for x, y in zip(across, floor.tolist(), strict=True)]
        areas.append({"name": name, "points": " ".join(edge + base[::-1])})
        floor = top
    return {"areas": areas, "grid": grid}


def _up(low: float, high: float) -> tuple[Any, list[dict[str, Any]]]:
    """Where a value stands, and the lines of the grid."""
    ticks = scale(low, high)
    span = ticks[-1] - ticks[0]

    def up(value: float) -> float:
        return round(BOTTOM - (BOTTOM - TOP) * (value - ticks[0]) / span, 1)

    return up, [{"y": up(tick), "label": label} for tick, label in zip(ticks, rounded(ticks), strict=True)]


def _ticks(times: Sequence[datetime], middle_at: float = (LEFT + RIGHT) / 2) -> list[dict[str, Any]]:
    """First, middle and last time; what reads alike is told once, the ends first."""
    if times[0] == times[-1]:
        return [{"x": (LEFT + RIGHT) / 2, "anchor": "middle", "label": moments(times)[0]}]
    first, middle, last = moments([times[0], times[len(times) // 2], times[-1]])
    marks = [(LEFT, "start", first), (RIGHT, "end", last), (middle_at, "middle", middle)]
    told = {label: {"x": x, "anchor": anchor, "label": label} for x, anchor, label in reversed(marks)}
    return list(told.values())


def _numbers(name: str, numbers: Numbers, values: Floats) -> dict[str, Any]:
    before, after = _shares(numbers.counts), _shares(numbers.bin(values))
    labels, marks = _bins(numbers.edges)
    if before[-1] or after[-1]:
        marks.append((len(labels) - 0.58, "missing"))
    else:
        labels.pop()
    step = WIDTH / len(labels)
    largest = max([*before, *after, 1e-9])
    bins = [
        {
            "x": round(4 + i * step, 1),
            "then": round(HEIGHT * before[i] / largest, 1),
            "now": round(HEIGHT * after[i] / largest, 1),
            "title": f"{label}: {before[i]:.1%} then, {after[i]:.1%} now",
        }
        for i, label in enumerate(labels)
    ]
    ticks: list[dict[str, Any]] = []
    for place, label in reversed(marks):
        x = round(4 + place * step, 1)
        # Labels stand around their marks; one that would touch the next to its right is left out.
        if not ticks or ticks[-1]["x"] - x > LETTER * (len(label) + len(ticks[-1]["label"]) + 1) / 2:
            ticks.append({"x": x, "label": label})
    return {"name": name, "bins": bins, "half": round(step * 0.42, 1), "marks": ticks[::-1]}


def _bins(edges: list[float]) -> tuple[list[str], list[tuple[float, str]]]:
    """What each bin holds, the missing values last; and labels by place, in bins from the left.

    An edge lies just below the value it begins with; a value with a bin of its own has one just above it too.
    """
    if not edges:
        return ["all", "missing"], []
    closes = [False, *(high <= math.nextafter(low + 3 * MARGIN * abs(low), math.inf) for low, high in pairwise(edges))]
    texts = iter(rounded([edge + MARGIN * abs(edge) for edge, is_end in zip(edges, closes, strict=True) if not is_end]))
    names: list[str] = []
    for is_end in closes:
        names.append(names[-1] if is_end else next(texts))
    labels = [f"below {names[0]}"]
    for place, (low, high) in enumerate(pairwise(names)):
        labels.append(low if closes[place + 1] else f"{'above ' if closes[place] else ''}{low} to {high}")
    labels += [f"{'above' if closes[-1] else 'from'} {names[-1]}", "missing"]
    marks = []
    for place in sorted({0, len(edges) // 2, len(edges) - 1}):
        start = place - closes[place]
        has_own = start + 1 < len(edges) and closes[start + 1]
        marks.append((start + (1.42 if has_own else 0.92), names[start]))
    return labels, list(dict.fromkeys(marks))


def _names(name: str, categories: Categories, values: list[str]) -> dict[str, Any]:
    before, after = _shares(categories.counts), _shares(categories.bin(values))
    labels = [*categories.values, "others", "missing"]
    order = sorted(range(len(labels)), key=lambda i: -max(before[i], after[i]))
    largest = max([*before, *after, 1e-9])
    rows = [
        {
            "label": labels[i],
            "then": round(100 * before[i] / largest, 1),
            "now": round(100 * after[i] / largest, 1),
            "title": f"{before[i]:.1%} then, {after[i]:.1%} now",
        }
        for i in order[:NAMES]
        if before[i] or after[i]
    ]
    return {"name": name, "names": rows, "left_out": sum(bool(before[i] or after[i]) for i in order[NAMES:])}


def _shares(counts: Any) -> list[float]:
    array = np.asarray(counts, dtype=np.float64)
    return [float(share) for share in array / max(1.0, array.sum())]
