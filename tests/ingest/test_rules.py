"""Identity, assignment and what happens to files that break the rules."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from filmroom.errors import InvalidInput, StoreFull
from filmroom.ingest.assign import Rules
from filmroom.ingest.quarantine import drop, retry
from filmroom.model.policy import find_licence
from filmroom.store import Store, open_store


def test_the_same_twice_changes_nothing(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write_series(source / "a", slices=4)
    h.write_series(source / "copy", slices=4)
    first = archive.ingest(source)
    assert (first.stored, first.present) == (4, 4)
    objects = archive.objects()
    assert objects == archive.referenced()
    second = archive.ingest(source)
    assert (second.stored, second.present) == (0, 8)
    assert archive.objects() == objects
    assert not second.resumed


def test_real_files_come_in(archive: Any, source: Path) -> None:
    for name in ("CT_small.dcm", "MR_small.dcm", "rtplan.dcm", "rtdose.dcm"):
        (source / name).write_bytes(Path(str(get_testdata_file(name, download=False))).read_bytes())
    report = archive.ingest(source)
    assert report.stored + report.quarantined.total() == 4
    assert report.stored >= 3
    archive.contents()


@pytest.mark.parametrize("processes", [1, 2])
def test_other_bytes_under_a_known_uid_are_a_conflict(
    archive: Any, source: Path, h: SimpleNamespace, processes: int
) -> None:
    h.write_series(source / "a")
    archive.ingest(source, processes=processes)
    h.write(source / "a" / "0002.dcm", h.dataset(number=2, StudyDate="20210102"))
    report = archive.ingest(source, processes=processes)
    assert (report.present, dict(report.quarantined)) == (2, {"conflict": 1})
    assert "other bytes" in report.problems[0].message
    archive.contents()
    assert archive.objects() == archive.referenced(), "the refused copy is kept, and nothing else"
    again = archive.ingest(source)
    assert again.quarantined == {"conflict": 1}
    assert len(archive.quarantine()) == 1, "the same refusal is listed once"
    assert archive.objects() == archive.referenced()


def test_two_files_of_one_ingest_with_one_uid(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write(source / "1.dcm", h.dataset())
    h.write(source / "2.dcm", h.dataset(StudyDate="20210102"))
    h.write(source / "3.dcm", h.dataset())
    report = archive.ingest(source)
    assert (report.stored, report.present, dict(report.quarantined)) == (1, 1, {"conflict": 1})
    assert str(source / "1.dcm") in report.problems[0].message
    assert archive.objects() == archive.referenced()


def test_a_series_and_a_study_keep_their_parents(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write_series(source / "a", "A")
    archive.ingest(source / "a")
    other = source / "b"
    h.write(other / "1.dcm", h.dataset("B", SeriesInstanceUID=h.uid("series", "A")))
    h.write(other / "2.dcm", h.dataset("C", StudyInstanceUID=h.uid("study", "A")))
    twins = h.write(other / "3.dcm", h.dataset("D", StudyInstanceUID=h.uid("study", "A")))
    (other / "4.dcm").write_bytes(twins.read_bytes())
    report = archive.ingest(other)
    assert (report.stored, dict(report.quarantined)) == (0, {"conflict": 4})
    h.write(source / "c" / "1.dcm", h.dataset("A", 9))
    elsewhere = archive.ingest(source / "c", collection="ANOTHER")
    assert elsewhere.quarantined == {"conflict": 1}
    assert archive.counts()["series"] == 1
    assert len(archive.quarantine()) == 5
    assert archive.objects() == archive.referenced()


def test_damaged_files_are_kept_with_a_reason(archive: Any, source: Path, h: SimpleNamespace) -> None:
    good = h.write_series(source)
    cut = good[0].read_bytes()
    (source / "cut.dcm").write_bytes(cut[:-100])
    (source / "named.dcm").write_bytes(b"hello")
    h.write(source / "nobody.dcm", h.dataset("N", PatientID=""))
    report = archive.ingest(source)
    assert report.stored == 3
    assert sorted(archive.quarantine()) == [
        ("cut.dcm", "truncated"),
        ("named.dcm", "unreadable"),
        ("nobody.dcm", "illegal-identifier"),
    ]
    assert archive.objects() == archive.referenced()
    with archive.catalog as catalog:
        items = catalog.quarantine()
    kept = open_store(archive.address.store_url)
    for item in items:
        assert item.assignment is not None
        assert item.assignment.collection == "COLL"
        assert b"".join(kept.read(item.location.key)) == Path(item.source).read_bytes()


def test_the_folder_names_the_collection(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write_series(source / "LUNG_1" / "deep" / "er", "A")
    h.write_series(source / " blank", "B")
    h.write(source / "loose.dcm", h.dataset("C"))
    report = archive.ingest(source, collection_from="folder")
    assert report.stored == 3
    assert list(report.collections) == [("LUNG_1", "LUNG_1")]
    assert report.quarantined == {"no-collection": 4}
    assert any("directly in the path" in item.message for item in report.problems)
    assert len(archive.objects()) == 1, "good files that only lack a place are not copied"
    with archive.catalog as catalog:
        ids = [item.id for item in catalog.quarantine()]
    results = retry(archive.address, ids, collection="REST")
    assert {result.outcome.outcome for result in results} == {"stored"}
    assert archive.quarantine() == []
    assert archive.counts()["collections"] == 2


def test_private_elements_name_collection_and_site(archive: Any, source: Path, h: SimpleNamespace) -> None:
    made = h.dataset()
    block = made.private_block(0x0013, "CTP", create=True)
    block.add_new(0x10, "LO", "TRIAL-7")
    block.add_new(0x12, "LO", "Site-B")
    h.write(source / "a.dcm", made)
    h.write(source / "b.dcm", h.dataset("B"))
    report = archive.ingest(source, collection_from="tag")
    assert list(report.collections) == [("TRIAL-7", "Site-B")]
    assert report.quarantined == {"no-collection": 1}
    assert "(0013,1010)" in report.problems[0].message


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"collection": "A", "collection_from": "tag"},
        {"collection_from": "name"},
        {"collection": ""},
        {"collection": "a//b"},
        {"collection": "x" * 201},
        {"collection": "new\nline"},
        {"collection": "A", "site": "s" * 41},
        {"collection": "A", "visibility": 13},
        {"collection": "A", "access": "secret"},
    ],
)
def test_rules_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Rules(**wrong)


def test_terms_reach_the_series(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write_series(source)
    archive.ingest(source, collection="C", site="S", licence=find_licence("cc by 4.0"), visibility=0)
    (content,) = archive.contents()
    assert (content.collection, content.site, content.licence_name) == ("C", "S", "CC BY 4.0")
    report = archive.ingest(source, collection="C", site="S", access="restricted")
    assert report.present == 3


def test_a_new_site_of_a_restricted_collection_is_restricted(
    archive: Any, source: Path, h: SimpleNamespace
) -> None:
    h.write_series(source / "1", "A")
    h.write_series(source / "2", "B")
    archive.ingest(source / "1", collection="C", access="restricted")
    report = archive.ingest(source / "2", collection="C", site="NEW")
    assert report.collections["C", "NEW"].access == "restricted"
    report = archive.ingest(h.write(source / "3.dcm", h.dataset("D")), collection="C", access="public")
    assert any("stays restricted" in text for text in report.warnings)


def test_in_place_copies_nothing(archive: Any, source: Path, h: SimpleNamespace) -> None:
    files = h.write_series(source)
    h.write(source / "big.dcm", h.dataset("BIG", side=2200))
    (source / "cut.dcm").write_bytes(files[0].read_bytes()[:-5])
    report = archive.ingest(source, collection="C", in_place=True)
    assert report.stored == 4
    assert archive.objects() == set()
    places = {i.location.key for c in archive.contents() for i in c.instances}
    assert places == {str(path) for path in (*files, source / "big.dcm")}
    with archive.catalog as catalog:
        (item,) = catalog.quarantine()
    assert drop(archive.address, [item.id])[0].reason == "truncated"
    assert (source / "cut.dcm").exists(), "files that are not the archive's own are never deleted"
    h.write(files[0], h.dataset(number=1, StudyDate="20210102"))
    changed = archive.ingest(source, collection="C", in_place=True)
    assert changed.quarantined["conflict"] == 1
    with archive.catalog as catalog:
        drop(archive.address, [item.id for item in catalog.quarantine()])
    assert files[0].exists()


def test_archive_members_cannot_stay_in_place(
    archive: Any, source: Path, h: SimpleNamespace, tmp_path: Path
) -> None:
    import zipfile

    with zipfile.ZipFile(source / "x.zip", "w") as out:
        out.write(h.write(tmp_path / "x.dcm", h.dataset()), "x.dcm")
    report = archive.ingest(source, collection="C", in_place=True)
    assert report.stored == 0
    assert report.quarantined == {"cannot-stay": 1}
    assert "unpack" in report.problems[0].message
    assert archive.objects() == set()
    with pytest.raises(InvalidInput, match="is an archive"):
        archive.ingest(source / "x.zip", collection="C", in_place=True)


def test_large_files_are_streamed(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write(source / "big.dcm", h.dataset("BIG", side=2500))
    (source / "twin.dcm").write_bytes((source / "big.dcm").read_bytes())
    report = archive.ingest(source)
    assert (report.stored, report.present) == (1, 1)
    (content,) = archive.contents()
    assert content.instances[0].location.key.endswith(".dcm")
    assert archive.ingest(source).present == 2
    assert archive.objects() == archive.referenced()


def test_a_full_store_fails_and_leaves_nothing(
    archive: Any, source: Path, h: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    h.write_series(source / "a", "A")
    h.write_series(source / "b", "B")
    (source / "cut.dcm").write_bytes((source / "a" / "0001.dcm").read_bytes()[:-5])
    kind = type(open_store(archive.address.store_url))
    write, calls = kind.write, []

    def full(self: Store, key: str, chunks: Any) -> Any:
        calls.append(key)
        if len(calls) == 2:  # the copy of the cut file is written by then
            raise StoreFull("No space is left.")
        return write(self, key, chunks)

    monkeypatch.setattr(kind, "write", full)
    report_file = source.parent / "report.json"
    with pytest.raises(StoreFull):
        archive.ingest(source, report=report_file)
    assert json.loads(report_file.read_text())["state"] == "failed"
    assert archive.objects() == set()
    assert archive.counts()["instances"] == 0
    monkeypatch.undo()
    report = archive.ingest(source)
    assert report.resumed
    assert report.stored == 6


def test_a_file_that_changes_while_it_is_read_is_refused(
    archive: Any, source: Path, h: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import filmroom.ingest.check as module

    small = h.write(source / "small.dcm", h.dataset("A"))
    big = h.write(source / "big.dcm", h.dataset("B", side=2200))
    read_header = module.read_header

    def meddle(byte_source: Any, name: str) -> Any:
        header = read_header(byte_source, name)
        with Path(name).open("ab") as file:
            file.write(b"\0\0")
        return header

    monkeypatch.setattr(module, "read_header", meddle)
    report = archive.ingest(source)
    assert report.stored == 0
    assert report.quarantined == {"changed": 2}
    assert archive.objects() == set()
    monkeypatch.undo()
    assert small.exists()
    assert big.exists()


def test_what_came_from_where_is_reported(
    archive: Any, source: Path, h: SimpleNamespace, tmp_path: Path
) -> None:
    h.write_series(source / "a")
    (source / "b.dcm").write_bytes(b"hello")
    (source / "c.txt").write_text("x")
    path = tmp_path / "report.json"
    archive.ingest(source, report=path)
    archive.ingest(source, report=path)
    made = json.loads(path.read_text())
    assert made["filmroom_ingest_report"] == 1
    assert made["state"] == "complete"
    assert made["counts"] == {"stored": 0, "present": 3, "quarantined": 1, "skipped": 1, "finished_before": 0}
    assert sorted((item["outcome"], Path(item["source"]).name) for item in made["items"]) == [
        ("present", "0001.dcm"),
        ("present", "0002.dcm"),
        ("present", "0003.dcm"),
        ("quarantined", "b.dcm"),
        ("skipped", "c.txt"),
    ]
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".part")] == []
    with pytest.raises(InvalidInput):
        archive.ingest(source, report=tmp_path / "nowhere" / "r.json")


@pytest.mark.shared
def test_the_real_archive(archive: Any, shared_dicom: Path) -> None:
    report = archive.ingest(shared_dicom / "archive", collection_from="folder", processes=2)
    assert (report.stored, report.quarantined.total(), report.skipped.total()) == (445, 0, 0)
    counts = archive.counts()
    assert (counts["series"], counts["collections"], counts["patients"]) == (100, 22, 57)
    assert len(archive.contents()) == 100
    again = archive.ingest(shared_dicom / "archive", collection_from="folder", processes=1)
    assert (again.stored, again.present) == (0, 445)


@pytest.mark.shared
def test_the_real_fixtures(archive: Any, shared_dicom: Path) -> None:
    report = archive.ingest(shared_dicom / "fixtures", collection="FIXTURES")
    assert report.files == 182
    assert report.skipped == {"dicomdir": 8, "not-dicom": 2}
    refused = {Path(item.source).name: item.reason for item in report.problems}
    assert refused["MR_truncated.dcm"] == "truncated"
    assert refused["rtplan_truncated.dcm"] == "truncated"
    assert refused["example-mg.dcm"] == "illegal-identifier"
    assert refused["MR_small_RLE.dcm"] == "conflict"
    assert len(archive.quarantine()) == report.quarantined.total()
    archive.contents()
    assert archive.objects() == archive.referenced()
