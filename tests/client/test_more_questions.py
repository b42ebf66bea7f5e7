"""Counts, records of many series, attributes, searches and lists: asked of a real server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian

from filmroom import Client, errors
from filmroom.catalog import Catalog
from filmroom.client import Days, Equipment, SimpleSearch, holdings, search, verify
from filmroom.ingest.assign import Rules
from filmroom.ingest.load import IngestOptions, ingest_paths
from filmroom.model.access import Role
from filmroom.model.accounts import Grant
from filmroom.model.entities import Licence, ValueCount
from filmroom.settings import ArchiveAddress
from filmroom.testing.live import running_server
from filmroom.testing.phantom import write_phantom

CC_BY = Licence("Creative Commons Attribution 4.0", "CC BY 4.0", "https://creativecommons.org/by/4.0/")
DOI = "https://doi.org/10.7937/phantom"
LOGIN, PASSWORD = "reader", "password of reader"


@dataclass(frozen=True)
class Held:
    """A server: CT, segmentation and structure set for everybody, MR for who was granted it."""

    url: str
    ct: str
    seg: str
    rtstruct: str
    mr: str
    ct_files: list[Path]


def structures() -> FileDataset:
    """Return pydicom's structure set, which lacks the beginning of a file."""
    dataset = dcmread(str(get_testdata_file("rtstruct.dcm")), force=True)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    return dataset


@pytest.fixture(scope="module")
def held(module_address: ArchiveAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    paths = write_phantom(tmp_path_factory.mktemp("phantom"))
    closed = [path for path in paths if path.name.startswith("mr-")]
    for path in closed:
        dataset = dcmread(path)
        dataset.PatientID, dataset.StudyInstanceUID = "CLOSED-001", f"{dataset.StudyInstanceUID}.1"
        dataset.save_as(path)
    rtstruct = tmp_path_factory.mktemp("rt") / "rt.dcm"
    structures().save_as(rtstruct, enforce_file_format=True)
    opened = [*(path for path in paths if path not in closed), rtstruct]
    for name, part, access in (("Open", opened, None), ("Shut", closed, "restricted")):
        rules = Rules(collection=name, licence=CC_BY, description_uri=DOI, access=access)  # type: ignore[arg-type]
        ingest_paths(module_address, part, IngestOptions(rules, 1))
    with Catalog.open(module_address.database_url) as catalog:
        catalog.set_collection("Open", description="<p>A phantom</p>")
        catalog.accounts().add(LOGIN, PASSWORD)
        catalog.grants().add(Grant("Shut", "Shut", Role.READ.value, user=LOGIN))
    uids = {
        name: str(dcmread(path).SeriesInstanceUID)
        for name, path in [(path.name[:2], path) for path in paths] + [("rt", rtstruct)]
    }
    ct_files = sorted(path for path in paths if path.name.startswith("ct"))
    with running_server(module_address, text_index=False) as url:
        yield Held(url, uids["ct"], uids["se"], uids["rt"], uids["mr"], ct_files)


@pytest.fixture(params=["v4", "v1"])
def client(held: Held, request: pytest.FixtureRequest) -> Iterator[Client]:
    with Client(held.url, api=request.param) as made:
        yield made


@pytest.fixture(params=["v4", "v2"])
def reader(held: Held, request: pytest.FixtureRequest) -> Iterator[Client]:
    with Client(held.url, api=request.param, login=LOGIN, password=PASSWORD) as made:
        yield made


def test_counts(client: Client, reader: Client) -> None:
    assert list(client.counts("collection")) == [ValueCount("Open", 2)]
    assert list(reader.counts("collection")) == [ValueCount("Open", 2), ValueCount("Shut", 1)]
    assert {each.value: each.patients for each in client.counts("modality")} == {
        "CT": 1,
        "RTSTRUCT": 1,
        "SEG": 1,
    }
    assert list(client.counts("modality", collection="Shut")) == []
    assert ValueCount("CHEST", 1) in client.counts("body_part_examined", collection="Open", modality="CT")
    assert len(client.counts("manufacturer", body_part_examined="CHEST")) == 1
    assert list(client.counts("species_code")) == [ValueCount("337915000", 2)]
    with pytest.raises(errors.InvalidInput, match="modality"):
        client.counts("colour")  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidInput, match="modality"):
        client.counts("collection", modality="CT")


def test_collections_in_words(client: Client) -> None:
    (one,) = client.collection_descriptions()
    assert (one.collection, one.description, one.description_uri) == ("Open", "<p>A phantom</p>", DOI)
    assert list(client.collection_descriptions("Shut")) == []
    (licence,) = client.licences()
    assert (licence.short_name, licence.url, licence.commercial_use) == (CC_BY.short_name, CC_BY.url, True)


def test_records_of_many_series(
    client: Client, reader: Client, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [held.seg, held.mr, held.ct, "9.9.9", held.ct]
    assert {each.series_instance_uid for each in client.series_records(wanted)} == {held.seg, held.ct}
    monkeypatch.setattr(holdings, "AT_ONCE", 1)
    assert {each.series_instance_uid for each in reader.series_records(wanted)} == {
        held.seg,
        held.mr,
        held.ct,
    }
    (told,) = client.series_records(client.series(series_instance_uid=held.ct))
    (known,) = client.series(series_instance_uid=held.ct)
    assert (told.image_count, told.file_size, told.series_date, told.licence_name, told.patient_id) == (
        known.image_count,
        known.file_size,
        known.series_date,
        known.licence_name,
        known.patient_id,
    )
    if client.api == "v4":
        assert (told.slice_thickness, told.species_code) == ("5.000000", None)
    assert len(client.series_records([])) == 0
    assert client.series_records(held.ct) == client.series_records([held.ct])
    with pytest.raises(errors.InvalidInput, match="'no uid'"):
        client.series_records("no uid")
    with pytest.raises(errors.InvalidInput):
        client.series_records(["../x"])


def test_what_was_granted_is_fetched(client: Client, reader: Client, held: Held, tmp_path: Path) -> None:
    assert [each.series_instance_uid for each in reader.series_metadata(held.mr)] == [held.mr]
    reader.download(held.mr, tmp_path).raise_for_failures()
    assert verify(tmp_path).ok
    with pytest.raises(errors.NotFound):
        client.download(held.mr, tmp_path / "closed").raise_for_failures()


def test_attributes(client: Client, held: Held) -> None:
    found = client.tags(held.ct)
    assert found[0].element == "(0002,0000)"
    told = {tag.element: tag.data for tag in found}
    assert (told["(0008,0060)"], told["(0020,000E)"]) == ("CT", held.ct)
    third = dcmread(held.ct_files[2])
    named = {tag.element: tag.data for tag in client.tags(held.ct, str(third.SOPInstanceUID))}
    assert (named["(0008,0018)"], named["(0020,0013)"]) == (third.SOPInstanceUID, str(third.InstanceNumber))
    for absent in ((held.mr,), ("9.9.9",), (held.ct, "9.9.9"), (held.mr, str(third.SOPInstanceUID))):
        with pytest.raises(errors.NotFound):
            client.tags(*absent)


def test_what_segmentations_refer_to(client: Client, held: Held) -> None:
    assert client.referenced_series(held.seg) == [held.ct]
    dataset = structures()
    frame = dataset.ReferencedFrameOfReferenceSequence[0]
    referred = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0].SeriesInstanceUID
    assert client.referenced_series(held.rtstruct) == [referred]
    assert client.referenced_series(held.ct) == []
    with pytest.raises(errors.NotFound):
        client.referenced_series(held.mr)


def today(days: int) -> dt.date:
    return dt.date.today() + dt.timedelta(days=days)  # noqa: DTZ011


FOUND: list[tuple[SimpleSearch, set[str]]] = [
    (SimpleSearch(), {"ct", "seg", "rtstruct"}),
    (SimpleSearch(collections=("Open", "Shut")), {"ct", "seg", "rtstruct"}),
    (SimpleSearch(collections=("Shut",)), set()),
    (SimpleSearch(modalities=("CT", "RTSTRUCT")), {"ct", "rtstruct"}),
    (SimpleSearch(modalities=("CT", "SEG"), all_modalities=True), {"ct", "seg"}),
    (SimpleSearch(modalities=("CT", "RTSTRUCT"), all_modalities=True), set()),
    (SimpleSearch(body_parts=("CHEST",), equipment=(Equipment("Filmroom"),), modalities=("CT",)), {"ct"}),
    (SimpleSearch(released=(Days(today(-2), today(2)),), modalities=("CT",)), {"ct"}),
    (SimpleSearch(released=(Days(today(2)),)), set()),
    (SimpleSearch(released=(Days(None, today(-2)),)), set()),
    (SimpleSearch(more_studies_than=(1,)), set()),
]


@pytest.mark.parametrize(("criteria", "names"), FOUND, ids=range(len(FOUND)))
def test_searches(client: Client, held: Held, criteria: SimpleSearch, names: set[str]) -> None:
    wanted = {getattr(held, name) for name in names}
    assert set(client.search_series(criteria)) == wanted
    result = client.search(criteria)
    studies = [study for patient in result.patients for study in patient.studies]
    assert sum(len(study.series) for study in studies) == len(wanted)
    assert result.total == len(result.patients) == sum(result.summary.collections.values())
    assert sum(result.summary.modalities.values()) == len(names)


def test_pages_of_a_search(reader: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = reader.search(SimpleSearch(), size=None)
    assert everything.total == len(everything.patients) == 3
    ids = [patient.patient_id for patient in everything.patients]
    assert ids == sorted(ids)
    assert [p.patient_id for p in reader.search(SimpleSearch(), start=1, size=1).patients] == ids[1:2]
    assert [p.patient_id for p in reader.search(SimpleSearch(), descending=True).patients] == ids[::-1]
    monkeypatch.setattr(search, "_AT_ONCE", 2)
    assert reader.search(SimpleSearch(), size=None).patients == everything.patients
    assert len(reader.search(SimpleSearch(), start=2, size=None).patients) == 1
    assert "3 patients" in everything._repr_html_()


def test_text_search(client: Client, reader: Client, held: Held) -> None:
    found = reader.text_search("phantom*", size=None)
    assert (found.total, len(found.patients)) == (3, 3)  # by the DOI of their collections
    assert {patient.collection for patient in found.patients} == {"Open", "Shut"}
    assert "<em>" in found.patients[0].excerpt
    assert client.text_search("CLOSED-001").total == 0
    assert set(reader.text_search_series("CLOSED-001")) == {held.mr}
    assert client.text_search_series("CLOSED-001") == []
    with pytest.raises(errors.InvalidInput):
        client.text_search("a " * 5000)


def test_shared_lists(client: Client, reader: Client, held: Held) -> None:
    name = f"Carts {reader.api} {client.api}"
    reader.make_shared_list(name, [held.ct, held.mr], description="Two", address="https://example.org/a")
    try:
        mine = reader.shared_list(name.lower())
        assert [each.series_instance_uid for each in mine.entries] == [held.ct, held.mr]
        assert (mine.name, mine.description, mine.hyperlink, mine.owner) == (
            name,
            "Two",
            "https://example.org/a",
            LOGIN,
        )
        assert abs(mine.created - dt.datetime.now(dt.UTC).replace(tzinfo=None)) < dt.timedelta(days=1)
        theirs = client.shared_list(name)
        assert ([each.series_instance_uid for each in theirs.entries], theirs.owner) == ([held.ct], "")
        assert {each.series_instance_uid for each in reader.shared_list_series(name)} == {held.ct, held.mr}
        assert [each.modality for each in client.shared_list_series(name)] == ["CT"]
        with pytest.raises(errors.ServerError, match="Duplicate list name"):
            reader.make_shared_list(name, [held.ct])
        with pytest.raises((errors.AccessDenied, errors.ServerError)):
            client.make_shared_list("Another", [held.ct])
        with pytest.raises((errors.AccessDenied, errors.ServerError)):
            client.delete_shared_list(name)
    finally:
        reader.delete_shared_list(name)
    with pytest.raises(errors.NotFound):
        reader.shared_list(name)
    assert len(client.shared_list_series(name)) == 0
    with pytest.raises(errors.ServerError, match="not found"):
        reader.delete_shared_list(name)
    with pytest.raises(errors.InvalidInput):
        reader.make_shared_list("", [held.ct])


@pytest.mark.parametrize(
    ("ask", "table"),
    [
        (lambda c: c.tags("1.2"), b'[{"name":"x"}]'),
        (lambda c: c.tags("1.2", "1.3"), b'{"a":1}'),
        (lambda c: c.series_records(["1.2"]), b"one,two\n1\n"),
        (lambda c: c.search(SimpleSearch()), b"[]"),
        (lambda c: c.text_search("x"), b"true"),
        (lambda c: c.shared_list("x"), b"[]"),
        (lambda c: c.counts("modality"), b'[{"Count":"many"}]'),
    ],
)
def test_answers_that_are_none(old_nbia: Any, ask: Any, table: bytes) -> None:
    old_nbia.table = table
    with Client(old_nbia.url) as client, pytest.raises(errors.BadAnswer):
        ask(client)


def test_a_part_that_fails_is_an_error(old_nbia: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdings, "AT_ONCE", 1)
    old_nbia.table, old_nbia.table_type = b"SeriesInstanceUID\n1.2\n", "application/octet-stream"
    with Client(old_nbia.url) as client:
        assert len(client.series_records(["1.2", "1.3"])) == 2
        old_nbia.faults = ["", "status:500"]
        with pytest.raises(errors.ServerError):
            client.series_records(["1.2", "1.3"])
