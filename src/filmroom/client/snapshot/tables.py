"""The tables of a snapshot: what a server lists of series, studies and patients, as it was decoded."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args, get_type_hints

import msgspec

from filmroom.model.entities import Patient, Series, SeriesRecord, Study

FORMAT = 1
"""Version of the tables; a snapshot of another one is made anew."""

Row = Mapping[str, Any]


def _day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def _moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


_READ: dict[type, tuple[str, Callable[[Any], Any] | None]] = {
    str: ("TEXT", None),
    int: ("INTEGER", None),
    float: ("REAL", None),
    bool: ("INTEGER", bool),
    dt.date: ("TEXT", _day),
    dt.datetime: ("TEXT", _moment),
}


@dataclass(frozen=True)
class Table:
    """One table: a column per field of a class of records; ``extra`` holds what else came, as JSON."""

    name: str
    kind: type
    indices: tuple[tuple[str, ...], ...]
    unique: str | None = None
    more: str = ""

    @cached_property
    def types(self) -> dict[str, type]:
        """Type of each column."""
        hints = get_type_hints(self.kind)
        return {
            each.name: next(kind for kind in (get_args(hints[each.name]) or (hints[each.name],)))
            for each in dataclasses.fields(self.kind)
        }

    @property
    def create(self) -> str:
        """The statement that makes it."""
        columns = [
            f"{name} {_READ[kind][0]}{' PRIMARY KEY' if name == self.unique else ''}"
            for name, kind in self.types.items()
        ]
        return f"CREATE TABLE {self.name} ({', '.join(columns)}, extra TEXT{self.more})"

    @property
    def create_indices(self) -> Iterable[str]:
        """The statements that make its indices, once it is filled."""
        for columns in self.indices:
            name = f"{self.name}_by_{'_'.join(columns)}"
            yield f"CREATE INDEX IF NOT EXISTS {name} ON {self.name} ({', '.join(columns)})"

    def insert(self, columns: Sequence[str]) -> str:
        """Return the statement that puts rows in, with :meth:`values` of the same columns."""
        marks = ", ".join("?" * (len(columns) + 1))
        return f"INSERT OR REPLACE INTO {self.name} ({', '.join(columns)}, extra) VALUES ({marks})"  # noqa: S608

    def values(self, columns: Sequence[str], row: Row) -> list[Any]:
        """Return what a decoded row is stored as."""
        extra = {name: value for name, value in row.items() if name not in self.types}
        stored = [_stored(row.get(name)) for name in columns]
        return [*stored, msgspec.json.encode(extra).decode() if extra else None]

    def readers(self, columns: Sequence[str]) -> list[Callable[[Any], Any] | None]:
        """Return what makes values of stored ones, by column; None where they are the same."""
        return [_READ[self.types[name]][1] for name in columns]


def _stored(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    if isinstance(value, dt.date):
        return value.isoformat()
    return value


SERIES = Table(
    "series",
    SeriesRecord,
    (("collection",), ("patient_id",), ("study_instance_uid",), ("modality",), ("date_released",)),
    unique="series_instance_uid",
    more=", record_due INTEGER NOT NULL DEFAULT 1",
)
STUDIES = Table("study", Study, (("collection",), ("patient_id",), ("study_instance_uid",)))
PATIENTS = Table("patient", Patient, (("collection",), ("patient_id",)))
TABLES = (SERIES, STUDIES, PATIENTS)

LISTED = tuple(each.name for each in dataclasses.fields(Series))
"""Columns that a list of series fills."""
RECORDED = tuple(name for name in SERIES.types if name not in LISTED)
"""Columns that only the question about many series fills."""

SCHEMA = (
    *(table.create for table in TABLES),
    # ``record_due``: what RECORDED holds is still to be asked.
    "CREATE INDEX series_due ON series (record_due) WHERE record_due = 1",
    "CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID",
    # Whole answers that are small: rows as JSON.
    "CREATE TABLE answer (name TEXT PRIMARY KEY, rows TEXT) WITHOUT ROWID",
    # Collections that are done in a snapshot under way.
    "CREATE TABLE done (collection TEXT PRIMARY KEY) WITHOUT ROWID",
    # Every spelling that occurs of what one filters by, and its upper case.
    "CREATE TABLE spelling (field TEXT, upper TEXT, value TEXT, PRIMARY KEY (field, upper, value))",
)
SPELLED: dict[str, tuple[Table, ...]] = {
    "collection": TABLES,
    "patient_id": TABLES,
    "modality": (SERIES,),
    "body_part_examined": (SERIES,),
    "manufacturer": (SERIES,),
    "manufacturer_model_name": (SERIES,),
}
"""Fields that are compared without regard to case, and the tables that have them."""
