"""A row of a sheet as JSON and back, by the rules of the sheet's columns."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from alerts.api.problems import Wrong
from alerts.registry.sheets import (
    BY_FORMAT,
    REFERENCES,
    SHEETS,
    Field,
    Wanted,
    choices,
    moment,
    name_of,
    period,
    resolution,
)

RESOURCES = tuple(SHEETS)
NAMED = frozenset({"areas", "households", "residents", "contacts", "workers"})
"""Resources whose rows have an id of their own in the sheet; the others get one here."""
_IDENT = name_of(64)


def own_fields(sheet: str) -> tuple[Field, ...]:
    """Return the columns that a body holds: all but the id, which stands in the address."""
    return tuple(field for field in SHEETS[sheet] if not (field.name == "id" and sheet in NAMED))


def is_id(text: str) -> bool:
    """Whether `text` can be an id."""
    try:
        return bool(text) and _IDENT(text) == text and "/" not in text
    except Wanted:
        return False


def shown(sheet: str, row: RowMapping) -> dict[str, Any]:
    """Return a row as JSON: ids, numbers, words; times in UTC."""
    found = {"id": _row_id(sheet, row)} if sheet != "devices" else {"key": _row_id(sheet, row)}
    return found | {field.name: _plain(row[field.key]) for field in own_fields(sheet)}


def _row_id(sheet: str, row: RowMapping) -> str:
    if sheet in NAMED:
        return str(row["id"])
    return str(row["key"]) if row["key"] else f"n-{row['n' if sheet == 'devices' else 'id']}"


def _plain(value: Any) -> Any:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value


def tag(said: Mapping[str, Any]) -> str:
    """Return the ETag of a row as it is shown."""
    words = json.dumps(said, ensure_ascii=False, sort_keys=True)
    return f'"{hashlib.sha256(words.encode("utf-8", "backslashreplace")).hexdigest()[:20]}"'


def read(sheet: str, body: Mapping[str, Any]) -> tuple[dict[str, Any], list[Wrong]]:
    """Return the values of a row by table column, and what is wrong in the body."""
    fields = own_fields(sheet)
    values: dict[str, Any] = {}
    wrong = [(name, "no such field") for name in body if name not in {field.name for field in fields}]
    for field in fields:
        try:
            values[field.key] = _value(field, body.get(field.name))
        except Wanted as wanted:
            wrong.append((field.name, str(wanted)))
        except OverflowError:
            wrong.append((field.name, "a time between the years 1 and 9999"))
    return values, wrong


def _value(field: Field, said: Any) -> Any:
    if said is None or said == "":
        if field.required:
            raise Wanted("a value")
        return field.empty
    if isinstance(said, bool) or not isinstance(said, str | int | float):
        raise Wanted("a text or a number")
    if isinstance(said, float) and said.is_integer() and abs(said) < 1e15:
        said = int(said)
    value = field.parse(str(said).strip())
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise Wanted("a time with its offset, such as 2026-11-21T08:00+08:00")
        value = value.astimezone(UTC).replace(microsecond=value.microsecond // 1000 * 1000)
        if not 1000 < value.year < 9000:
            raise Wanted("a time of our age")
    return value


# --- the description -----------------------------------------------------------------------------------------------


def schema(sheet: str) -> dict[str, Any]:
    """Return the JSON schema of a body."""
    fields = own_fields(sheet)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [field.name for field in fields if field.required],
        "properties": {field.name: _described(sheet, field) for field in fields},
    }


def _described(sheet: str, field: Field) -> dict[str, Any]:
    said: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 200}
    if words := choices(field):
        said = {"type": "string", "enum": list(words)}
    elif field.parse is moment:
        said = {"type": "string", "format": "date-time"}
    elif field.parse is period or field.name == "order":
        said = {"type": "integer", "minimum": 1, "maximum": 2_678_400 if field.parse is period else 999}
    elif field.name in ("litres_per_pulse", "modulus") or field.parse is resolution:
        said = {"type": "number", "exclusiveMinimum": 0}
    if target := REFERENCES.get(sheet, {}).get(field.name):
        said["description"] = f"id of one of {target}"
    if not field.required:
        said["type"] = [said["type"], "null"]
        if "enum" in said:
            said["enum"] = [*said["enum"], None]
    return said


__all__ = ["BY_FORMAT", "NAMED", "RESOURCES", "is_id", "own_fields", "read", "schema", "shown", "tag"]
