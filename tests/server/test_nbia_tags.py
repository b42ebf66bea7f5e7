"""DICOM tags of real objects over a real socket: order, nesting, end markers, what cannot be shown."""

import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from filmroom.dicom.tag_list import TagRow, tag_rows
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.entities import Assignment
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.phantom import write_phantom
from filmroom.upkeep.stored_tags import _Header, _read

Rows = list[dict[str, str | None]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server over the phantom and some of pydicom's files."""
    folder = tmp_path_factory.mktemp("tags")
    write_phantom(folder / "in")
    names = ("rtstruct.dcm", "CT_small.dcm", "MR_small_implicit.dcm")
    paths = [Path(str(get_testdata_file(name))) for name in names]
    address = ArchiveAddress.resolve(folder / "archive")
    ingest_paths(address, [folder / "in", *paths], IngestOptions(Rules(collection="T"), processes=1))
    with running_server(address) as address_of:
        yield address_of


def series_of(url: str, fetch: Any, modality: str) -> list[str]:
    found = json.loads(fetch(url, f"/nbia-api/v4/getSeries?Modality={modality}").body)
    return [row["SeriesInstanceUID"] for row in found]


def tags_of(url: str, fetch: Any, uid: str) -> Rows:
    answer = fetch(url, f"/nbia-api/v4/getDicomTags?SeriesUID={uid}")
    assert answer.status == 200
    rows: Rows = json.loads(answer.body)
    assert all(list(row) == ["element", "name", "data"] for row in rows)
    return rows


def after(rows: Rows, element: str) -> list[str | None]:
    """Return the elements that come right after each row of ``element``."""
    return [rows[i + 1]["element"] for i, row in enumerate(rows[:-1]) if row["element"] == element]


def test_a_segmentation_as_clients_take_it_apart(url: str, fetch: Any) -> None:
    [uid] = series_of(url, fetch, "SEG")
    rows = tags_of(url, fetch, uid)
    assert rows[0]["element"] == "(0002,0000)"
    assert {"element": "(0008,0060)", "name": "Modality", "data": "SEG"} in rows
    ends = [i for i, row in enumerate(rows) if row["name"] == "End Referenced Instance Sequence"]
    [end] = ends
    assert rows[end]["element"] == ">(0008,114A)"
    source = rows[end + 1]["data"]
    assert rows[end + 1]["element"] == ">(0020,000E)"
    assert source in series_of(url, fetch, "CT")
    # All 24 items are there, each two levels down.
    assert sum(row["element"] == ">>(0008,1155)" for row in rows) == 24
    assert rows[-1]["element"] < "(6000"  # type: ignore[operator]
    assert not any((row["element"] or "").startswith("(7FE0") for row in rows)


def test_a_structure_set_as_clients_take_it_apart(url: str, fetch: Any) -> None:
    [uid] = series_of(url, fetch, "RTSTRUCT")
    rows = tags_of(url, fetch, uid)
    assert ">>>(0020,000E)" in after(rows, ">>(3006,0014)")
    names = [row["name"] for row in rows if row["element"] == "(3006,0020)"]
    assert names == ["Structure Set ROI Sequence", "End Structure Set ROI Sequence"]
    [contour] = [row for row in rows if row["element"] == ">>(3006,0050)"][:1]
    assert "\\" in str(contour["data"])


def test_every_row_is_what_pydicom_reads(url: str, fetch: Any) -> None:
    """The plain elements of whole files, in explicit and implicit encoding."""
    for name, modality in (("CT_small.dcm", "CT"), ("MR_small_implicit.dcm", "MR")):
        dataset = pydicom.dcmread(str(get_testdata_file(name)))
        uid = str(dataset.SeriesInstanceUID)
        assert uid in series_of(url, fetch, modality)
        rows = {row["element"]: row for row in tags_of(url, fetch, uid)}
        assert rows["(0010,0020)"]["data"] == (dataset.PatientID or None)
        assert rows["(0002,0010)"]["data"] == dataset.file_meta.TransferSyntaxUID
        expected = {f"({e.tag.group:04X},{e.tag.element:04X})" for e in dataset if e.tag < 0x7FE00000}
        plain = {element for element in rows if element and element[0] != ">" and element[:5] != "(0002"}
        assert plain == expected


def test_values_that_are_not_text() -> None:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.PatientName = "Doe^Jane"
    dataset.PatientID = ""
    dataset.ImageType = ["DERIVED", "PRIMARY"]
    dataset.PixelSpacing = ["0.50", "1e0"]
    dataset.FrameIncrementPointer = 0x00181063
    dataset.ReferencedSeriesSequence = []
    block = dataset.private_block(0x0013, "CTP", create=True)
    block.add_new(0x10, "UN", b"Collection ")
    block.add_new(0x11, "OB", b"\x00\xff")
    dataset.add_new(0x60003000, "OW", b"\0\0")
    dataset.add_new(0x00280010, "US", 8)
    buffer = io.BytesIO()
    dataset.save_as(buffer)
    buffer.seek(0)
    rows = {row.element + row.name[:3]: row for row in tag_rows(buffer)}
    found = {element[:11]: row.data for element, row in rows.items()}
    assert found["(0010,0010)"] == "Doe^Jane"
    assert found["(0010,0020)"] is None
    assert found["(0008,0008)"] == "DERIVED\\PRIMARY"
    assert found["(0028,0030)"] == "0.50\\1e0"
    assert found["(0028,0009)"] == "(0018,1063)"
    assert found["(0013,1010)"] == "Collection"
    assert found["(0013,1011)"] == "..."
    assert found["(6000,3000)"] == "..."
    assert found["(0028,0010)"] == "8"
    assert rows["(0013,1010)"].name == ""
    assert rows["(0008,1115)Ref"] == TagRow("(0008,1115)", "Referenced Series Sequence", None)
    assert rows["(0008,1115)End"] == TagRow("(0008,1115)", "End Referenced Series Sequence", None)


def test_refusals_and_unknown_numbers(live: Any) -> None:
    for uid in ("9.9", live.hidden.series_uid, live.restricted.series_uid, live.fetched_only.series_uid):
        for operation in ("getDicomTags", "v4/getDicomTags"):
            answer = live.ask(operation, SeriesUID=uid)
            assert answer.status == 400
            assert answer.text.startswith(
                f"The user has not been granted the access to image with given SeriesInstanceUID,{uid}. "
            )
    numbers = ["", "x", "-1", "1.0", "9" * 19, "9" * 4_000, "\u0661", "1 OR 1=1"]
    numbers += [live.image_id(made) for made in (live.hidden, live.restricted, live.fetched_only)]
    for number in numbers:
        answer = live.ask("v4/getDicomTagsByImageID", imageID=number)
        assert (answer.status, answer.text) == (404, "image not found")
    rows = json.loads(live.ask("v4/getDicomTagsByImageID", imageID=live.image_id(live.full)).body)
    assert {"element": "(0008,0018)", "name": "SOP Instance UID", "data": live.full.first} in rows


def test_a_file_that_is_gone_is_nothing(new_archive: Any, fetch: Any) -> None:
    new_archive.add("1.3", assignment=Assignment("C", "C"))
    with running_server(new_archive.address) as url:
        for key in list(new_archive.store.keys()):
            new_archive.store.delete(key)
        answer = fetch(url, "/nbia-api/v4/getDicomTags?SeriesUID=1.3")
    assert (answer.status, answer.body) == (200, b"")


def deflated(path: Path, filler: int) -> None:
    dataset = pydicom.dcmread(str(get_testdata_file("CT_small.dcm")))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.private_block(0x0099, "FILLER", create=True).add_new(1, "OB", bytes(filler))
    dataset.save_as(path)


@pytest.mark.parametrize(("filler", "status"), [(1_000, 200), (65 << 20, 400)])
def test_a_deflated_header_has_a_limit(tmp_path: Path, fetch: Any, filler: int, status: int) -> None:
    deflated(tmp_path / "a.dcm", filler)
    address = ArchiveAddress.resolve(tmp_path / "archive")
    ingest_paths(address, [tmp_path / "a.dcm"], IngestOptions(Rules(collection="T"), processes=1))
    with running_server(address) as url:
        [uid] = series_of(url, fetch, "CT")
        answer = fetch(url, f"/nbia-api/v4/getDicomTags?SeriesUID={uid}")
    assert answer.status == status
    if status == 200:
        assert {"element": "(0008,0060)", "name": "Modality", "data": "CT"} in json.loads(answer.body)
    else:
        assert answer.text == "The header is larger than 64 MiB."


def test_only_the_header_is_read() -> None:
    """The pixels of a large object are not fetched, and a header beyond the limit is refused."""
    small = Path(str(get_testdata_file("CT_small.dcm"))).read_bytes()
    asked: list[int] = []

    def pieces() -> Iterator[bytes]:
        yield small[:20_000]
        while True:
            asked.append(1)
            yield bytes(1 << 20)

    tracemalloc.start()
    rows = _read(_Header(pieces()), 1 << 40)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert rows[-1].element < "(7FE0"
    assert len(asked) <= 1
    assert peak < 16 << 20
