"""What is found in folders, archives and DICOMDIR sets, and what is left alone."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import stat
import struct
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydicom.data import get_testdata_file

from filmroom.errors import InvalidInput
from filmroom.ingest import containers
from filmroom.ingest.candidates import Bystander, Candidate, Trouble, label
from filmroom.ingest.scan import Scanner, absolute_paths
from filmroom.ingest.spool import Spool


def test_bystanders_are_counted_by_reason(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write_series(source / "series")
    (source / "notes.txt").write_text("not an image")
    (source / "empty").touch()
    (source / ".DS_Store").write_bytes(b"x")
    (source / "Thumbs.db").write_bytes(b"x")
    (source / ".git").mkdir()
    (source / ".git" / "config").write_text("x")
    os.mkfifo(source / "pipe")
    report = archive.ingest(source)
    assert report.stored == 3
    assert report.skipped == {"not-dicom": 2, "hidden": 3, "not-a-file": 1}
    assert not report.quarantined
    archive.contents()


def test_links_are_followed_once(archive: Any, source: Path, h: SimpleNamespace) -> None:
    h.write_series(source / "a")
    (source / "b").symlink_to(source / "a")
    (source / "a" / "up").symlink_to(source)
    (source / "self").symlink_to(source / "self")
    report = archive.ingest(source)
    assert report.stored == 3
    assert report.skipped == {"seen-before": 2}
    assert archive.quarantine() == [("self", "cannot-read")]


def test_a_folder_that_cannot_be_read_is_reported(archive: Any, source: Path, h: SimpleNamespace) -> None:
    if os.geteuid() == 0:
        # The superuser reads everything; what is not there is refused the same way.
        (source / "gone.dcm").symlink_to(source / "nowhere.dcm")
    else:
        (source / "closed").mkdir(mode=0)
    report = archive.ingest(source)
    assert report.quarantined == {"cannot-read": 1}


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz", "tgz"])
def test_archives_give_what_they_hold(
    archive: Any, source: Path, tmp_path: Path, h: SimpleNamespace, suffix: str
) -> None:
    h.write_series(source / "ONE", "one")
    h.write_series(source / "TWO", "two", slices=2)
    h.write(source / "TWO" / "big.dcm", h.dataset("big", 1, side=2200))
    (source / "TWO" / "readme.txt").write_text("x")
    (source / "TWO" / "inner.zip").write_bytes(b"PK\x03\x04")
    (source / "TWO" / "DICOMDIR").write_bytes(b"x")
    packed = tmp_path / f"export.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out:
            for path in sorted(source.rglob("*")):
                out.write(path, path.relative_to(source))
    else:
        with tarfile.open(packed, "w:" + {"tgz": "gz", "tar": ""}.get(suffix, suffix[4:])) as out:
            out.add(source, "")
    report = archive.ingest(packed, collection_from="folder")
    assert report.stored == 6
    assert report.skipped == {"nested-archive": 1, "not-dicom": 1, "dicomdir": 1}
    assert sorted(report.collections) == [("ONE", "ONE"), ("TWO", "TWO")]
    assert len(archive.contents()) == 3
    assert archive.objects() == archive.referenced()
    again = archive.ingest(packed, collection_from="folder", processes=2)
    assert (again.stored, again.present) == (0, 6)
    assert not list((archive.address.data / "ingest").glob("ingest-*")), "temporary copies are removed"


@pytest.mark.parametrize(
    "name", ["../../escape.dcm", "/etc/escape.dcm", "..\\..\\escape.dcm", "a\0b/\n\x1b[31m.dcm"]
)
def test_hostile_member_names_are_only_labels(
    archive: Any, tmp_path: Path, h: SimpleNamespace, name: str
) -> None:
    file = h.write(tmp_path / "x" / "x.dcm", h.dataset())
    packed = tmp_path / "hostile.tar"
    with tarfile.open(packed, "w") as out:
        info = tarfile.TarInfo(name)
        info.size = file.stat().st_size
        out.addfile(info, io.BytesIO(file.read_bytes()))
        bad = tarfile.TarInfo(name + "2")
        bad.size = 200
        out.addfile(bad, io.BytesIO(b"\0" * 128 + b"DICM" + b"\xff" * 68))
    before = {path for path in tmp_path.rglob("*") if archive.address.data not in path.parents}
    report = archive.ingest(packed)
    assert report.stored == 1
    assert [item.outcome for item in report.problems] == ["quarantined"]
    assert all(item.source.isprintable() for item in report.problems)
    after = {path for path in tmp_path.rglob("*") if archive.address.data not in path.parents}
    assert after - before == {archive.address.data}


def test_damaged_archives_are_told_and_their_good_members_kept(
    archive: Any, source: Path, tmp_path: Path, h: SimpleNamespace
) -> None:
    h.write_series(source, slices=5, side=64)
    packed = tmp_path / "cut.tar.gz"
    with tarfile.open(packed, "w:gz", compresslevel=0) as out:
        out.add(source, "series")
    packed.write_bytes(packed.read_bytes()[:25_000])
    report = archive.ingest(packed)
    assert 0 < report.stored < 5
    assert report.quarantined == {"archive-unreadable": 1}
    zipped = tmp_path / "cut.zip"
    with zipfile.ZipFile(zipped, "w") as out:
        out.write(next(source.iterdir()), "a.dcm")
    zipped.write_bytes(zipped.read_bytes()[:-40])
    assert archive.ingest(zipped).quarantined == {"archive-unreadable": 1}
    plain = tmp_path / "cut.tar"
    with tarfile.open(plain, "w") as out:
        out.add(source / "0001.dcm", "only.dcm")
    plain.write_bytes(plain.read_bytes()[:6000])
    report = archive.ingest(plain)
    assert report.stored == 0
    assert report.quarantined


def test_a_damaged_member_is_refused_alone(
    archive: Any, source: Path, tmp_path: Path, h: SimpleNamespace
) -> None:
    files = h.write_series(source, slices=3)
    packed = tmp_path / "x.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as out:
        for file in files:
            out.write(file, file.name)
    data = bytearray(packed.read_bytes())
    data[data.index(b"DICM") + 400] ^= 0xFF  # inside the first member: its CRC-32 no longer fits
    packed.write_bytes(data)
    report = archive.ingest(packed)
    assert (report.stored, dict(report.quarantined)) == (2, {"damaged": 1})


def test_encrypted_members_are_refused_with_a_sentence(
    archive: Any, tmp_path: Path, h: SimpleNamespace
) -> None:
    file = h.write(tmp_path / "x" / "x.dcm", h.dataset())
    packed = tmp_path / "secret.zip"
    with zipfile.ZipFile(packed, "w") as out:
        out.write(file, "x.dcm")
    data = bytearray(packed.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    packed.write_bytes(data)
    report = archive.ingest(packed)
    assert report.quarantined == {"encrypted": 1}
    assert "password" in report.problems[0].message


def test_overlapping_zip_members_are_a_bomb(archive: Any, tmp_path: Path, h: SimpleNamespace) -> None:
    file = h.write(tmp_path / "x" / "x.dcm", h.dataset(side=64))
    packed = tmp_path / "bomb.zip"
    with zipfile.ZipFile(packed, "w") as out:
        out.write(file, "x.dcm")
    data = packed.read_bytes()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    trailer = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 50, 50, 50 * len(entry), start, 0)
    packed.write_bytes(data[:start] + entry * 50 + trailer)
    report = archive.ingest(packed)
    assert report.stored == 0
    assert report.quarantined == {"archive-unsafe": 1}


def test_a_compressed_tar_that_expands_too_far_is_stopped(
    archive: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "FREE_EXPANSION", 1 << 20)
    packed = tmp_path / "bomb.tar.xz"
    with lzma.open(packed, "wb") as raw, tarfile.open(fileobj=raw, mode="w|") as out:
        info = tarfile.TarInfo("zeros.dcm")
        info.size = 64 << 20
        with Path("/dev/zero").open("rb") as zeros:
            out.addfile(info, zeros)
    report = archive.ingest(packed)
    assert report.quarantined == {"archive-unsafe": 1}


def test_the_limits_spare_what_is_plausible() -> None:
    assert not containers.expands_too_far(3 << 30, 10)
    assert not containers.expands_too_far(100 << 30, 1 << 30)
    assert containers.expands_too_far(5 << 30, 1 << 20)


def test_compressed_single_files(archive: Any, source: Path, h: SimpleNamespace) -> None:
    file = h.write(source / "x" / "slice.dcm", h.dataset())
    (source / "slice.dcm.gz").write_bytes(gzip.compress(file.read_bytes()))
    (source / "cut.dcm.gz").write_bytes(
        gzip.compress(h.write(source / "y.dcm", h.dataset("B")).read_bytes())[:-9]
    )
    (source / "text.txt.gz").write_bytes(gzip.compress(b"words"))
    (source / "other.bz2").write_bytes(bz2.compress(b"words"))
    file.unlink()
    (source / "y.dcm").unlink()
    report = archive.ingest(source)
    assert report.stored == 1
    assert report.skipped == {"not-dicom": 2}
    assert report.quarantined == {"damaged": 1}
    archive.contents()


def _media_set(folder: Path) -> Path:
    origin = Path(str(get_testdata_file("DICOMDIR"))).parent
    if not (origin / "77654033").is_dir():
        pytest.skip("pydicom's DICOMDIR set is not complete here")
    shutil.copytree(origin, folder, dirs_exist_ok=True)
    return folder


def test_a_dicomdir_names_its_files(archive: Any, source: Path) -> None:
    folder = _media_set(source / "disc")
    victim = next(path for path in sorted((folder / "77654033").rglob("*")) if path.is_file())
    victim.unlink()
    report = archive.ingest(folder / "DICOMDIR")
    assert report.skipped["dicomdir"] == 1
    assert report.stored > 5
    assert any("not there" in text and victim.name in text for text in report.warnings)
    archive.contents()
    walked = archive.ingest(folder)
    assert walked.present >= report.stored
    assert any("not there" in text for text in walked.warnings)


def test_the_scan_is_deterministic_and_labels_are_stable(tmp_path: Path, h: SimpleNamespace) -> None:
    for name in ("b", "a", "c/d", "c/a"):
        h.write_series(tmp_path / "in" / name, name, slices=2)
    spool = Spool(tmp_path / "spool")
    first = list(Scanner(spool).scan(absolute_paths([tmp_path / "in"])))
    second = list(Scanner(spool).scan(absolute_paths([tmp_path / "in"])))
    assert first == second
    sources = [event.source for event in first if isinstance(event, Candidate)]
    assert sources == sorted(sources)
    assert all(source.startswith(str(tmp_path)) for source in sources)
    spool.close()


def test_special_names(archive: Any, source: Path, h: SimpleNamespace) -> None:
    file = h.write(source / "plain.dcm", h.dataset())
    os.rename(os.fsencode(file), os.fsencode(source) + b"/\xff\xfe name\nwith break.dcm")  # noqa: PTH104
    (source / ("n" * 200 + ".dcm")).write_bytes(b"nothing")
    report = archive.ingest(source)
    assert report.stored == 1
    assert report.quarantined == {"unreadable": 1}
    assert label("a\nb\udcff") == "a\\nb\\xff"
    assert len(label("x" * 9000)) <= 2000
    assert label("x" * 9000) != label("x" * 9001)


def test_paths_that_cannot_be_ingested(archive: Any, pair: str, tmp_path: Path, h: SimpleNamespace) -> None:
    for paths in ([], [tmp_path / "nowhere"], [Path("/dev/null")], [Path("bad\0name")]):
        with pytest.raises(InvalidInput):
            archive.ingest(*paths)
    assert not archive.address.data.exists(), "nothing was made"
    archive.ingest(h.write(tmp_path / "x.dcm", h.dataset()))
    own = [path for path in archive.address.data.iterdir() if path.is_dir()]
    assert {path.name for path in own} == ({"ingest", "store"} if pair == "embedded" else {"ingest"})
    for path in own:
        with pytest.raises(InvalidInput, match="archive itself"):
            archive.ingest(path)
    report = archive.ingest(archive.address.data)
    assert report.skipped["own-archive"] == len(own)
    assert report.stored == 0


def test_zip_members_that_are_links_or_unknown_are_left(tmp_path: Path) -> None:
    packed = tmp_path / "x.zip"
    with zipfile.ZipFile(packed, "w") as out:
        link = zipfile.ZipInfo("link.dcm")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(link, "/etc/passwd")
        out.writestr("__MACOSX/._a.dcm", b"x")
        out.writestr("strange.dcm", b"x")
    data = bytearray(packed.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 10 : at + 12] = struct.pack("<H", 99)
    packed.write_bytes(data)
    container = containers.Container(str(packed), str(packed), packed.stat().st_size, 0, None)
    events = list(containers.zip_members(container))
    assert [type(event) for event in events] == [Bystander, Bystander, Trouble]
    assert isinstance(events[2], Trouble)
    assert events[2].reason == "unknown-compression"
