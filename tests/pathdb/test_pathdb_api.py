"""PathDB's API over a real socket: lists, files, the cohort table; and who may see which slide."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from filmroom.catalog import Catalog
from filmroom.model.access import VisibleSet
from filmroom.settings import ArchiveAddress
from filmroom.slide.file import SlideFile
from filmroom.store import open_store
from filmroom.testing.live import running_server
from filmroom.testing.slides import catalogued_slides

COHORT = "/pathdb/system/files/collectionmetadata/cohort_builder.csv"


def address_of(slides: Any, name: str) -> str:
    number = slides.number(name)
    found = {entry["nid"][0]["value"]: entry["field_wsiimage"][0]["url"] for entry in slides.images()}
    return str(found[number])


def test_collections_are_as_clients_read_them(slides: Any) -> None:
    answer = slides.get("/pathdb/collections?_format=json")
    assert answer.headers["Content-Type"] == "application/json"
    (entry,) = answer.json()
    assert entry["tid"] == [{"value": 1}]
    assert entry["name"] == [{"value": "Open"}]
    changed = dt.datetime.fromisoformat(entry["changed"][0]["value"])
    assert changed.tzinfo is not None
    assert slides.get("/pathdb/collections").json() == [entry]


def test_images_have_the_fields_that_clients_read(slides: Any) -> None:
    images = {entry["imageid"][0]["value"]: entry for entry in slides.images()}
    assert len(images) == 3
    entry = images[slides.svs[:-4]]
    assert entry["studyid"] == [{"value": "Open"}]
    assert entry["field_collection"] == [{"target_id": 1}]
    assert entry["clinicaltrialsubjectid"] == [{"value": "TCGA-AB-1234"}]
    assert (entry["imagedvolumewidth"], entry["imagedvolumeheight"]) == ([{"value": 1300}], [{"value": 900}])
    assert entry["referencepixelphysicalvaluex"] == [{"value": 0.252}]
    assert entry["nid"][0]["value"] == slides.number(slides.svs)
    for name in ("created", "changed"):
        assert dt.datetime.fromisoformat(entry[name][0]["value"]).tzinfo is not None


def test_pages_end_with_an_empty_list(slides: Any) -> None:
    assert slides.get("/pathdb/listofimages/1?_format=json&page=0").json() == slides.images()
    assert slides.get("/pathdb/listofimages/1?_format=json&page=1").json() == []
    assert slides.get("/pathdb/listofimages/77?_format=json").json() == []


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/pathdb/listofimages/x", 404),
        ("/pathdb/listofimages/99999999999", 404),
        ("/pathdb/listofimages/1?page=-1", 400),
        ("/pathdb/listofimages/1?page=x", 400),
        ("/pathdb/listofimages/1?page=" + "9" * 400, 400),
        ("/pathdb/listofimages/1?page=999999999", 200),
        ("/pathdb/collections?_format=xml", 400),
        ("/pathdb/system/files/wsi/1/Open/other.svs", 404),
        ("/pathdb/system/files/wsi/1/Open/..%2f..%2fetc%2fpasswd", 404),
        ("/pathdb/system/files/wsi/0/Open/a.svs", 404),
        ("/pathdb/assets/..%2fviewer.py", 404),
        ("/caMicroscope/apps/mini/viewer.html?mode=pathdb", 404),
        ("/caMicroscope/apps/mini/viewer.html?mode=pathdb&slideId=<script>", 404),
    ],
)
def test_what_cannot_be_is_said(slides: Any, path: str, status: int) -> None:
    answer = slides.get(path)
    assert answer.status == status
    assert b"Traceback" not in answer.body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_written_here(slides: Any, method: str) -> None:
    assert slides.get("/pathdb/collections", method=method).status == 405


def test_files_come_whole_in_ranges_and_not_again(slides: Any) -> None:
    (url,) = [
        entry["field_wsiimage"][0]["url"] for entry in slides.images() if "DX1" in str(entry["imageid"])
    ]
    answer = slides.get(url)
    assert answer.status == 200
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    with SlideFile(io.BytesIO(answer.body)) as slide:
        assert (slide.facts.width, slide.facts.associated) == (1300, frozenset())
    part = slides.get(url, Range="bytes=100-199")
    assert (part.status, part.body) == (206, answer.body[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(answer.body)}"
    assert slides.get(url, **{"If-None-Match": answer.headers["ETag"]}).status == 304
    head = slides.get(url, method="HEAD")
    assert (head.body, head.headers["Content-Length"]) == (b"", str(len(answer.body)))


def test_addresses_are_escaped_and_lead_to_the_file(slides: Any) -> None:
    for entry in slides.images():
        url = entry["field_wsiimage"][0]["url"]
        assert " " not in url
        assert slides.get(url).status == 200
    assert any("plain%20%26%20simple.tif" in entry["field_wsiimage"][0]["url"] for entry in slides.images())


def test_restricted_slides_are_as_if_they_were_not_there(slides: Any) -> None:
    number = slides.number(slides.secret)
    paths = [
        f"/pathdb/system/files/wsi/{number}/Shut/{slides.secret}",
        f"/pathdb/deepzoom/{number}.dzi",
        f"/pathdb/deepzoom/{number}_files/8/0_0.jpg",
        f"/pathdb/iiif/{number}/info.json",
        f"/pathdb/iiif/{number}/full/64,/0/default.jpg",
        f"/caMicroscope/apps/mini/viewer.html?mode=pathdb&slideId={number}",
    ]
    for path in paths:
        unknown = slides.get(path.replace(str(number), "9999"))
        hidden = slides.get(path)
        assert (hidden.status, hidden.body) == (unknown.status, unknown.body) == (404, b"Not found")
        assert slides.as_ann(path).status == 200
        assert slides.get(path, Authorization="Bearer wrong").status == 401
    assert "Shut" not in slides.get("/pathdb/collections").body.decode()
    assert [entry["name"][0]["value"] for entry in slides.as_ann("/pathdb/collections").json()] == [
        "Open",
        "Shut",
    ]
    assert slides.images(2) == []
    assert len(slides.as_ann("/pathdb/listofimages/2").json()) == 1
    assert slides.secret not in slides.get(COHORT).body.decode()


def test_bytes_wait_for_the_agreement(new_slides: Any) -> None:
    number = new_slides.number(new_slides.secret)
    with Catalog.open(new_slides.address.database_url) as catalog:
        catalog.agreements().put("Be kind to the data.")
    for path in (
        f"/pathdb/system/files/wsi/{number}/Shut/{new_slides.secret}",
        f"/pathdb/iiif/{number}/full/64,/0/default.jpg",
    ):
        refused = new_slides.as_ann(path)
        assert refused.status == 400
        assert f"{new_slides.url}/policy" in refused.body.decode()
        assert 'rel="license"' in refused.headers["Link"]
    assert len(new_slides.as_ann("/pathdb/listofimages/2").json()) == 1


def test_the_cohort_table(slides: Any) -> None:
    text = slides.get(COHORT).body.decode()
    rows = {row["slide_id"]: row for row in csv.DictReader(io.StringIO(text))}
    row = rows[slides.svs[:-4]]
    assert (row["collection"], row["patient_id"], row["magnification"]) == ("Open", "TCGA-AB-1234", "40X")
    assert row["camic_id"] == str(slides.number(slides.svs))
    assert slides.get(row["view"]).status == 200
    assert slides.get(row["wsiimage_url"]).status == 200
    assert set(rows) == {slides.svs[:-4], slides.plain[:-4], slides.ome[:-5]}


def test_what_was_delivered_is_recorded(new_slides: Any) -> None:
    number = new_slides.number(new_slides.svs)
    body = new_slides.get(f"/pathdb/system/files/wsi/{number}/Open/{new_slides.svs}").body
    deadline = time.monotonic() + 30
    with Catalog.open(new_slides.address.database_url) as catalog:
        while not (records := catalog.downloads()) and time.monotonic() < deadline:
            time.sleep(0.05)
    (record,) = records
    assert (record.series_instance_uid, record.kind, record.bytes) == (f"slide {number}", "pathdb", len(body))


def test_a_slide_that_is_gone_breaks_nothing_else(new_slides: Any) -> None:
    number = new_slides.number(new_slides.plain)
    with Catalog.open(new_slides.address.database_url) as catalog:
        key = catalog.slides().file(number, VisibleSet()).location.key
    open_store(new_slides.address.store_url).delete(key)
    url = address_of(new_slides, new_slides.plain)
    for path in (urlsplit(url).path, f"/pathdb/iiif/{number}/full/64,/0/default.jpg"):
        answer = new_slides.get(path)
        assert answer.status == 500
        assert key.encode() not in answer.body
    other = new_slides.number(new_slides.svs)
    assert new_slides.get(f"/pathdb/iiif/{other}/full/64,/0/default.jpg").status == 200


def test_large_collections_are_listed_by_pages(archive_address: ArchiveAddress) -> None:
    """More slides than fit on a page, put into the catalogue by themselves."""
    with Catalog.create(archive_address.database_url) as catalog:
        catalogued_slides(catalog, "Many", 2_345)
    with running_server(archive_address) as url:
        found: list[int] = []
        for page in range(10):
            with urlopen(f"{url}/pathdb/listofimages/1?_format=json&page={page}") as answer:
                entries = json.load(answer)
            if not entries:
                break
            found += [entry["nid"][0]["value"] for entry in entries]
    assert (page, len(found), len(set(found))) == (3, 2_345, 2_345)
