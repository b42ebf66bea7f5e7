"""The part of an ingest that runs in many processes: read, check, hash, store.

Each file is read once. What the catalogue already has with the same bytes is not written again; what
cannot be taken in is kept in the store for the quarantine. Nothing here writes to the catalogue.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from filmroom.catalog import Refusal
from filmroom.dicom.digest import Digester, Digests
from filmroom.dicom.header import Header, is_dicomdir, read_header
from filmroom.errors import DicomError, InvalidInput, NotDicom, ObjectMissing
from filmroom.ingest.assign import Rules
from filmroom.ingest.candidates import Bystander, Candidate, Refused
from filmroom.ingest.checked import Checked
from filmroom.ingest.content import Content
from filmroom.ingest.packing import TaskPacks, delivery_order
from filmroom.ingest.patience import patiently
from filmroom.ingest.slides import KnowsSlides, NoSlide, SlideIntake, may_be_slide, refuse_label_image
from filmroom.model.entities import (
    Assignment,
    IncomingInstance,
    ItemOutcome,
    Location,
    ReadInstance,
)
from filmroom.store.base import Store
from filmroom.store.packs import PackWriter, in_place_location

QUARANTINE_PREFIX = "quarantine"

Place = Location | tuple[str, int]
"""Where an instance lies, or the series in whose pack it will lie and its index there."""

_GROUP_BYTES = 16 << 20
_GROUP_FILES = 64


class Known(KnowsSlides, Protocol):
    """What the reading of files asks the catalogue."""

    def known_digests(self, sop_uids: Sequence[str]) -> dict[str, bytes]: ...


@dataclass(slots=True)
class _Read:
    """A candidate that was read and is waiting to be stored; ``content`` stays open until then."""

    candidate: Candidate
    content: Content
    header: Header
    assignment: Assignment
    digests: Digests | None

    @property
    def sop_uid(self) -> str:
        return str(self.header.values["sop_instance_uid"])

    @property
    def sha256(self) -> bytes:
        assert self.digests is not None  # noqa: S101 - asked for only once it is hashed
        return self.digests.sha256

    def instance(self) -> ReadInstance:
        """Return what the catalogue is told; the bytes have been hashed by then."""
        header, digests = self.header, self.digests
        assert digests is not None  # noqa: S101 - storing has hashed it
        return ReadInstance(
            values=header.values,
            transfer_syntax_uid=header.transfer_syntax_uid,
            size=digests.size,
            md5=digests.md5,
            sha256=digests.sha256,
            crc32=digests.crc32,
            collection_tag=header.collection_tag,
            site_tag=header.site_tag,
            warnings=header.warnings,
        )


class Checker:
    """Checks tasks one after the other, with one catalogue and one store."""

    def __init__(self, catalog: Known, store: Store, rules: Rules, spool_folder: str | None) -> None:
        self._catalog = catalog
        self._store = store
        self._rules = rules
        self._spool_folder = spool_folder

    def check(self, candidates: Sequence[Candidate]) -> Checked:
        """Read, check and store candidates.

        :raises StoreError: when the store fails; every object written for the task is then removed.
        """
        task = _Task(self._catalog, self._store, self._rules, self._spool_folder)
        try:
            for candidate in candidates:
                task.read(candidate)
            return task.finish()
        except BaseException:
            task.discard()
            raise


class _Task:
    def __init__(self, catalog: Known, store: Store, rules: Rules, spool_folder: str | None) -> None:
        self._catalog = catalog
        self._store = store
        self._rules = rules
        self._spool_folder = spool_folder
        self._result = Checked()
        self._waiting: list[_Read] = []
        self._waiting_bytes = 0
        self._seen: dict[str, tuple[bytes, str, Place]] = {}
        self._order: dict[str, int] = {}
        self._packs = TaskPacks(store)
        self._lone: list[PackWriter] = []
        self._kept: list[str] = []
        self._slides = SlideIntake(catalog, store, rules)
        # In order of candidates: the instance, and its location or where to find it once packs are written.
        self._stored: list[tuple[ReadInstance, Assignment, str, Place]] = []
        self._assigned: dict[tuple[str | None, str | None, str | None], Assignment] = {}

    # -- reading -------------------------------------------------------------------------------------

    def read(self, candidate: Candidate) -> None:
        """Read one candidate; it is stored with the next group."""
        self._order[candidate.source] = len(self._order)
        try:
            content = Content(candidate, self._spool_folder)
        except Refused as refusal:
            self._refuse(candidate, refusal.reason, str(refusal))
            return
        self._result.bytes_read += content.size
        waits = False
        try:
            waits = self._examine(candidate, content)
        finally:
            if not waits:
                content.close()
        if self._waiting_bytes >= _GROUP_BYTES or len(self._waiting) >= _GROUP_FILES:
            self._store_group()

    def _examine(self, candidate: Candidate, content: Content) -> bool:
        """Check one candidate; tell whether it now waits to be stored."""
        if may_be_slide(candidate, content):
            self._examine_slide(candidate, content)
            return False
        assignment: Assignment | None = None
        try:
            header = read_header(content.source(), candidate.member or candidate.path)
            assignment = self._assign(candidate, header)
            refuse_label_image(header.values, assignment, self._rules)
            digests = content.digests() if content.data is not None else None
            content.check_unchanged()
        except NotDicom as error:
            self._result.bystanders.append(Bystander(candidate.source, error.reason))
            return False
        except Refused as error:
            self._refuse(candidate, error.reason, str(error), assignment, content)
            return False
        except DicomError as error:
            if is_dicomdir(content.source()):
                self._result.bystanders.append(Bystander(candidate.source, "dicomdir"))
                return False
            kept_for = self._assignment_or_none(candidate)
            self._refuse(candidate, error.reason, str(error), kept_for, content)
            return False
        self._waiting.append(_Read(candidate, content, header, assignment, digests))
        if content.data is not None:
            self._waiting_bytes += content.size
        return True

    def _examine_slide(self, candidate: Candidate, content: Content) -> None:
        assignment: Assignment | None = None
        try:
            assignment = self._rules.assign(candidate.folder, None, None)
            slide = self._slides.take(candidate, content, assignment)
        except NoSlide:
            self._result.bystanders.append(Bystander(candidate.source, "not-dicom"))
        except Refused as error:
            self._refuse(candidate, error.reason, str(error), assignment, content)
        else:
            if slide is None:
                self._result.present.append(ItemOutcome(candidate.source, "present", "same-bytes"))
            else:
                self._result.slides.append(slide)

    def _assign(self, candidate: Candidate, header: Header) -> Assignment:
        key = (candidate.folder, header.collection_tag, header.site_tag)
        if key not in self._assigned:
            self._assigned[key] = self._rules.assign(*key)
        return self._assigned[key]

    def _assignment_or_none(self, candidate: Candidate) -> Assignment | None:
        """Return the assignment of an unreadable candidate, as far as the rules need no header for it."""
        if self._rules.collection_from == "tag":
            return None
        try:
            return self._rules.assign(candidate.folder, None, None)
        except Refused:
            return None

    # -- storing -------------------------------------------------------------------------------------

    def _store_group(self) -> None:
        group, self._waiting, self._waiting_bytes = self._waiting, [], 0
        try:
            known = patiently(lambda: self._catalog.known_digests([item.sop_uid for item in group]))
            for item in group:
                self._take(item, known.get(item.sop_uid))
        finally:
            for item in group:
                item.content.close()

    def _take(self, item: _Read, known: bytes | None) -> None:
        source = item.candidate.source
        seen = self._seen.get(item.sop_uid)
        try:
            if item.digests is None and (known is not None or seen is not None):
                # A large file that may be a duplicate is hashed before it is worth a copy.
                item.digests = item.content.digests()
                item.content.check_unchanged()
            if item.digests is not None and item.digests.sha256 == known:
                present = ItemOutcome(source, "present", "same-bytes", sop_instance_uid=item.sop_uid)
                self._result.present.append(present)
                return
            place = self._place(item, seen, alone=known is not None)
        except Refused as refusal:
            self._refuse(item.candidate, refusal.reason, str(refusal), item.assignment, item.content)
            return
        self._seen.setdefault(item.sop_uid, (item.sha256, source, place))
        self._result.warnings += [(source, warning) for warning in item.header.warnings]
        self._stored.append((item.instance(), item.assignment, source, place))

    def _place(self, item: _Read, seen: tuple[bytes, str, Place] | None, *, alone: bool) -> Place:
        """Return where the bytes of an instance are or will be. :raises Refused:"""
        if seen is None:
            return self._put(item, alone=alone)
        if seen[0] == item.sha256:
            # Twice the same: one copy serves both, and the catalogue decides on both alike.
            return seen[2]
        message = f"{seen[1]} has the same SOP Instance UID {item.sop_uid} and other bytes."
        raise Refused("conflict", message)

    def _put(self, item: _Read, *, alone: bool) -> Place:
        """Store one instance. :raises Refused: when its file changed meanwhile."""
        content = item.content
        if self._rules.in_place:
            return self._put_in_place(item)
        series = str(item.header.values["series_instance_uid"])
        if content.data is not None and not alone:
            return self._packs.add(series, content.data, delivery_order(item.header.values))
        # On its own, so that it can be taken back without touching its neighbours.
        pack = PackWriter(self._store, series)
        self._lone.append(pack)
        if content.data is not None:
            pack.add(content.data, content.size)
        else:
            digester = Digester()
            try:
                pack.add(content.chunks(digester), content.size)
                content.check_unchanged()
            except Refused:
                pack.discard()
                raise
            item.digests = digester.result()
        return pack.finish()[0]

    def _put_in_place(self, item: _Read) -> Location:
        content, candidate = item.content, item.candidate
        if candidate.kind != "file":
            raise Refused(
                "cannot-stay",
                "A member of an archive cannot be catalogued where it lies; "
                "unpack it and ingest the folder, or leave --in-place out.",
            )
        if item.digests is None:
            item.digests = content.digests()
            content.check_unchanged()
        try:
            # A link may be turned elsewhere; its target is what was read.
            location = in_place_location(Path(candidate.path).resolve())
        except (InvalidInput, ObjectMissing) as error:
            raise Refused("cannot-stay", f"It cannot be catalogued where it lies: {error}") from None
        if (location.object_size, location.modified_ns) != content.times:
            raise Refused("changed", "The file changed while it was read; ingest it again.")
        return location

    # -- refusing ------------------------------------------------------------------------------------

    def _refuse(
        self,
        candidate: Candidate,
        reason: str,
        message: str,
        assignment: Assignment | None = None,
        content: Content | None = None,
    ) -> None:
        key = None
        if content is not None and self._worth_keeping(candidate, reason):
            key = f"{QUARANTINE_PREFIX}/{uuid.uuid4().hex}.dcm"
            try:
                self._store.write(key, content.chunks())
            except Refused:
                key = None  # it changes under our hands: there is nothing definite to keep
            else:
                self._kept.append(key)
        size = candidate.size if content is None else content.size
        self._result.refusals.append(Refusal(candidate.source, reason, message, size, assignment, key))

    def _worth_keeping(self, candidate: Candidate, reason: str) -> bool:
        # A whole folder without a collection is one mistake, not a terabyte of copies: a file that is
        # good and only lacks a place is found again where it lies.
        lies_there = candidate.kind == "file"
        if reason in {"changed", "cannot-stay"} or (lies_there and self._rules.in_place):
            return False
        return not (lies_there and reason == "no-collection")

    # -- the end -------------------------------------------------------------------------------------

    def finish(self) -> Checked:
        """Write what is pending and return the result."""
        self._store_group()
        locations = self._packs.write()
        for instance, assignment, source, place in self._stored:
            location = place if isinstance(place, Location) else locations[place[0]][place[1]]
            self._result.incoming.append(IncomingInstance(instance, assignment, location, source))
        self._result.refusals.sort(key=lambda refusal: self._order[refusal.source])
        stored = {item.location.key for item in self._result.incoming if not item.location.in_place}
        self._result.keys = sorted(stored | set(self._kept) | set(self._slides.keys))
        return self._result

    def discard(self) -> None:
        """Take every object back."""
        for item in self._waiting:
            item.content.close()
        self._packs.discard()
        for pack in self._lone:
            pack.discard()
        self._slides.discard()
        for key in self._kept:
            self._store.delete(key)
