"""The computed ZIP: every byte where it was said to be, and readable by others."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
import zipfile
import zlib
from dataclasses import replace

import pytest

from filmroom.errors import InvalidInput
from filmroom.model.entities import Location
from filmroom.store.content import ContentReader, crc32
from filmroom.store.packs import in_place_location
from filmroom.store.series_zip import licence_text, series_zip
from filmroom.store.zip_layout import LiteralSegment, StoredSegment, ZipLayout

GIB = 1 << 30


def read_range(layout, reader, start=0, end=None):
    pieces = []
    for segment in layout.segments(start, end):
        if isinstance(segment, LiteralSegment):
            pieces.append(bytes(segment.data))
            continue
        handle = reader.open(segment.stored)
        buffer = bytearray(segment.length)
        handle.read_into(memoryview(buffer), segment.stored.location.offset + segment.offset)
        handle.close()
        pieces.append(bytes(buffer))
    return b"".join(pieces)


class LayoutFile(io.RawIOBase):
    """A layout as a seekable file, for zipfile."""

    def __init__(self, layout, reader):
        self.layout, self.reader, self.position = layout, reader, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def tell(self):
        return self.position

    def seek(self, offset, whence=os.SEEK_SET):
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self.position, os.SEEK_END: self.layout.size}[whence]
        self.position = base + offset
        return self.position

    def readinto(self, buffer):
        end = min(self.position + len(buffer), self.layout.size)
        data = read_range(self.layout, self.reader, min(self.position, end), end)
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)


@pytest.fixture
def reader(store):
    return ContentReader(store)


def test_python_reads_it_and_every_member_is_the_file(series, files, reader):
    layout = series_zip(series, names="numbered", licence=licence_text(series), md5=True)
    data = read_range(layout, reader)
    assert len(data) == layout.size
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert names == ["LICENSE", *(f"{i:08d}.dcm" for i in range(1, 6)), "md5hashes.csv"]
        for name, instance in zip(names[1:-1], series.instances, strict=True):
            assert archive.read(name) == files[instance.sop_instance_uid]
        for info in archive.infolist():
            assert info.compress_type == zipfile.ZIP_STORED
            assert info.flag_bits & 0x0008 == 0, "no data descriptors"
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert info.external_attr >> 16 == 0o100644
        rows = archive.read("md5hashes.csv").decode().split("\n")
        assert rows[0] == "Filename,MD5Hash"
        assert rows[1] == f"00000001.dcm,{series.instances[0].md5.hex()}"
        assert len(rows) == 7
        assert rows[-1] == ""


def test_random_ranges_are_the_same_bytes(series, reader):
    layout = series_zip(series, names="acquisition", licence=licence_text(series), md5=True)
    data = read_range(layout, reader)
    rng = random.Random(1)
    edges = [0, 1, layout.size - 1, layout.size]
    for _ in range(2000):
        start, end = sorted(rng.choices([*edges, *(rng.randrange(layout.size) for _ in range(20))], k=2))
        assert read_range(layout, reader, start, end) == data[start:end]


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 1 << 40), (1 << 40, None)])
def test_a_range_outside_is_refused(start, end):
    layout = ZipLayout.plan([("a", b"abc")])
    with pytest.raises(InvalidInput):
        list(layout.segments(start, end))


def test_no_entries_give_an_empty_archive(reader):
    layout = ZipLayout.plan([])
    with zipfile.ZipFile(io.BytesIO(read_range(layout, reader))) as archive:
        assert archive.namelist() == []


def test_text_names_are_marked_as_utf8(reader):
    layout = ZipLayout.plan([("ordner/größe.dcm", b"abc"), ("plain", b"")])
    with zipfile.ZipFile(io.BytesIO(read_range(layout, reader))) as archive:
        assert archive.namelist() == ["ordner/größe.dcm", "plain"]
        assert [info.flag_bits for info in archive.infolist()] == [0x0800, 0]
        assert archive.testzip() is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "/a",
        "..",
        "../a",
        "a/../b",
        "a/..",
        ".",
        "./a",
        "a//b",
        "a/",
        "a\\b",
        "a\0b",
        "a\nb",
        "a\x7f",
        "a\x85",
        "C:a",
        "c:/a",
        "\ud800",
        "x" * 65536,
    ],
)
def test_unsafe_names_are_refused(name):
    with pytest.raises(InvalidInput):
        ZipLayout.plan([(name, b"x")])


def test_odd_but_safe_names_are_kept(reader):
    names = ["..a", "a..b", ".hidden", "a/.b/c", "a b", "x" * 65535]
    layout = ZipLayout.plan([(name, b"x") for name in names])
    with zipfile.ZipFile(io.BytesIO(read_range(layout, reader))) as archive:
        assert archive.namelist() == names


def test_a_name_cannot_appear_twice():
    with pytest.raises(InvalidInput, match="twice"):
        ZipLayout.plan([("a", b"x"), ("b", b"x"), ("a", b"y")])


def test_contradicting_sizes_are_refused(series):
    instance = replace(series.instances[0], size=series.instances[0].size + 1)
    with pytest.raises(InvalidInput):
        ZipLayout.plan([("a", instance)])


def test_the_etag_is_the_same_in_another_process(series):
    program = (
        "import sys, pickle; from filmroom.store.series_zip import series_zip\n"
        "content = pickle.loads(sys.stdin.buffer.read())\n"
        "print(series_zip(content, names='numbered', licence='x', md5=True).etag)\n"
    )
    import pickle

    result = subprocess.run(
        [sys.executable, "-c", program], input=pickle.dumps(series), capture_output=True, check=True
    )
    etag = series_zip(series, names="numbered", licence="x", md5=True).etag
    assert result.stdout.decode().strip() == etag
    assert etag.startswith('"')
    assert etag.endswith('"')


def test_the_etag_differs_whenever_a_byte_does(series, make_content):
    def etag(content=series, **options):
        return series_zip(content, **{"names": "numbered", "licence": "x", "md5": False, **options}).etag

    first, *others = series.instances
    deflated = replace(first, location=replace(first.location, encoding="deflate"))
    contents = [
        make_content([first, *reversed(others)]),
        make_content(others),
        make_content([replace(first, sha256=bytes(32)), *others]),
        make_content([replace(first, crc32=first.crc32 ^ 1), *others]),
        make_content([deflated, *others]),
        make_content([replace(deflated, location=replace(deflated.location, key="other")), *others]),
    ]
    etags = [
        etag(),
        etag(names="acquisition"),
        etag(licence=None),
        etag(licence="y"),
        etag(md5=True),
        *map(etag, contents),
    ]
    assert len(set(etags)) == len(etags)
    moved = replace(first, location=replace(first.location, key="moved", modified_ns=1))
    assert etag(make_content([moved, *others])) == etag(), "where stored bytes lie does not matter"


def test_a_deflated_instance_passes_through(store, reader, files, make_instance, make_content):
    instances = []
    for number, data in enumerate(files.values()):
        compressor = zlib.compressobj(wbits=-15)
        packed = compressor.compress(data) + compressor.flush()
        stat = store.write(f"d/{number}", [packed])
        location = Location(f"d/{number}", 0, len(packed), stat.size, stat.modified_ns, encoding="deflate")
        instances.append(make_instance(data, location, f"1.2.{number}"))
    layout = series_zip(make_content(instances), names="numbered", licence=None, md5=False)
    assert layout.size < sum(map(len, files.values()))
    with zipfile.ZipFile(io.BytesIO(read_range(layout, reader))) as archive:
        assert [archive.read(name) for name in archive.namelist()] == list(files.values())
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_DEFLATED}


# -- names and texts (NBIA API, image delivery) ------------------------------------------------------------


def numbered(make_instance, numbers):
    location = Location("x", 0, 1, 1)
    return [
        make_instance(b"x", location, f"1.2.{i}", acquisition, number)
        for i, (acquisition, number) in enumerate(numbers)
    ]


def names_of(content, names):
    from filmroom.store.series_zip import member_names

    return [name for name, _ in member_names(content, names)]


@pytest.mark.parametrize(
    ("numbers", "first", "last"),
    [
        ([(1, n) for n in range(1, 10)], "1-1.dcm", "1-9.dcm"),
        ([(1, n) for n in range(1, 11)], "1-01.dcm", "1-10.dcm"),
        ([(1, n) for n in range(1, 101)], "1-001.dcm", "1-100.dcm"),
        ([(1, n) for n in range(1, 1001)], "1-0001.dcm", "1-1000.dcm"),
        # Indexes are running ones: the numbers in the files do not appear.
        ([(7, n) for n in range(500, 510)], "1-01.dcm", "1-10.dcm"),
        # Two acquisitions with the same ten instance numbers, then with numbers that go on.
        ([(a, n) for a in (3, 5) for n in range(1, 11)], "1-01.dcm", "2-10.dcm"),
        ([(1 + n // 50, n) for n in range(100)], "1-001.dcm", "2-050.dcm"),
        ([(a, 1) for a in range(12)], "01-1.dcm", "12-1.dcm"),
        ([(None, None), (None, None)], "1-1.dcm", "1-2.dcm"),
    ],
)
def test_acquisition_names(make_instance, make_content, numbers, first, last):
    names = names_of(make_content(numbered(make_instance, numbers)), "acquisition")
    assert (names[0], names[-1]) == (first, last)
    assert len(set(names)) == len(numbers)


def test_the_licence_text_is_nbias(series, make_content):
    assert licence_text(replace(series, agreement="Be kind.\n")) == (
        "License Information. The DEMO collection is distributed under the CC BY 4.0 at "
        "https://creativecommons.org/licenses/by/4.0/ "
        "By downloading the data, you agree to abide by terms of this license.\nBe kind.\n"
    )
    bare = make_content([], licence_name=None, licence_url=None)
    assert "under the Not Specified at Not Specified By downloading" in licence_text(bare)


# -- large archives ----------------------------------------------------------------------------------------


def zero_crc(size):
    block, value = bytes(64 << 20), 0
    while size:
        step = min(size, len(block))
        value = crc32(memoryview(block)[:step], value)
        size -= step
    return value


def sparse(tmp_path, make_instance, name, size):
    path = tmp_path / name
    with path.open("wb") as file:
        file.truncate(size)
    instance = make_instance(b"", in_place_location(path))
    return replace(instance, size=size, crc32=zero_crc(size), sha256=name.encode().ljust(32, b"\0"))


def test_members_and_offsets_beyond_4_gib(tmp_path, reader, make_instance):
    large = sparse(tmp_path, make_instance, "large", 5 * GIB)
    just_below = sparse(tmp_path, make_instance, "below", 0xFFFFFFFE)
    small = sparse(tmp_path, make_instance, "small", 1000)
    layout = ZipLayout.plan([("first", small), ("large", large), ("below", just_below), ("last", b"the end")])
    with zipfile.ZipFile(LayoutFile(layout, reader)) as archive:
        infos = {info.filename: info for info in archive.infolist()}
        assert [info.file_size for info in infos.values()] == [1000, 5 * GIB, 0xFFFFFFFE, 7]
        assert [info.extract_version for info in infos.values()] == [20, 45, 45, 45]
        # Sizes only where they overflow, offsets only where they do: 4 bytes of header each.
        assert [len(info.extra) for info in infos.values()] == [0, 20, 12, 12]
        assert archive.read("first") == bytes(1000)
        assert archive.read("last") == b"the end"
        with archive.open("large") as member:
            assert member.read(100) == bytes(100)
        assert infos["below"].header_offset > 5 * GIB
        assert just_below.crc32 == infos["below"].CRC
    stored = [segment.length for segment in layout.segments() if isinstance(segment, StoredSegment)]
    literal = [len(segment.data) for segment in layout.segments() if isinstance(segment, LiteralSegment)]
    assert stored == [1000, 5 * GIB, 0xFFFFFFFE], "every byte of every member is there"
    assert sum(stored) + sum(literal) == layout.size
    header = read_range(layout, reader, infos["large"].header_offset, infos["large"].header_offset + 60)
    assert header[18:26] == b"\xff" * 8
    assert header[35 : 35 + 20] == b"\1\0\x10\0" + (5 * GIB).to_bytes(8, "little") * 2
    end = layout.size
    assert b"PK\6\6" in read_range(layout, reader, end - 98, end)


@pytest.mark.parametrize(("count", "zip64"), [(65_534, False), (65_535, True), (70_000, True)])
def test_many_members(reader, make_instance, make_content, count, zip64):
    location = Location("x", 0, 0, 0)
    instance = make_instance(b"", location)
    content = make_content([instance] * count)
    started = time.process_time()
    layout = series_zip(content, names="numbered", licence=None, md5=False)
    assert time.process_time() - started < 2, "planned at about 2 µs a member"
    data = b"".join(
        bytes(segment.data) for segment in layout.segments() if isinstance(segment, LiteralSegment)
    )
    assert len(data) == layout.size
    assert (b"PK\6\6" in data[-98:]) == zip64
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.infolist()) == count
        assert archive.infolist()[-1].filename == f"{count:08d}.dcm"
        assert archive.read(f"{count:08d}.dcm") == b""
