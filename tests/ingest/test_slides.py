"""Slides taken in with everything else: catalogued, without labels, once, on either pair."""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from filmroom.catalog import Catalog
from filmroom.errors import AgreementRequired, InvalidInput, NotFound
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, IngestReport, ingest_paths
from filmroom.ingest.slide_table import read_slide_table
from filmroom.ingest.slides import remove_slides
from filmroom.model.access import PUBLIC, Role, Viewer, VisibleSet
from filmroom.model.accounts import Grant
from filmroom.model.slides import SlideDescription
from filmroom.settings import ArchiveAddress
from filmroom.slide.file import SlideFile
from filmroom.store import open_store
from filmroom.testing.commands import run_filmroom
from filmroom.testing.samples import sample_files
from filmroom.testing.slides import LABEL_TEXT, specimen, write_ome, write_pyramid, write_svs
from filmroom.upkeep import FsckOptions, check_archive

NAME = "TCGA-AB-1234-01Z-00-DX1.svs"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "slides"
    made.mkdir()
    write_svs(made / NAME)
    write_pyramid(made / "plain.tif")
    write_ome(made / "more.ome.tiff")
    return made


def ingest(address: ArchiveAddress, *paths: Path, collection: str = "Slides", **rules: Any) -> IngestReport:
    given = Rules(collection=collection, **rules)
    return ingest_paths(address, paths, IngestOptions(given, processes=1))


def seen(address: ArchiveAddress, viewer: Viewer = PUBLIC) -> dict[str, Any]:
    with Catalog.open(address.database_url) as catalog:
        return {slide.name: slide for page in catalog.slides().all(VisibleSet(viewer)) for slide in page}


def stored(address: ArchiveAddress, name: str) -> bytes:
    with Catalog.open(address.database_url) as catalog:
        slides = catalog.slides()
        found = next(s for page in slides.all(VisibleSet()) for s in page if s.name == name)
        file = slides.file(found.id, VisibleSet())
    return b"".join(open_store(address.store_url).read(file.location.key))


def outcomes(report: IngestReport) -> tuple[int, int, int]:
    return report.stored, report.present, report.quarantined.total()


def test_slides_are_catalogued_as_their_files_say(archive_address: ArchiveAddress, folder: Path) -> None:
    assert outcomes(ingest(archive_address, folder)) == (3, 0, 0)
    slides = seen(archive_address)
    assert set(slides) == {NAME, "plain.tif", "more.ome.tiff"}
    slide = slides[NAME]
    assert (slide.collection, slide.subject_id, slide.image_id) == ("Slides", "TCGA-AB-1234", NAME[:-4])
    assert (slide.format, slide.width, slide.height, slide.objective_power) == ("svs", 1300, 900, 40.0)
    assert (slide.pixel_size_x, slide.is_original) == (0.252, False)
    assert slides["plain.tif"].subject_id == "plain"


def test_what_is_stored_holds_no_label(archive_address: ArchiveAddress, folder: Path) -> None:
    ingest(archive_address, folder)
    data = stored(archive_address, NAME)
    assert LABEL_TEXT.encode() not in data
    with SlideFile(io.BytesIO(data)) as slide:
        assert slide.facts.associated == frozenset()
    assert seen(archive_address)[NAME].size == len(data)


def test_the_same_slides_again_are_nothing_to_do(archive_address: ArchiveAddress, folder: Path) -> None:
    ingest(archive_address, folder)
    keys = set(open_store(archive_address.store_url).keys())
    again = folder / "new"
    again.mkdir()
    (folder / NAME).rename(again / NAME)
    assert outcomes(ingest(archive_address, folder)) == (0, 3, 0)
    assert set(open_store(archive_address.store_url).keys()) == keys


def test_another_slide_of_the_same_name_is_kept_apart(archive_address: ArchiveAddress, folder: Path) -> None:
    ingest(archive_address, folder)
    before = stored(archive_address, NAME)
    write_svs(folder / NAME, seed=5)
    assert outcomes(ingest(archive_address, folder / NAME)) == (0, 0, 1)
    assert stored(archive_address, NAME) == before
    assert outcomes(ingest(archive_address, folder / NAME, collection="Others")) == (1, 0, 0)


def test_slides_and_dicom_come_together_and_from_archives(
    archive_address: ArchiveAddress, folder: Path
) -> None:
    dicom = [path for path in sample_files("Demo-MR") if path.suffix == ".dcm"]
    for path in dicom:
        shutil.copy(path, folder)
    (folder / "photo.tif").write_bytes(small_tiff())
    (folder / "notes.txt").write_text("not for the archive")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.write(write_svs(folder.parent / "zipped.svs", seed=9), "sub/zipped.svs")
    report = ingest(archive_address, folder)
    assert outcomes(report) == (4 + len(dicom), 0, 0)
    assert dict(report.skipped) == {"not-dicom": 2}
    assert "zipped.svs" in seen(archive_address)


def small_tiff() -> bytes:
    import tifffile

    buffer = io.BytesIO()
    tifffile.imwrite(buffer, specimen(60, 40), photometric="rgb")
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"<html>no</html>" * 20, b"II*\0" + b"\xff" * 200, b""])
def test_what_a_scanner_did_not_write_is_refused(
    archive_address: ArchiveAddress, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a.svs").write_bytes(content)
    report = ingest(archive_address, tmp_path / "x")
    assert dict(report.quarantined) == {"unusable-slide": 1}
    assert seen(archive_address) == {}


def test_originals_are_given_where_the_collection_says_so(
    archive_address: ArchiveAddress, folder: Path
) -> None:
    ingest(archive_address, folder / "plain.tif")
    with Catalog.open(archive_address.database_url) as catalog:
        catalog.slide_administration().set_originals("Slides", given=True)
        with pytest.raises(NotFound):
            catalog.slide_administration().set_originals("None", given=True)
    ingest(archive_address, folder)
    assert stored(archive_address, NAME) == (folder / NAME).read_bytes()
    assert seen(archive_address)[NAME].is_original


def test_in_place_only_originals_stay(archive_address: ArchiveAddress, folder: Path) -> None:
    report = ingest(archive_address, folder / NAME, in_place=True)
    assert dict(report.quarantined) == {"cannot-stay": 1}
    with Catalog.open(archive_address.database_url) as catalog:
        catalog.set_collection("Slides", access="public", create=True)
        catalog.slide_administration().set_originals("Slides", given=True)
    assert outcomes(ingest(archive_address, folder / NAME, in_place=True)) == (1, 0, 0)
    with Catalog.open(archive_address.database_url) as catalog:
        slides = catalog.slides()
        (slide,) = seen(archive_address).values()
        location = slides.file(slide.id, VisibleSet()).location
    assert (location.in_place, location.key) == (True, str((folder / NAME).resolve()))


def test_restricted_slides_are_as_if_they_were_not_there(
    archive_address: ArchiveAddress, folder: Path
) -> None:
    ingest(archive_address, folder, access="restricted")
    with Catalog.open(archive_address.database_url) as catalog:
        slides = catalog.slides()
        assert slides.collections(VisibleSet()) == []
        for question in (slides.find, slides.file):
            with pytest.raises(NotFound):
                question(1, VisibleSet())
        catalog.accounts().add("ann", "correct horse battery")
        catalog.grants().add(Grant("Slides", None, Role.READ.value, user="ann"))
        ann = VisibleSet(Viewer(1, "ann"))
        (collection,) = slides.collections(ann)
        assert (collection.name, collection.slides) == ("Slides", 3)
        assert len(slides.page(collection.id, ann)) == 3
        assert [slide.id for slide in slides.page(collection.id, ann, offset=1, limit=1)] == [2]
        slides.file(1, ann)
        catalog.agreements().put("Be kind to the data.")
        with pytest.raises(AgreementRequired):
            slides.file(1, ann)


def test_slides_are_described_and_removed(archive_address: ArchiveAddress, folder: Path) -> None:
    ingest(archive_address, folder)
    with Catalog.open(archive_address.database_url) as catalog:
        administration = catalog.slide_administration()
        administration.describe("Slides", [SlideDescription(NAME, stain="H&E", subject_id="P1")])
        with pytest.raises(NotFound):
            rows = [SlideDescription("plain.tif", stain="x"), SlideDescription("none.svs", stain="x")]
            administration.describe("Slides", rows)
    slides = seen(archive_address)
    assert (slides[NAME].stain, slides[NAME].subject_id, slides[NAME].image_id) == ("H&E", "P1", NAME[:-4])
    assert slides["plain.tif"].stain is None
    remove_slides(archive_address, "Slides", [NAME, "plain.tif"])
    with pytest.raises(NotFound):
        remove_slides(archive_address, "Slides", ["more.ome.tiff", "none.svs"])
    assert set(seen(archive_address)) == {"more.ome.tiff"}
    assert len(set(open_store(archive_address.store_url).keys())) == 1


def test_fsck_looks_at_slides(archive_address: ArchiveAddress, folder: Path) -> None:
    ingest(archive_address, folder)
    found: list[Any] = []
    report = check_archive(archive_address, FsckOptions(), found.append)
    assert (report.files, found) == (3, [])
    store = open_store(archive_address.store_url)
    with Catalog.open(archive_address.database_url) as catalog:
        key = catalog.slides().file(1, VisibleSet()).location.key
    store.delete(key)
    check_archive(archive_address, FsckOptions(repair=True), found.append)
    assert [(finding.kind, finding.state, finding.key) for finding in found] == [("slide", "left", key)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,stain\na.svs,H&E\na.svs,x\n", "occurs twice"),
        ("stain\nx\n", "'name'"),
        ("name,colour\na,b\n", "unknown columns"),
        ("name,stain\n,b\n", "line 2"),
        ("name,stain\na," + "x" * 65 + "\n", "line 2"),
    ],
)
def test_bad_tables_of_slides_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "slides.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=says):
        read_slide_table(path)


def test_the_command(tmp_path: Path, folder: Path) -> None:
    address = ArchiveAddress.resolve(tmp_path / "archive")
    ingest(address, folder)

    def run(*arguments: str) -> str:
        return str(run_filmroom("slide", *arguments, "--data", tmp_path / "archive").stdout)

    table = tmp_path / "slides.csv"
    table.write_text(f"name,stain\n{NAME},H&E\n")
    assert "1 slides described" in run("describe", "Slides", str(table))
    listed = json.loads(run("list", "--format", "json"))
    assert {row["name"]: row["stain"] for row in listed}[NAME] == "H&E"
    assert "as copies" in run("originals", "Slides", "no")
    assert "removed" in run("remove", "Slides", "plain.tif")
    assert "plain.tif" not in run("list")
