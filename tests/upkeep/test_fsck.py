"""Fsck finds what is wrong, mends what can be mended, and touches nothing else."""

from __future__ import annotations

import csv
import io
import json
import os
import time
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from filmroom.errors import CatalogError, InvalidInput, ObjectMissing, StoreError
from filmroom.model.entities import Location
from filmroom.store.local import LocalStore
from filmroom.upkeep import KINDS, FsckOptions, check_archive
from filmroom.upkeep import strays as strays_module


def kinds(found: list[Any]) -> Counter[tuple[str, str]]:
    return Counter((finding.kind, finding.state) for finding in found)


def flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


# -- sound archives ------------------------------------------------------------------------------------


def test_a_sound_archive_agrees(archive: Any) -> None:
    report, found = archive.fsck()
    assert found == []
    assert report.instances == archive.counts()["instances"] > 0
    assert report.bytes_read == archive.counts()["bytes"]
    assert report.stored >= report.objects > 0
    quick, found = archive.fsck(full=False)
    assert found == []
    assert (quick.instances, quick.bytes_read) == (report.instances, 0)


def test_repairing_a_sound_archive_changes_nothing(archive: Any) -> None:
    before = (archive.counts(), archive.held(), list(archive.store.keys()))
    assert not archive.fsck(repair=True)[1]
    assert (archive.counts(), archive.held(), list(archive.store.keys())) == before


def test_there_must_be_an_archive(embedded: Any, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="There is no archive"):
        embedded.fsck()
    embedded.address.data.mkdir(exist_ok=True)
    with pytest.raises(InvalidInput, match="There is no"):
        check_archive(embedded.address, FsckOptions(heal=(tmp_path / "absent",)), lambda _: None)


# -- damaged instances ---------------------------------------------------------------------------------


def test_one_flipped_bit_is_found_and_healed(archive: Any, source: Path) -> None:
    held = archive.held()[1]
    key, place = held.instance.location.key, held.instance.location
    archive.rewrite(key, flipped(archive.content(key), place.offset + place.length - 1))
    report, found = archive.fsck(repair=True)
    damaged = [finding for finding in found if finding.kind == "damaged"]
    assert [finding.sop_instance_uid for finding in damaged] == [held.instance.sop_instance_uid]
    assert damaged[0].series_instance_uid == held.series_instance_uid
    assert damaged[0].state == "left", "repair never touches damaged instances"
    assert report.left["damaged"] == 1
    report, found = archive.fsck(heal=(source,))
    assert kinds(found)["damaged", "mended"] == 1
    archive.fsck(repair=True)
    archive.agrees()


@pytest.mark.parametrize("full", [True, False])
def test_a_missing_object_is_found_and_healed(archive: Any, source: Path, full: bool) -> None:
    key = archive.held()[0].instance.location.key
    lost = [held.instance.sop_instance_uid for held in archive.held() if held.instance.location.key == key]
    counts = archive.counts()
    archive.store.delete(key)
    _, found = archive.fsck(full=full)
    assert sorted(finding.sop_instance_uid for finding in found) == sorted(lost)
    assert kinds(found) == {("missing", "left"): len(lost)}
    _, found = archive.fsck(full=full, heal=(source,))
    assert kinds(found) == {("missing", "mended"): len(lost)}
    archive.agrees()
    assert archive.counts() == counts
    with pytest.raises(ObjectMissing):
        archive.store.stat(key)


def test_another_size_is_found_without_reading(archive: Any, source: Path) -> None:
    key = archive.held()[0].instance.location.key
    archive.rewrite(key, archive.content(key)[:-1])
    _, found = archive.fsck(full=False)
    assert {finding.kind for finding in found} == {"wrong-size"}
    archive.fsck(heal=(source,))
    archive.agrees()


def test_healing_takes_the_right_bytes_only(archive: Any, source: Path, tmp_path: Path) -> None:
    """A file that has UID and size but other bytes is no cure; one in a ZIP archive is."""
    held = next(h for h in archive.held() if h.instance.size == min(x.instance.size for x in archive.held()))
    uid = held.instance.sop_instance_uid
    place = held.instance.location
    good = archive.content(place.key)[place.offset : place.offset + place.length]
    archive.rewrite(place.key, flipped(archive.content(place.key), place.offset + place.length - 1))
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    (wrong / "a.dcm").write_bytes(flipped(good, len(good) - 3))
    (wrong / "broken.zip").write_bytes(b"PK\3\4" + b"x" * 100 + b"PK\5\6" + bytes(18))
    _, found = archive.fsck(heal=(wrong,))
    assert ("damaged", "left") in kinds(found)
    right = tmp_path / "series.zip"
    with zipfile.ZipFile(right, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("anything", good)
    _, found = archive.fsck(heal=(right,))
    assert [f.sop_instance_uid for f in found if (f.kind, f.state) == ("damaged", "mended")] == [uid]
    archive.fsck(repair=True)  # the rest of the pack has another time now
    archive.agrees()


def test_a_part_can_be_healed(archive: Any, source: Path) -> None:
    """Of a lost pack some files are found: those are healed, the others stay listed."""
    key = archive.held()[0].instance.location.key
    lost = [held for held in archive.held() if held.instance.location.key == key]
    assert len(lost) > 1
    archive.store.delete(key)
    some = sorted(source.rglob("*.dcm"))[:1]
    _, found = archive.fsck(heal=tuple(some))
    states = Counter(finding.state for finding in found)
    assert states["left"] == len(lost) - states["mended"]
    assert states["left"] > 0
    archive.fsck(heal=(source,))
    archive.agrees()


# -- what the catalogue counts -------------------------------------------------------------------------


def test_totals_and_counts_are_recounted(archive: Any) -> None:
    before = archive.counts()
    archive.sql("UPDATE series SET image_count = image_count + 1, file_size = 7 WHERE id = 1")
    archive.sql("UPDATE facet SET series = series + 5 WHERE mask = 1")
    archive.sql("DELETE FROM facet WHERE mask = 0")
    _, found = archive.fsck()
    assert kinds(found) == {("wrong-total", "left"): 1, ("wrong-count", "left"): 1}
    _, found = archive.fsck(repair=True)
    assert kinds(found) == {("wrong-total", "mended"): 1, ("wrong-count", "mended"): 1}
    archive.agrees()
    assert archive.counts() == before


def test_what_instances_measure_is_gathered_again(archive: Any) -> None:
    archive.sql("UPDATE instance SET slice_thickness = 4.25 WHERE series_key = 1")
    archive.sql("UPDATE instance SET pixel_spacing = NULL, slice_thickness = NULL WHERE series_key = 2")
    archive.sql("DELETE FROM series_geometry WHERE series_key = 2")
    archive.sql(
        "INSERT INTO series_geometry (series_key, pixel_spacings, slice_thicknesses) VALUES (2, '0.5', NULL)"
    )
    _, found = archive.fsck()
    assert kinds(found) == {("wrong-geometry", "left"): 1}
    assert found[0].detail == "2 series"
    _, found = archive.fsck(repair=True)
    assert kinds(found) == {("wrong-geometry", "mended"): 1}
    archive.agrees()


def test_series_that_text_search_does_not_know_wait_to_be_indexed(archive: Any) -> None:
    archive.sql("DELETE FROM series_text WHERE series_key = 1")
    _, found = archive.fsck()
    assert kinds(found) == {("text-index", "left"): 1}
    _, found = archive.fsck(repair=True)
    assert kinds(found) == {("text-index", "mended"): 1}
    archive.agrees()


def test_mending_is_recorded(archive: Any) -> None:
    archive.sql("UPDATE series SET image_count = 0 WHERE id = 1")
    archive.fsck(repair=True)
    with archive.inspection() as inspection, inspection._database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT subject, detail FROM change").all()
    assert [(row[0], json.loads(row[1])) for row in rows if row[0] == "fsck"] == [
        ("fsck", {"mended": {"wrong-total": 1}, "left": {}})
    ]


def test_objects_that_nothing_refers_to(archive: Any) -> None:
    before = list(archive.store.keys())
    archive.store.write("ab/unused.pack", [b"x"])
    archive.sql(
        "INSERT INTO stored_object (object_key, in_place, size) VALUES ('ab/unused.pack', :no, 1)", no=False
    )
    archive.store.write("ab/orphan.pack", [b"x"])
    _, found = archive.fsck()
    assert kinds(found) == {("unused-object", "left"): 1, ("orphan", "left"): 1}
    _, found = archive.fsck(repair=True)
    assert kinds(found) == {("unused-object", "mended"): 1, ("orphan", "mended"): 1}
    archive.agrees()
    assert list(archive.store.keys()) == before


def test_new_orphans_are_left_to_the_ingest_that_writes_them(archive: Any) -> None:
    archive.store.write("ab/new.pack", [b"x"])
    report, found = archive.fsck(repair=True, grace=3600.0)
    assert found == []
    assert report.recent == 1
    assert b"".join(archive.store.read("ab/new.pack")) == b"x"


def test_the_store_of_another_catalogue_is_not_emptied(archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strays_module, "_SUSPICIOUS", 3)
    for number in range(30):
        archive.store.write(f"ab/{number}.pack", [b"x"])
    _, found = archive.fsck(repair=True)
    assert kinds(found) == {("orphan", "left"): 30}
    assert "another catalogue" in found[0].detail
    _, found = archive.fsck(repair=True, many_orphans=True)
    assert kinds(found) == {("orphan", "mended"): 30}
    archive.agrees()


def test_kept_copies_of_quarantined_files(archive: Any, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    first = sorted(source.rglob("*.dcm"))[0].read_bytes()
    (other / "conflict.dcm").write_bytes(flipped(first, len(first) - 1))
    archive.ingest(other)
    assert archive.counts()["quarantined"] == 1
    archive.agrees()
    with archive.inspection() as inspection:
        ((number, location),) = next(inspection.quarantined())
    archive.store.delete(location.key)
    _, found = archive.fsck(repair=True)
    assert kinds(found) == {("quarantine-lost", "left"): 1}
    assert f"number {number}" in found[0].detail


# -- folders: files in place, times, temporary files ---------------------------------------------------


def test_files_in_place(embedded: Any, source: Path, tmp_path: Path) -> None:
    embedded.ingest(source, collection="C", in_place=True)
    embedded.agrees()
    files = sorted(source.rglob("*.dcm"))
    os.utime(files[0], (1, 1))
    files[1].write_bytes(flipped(files[1].read_bytes(), 700))
    moved = tmp_path / "moved"
    moved.mkdir()
    files[2].rename(moved / "elsewhere.bin")
    _, found = embedded.fsck()
    assert kinds(found) == {("changed-time", "left"): 1, ("damaged", "left"): 1, ("missing", "left"): 1}
    assert all(finding.in_place for finding in found)
    _, found = embedded.fsck(repair=True, heal=(moved,))
    assert kinds(found) == {("changed-time", "mended"): 1, ("damaged", "left"): 1, ("missing", "mended"): 1}
    assert (moved / "elsewhere.bin").exists()
    assert Location in {type(held.instance.location) for held in embedded.held()}
    assert str(moved / "elsewhere.bin") in {held.instance.location.key for held in embedded.held()}
    files[1].write_bytes(flipped(files[1].read_bytes(), 700))
    embedded.fsck(repair=True)
    embedded.agrees()


def test_a_file_in_place_is_never_deleted(embedded: Any, source: Path) -> None:
    embedded.ingest(source, collection="C", in_place=True)
    file = source / "not-ours.dcm"
    file.write_bytes(b"x")
    embedded.sql("INSERT INTO stored_object (object_key, in_place, size) VALUES (:key, 1, 1)", key=str(file))
    _, found = embedded.fsck(repair=True)
    assert kinds(found) == {("unused-object", "mended"): 1}
    assert file.read_bytes() == b"x"


def test_a_restored_backup_has_other_times(embedded: Any, source: Path) -> None:
    embedded.ingest(source)
    store = embedded.store
    assert isinstance(store, LocalStore)
    for key in store.keys():  # noqa: SIM118
        os.utime(store.local_path(key), (5, 5))
    report, found = embedded.fsck(full=False, repair=True)
    assert {finding.kind for finding in found} == {"changed-time"}
    assert report.bytes_read == embedded.counts()["bytes"], "what has another time is read even when quick"
    report, found = embedded.fsck(full=False)
    assert (found, report.bytes_read) == ([], 0)


def test_a_damaged_pack_keeps_its_time(embedded: Any, source: Path) -> None:
    """Accepting the time of a pack with one bad instance would have the server trust it."""
    embedded.ingest(source)
    held = embedded.held()[0]
    path = embedded.store.local_path(held.instance.location.key)
    path.write_bytes(flipped(path.read_bytes(), held.instance.location.offset + 200))
    _, found = embedded.fsck(full=False, repair=True)
    assert kinds(found) == {("damaged", "left"): 1}
    assert embedded.held()[0] == held


def test_temporary_files_of_dead_writers(embedded: Any, source: Path) -> None:
    embedded.ingest(source)
    left = embedded.store.root / "tmp" / "0123.part"
    left.write_bytes(b"x")
    report, found = embedded.fsck(grace=60.0, repair=True)
    assert (found, report.recent) == ([], 1)
    os.utime(left, (time.time() - 100,) * 2)
    _, found = embedded.fsck(grace=60.0)
    assert kinds(found) == {("leftover", "left"): 1}
    assert left.exists()
    embedded.fsck(grace=60.0, repair=True)
    assert not left.exists()


def test_odd_things_under_a_key(embedded: Any, source: Path) -> None:
    embedded.ingest(source)
    path = embedded.store.local_path(embedded.held()[0].instance.location.key)
    path.unlink()
    os.mkfifo(path)
    _, found = embedded.fsck()
    assert {finding.kind for finding in found} == {"missing"}
    path.unlink()
    path.symlink_to("/etc/passwd")
    _, found = embedded.fsck()
    assert {finding.kind for finding in found} == {"missing"}


def test_a_store_that_fails_is_no_damage(archive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """When nothing can be read, that is said once, not as a thousand damaged instances."""
    from filmroom.upkeep import fsck

    def broken(*_: object, **__: object) -> None:
        raise StoreError("The service does not answer.")

    monkeypatch.setattr(fsck, "_PATIENCE", 1)
    monkeypatch.setattr(type(archive.store), "stat", broken)
    with pytest.raises(StoreError, match="in a row cannot be read: The service does not answer"):
        archive.fsck()


def test_a_broken_catalogue_file(embedded: Any, source: Path) -> None:
    embedded.ingest(source)
    embedded.sql("PRAGMA foreign_keys = OFF")
    import sqlite3

    database = sqlite3.connect(embedded.address.data / "catalog.sqlite")
    database.execute("UPDATE series SET study_key = 999 WHERE id = 1")
    database.commit()
    database.close()
    _, found = embedded.fsck()
    assert kinds(found) == {("catalogue", "left"): 1}
    assert "refers to a row of study" in found[0].detail


# -- the command ---------------------------------------------------------------------------------------


def test_the_command(archive: Any, source: Path, tmp_path: Path, run: Any, read_json: Any) -> None:
    assert "Catalogue and store agree." in run("fsck", *archive.options).stderr
    key = archive.held()[0].instance.location.key
    lost = sum(held.instance.location.key == key for held in archive.held())
    archive.store.delete(key)
    report = tmp_path / "report.json"
    done = run("fsck", *archive.options, "--quick", "--report", report, check=5)
    assert "missing" in done.stdout
    assert "filmroom fsck --heal PATH" in done.stderr
    written = read_json(report)
    assert len(written["findings"]) == lost
    assert written["summary"]["left"] == {"missing": lost}
    listed = json.loads(run("fsck", *archive.options, "--format", "json", check=5).stdout)
    assert listed == written["findings"]
    rows = list(csv.DictReader(io.StringIO(run("fsck", *archive.options, "--format", "csv", check=5).stdout)))
    assert [row["sop_instance_uid"] for row in rows] == [item["sop_instance_uid"] for item in listed]
    run("fsck", *archive.options, "--heal", source, "--heal", source)
    assert json.loads(run("fsck", *archive.options, "--format", "json").stdout) == []


def test_the_command_explains_itself(embedded: Any, source: Path, tmp_path: Path, run: Any) -> None:
    assert "There is no archive" in run("fsck", *embedded.options, check=1).stderr
    embedded.ingest(source)
    assert "cannot be written" in run("fsck", *embedded.options, "--report", "/absent/x", check=2).stderr
    assert "There is no" in run("fsck", *embedded.options, "--heal", tmp_path / "absent", check=2).stderr
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_every_kind_has_its_words() -> None:
    for name, kind in KINDS.items():
        assert name == kind.name
        assert kind.meaning[0].islower()
        assert kind.advice.endswith(".") or "filmroom" in kind.advice
