"""Files that come one behind the other, read while they arrive, without I/O: bytes in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from filmroom.client.member_names import checked_member_name
from filmroom.client.sources.base import RemoteFile
from filmroom.client.zip_stream import Event, Member, MemberData, MemberEnd, MemberStart
from filmroom.errors import BadAnswer, IncompleteTransfer
from filmroom.model.naming import folded

_STORED = 0


class FileReader:
    """Reads files of known order. A file whose size is not known ends with an empty chunk.

    :ivar number: how many files are whole. :ivar inside: bytes of the next one that came.
    :param finished: files that came earlier: input goes on behind the last.
    :raises BadAnswer: for names that may not become files.
    """

    def __init__(self, files: Sequence[RemoteFile], finished: Iterable[Member] = ()) -> None:
        self._files = files
        if len({folded(checked_member_name(file.name)) for file in files}) != len(files):
            raise BadAnswer("Two of the files have the same name.")
        self._whole = self.number = self.inside = 0
        self._begun = False
        for member in finished:
            if self.number == len(files) or files[self.number].name != member.name:
                raise BadAnswer(f"{member.name!r} is none of the files, or not in their order.")
            self.number += 1
            self._whole = member.end

    @property
    def position(self) -> int:
        """Bytes that came of all files."""
        return self._whole + self.inside

    def feed(self, chunk: bytes) -> Iterator[Event]:
        """Take the next bytes; yields the events they complete. Must be exhausted before the next call."""
        left = memoryview(chunk)
        while self.number < len(self._files):
            file = self._files[self.number]
            if not self._begun:
                self._begun = True
                # A file without an ETag or a checksum is not continued: nothing would tell a changed one.
                plain = file.size is not None and bool(file.etag or file.checksums)
                yield MemberStart(file.name, self._whole, self._whole, file.size, plain, b"")
            piece = left if file.size is None else left[: file.size - self.inside]
            left = left[len(piece) :]
            if piece:
                self.inside += len(piece)
                yield MemberData(piece)
            if self.inside != file.size and not (file.size is None and not chunk):
                return
            yield self._ended(file)
            if not left:
                return
        if left:
            raise BadAnswer("More bytes came than the files have.")

    def _ended(self, file: RemoteFile) -> MemberEnd:
        size, offset = self.inside, self._whole
        self._whole += size
        self.number += 1
        self.inside, self._begun = 0, False
        return MemberEnd(Member(file.name, offset, self._whole, _STORED, size, size, 0))

    def close(self) -> None:
        """Say that no more bytes come. :raises IncompleteTransfer: when a file is missing."""
        if self.number < len(self._files):
            raise IncompleteTransfer(f"{len(self._files) - self.number} files are missing.")
