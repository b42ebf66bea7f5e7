"""The ZIP push parser against archives that zipfile writes, cut, damaged and forged."""

from __future__ import annotations

import contextlib
import io
import itertools
import random
import struct
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filmroom.client.zip_stream import (
    ArchiveEnd,
    MemberData,
    MemberEnd,
    MemberStart,
    ZipLimits,
    ZipStream,
)
from filmroom.errors import BadAnswer, FilmroomError, IncompleteTransfer

LIMITS = ZipLimits(members=100, bytes=50_000_000)


class Unseekable(io.RawIOBase):
    """A sink like a socket: zipfile then writes data descriptors."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raw = bytes(data)  # type: ignore[call-overload]
        self.data += raw
        return len(raw)


def archive(
    members: dict[str, bytes],
    method: int = zipfile.ZIP_STORED,
    *,
    streamed: bool = False,
    zip64: bool = False,
) -> bytes:
    sink = Unseekable() if streamed else io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as target:  # type: ignore[call-overload]
        for name, data in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with target.open(info, "w", force_zip64=zip64) as member:
                member.write(data)
    return bytes(sink.data) if isinstance(sink, Unseekable) else sink.getvalue()


def read(data: bytes, cuts: list[int] | None = None, limits: ZipLimits = LIMITS) -> dict[str, bytes]:
    stream = ZipStream(limits)
    found: dict[str, bytes] = {}
    parts: list[bytes] = []
    ended = False
    edges = [0, *sorted(cuts or []), len(data)]
    for start, end in itertools.pairwise(edges):
        for event in stream.feed(data[start:end]):
            match event:
                case MemberStart():
                    parts = []
                case MemberData():
                    parts.append(bytes(event.data))
                case MemberEnd():
                    assert data[event.member.offset :][:4] == b"PK\x03\x04"
                    found[event.member.name] = b"".join(parts)
                case ArchiveEnd():
                    assert event.members == len(found)
                    ended = True
    stream.close()
    assert ended
    assert stream.position == len(data)
    return found


SOME = {
    "LICENSE": b"text",
    "1-01.dcm": random.Random(1).randbytes(200_000),
    "1-02.dcm": bytes(300_000),
    "empty": b"",
    "md5hashes.csv": b"Filename,MD5Hash\n",
}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("step", [1_000_000, 65_536, 977])
def test_reads_what_zipfile_writes(method: int, streamed: bool, zip64: bool, step: int) -> None:
    data = archive(SOME, method, streamed=streamed, zip64=zip64)
    assert read(data, list(range(step, len(data), step))) == SOME


@settings(deadline=None, max_examples=150)
@given(
    members=st.dictionaries(
        st.from_regex(r"[a-z0-9]{1,8}\.dcm", fullmatch=True),
        st.one_of(
            st.binary(max_size=600),
            st.integers(0, 5000).map(bytes),
            st.just(b"PK\x07\x08" * 9 + b"PK\x01\x02"),
        ),
        min_size=1,
        max_size=5,
    ),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    streamed=st.booleans(),
    zip64=st.booleans(),
    data=st.data(),
)
def test_any_chunking_gives_the_same(
    members: dict[str, bytes], method: int, streamed: bool, zip64: bool, data: st.DataObject
) -> None:
    raw = archive(members, method, streamed=streamed, zip64=zip64)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=30))
    assert read(raw, cuts) == members


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_cut_is_noticed(method: int, streamed: bool) -> None:
    raw = archive({"a": b"0123456789" * 20, "b": b"x"}, method, streamed=streamed)
    for length in range(len(raw)):
        with pytest.raises(IncompleteTransfer):
            read(raw[:length])


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_is_never_read_as_the_same_members(method: int, streamed: bool) -> None:
    members = {"a.dcm": b"0123456789" * 20, "b.dcm": bytes(100)}
    raw = archive(members, method, streamed=streamed)
    for position in range(len(raw)):
        broken = bytearray(raw)
        broken[position] ^= 0x41
        try:
            assert read(bytes(broken)) == members  # damage in times and attributes harms nobody
        except FilmroomError:
            continue


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=300), st.binary(max_size=100))
def test_noise_raises_only_our_errors(noise: bytes, tail: bytes) -> None:
    for raw in (noise, b"PK\x03\x04" + noise, archive({"a": noise})[: -len(tail) or None] + tail):
        with contextlib.suppress(FilmroomError):
            read(raw)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "..",
        "/etc/passwd",
        "C:\\x.dcm",
        "c:x",
        "a\\b",
        "dir/file.dcm",
        "dir/",
        "a\nb",
        "a\x1b[2J",
        "CON",
        "nul.dcm",
        "com1.txt",
        "LPT9",
        "x.",
        "x ",
        " x",
        "a:stream",
        "a?b",
        "\u202egnp.exe",
        "x" * 300,
    ],
)
def test_hostile_names_are_refused(name: str) -> None:
    raw = archive({name: b"1"})
    with pytest.raises(BadAnswer, match="plain file name"):
        read(raw)


def test_nul_in_a_name_is_refused() -> None:
    raw = archive({"aXb": b"1"}).replace(b"aXb", b"a\x00b")
    with pytest.raises(BadAnswer, match="plain file name"):
        read(raw)


@pytest.mark.parametrize("second", ["1-01.dcm", "1-01.DCM", "1-01.Dcm"])
def test_duplicates_are_refused_also_by_case(second: str) -> None:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as target:
        target.writestr("1-01.dcm", b"1")
        target.writestr("other", b"2")
        with pytest.warns(UserWarning) if second == "1-01.dcm" else contextlib.nullcontext():
            target.writestr(second, b"3")
    with pytest.raises(BadAnswer, match="twice"):
        read(sink.getvalue())


def test_a_bomb_stops_at_what_was_promised() -> None:
    raw = archive({"bomb": bytes(80_000_000)}, zipfile.ZIP_DEFLATED, streamed=True)
    assert len(raw) < 200_000
    with pytest.raises(BadAnswer, match="50000000"):
        read(raw)


def test_too_many_members() -> None:
    with pytest.raises(BadAnswer, match="more than the 100 members"):
        read(archive({f"{i}.dcm": b"" for i in range(101)}))


def test_declared_size_beyond_the_promise_is_refused_before_the_data() -> None:
    with pytest.raises(BadAnswer, match="promised"):
        read(archive({"a": bytes(2000)})[:60], limits=ZipLimits(10, 1000))


def test_directory_must_list_every_member() -> None:
    both, one = archive({"a": b"1", "b": b"2"}), archive({"a": b"1"})
    forged = both[: both.index(b"PK\x01\x02")] + one[one.index(b"PK\x01\x02") :]
    with pytest.raises(BadAnswer):
        read(forged)


def test_short_but_valid_archive_is_valid_here() -> None:
    """What it lacks is the transfer's business: it knows how many objects were promised."""
    assert read(archive({})) == {}


def test_encrypted_and_unknown_methods_are_refused() -> None:
    raw = bytearray(archive({"a": b"1"}))
    raw[6] |= 1
    with pytest.raises(BadAnswer, match="encrypted"):
        read(bytes(raw))
    raw = bytearray(archive({"a": b"1"}))
    raw[8:10] = struct.pack("<H", 14)
    with pytest.raises(BadAnswer, match="method 14"):
        read(bytes(raw))


def test_html_is_named_as_no_archive() -> None:
    with pytest.raises(BadAnswer, match="not a ZIP archive"):
        read(b"<html>maintenance</html>")


def test_bytes_behind_the_end_are_refused() -> None:
    with pytest.raises(BadAnswer):
        read(archive({"a": b"1"}) + b"more")


def test_descriptor_without_signature() -> None:
    data = b"hello " * 100
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    raw = archive({"a": data}, zipfile.ZIP_DEFLATED, streamed=True)
    at = raw.index(b"PK\x07\x08")
    directory = raw.index(b"PK\x01\x02")
    assert raw[directory - 16 : directory] == raw[at:][:16]
    end = bytearray(raw[raw.index(b"PK\x05\x06") :])
    struct.pack_into("<L", end, 16, directory - 4)
    bare = raw[:at] + raw[at + 4 : raw.index(b"PK\x05\x06")] + bytes(end)
    assert len(packed) > 0
    assert read(bare, [at + 3, at + 9]) == {"a": data}


def test_goes_on_behind_finished_members() -> None:
    raw = archive(SOME)
    first = ZipStream(LIMITS)
    done = [event.member for event in first.feed(raw) if isinstance(event, MemberEnd)]
    for count in range(len(done)):
        later = ZipStream(LIMITS, done[:count])
        names = [e.member.name for e in later.feed(raw[later.position :]) if isinstance(e, MemberEnd)]
        later.close()
        assert names == list(SOME)[count:]
