"""Dates and times as people write them unambiguously: ISO 8601, also with a blank or slashes; UTC unless they say."""

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

SHAPE = re.compile(
    r"^(?P<year>\d{4})(?:-(?P<month>\d{2})-(?P<day>\d{2})|/(?P<month2>\d{2})/(?P<day2>\d{2}))"
    r"(?:[Tt ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
    r" ?(?P<zone>[Zz]|UTC|[+-]\d{2}(?::?[0-5]\d)?)?)?$",
    re.ASCII,
)
FIRST, LAST = np.datetime64("0001-01-01T00:00:00", "us"), np.datetime64("9999-12-31T23:59:59.999999", "us")


def timestamps(cells: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Text as timestamps in UTC; null where it is no date that exists. Digits beyond microseconds are cut off."""
    import pyarrow as pa
    import pyarrow.compute as pc

    # Arrow stops at the first bad cell and takes either zoned or naive text; this reads both and skips what is wrong.
    found = pc.extract_regex(cells.combine_chunks(), SHAPE.pattern)
    exists = pc.is_valid(found).to_numpy(zero_copy_only=False)
    part = {field.name: found.field(field.name).fill_null("") for field in found.type}
    month, day = (_number(pc.binary_join_element_wise(part[name], part[f"{name}2"], "")) for name in ("month", "day"))
    hour, minute, second = (_number(part[name]) for name in ("hour", "minute", "second"))
    months = (_number(part["year"]) - 1970).astype("datetime64[Y]").astype("datetime64[M]") + (month - 1)
    days = months.astype("datetime64[D]") + (day - 1)
    exists &= (month >= 1) & (month <= 12) & (days.astype("datetime64[M]") == months)
    exists &= (hour < 24) & (minute < 60) & (second < 60)
    offset, known = _offset(part["zone"])
    micros = _number(pc.utf8_slice_codeunits(pc.utf8_rpad(part["fraction"], 6, "0"), 0, 6))
    moments = days.astype("datetime64[us]") + (((hour * 60 + minute - offset) * 60 + second) * 1_000_000 + micros)
    exists &= known & (moments >= FIRST) & (moments <= LAST)
    return pa.chunked_array([pa.array(moments, pa.timestamp("us"), mask=~exists).cast(pa.timestamp("us", "UTC"))])


def moment(text: str) -> datetime:
    """One text by the same rule. Raises ValueError where it is no date, OverflowError where it is none in UTC."""
    if not SHAPE.match(text):
        raise ValueError(text)
    clock = text[11:].upper().replace(" ", "").replace("UTC", "Z")
    time = datetime.fromisoformat(f"{text[:10].replace('/', '-')}T{clock or '00'}")
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


def _offset(zone: "pa.Array") -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Minutes east of UTC, and whether there is such a zone."""
    import pyarrow.compute as pc

    digits = pc.utf8_rpad(pc.replace_substring_regex(zone, r"[^0-9]", ""), 4, "0")
    hours, minutes = (_number(pc.utf8_slice_codeunits(digits, at, at + 2)) for at in (0, 2))
    sign = np.where(pc.starts_with(zone, "-").to_numpy(zero_copy_only=False), -1, 1)
    return sign * (hours * 60 + minutes), (hours < 24) & (minutes < 60)


def _number(digits: Any) -> NDArray[np.int64]:
    import pyarrow as pa
    import pyarrow.compute as pc

    return np.asarray(pc.if_else(pc.equal(digits, ""), "0", digits).cast(pa.int64()).to_numpy())
