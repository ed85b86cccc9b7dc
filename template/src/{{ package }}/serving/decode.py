"""From request bodies to rows, typed and held against the model's schema."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from ..data.timestamps import moment
from ..schema import Schema
from .forms import FORMS, Infer, Split, bounded, from_columns, from_split, from_tensors
from .members import Member, members
from .refusal import SHOWN, Refusal, not_json, too_large, translated, wanted

Row: TypeAlias = Any
"""An instance of the struct made from the schema; its members are `Decoder.names`, in that order."""


class Decoder:
    """Decodes request bodies for one model; nothing is guessed. Raises Refusal."""

    def __init__(self, schema: Schema, max_rows: int) -> None:
        self._schema, self._max_rows = schema, max_rows
        found = members(schema)
        self.names = [member.name for member in found]
        self._fields = {field.name: field for field in schema.fields}
        self._times = [(member.attribute, member.name) for member in found if member.is_time]
        self._known = [(member.attribute, member.name, member.known) for member in found if member.known]
        self._keys = {member.name: member.key for member in found if member.key != member.name}
        self._names = {key: name for name, key in self._keys.items()}
        row = _row(found)
        self._rows: Any = list[row]  # type: ignore[valid-type]
        # A name that cannot stand in a struct sends rows on a detour through dictionaries.
        self._body: Any = msgspec.json.Decoder(_body(list[dict[str, Any]] if self._keys else self._rows))
        self._infer = msgspec.json.Decoder(Infer)

    def invocations(self, body: bytes) -> tuple[list[Row], str]:
        """The forms of MLflow and of TensorFlow Serving: rows, and which of FORMS they came in."""
        asked: Any = self._guarded(lambda: self._body.decode(body), body)
        given = [(form, rows) for form in FORMS if (rows := getattr(asked, form)) is not msgspec.UNSET]
        if len(given) != 1:
            raise Refusal(422, f"Give the rows in one of {', '.join(FORMS[:-1])} or {FORMS[-1]}.")
        ((form, rows),) = given
        if form == "dataframe_split":
            return self._converted(from_split(rows, self._max_rows)), form
        if isinstance(rows, dict):
            return self._converted(from_columns(rows, self._max_rows)), form
        return self._converted(rows) if self._keys or form == "inputs" else self._checked(rows), form

    def infer(self, body: bytes) -> tuple[list[Row], str | None]:
        """An Open Inference request: its rows, and its id."""
        asked: Infer = self._guarded(lambda: self._infer.decode(body), body)
        return self._converted(from_tensors(asked, self._max_rows)), asked.id

    def written(self, row: Row) -> bytes:
        """A row as a JSON object: the fields it was given, and those filled in since."""
        if not self._keys:
            return msgspec.json.encode(row)
        members: dict[str, Any] = msgspec.to_builtins(row)
        return msgspec.json.encode({self._names.get(key, key): value for key, value in members.items()})

    def _converted(self, rows: list[dict[str, Any]]) -> list[Row]:
        if keys := self._keys:
            rows = [{keys.get(name, name): value for name, value in row.items()} for row in rows]
        found: list[Row] = self._guarded(lambda: msgspec.convert(rows, self._rows))
        return self._checked(found)

    def _checked(self, rows: list[Row]) -> list[Row]:
        """What types cannot say. Turns times into datetimes in UTC."""
        if not rows:
            raise Refusal(422, "There is no row to predict for.")
        bounded(len(rows), self._max_rows)
        for attribute, name in self._times:
            for place, row in enumerate(rows):
                text = getattr(row, attribute)
                if isinstance(text, str):
                    setattr(row, attribute, self._time(text, name, place))
        for attribute, name, known in self._known:
            for place, row in enumerate(rows):
                value = getattr(row, attribute)
                if value is not None and value is not msgspec.UNSET and value not in known:
                    raise Refusal(422, f"'{name}' should be {wanted(self._fields[name])}.", name, place)
        return rows

    def _time(self, text: str, name: str, place: int) -> datetime:
        try:
            return moment(text)
        except (ValueError, OverflowError):
            said = f"'{name}' should be {wanted(self._fields[name])}, not '{text[:SHOWN]}'."
            raise Refusal(422, said, name, place) from None

    def _guarded(self, decode: Callable[[], Any], body: bytes | None = None) -> Any:
        try:
            return decode()
        except msgspec.ValidationError as error:
            # It stops at the first value of a wrong type, and what follows may not be JSON at all.
            if body is not None:
                self._guarded(lambda: msgspec.json.decode(body, type=msgspec.Raw), body)
                if "out of range" in str(error):
                    raise too_large(body) from None
            raise translated(error, self._schema, self._names) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise not_json(error, body) from None
        except RecursionError:
            raise Refusal(400, "The body is nested too deeply.") from None


def _row(found: list[Member]) -> type:
    return msgspec.defstruct(
        "Row",
        [member.declared for member in found],
        rename={member.attribute: member.key for member in found},
        forbid_unknown_fields=True,
        kw_only=True,
        gc=False,
    )


def _body(rows: Any) -> type:
    # MLflow's own client sends rows as inputs, too.
    kinds = (rows, Split, rows, dict[str, Any] | list[dict[str, Any]])
    given = [(form, kind | msgspec.UnsetType, msgspec.UNSET) for form, kind in zip(FORMS, kinds, strict=True)]
    also = [("params", Any, None), ("signature_name", Any, None)]
    return msgspec.defstruct("Body", [*given, *also], forbid_unknown_fields=True, gc=False)
