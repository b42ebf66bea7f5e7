"""DataCite's API from a client's side: one record, lists by cursor, activities, counts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote, urlsplit

from filmroom import settings
from filmroom.client.connection import Connection
from filmroom.client.datacite.listing import Listing, items_by_cursor, page_of
from filmroom.client.datacite.manners import PATIENCE, PUBLIC_SERVICE, Turns, is_datacite, user_agent
from filmroom.client.datacite.relations import RelationGraph, derived_from, graph_of
from filmroom.client.datacite.stored import StoredRecord, StoredRecords
from filmroom.errors import BadAnswer, InvalidInput, NotFound, ServerError, TransferError
from filmroom.net.answers import refuse_page
from filmroom.net.retry import RetryPolicy, TransientFailure
from filmroom.wire.datacite.record import Record, bare_doi

_LARGEST_ANSWER = 256 * 1024 * 1024
_MOST_PAGES = 10_000
_UNCHANGED, _FAULT = 304, 500
_JSON_API = "application/vnd.api+json"
_AS_OBJECTS = {"affiliation": "true", "publisher": "true"}


class Datacite:
    """Reads DOI records of DataCite, or of another server that speaks its API.

    :param base_url: root of the API; default: the setting ``doi_server``, which is the public service. A
        Filmroom's is its address with ``/datacite``.
    :param contact: e-mail address told to the public service, which then allows more; default: the setting.
    :param stored: where copies are kept; default: :class:`StoredRecords`.
    :param retry: default: patient, as the public service asks. :param timeout: seconds without a byte.

    It may be shared among threads. Methods raise :class:`~filmroom.errors.TransferError` when the server
    cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        contact: str | None = None,
        stored: StoredRecords | None = None,
        retry: RetryPolicy | None = None,
        timeout: float = 60.0,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self._connection = Connection(
            base_url or settings.get("doi_server") or PUBLIC_SERVICE,
            timeout=timeout,
            policy=retry or PATIENCE,
            proxies=proxies,
        )
        self._headers = {"Accept": _JSON_API, "User-Agent": user_agent(contact)}
        # A server of one's own sets its own limits.
        self._turns = Turns() if is_datacite(self.base_url) else Turns(None)
        self.stored = stored or StoredRecords()

    def __repr__(self) -> str:
        return f"Datacite({self.base_url!r})"

    @property
    def base_url(self) -> str:
        """Root of the API."""
        return self._connection.root

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # one record -------------------------------------------------------------------------------------
    def record(self, doi: str, *, offline: bool = False) -> StoredRecord:
        """Return the record of a DOI, and keep a copy.

        Where there is a copy, the server is asked only whether it has changed; when it cannot be reached,
        the copy is returned, which tells its age.

        :param doi: in any form. :param offline: ask nobody.
        :raises NotFound: when there is none, or, offline, no copy. :raises InvalidInput: for no DOI.
        """
        name = _checked(doi)
        copy = self.stored.find(self.base_url, name)
        if offline:
            if copy is None:
                raise NotFound(f"There is no copy of the record of {name} on this machine.")
            return copy
        try:
            return self._asked(name, copy)
        except TransferError:
            if copy is None:
                raise
            return copy

    def _asked(self, doi: str, copy: StoredRecord | None) -> StoredRecord:
        path = f"/dois/{quote(doi, safe='/')}"
        try:
            document, etag = self._get(path, _AS_OBJECTS, copy)
        except NotFound:
            raise NotFound(f"{self.base_url} has no record of {doi}.") from None
        if document is None:
            assert copy is not None  # noqa: S101 - nothing else is unchanged
            return self.stored.confirm(copy)
        data = document.get("data")
        if not isinstance(data, dict) or bare_doi(str(data.get("id", ""))) != doi:
            raise BadAnswer(f"{self.base_url} answered with something else than the record of {doi}.")
        return self.stored.keep(self.base_url, doi, data, etag)

    def url(self, doi: str) -> str:
        """Return the address of a DOI's landing page. :raises NotFound:"""
        document, _ = self._get(f"/dois/{quote(_checked(doi), safe='/')}/get-url", {})
        return str((document or {}).get("url") or "")

    # lists ------------------------------------------------------------------------------------------
    def records(self, query: str | None = None, *, size: int = 1000, **filters: Any) -> Listing:
        """Return all records that a query and filters find, by cursor.

        :param query: in DataCite's query language.
        :param filters: parameters of ``/dois`` with ``_`` for ``-``, for example ``client_id``; a list means
            any of its values.
        """
        return Listing.of(self._pages(query, size, {**_AS_OBJECTS, **filters}))

    def each_record(self, query: str | None = None, *, size: int = 1000, **filters: Any) -> Iterator[Record]:
        """Yield all records that a query and filters find, each once, a page at a time.

        :raises IncompleteTransfer: at the end, when fewer came than the server says there are.
        """
        return map(Record.of, items_by_cursor(self._pages(query, size, {**_AS_OBJECTS, **filters})))

    def each_item(
        self, query: str | None = None, *, size: int = 1000, **filters: Any
    ) -> Iterator[dict[str, Any]]:
        """Yield the same as they are sent; publishers and affiliations are texts unless asked for."""
        return items_by_cursor(self._pages(query, size, filters))

    def tcia_records(self) -> Listing:
        """Return the records of the Cancer Imaging Archive."""
        return self.records(None, **self.tcia_filter())

    def tcia_filter(self) -> dict[str, Any]:
        """Return the parameter that finds the records of the Cancer Imaging Archive.

        Its symbol at DataCite has changed more than once: what the setting ``doi_lists`` names is asked one
        after another until something is found.
        """
        chosen: dict[str, Any] = {}
        for words in settings.get("doi_lists").split():
            name, _, value = words.partition("=")
            chosen = {name.replace("-", "_"): value}
            if self.count(**chosen):
                break
        return chosen

    def count(self, query: str | None = None, **filters: Any) -> int:
        """Return how many records a query and filters find."""
        _, meta = self._page({**_parameters(query, 0, filters), "disable-facets": "true"})
        return _number(meta.get("total"))

    def counts(self, of: str, query: str | None = None, **filters: Any) -> dict[str, int]:
        """Return the number of records by one of the API's facets, for example ``licenses``."""
        _, meta = self._page({**_parameters(query, 0, filters), "facets": of})
        found = meta.get(of)
        listed = found if isinstance(found, list) else []
        return {
            str(each["id"]): _number(each.get("count"))
            for each in listed
            if isinstance(each, dict) and "id" in each
        }

    def activities(self, doi: str) -> list[dict[str, Any]]:
        """Return what was done to a record, as the API tells it, each activity once.

        The API's own link to the next page has been seen to lose the DOI; it is not followed.
        """
        path = f"/dois/{quote(_checked(doi), safe='/')}/activities"
        found: dict[str, dict[str, Any]] = {}
        for number in range(1, _MOST_PAGES):
            document, _ = self._get(path, {"page[size]": "1000", "page[number]": str(number)})
            items, meta = page_of(document or {}, self.base_url)
            before = len(found)
            found.update((str(each["id"]), each) for each in items if "id" in each)
            if len(found) == before or len(found) >= _number(meta.get("total")):
                break
        return list(found.values())

    # relations --------------------------------------------------------------------------------------
    def relations(self, doi: str) -> RelationGraph:
        """Return how a DOI and others are related: by its own record, and by those that name it."""
        name = _checked(doi)
        own = self.record(name).record
        naming = self.each_record(f'relatedIdentifiers.relatedIdentifier:"{name}"')
        return graph_of([own, *naming], about=name)

    def derived(self, dois: str | Sequence[str]) -> dict[str, list[Record]]:
        """Return, for each DOI, the records of what was derived from it."""
        names = [_checked(each) for each in ([dois] if isinstance(dois, str) else dois)]
        return {name: derived_from(self.each_record(self.derived_query(name)), name) for name in names}

    @staticmethod
    def derived_query(doi: str) -> str:
        """Return the query for what is derived from a DOI.

        Its conditions may be met by different relations of a record: the answers are to be looked through.
        """
        return (
            f'relatedIdentifiers.relatedIdentifier:"{_checked(doi)}" '
            "AND relatedIdentifiers.relationType:IsDerivedFrom"
        )

    # asking -----------------------------------------------------------------------------------------
    def _pages(
        self, query: str | None, size: int, filters: Mapping[str, Any]
    ) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any], str | None]]:
        """Yield pages: items, meta, and the cursor of the next one."""
        if not 1 <= size <= 1000:
            raise InvalidInput("A page has 1 to 1,000 records.")
        parameters = _parameters(query, size, filters)
        cursor: str | None = "1"
        seen: set[str] = set()
        while cursor is not None and cursor not in seen:
            seen.add(cursor)
            # Our own parameters each time: links to the next page lose some of them.
            document, _ = self._get("/dois", {**parameters, "page[cursor]": cursor, "disable-facets": "true"})
            items, meta = page_of(document or {}, self.base_url)
            cursor = _next_cursor(document or {})
            yield items, meta, cursor

    def _page(self, parameters: Mapping[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        document, _ = self._get("/dois", parameters)
        return page_of(document or {}, self.base_url)

    def _get(
        self, path: str, parameters: Mapping[str, str], copy: StoredRecord | None = None
    ) -> tuple[dict[str, Any] | None, str]:
        """Return a document and its ETag; no document when it is as the copy has it."""
        headers = {**self._headers, **({"If-None-Match": copy.etag} if copy and copy.etag else {})}

        def ask() -> tuple[bytes, str]:
            try:
                with self._turns.taken(), self._connection.stream(path, parameters, headers) as response:
                    content = b"".join(_bounded(response.iter_bytes(), self.base_url))
                    refuse_page(content, response.headers.get("content-type", ""), self.base_url)
                    return content, response.headers.get("etag", "")
            except ServerError as error:
                if error.status == _FAULT:
                    raise TransientFailure(error) from error
                raise
            except TransientFailure as failure:
                if failure.connected:
                    raise
                # Patience is for a service that is busy; no network is told at once.
                raise failure.error from failure

        try:
            content, etag = self._connection.patiently(ask)
        except ServerError as error:
            if error.status == _UNCHANGED:
                return None, ""
            raise
        return _decoded(content, self.base_url), etag


def _checked(doi: str) -> str:
    name = bare_doi(doi)
    if not name.startswith("10.") or "/" not in name or not name.isprintable() or len(name) > 500:
        raise InvalidInput(f"Not a DOI: {doi[:300]!r}.")
    return name


def _bounded(pieces: Iterator[bytes], root: str) -> Iterator[bytes]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > _LARGEST_ANSWER:
            raise BadAnswer(f"{root} answers with more than {_LARGEST_ANSWER} bytes.")
        yield piece


def _decoded(content: bytes, root: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise BadAnswer(f"{root} answered with something else than a JSON object.")
    return document


def _parameters(query: str | None, size: int, filters: Mapping[str, Any]) -> dict[str, str]:
    chosen = {name.replace("_", "-"): _value(value) for name, value in filters.items() if value is not None}
    return {**chosen, **({"query": query} if query else {}), "page[size]": str(size)}


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list | tuple | set) else str(value)


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0


def _next_cursor(document: Mapping[str, Any]) -> str | None:
    links = document.get("links")
    address = links.get("next") if isinstance(links, dict) else None
    if not isinstance(address, str):
        return None
    try:
        found = parse_qs(urlsplit(address).query).get("page[cursor]")
    except ValueError:
        return None
    return found[0] if found else None
