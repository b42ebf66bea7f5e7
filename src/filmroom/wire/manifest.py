"""The ``.tcia`` manifest: series and where to fetch them from. Source: TCIA manifests in the wild."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

SERVLET_FOLDER = "/nbia-download/servlet"
"""Where the servlets are that the retriever speaks to."""
SERVLET_PATH = f"{SERVLET_FOLDER}/DownloadServlet"
"""What a manifest's address ends with; clients derive the API's address from it."""


def manifest_lines(
    base_url: str, series: Iterable[str], *, include_annotation: bool, name: str
) -> Iterator[str]:
    """Yield the lines of a manifest, each with its line feed.

    :param base_url: of the server, without a slash at the end.
    :param name: what the manifest calls itself.
    """
    # Clients drop exactly these six lines.
    yield f"downloadServerUrl={base_url}{SERVLET_PATH}\n"
    yield f"includeAnnotation={'true' if include_annotation else 'false'}\n"
    yield "noOfrRetry=4\n"
    yield f"databasketId={name}\n"
    yield "manifestVersion=3.0\n"
    yield "ListOfSeriesToDownload=\n"
    for uid in series:
        yield f"{uid}\n"
