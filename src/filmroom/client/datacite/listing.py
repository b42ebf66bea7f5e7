"""Lists of records that were read page by page: each once, and whether all came."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

from filmroom.errors import BadAnswer, IncompleteTransfer
from filmroom.wire.datacite.record import Record

Page = tuple[list[dict[str, Any]], dict[str, Any], str | None]


@dataclass(frozen=True, slots=True)
class Listing(Sequence[Record]):
    """Records in the order in which they came, each DOI once.

    ``total`` is what the server says there are; ``repeated`` counts those that came again on later pages.
    """

    records: tuple[Record, ...] = ()
    total: int = 0
    repeated: int = 0

    @classmethod
    def of(cls, pages: Iterable[Page]) -> Listing:
        """Read pages to their end."""
        seen: dict[str, Record] = {}
        total = repeated = 0
        for items, meta, _ in pages:
            total = _total(meta, total)
            for item in items:
                record = Record.of(item)
                repeated += record.doi in seen
                seen.setdefault(record.doi, record)
        return cls(tuple(seen.values()), total, repeated)

    @property
    def is_complete(self) -> bool:
        """Whether as many came as there are."""
        return len(self.records) == self.total

    def raise_for_missing(self) -> None:
        """:raises IncompleteTransfer: when fewer records came than there are."""
        _check(len(self.records), self.total)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self.records[index]

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return f"<{len(self)} of {self.total} DOI records>"


def items_by_cursor(pages: Iterable[Page]) -> Iterator[dict[str, Any]]:
    """Yield the items of pages, each DOI once.

    :raises IncompleteTransfer: at the end, when fewer came than there are.
    """
    seen: set[str] = set()
    total = 0
    for items, meta, _ in pages:
        total = _total(meta, total)
        for item in items:
            doi = Record.of(item).doi
            if doi not in seen:
                seen.add(doi)
                yield item
    _check(len(seen), total)


def page_of(document: dict[str, Any], root: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return items and meta of a list. :raises BadAnswer: when it is none."""
    items, meta = document.get("data"), document.get("meta")
    if not isinstance(items, list):
        raise BadAnswer(f"{root} answered with something else than a list.")
    return [each for each in items if isinstance(each, dict)], meta if isinstance(meta, dict) else {}


def _total(meta: dict[str, Any], before: int) -> int:
    total = meta.get("total")
    return total if isinstance(total, int) and not isinstance(total, bool) else before


def _check(came: int, total: int) -> None:
    if came < total:
        raise IncompleteTransfer(
            f"The server has {total} records, and {came} of them came.",
            advice="Records may have changed meanwhile; ask again.",
        )
