"""The functions of tcia_utils.wordpress: what TCIA's Collection Manager says of its datasets.

Asked is TCIA, or the server that the setting ``FILMROOM_SERVER`` names. A page that fails fails the call:
a list with a hole in it would look whole.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from filmroom import settings
from filmroom.client.connection import Connection
from filmroom.dropin.ask import save_frame
from filmroom.dropin.extras import pandas
from filmroom.dropin.session import complain, log, quietly, session
from filmroom.dropin.tables import remove_html_tags
from filmroom.errors import BadAnswer, FilmroomError
from filmroom.net import answers

SITE = "https://cancerimagingarchive.net"
"""Where TCIA's own pages are answered."""
_WORKERS = 10
_MOST_PAGES = 10_000
_PAGE_TEXTS = (
    *("summary", "abstract", "introduction", "acknowledgements", "funding", "download_info"),
    *("inclusion_and_exclusion_criteria",),
)
_SHARED_TEXTS = (
    *("detailed_description", "publications_using", "publications_related", "additional_resources"),
    *("external_resources", "version_change_log", "collection_download_info", "data_acquisition"),
    *("data_analysis", "usage_notes", "subject_inclusion_and_exclusion_criteria"),
)
_HTML: Mapping[str, tuple[str, ...]] = {
    "collections": (*_SHARED_TEXTS, *(f"collection_{each}" for each in _PAGE_TEXTS)),
    "analysis-results": (*_SHARED_TEXTS, *(f"result_{each}" for each in _PAGE_TEXTS)),
    "downloads": ("description",),
    "citations": ("tcia_citation_text", "tcia_citation_statement"),
    "versions": ("version_text",),
    "licenses": ("content",),
    "download-requirements": ("requirements_text",),
}
"""Columns that hold HTML, by resource."""
RESOURCES: Mapping[str, tuple[str, str]] = {
    "getCollections": ("collections", "Collections."),
    "getAnalyses": ("analysis-results", "Analysis results."),
    "getDownloads": ("downloads", "Downloads of collections and analysis results."),
    "getCitations": ("citations", "How datasets are to be cited."),
    "getVersions": ("versions", "Versions of datasets."),
    "getVersionDownloads": ("version_downloads", "Downloads of the versions of datasets."),
    "getCancerTypes": ("cancer-types", "Types of cancer that datasets are about."),
    "getCancerLocations": ("cancer-locations", "Parts of the body that datasets are about."),
    "getSpecies": ("species", "Species that datasets are about."),
    "getDataTypes": ("data-types", "Types of data: modalities, annotations, slides."),
    "getSupportingData": ("supporting-data", "Data beside the images."),
    "getFileTypes": ("file-types", "Types of the files of downloads."),
    "getLicenses": ("licenses", "Licences of downloads."),
    "getDownloadRequirements": ("download-requirements", "What is needed for downloads."),
    "getPrograms": ("programs", "Programs that datasets come from."),
}
"""Every function by the resource that it asks."""


@quietly
def getQuery(
    endpoint: str,
    per_page: int,
    format: str = "",
    file_name: str | None = None,
    fields: str | Iterable[str] | None = None,
    ids: Iterable[Any] | None = None,
    query: str | None = None,
    removeHtml: str | None = None,
    api_version: str = "v2",
    verbose: bool = False,
    orderby: str | None = None,
    order: str | None = None,
) -> Any:
    """Return all pages of a resource as a list of dictionaries; None when one of them fails, which is logged.

    :param per_page: entries asked for at once. :param format: ``df`` for a data frame.
    :param file_name: also write a file of JSON, with ``df`` of CSV.
    :param fields: names of what to return of each; default: everything but long texts.
    :param ids: only entries of these numbers. :param query: only those in which the text occurs.
    :param removeHtml: ``yes`` makes texts of HTML, in a data frame.
    :param api_version: ``v1`` or ``v2``. :param verbose: with long texts (v2).
    :param orderby: field to sort by (v2). :param order: ``asc`` or ``desc`` (v2).
    :raises ValueError: for another format or version.
    """
    if format not in {"", "json", "df"}:
        raise ValueError(f"The formats are json and df, not {format!r}.")
    if api_version not in {"v1", "v2"}:
        raise ValueError(f"The versions are v1 and v2, not {api_version!r}.")
    resource = endpoint.strip("/")
    sent = {"per_page": str(per_page), "search": query or ""}
    listed = ",".join([fields] if isinstance(fields, str) else fields or ())
    numbers = ",".join(map(str, ids or ()))
    if api_version == "v2":
        more = {"v": "1" if verbose else "", "orderby": orderby or "", "order": order or ""}
        sent |= {"fields": listed, "id": numbers, **more}
    else:
        sent |= {"_fields": listed, "include": numbers}
    given = {name: value for name, value in sent.items() if value}
    with _Pages() as pages:
        read = pages.numbered if api_version == "v2" else pages.linked
        rows = read(f"/api/{api_version}/{resource}/", given)
    if format != "df":
        if file_name:
            Path(file_name).write_text(json.dumps(rows), encoding="utf-8")
        return rows
    frame = pandas().DataFrame(rows)
    if removeHtml == "yes":
        for column in _HTML.get(resource, ()):
            if column in frame:
                frame[column] = [remove_html_tags(v) if isinstance(v, str) else v for v in frame[column]]
    if file_name:
        save_frame(frame, file_name)
    return frame


class _Pages:
    """One connection, as nobody: what these pages say is public."""

    def __init__(self) -> None:
        self._connection = Connection(settings.get("server") or SITE, proxies=session.proxies)

    def __enter__(self) -> _Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def get(self, path: str, params: Mapping[str, str]) -> tuple[Any, bool]:
        """Return the JSON of an answer, and whether it names a next page. :raises FilmroomError:"""
        connection = self._connection

        def fetch() -> tuple[bytes, bool]:
            with connection.stream(path, params) as response:
                content = response.read()
                answers.refuse_page(content, response.headers.get("content-type", ""), connection.root)
                return content, "next" in response.links

        content, more = connection.patiently(fetch)
        try:
            return msgspec.json.decode(content), more
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadAnswer(f"The answer to {path} is not JSON: {error}.") from None

    def numbered(self, path: str, params: Mapping[str, str]) -> list[Any]:
        """Return all pages of version 2, whose answers say how many there are."""
        log.info("Asking %s%s", self._connection.root, path)
        first, _ = self.get(path, params)
        rows = _results(first, path)
        last = first.get("total_pages", 1)
        if not isinstance(last, int) or last > _MOST_PAGES:
            raise BadAnswer(f"{path} says that it has {last!r} pages.")

        def page(number: int) -> list[Any]:
            return _results(self.get(path, {**params, "page": str(number)})[0], path)

        with ThreadPoolExecutor(_WORKERS) as pool:
            for more in pool.map(page, range(2, last + 1)):
                rows += more
        return rows

    def linked(self, path: str, params: Mapping[str, str]) -> list[Any]:
        """Return all pages of version 1, each of which links to the next."""
        log.info("Asking %s%s", self._connection.root, path)
        rows: list[Any] = []
        for number in range(1, _MOST_PAGES + 1):
            found, more = self.get(path, {**params, "page": str(number)} if number > 1 else params)
            if not isinstance(found, list):
                raise BadAnswer(f"The answer to {path} is not a list.")
            rows += found
            if not more:
                return rows
        raise BadAnswer(f"{path} has more than {_MOST_PAGES} pages.")


def _results(answer: Any, path: str) -> list[Any]:
    found = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(found, list):
        raise BadAnswer(f"The answer to {path} has no list of results.")
    return found


def _function_of(name: str, resource: str, summary: str) -> Callable[..., Any]:
    """Return the function that asks a resource: :func:`getQuery` without its first argument."""
    _, per_page, *others = inspect.signature(getQuery).parameters.values()
    signature = inspect.Signature([per_page.replace(default=50), *others])

    def function(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return getQuery(f"{resource}/", **bound.arguments)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{summary}\n\nAsks ``{resource}``; see :func:`getQuery` for the arguments."
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


FUNCTIONS = {name: _function_of(name, *asked) for name, asked in RESOURCES.items()}
"""Every function of the table by its name."""


def update_download_file_column(data: Any, max_workers: int = _WORKERS) -> Any:
    """Fill ``download_url`` of a data frame of downloads (v1) with the addresses of their media files.

    :param data: what ``getDownloads(format="df", api_version="v1")`` returns; it is changed, and returned.
        A file whose address cannot be had keeps the one it has, and is logged.
    """
    if "download_url" not in data.columns:
        data["download_url"] = ""
    wanted = [each.get("ID") if isinstance(each, dict) else None for each in data["download_file"]]
    with _Pages() as pages:

        def address(number: Any) -> str:
            try:
                found, _ = pages.get(f"/api/wp/v2/media/{int(number)}", {})
            except FilmroomError as error:
                complain(error)
                return ""
            return str(found.get("source_url") or "") if isinstance(found, dict) else ""

        numbers = list(dict.fromkeys(number for number in wanted if number is not None))
        with ThreadPoolExecutor(max_workers) as pool:
            addresses = dict(zip(numbers, pool.map(address, numbers), strict=True))
    before = list(data["download_url"])
    data["download_url"] = [addresses.get(each) or old for each, old in zip(wanted, before, strict=True)]
    missing = sum(not each for each in addresses.values())
    log.info("%d of %d addresses of files found.", len(addresses) - missing, len(addresses))
    return data
