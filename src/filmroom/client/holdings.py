"""Questions about what a server holds: values with counts, collections in words, licences, many series."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, get_args

from filmroom.client.layout import checked_uid
from filmroom.client.naming import uids_of
from filmroom.client.question import Asking, question
from filmroom.client.records import Records
from filmroom.client.servers import asked_of
from filmroom.client.steps import Answer, Request, Rows, Steps
from filmroom.errors import InvalidInput
from filmroom.model.entities import CollectionDescription, Licence, Series, SeriesRecord, ValueCount
from filmroom.model.queries import CountValues, FindCollections, FindLicences, FindSeriesRecords
from filmroom.wire.decode import decode
from filmroom.wire.operations import Operation, find_operation
from filmroom.wire.views import View

Counted = Literal["collection", "modality", "body_part_examined", "manufacturer", "species_code"]
"""What values can be counted of."""

AT_ONCE = 10_000
"""Series in one question."""

_COUNTS: dict[Counted, str] = {
    "collection": "getCollectionValuesAndCounts",
    "modality": "getModalityValuesAndCounts",
    "body_part_examined": "getBodyPartValuesAndCounts",
    "manufacturer": "getManufacturerValuesAndCounts",
    "species_code": "getSpeciesValuesAndCounts",
}


def portions(uids: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield UIDs in parts that a server takes at once."""
    for start in range(0, len(uids), AT_ONCE):
        yield uids[start : start + AT_ONCE]


class HoldingQuestions(Asking):
    """What a server has, in numbers and in words."""

    @question
    def counts(
        self,
        of: Counted,
        *,
        collection: str | None = None,
        modality: str | None = None,
        body_part_examined: str | None = None,
    ) -> Steps[Records[ValueCount]]:
        """Return the values in use with the number of patients of each.

        :param of: what is counted; each takes the filters that the API has for it, others are refused.
        :raises InvalidInput: for another filter, or something that is not counted.
        """
        if of not in _COUNTS:
            raise InvalidInput(f"There are counts of {', '.join(get_args(Counted))}, not of {of!r}.")
        query = CountValues(of, collection, modality, body_part_examined)
        rows = yield from self._rows_of(self._advanced(_COUNTS[of]), query)
        return Records.of_rows(
            ValueCount, [{("value" if name == of else name): row[name] for name in row} for row in rows]
        )

    @question
    def collection_descriptions(self, collection: str | None = None) -> Steps[Records[CollectionDescription]]:
        """Return collections with their descriptions, which are HTML."""
        operation = self._advanced("getCollectionDescriptions")
        rows = yield from self._rows_of(operation, FindCollections(collection))
        return Records.of_rows(CollectionDescription, rows)

    @question
    def licences(self) -> Steps[Records[Licence]]:
        """Return the licences of the data, with their texts."""
        rows = yield from self._rows_of(find_operation("", "getLicenses"), FindLicences())
        return Records.of_rows(Licence, rows)

    @question
    def series_records(self, series: str | Series | Iterable[str | Series]) -> Steps[Records[SeriesRecord]]:
        """Return everything about many series, 10,000 in a question.

        Series that the server does not have, or does not show, are left out. That one of the questions
        fails is an error: what is returned is complete.
        """
        uids = list(dict.fromkeys(map(checked_uid, uids_of(series))))
        rows = yield from self._records_of(uids)
        for root in self.others:
            known = {row["series_instance_uid"] for row in rows}
            missing = [uid for uid in uids if uid not in known]
            found = yield from asked_of(root, self._records_of(missing))
            self.note_elsewhere((row["series_instance_uid"] for row in found), root)
            rows += found
        return Records.of_rows(SeriesRecord, rows)

    def _records_of(self, uids: Sequence[str]) -> Steps[Rows]:
        operation = self._advanced("getSeriesMetadata" if self.api == "v4" else "getSeriesMetadata2")
        rows: Rows = []
        for some in portions(uids):
            rows += yield records_request(operation, some)
        return rows


def records_request(operation: Operation, uids: Sequence[str]) -> Request:
    """Return how an operation is asked for everything about some series."""
    assert operation.view is not None  # noqa: S101 - a table of the API
    query = FindSeriesRecords((tuple(uids),))
    return Request(operation, query, _attached(operation.view), form={"list": ",".join(uids)})


def _attached(view: View) -> Callable[[Answer], Rows]:
    def read(answer: Answer) -> Rows:
        # Servers name attachments differently; what they hold is one of two.
        is_json = answer.content.lstrip()[:1] == b"["
        return decode(view, answer.content, "application/json" if is_json else "text/csv")

    return read
