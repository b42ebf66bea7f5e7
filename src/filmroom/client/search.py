"""Questions that search: patients by criteria, and by words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from filmroom.client.manifests import series_of_answer
from filmroom.client.question import Asking, question
from filmroom.client.records import Records
from filmroom.client.steps import Answer, Request, Steps
from filmroom.model.search import FoundPatient, Page, SimpleSearch, SortField, Summary
from filmroom.model.text_search import TextHit, parse_question
from filmroom.wire.operations import find_operation
from filmroom.wire.search_request import read_search_answer, read_text_answer, write_page, write_search

T = TypeVar("T")

_AT_ONCE = 500  # patients in one question
_EVERYTHING = 1_000_000


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Patients that fulfil criteria, and counts over the whole result, of which they may be a page."""

    patients: Records[FoundPatient]
    summary: Summary

    @property
    def total(self) -> int:
        """Number of patients in the whole result."""
        return self.summary.patients

    def _repr_html_(self) -> str:
        return f"<p>Of {self.total:,} patients:</p>{self.patients._repr_html_()}"


@dataclass(frozen=True, slots=True)
class TextResult:
    """Patients whose series hold some words; ``total`` in the whole result, of which they may be a page."""

    patients: Records[TextHit]
    total: int

    def _repr_html_(self) -> str:
        return f"<p>Of {self.total:,} patients:</p>{self.patients._repr_html_()}"


class SearchQuestions(Asking):
    """Simple search and text search."""

    @question
    def search(
        self,
        criteria: SimpleSearch,
        *,
        start: int = 0,
        size: int | None = 100,
        sort: SortField = "subject",
        descending: bool = False,
    ) -> Steps[SearchResult]:
        """Return the patients that fulfil all criteria.

        :param start: patients of the result to pass over. :param size: how many to return; None for all,
            which are asked for in pages.
        """
        operation = self._advanced("getSimpleSearch", "getSimpleSearchWithModalityAndBodyPartPaged")
        form = write_search(criteria, operation.version)

        def ask(page: Page) -> Request:
            query = {"search": criteria, "page": page}
            return Request(operation, query, _reader(read_search_answer), form=form | write_page(page))

        page = Page(start, size or 0, sort, descending)
        rows, summary = yield from _pages(ask, page, size, _patients)
        return SearchResult(Records.of_rows(FoundPatient, rows), summary)

    @question
    def search_series(self, criteria: SimpleSearch) -> Steps[list[str]]:
        """Return the UIDs of the series that fulfil all criteria, for :meth:`download`."""
        operation = self._advanced("getManifestForSimpleSearch")
        page = Page(0, _EVERYTHING)
        form = write_search(criteria, operation.version) | write_page(page)
        query = {"search": criteria, "page": page}
        uids: list[str] = yield Request(operation, query, _manifest, form=form)
        return uids

    @question
    def text_search(
        self,
        text: str,
        *,
        start: int = 0,
        size: int | None = 100,
        sort: SortField = "subject",
        descending: bool = False,
    ) -> Steps[TextResult]:
        """Return the patients whose series hold some words.

        :param text: words that must all be there; ``"a phrase"``, ``begin*``, ``one OR other``.
        :param start: patients of the result to pass over. :param size: how many to return; None for all.
        :raises InvalidInput: for more words than are searched at once.
        """
        parse_question(text)
        operation = find_operation("", "getTextSearchPaged")

        def ask(page: Page) -> Request:
            form = {"textValue": text} | write_page(page)
            return Request(operation, {}, _reader(read_text_answer), form=form)

        rows, total = yield from _pages(ask, Page(start, size or 0, sort, descending), size, _itself)
        return TextResult(Records.of_rows(TextHit, rows), total)

    @question
    def text_search_series(self, text: str) -> Steps[list[str]]:
        """Return the UIDs of the series of the patients that :meth:`text_search` finds."""
        parse_question(text)
        operation = find_operation("", "getManifestForTextSearch")
        uids: list[str] = yield Request(operation, {}, _manifest, form={"textValue": text})
        return uids


def _pages(
    ask: Callable[[Page], Request], page: Page, size: int | None, total: Callable[[T], int]
) -> Steps[tuple[list[dict[str, Any]], T]]:
    """Ask for one page, or for all from a start on; return the rows and what is told of the whole."""
    asked = page if size is not None else replace(page, size=_AT_ONCE)
    rows: list[dict[str, Any]] = []
    while True:
        some, whole = yield ask(asked)
        rows += some
        asked = replace(asked, start=asked.start + len(some))
        if size is not None or not some or asked.start >= total(whole):
            return rows, whole


def _patients(summary: Summary) -> int:
    return summary.patients


def _itself(total: int) -> int:
    return total


def _reader(read: Callable[[bytes], T]) -> Callable[[Answer], T]:
    return lambda answer: read(answer.content)


def _manifest(answer: Answer) -> list[str]:
    return list(series_of_answer(answer.content))
