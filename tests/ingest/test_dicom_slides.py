"""DICOM whole-slide images on their way in: labels and overviews only where the collection allows them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, IngestReport, ingest_paths
from filmroom.model.access import VisibleSet
from filmroom.settings import ArchiveAddress
from filmroom.testing.dicom_slides import slide_uid, write_dicom_slide


def ingest(address: ArchiveAddress, *paths: Path, in_place: bool = False) -> IngestReport:
    rules = Rules(collection="Slides", in_place=in_place)
    return ingest_paths(address, paths, IngestOptions(rules, processes=1))


def held(address: ArchiveAddress) -> set[str]:
    with Catalog.open(address.database_url) as catalog:
        content = catalog.series_content(slide_uid("series"), VisibleSet())
    return {instance.sop_instance_uid for instance in content.instances}


def test_labels_stay_out_until_the_collection_allows_them(
    archive_address: ArchiveAddress, tmp_path: Path
) -> None:
    folder = write_dicom_slide(tmp_path / "slide", width=300, height=200)
    report = ingest(archive_address, folder)
    assert (report.stored, dict(report.quarantined)) == (2, {"label-image": 2})
    levels = {slide_uid("VOLUME 1"), slide_uid("VOLUME 2")}
    assert held(archive_address) == levels
    with Catalog.open(archive_address.database_url) as catalog:
        (first, second) = catalog.quarantine()
        assert "filmroom slide originals" in first.message
        assert first.reason == second.reason == "label-image"
        catalog.slide_administration().set_originals("Slides", given=True)
    again = ingest(archive_address, folder)
    assert (again.stored, again.present, again.quarantined.total()) == (2, 2, 0)
    assert held(archive_address) == levels | {slide_uid("LABEL 1"), slide_uid("OVERVIEW 1")}


def test_labels_stay_out_where_files_stay_in_place(archive_address: ArchiveAddress, tmp_path: Path) -> None:
    folder = write_dicom_slide(tmp_path / "slide", width=300, height=200)
    report = ingest(archive_address, folder, in_place=True)
    assert (report.stored, dict(report.quarantined)) == (2, {"label-image": 2})


@pytest.mark.parametrize("name", ["label.dcm", "overview.dcm"])
def test_other_classes_may_use_the_same_words(
    archive_address: ArchiveAddress, tmp_path: Path, name: str
) -> None:
    ds = dcmread(write_dicom_slide(tmp_path / "made", width=300, height=200) / name)
    photograph = "1.2.840.10008.5.1.4.1.1.77.1.4"  # VL Photographic Image Storage
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = photograph
    (tmp_path / "slide").mkdir()
    ds.save_as(tmp_path / "slide" / name, enforce_file_format=True)
    assert ingest(archive_address, tmp_path / "slide").stored == 1
