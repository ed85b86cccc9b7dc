"""Data nobody designed the project for, as files a person might bring."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets


class Brought(NamedTuple):
    """A data set: how to write it, and what a person says of it to `ml data init`."""

    write: Callable[[Path], Path]
    arguments: list[str]


def _toy(name: str, target: str = "target") -> Brought:
    def write(folder: Path) -> Path:
        frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
        frame.to_csv(folder / f"{name}.csv", index=False)
        return folder / f"{name}.csv"

    return Brought(write, ["--target", target])


def _california(folder: Path) -> Path:
    """Block groups with prices that depend on income, place and age; no time, no entity."""
    random = np.random.default_rng(3)
    rows = 4000
    frame = pd.DataFrame(
        {
            "MedInc": random.lognormal(1.2, 0.45, rows).round(4),
            "HouseAge": random.integers(1, 53, rows),
            "AveRooms": random.normal(5.4, 1.2, rows).clip(1).round(3),
            "Latitude": random.uniform(32.5, 42, rows).round(2),
            "Longitude": random.uniform(-124.3, -114.3, rows).round(2),
        }
    )
    coast = np.abs(frame["Longitude"] + 119 + (frame["Latitude"] - 35) * 0.7)
    noise = random.normal(0, 0.25, rows)
    frame["MedHouseVal"] = (0.45 * frame["MedInc"] - 0.12 * coast + 0.008 * frame["HouseAge"] + noise).round(5)
    path = folder / "california.parquet"
    frame.to_parquet(path, index=False)
    return path


def _nasty(folder: Path) -> Path:
    """Quotes, missing values, booleans, dates, many different strings, odd column names, a constant, an identifier."""
    random = np.random.default_rng(5)
    rows = 1500
    tariff = random.choice(["Basis", "Komfort, groß", 'the "best"', "naïve\nline"], rows)
    streets, numbers = random.choice(["Hauptstraße", "Rue É.", "O'Neill"], rows), random.integers(1, 400, rows)
    frame = pd.DataFrame(
        {
            "customer id": np.arange(10_000, 10_000 + rows),
            "größe (m²)": random.uniform(20, 240, rows).round(1),
            "tariff's name": tariff,
            "street": [f"{name} {number}" for name, number in zip(streets, numbers, strict=True)],
            "since": pd.to_datetime("2015-01-01") + pd.to_timedelta(random.integers(0, 3000, rows), unit="D"),
            "paperless [/no]": random.choice(["yes", "no"], rows),
            "日照": np.where(random.random(rows) < 0.15, np.nan, random.normal(5, 2, rows).round(2)),
            "country": "DE",
        }
    )
    logit = (frame["größe (m²)"] - 120) / 40 + (tariff == "Basis") * 1.5 - (frame["paperless [/no]"] == "yes")
    frame["left?"] = np.where(random.random(rows) < 1 / (1 + np.exp(-logit)), "yes", "no")
    frame.loc[random.random(rows) < 0.05, "tariff's name"] = None
    path = folder / "Kunden Übersicht.csv"
    frame.to_csv(path, index=False, sep=";", date_format="%Y-%m-%d")
    return path


def _machines(folder: Path) -> Path:
    """Hourly readings of machines over half a year, three states; time and entity."""
    random = np.random.default_rng(9)
    rows = 3000
    frame = pd.DataFrame(
        {
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(np.sort(random.integers(0, 180 * 24, rows)), unit="h"),
            "machine": random.choice([f"M-{n:02d}" for n in range(12)], rows),
            "temperature": random.normal(70, 8, rows).round(2),
            "load": random.uniform(0, 1, rows).round(3),
            "maintained": random.random(rows) < 0.5,
        }
    )
    score = (frame["temperature"] - 70) / 8 + 2 * frame["load"] - frame["maintained"] + random.normal(0, 0.5, rows)
    frame["state"] = pd.cut(score, [-np.inf, 0, 1.2, np.inf], labels=["good", "worn", "failing"]).astype(str)
    path = folder / "machines.csv"
    frame.to_csv(path, index=False)
    return path


def _survey(folder: Path) -> Path:
    """No number at all, and one column that nearly decides by itself."""
    random = np.random.default_rng(13)
    rows = 1200
    frame = pd.DataFrame(
        {
            "visit": random.choice(["daily", "weekly", "rarely"], rows),
            "member": random.random(rows) < 0.4,
            "channel": random.choice(["shop", "web"], rows, p=[0.7, 0.3]),
        }
    )
    rating = frame["visit"].map({"daily": "fond", "weekly": "content", "rarely": "cool"})
    swayed = random.random(rows) < np.where(frame["member"], 0.05, 0.25)
    frame["rating"] = np.where(swayed, random.choice(["fond", "content", "cool"], rows), rating)
    path = folder / "survey.csv"
    frame.to_csv(path, index=False)
    return path


DATA = {
    "breast-cancer": _toy("breast_cancer"),
    "wine": _toy("wine"),
    "digits": _toy("digits"),
    "diabetes": _toy("diabetes"),
    "california": Brought(_california, ["--target", "MedHouseVal"]),
    "nasty": Brought(_nasty, ["--target", "left?", "--name", "churn"]),
    "survey": Brought(_survey, ["--target", "rating"]),
    "machines": Brought(_machines, ["--target", "state", "--time", "when", "--entity", "machine"]),
}
