"""``filmroom.wordpress`` over a real server: every function, both versions, and failures that are told."""

from __future__ import annotations

import csv
import inspect
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pandas as pd
import pytest

from filmroom import wordpress
from filmroom.catalog import Catalog
from filmroom.dropin.collection_pages import RESOURCES, SITE
from filmroom.settings import ArchiveAddress
from filmroom.testing.datasets import CLOSED, OPEN, publish_datasets
from filmroom.testing.live import running_server

SIGNATURE = (
    "(per_page=50, format='', file_name=None, fields=None, ids=None, query=None, removeHtml=None, "
    "api_version='v2', verbose=False, orderby=None, order=None)"
)
VERSIONS = ("v1", "v2")


@pytest.fixture(scope="module")
def url(module_address: ArchiveAddress) -> Iterator[str]:
    with Catalog.create(module_address.database_url) as catalog:
        publish_datasets(catalog)
    with running_server(module_address) as served:
        yield served


@pytest.fixture(autouse=True)
def asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMROOM_SERVER", url)


@pytest.fixture(scope="module")
def failing() -> Iterator[str]:
    """A server as a site under load may be: it says that there are three pages, and has two."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            page = int(parse_qs(parts.query).get("page", ["1"])[0])
            status, headers, body = 200, {}, b"{}"
            if "/media/" in parts.path:
                status = 404
            elif page == 3:
                status = 500
            elif "/v2/" in parts.path:
                body = json.dumps({"results": [{"id": page}], "page": page, "total_pages": 3}).encode()
            else:
                headers = {"Link": f'<http://{self.headers["Host"]}/elsewhere?page={page + 1}>; rel="next"'}
                body = json.dumps([{"id": page}]).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_every_function_has_its_arguments_and_defaults() -> None:
    for name in RESOURCES:
        function = getattr(wordpress, name)
        bare = [each.replace(annotation=inspect.Parameter.empty) for each in _parameters(function)]
        assert str(inspect.Signature(bare)) == SIGNATURE
        assert function.__name__ == name
        assert inspect.getdoc(function)
    for name in wordpress.__all__:
        assert callable(getattr(wordpress, name))
    assert list(inspect.signature(wordpress.update_download_file_column).parameters) == [
        "data",
        "max_workers",
    ]
    assert SITE == "https://cancerimagingarchive.net"


def _parameters(function: object) -> list[inspect.Parameter]:
    assert callable(function)
    return list(inspect.signature(function).parameters.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_every_function_answers_in_both_forms(version: str) -> None:
    # Without files of its own this archive knows of no species, and needs nothing for its downloads.
    empty = {"getSpecies", "getDataTypes", "getDownloadRequirements"}
    for name in RESOURCES:
        rows = getattr(wordpress, name)(per_page=1, api_version=version)
        frame = getattr(wordpress, name)(format="df", api_version=version, verbose=True)
        assert isinstance(rows, list)
        assert isinstance(frame, pd.DataFrame)
        assert len(rows) == len(frame)
        assert bool(rows) is (name not in empty), name


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_asked_for_is_asked_for(version: str) -> None:
    both = wordpress.getCollections(fields=["id", "collection_doi"], api_version=version)
    assert [row["collection_doi"] for row in both] == [OPEN, CLOSED]
    (one,) = wordpress.getCollections(ids=[both[1]["id"]], fields=["collection_doi"], api_version=version)
    assert one == {"collection_doi": CLOSED}
    (found,) = wordpress.getDownloads(query="clinical", api_version=version)
    assert found["id"] == 77
    assert wordpress.getDownloads(query="nothing of the kind", api_version=version) == []


def test_version_2_has_an_order_and_long_texts() -> None:
    rows = wordpress.getDownloads(orderby="download_title", order="desc", per_page=1)
    assert [row["download_title"] for row in rows] == ["Form", "Clinical <data>"]
    assert "collection_abstract" not in wordpress.getCollections()[0]
    assert "collection_abstract" in wordpress.getCollections(verbose=True)[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_html_becomes_text(version: str) -> None:
    def abstracts(**more: str) -> list[str]:
        frame = wordpress.getCollections(format="df", verbose=True, api_version=version, **more)
        return list(frame["collection_abstract"])

    assert "<b>" in abstracts()[0]
    assert abstracts(removeHtml="yes")[0] == "A bold < claimy"
    cited = wordpress.getCitations(format="df", removeHtml="yes", api_version=version)
    assert cited["tcia_citation_text"][0].startswith("Doe, J. (2026). About Open & <more>")


def test_files(here: Path) -> None:
    rows = wordpress.getCollections(file_name="collections.json")
    assert json.loads((here / "collections.json").read_text()) == rows
    wordpress.getDownloads(format="df", file_name="downloads.csv")
    with (here / "downloads.csv").open() as file:
        assert [row["id"] for row in csv.DictReader(file)] == ["77", "78"]


def test_addresses_of_media_files() -> None:
    frame = wordpress.getDownloads(format="df", api_version="v1")
    expected = list(frame["download_url"])
    assert expected == ["https://archive.example.org/clinical.csv", ""]
    bare = frame.drop(columns="download_url")
    assert wordpress.update_download_file_column(bare) is bare
    assert list(bare["download_url"]) == expected


@pytest.mark.parametrize(("argument", "value"), [("format", "csv"), ("api_version", "v3")])
def test_what_cannot_be_is_refused(argument: str, value: str) -> None:
    with pytest.raises(ValueError, match=value):
        wordpress.getCollections(**{argument: value})


@pytest.mark.parametrize("version", VERSIONS)
def test_a_page_that_fails_is_told_and_no_list_looks_whole(
    failing: str, version: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FILMROOM_SERVER", failing)
    with caplog.at_level(logging.ERROR, "filmroom.nbia"):
        assert wordpress.getCollections(api_version=version) is None
    assert "500" in caplog.text


def test_a_wrong_question_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "filmroom.nbia"):
        assert wordpress.getCollections(orderby="nonsense") is None
        assert wordpress.getQuery("nonsense/", 10) is None
    assert len(caplog.records) == 2


def test_a_file_whose_address_cannot_be_had_keeps_the_one_it_has(
    failing: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FILMROOM_SERVER", failing)
    frame = pd.DataFrame([{"download_file": {"ID": 1}, "download_url": "kept"}])
    with caplog.at_level(logging.ERROR, "filmroom.nbia"):
        assert list(wordpress.update_download_file_column(frame)["download_url"]) == ["kept"]
    assert caplog.records
