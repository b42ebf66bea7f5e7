"""The files that a DICOMDIR names (PS3.3 annex F, PS3.10 section 8)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filmroom.dicom.elements import LONG_VRS, UNDEFINED, Element, Walker
from filmroom.dicom.source import FileSource
from filmroom.dicom.start import MEDIA_STORAGE_DIRECTORY, Start, open_start
from filmroom.errors import UnreadableDicom

_RECORDS = 0x00041220
_FILE_ID = 0x00041500
_FILE_ID_LIMIT = 1024  # bytes; PS3.10 section 8.2 allows eight components of eight characters


@dataclass(frozen=True, slots=True)
class FileSet:
    """What a DICOMDIR refers to.

    ``files`` are regular files below the DICOMDIR's folder, in the order of its records, each once.
    ``missing`` are file IDs, as text with ``/`` between their components, for which there is no such file,
    or that would lead out of the folder.
    """

    files: tuple[Path, ...]
    missing: tuple[str, ...]


def referenced_files(dicomdir: Path) -> FileSet:
    """Return the files that a DICOMDIR names; names are matched without regard to case.

    :raises NotDicom: :raises UnreadableDicom: :raises TruncatedDicom: when it cannot be read as a DICOMDIR.
    :raises OSError: when the DICOMDIR or its folder cannot be read.
    """
    with FileSource(dicomdir) as source:
        start = open_start(source)
        if start.media_storage_class_uid != MEDIA_STORAGE_DIRECTORY:
            raise UnreadableDicom(f"{dicomdir.name} is not a DICOMDIR.")
        identifiers = list(dict.fromkeys(_file_ids(start)))
    folder = _Folder(dicomdir.parent)
    files: dict[Path, None] = {}
    missing: list[str] = []
    for identifier in identifiers:
        path = folder.find(identifier)
        if path is None:
            missing.append("/".join(identifier))
        else:
            files[path] = None
    return FileSet(tuple(files), tuple(missing))


def _file_ids(start: Start) -> Iterator[tuple[str, ...]]:
    """Yield the Referenced File ID of every directory record that has one."""
    walker = Walker(start.window, start.order)
    position = start.position
    while position + 8 <= start.window.size:
        element = walker.element(position, start.implicit)
        walker.count()
        if element.tag == _RECORDS:
            yield from _record_ids(walker, element, start.implicit)
            return
        position = _behind(walker, element, start.implicit)
    raise UnreadableDicom("The DICOMDIR has no directory record sequence.")


def _record_ids(walker: Walker, sequence: Element, implicit: bool) -> Iterator[tuple[str, ...]]:  # noqa: FBT001
    order, window = walker.order, walker.window
    position = sequence.position
    end = window.size if sequence.length == UNDEFINED else walker.end_of(sequence)
    while position + 8 <= end:
        at = window.at(position, 8)
        wire, length = order.implicit(window.buffer, at)
        position += 8
        if wire in {order.item, order.item_end}:
            # Stepping into items and over their ends makes the records one flat run of elements.
            continue
        if wire == order.sequence_end:
            return
        element = walker.element(position - 8, implicit)
        walker.count()
        if element.tag == _FILE_ID and element.length <= _FILE_ID_LIMIT and element.vr not in LONG_VRS:
            walker.end_of(element)
            text = window.source.read(element.position, element.length).decode("latin_1")
            identifier = tuple(part.strip(" \0") for part in text.split("\\"))
            if any(identifier):
                yield identifier
        del length
        position = _behind(walker, element, implicit)


def _behind(walker: Walker, element: Element, implicit: bool) -> int:  # noqa: FBT001 - a property of the data
    if element.length == UNDEFINED:
        return walker.skip_undefined(element, implicit)[0]
    return walker.end_of(element)


class _Folder:
    """A folder whose files are found by components without regard to case, and never outside of it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._real_root = root.resolve()
        self._listings: dict[Path, dict[str, str]] = {}

    def find(self, components: tuple[str, ...]) -> Path | None:
        path = self._root
        for component in components:
            if component in {"", ".", ".."} or any(character in component for character in "/\\:\0"):
                return None
            name = self._listing(path).get(component.casefold())
            if name is None:
                return None
            path = path / name
        inside = path.resolve().is_relative_to(self._real_root)
        return path if inside and path.is_file() else None

    def _listing(self, folder: Path) -> dict[str, str]:
        listing = self._listings.get(folder)
        if listing is None:
            listing = {}
            if folder.is_dir():
                # A medium's file system may show "IM1" as "im1", "IM1." or "IM1.;1" (ISO 9660).
                for entry in sorted(folder.iterdir(), reverse=True):
                    plain = entry.name.partition(";")[0].rstrip(".")
                    listing.setdefault(plain.casefold(), entry.name)
                    listing[entry.name.casefold()] = entry.name
            self._listings[folder] = listing
        return listing
