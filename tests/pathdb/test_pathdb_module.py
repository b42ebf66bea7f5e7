"""``filmroom.pathdb`` over a real server of ours, and over one that misbehaves."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from filmroom import AsyncClient, Client, nbia, pathdb
from filmroom.client.slides import pathdb_of
from filmroom.dropin.session import session
from filmroom.dropin.slides import IMAGE_COLUMNS
from filmroom.errors import BadAnswer
from filmroom.net.retry import RetryPolicy
from filmroom.testing.gen3 import running_app
from filmroom.wire.pathdb_answers import read_collections, read_images

NOTHING = inspect.Parameter.empty


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Work in a folder of the test's own; nothing of a test is left in the session."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    session.forget()


@pytest.fixture
def turned(slides: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The server, with the module turned to it."""
    monkeypatch.setenv("FILMROOM_SERVER", slides.url)
    return slides


def test_the_functions_are_those_of_tcia_utils() -> None:
    def shape(name: str) -> list[tuple[str, Any]]:
        parameters = inspect.signature(getattr(pathdb, name)).parameters.values()
        return [(each.name, each.default) for each in parameters]

    assert shape("getCollections") == [("query", ""), ("format", "")]
    assert shape("getImages") == [("query", NOTHING), ("format", "")]
    assert shape("downloadImages") == [
        ("images_data", NOTHING),
        ("path", "pathdb_images"),
        ("max_workers", 10),
        ("number", 0),
    ]
    assert shape("reportCollections") == [
        ("df", NOTHING),
        ("yearCreated", None),
        ("yearChanged", None),
        ("format", None),
    ]
    assert shape("reportSubmissions") == [("df", NOTHING), ("useCreated", False), ("format", None)]
    for name in ("searchDf", "copy_df_cols", "get_proxy"):
        assert callable(getattr(pathdb, name))


def test_by_default_tcia_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FILMROOM_SERVER", raising=False)
    tcia = "https://pathdb.cancerimagingarchive.net"
    place = pathdb_of(session.client("").base_url)
    assert (place.site, place.root, place.mount) == (tcia, tcia, "")
    its_own = pathdb_of(tcia)
    assert (its_own.site, its_own.root, its_own.mount) == (tcia, None, "")
    ours = pathdb_of("https://pacs.example.org/images")
    assert (ours.site, ours.root, ours.mount) == ("https://pacs.example.org/images", None, "/pathdb")


def test_collections(turned: Any, here: Path) -> None:
    (row,) = pathdb.getCollections()
    assert list(row) == ["collectionName", "collectionId", "updated"]
    assert row["collectionName"] == "Open"
    assert len(row["updated"]) == len("2026-01-31")
    assert pathdb.getCollections("PE") == [row]
    assert pathdb.getCollections("nothing") == []
    assert list(pathdb.getCollections(format="df").columns) == list(row)
    assert list(pathdb.getCollections("nothing", "df").columns) == list(row)
    assert pathdb.getCollections(format="csv") is None
    (file,) = here.glob("pathologyCollections-????-??-??.csv")
    assert file.read_text().splitlines()[0] == "collectionName,collectionId,updated"


def test_images(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "filmroom.nbia"):
        rows = pathdb.getImages("open")
    assert "Collections whose names contain 'open': Open." in caplog.text
    assert {tuple(row) for row in rows} == {IMAGE_COLUMNS}
    number = rows[0]["collectionId"]
    assert pathdb.getImages(number) == rows
    one = next(row for row in rows if row["imageUrl"].endswith(".svs"))
    assert (one["imageHeight"], one["imagedWidth"], one["subjectId"]) == (900, 1300, "TCGA-AB-1234")
    assert one["physicalPixelSizeX"] == pytest.approx(0.252)
    assert len(one["created"]) == len("2026-01-31 12-00-00")
    assert one["created"][10] == " "
    frame = pathdb.getImages("", "df")
    assert tuple(frame.columns) == IMAGE_COLUMNS
    import numpy as np

    assert pathdb.getImages(np.int64(number)) == rows
    assert pathdb.getImages("nothing") == []
    assert pathdb.getImages(99999) == []
    assert pathdb.getImages("o", "csv") is None
    assert list(here.glob("pathologyImages-????-??-??.csv"))


def test_a_granted_collection_is_there_after_a_login(turned: Any, here: Path) -> None:
    assert pathdb.getImages("Shut") == []
    nbia.getToken("ann", "correct horse battery")
    (row,) = pathdb.getImages("Shut")
    pathdb.downloadImages([row])
    assert (here / "pathdb_images" / turned.secret).is_file()


def test_download(turned: Any, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    frame = pathdb.getImages("Open", "df")
    with caplog.at_level(logging.INFO, "filmroom.nbia"):
        assert pathdb.downloadImages(frame, number=1) is None
        assert "Downloaded 1 of 1 images; 0 were there before." in caplog.text
        pathdb.downloadImages(frame, number=1)
        assert "Downloaded 1 of 1 images; 1 were there before." in caplog.text
        pathdb.downloadImages(frame)
        assert "Downloaded 1 of 1 images; 2 were there before." in caplog.text
    for url in frame["imageUrl"]:
        body = turned.get(url).body
        names = [path for path in (here / "pathdb_images").iterdir() if path.is_file()]
        assert hashlib.md5(body).hexdigest() in {hashlib.md5(path.read_bytes()).hexdigest() for path in names}
    assert len(names) == 3
    # A broken file that somebody else left is not taken for one that is whole.
    (here / "theirs").mkdir()
    (here / "theirs" / turned.svs).write_bytes(b"half of it")
    pathdb.downloadImages(frame, "theirs", 2)
    assert (here / "theirs" / turned.svs).stat().st_size > 1000


@pytest.mark.parametrize(
    "given", [None, [], "https://h/a.svs", [1], [{"slideId": 1}], [{"imageUrl": "s3://x"}]]
)
def test_what_is_no_row_is_said(
    turned: Any, here: Path, given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "filmroom.nbia"):
        assert pathdb.downloadImages(given) is None
    assert caplog.records
    assert not (here / "pathdb_images").exists()


def test_reports(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pandas as pd
    import plotly.graph_objects as go

    rows = [
        ("A", "s1", "i1", "2020-01-02 03-04-05", "2021-01-01 23-59-59"),
        ("A", "s2", "i2", "2021-01-02 03-04-05", "2021-02-01 00-00-00"),
        ("A", "s2", "i3", "2021-02-02 03-04-05", "2022-01-01 00-00-00"),
        ("B", "s1", "i4", "2020-05-02 03-04-05", ""),
    ]
    columns = ["collectionName", "subjectId", "imageId", "created", "changed"]
    frame = pd.DataFrame(rows, columns=columns)
    report = pathdb.reportCollections(frame)
    assert report.to_dict("records") == [
        {
            "collectionName": "A",
            "subjectCount": 2,
            "imageCount": 3,
            "lastCreated": "2021-02-02 03-04-05",
            "lastChanged": "2022-01-01 00-00-00",
        },
        {
            "collectionName": "B",
            "subjectCount": 1,
            "imageCount": 1,
            "lastCreated": "2020-05-02 03-04-05",
            "lastChanged": "",
        },
    ]
    assert list(pathdb.reportCollections(frame, yearCreated=2021)["imageCount"]) == [2]
    assert list(pathdb.reportCollections(frame, yearChanged="2021")["imageCount"]) == [2]
    assert pathdb.reportSubmissions(frame).to_dict("records") == [
        {"year": 2021, "collectionCount": 1, "subjectCount": 2, "imageCount": 2},
        {"year": 2022, "collectionCount": 1, "subjectCount": 1, "imageCount": 1},
    ]
    assert list(pathdb.reportSubmissions(frame, True)["collectionCount"]) == [2, 1]
    assert list(frame.columns) == columns
    shown: list[Any] = []

    def show(figure: Any) -> None:
        shown.append(figure)

    monkeypatch.setattr(go.Figure, "show", show)
    pathdb.reportCollections(frame, format="chart")
    pathdb.reportSubmissions(frame, format="chart")
    assert [[bar.name for bar in chart.data] for chart in shown] == [
        ["Subject Count", "Image Count"],
        ["Collection Count", "Subject Count", "Image Count"],
    ]
    assert list(shown[0].data[1].y) == [3, 1]
    pathdb.reportCollections(frame, format="csv")
    pathdb.reportSubmissions(frame, format="csv")
    pathdb.reportSubmissions(frame, True, "csv")
    assert len(list(here.glob("pathdb_report_????????_??????.csv"))) == 1
    assert len(list(here.glob("submissions_report_changed_????????_??????.csv"))) == 1
    assert len(list(here.glob("submissions_report_created_????????_??????.csv"))) == 1


# -- a server that is not ours ---------------------------------------------------------------------------


def value(content: Any) -> list[dict[str, Any]]:
    return [{"value": content}]


@dataclass
class Site:
    """A PathDB with two collections that each have an image ``same.svs``; ``faults`` by path."""

    url: str = ""
    faults: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(
        default_factory=lambda: {"10": b"first" * 1000, "11": b"second" * 1000, "own": b"third" * 10}
    )

    async def give(self, request: Request) -> Response:
        path = request.url.path.removeprefix("/pathdb").lstrip("/")
        page = int(request.query_params.get("page", "0"))
        self.asked.append(f"{path}?{page}" if path.startswith("listofimages") else path)
        fault = self.faults.get(path, "")
        if fault == "page":
            return HTMLResponse("<html>under maintenance</html>")
        if fault == "second" and page == 1:
            return Response("broken", 500)
        if fault == "absent":
            return Response("no", 404)
        if path == "collections":
            names = {10: "CPTAC-AML", 11: "CPTAC-BRCA", 12: "Other"}
            return JSONResponse(
                [{"tid": value(number), "name": value(name)} for number, name in names.items()]
            )
        if path.startswith("listofimages/"):
            number = path.rpartition("/")[2]
            if page and fault != "endless":
                return JSONResponse([] if page > 1 or fault != "second" else [{}])
            return JSONResponse([self.image(int(number), f"files/{number}/same.svs")])
        parts = path.split("/")
        content = self.files.get(parts[1], b"")
        if fault == "short":
            return Response(content[:-1], headers={"ETag": '"short"'})
        return Response(content, headers={"ETag": f'"{parts[1]}"'})

    def image(self, number: int, path: str, **more: Any) -> dict[str, Any]:
        return {
            "nid": value(number * 100),
            "studyid": value(f"C{number}"),
            "field_collection": [{"target_id": number}],
            "clinicaltrialsubjectid": value("s"),
            "imageid": value("i"),
            "imagedvolumeheight": value(1),
            "imagedvolumewidth": value("2"),
            "referencepixelphysicalvaluex": [],
            "referencepixelphysicalvaluey": value("0.25"),
            "field_wsiimage": [{"url": f"{self.url}/pathdb/{path}"}],
            "created": value("2021-11-29T14:39:15+02:00"),
            "changed": value("2021-11-29T14:39:15+00:00"),
            **more,
        }


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    state = Site()
    with running_app(Starlette(routes=[Route("/{path:path}", state.give)])) as url:
        state.url = url
        monkeypatch.setenv("FILMROOM_SERVER", url)
        yield state


def test_tcias_own_lists_stand_at_the_root(site: Site, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of TCIA another server has the slides; here this one, so that nobody else is asked."""
    monkeypatch.delenv("FILMROOM_SERVER")
    monkeypatch.setattr("filmroom.client.slides.PATHDB_SERVER", site.url)
    rows = pathdb.getImages("brca")
    assert site.asked == ["collections", "listofimages/11?0", "listofimages/11?1"]
    rows.append({**rows[0], "imageUrl": None})
    pathdb.downloadImages(rows)
    assert (here / "pathdb_images" / "same.svs").read_bytes() == site.files["11"]

    async def ask() -> Any:
        async with AsyncClient() as client:
            return await client.slides(collection="CPTAC-BRCA")

    (slide,) = asyncio.run(ask())
    assert slide.viewer_url == f"{site.url}/caMicroscope/apps/mini/viewer.html?mode=pathdb&slideId=1100"


def test_only_collections_with_the_name_are_asked(site: Site) -> None:
    rows = pathdb.getImages("cptac-b")
    assert site.asked == ["collections", "listofimages/11?0", "listofimages/11?1"]
    assert rows[0]["created"] == "2021-11-29 12-39-15"
    assert (rows[0]["physicalPixelSizeX"], rows[0]["physicalPixelSizeY"]) == ("", 0.25)
    assert (rows[0]["imagedWidth"], rows[0]["slideId"]) == (2, 1100)


@pytest.mark.parametrize("fault", ["page", "second", "endless", "absent"])
def test_a_page_that_fails_is_an_error(site: Site, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    site.faults["listofimages/11"] = fault
    with caplog.at_level(logging.ERROR, "filmroom.nbia"):
        assert pathdb.getImages("cptac") is None
    assert len(caplog.records) == 1
    assert len(pathdb.getImages("aml")) == 1


@pytest.mark.parametrize("fault", ["page", "absent"])
def test_a_list_that_fails_is_an_error(site: Site, fault: str, caplog: pytest.LogCaptureFixture) -> None:
    site.faults["collections"] = fault
    with caplog.at_level(logging.ERROR, "filmroom.nbia"):
        assert pathdb.getCollections() is None
    assert len(caplog.records) == 1


def test_images_of_one_name_go_into_folders(site: Site, here: Path, caplog: pytest.LogCaptureFixture) -> None:
    both = pathdb.getImages("cptac")
    with caplog.at_level(logging.INFO, "filmroom.nbia"):
        pathdb.downloadImages(both, "both")
    assert "lie in folders" in caplog.text
    assert (here / "both" / "C10" / "same.svs").read_bytes() == site.files["10"]
    assert (here / "both" / "C11" / "same.svs").read_bytes() == site.files["11"]
    # In calls of their own: the first has the name already.
    for rows in (both[:1], both[1:], both):
        pathdb.downloadImages(rows, "apart")
    assert (here / "apart" / "same.svs").read_bytes() == site.files["10"]
    assert (here / "apart" / "C11" / "same.svs").read_bytes() == site.files["11"]
    assert not (here / "apart" / "C10").exists()


@pytest.mark.parametrize("fault", ["page", "absent"])
def test_a_file_that_fails_leaves_nothing(
    site: Site, here: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    site.faults["files/11/same.svs"] = fault
    rows = pathdb.getImages("cptac")
    with caplog.at_level(logging.INFO, "filmroom.nbia"):
        pathdb.downloadImages(rows, "here")
    assert "Downloaded 1 of 2 images" in caplog.text
    assert "1 images failed, run the same call again." in caplog.text
    assert not (here / "here" / "C11" / "same.svs").exists()
    site.faults.clear()
    pathdb.downloadImages(rows, "here")
    assert (here / "here" / "C11" / "same.svs").read_bytes() == site.files["11"]


def test_a_file_of_another_size_than_listed_is_refused(site: Site, here: Path) -> None:
    content = site.files["10"]
    told = {"filesize": value(len(content)), "md5": value(hashlib.md5(content).hexdigest())}
    slides = read_images(JSONResponse([site.image(10, "files/10/same.svs", **told)]).body, site.url)
    with Client(site.url, retry=RetryPolicy(2, 0.01, 0.02)) as client:
        site.faults["files/10/same.svs"] = "short"
        (result,) = client.download_slides(slides, here / "x").results
        assert isinstance(result.error, BadAnswer)
        assert not result.path.exists()
        site.faults.clear()
        (result,) = client.download_slides(slides, here / "x").results
        assert result.status == "ok"


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[1]",
        b"[{}]",
        b'[{"nid": [{"value": "x"}]}]',
        b'[{"nid": [{"value": -1}]}]',
        b'[{"nid": [{"value": 1e400}]}]',
        b'[{"nid": [{"value": [1]}]}]',
        b'[{"nid": [{"value": 1}], "created": [{"value": "yesterday"}]}]',
        b'[{"nid": [{"value": 1}], "field_wsiimage": [{"url": "http://[x/a.svs"}]}]',
        b'[{"nid": [{"value": 1}], "created": [{"value": "0001-01-01T00:00:00+10:00"}]}]',
        b"not json",
        b"\xff\xfe",
    ],
)
def test_what_cannot_be_read_is_a_bad_answer(content: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_images(content, "http://h")


def test_what_is_missing_is_none() -> None:
    (slide,) = read_images(
        b'[{"nid": [{"value": "7"}], "studyid": [], "md5": [{"value": "no"}]}]', "http://h"
    )
    assert (slide.id, slide.collection, slide.url, slide.name, slide.md5) == (7, None, None, None, None)
    assert slide.viewer_url == "http://h/caMicroscope/apps/mini/viewer.html?mode=pathdb&slideId=7"
    assert read_images(b"", "http://h") == []
    with pytest.raises(BadAnswer):
        read_collections(b'[{"name": [{"value": "A"}]}]')
