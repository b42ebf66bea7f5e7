"""Reading the header of one DICOM file: identity, indexed values, and proof that the file is whole."""

from __future__ import annotations

from dataclasses import dataclass

from filmroom.dicom.fallback import scan_with_pydicom
from filmroom.dicom.pixels import check_pixels
from filmroom.dicom.scan import Scanner, Unusual
from filmroom.dicom.source import ByteSource
from filmroom.dicom.start import MEDIA_STORAGE_DIRECTORY, Start, media_storage_class, open_start
from filmroom.dicom.values import Reading, convert, ctp_tags
from filmroom.errors import DicomError, IllegalIdentifier, NotDicom, UnreadableDicom


@dataclass(frozen=True, slots=True)
class Header:
    """What the archive keeps of one file.

    ``values`` maps columns of :mod:`filmroom.model.attributes` to cleaned values (text, ``dt.date``, int,
    float); absent and empty attributes are not in it. ``collection_tag`` and ``site_tag`` come from the
    private block of creator CTP. ``warnings`` are sentences on what was odd and what was cleaned.
    """

    values: dict[str, object]
    transfer_syntax_uid: str
    collection_tag: str | None
    site_tag: str | None
    warnings: tuple[str, ...]


def read_header(source: ByteSource, name: str = "") -> Header:
    """Read the header of a DICOM file and check that the file is whole.

    Every top-level element, item and fragment is walked to the end of the file, but only values of
    indexed attributes are read; memory stays within a few megabytes whatever the file claims. ``name`` is
    the file's name: one ending in ``.dcm`` that is no DICOM is unreadable rather than a bystander.

    A data set without pixel data that is cut exactly between two top-level elements cannot be told from a
    whole one; for image classes that leaves a warning.

    :raises NotDicom: when it is no DICOM at all.
    :raises UnreadableDicom: when it claims to be and cannot be read.
    :raises TruncatedDicom: when it ends before its elements or its pixels do.
    :raises IllegalIdentifier: when a required attribute is missing, empty or illegal.
    :raises OSError: when the source cannot be read.
    """
    start = _open(source, name)
    if start.media_storage_class_uid == MEDIA_STORAGE_DIRECTORY:
        raise IllegalIdentifier("The file is a DICOMDIR: an index of other files, not an object of its own.")
    return _header_of(start, scan(start))


def scan(start: Start) -> Scanner:
    """Scan the data set: by the header scan, or with pydicom where that finds something unusual."""
    try:
        scanner = Scanner(start.window, start.order)
        scanner.scan(start.position, start.implicit)
    except Unusual:
        scanner = scan_with_pydicom(start)
    return scanner


def _header_of(start: Start, scanner: Scanner) -> Header:
    check_pixels(scanner, start.transfer_syntax_uid)
    reading = Reading(scanner.raw, start.order)
    values = convert(reading)
    collection_tag, site_tag = ctp_tags(reading)
    warnings = dict.fromkeys((*start.warnings, *scanner.warnings, *reading.warnings))
    return Header(values, start.transfer_syntax_uid, collection_tag, site_tag, tuple(warnings))


def is_dicomdir(source: ByteSource) -> bool:
    """Tell whether the file is a DICOMDIR, by its Media Storage SOP Class (PS3.10 section 8)."""
    try:
        return media_storage_class(source) == MEDIA_STORAGE_DIRECTORY
    except DicomError:
        return False


def _open(source: ByteSource, name: str) -> Start:
    try:
        return open_start(source)
    except NotDicom:
        if name.lower().endswith(".dcm"):
            raise UnreadableDicom("The file is named .dcm but is not DICOM.") from None
        raise
