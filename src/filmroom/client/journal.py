"""What has arrived of a series so far, written so that a kill at any instant leaves it usable.

One JSON object per line, appended and handed to the operating system at once; a line that was cut by a
kill is the last one and is ignored. Rewriting one document per member would cost time that grows with
the square of the number of members.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import msgspec

from filmroom.client.layout import SeriesPlace
from filmroom.client.zip_stream import Member


class Source(msgspec.Struct, frozen=True, tag="source"):
    """Whose body this is: only the very same one is continued. ``total`` is its length in bytes."""

    server: str
    path: str
    etag: str | None
    total: int | None


class Begun(msgspec.Struct, frozen=True, tag="begun"):
    """A plain member whose data are being written; ``header`` is its local header."""

    name: str
    offset: int
    header: bytes


class Arrived(msgspec.Struct, frozen=True, tag="arrived"):
    """A member that is whole on disk."""

    name: str
    offset: int
    end: int
    method: int
    compressed: int
    size: int
    crc: int
    md5: str

    def member(self) -> Member:
        """Return it as the archive reader knows it."""
        return Member(self.name, self.offset, self.end, self.method, self.compressed, self.size, self.crc)


@dataclass
class Arrival:
    """The state of one arriving series; ``arrived`` are in the order of the archive, without a gap."""

    source: Source | None = None
    arrived: list[Arrived] = field(default_factory=list)
    begun: Begun | None = None


class Journal:
    """The journal in a series' partial folder. The caller holds the series' lock."""

    def __init__(self, place: SeriesPlace) -> None:
        self._place = place
        self._stream: FileIO | None = None

    @property
    def _path(self) -> Path:
        return self._place.partial / "journal.jsonl"

    def load(self) -> Arrival:
        """Return what the journal says; an unusable one says that nothing has arrived."""
        try:
            lines = self._path.read_bytes().split(b"\n")[:-1]
        except FileNotFoundError:
            return Arrival()
        arrival = Arrival()
        position = 0
        for line in lines:
            try:
                entry = msgspec.json.decode(line, type=Source | Begun | Arrived)
            except (msgspec.DecodeError, UnicodeDecodeError):
                break
            if isinstance(entry, Source):
                arrival, position = Arrival(entry), 0
            elif isinstance(entry, Begun):
                arrival.begun = entry if entry.offset == position else None
            elif entry.offset == position:
                arrival.arrived.append(entry)
                arrival.begun, position = None, entry.end
            else:
                break
        return arrival if arrival.source is not None else Arrival()

    def start(self, source: Source) -> None:
        """Forget everything that arrived and begin with an empty folder."""
        self.discard()
        self._place.files.mkdir(parents=True)
        self._append(source)

    def keep(self, arrival: Arrival) -> None:
        """Make the journal say exactly this, after what it said was compared with the files."""
        self.close()
        entries = [arrival.source, *arrival.arrived, *([arrival.begun] if arrival.begun else [])]
        temporary = self._path.with_name("journal.tmp")
        temporary.write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries))
        temporary.replace(self._path)

    def begin(self, begun: Begun) -> None:
        """Note that a plain member's data are about to be written."""
        self._append(begun)

    def add(self, arrived: Arrived) -> None:
        """Note that a member is whole on disk."""
        self._append(arrived)

    def _append(self, entry: Source | Begun | Arrived) -> None:
        if self._stream is None:
            self._stream = FileIO(self._path, "a")
        self._stream.write(msgspec.json.encode(entry) + b"\n")

    def close(self) -> None:
        """Close the file; the journal can be used again."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def discard(self) -> None:
        """Remove everything that arrived."""
        self.close()
        if self._place.partial.exists():
            shutil.rmtree(self._place.partial)
