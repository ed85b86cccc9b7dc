"""Names of columns that cannot be, each with what to do."""

from collections import Counter
from typing import TYPE_CHECKING

from ..contract import RESERVED_COLUMNS, Column
from ..errors import ContractError
from ..schema import calendar

if TYPE_CHECKING:
    import pyarrow as pa


def must_fit(rows: "pa.Table", shown: str, target: str, time: str | None, entity: tuple[str, ...]) -> None:
    """Raise ContractError unless the columns asked for are there, once, and no two names are alike or taken."""
    names = rows.column_names
    roles = {"--target": [target], "--time": [time] if time else [], "--entity": entity}
    for option, wanted in roles.items():
        for column in wanted:
            if column not in names:
                alike = [name for name in names if name.strip().lower() == column.strip().lower()]
                meant = f" Did you mean {option} {alike[0]!r}?" if alike else ""
                raise ContractError(
                    f"{shown}: {option} '{column}' is no column; it has {', '.join(map(repr, names[:40]))}.{meant}"
                )
    column, times = Counter(column for wanted in roles.values() for column in wanted).most_common(1)[0]
    if times > 1:
        raise ContractError(f"'{column}' is given more than once among --target, --time and --entity; give it once.")
    # DuckDB and Delta take names that differ in case only for the same.
    same = Counter(column.lower() for column in names if column).most_common(1)[0]
    if same[1] > 1:
        alike = [column for column in names if column.lower() == same[0]]
        raise ContractError(f"{shown}: the columns {' and '.join(map(repr, alike))} have one name; rename one of them.")
    taken = [column for column in names if column in RESERVED_COLUMNS]
    if taken:
        raise ContractError(f"{shown}: the column name '{taken[0]}' is used by the project itself; rename the column.")
    if len(rows) < 2:
        raise ContractError(f"{shown} holds {len(rows)} rows; there is nothing to learn from.")


def must_differ(specs: dict[str, Column], time: str | None, shown: str) -> None:
    """Raise ContractError when a column has the name of what the model makes of a time."""
    for name in (name for name, spec in specs.items() if spec.type == "timestamp" and not spec.ignore):
        for made in calendar(name, name == time):
            if made in specs and not specs[made].ignore:
                raise ContractError(f"{shown}: the model makes '{made}' of '{name}' itself; leave that column out.")
