"""The project's feature views: what is known about an entity at a given time. Edit them, or add your own to VIEWS.
A change reaches the model with the next `ml run features` and `ml run train`, and serving with `ml run materialize`."""

from datetime import timedelta
from typing import TYPE_CHECKING

from ..contract import Contract
from .history import history, history_of
from .view import FeatureView

if TYPE_CHECKING:
    import ibis.expr.types as ir

WEATHER = ["temperature", "humidity", "wind", "visibility", "precipitation", "pressure"]


def hourly_weather(observations: "ir.Table") -> "ir.Table":
    """Each observation as it is; it is stamped with the end of its hour, so it was known from then on."""
    return observations.select("origin", "_seq", *WEATHER, _time="observed")


VIEWS = [
    FeatureView(
        name="weather",
        source="weather",
        entity=["origin"],
        ttl=timedelta(hours=3),
        features=WEATHER,
        rows=hourly_weather,
        reads=["origin", "observed", *WEATHER],
    ),
    # The examples' own outcomes as features: the last 7 whole days of an airport, known when the last of them is over.
    # A value for the running day would hold the event's own outcome and those of later departures, which nobody knows
    # at that moment: the model would shine in the evaluation and fail in service. The lag is what it takes until the
    # last departure of a day has turned out late or not.
    history(
        "recent",
        source="departures",
        time="scheduled",
        entity=["origin"],
        columns=["late"],
        days=[7],
        lag=timedelta(minutes=15),
    ),
]


def views(contract: Contract) -> list[FeatureView]:
    """VIEWS, and the history of the examples' entity where none of them is made from the examples."""
    if any(view.source == contract.examples_name for view in VIEWS):
        return VIEWS
    return [*VIEWS, *history_of(contract)]
