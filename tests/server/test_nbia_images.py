"""Images over a real socket: archives, single files, digests, refusals, the audit."""

import hashlib
import io
import time
import zipfile
from typing import Any

import pytest

from filmroom.model.entities import Assignment
from filmroom.testing.live import running_server


def archive_of(live: Any, operation: str, **params: str) -> zipfile.ZipFile:
    answer = live.ask(operation, **params)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (
        answer.headers["content-disposition"] == f'attachment; filename="{params["SeriesInstanceUID"]}.zip"'
    )
    assert int(answer.headers["content-length"]) == len(answer.body)
    opened = zipfile.ZipFile(io.BytesIO(answer.body))
    assert opened.testzip() is None
    return opened


def digests_of(opened: zipfile.ZipFile) -> dict[str, str]:
    header, *lines = opened.read("md5hashes.csv").decode().removesuffix("\n").split("\n")
    assert header == "Filename,MD5Hash"
    return dict(line.split(",") for line in lines)


@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
def test_numbered_names_and_licence(live: Any, version: str) -> None:
    opened = archive_of(live, f"{version}/getImage", SeriesInstanceUID="1.2.1")
    assert opened.namelist() == ["LICENSE", *(f"{n:08d}.dcm" for n in range(1, 13))]
    assert opened.read("LICENSE").decode() == (
        "License Information. The Open-CT collection is distributed under the CC BY 4.0 at "
        "https://example.org/by/4.0/ By downloading the data, you agree to abide by terms of this license.\n"
        + live.agreement
    )
    # Acquisition 1 was ingested after acquisition 2.
    assert opened.read("00000001.dcm") == live.full.files["1.2.1.8"]
    got = sorted(opened.read(name) for name in opened.namelist()[1:])
    assert got == sorted(live.full.files.values())


@pytest.mark.parametrize("flag", ["Yes", "yes", "YES"])
def test_names_by_acquisition(live: Any, flag: str) -> None:
    opened = archive_of(live, "v1/getImage", SeriesInstanceUID="1.2.1", NewFileNames=flag)
    names = opened.namelist()[1:]
    assert names[:5] == ["1-1.dcm", "1-2.dcm", "1-3.dcm", "1-4.dcm", "1-5.dcm"]
    assert names[5:] == [f"2-{n}.dcm" for n in range(1, 8)]
    assert opened.read("2-7.dcm") == live.full.files["1.2.1.7"]


def test_a_flag_that_is_not_yes_is_no(live: Any) -> None:
    opened = archive_of(live, "v4/getImage", SeriesInstanceUID="1.2.2", NewFileNames="true", IncludeMD5="1")
    assert opened.namelist() == ["LICENSE", "00000001.dcm"]


def test_digests(live: Any) -> None:
    asked = archive_of(live, "v4/getImage", SeriesInstanceUID="1.2.1", IncludeMD5="yes", NewFileNames="Yes")
    assert asked.namelist()[0] == "LICENSE"
    assert asked.namelist()[-1] == "md5hashes.csv"
    for version in ("v1", "v4"):
        always = archive_of(live, f"{version}/getImageWithMD5Hash", SeriesInstanceUID="1.2.1")
        assert "LICENSE" not in always.namelist()
        assert always.namelist()[0] == "00000001.dcm"
        for opened in (asked, always):
            hashes = digests_of(opened)
            assert set(hashes) == {name for name in opened.namelist() if name.endswith(".dcm")}
            for name, digest in hashes.items():
                assert hashlib.md5(opened.read(name)).hexdigest() == digest


def test_missing_terms_are_named(live: Any) -> None:
    text = archive_of(live, "v1/getImage", SeriesInstanceUID="1.2.2").read("LICENSE").decode()
    assert "under the Not Specified at Not Specified By downloading" in text


@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
def test_single_image_and_its_digest(live: Any, version: str) -> None:
    uid = live.full.first
    answer = live.ask(f"{version}/getSingleImage", SeriesInstanceUID="1.2.1", SOPInstanceUID=uid)
    assert (answer.status, answer.body) == (200, live.full.files[uid])
    assert answer.headers["content-type"] == "application/dicom"
    assert answer.headers["content-disposition"] == f"attachment; filename={uid}.dcm"
    name, parameter = {
        "v1": ("getM5HashForImage", "SOPInstanceUid"),
        "v2": ("getM5HashForImage", "SOPInstanceUid"),
        "v4": ("getMD5HashForImage", "SOPInstanceUID"),
    }[version]
    digest = live.ask(f"{version}/{name}", **{parameter: uid})
    assert digest.text == hashlib.md5(live.full.files[uid]).hexdigest()
    assert digest.headers["content-type"].startswith("text/plain")
    nothing = live.ask(f"{version}/{name}", **{parameter: "1.9"})
    assert (nothing.status, nothing.body) == (200, b"")


def test_a_range_of_an_archive(live: Any) -> None:
    path = "/nbia-api/services/v4/getImage?SeriesInstanceUID=1.2.1"
    whole = live.get(path)
    head = live.get(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"]
    assert head.headers["etag"] == whole.headers["etag"]
    part = live.get(path, Range="bytes=100-299", If_Range=whole.headers["etag"])
    assert (part.status, part.body) == (206, whole.body[100:300])
    assert live.get(path, If_None_Match=whole.headers["etag"]).status == 304


REFUSALS = {
    "v1": "Image with given SeriesInstanceUID,{uid}, is not in public domain.",
    "v4": "The user has not been granted the access to image with given SeriesInstanceUID,{uid}. "
    "Please contact System Admin to resolve this issue.",
}
REFUSALS["v2"] = REFUSALS["v4"]


@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
@pytest.mark.parametrize("operation", ["getImage", "getImageWithMD5Hash", "getSingleImage"])
@pytest.mark.parametrize("uid", ["1.9", "1.2.99", "1.2.10", "1.2.12", "", "a\nb{x}"])
def test_refusals_tell_nothing(live: Any, version: str, operation: str, uid: str) -> None:
    more = {"SOPInstanceUID": f"{uid}.1"} if operation == "getSingleImage" else {}
    answer = live.ask(f"{version}/{operation}", SeriesInstanceUID=uid, **more)
    assert (answer.status, answer.text) == (400, REFUSALS[version].format(uid=uid))
    assert answer.headers["content-type"] == "application/json"


def test_an_instance_is_had_through_its_own_series_only(live: Any) -> None:
    answer = live.ask("v4/getSingleImage", SeriesInstanceUID="1.2.2", SOPInstanceUID=live.full.first)
    assert answer.status == 400


def test_a_lost_object_is_an_error_that_shows_no_path(new_archive: Any, fetch: Any) -> None:
    made = new_archive.add("1.3", assignment=Assignment("C", "C"))
    with running_server(new_archive.address) as url:
        for key in list(new_archive.store.keys()):
            new_archive.store.delete(key)
        for query in (
            "v1/getImage?SeriesInstanceUID=1.3",
            f"v4/getSingleImage?SeriesInstanceUID=1.3&SOPInstanceUID={made.first}",
        ):
            answer = fetch(url, f"/nbia-api/{query}")
            assert answer.status == 500
            assert answer.headers["content-type"].startswith("text/plain")
            first, second = answer.text.split("\n")
            assert first == "Server was not able to process your request"
            assert second
            assert "/" not in second
            assert ".pack" not in answer.text


def test_downloads_are_recorded_within_a_second(new_archive: Any, fetch: Any) -> None:
    made = new_archive.add("1.3", assignment=Assignment("C", "C"))
    with running_server(new_archive.address) as url:
        whole = fetch(url, "/nbia-api/v4/getImage?SeriesInstanceUID=1.3")
        fetch(url, "/nbia-api/v1/getImage?SeriesInstanceUID=1.3", "HEAD")
        fetch(url, f"/nbia-api/v1/getSingleImage?SeriesInstanceUID=1.3&SOPInstanceUID={made.first}")
        deadline = time.monotonic() + 1.5
        while len(new_archive.catalog.downloads()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        kinds = {(item.kind, item.bytes, item.complete) for item in new_archive.catalog.downloads()}
        assert kinds == {("v4API", len(whole.body), True), ("v1API", len(made.files[made.first]), True)}
        fetch(url, "/nbia-api/v1/getImage?SeriesInstanceUID=1.3")
    # The end of the server writes what waits.
    assert len(new_archive.catalog.downloads()) == 3


@pytest.mark.parametrize("version", ["v1", "v2", "v4"])
def test_the_retrievers_archive(live: Any, version: str) -> None:
    params = {"SeriesInstanceUID": "1.2.1", "IncludeAnnotation": "true"}
    plain = archive_of(live, f"{version}/getDCMImage", **params)
    assert plain.namelist() == [f"1-{n}.dcm" for n in range(1, 6)] + [f"2-{n}.dcm" for n in range(1, 8)]
    checked = archive_of(live, f"{version}/getDCMImage", **params, MD5Verification="TRUE")
    assert checked.namelist() == [*plain.namelist(), "md5hashes.csv"]
    stated = digests_of(checked)
    assert stated == {name: hashlib.md5(plain.read(name)).hexdigest() for name in plain.namelist()}
    unchecked = archive_of(live, f"{version}/getDCMImage", **params, MD5Verification="Yes")
    assert "md5hashes.csv" not in unchecked.namelist()
    # Downloadable though no search finds it; others are refused as everywhere.
    assert archive_of(live, f"{version}/getDCMImage", SeriesInstanceUID="1.2.12").namelist()
    for uid in ("9.9", "1.2.10", "1.2.99"):
        refused = live.ask(f"{version}/getDCMImage", SeriesInstanceUID=uid)
        assert (refused.status, refused.text) == (400, REFUSALS[version].format(uid=uid))
