"""Whole-slide files on their way in: recognised by content, stored without the pictures of the glass."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from filmroom.catalog import Catalog
from filmroom.dicom.digest import Digester, Digests
from filmroom.errors import InvalidInput, ObjectMissing, UnusableSlide
from filmroom.ingest.assign import Rules
from filmroom.ingest.candidates import Candidate, Refused
from filmroom.ingest.content import Content
from filmroom.model.entities import Assignment, Location
from filmroom.model.naming import made_plain
from filmroom.model.slides import IncomingSlide, SlideFacts, SlideFile
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store
from filmroom.store.base import Store
from filmroom.store.packs import in_place_location, new_key

_SCANNERS = frozenset({".svs", ".ndpi"})
_SUFFIXES = _SCANNERS | {".tif", ".tiff"}
_TIFF = frozenset({b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"})
# Slides of the large programmes are named for their patients: TCGA-XX-XXXX-…, C3L-00001-21.
_SUBJECT = re.compile(r"(TCGA-\w{2}-\w{4}|C3[LN]-\d{5})(?=-)")
_LONGEST_SUBJECT = 64
_DICOM_SLIDE = "1.2.840.10008.5.1.4.1.1.77.1.6"
"""VL Whole Slide Microscopy Image Storage (PS3.4 annex B.5)."""
_OF_THE_GLASS = frozenset({"LABEL", "OVERVIEW"})
"""Third values of Image Type (PS3.3 C.8.12.4.1.1) that are of the glass rather than of the specimen."""


class KnowsSlides(Protocol):
    """What the reading of slides asks the catalogue."""

    def has_slide(self, collection: str, name: str, original_sha256: bytes) -> bool: ...


def may_be_slide(candidate: Candidate, content: Content) -> bool:
    """Whether a candidate is to be read as a slide: a TIFF named as slides are, or named by a scanner."""
    suffix = PurePosixPath(_name(candidate)).suffix.lower()
    if suffix not in _SUFFIXES:
        return False
    head = content.source().read(0, 132)
    is_tiff = head[:4] in _TIFF and head[128:] != b"DICM"
    return is_tiff or (suffix in _SCANNERS and head[128:] != b"DICM")


def refuse_label_image(values: Mapping[str, object], assignment: Assignment, rules: Rules) -> None:
    """Keep pictures of the glass out, unless the collection gives out originals.

    :param values: of a DICOM header, by column. :raises Refused: for the label or overview of a slide.
    """
    if values.get("sop_class_uid") != _DICOM_SLIDE or assignment.collection in rules.originals:
        return
    if not _OF_THE_GLASS.isdisjoint(str(values.get("image_type", "")).split("\\")):
        raise Refused(
            "label-image",
            "The image shows the label of the glass, which may name the patient. If this collection may give "
            "such images out: filmroom slide originals COLLECTION yes, then filmroom quarantine retry",
        )


class SlideIntake:
    """Reads slides and stores them; ``keys`` are the objects that were written."""

    def __init__(self, catalog: KnowsSlides, store: Store, rules: Rules) -> None:
        self._catalog = catalog
        self._store = store
        self._rules = rules
        self.keys: list[str] = []

    def take(self, candidate: Candidate, content: Content, assignment: Assignment) -> IncomingSlide | None:
        """Store a slide; None when the archive has it already.

        :raises NoSlide: for a TIFF that is one small image. :raises Refused: for a slide that cannot be used.
        """
        if importlib.util.find_spec("tiffslide") is None:
            raise Refused("needs-extra", "A slide needs the extra 'wsi': pip install 'filmroom[wsi]'")
        from filmroom.slide.file import SlideFile as OpenSlide
        from filmroom.slide.stream import as_file
        from filmroom.slide.strip import plan_strip

        name = _name(candidate)
        try:
            with OpenSlide(as_file(content.source())) as slide:
                facts = slide.facts
                if facts.format == "tiff" and len(facts.levels) == 1 and not slide.levels[0][0].is_tiled:
                    raise NoSlide(f"{name} is an image without levels or tiles.")
                given_whole = assignment.collection in self._rules.originals
                plan = None if given_whole else plan_strip(slide)
        except UnusableSlide as error:
            raise Refused(error.reason, str(error)) from None
        original = content.digests()
        content.check_unchanged()
        if self._catalog.has_slide(assignment.collection, name, original.sha256):
            return None
        if plan is None:
            digests, location = self._whole(candidate, content, original)
        else:
            from filmroom.slide.strip import stripped

            key, digester = self._new_key(name), Digester()
            with as_file(content.source()) as source:
                written = self._store.write(key, _through(digester, stripped(source, plan)))
            content.check_unchanged()
            digests = digester.result()
            location = Location(key, 0, digests.size, written.size, written.modified_ns)
        file = SlideFile(name, digests.size, digests.md5, digests.sha256, digests.crc32, location)
        return _incoming(candidate, assignment, facts, file, original.sha256)

    def _whole(self, candidate: Candidate, content: Content, digests: Digests) -> tuple[Digests, Location]:
        """Keep the file as it came: where it lies, or as a copy. :raises Refused:"""
        if self._rules.in_place:
            if candidate.kind != "file":
                raise Refused("cannot-stay", "A member of an archive cannot be catalogued where it lies.")
            try:
                return digests, in_place_location(Path(candidate.path).resolve())
            except (InvalidInput, ObjectMissing) as error:
                raise Refused("cannot-stay", f"It cannot be catalogued where it lies: {error}") from None
        key = self._new_key(_name(candidate))
        written = self._store.write(key, content.chunks())
        return digests, Location(key, 0, digests.size, written.size, written.modified_ns)

    def _new_key(self, name: str) -> str:
        if self._rules.in_place:
            raise Refused(
                "cannot-stay",
                "A slide is given out as a copy without its label, so it cannot stay where it lies; leave "
                "--in-place out, or let the collection give out originals: "
                "filmroom slide originals COLLECTION yes",
            )
        key = new_key(name, PurePosixPath(name).suffix.lower().removeprefix("."))
        self.keys.append(key)
        return key

    def discard(self) -> None:
        """Take every object back."""
        for key in self.keys:
            self._store.delete(key)


def remove_slides(address: ArchiveAddress, collection: str, names: Sequence[str]) -> None:
    """Forget slides of a collection and delete their bytes; files that lie in place stay.

    :raises NotFound: when there is no such collection, or one of the slides; nothing was changed.
    """
    with Catalog.open(address.database_url) as catalog:
        store = open_store(address.store_url)
        for key in catalog.slide_administration().remove(collection, names):
            store.delete(key)


class NoSlide(InvalidInput):
    """A TIFF file that is no slide: a bystander."""


def _incoming(
    candidate: Candidate, assignment: Assignment, facts: SlideFacts, file: SlideFile, original: bytes
) -> IncomingSlide:
    stem = PurePosixPath(file.name).stem
    subject = _SUBJECT.match(stem)
    return IncomingSlide(
        facts=facts,
        file=file,
        original_sha256=original,
        is_original=original == file.sha256,
        image_id=stem,
        subject_id=(subject[1] if subject else stem)[:_LONGEST_SUBJECT],
        stain=None,
        assignment=assignment,
        source=candidate.source,
    )


def _name(candidate: Candidate) -> str:
    """Return the file's own name, made one that can be delivered."""
    said = candidate.member or candidate.source.rpartition("!")[2]
    return made_plain(said.replace("\\", "/").rpartition("/")[2])


def _through(digester: Digester, pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        digester.update(piece)
        yield piece
