"""Instances into the catalogue: identity rules, upserts, totals and facets in one transaction.

The rules: a SOP Instance UID is taken once; the same bytes again are *present*, other bytes are a conflict.
A study belongs to one patient of one ``collection//site``, a series to one study; an object that claims
otherwise is a conflict. Patient, study and series values are the first that are not empty, in the order of
ingest. New series get the assignment's visibility and terms; existing ones keep theirs.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from filmroom.catalog import facets
from filmroom.catalog import simple_search_changes as changes
from filmroom.catalog.database import chunks, insert_returning_ids
from filmroom.catalog.places import Places
from filmroom.catalog.schema import instance, patient, series, stored_object, study, uid_term
from filmroom.catalog.text_documents import index_fields, mark_waiting
from filmroom.errors import IdentityConflict
from filmroom.model.attributes import at_level
from filmroom.model.entities import IncomingInstance, ItemOutcome, Location
from filmroom.model.naming import uid_digest

_PATIENT = tuple(a.column for a in at_level("patient"))
_STUDY = tuple(a.column for a in at_level("study"))
_SERIES = tuple(a.column for a in at_level("series"))
_INSTANCE = tuple(a.column for a in at_level("instance") if a.column != "sop_class_uid")


@dataclass(slots=True, eq=False)
class _Entry:
    """A row that exists or is to be made: ``id`` None until then."""

    values: dict[str, Any]
    id: int | None = None
    parent: _Entry | None = None
    changed: set[str] = field(default_factory=set)

    def fill(self, values: dict[str, object], columns: Sequence[str]) -> None:
        """Take values for columns that are empty so far."""
        for column in columns:
            if self.values.get(column) is None and values.get(column) is not None:
                self.values[column] = values[column]
                self.changed.add(column)

    @property
    def key(self) -> int:
        assert self.id is not None  # noqa: S101 - rows are made parents first
        return self.id


def now() -> dt.datetime:
    """Return the present moment as the catalogue keeps it: naive UTC, whole milliseconds."""
    moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


class Acceptance:
    """One transaction's worth of incoming instances, checked against each other and the catalogue."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._places = Places(connection)
        self._moment = now()
        self._patients: dict[tuple[int, str], _Entry] = {}
        self._studies: dict[str, _Entry] = {}
        self._series: dict[str, _Entry] = {}
        self._taken: dict[bytes, tuple[bytes, str]] = {}
        self._new: list[tuple[IncomingInstance, _Entry]] = []

    # -- what is there already -----------------------------------------------------------------------

    def load(self, incoming: Sequence[IncomingInstance]) -> None:
        """Read every row that the incoming instances could meet."""
        self._load_instances([uid_digest(item.instance.sop_instance_uid) for item in incoming])
        series_uids = _distinct(incoming, "series_instance_uid")
        studies: dict[int, _Entry] = {}
        # Studies named by the instances, and those that own the series named by them.
        for some in chunks(_distinct(incoming, "study_instance_uid")):
            self._load_studies(study.c.study_instance_uid.in_(some), studies)
        for some in chunks(series_uids):
            owning = sa.select(series.c.study_key).where(series.c.series_instance_uid.in_(some))
            self._load_studies(study.c.id.in_(owning), studies)
        people: dict[int, _Entry] = {}
        for keys in chunks(sorted({entry.values["patient_key"] for entry in studies.values()})):
            self._load_patients(patient.c.id.in_(keys), people)
        places = [self._places.find(assignment) for assignment in {item.assignment for item in incoming}]
        in_sites = patient.c.site_id.in_(sorted({place.id for place in places if place is not None}))
        for some in chunks(_distinct(incoming, "patient_id")):
            self._load_patients(in_sites & patient.c.patient_id.in_(some), people)
        for entry in studies.values():
            entry.parent = people[entry.values["patient_key"]]
        for some in chunks(series_uids):
            found = sa.select(series).where(series.c.series_instance_uid.in_(some))
            for row in self._connection.execute(found).mappings():
                entry = _Entry(dict(row), row["id"], parent=studies[row["study_key"]])
                self._series[row["series_instance_uid"]] = entry

    def _load_instances(self, digests: Sequence[bytes]) -> None:
        for some in chunks(digests):
            statement = (
                sa.select(instance.c.uid_digest, instance.c.sha256, series.c.series_instance_uid)
                .select_from(instance.join(series))
                .where(instance.c.uid_digest.in_(some))
            )
            for digest, sha256, uid in self._connection.execute(statement):
                self._taken[bytes(digest)] = (bytes(sha256), uid)

    def _load_studies(self, condition: sa.ColumnElement[bool], into: dict[int, _Entry]) -> None:
        for row in self._connection.execute(sa.select(study).where(condition)).mappings():
            entry = into.setdefault(row["id"], _Entry(dict(row), row["id"]))
            self._studies[row["study_instance_uid"]] = entry

    def _load_patients(self, condition: sa.ColumnElement[bool], into: dict[int, _Entry]) -> None:
        for row in self._connection.execute(sa.select(patient).where(condition)).mappings():
            entry = into.setdefault(row["id"], _Entry(dict(row), row["id"]))
            self._patients[row["site_id"], row["patient_id"]] = entry

    # -- the rules -----------------------------------------------------------------------------------

    def take(self, item: IncomingInstance) -> ItemOutcome:
        """Decide on one instance.

        :raises IdentityConflict: with a sentence for a person.
        """
        values = item.instance.values
        uid = item.instance.sop_instance_uid
        digest = uid_digest(uid)
        taken = self._taken.get(digest)
        if taken is not None:
            if taken[0] != item.instance.sha256:
                raise IdentityConflict(
                    f"SOP Instance UID {uid} is already in the archive with other bytes (series {taken[1]})."
                )
            return ItemOutcome(item.source, "present", "same-bytes", sop_instance_uid=uid)
        entry = self._series_for(item)
        entry.fill(values, _SERIES)
        assert entry.parent is not None  # noqa: S101 - made by _series_for
        entry.parent.fill(values, _STUDY)
        assert entry.parent.parent is not None  # noqa: S101
        entry.parent.parent.fill(values, _PATIENT)
        self._taken[digest] = (item.instance.sha256, item.instance.series_instance_uid)
        self._new.append((item, entry))
        return ItemOutcome(item.source, "stored", sop_instance_uid=uid)

    def _series_for(self, item: IncomingInstance) -> _Entry:
        """Find or plan the series, its study and its patient; nothing is planned when a rule is broken."""
        values = item.instance.values
        place = self._places.find(item.assignment)
        uid, study_uid = item.instance.series_instance_uid, str(values["study_instance_uid"])
        patient_id = str(values["patient_id"])
        owner = self._patients.get((place.id, patient_id)) if place is not None else None
        study_entry = self._studies.get(study_uid)
        if study_entry is not None and study_entry.parent is not owner:
            assert study_entry.parent is not None  # noqa: S101
            theirs = study_entry.parent.values
            raise IdentityConflict(
                f"Study {study_uid} belongs to patient {theirs['patient_id']!r} of "
                f"{self._places.name(theirs['site_id'])}, not to {patient_id!r} of "
                f"{item.assignment.collection}//{item.assignment.site}."
            )
        entry = self._series.get(uid)
        if entry is not None:
            if entry.parent is not study_entry:
                assert entry.parent is not None  # noqa: S101
                raise IdentityConflict(
                    f"Series {uid} belongs to study {entry.parent.values['study_instance_uid']}, "
                    f"not to {study_uid}."
                )
            return entry
        place = self._places.site(item.assignment)
        if owner is None:
            owner = _Entry({"site_id": place.id, **_pick(values, _PATIENT)})
            self._patients[place.id, patient_id] = owner
        if study_entry is None:
            study_entry = self._studies[study_uid] = _Entry(_pick(values, _STUDY), parent=owner)
        terms = self._places.terms(item.assignment, self._moment)
        entry = _Entry({"site_id": place.id, **_pick(values, _SERIES), **terms}, parent=study_entry)
        self._series[uid] = entry
        return entry

    # -- the writes ----------------------------------------------------------------------------------

    def store(self) -> None:
        """Write everything that was taken."""
        if not self._new:
            return
        touched = {id(entry): entry for _, entry in self._new}.values()
        people = {id(_patient_of(entry)): _patient_of(entry) for entry in touched}.values()
        before = facets.contributions(self._connection, [p.id for p in people if p.id is not None])
        self._insert(patient, [p for p in people if p.id is None])
        studies = {id(entry.parent): entry.parent for entry in touched if entry.parent is not None}.values()
        for entry in studies:
            entry.values["patient_key"] = _parent_key(entry)
        self._insert(study, [s for s in studies if s.id is None])
        for entry in touched:
            entry.values |= {"study_key": _parent_key(entry), "patient_key": _patient_of(entry).key}
            entry.values["max_submission_timestamp"] = self._moment
        new_series = [entry for entry in touched if entry.id is None]
        self._insert(series, new_series)
        self._insert_instances()
        for table, entries in ((patient, people), (study, studies)):
            self._update(table, entries)
        self._total(touched)
        after = facets.contributions(self._connection, [p.key for p in people])
        facets.apply(self._connection, before, after)
        changes.record_patients(self._connection, [p.key for p in people])
        read = ((entry.key, item.instance.values) for item, entry in self._new)
        changes.record_geometry(self._connection, read)
        index_fields(self._connection, [entry.key for entry in new_series], self._moment)
        for table, entries in ((series, touched), (study, studies), (patient, people)):
            mark_waiting(self._connection, table, [e.key for e in entries if e.changed], self._moment)

    def _insert(self, table: sa.Table, entries: Sequence[_Entry]) -> None:
        # One shape for all rows: an absent value is NULL.
        blank = {name: _default(table, name) for name in table.columns.keys() if name != "id"}  # noqa: SIM118
        rows = [
            blank | {name: entry.values[name] for name in blank.keys() & entry.values} for entry in entries
        ]
        for entry, key in zip(entries, insert_returning_ids(self._connection, table, rows), strict=True):
            entry.id = key
            entry.changed.clear()

    def _update(self, table: sa.Table, entries: Iterable[_Entry]) -> None:
        for entry in entries:
            if entry.changed:
                values = {name: entry.values[name] for name in entry.changed}
                self._connection.execute(sa.update(table).where(table.c.id == entry.key).values(values))

    def _total(self, touched: Iterable[_Entry]) -> None:
        """Set the totals of series to what their rows add up to, together with values that were filled."""
        entries = {entry.key: entry for entry in touched}
        for some in chunks(list(entries)):
            totals = (
                sa.select(instance.c.series_key, sa.func.count(), sa.func.sum(instance.c.size))
                .where(instance.c.series_key.in_(some))
                .group_by(instance.c.series_key)
            )
            rows = [
                {"key": key, "count": count, "total": int(size), "moment": self._moment}
                for key, count, size in self._connection.execute(totals)
            ]
            self._connection.execute(
                sa.update(series)
                .where(series.c.id == sa.bindparam("key"))
                .values(
                    image_count=sa.bindparam("count"),
                    file_size=sa.bindparam("total"),
                    max_submission_timestamp=sa.bindparam("moment"),
                ),
                rows,
            )
        self._update(series, entries.values())

    def _insert_instances(self) -> None:
        objects = object_ids(self._connection, [item.location for item, _ in self._new])
        terms = self._terms()
        rows = []
        for item, entry in self._new:
            read, location = item.instance, item.location
            rows.append(
                {
                    **{name: read.values.get(name) for name in _INSTANCE},
                    "series_key": entry.key,
                    "uid_digest": uid_digest(read.sop_instance_uid),
                    "sop_class_term": terms.get(str(read.values.get("sop_class_uid", ""))),
                    "transfer_syntax_term": terms[read.transfer_syntax_uid],
                    "size": read.size,
                    "md5": read.md5,
                    "sha256": read.sha256,
                    "crc32": read.crc32,
                    "object_id": objects[location.key],
                    "object_offset": location.offset,
                    "stored_length": location.length,
                    "encoding": location.encoding,
                }
            )
        self._connection.execute(sa.insert(instance), rows)

    def _terms(self) -> dict[str, int]:
        wanted = {item.instance.transfer_syntax_uid for item, _ in self._new}
        wanted |= {str(item.instance.values.get("sop_class_uid", "")) for item, _ in self._new} - {""}
        found = {
            uid: key
            for some in chunks(sorted(wanted))
            for key, uid in self._connection.execute(
                sa.select(uid_term.c.id, uid_term.c.uid).where(uid_term.c.uid.in_(some))
            )
        }
        missing = sorted(wanted - found.keys())
        ids = insert_returning_ids(self._connection, uid_term, [{"uid": uid} for uid in missing])
        return found | dict(zip(missing, ids, strict=True))


def object_ids(connection: sa.Connection, locations: Iterable[Location]) -> dict[str, int]:
    """Return the row ids of the objects that locations name, making the rows that are not there."""
    by_key = {location.key: location for location in locations}
    found = {
        key: row_id
        for some in chunks(sorted(by_key))
        for row_id, key in connection.execute(
            sa.select(stored_object.c.id, stored_object.c.object_key).where(
                stored_object.c.object_key.in_(some)
            )
        )
    }
    missing = [location for key, location in by_key.items() if key not in found]
    ids = insert_returning_ids(
        connection,
        stored_object,
        [
            {
                "object_key": location.key,
                "in_place": location.in_place,
                "size": location.object_size,
                "modified_ns": location.modified_ns,
            }
            for location in missing
        ],
    )
    return found | {location.key: row_id for location, row_id in zip(missing, ids, strict=True)}


def _default(table: sa.Table, name: str) -> Any:
    default = table.c[name].default
    return default.arg if isinstance(default, sa.ColumnDefault) else None


def _pick(values: dict[str, object], columns: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in columns if name in values}


def _distinct(incoming: Sequence[IncomingInstance], column: str) -> list[str]:
    return sorted({str(item.instance.values[column]) for item in incoming})


def _parent_key(entry: _Entry) -> int:
    assert entry.parent is not None  # noqa: S101 - every study and series is planned with its parent
    return entry.parent.key


def _patient_of(entry: _Entry) -> _Entry:
    assert entry.parent is not None  # noqa: S101
    assert entry.parent.parent is not None  # noqa: S101
    return entry.parent.parent
