"""From request bodies to rows: typed decoding against the contract, with errors that name the field and the row."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from ..schema import Field, Schema

Row: TypeAlias = Any
"""An instance of the struct made from the schema: attributes c0, c1, ... in the order of `Decoder.names`."""
PLACE = re.compile(r"^(?:[^\[]*\[(?P<row>\d+)\])?\.?(?P<field>.*)$", re.DOTALL)


class BadRequest(Exception):
    """A request the service refuses: HTTP status, one sentence, and where it is wrong."""

    def __init__(self, status: int, sentence: str, field: str | None = None, row: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.field, self.row = status, field, row

    def body(self) -> bytes:
        found = {"error": str(self), "field": self.field, "row": self.row}
        return msgspec.json.encode({key: value for key, value in found.items() if value is not None})


class Split(msgspec.Struct, forbid_unknown_fields=True):
    """MLflow's dataframe_split: column names once, then rows of cells."""

    columns: list[str]
    data: list[list[Any]]
    index: Any = None


class Tensor(msgspec.Struct):
    """One column of an Open Inference request."""

    name: str
    data: list[Any]
    datatype: str = ""
    shape: list[int] = []
    parameters: Any = None


class Infer(msgspec.Struct):
    """An Open Inference request."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: Any = None
    outputs: Any = None


class Decoder:
    """Decodes request bodies for one model. Rows are validated against its contract; nothing is guessed."""

    def __init__(self, schema: Schema, max_rows: int) -> None:
        self.schema = schema
        self.names = [field.name for field in schema.fields] + [name for view in schema.views for name in view.columns]
        self._max_rows = max_rows
        self._times = [(f"c{i}", field.name) for i, field in enumerate(schema.fields) if field.type == "timestamp"]
        members = [_member(f"c{i}", field, schema.time) for i, field in enumerate(schema.fields)]
        given = len(members)
        members += [
            (f"c{given + i}", float | None | msgspec.UnsetType, msgspec.UNSET) for i in range(len(self.names) - given)
        ]
        self.row = msgspec.defstruct(
            "Row",
            members,
            rename={f"c{i}": name for i, name in enumerate(self.names)},
            forbid_unknown_fields=True,
            omit_defaults=True,
            kw_only=True,
            gc=False,
        )
        body = msgspec.defstruct(
            "Body",
            [
                ("dataframe_records", list[self.row] | msgspec.UnsetType, msgspec.UNSET),  # type: ignore[name-defined]
                ("instances", list[self.row] | msgspec.UnsetType, msgspec.UNSET),  # type: ignore[name-defined]
                ("dataframe_split", Split | msgspec.UnsetType, msgspec.UNSET),
                ("inputs", dict[str, list[Any]] | msgspec.UnsetType, msgspec.UNSET),
                ("params", Any, None),
                ("signature_name", Any, None),
            ],
            forbid_unknown_fields=True,
            gc=False,
        )
        self._body = msgspec.json.Decoder(body)
        self._infer = msgspec.json.Decoder(Infer)
        self._rows = list[self.row]  # type: ignore[name-defined]

    def invocations(self, body: bytes) -> list[Row]:
        """MLflow's forms: dataframe_records, dataframe_split, instances, inputs. Raises BadRequest."""
        asked: Any = self._guarded(lambda: self._body.decode(body))
        if asked.dataframe_records is not msgspec.UNSET:
            return self._checked(asked.dataframe_records)
        if asked.instances is not msgspec.UNSET:
            return self._checked(asked.instances)
        if asked.dataframe_split is not msgspec.UNSET:
            return self._converted(_from_split(asked.dataframe_split))
        if asked.inputs is not msgspec.UNSET:
            return self._converted(_from_columns(asked.inputs))
        raise BadRequest(422, "The body holds no rows; give dataframe_records, dataframe_split, instances or inputs.")

    def infer(self, body: bytes) -> tuple[list[Row], str | None]:
        """An Open Inference request: its rows, and its id. Raises BadRequest."""
        asked: Infer = self._guarded(lambda: self._infer.decode(body))
        columns = {tensor.name: _flat(tensor) for tensor in asked.inputs}
        if len(columns) < len(asked.inputs):
            raise BadRequest(422, "Two inputs have the same name; give every column once.", "inputs")
        return self._converted(_from_columns(columns)), asked.id

    def rows(self, rows: list[dict[str, Any]]) -> list[Row]:
        """Rows as plain values. Raises BadRequest."""
        return self._converted(rows)

    def _converted(self, rows: list[dict[str, Any]]) -> list[Row]:
        return self._checked(self._guarded(lambda: msgspec.convert(rows, self._rows)))

    def _checked(self, rows: list[Row]) -> list[Row]:
        if not rows:
            raise BadRequest(422, "There is no row to predict for.")
        if len(rows) > self._max_rows:
            raise BadRequest(413, f"{len(rows)} rows are more than {self._max_rows}; send them in several requests.")
        for attribute, name in self._times:
            for place, row in enumerate(rows):
                text = getattr(row, attribute)
                if text is not None and not _is_time(text):
                    said = f"'{text[:40]}' is not a time; give ISO 8601, such as 2024-01-31T08:00:00Z."
                    raise BadRequest(422, f"{name}: {said}", name, place)
        return rows

    def _guarded(self, decode: Callable[[], Any]) -> Any:
        try:
            return decode()
        except msgspec.ValidationError as error:
            raise self._refusal(str(error)) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest(400, f"The body is not JSON: {error}.") from None

    def _refusal(self, message: str) -> BadRequest:
        """Msgspec's message as a sentence about a field and a row."""
        what, _, path = message.partition(" - at `$")
        place = PLACE.match(path.removesuffix("`"))
        row = int(place["row"]) if place and place["row"] else None
        field = (place["field"] if place else "").removeprefix(".") or None
        named = re.match(r"Object (?:missing required|contains unknown) field `(.*)`$", what, re.DOTALL)
        if named:
            field = named[1]
            unknown = f"{field}: no such field; give {', '.join(self._required()[:20])}."
            if field == self.schema.target:
                unknown = f"{field}: this is what the model predicts; leave it out."
            what = "is missing" if "missing" in what else unknown
        if field and what.startswith(field):
            return BadRequest(422, what, field, row)
        return BadRequest(422, f"{field}: {_plainly(what)}." if field else f"{_plainly(what)}.", field, row)

    def _required(self) -> list[str]:
        return [field.name for field in self.schema.fields if field.used]


def _member(attribute: str, field: Field, time: str | None) -> Any:
    """A struct member: required when the model needs it and null is not allowed; the event time defaults to now."""
    kind: Any = {"number": float, "integer": float, "boolean": bool, "string": str, "timestamp": str}[field.type]
    if field.type in ("number", "integer") and field.used:
        whole = 1 if field.type == "integer" else None
        kind = Annotated[float, msgspec.Meta(ge=field.min, le=field.max, multiple_of=whole)]
    if field.type == "string" and field.values and field.used:
        kind = Literal[tuple(field.values)]
    if field.used and not field.nullable and field.name != time:
        return (attribute, kind)
    return (attribute, kind | None, None)


def _is_time(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _from_split(split: Split) -> list[dict[str, Any]]:
    for place, cells in enumerate(split.data):
        if len(cells) != len(split.columns):
            raise BadRequest(
                422, f"dataframe_split has {len(split.columns)} columns but a row of {len(cells)}.", None, place
            )
    return [dict(zip(split.columns, cells, strict=True)) for cells in split.data]


def _from_columns(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    lengths = {name: len(values) for name, values in columns.items()}
    for name, length in lengths.items():
        if length != max(lengths.values()):
            raise BadRequest(422, f"{name}: has {length} values where others have {max(lengths.values())}.", name)
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def _flat(tensor: Tensor) -> list[Any]:
    """A tensor of shape [n] or [n, 1] as n values."""
    size = 1
    for dimension in tensor.shape:
        size *= dimension
    flat = [cell for part in tensor.data for cell in (part if isinstance(part, list) else [part])]
    if tensor.shape and (size != len(flat) or tensor.shape[0] != len(flat)):
        raise BadRequest(422, f"{tensor.name}: shape {tensor.shape} does not fit {len(flat)} values.", tensor.name)
    return flat


def _plainly(what: str) -> str:
    said = what.replace("Expected `", "expected ").replace("`, got `", ", got ").replace("`", "")
    return said.replace("Invalid enum value", "not one of its values:").replace(
        "that's a multiple of 1.0", "without decimals"
    )
