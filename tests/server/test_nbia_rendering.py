"""Thumbnails and WADO-URI over a real socket, from both kinds of store."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pydicom
import pytest
from PIL import Image

from filmroom.catalog import Catalog
from filmroom.dicom.source import BytesSource
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import VisibleSet
from filmroom.render.frame import read_frame
from filmroom.render.options import THUMBNAIL, PictureOptions
from filmroom.render.picture import jpeg
from filmroom.server import pictures
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store
from filmroom.testing.live import running_server
from filmroom.testing.samples import sample_root

FORM = {"Content_Type": "application/x-www-form-urlencoded"}
GUEST = {"Authorization": "Bearer undefined"}
NAMES = [
    "CT_small.dcm",
    "MR_small_jp2klossless.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
    "examples_ybr_color.dcm",
    "rtdose_rle.dcm",
    "rtplan.dcm",
    "liver_1frame.dcm",
    "waveform_ecg.dcm",
]
DRAWN = [name for name in NAMES if not name.startswith(("rtplan", "liver", "waveform"))]


@dataclass(frozen=True)
class Site:
    """A server with real objects, and how to ask it."""

    url: str
    address: ArchiveAddress
    fetch: Any

    def identifiers(self, name: str) -> dict[str, str]:
        dataset = pydicom.dcmread(sample_root() / name, stop_before_pixels=True)
        return {
            "studyUID": str(dataset.StudyInstanceUID),
            "seriesUID": str(dataset.SeriesInstanceUID),
            "objectUID": str(dataset.SOPInstanceUID),
        }

    def wado(self, name: str, headers: dict[str, str] | None = None, /, **params: str) -> Any:
        query = urlencode({"requestType": "WADO", **self.identifiers(name), **params})
        return self.fetch(self.url, f"/nbia-api/services/v1/wado?{query}", **(headers or {}))

    def post(self, operation: str, fields: dict[str, str], **headers: str) -> Any:
        path = f"/nbia-api/services/{operation}"
        return self.fetch(self.url, path, "POST", urlencode(fields).encode(), **FORM, **headers)

    def thumbnail(self, name: str, operation: str = "v4/getThumbnail", **headers: str) -> Any:
        given = self.identifiers(name)
        del given["studyUID"]
        return self.post(operation, given, **headers)


def made(address: ArchiveAddress, folder: Path) -> None:
    folder.mkdir()
    for name in NAMES:
        shutil.copy(sample_root() / name, folder / name)
    ingest_paths(address, [folder], IngestOptions(Rules(collection="Samples"), processes=1))


@pytest.fixture
def site(archive_address: ArchiveAddress, tmp_path: Path, fetch: Any) -> Iterator[Site]:
    """A site that a test may break."""
    made(archive_address, tmp_path / "samples")
    with running_server(archive_address) as url:
        yield Site(url, archive_address, fetch)


def expected(name: str, options: PictureOptions) -> bytes:
    content = (sample_root() / name).read_bytes()
    return jpeg(read_frame(BytesSource(content), options.frame), options)


def check_pictures_of_every_kind_of_object(site: Site) -> None:
    for name in DRAWN:
        answer = site.thumbnail(name)
        assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg"), (name, answer.text)
        assert answer.body == expected(name, THUMBNAIL)
        answer = site.wado(name)
        assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.body == expected(name, PictureOptions())
        assert answer.headers["cache-control"] == "private, no-cache"
    for name in set(NAMES) - set(DRAWN):
        answer = site.thumbnail(name)
        assert answer.status == 404
        assert answer.text in {"The object has no pixels.", "A segmentation has no picture of its own."}
        answer = site.wado(name)
        assert (answer.status, answer.text) == (400, "unable to process request")
        assert answer.headers["content-type"].startswith("text/plain")
    assert site.thumbnail("CT_small.dcm", "getThumbnail").status == 401
    assert site.thumbnail("CT_small.dcm", "getThumbnail", **GUEST).body == expected("CT_small.dcm", THUMBNAIL)


def check_what_wado_can_be_asked_for(site: Site) -> None:
    asked = {
        "rows": "50",
        "columns": "60",
        "windowCenter": "-40.5",
        "windowWidth": "4e2",
        "imageQuality": "30",
    }
    wanted = PictureOptions(rows=50, columns=60, window=(-40.5, 400), quality=30)
    answer = site.wado("CT_small.dcm", **asked)
    assert answer.body == expected("CT_small.dcm", wanted)
    assert Image.open(io.BytesIO(answer.body)).size == (50, 50)
    for number in (1, 30):
        answer = site.wado(
            "examples_ybr_color.dcm", frameNumber=str(number), transferSyntax="1.2", anonymize="no"
        )
        assert answer.body == expected("examples_ybr_color.dcm", PictureOptions(frame=number))
    assert site.wado("examples_ybr_color.dcm", frameNumber="31").text == "unable to process request"
    form = {"requestType": "WADO", **site.identifiers("CT_small.dcm"), **asked}
    for operation, headers in (("v1/getWado", {}), ("getWado", GUEST)):
        assert site.post(operation, form, **headers).body == expected("CT_small.dcm", wanted)
    assert site.post("getWado", form).status == 401


def check_a_picture_that_is_still_right_is_not_sent_again(site: Site) -> None:
    first = site.wado("CT_small.dcm", rows="20")
    tag = first.headers["etag"]
    again = site.wado("CT_small.dcm", {"If_None_Match": f'"x", {tag}'}, rows="20")
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert site.wado("CT_small.dcm", {"If_None_Match": tag}, rows="21").status == 200
    assert site.wado("CT_small.dcm", {"If_None_Match": tag}).status == 200
    # Whoever may not see the object learns nothing by a tag.
    unknown = site.wado("CT_small.dcm", {"If_None_Match": tag}, rows="20", objectUID="1.2.3")
    assert (unknown.status, unknown.text) == (400, "image not found")


def check_the_file_itself(site: Site) -> None:
    content = (sample_root() / "CT_small.dcm").read_bytes()
    answer = site.wado("CT_small.dcm", contentType="application/dicom")
    assert (answer.headers["content-type"], answer.body) == ("application/dicom", content)
    uid = site.identifiers("CT_small.dcm")["objectUID"]
    assert answer.headers["content-disposition"] == f"attachment; filename={uid}.dcm"
    part = site.wado("CT_small.dcm", {"Range": "bytes=128-131"}, contentType="application/dicom")
    assert (part.status, part.body) == (206, b"DICM")
    form = {"requestType": "WADO", "contentType": "application/dicom", **site.identifiers("rtplan.dcm")}
    assert site.post("v1/getWado", form).body == (sample_root() / "rtplan.dcm").read_bytes()


def test_pictures_and_files(site: Site) -> None:
    check_pictures_of_every_kind_of_object(site)
    check_what_wado_can_be_asked_for(site)
    check_a_picture_that_is_still_right_is_not_sent_again(site)
    check_the_file_itself(site)


REFUSALS: list[tuple[dict[str, str], str]] = [
    ({"requestType": "wado"}, "requestType not WADO"),
    ({"requestType": ""}, "requestType not WADO"),
    ({"contentType": "image/png"}, "NBIA only supports image/jpeg or application/dicom"),
    ({"contentType": ""}, "NBIA only supports image/jpeg or application/dicom"),
    ({"windowCenter": "1"}, "windowWidth and windowCenter must both be set to be used"),
    ({"windowWidth": "1"}, "windowWidth and windowCenter must both be set to be used"),
    *(
        (
            {"contentType": "application/dicom", name: "1", **more},
            f"{name} not available for application/dicom",
        )
        for name, more in (
            ("rows", {}),
            ("columns", {}),
            ("windowCenter", {}),
            ("windowWidth", {}),
            ("imageQuality", {}),
            ("frameNumber", {}),
        )
    ),
    *(
        ({"imageQuality": bad}, "imageQuality is not valid, should be an integer between 1 and 100")
        for bad in ("0", "101", "-1", "", "x", "1.5", "\u0661", "9" * 40)
    ),
    ({"charset": "utf-8"}, "NBIA does not support charset parameter"),
    ({"annotation": "patient"}, "NBIA does not support annotation parameter"),
    ({"region": "0,0,1,1"}, "region not supported by NBIA"),
    ({"presentationUID": "1.2"}, "presentationUID not supported by NBIA"),
    ({"presentationSeriesUID": "1.2"}, "presentationSeriesUID not supported by NBIA"),
    ({"anonymize": "yes"}, "anonymize not supported: objects come as they are stored"),
    *(
        ({name: bad}, f"{name} is not valid, should be an integer between 1 and 4096")
        for name in ("rows", "columns")
        for bad in ("0", "-5", "4097", "", "1e3", "99999999999999999999")
    ),
    *(
        ({"frameNumber": bad}, "Frame Number is not valid, needs to be a positive integer")
        for bad in ("0", "", "x")
    ),
    *(
        ({"windowCenter": bad, "windowWidth": "10"}, "windowCenter is not valid, should be a number")
        for bad in ("nan", "inf", "", "1" * 50, "0x10", "1_0")
    ),
    ({"windowCenter": "1", "windowWidth": "0.5"}, "windowWidth is not valid, should be at least 1"),
    ({"windowCenter": "1", "windowWidth": "-400"}, "windowWidth is not valid, should be at least 1"),
    ({"studyUID": "1.2.3"}, "image not found"),
    ({"seriesUID": "1.2.3"}, "image not found"),
    ({"objectUID": "1.2.3"}, "image not found"),
    ({"objectUID": ""}, "image not found"),
    ({"objectUID": "' OR 1=1 --"}, "image not found"),
]


def test_what_wado_refuses(live: Any) -> None:
    given = {
        "requestType": "WADO",
        "studyUID": live.full.study_uid,
        "seriesUID": live.full.series_uid,
        "objectUID": live.full.first,
    }
    for wrong, text in REFUSALS:
        answer = live.ask("v1/wado", **(given | wrong))
        assert (answer.status, answer.text) == (400, text), wrong
        assert answer.headers["content-type"].startswith("text/plain")
    # Another study's series is not this one's, and what may not be seen is not there.
    for made_ in (live.restricted, live.hidden, live.fetched_only):
        params = given | {
            "studyUID": made_.study_uid,
            "seriesUID": made_.series_uid,
            "objectUID": made_.first,
        }
        for media in ("image/jpeg", "application/dicom"):
            assert live.ask("v1/wado", **params, contentType=media).text == "image not found"
            assert live.ask("v1/getWado", **params, contentType=media).text == "image not found"
        answer = live.ask("v4/getThumbnail", seriesUID=made_.series_uid, objectUID=made_.first)
        unknown = live.ask("v4/getThumbnail", seriesUID="9.9", objectUID="9.9")
        assert (answer.status, answer.body) == (unknown.status, unknown.body) == (404, b"Not found")


def dies(*_: object) -> bytes:
    """Draw as a decoder does that a broken frame kills."""
    os._exit(1)


def test_what_goes_wrong_is_told_and_the_next_one_is_drawn(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_a_drawing_that_ends_badly(site, monkeypatch)
    check_without_the_extra(site, monkeypatch)
    check_bytes_that_are_gone(site)


def check_a_drawing_that_ends_badly(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("draw", dies), ("_SECONDS", 0)):
        with monkeypatch.context() as patch:
            patch.setattr(pictures, name, value)
            answer = site.wado("CT_small.dcm")
            assert (answer.status, answer.text) == (400, "unable to process request")
            assert site.thumbnail("CT_small.dcm").status == 404
        assert site.wado("CT_small.dcm").status == 200
    with monkeypatch.context() as patch:
        patch.setattr(pictures, "_MOST_WAITING", 0)
        answer = site.wado("CT_small.dcm")
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")


def check_without_the_extra(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "PIL", None)
        for answer in (site.thumbnail("CT_small.dcm"), site.wado("CT_small.dcm")):
            assert answer.status == 501
            assert "pip install 'filmroom[pixels]'" in answer.text
        assert site.wado("CT_small.dcm", contentType="application/dicom").status == 200
    assert site.wado("CT_small.dcm").status == 200


def check_bytes_that_are_gone(site: Site) -> None:
    given = site.identifiers("CT_small.dcm")
    with Catalog.open(site.address.database_url) as catalog:
        instance = catalog.instance(given["seriesUID"], given["objectUID"], VisibleSet())
    open_store(site.address.store_url).delete(instance.location.key)
    for media in ("image/jpeg", "application/dicom"):
        answer = site.wado("CT_small.dcm", contentType=media)
        assert (answer.status, answer.text) == (400, "File does not exist")


def test_files_are_audited_and_pictures_are_not(
    archive_address: ArchiveAddress, tmp_path: Path, fetch: Any
) -> None:
    made(archive_address, tmp_path / "samples")
    with running_server(archive_address) as url:
        site = Site(url, archive_address, fetch)
        given = site.identifiers("CT_small.dcm")
        size = len(site.wado("CT_small.dcm", contentType="application/dicom").body)
        assert site.wado("CT_small.dcm").status == 200
        form = {"requestType": "WADO", "contentType": "application/dicom", **given}
        assert len(site.post("getWado", form, **GUEST).body) == size
    with Catalog.open(archive_address.database_url) as catalog:
        downloads = catalog.downloads()
    assert {(each.kind, each.bytes, each.complete) for each in downloads} == {
        ("v1API", size, True),
        ("getWado", size, True),
    }
    assert {each.series_instance_uid for each in downloads} == {given["seriesUID"]}
