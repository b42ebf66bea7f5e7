"""A page of rows as the database gave them, for answers of a million rows.

Whoever wants records reads a page as a sequence of dictionaries. What writes long answers takes the tuples
and spares their making, which costs more than reading them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

Reader = Callable[[Any], Any]


class RowPage(Sequence[dict[str, Any]]):
    """Rows with the same columns.

    :ivar names: of the columns. :ivar tuples: one per row, in the order of the names.
    :ivar readers: per column what makes a value of what the database keeps; None where it is one already.
    """

    __slots__ = ("names", "readers", "tuples")

    def __init__(
        self,
        names: tuple[str, ...],
        tuples: Sequence[tuple[Any, ...]],
        readers: tuple[Reader | None, ...],
    ) -> None:
        self.names = names
        self.tuples = tuples
        self.readers = readers

    def __len__(self) -> int:
        return len(self.tuples)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self._row, self.tuples)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> RowPage: ...
    def __getitem__(self, index: int | slice) -> dict[str, Any] | RowPage:
        if isinstance(index, slice):
            return RowPage(self.names, self.tuples[index], self.readers)
        return self._row(self.tuples[index])

    def _row(self, values: tuple[Any, ...]) -> dict[str, Any]:
        return {
            name: value if reader is None or value is None else reader(value)
            for name, value, reader in zip(self.names, values, self.readers, strict=True)
        }
