"""What a feature view is, and which of the project's views apply to a contract."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from ..contract import Contract
from ..errors import ContractError

if TYPE_CHECKING:
    import ibis.expr.types as ir

LONGEST = timedelta(days=36_500)
"""What a view may be old at most: DuckDB's calendar ends, and so does that of Python."""


@dataclass(frozen=True)
class FeatureView:
    """Values known about an entity from some time on.

    `rows` takes the validated table of `source` (its columns, `_row` and `_seq`; timestamps are UTC without a zone) and
    returns the `entity` columns, `_time` (since when the values were known), `_seq` (of two rows with the same entity
    and time the larger counts) and the `features`, which are numbers or booleans. Values older than `ttl` are null.
    `reads` names the columns `rows` needs, so that the view is left out, with a word, where a source lacks one. An
    entity column that the source calls otherwise is made by `rows`; without entity, all examples get the same values.
    Raises ContractError where it lists no features, or a ttl that is no time.
    """

    name: str
    source: str
    entity: list[str]
    ttl: timedelta
    features: list[str]
    rows: Callable[["ir.Table"], "ir.Table"]
    reads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        said = f"features/views.py: view '{self.name}'"
        if not isinstance(self.ttl, timedelta) or not timedelta(0) <= self.ttl <= LONGEST:
            raise ContractError(f"{said} has ttl={self.ttl!r}; give a timedelta of at most {LONGEST.days:,} days.")
        # DuckDB reads 'Age' and 'age' as one name.
        if not self.features or len({feature.lower() for feature in self.features}) < len(self.features):
            raise ContractError(f"{said} has features={self.features}; give at least one, each by a name of its own.")

    @property
    def columns(self) -> list[str]:
        """Names of its features among the model's inputs."""
        return [f"{self.name}__{feature}" for feature in self.features]


def applicable(contract: Contract) -> list[FeatureView]:
    """The project's views that this contract has the data for."""
    return [view for view in _views(contract) if obstacle(view, contract) is None]


def left_out(contract: Contract) -> list[str]:
    """One sentence for each of the project's views that does not apply."""
    return [reason for view in _views(contract) if (reason := obstacle(view, contract))]


def named(contract: Contract, names: list[str]) -> list[FeatureView]:
    """The applicable views with these names, in this order. Raises ContractError when one is gone."""
    found = {view.name: view for view in applicable(contract)}
    for name in names:
        if name not in found:
            raise ContractError(
                f"features/views.py has no view '{name}' for contract.yaml any more, but the model learnt with it; "
                "bring it back or train a new version."
            )
    return [found[name] for name in names]


def obstacle(view: FeatureView, contract: Contract) -> str | None:
    """Why a view does not apply, in one sentence; None when it does."""
    source = contract.sources.get(view.source)
    said = f"View '{view.name}' is left out: "
    if source is None:
        return f"{said}contract.yaml has no source '{view.source}'."
    if contract.time is None:
        return f"{said}source '{contract.examples_name}' has no event time to look values up at."
    for column in view.reads or view.entity:
        if column not in source.columns:
            return f"{said}source '{view.source}' has no column '{column}'."
    for column in view.entity:
        mine, theirs = contract.fields.get(column), source.columns.get(column)
        if mine is None:
            return f"{said}source '{contract.examples_name}' has no column '{column}' to look values up by."
        if theirs and mine.type != theirs.type:
            types = f"{mine.type} in '{contract.examples_name}' but {theirs.type} in '{view.source}'"
            return f"{said}'{column}' is {types}."
    return None


def _views(contract: Contract) -> list[FeatureView]:
    from .views import views

    found = views(contract)
    names = [view.name for view in found]
    for name in names:
        if names.count(name) > 1:
            raise ContractError(f"features/views.py has {names.count(name)} views called '{name}'; rename all but one.")
    return found
