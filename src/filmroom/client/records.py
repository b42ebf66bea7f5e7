"""Answers as typed tables: sequences of records that also print, export and become data frames."""

from __future__ import annotations

import csv
import dataclasses
import html
import io
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, overload

import msgspec

from filmroom.client.extras import bring
from filmroom.client.frames import arrow_table, cell_text, pandas_frame, polars_frame, scalar_types
from filmroom.client.layout import writing

T = TypeVar("T")

_NOTEBOOK_ROWS = 20


class Records(Sequence[T], Generic[T]):
    """An immutable sequence of frozen records of one class.

    ``extras`` holds, per record, what the server sent beyond the record's fields, under wire names.
    """

    def __init__(
        self, kind: type[T], items: Sequence[T], extras: Mapping[int, Mapping[str, Any]] | None = None
    ) -> None:
        self._kind = kind
        self._items = tuple(items)
        self.extras = dict(extras or {})

    @classmethod
    def of_rows(cls, kind: type[T], rows: Sequence[Mapping[str, Any]]) -> Records[T]:
        """Build records from decoded rows; the rows' other keys become extras."""
        names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
        known = frozenset(names)
        items = [kind(**{name: row[name] for name in names if name in row}) for row in rows]
        extras = {
            number: {name: value for name, value in row.items() if name not in known}
            for number, row in enumerate(rows)
            if not known.issuperset(row)
        }
        return cls(kind, items, extras)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the records' fields."""
        return tuple(field.name for field in dataclasses.fields(self._kind))  # type: ignore[arg-type]

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Records[T]: ...
    def __getitem__(self, index: int | slice) -> T | Records[T]:
        if isinstance(index, slice):
            chosen = range(len(self._items))[index]
            extras = {new: self.extras[old] for new, old in enumerate(chosen) if old in self.extras}
            return Records(self._kind, self._items[index], extras)
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(self._items)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Records):
            return self._kind is other._kind and self._items == other._items
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} {self._kind.__name__} records>"

    # as other tables --------------------------------------------------------------------------------
    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one plain dictionary per record, extras included."""
        return list(self._dicts())

    def _dicts(self) -> Iterator[dict[str, Any]]:
        names, single = self.columns, scalar_types(self._kind)
        with_parts = [name for name in names if name not in single]
        for number, item in enumerate(self._items):
            row = {name: getattr(item, name) for name in names}
            row |= {name: _plain(row[name]) for name in with_parts}
            row.update(self.extras.get(number, ()))
            yield row

    def _by_column(self) -> dict[str, list[Any]]:
        """Return the values column by column, extras after the records' own fields."""
        single = scalar_types(self._kind)
        table = {name: list(map(attrgetter(name), self._items)) for name in self.columns}
        table |= {name: list(map(_plain, values)) for name, values in table.items() if name not in single}
        more = dict.fromkeys(name for extra in self.extras.values() for name in extra)
        return table | {
            name: [self.extras.get(number, {}).get(name) for number in range(len(self))] for name in more
        }

    def to_pandas(self) -> Any:
        """Return a pandas data frame; it has the columns also when it has no rows.

        :raises MissingExtra: when pandas is not installed.
        """
        return pandas_frame(self._by_column())

    def to_polars(self) -> Any:
        """Return a polars data frame; what has parts (a tuple, a mapping) is JSON text in it.

        :raises MissingExtra: when polars is not installed.
        """
        return polars_frame(self._by_column(), scalar_types(self._kind))

    def to_arrow(self) -> Any:
        """Return a pyarrow table; what has parts (a tuple, a mapping) is JSON text in it.

        :raises MissingExtra: when pyarrow is not installed.
        """
        return arrow_table(self._by_column(), scalar_types(self._kind))

    # into files -------------------------------------------------------------------------------------
    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write a JSON array of objects; dates in ISO 8601. :raises StoreError: when it cannot be written."""
        with _new_file(path) as file:
            separator = b"[\n"
            for row in self._dicts():
                file.write(separator + msgspec.json.encode(row))
                separator = b",\n"
            file.write(b"\n]\n" if len(self) else b"[]\n")

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write CSV (RFC 4180, UTF-8) with a header. :raises StoreError: when it cannot be written."""
        table = self._by_column()
        with _new_file(path) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
            writer = csv.writer(text)
            writer.writerow(table)
            writer.writerows(map(cell_text, row) for row in zip(*table.values(), strict=True))
            text.detach()

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file.

        :raises MissingExtra: when pyarrow is not installed. :raises StoreError: when it cannot be written.
        """
        table = self.to_arrow()
        with _new_file(path) as file:
            bring("pyarrow.parquet", "arrow", "A Parquet file").write_table(table, file)

    # in a notebook ----------------------------------------------------------------------------------
    def _repr_html_(self) -> str:
        """Return the first rows as an HTML table, without the columns that are empty there.

        Values come from DICOM files, names of extras from a server: they are escaped.
        """
        rows = [row for row, _ in zip(self._dicts(), range(_NOTEBOOK_ROWS), strict=False)]
        names = dict.fromkeys(name for row in rows for name, value in row.items() if value is not None)
        head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell_text(row.get(name)))}</td>" for name in names) + "</tr>"
            for row in rows
        )
        more = len(self) - _NOTEBOOK_ROWS
        note = f", of which the first {_NOTEBOOK_ROWS} are shown" if more > 0 else ""
        return (
            f"<p>{len(self):,} {html.escape(self._kind.__name__)} records{note}</p>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def _plain(value: Any) -> Any:
    """Return a value without classes of ours in it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


@contextmanager
def _new_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of ``path`` once it is written to the end."""
    target = Path(path).expanduser()
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with writing(target):
        try:
            with unfinished.open("xb") as file:
                yield file
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
