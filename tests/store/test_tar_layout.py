"""The computed TAR: byte for byte what tarfile writes, whole and in ranges, and readable by others."""

from __future__ import annotations

import io
import random
import subprocess
import tarfile
from dataclasses import replace

import pytest

from filmroom.dicom.digest import digest
from filmroom.errors import InvalidInput
from filmroom.model.entities import Location, StoredFile
from filmroom.store.content import ContentReader
from filmroom.store.series_tar import series_tar
from filmroom.store.tar_layout import TarLayout
from filmroom.store.zip_layout import LiteralSegment

LONG = "Befund der Thoraxaufnahme, zweite Lesung, Größenangaben in Millimetern - " * 2 + "Anhang.xml"


def read_range(layout, reader, start=0, end=None):
    pieces = []
    for segment in layout.segments(start, end):
        if isinstance(segment, LiteralSegment):
            pieces.append(bytes(segment.data))
        else:
            pieces.append(b"".join(reader.decoded(segment.stored))[segment.offset :][: segment.length])
    return b"".join(pieces)


def by_tarfile(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def reader(store):
    return ContentReader(store)


@pytest.fixture
def annotated(series, store):
    """The series of real files with two annotation files and another one."""
    files = []
    for index, (name, kind, data) in enumerate(
        [(LONG, "annotation", b"<a/>" * 300), ("b.csv", "annotation", b""), ("c.log", "other", b"x")]
    ):
        key = f"ab/{index}.file"
        written = store.write(key, [data])
        location = Location(key, 0, len(data), written.size, written.modified_ns)
        found = digest([data])
        files.append(StoredFile(name, kind, found.size, found.md5, found.sha256, found.crc32, location))
    return replace(series, files=tuple(files))


def test_it_is_what_tarfile_writes(annotated, reader):
    layout = series_tar(annotated, annotations=True, md5=True)
    instances = {item.sop_instance_uid: b"".join(reader.decoded(item)) for item in annotated.instances}
    names = [f"1-{number}.dcm" for number in range(1, len(instances) + 1)]
    rows = [f"{n},{item.md5.hex()}" for n, item in zip(names, annotated.instances, strict=True)]
    expected = [
        (LONG, b"<a/>" * 300),
        ("b.csv", b""),
        *((f"{uid}.dcm", data) for uid, data in instances.items()),
        ("md5hashes.csv", "\n".join(["Filename,MD5Hash", *rows, ""]).encode()),
    ]
    data = read_range(layout, reader)
    assert data == by_tarfile(expected)
    assert layout.size == len(data)


@pytest.mark.parametrize("length", [1, 99, 100, 101, 155, 156, 200])
@pytest.mark.parametrize("letter", ["a", "ä", "^"])
def test_every_name_is_written_as_tarfile_does(reader, length, letter):
    members = [(letter * length, b"x" * length), ("end", b"")]
    assert read_range(TarLayout.plan(members), reader) == by_tarfile(members)


def test_every_range_is_that_part_of_it(annotated, reader):
    layout = series_tar(annotated, annotations=True, new_names=True, md5=True)
    whole = read_range(layout, reader)
    random.seed(7)
    edges = [0, 1, 511, 512, 513, 1024, 1536, layout.size - 10241, layout.size - 1, layout.size]
    for _ in range(150):
        start, end = sorted(random.choice([*edges, random.randrange(layout.size)]) for _ in range(2))
        assert read_range(layout, reader, start, end) == whole[start:end]
    for start, end in ((-1, 0), (1, 0), (0, layout.size + 1)):
        with pytest.raises(InvalidInput):
            list(layout.segments(start, end))


def test_gnu_tar_reads_it(annotated, reader, tmp_path):
    layout = series_tar(annotated, annotations=True)
    (tmp_path / "series.tar").write_bytes(read_range(layout, reader))
    subprocess.run(["tar", "-xf", "series.tar"], cwd=tmp_path, check=True)
    assert (tmp_path / LONG).read_bytes() == b"<a/>" * 300
    assert (tmp_path / "b.csv").read_bytes() == b""
    assert not (tmp_path / "c.log").exists()
    for item in annotated.instances:
        path = tmp_path / f"{item.sop_instance_uid}.dcm"
        assert path.read_bytes() == b"".join(reader.decoded(item))


def test_what_a_client_has_is_left_out_and_names_stay(annotated, reader):
    first, *others = annotated.instances
    layout = series_tar(annotated, new_names=True, without={first.sop_instance_uid, "9.9"})
    with tarfile.open(fileobj=io.BytesIO(read_range(layout, reader))) as archive:
        assert archive.getnames() == [
            f"{item.sop_instance_uid}^1-{number}.dcm" for number, item in enumerate(others, 2)
        ]


def test_the_tag_tells_archives_apart(annotated):
    tags = [
        series_tar(annotated, **how).etag
        for how in ({}, {"annotations": True}, {"md5": True}, {"new_names": True}, {"without": {"x"}})
    ]
    assert len(set(tags)) == 4  # nothing was left out by the last one
    damaged = replace(annotated.instances[0], sha256=bytes(32))
    other = replace(annotated, instances=(damaged, *annotated.instances[1:]))
    assert series_tar(other).etag != tags[0]


def test_an_empty_one_is_an_archive(reader):
    layout = TarLayout.plan([])
    with tarfile.open(fileobj=io.BytesIO(read_range(layout, reader))) as archive:
        assert archive.getnames() == []


@pytest.mark.parametrize("size", [8**11 - 512, 8**11 - 1, 8**11, 9 << 30])
def test_sizes_beyond_what_a_header_of_old_holds(make_instance, size):
    large = replace(make_instance(b"", Location("ab/1", 0, size, size)), size=size)
    layout = TarLayout.plan([("large.dcm", large), ("small.txt", b"end")])
    head = b"".join(
        bytes(segment.data) for segment in layout.segments(0, 1536) if isinstance(segment, LiteralSegment)
    )
    with tarfile.open(fileobj=io.BytesIO(head)) as archive:
        first = archive.firstmember
    assert (first.name, first.size) == ("large.dcm", size)
    (small,) = (
        segment for segment in layout.segments(size, layout.size) if segment == LiteralSegment(b"end")
    )
    assert small.data == b"end"
    assert layout.size % tarfile.RECORDSIZE == 0


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a\\b", "a\nb", "", ".", "C:x"])
def test_hostile_names_are_refused(name):
    with pytest.raises(InvalidInput):
        TarLayout.plan([(name, b"")])


def test_a_name_comes_once_and_bytes_lie_as_they_are_delivered(make_instance):
    with pytest.raises(InvalidInput, match="twice"):
        TarLayout.plan([("a", b""), ("a", b"")])
    deflated = make_instance(b"data", Location("ab/1", 0, 3, 3, encoding="deflate"))
    with pytest.raises(InvalidInput, match="does not lie"):
        TarLayout.plan([("a.dcm", deflated)])
