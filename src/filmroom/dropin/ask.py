"""One question to a server, its answer in the format that was asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from filmroom.dropin.extras import pandas
from filmroom.dropin.html_table import html_table
from filmroom.dropin.session import log, quietly, session
from filmroom.errors import BadAnswer

_PREVIEW = 20


@quietly
def queryData(
    endpoint: str,
    options: Mapping[str, Any] | None,
    api_url: str,
    format: str = "json",
    method: str = "GET",
    param: Mapping[str, Any] | None = None,
    max_rows: int = _PREVIEW,
) -> Any:
    """Ask an operation and return its answer; None when it is empty.

    :param options: parameters of ``GET``. :param param: form of ``POST``.
    :param format: ``df``, ``csv`` (a file in the working directory, and a data frame), ``html`` (the first
        ``max_rows``); anything else is parsed JSON.
    """
    return shaped(ask(endpoint, options, api_url, method, param), endpoint, format, max_rows)


def ask(
    endpoint: str,
    options: Mapping[str, Any] | None,
    api_url: str,
    method: str = "GET",
    form: Mapping[str, Any] | None = None,
) -> Any:
    """Return the parsed JSON of an answer, None for an empty one. :raises FilmroomError: see the client."""
    client, path = session.place(endpoint, api_url)
    given = (form if method.upper() == "POST" else options) or {}
    log.info("Asking %s for %s with %.500s", client.base_url, endpoint, given)
    params = {name: str(value) for name, value in given.items()}
    connection = client.connection
    answer = connection.post(path, params) if method.upper() == "POST" else connection.get(path, params)
    return parsed(answer.content, endpoint)


def parsed(content: bytes, endpoint: str) -> Any:
    """Return what an answer says, None when it is empty. :raises BadAnswer: when it is no JSON."""
    if not content.strip():
        log.info("%s found nothing.", endpoint)
        return None
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAnswer(f"The server's answer to {endpoint} is not JSON: {error}.") from None


def shaped(data: Any, endpoint: str, format: str, max_rows: int = _PREVIEW) -> Any:
    """Return parsed rows in a format; see :func:`queryData`."""
    wanted = (format or "").lower()
    if data is None or wanted not in {"df", "csv", "html"}:
        return data
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise BadAnswer(f"The server's answer to {endpoint} is not a table.")
    rows = [_with_usual_name(row) for row in data]
    if wanted == "html":
        if len(rows) > max_rows:
            log.warning("The first %d of %d rows are shown.", max_rows, len(rows))
        return html_table(rows[:max_rows])
    frame = pandas().DataFrame(rows)
    if wanted == "csv":
        save_frame(frame, f"{endpoint}_{stamp('%Y-%m-%d_%H-%M')}.csv")
    return frame


def save_frame(frame: Any, name: str, *, index: bool = False) -> None:
    """Write a data frame as CSV."""
    frame.to_csv(name, index=index)
    log.info("Saved %s.", Path(name))


def stamp(form: str) -> str:
    """Return the local time in a form of ``strftime``."""
    return dt.datetime.now().strftime(form)  # noqa: DTZ005 - names of files are local


def _with_usual_name(row: dict[str, Any]) -> dict[str, Any]:
    return {("SeriesInstanceUID" if name == "Series UID" else name): value for name, value in row.items()}
