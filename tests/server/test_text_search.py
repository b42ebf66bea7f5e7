"""Text search over HTTP, and how a running server comes to know what files say."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.errors import StoreUnavailable
from filmroom.model.entities import Assignment, Licence
from filmroom.model.text_search import TextIndexState
from filmroom.server.app import ServerOptions
from filmroom.server.indexer import BackgroundIndexer
from filmroom.store.content import ContentReader
from filmroom.testing.live import running_server

OPEN = Assignment("Open", "Open")


def found(live: Any, text: str, **params: str) -> Any:
    answer = live.ask("getTextSearchPaged" if params else "getTextSearch", textValue=text, **params)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


def test_an_item_has_the_shape_of_nbia_and_its_hit_is_escaped(live: Any) -> None:
    [item] = found(live, "thorax")
    assert list(item) == [
        "subjectId",
        "project",
        "id",
        "totalNumberOfStudies",
        "totalNumberOfSeries",
        "studyIdentifiers",
        "hit",
    ]
    assert (item["subjectId"], item["project"]) == ("pat-Lower", "Open-CT")
    assert (item["totalNumberOfStudies"], item["totalNumberOfSeries"]) == (1, 1)
    [study] = item["studyIdentifiers"]
    assert list(study) == ["seriesIdentifiers", "studyIdentifier"]
    assert len(study["seriesIdentifiers"]) == 1
    assert item["hit"] == "<em>Thorax</em>, &quot;left&quot; &lt;5/8&gt;"


def test_values_of_the_files_are_found(live: Any) -> None:
    items = found(live, "monochrome2")
    assert [item["subjectId"] for item in items] == ["pat-Lower", "BARE"]
    assert {item["hit"] for item in items} == {"<em>MONOCHROME2</em>"}
    assert [item["subjectId"] for item in found(live, "monochrome2 MR")] == ["BARE"]


def test_pages(live: Any) -> None:
    page = found(live, "mono*", start="1", size="1", sortField="subject", sortDirection="ascending")
    assert list(page) == ["resultSet", "totalPatients", "sort"]
    assert [item["subjectId"] for item in page["resultSet"]] == ["pat-Lower"]
    assert (page["totalPatients"], page["sort"]) == (2, "subject-ascending")
    assert found(live, "mono*", start="5") == {
        "resultSet": [],
        "totalPatients": 2,
        "sort": "collection-ascending",
    }
    assert len(found(live, "mono*", size="", sortField="studies")["resultSet"]) == 2
    assert found(live, "absent", size="3")["totalPatients"] == 0


@pytest.mark.parametrize("bad", [{"start": "x"}, {"size": "-1"}, {"size": "1.5"}])
def test_places_that_are_no_numbers(live: Any, bad: dict[str, str]) -> None:
    answer = live.ask("getTextSearchPaged", textValue="thorax", **bad)
    assert (answer.status, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert "whole number" in answer.text or "not negative" in answer.text


OPERATIONS = [
    "getTextSearch",
    "getTextSearchPaged",
    "getManifestForTextSearch",
    "getRestrictionsForTextSearch",
]
NOTHING = {"getTextSearch": b"[]", "getRestrictionsForTextSearch": b"no"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_text_has_an_answer(live: Any, operation: str) -> None:
    missing = live.ask(operation)
    assert (missing.status, missing.text) == (
        400,
        "A parameter, textValue, is required for this API call.",
    )
    for text in ("", "***", '"', "'; --", "zzz*", 'NEAR("a', "😀", "a" * 4000):
        answer = live.ask(operation, textValue=text)
        assert answer.status == 200, text
        if operation in NOTHING:
            assert answer.body == NOTHING[operation], text
    for text in ("a" * 1_000_000, "nul\0", " ".join(f"w{n}" for n in range(17))):
        assert live.ask(operation, textValue=text).status == 400, text[:20]
    assert live.ask(operation, textValue="a" * 3_000_000).status == 413


def test_the_manifest_names_the_series_of_the_patients(live: Any) -> None:
    answer = live.ask("getManifestForTextSearch", textValue="mono*")
    assert answer.headers["content-type"] == "application/x-nbia-manifest-file"
    lines = answer.text.splitlines()
    assert lines[1] == "includeAnnotation=false"
    assert lines[6:] == [live.full.series_uid, live.bare.series_uid]


def test_restrictions(new_archive: Any, fetch: Any) -> None:
    free = Licence("Free", "Free")
    bound = Licence("Bound", "Bound", commercial_use=False)
    new_archive.add("1.1", patient_id="A", assignment=Assignment("Free", "Free", free))
    new_archive.add("1.2", patient_id="B", assignment=Assignment("Bound", "Bound", bound))
    with running_server(new_archive.address) as url:
        for text, body, kind in (
            ("free", "no", "application/x-nbia-manifest-file"),
            ("bound", "yes", "application/text"),
            ("ct", "yes", "application/text"),
            ("absent", "no", "application/x-nbia-manifest-file"),
        ):
            answer = asked(fetch, url, text, "getRestrictionsForTextSearch")
            assert (answer.text, answer.headers["content-type"]) == (body, kind)


def asked(fetch: Any, url: str, text: str, operation: str = "getTextSearch") -> Any:
    return fetch(
        url,
        f"/nbia-api/services/{operation}",
        "POST",
        f"textValue={text}".encode(),
        Authorization="Bearer undefined",
        Content_Type="application/x-www-form-urlencoded",
    )


def test_more_patients_than_one_page_of_the_catalogue_holds(new_archive: Any, fetch: Any) -> None:
    new_archive.commit(
        OPEN,
        [
            new_archive.prepare(f"1.{n}", collection="Open", patient_id=f"P{n:03}", numbers=[(1, 1)])
            for n in range(1, 451)
        ],
    )
    with running_server(new_archive.address) as url:
        items = json.loads(asked(fetch, url, "ct").body)
        assert [item["subjectId"] for item in items] == [f"P{n:03}" for n in range(1, 451)]
        assert len(asked(fetch, url, "ct", "getManifestForTextSearch").text.splitlines()) == 456


# In the background ------------------------------------------------------------------------------------------


def waits(condition: Callable[[], bool]) -> None:
    """Wait until something holds; the test's own time limit ends it."""
    pause = threading.Event()
    while not condition():
        pause.wait(0.05)


def state(archive: Any) -> TextIndexState:
    known: TextIndexState = archive.catalog.text_index().state()
    return known


def test_a_server_reads_new_files_by_and_by(new_archive: Any, fetch: Any) -> None:
    new_archive.add("1.1", patient_id="A", assignment=OPEN)
    with running_server(new_archive.address) as url:
        status = f"{url.removesuffix('/')}"
        assert asked(fetch, url, "monochrome2").body == b"[]"
        assert "seconds behind" in fetch(status, "/nbia-api/services/v1/status/database").text
        assert "filmroom_text_index_waiting_series 1.0" in fetch(url, "/metrics").text
    with running_server(new_archive.address, text_index=True) as url:
        waits(lambda: not state(new_archive).waiting)
        [item] = json.loads(asked(fetch, url, "monochrome2").body)
        assert item["subjectId"] == "A"
        text = fetch(url, "/nbia-api/services/v1/status/database").text
        assert text == "<p>Database connection: OK</p><p>Text search: up to date</p>"
        metrics = fetch(url, "/metrics").text
        for name in ("waiting_series", "unreadable_series", "behind_seconds"):
            assert f"filmroom_text_index_{name} 0.0" in metrics


def test_a_server_indexes_unless_it_is_told_not_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ServerOptions.from_settings().text_index
    monkeypatch.setenv("FILMROOM_TEXT_INDEX", "no")
    assert not ServerOptions.from_settings().text_index


@contextmanager
def background(archive: Any, reader: Any = None) -> Any:
    indexer = BackgroundIndexer(archive.catalog, reader or ContentReader(archive.store), idle=0.01)
    indexer.start()
    try:
        yield indexer
    finally:
        indexer.close()
    assert not indexer._thread.is_alive()


def test_a_file_that_is_gone_is_noted_and_the_others_are_read(new_archive: Any) -> None:
    new_archive.add("1.1", patient_id="A", assignment=OPEN)
    for key in list(new_archive.store.keys()):
        new_archive.store.delete(key)
    new_archive.add("1.2", patient_id="B", assignment=OPEN)
    with background(new_archive):
        waits(lambda: not state(new_archive).waiting)
    assert state(new_archive).unreadable == 1


def test_two_indexers_share_the_work(new_archive: Any) -> None:
    for n in range(1, 4):
        new_archive.add_many([f"1.{n}.{m}" for m in range(40)], Assignment(f"C{n}", f"C{n}"))
    with background(new_archive), background(new_archive):
        waits(lambda: not state(new_archive).waiting)
    assert state(new_archive).unreadable == 0
    assert new_archive.catalog.text_index().missing(repair=False) == 0


class Fails:
    """A reader whose store does not answer at first: the fault alone is made, the rest is real."""

    def __init__(self, reader: ContentReader, times: int) -> None:
        self._reader = reader
        self.left = times

    def open(self, stored: Any) -> Any:
        if self.left:
            self.left -= 1
            raise StoreUnavailable("The store does not answer.")
        return self._reader.open(stored)

    def decoded(self, stored: Any) -> Any:
        return self._reader.decoded(stored)


def test_a_store_that_does_not_answer_is_no_fault_of_the_series(new_archive: Any) -> None:
    new_archive.add("1.1", patient_id="A", assignment=OPEN)
    reader = Fails(ContentReader(new_archive.store), 4)
    with background(new_archive, reader):
        waits(lambda: not state(new_archive).waiting)
    assert reader.left == 0
    assert state(new_archive).unreadable == 0


def test_ending_in_the_middle_gives_the_rest_back(new_archive: Any) -> None:
    new_archive.add_many([f"1.{n}" for n in range(40)], OPEN)
    begun, go_on = threading.Event(), threading.Event()

    class Slow(ContentReader):
        def open(self, stored: Any) -> Any:
            begun.set()
            go_on.wait()
            return super().open(stored)

    indexer = BackgroundIndexer(new_archive.catalog, Slow(new_archive.store))
    indexer.start()
    begun.wait()
    indexer._closing.set()
    go_on.set()
    indexer.close()
    assert not indexer._thread.is_alive()
    assert state(new_archive).waiting == 39
    with Catalog.open(new_archive.address.database_url) as again:
        assert len(again.text_index().lease("another", 100, 60)) == 39
