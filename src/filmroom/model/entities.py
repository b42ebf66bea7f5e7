"""The things the field talks about, as immutable records.

Read in this order: a :class:`Collection` has sites; a patient, study and series lie in one
``collection//site``; an instance is one DICOM object of a series and is *bytes at a location*
(:class:`Location`), with digests taken once, at ingest.

The records that a client gets (:class:`Patient`, :class:`Study`, :class:`Series`) have the column names
of :mod:`filmroom.model.attributes`; ``None`` where the archive has no value.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Literal, Protocol

Encoding = Literal["identity", "deflate"]


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms under which data may be used."""

    long_name: str
    short_name: str
    url: str = ""
    text: str = ""
    commercial_use: bool = True


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection as it is administered."""

    name: str
    description: str | None = None
    description_uri: str | None = None
    licence: str | None = None
    licence_url: str | None = None
    access: Literal["public", "restricted", "mixed"] = "public"
    third_party_analysis: bool = False
    series: int = 0
    instances: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Patient:
    """One patient in one collection."""

    patient_id: str
    collection: str | None = None
    patient_name: str | None = None
    patient_birth_date: dt.date | None = None
    patient_sex: str | None = None
    ethnic_group: str | None = None
    phantom: str | None = None
    species_code: str | None = None
    species_description: str | None = None


@dataclass(frozen=True, slots=True)
class Study:
    """One study with its number of visible series."""

    study_instance_uid: str
    study_date: dt.date | None = None
    study_desc: str | None = None
    admitting_diagnoses_desc: str | None = None
    study_id: str | None = None
    patient_age: str | None = None
    patient_id: str | None = None
    patient_name: str | None = None
    patient_birth_date: dt.date | None = None
    patient_sex: str | None = None
    ethnic_group: str | None = None
    collection: str | None = None
    series_count: int | None = None
    longitudinal_event_type: str | None = None
    longitudinal_offset: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One series; ``file_size`` is the sum of its instances' file sizes in bytes."""

    series_instance_uid: str
    study_instance_uid: str | None = None
    modality: str | None = None
    protocol_name: str | None = None
    series_date: dt.date | None = None
    series_desc: str | None = None
    body_part_examined: str | None = None
    series_number: float | None = None
    annotations_flag: bool | None = None
    collection: str | None = None
    site: str | None = None
    patient_id: str | None = None
    patient_sex: str | None = None
    patient_age: str | None = None
    admitting_diagnoses_desc: str | None = None
    manufacturer: str | None = None
    manufacturer_model_name: str | None = None
    software_versions: str | None = None
    image_count: int | None = None
    max_submission_timestamp: dt.datetime | None = None
    licence_name: str | None = None
    licence_url: str | None = None
    description_uri: str | None = None
    file_size: int | None = None
    released_status: str | None = None
    date_released: dt.datetime | None = None
    study_desc: str | None = None
    study_date: dt.date | None = None
    third_party_analysis: str | None = None


@dataclass(frozen=True, slots=True)
class SeriesRecord(Series):
    """A series with what its patient and study say: the answer to a question about many series.

    ``pixel_spacing`` and ``slice_thickness``: what occurs in the series, in mm, between commas.
    """

    patient_name: str | None = None
    ethnic_group: str | None = None
    phantom: str | None = None
    species_code: str | None = None
    species_description: str | None = None
    study_id: str | None = None
    longitudinal_event_type: str | None = None
    longitudinal_offset: float | None = None
    pixel_spacing: str | None = None
    slice_thickness: str | None = None


@dataclass(frozen=True, slots=True)
class ValueCount:
    """A value in use and how many patients have it; None where patients have none."""

    value: str | None
    patients: int = 0


@dataclass(frozen=True, slots=True)
class CollectionDescription:
    """A collection in words: ``description`` is HTML, ``description_uri`` its DOI."""

    collection: str
    description: str | None = None
    description_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Location:
    """Where the bytes of one instance lie.

    ``key`` names the object: a key of the store, or, when ``in_place``, an absolute file path that the
    archive does not own. The instance is ``length`` stored bytes from ``offset``; when ``encoding`` is
    ``deflate`` they are a raw deflate stream of the instance. ``object_size`` and ``modified_ns`` (POSIX
    nanoseconds, None where the store keeps no time) say what the whole object was when it was catalogued.
    """

    key: str
    offset: int
    length: int
    object_size: int
    modified_ns: int | None = None
    encoding: Encoding = "identity"
    in_place: bool = False


class StoredBytes(Protocol):
    """Bytes of the archive and how they are recognised: what an instance and another file have in common.

    ``size`` is that of the file as it came, whatever its encoding at ``location``; ``label`` names it in
    errors.
    """

    @property
    def label(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def md5(self) -> bytes: ...
    @property
    def sha256(self) -> bytes: ...
    @property
    def crc32(self) -> int: ...
    @property
    def location(self) -> Location: ...


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """One instance of a series: identity, order, digests and location. ``size`` is the DICOM file's."""

    sop_instance_uid: str
    size: int
    md5: bytes
    sha256: bytes
    crc32: int
    location: Location
    instance_number: int | None = None
    acquisition_number: int | None = None

    @property
    def label(self) -> str:
        return f"Instance {self.sop_instance_uid}"


FileKind = Literal["annotation", "other"]
"""Annotations are delivered with the images to whoever asks for them; others only by themselves."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a series that is not DICOM, under the name that it came with."""

    name: str
    kind: FileKind
    size: int
    md5: bytes
    sha256: bytes
    crc32: int
    location: Location

    @property
    def label(self) -> str:
        return f"File {self.name!r}"


@dataclass(frozen=True, slots=True)
class SeriesContent:
    """What a download of one series consists of.

    ``instances`` are in order of acquisition number, instance number, SOP Instance UID (missing numbers
    first). ``licence_name`` is the short name, ``agreement`` the text of the data usage agreement that the
    series comes under. ``files`` are those that are not DICOM, by name, where they were asked for.
    """

    series_instance_uid: str
    collection: str
    site: str
    licence_name: str | None
    licence_url: str | None
    instances: tuple[StoredInstance, ...]
    agreement: str = ""
    files: tuple[StoredFile, ...] = ()

    @property
    def annotations(self) -> tuple[StoredFile, ...]:
        return tuple(file for file in self.files if file.kind == "annotation")


@dataclass(frozen=True, slots=True)
class ReadInstance:
    """One DICOM file as read at ingest, before it is stored.

    ``values`` maps columns of :mod:`filmroom.model.attributes` to cleaned values (text, ``dt.date``, int,
    float); absent and empty attributes are not in it. ``warnings`` say what was cleaned.
    """

    values: dict[str, object]
    transfer_syntax_uid: str
    size: int
    md5: bytes
    sha256: bytes
    crc32: int
    collection_tag: str | None = None
    site_tag: str | None = None
    warnings: tuple[str, ...] = ()

    @property
    def sop_instance_uid(self) -> str:
        return str(self.values["sop_instance_uid"])

    @property
    def series_instance_uid(self) -> str:
        return str(self.values["series_instance_uid"])


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where ingested objects belong and under which terms."""

    collection: str
    site: str
    licence: Licence | None = None
    description_uri: str | None = None
    third_party_analysis: bool = False
    visibility: int = 1
    access: Literal["public", "restricted"] = "public"


@dataclass(frozen=True, slots=True)
class IncomingInstance:
    """A read instance together with where it was put and where it came from."""

    instance: ReadInstance
    assignment: Assignment
    location: Location
    source: str

    @property
    def size(self) -> int:
        return self.instance.size


Outcome = Literal["stored", "present", "quarantined", "skipped"]


@dataclass(frozen=True, slots=True)
class ItemOutcome:
    """What became of one candidate of an ingest: ``reason`` is a short code, ``message`` a sentence."""

    source: str
    outcome: Outcome
    reason: str = ""
    message: str = ""
    sop_instance_uid: str = ""


@dataclass(frozen=True, slots=True)
class QuarantineItem:
    """An object that was refused; its bytes are kept at ``location`` for a person to decide on."""

    id: int
    source: str
    reason: str
    message: str
    size: int
    created: dt.datetime
    assignment: Assignment | None
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """One delivery, for the audit."""

    series_instance_uid: str
    kind: str
    bytes: int
    viewer: str = ""
    address: str = ""
    complete: bool = True
    at: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
