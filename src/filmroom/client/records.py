"""Answers as typed tables: sequences of records that also print, export and become data frames."""

from __future__ import annotations

import dataclasses
import html
import importlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

from filmroom.errors import MissingExtra

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

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one plain dictionary per record, extras included."""
        return [
            dataclasses.asdict(item) | self.extras.get(number, {})  # type: ignore[call-overload]
            for number, item in enumerate(self._items)
        ]

    def to_pandas(self) -> Any:
        """Return a pandas data frame; it has the columns also when it has no rows.

        :raises MissingExtra: when pandas is not installed.
        """
        try:
            pd = importlib.import_module("pandas")
        except ImportError:
            raise MissingExtra("dataframe", "A data frame") from None
        rows = self.to_dicts()
        extra = list(dict.fromkeys(name for row in rows for name in row if name not in self.columns))
        return pd.DataFrame(rows, columns=[*self.columns, *extra])

    def _repr_html_(self) -> str:
        """Return the first rows as an HTML table; values come from DICOM files and are escaped."""
        columns = self.columns
        head = "".join(f"<th>{html.escape(name)}</th>" for name in columns)
        body = "".join(
            "<tr>"
            + "".join(f"<td>{html.escape(_shown(getattr(item, name)))}</td>" for name in columns)
            + "</tr>"
            for item in self._items[:_NOTEBOOK_ROWS]
        )
        more = len(self) - _NOTEBOOK_ROWS
        note = f"<p>… and {more} more</p>" if more > 0 else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{note}"


def _shown(value: object) -> str:
    return "" if value is None else str(value)
