"""Members of an arriving archive become files: written, hashed and journalled as they come."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from io import FileIO

from filmroom.client.journal import Arrival, Arrived, Begun, Journal, Source
from filmroom.client.layout import SeriesPlace
from filmroom.client.member_names import checked_member_name
from filmroom.client.receipt import LICENCE_NAME
from filmroom.client.sources.base import MemberReader
from filmroom.client.zip_stream import ArchiveEnd, Event, Member, MemberData, MemberEnd, MemberStart
from filmroom.errors import BadAnswer, DigestMismatch

DIGESTS_NAME = "md5hashes.csv"
NOT_IMAGES = frozenset({LICENCE_NAME, DIGESTS_NAME})
_WORTH_CONTINUING = 256 * 1024  # a smaller member is fetched again rather than journalled twice
_PIECE = 1 << 20


class Intake:
    """Takes one series' files into its partial folder. The caller holds the series' lock.

    ``images_bytes`` counts the bytes of DICOM files on disk, for progress.

    :param reading: makes what splits the bytes behind the given members; see :class:`Body`.
    :param check: takes name and MD5 (hex) of each file; raises DigestMismatch when it is wrong.
    """

    def __init__(
        self,
        place: SeriesPlace,
        reading: Callable[[Iterable[Member]], MemberReader],
        on_bytes: Callable[[int], None],
        check: Callable[[str, str], None],
    ) -> None:
        self._place = place
        self._reading = reading
        self._on_bytes = on_bytes
        self._check = check
        self._journal = Journal(place)
        self.arrival = Arrival()
        self.reader = reading(())
        self.image_bytes = 0
        self._file: FileIO | None = None
        self._start: MemberStart | None = None
        self._md5 = hashlib.md5(usedforsecurity=False)

    def resume(self, expected: Callable[[Source], bool]) -> None:
        """Take up what arrived earlier, as far as the files still are what the journal says."""
        arrival = self._journal.load()
        if arrival.source is None or not expected(arrival.source):
            self.forget()
            return
        whole = 0
        for arrived in arrival.arrived:
            if not self._is_intact(arrived):
                arrival.begun = None
                break
            whole += 1
        arrival.arrived = arrival.arrived[:whole]
        self._journal.keep(arrival)
        self._drop_others(arrival)
        self.arrival = arrival
        try:
            self.rewind()
        except BadAnswer:  # the journal names members that no archive may hold together
            self.forget()

    def rewind(self) -> None:
        """Continue from the last byte that is safely on disk, after a connection broke."""
        self._close_file()
        arrived = self.arrival.arrived
        self.reader = self._reading([each.member() for each in arrived])
        self.image_bytes = sum(each.size for each in arrived if each.name not in NOT_IMAGES)
        begun, self.arrival.begun = self.arrival.begun, None
        if begun is not None and begun.offset == self.reader.position:
            try:
                self._replay(begun)
            except (BadAnswer, DigestMismatch, OSError):
                self._close_file()
                self.reader = self._reading([each.member() for each in arrived])
        self._on_bytes(self.image_bytes)

    def drop_begun(self) -> None:
        """Throw away the file that was arriving; the whole ones stay."""
        self.arrival.begun = None
        self.rewind()

    def forget(self) -> None:
        """Throw away everything that arrived."""
        self._close_file()
        self._journal.discard()
        self.arrival = Arrival()
        self.reader = self._reading(())
        self.image_bytes = 0
        self._on_bytes(0)

    def begin(self, source: Source) -> None:
        """Begin a new body: what arrived of another one is gone."""
        self.forget()
        self._journal.start(source)
        self.arrival = Arrival(source)

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the body. :raises BadAnswer: see :class:`MemberReader`."""
        before = self.image_bytes
        for event in self.reader.feed(chunk):
            self._take(event)
        if self.image_bytes != before:
            self._on_bytes(self.image_bytes)

    def close(self) -> None:
        """Let go of the files; what arrived stays."""
        self._close_file()
        self._journal.close()

    def _take(self, event: Event) -> None:
        match event:
            case MemberStart():
                self._open(event)
            case MemberData():
                assert self._file is not None  # noqa: S101
                _write_all(self._file, event.data)
                self._hash(event.data)
            case MemberEnd(member):
                self._close_file()
                md5 = self._md5.hexdigest()
                self._check(member.name, md5)
                arrived = Arrived(
                    member.name,
                    member.offset,
                    member.end,
                    member.method,
                    member.compressed,
                    member.size,
                    member.crc,
                    md5,
                )
                self.arrival.arrived.append(arrived)
                self.arrival.begun = None
                self._journal.add(arrived)
            case ArchiveEnd():
                pass

    def _open(self, start: MemberStart) -> None:
        self._start = start
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._file = FileIO(self._place.files / start.name, "w")
        if start.plain and start.size is not None and start.size >= _WORTH_CONTINUING:
            begun = Begun(start.name, start.offset, start.header)
            self.arrival.begun = begun
            self._journal.begin(begun)

    def _hash(self, data: bytes | memoryview) -> None:
        assert self._start is not None  # noqa: S101
        self._md5.update(data)
        if self._start.name not in NOT_IMAGES:
            self.image_bytes += len(data)

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _replay(self, begun: Begun) -> None:
        """Feed a member's bytes from disk: stored members are in the archive as they are in the file."""
        for event in self.reader.feed(begun.header):
            assert isinstance(event, MemberStart)  # noqa: S101
            self._start = event
        start = self._start
        if start is None or (start.name, start.offset) != (begun.name, begun.offset) or start.size is None:
            raise BadAnswer("The journal's header is not that of its member.")
        self._md5 = hashlib.md5(usedforsecurity=False)
        self.arrival.begun = begun
        left = start.size
        self._file = FileIO(self._place.files / begun.name, "r+")
        while left and (piece := self._file.read(min(_PIECE, left))):
            left -= len(piece)
            for event in self.reader.feed(piece):
                if isinstance(event, MemberData):
                    self._hash(event.data)
                else:
                    self._take(event)

    def _drop_others(self, arrival: Arrival) -> None:
        """Remove files that are not of the arrival: what a kill left while they were given other names."""
        known = {arrived.name for arrived in arrival.arrived}
        if arrival.begun is not None:
            known.add(arrival.begun.name)
        for entry in self._place.files.iterdir() if self._place.files.is_dir() else ():
            if entry.name not in known:
                entry.unlink()

    def _is_intact(self, arrived: Arrived) -> bool:
        try:
            path = self._place.files / checked_member_name(arrived.name)
            if path.stat().st_size != arrived.size:
                return False
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, _md5).hexdigest() == arrived.md5
        except (OSError, BadAnswer):
            return False


def _md5() -> hashlib._Hash:
    return hashlib.md5(usedforsecurity=False)


def _write_all(file: FileIO, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
