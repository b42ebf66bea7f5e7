"""Lists that the database writes: whole, in order, the same bytes, and nothing that is hidden."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest

from conftest import Archive
from filmroom.catalog import series_pages
from filmroom.model import queries as q
from filmroom.model.access import Role, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.entities import Assignment
from filmroom.testing.live import running_server
from filmroom.wire import views
from filmroom.wire.formats import encode

OPEN, CLOSED = Assignment("Open", "Open"), Assignment("Closed", "Closed", access="restricted")
LISTS = (
    ("v1/getSeries", q.FindSeries(), views.SERIES_V1),
    ("v4/getSeries", q.FindSeries(), views.SERIES_V4),
    ("v4/getSeries?Collection=Open", q.FindSeries(collection="Open"), views.SERIES_V4),
    ("v4/getSeries?Modality=CT", q.FindSeries(modality="CT"), views.SERIES_V4),
)


@pytest.fixture
def archive(new_archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Archive:
    """Ninety series of an open collection and as many of a closed one, in turns; pages are small."""
    monkeypatch.setattr(series_pages, "_FIRST_PAGE", 4)
    monkeypatch.setattr(series_pages, "_PAGE", 9)
    new_archive.add_many([f"1.{n}" for n in range(100, 280, 2)], OPEN)
    new_archive.add_many([f"1.{n}" for n in range(101, 280, 2)], CLOSED)
    return new_archive


def test_a_long_list_is_the_same_bytes(archive: Archive, fetch: Callable[..., Any]) -> None:
    catalog = archive.catalog
    with running_server(archive.address) as url:
        for path, query, view in LISTS:
            answer = fetch(url, f"/nbia-api/services/{path}", Authorization="Bearer undefined")
            assert answer.status == 200
            assert answer.body == b"".join(encode(view, catalog.rows(query, VisibleSet())))
            assert [row["SeriesInstanceUID"] for row in json.loads(answer.body)] == [
                f"1.{n}" for n in range(100, 280, 2)
            ]
            none = fetch(url, f"/nbia-api/services/{path}", "HEAD", Authorization="Bearer undefined")
            assert (none.status, none.body) == (200, b"")


def test_a_long_list_shows_what_is_granted(archive: Archive, fetch: Callable[..., Any]) -> None:
    catalog = archive.catalog
    for login in ("reader", "stranger"):
        catalog.accounts().add(login, "a long password")
    catalog.grants().add(Grant("Closed", None, Role.READ.value, user="reader"))
    seen: dict[str, set[int]] = {}
    with running_server(archive.address) as url:
        for login in ("reader", "stranger"):
            token = catalog.tokens().log_in(login, "a long password", TokenLifetimes()).access
            for path, _, _ in LISTS:
                answer = fetch(url, f"/nbia-api/services/{path}", Authorization=f"Bearer {token}")
                found = [row["SeriesInstanceUID"] for row in json.loads(answer.body)]
                assert found == sorted(set(found))
                seen.setdefault(login, set()).add(len(found))
    assert seen == {"reader": {90, 180}, "stranger": {90}}


def test_many_lists_at_once_and_clients_that_leave(archive: Archive, fetch: Callable[..., Any]) -> None:
    with running_server(archive.address) as url:
        whole = fetch(url, "/nbia-api/services/v4/getSeries", Authorization="Bearer undefined").body
        found: list[bytes] = []

        def ask() -> None:
            found.append(fetch(url, "/nbia-api/services/v4/getSeries", Authorization="Bearer undefined").body)

        def leave() -> None:
            connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)
            connection.request("GET", "/nbia-api/services/v4/getSeries")
            connection.getresponse().read(100)
            connection.close()

        crowd = [threading.Thread(target=ask if n % 2 else leave) for n in range(12)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join(60)
        assert found == [whole] * 6
