"""Members of ZIP and TAR archives as candidates, one at a time, with limits against bombs.

Member names are labels and name collections; they never become paths. Archives within archives are not
opened. ZIP: APPNOTE 6.3 sections 4.3 and 4.4; TAR: POSIX pax.
"""

from __future__ import annotations

import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from filmroom.ingest.candidates import Bystander, Candidate, Refused, ScanEvent, Trouble, label
from filmroom.ingest.spool import Spool

TAR_SUFFIXES = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")
ZIP_SUFFIXES = (".zip",)
ARCHIVE_SUFFIXES = (*TAR_SUFFIXES, *ZIP_SUFFIXES, ".gz", ".bz2", ".xz", ".7z", ".rar")

MAXIMUM_MEMBERS = 1_000_000
FREE_EXPANSION = 4 << 30
"""Bytes that an archive may expand to whatever its own size."""
MAXIMUM_RATIO = 200
"""Beyond the free expansion: expanded bytes per byte of the archive."""

SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db"})
SYSTEM_FOLDERS = frozenset({"__macosx", "$recycle.bin", "system volume information", "lost+found"})

_ZIP_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
"""What the standard library raises for damaged archives."""


@dataclass(frozen=True, slots=True)
class Container:
    """An archive file as the scan met it: path, label, size in bytes, POSIX ns, collection folder."""

    path: str
    source: str
    size: int
    mtime_ns: int
    folder: str | None


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder name is hidden or the operating system's own."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES or name.lower() in SYSTEM_FOLDERS


def expands_too_far(expanded: int, size: int) -> bool:
    """Tell whether ``expanded`` bytes from an archive of ``size`` bytes look like a bomb."""
    return expanded > FREE_EXPANSION and expanded > MAXIMUM_RATIO * size


def _bomb(container: Container) -> Trouble:
    return Trouble(
        container.source,
        "archive-unsafe",
        "The archive expands to more than is plausible and was not opened further; "
        "unpack it yourself if you trust it, and ingest the folder.",
        container.size,
    )


def _damaged(container: Container, error: Exception) -> Trouble:
    return Trouble(
        container.source,
        "archive-unreadable",
        f"The archive is damaged or incomplete; members before the damage were read ({label(str(error))}).",
        container.size,
    )


def _parts(name: str) -> list[str]:
    return [part for part in re.split(r"[/\\]", name) if part not in {"", ".", ".."}]


class _Labels:
    """Gives each member its own label, also where an archive holds a name twice."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._seen: dict[str, int] = {}

    def of(self, name: str) -> str:
        text = label(f"{self._container.source}!{name}")
        count = self._seen[text] = self._seen.get(text, 0) + 1
        return text if count == 1 else f"{text}#{count}"


def _bystander(source: str, name: str, *, regular: bool) -> Bystander | None:
    parts = _parts(name)
    if not regular:
        return Bystander(source, "not-a-file")
    if any(is_hidden(part) for part in parts):
        return Bystander(source, "hidden")
    if parts and parts[-1].upper() == "DICOMDIR":
        return Bystander(source, "dicomdir")
    if name.lower().endswith(ARCHIVE_SUFFIXES):
        return Bystander(source, "nested-archive")
    return None


def _place(container: Container, name: str) -> tuple[str | None, str]:
    """Return the collection folder and the group of a member."""
    folders = _parts(name)[:-1]
    folder = container.folder or (folders[0] if folders else None)
    return folder, f"{container.source}!{'/'.join(folders)}"


def zip_members(container: Container) -> Iterator[ScanEvent]:
    """Yield what a ZIP archive holds."""
    try:
        with zipfile.ZipFile(container.path) as archive:
            members = archive.infolist()
    except DAMAGE as error:
        yield _damaged(container, error)
        return
    if len(members) > MAXIMUM_MEMBERS or sum(m.compress_size for m in members) > container.size:
        yield _bomb(container)  # overlapping members share compressed bytes
        return
    if expands_too_far(sum(member.file_size for member in members), container.size):
        yield _bomb(container)
        return
    labels = _Labels(container)
    for index, member in enumerate(members):
        if not member.is_dir():
            yield _zip_member(container, labels.of(member.filename), index, member)


def _zip_member(container: Container, source: str, index: int, member: zipfile.ZipInfo) -> ScanEvent:
    kind = stat.S_IFMT(member.external_attr >> 16)
    bystander = _bystander(source, member.filename, regular=kind in {0, stat.S_IFREG})
    if bystander is not None:
        return bystander
    if member.flag_bits & 0x1:
        return Trouble(
            source,
            "encrypted",
            "The archive member is encrypted; unpack it with its password and ingest the folder.",
            member.file_size,
        )
    if member.compress_type not in _ZIP_METHODS:
        return Trouble(
            source,
            "unknown-compression",
            f"The archive member uses compression method {member.compress_type}, which cannot be read here; "
            "unpack it and ingest the folder.",
            member.file_size,
        )
    folder, group = _place(container, member.filename)
    return Candidate(
        source=source,
        kind="zip",
        path=container.path,
        size=member.file_size,
        mtime_ns=container.mtime_ns,
        folder=folder,
        group=group,
        member=member.filename,
        position=index,
    )


def tar_members(
    container: Container, spool: Spool, finished: Callable[[Candidate], bool]
) -> Iterator[ScanEvent]:
    """Yield what a TAR archive holds.

    Members of a plain TAR are read where they lie; those of a compressed one are copied to ``spool`` as
    the stream passes, unless ``finished`` says that they are done.
    """
    with open(container.path, "rb") as file:  # noqa: PTH123 - the path may hold undecodable bytes
        plain = not file.read(6).startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00"))
    expanded = 0

    def watch(count: int) -> None:
        nonlocal expanded
        expanded += count
        if expands_too_far(expanded, container.size):
            raise Refused("archive-unsafe", "")

    reading = _TarReading(container, _Labels(container), plain, spool, watch, finished)
    try:
        with tarfile.open(container.path, "r:" if plain else "r|*") as archive:
            for count, member in enumerate(archive):
                archive.members = []  # type: ignore[attr-defined] # tarfile would otherwise remember every member
                if count >= MAXIMUM_MEMBERS:
                    raise Refused("archive-unsafe", "")
                if not plain:
                    # Skipped members are decompressed as well, so they count.
                    watch(0 if member.isreg() else member.size)
                if not member.isdir():
                    yield from _tar_member(reading, archive, member)
    except Refused:
        yield _bomb(container)
    except DAMAGE as error:
        yield _damaged(container, error)


@dataclass(frozen=True, slots=True)
class _TarReading:
    """What the reading of one TAR archive needs besides the member at hand."""

    container: Container
    labels: _Labels
    plain: bool
    spool: Spool
    watch: Callable[[int], None]
    finished: Callable[[Candidate], bool]


def _tar_member(
    reading: _TarReading, archive: tarfile.TarFile, member: tarfile.TarInfo
) -> Iterator[ScanEvent]:
    container = reading.container
    source = reading.labels.of(member.name)
    bystander = _bystander(source, member.name, regular=member.isreg())
    if bystander is not None:
        if not reading.plain:
            reading.watch(member.size)
        yield bystander
        return
    folder, group = _place(container, member.name)
    candidate = Candidate(
        source=source,
        kind="tar",
        path=container.path,
        size=member.size,
        mtime_ns=container.mtime_ns,
        folder=folder,
        group=group,
        member=member.name,
        position=member.offset_data,
    )
    if (reading.plain and not member.issparse()) or reading.finished(candidate):
        yield candidate
        return
    stream = archive.extractfile(member)
    if stream is None:
        yield Bystander(source, "not-a-file")
        return
    path, size = reading.spool.write(stream, reading.watch)
    if size != member.size:
        raise tarfile.ReadError("unexpected end of data")
    yield Candidate(
        source=source,
        kind="tar",
        path=path,
        size=size,
        mtime_ns=container.mtime_ns,
        folder=folder,
        group=group,
        member=member.name,
        spooled=True,
    )


def container_kind(path: str | os.PathLike[str], *, by_content: bool) -> str:
    """Return ``zip``, ``tar``, ``gzip`` or ``file``: what a file looks like.

    The name decides, and the first bytes must agree; ``by_content`` also opens archives under other names.
    """
    name = os.fspath(path).lower()
    if not by_content and not name.endswith((*TAR_SUFFIXES, *ZIP_SUFFIXES, ".gz")):
        return "file"
    with open(path, "rb") as file:  # noqa: PTH123 - as above
        head = file.read(512)
    if head[128:132] == b"DICM":
        return "file"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")):
        return "zip"
    if name.endswith(TAR_SUFFIXES) or head[257:262] == b"ustar":
        return "tar"
    return "gzip" if head.startswith(b"\x1f\x8b") else "file"
