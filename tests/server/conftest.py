"""An archive with real DICOM objects in every state that a series can be in, and a real server over it."""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import http.client
import io
import itertools
import os
import re
import shutil
import subprocess
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.config import disable_value_validation
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from filmroom.catalog import Catalog
from filmroom.catalog.schema import instance, series
from filmroom.catalog.schema_access import token
from filmroom.catalog.tokens import secret_digest
from filmroom.model.access import Role, Scope, VisibleSet
from filmroom.model.accounts import Grant, TokenLifetimes
from filmroom.model.attributes import ATTRIBUTES
from filmroom.model.entities import Assignment, IncomingInstance, Licence, ReadInstance
from filmroom.model.lists import NewList
from filmroom.model.naming import uid_digest
from filmroom.settings import ArchiveAddress
from filmroom.store import open_store
from filmroom.store.content import ContentReader
from filmroom.store.packs import PackWriter
from filmroom.testing.archives import PAIRS, shared_archive
from filmroom.testing.live import running_server
from filmroom.testing.permissions import OF_ACCOUNTS
from filmroom.upkeep.text_indexing import TextIndexer
from filmroom.wire.operations import OPERATIONS, ROOTS, Operation

KEYWORDS = {attribute.column: attribute.keyword for attribute in ATTRIBUTES}
EARLIER = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=2)
AGREEMENT = "Be kind to the data."
CLOSED_AGREEMENT = "The SECRET of series 1.2.99 is kept."
BY_LABEL = {operation.label: operation for operation in OPERATIONS}
GUEST = {"Authorization": "Bearer undefined"}

CC_BY = Licence(
    "Creative Commons Attribution 4.0 International License", "CC BY 4.0", "https://example.org/by/4.0/"
)


_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Made:
    """One series as it went in: its identifiers and the files' bytes by SOP Instance UID."""

    series_uid: str
    study_uid: str
    patient_id: str
    collection: str
    files: dict[str, bytes] = field(default_factory=dict, compare=False)
    modality: str = "CT"

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))

    @property
    def first(self) -> str:
        return next(iter(self.files))


def dicom_bytes(values: dict[str, Any]) -> bytes:
    """Return a DICOM file with these attributes, given by column, legal or not, and 64 pixels."""
    with disable_value_validation():
        return _dicom_bytes(values)


def _dicom_bytes(values: dict[str, Any]) -> bytes:
    dataset = Dataset()
    for column, value in values.items():
        if column == "species_code":
            item = Dataset()
            item.CodeValue = value
            dataset.PatientSpeciesCodeSequence = [item]
        else:
            text = value.strftime("%Y%m%d") if isinstance(value, dt.date) else value
            setattr(dataset, KEYWORDS[column], text)
    dataset.Rows = dataset.Columns = 8
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 7, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = hashlib.sha512(values["sop_instance_uid"].encode()).digest()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


class Archive:
    """Fills a catalogue and a store with series."""

    def __init__(self, address: ArchiveAddress) -> None:
        self.address = address
        self.catalog = Catalog.create(self.address.database_url)
        self.store = open_store(self.address.store_url)

    def add(self, series_uid: str, *, assignment: Assignment, **values: Any) -> Made:
        """Add one series; see :meth:`prepare`."""
        made, read = self.prepare(series_uid, collection=assignment.collection, **values)
        self.commit(assignment, [(made, read)])
        return made

    def index(self) -> None:
        """Let text search know what every file says."""
        indexer = TextIndexer(self.catalog, ContentReader(self.store))
        while indexer.step():
            pass

    def add_many(self, series_uids: list[str], assignment: Assignment) -> None:
        """Add many series of one instance each, at once."""
        self.commit(
            assignment,
            [self.prepare(uid, collection=assignment.collection, numbers=[(1, 1)]) for uid in series_uids],
        )

    def prepare(
        self,
        series_uid: str,
        *,
        collection: str,
        study_uid: str = "",
        patient_id: str = "P1",
        numbers: list[tuple[int | None, int | None]] | None = None,
        **values: Any,
    ) -> tuple[Made, list[ReadInstance]]:
        """Make the files of a series: one instance per pair of acquisition and instance number."""
        modality = values.get("modality", "CT")
        made = Made(series_uid, study_uid or f"{series_uid}.0", patient_id, collection, modality=modality)
        read = []
        for index, (acquisition, number) in enumerate(numbers or [(1, 1), (1, 2)], 1):
            given = {
                "patient_id": patient_id,
                "study_instance_uid": made.study_uid,
                "series_instance_uid": series_uid,
                "sop_instance_uid": f"{series_uid}.{index}",
                "sop_class_uid": str(CTImageStorage),
                "modality": "CT",
                "acquisition_number": acquisition,
                "instance_number": number,
                **values,
            }
            present = {name: value for name, value in given.items() if value is not None}
            content = dicom_bytes(present)
            made.files[present["sop_instance_uid"]] = content
            read.append(
                ReadInstance(
                    values=present,
                    transfer_syntax_uid=str(ExplicitVRLittleEndian),
                    size=len(content),
                    md5=hashlib.md5(content).digest(),
                    sha256=hashlib.sha256(content).digest(),
                    crc32=zlib.crc32(content),
                )
            )
        return made, read

    def commit(self, assignment: Assignment, series: list[tuple[Made, list[ReadInstance]]]) -> None:
        """Write the files into packs of the store, then their rows in one transaction."""
        with PackWriter(self.store, series[0][0].series_uid) as packs:
            for made, _ in series:
                for content in made.files.values():
                    packs.add(content, len(content))
            locations = iter(packs.finish())
        outcomes = self.catalog.commit_batch(
            None,
            [
                IncomingInstance(instance, assignment, next(locations), "test")
                for _, read in series
                for instance in read
            ],
            [],
        )
        assert {outcome.outcome for outcome in outcomes} == {"stored"}, outcomes


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def steady(self) -> bytes:
        """The body without the moments that a manifest is named after, and without counts of its kind."""
        body = re.sub(rb"(databasketId=[^\n]*?-)[-_0-9]+\.tcia", rb"\1.tcia", self.body)
        return re.sub(rb'"usageCount":[0-9]+', b"", body)


@contextlib.contextmanager
def connected(url: str) -> Iterator[http.client.HTTPConnection]:
    """A connection to a server, for one question or many."""
    parts = urlsplit(url)
    assert parts.hostname
    with contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)) as connection:
        yield connection


def ask_over(
    connection: http.client.HTTPConnection,
    path: str,
    method: str = "GET",
    body: bytes | None = None,
    **headers: str,
) -> Answer:
    """Ask once; header names are written with ``_`` for ``-``."""
    connection.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
    response = connection.getresponse()
    content = response.read()
    return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, content)


def ask_server(url: str, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """Ask a server once, over a connection of its own; header names are written with ``_`` for ``-``."""
    with connected(url) as connection:
        return ask_over(connection, path, method, body, **headers)


@dataclass(frozen=True)
class Live:
    """A running server, what it serves, and how to ask it."""

    url: str
    archive: Archive
    full: Made
    bare: Made
    fetched_only: Made  # visibility 12
    hidden: Made  # visibility 0
    restricted: Made
    sealed: Made
    tokens: dict[str, str] = field(default_factory=dict)
    """Access tokens: of the guest, of an account without and of two with a grant on ``restricted``, and of
    ``newcomer``, which has the grant and has not accepted the agreement; of ``admin``, which has every role;
    and one that has expired. Nobody else but ``keeper`` has a grant on ``sealed``."""

    agreement = AGREEMENT

    def image_id(self, made: Made) -> str:
        """The internal number of a series' first instance."""
        statement = sa.select(instance.c.id).where(instance.c.uid_digest == uid_digest(made.first))
        with self.archive.catalog._database.reading() as connection:
            return str(connection.scalar(statement))

    def series_id(self, made: Made) -> str:
        """The internal number of a series."""
        statement = sa.select(series.c.id).where(series.c.series_instance_uid == made.series_uid)
        with self.archive.catalog._database.reading() as connection:
            return str(connection.scalar(statement))

    def agreement_id(self, made: Made) -> str:
        """The agreement of a series; none is of those that are not released."""
        place = {self.full: None, self.restricted: "Closed"}.get(made, "")
        current = self.archive.catalog.agreements().all()
        return next((str(each.id) for each in current if each.collection == place), "0")

    def about(self, operation: Operation, made: Made) -> dict[str, str]:
        """Return every parameter that an operation has, each with the value of one series."""
        values = {
            "Collection": made.collection,
            "Modality": made.modality,
            "PatientID": made.patient_id,
            "PatientId": made.patient_id,
            "StudyInstanceUID": made.study_uid,
            "SeriesInstanceUID": made.series_uid,
            "SOPInstanceUID": made.first,
            "SOPInstanceUid": made.first,
            "Date": EARLIER.strftime("%Y/%m/%d"),
            "fromDate": EARLIER.strftime("%m-%d-%Y"),
            "list": made.series_uid,
            "seriesList": made.series_uid,
            "textValue": made.patient_id,
            "criteriaType0": "SeriesCriteria",
            "value0": made.series_uid,
            "seriesId": made.series_uid,
            "seriesUIDs": made.series_uid,
            "seriesUid": made.series_uid,
            "includeAnnotation": "true",
            "os": "windows",
            "studyUIDs": made.study_uid,
            "patientIDs": made.patient_id,
            "SeriesUID": made.series_uid,
            "collection": made.collection,
            "visibility": "0,1,12,13",
            "requestType": "WADO",
            "studyUID": made.study_uid,
            "seriesUID": made.series_uid,
            "objectUID": made.first,
            "CollectionOrSeries": "Series",
        }
        values |= self._looked_up(operation, made)
        if operation.name == "getUpdatedSeries":
            del values["fromDate"]
        return {p.name: values[p.name] for p in operation.parameters if p.name in values}

    def _looked_up(self, operation: Operation, made: Made) -> dict[str, str]:
        """Parameters whose values the archive makes, where the operation has them."""
        makers: dict[str, Callable[[], str]] = {
            "imageID": lambda: self.image_id(made),
            "agreement": lambda: self.agreement_id(made),
            "nameValue": lambda: self.new_list(made),
            "name": lambda: f"name {next(_NUMBERS)}",
        }
        if operation.action in {"drop_list", "list_contents"}:
            makers["name"] = makers["nameValue"]
        if operation.action in {"studies", "images"} and not operation.fixed.get("by_uid"):
            makers["list"] = lambda: self.series_id(made)
        return {name: make() for name, make in makers.items() if name in operation.parameter_names}

    def new_list(self, made: Made) -> str:
        """Make a shared list of one series, whatever its state, and return its name.

        It belongs to ``stranger`` where the series is public, to ``grantee`` where it is restricted, else to
        ``keeper``, who asks nothing.
        """
        login = {self.full: "stranger", self.restricted: "grantee"}.get(made, "keeper")
        owner = self.archive.catalog.tokens().viewer(self.tokens[login])
        name = f"list of {made.series_uid} {next(_NUMBERS)}"
        new = NewList(name, (made.series_uid,))
        self.archive.catalog.lists().create(new, VisibleSet(owner, Scope.CURATE))
        return name

    def get(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        """Ask for a path."""
        return ask_server(self.url, path, method, body, **headers)

    def ask(self, operation: str, method: str = "", path: str = "", **params: str | list[str]) -> Answer:
        """Ask an operation, given as ``version/name``; as the guest where a token is needed, and as
        ``stranger`` where one of an account is.

        :param method: another than the operation's own; parameters are then in the address.
        :param path: another than its first.
        """
        row = BY_LABEL.get(operation)
        headers = {} if operation.startswith(("v1/", "v4/")) or (row and row.auth == "public") else GUEST
        if row and row.action in OF_ACCOUNTS:
            headers = {"Authorization": f"Bearer {self.tokens['stranger']}"}
        return self.send(operation, params, method, path, **headers)

    def send(
        self,
        operation: str,
        params: dict[str, Any],
        method: str = "",
        path: str = "",
        **headers: str,
    ) -> Answer:
        """Send a request with these headers alone."""
        with connected(self.url) as connection:
            return self.send_over(connection, operation, params, method, path, **headers)

    def send_over(
        self,
        connection: http.client.HTTPConnection,
        operation: str,
        params: dict[str, Any],
        method: str = "",
        path: str = "",
        **headers: str,
    ) -> Answer:
        """Send a request over a connection that may serve for many."""
        row = BY_LABEL.get(operation)
        path = path or (row.path if row is not None else f"{ROOTS[0]}/{operation}")
        text = urlencode(params, doseq=True)
        if row is not None and row.method == "POST" and not method:
            headers = {"Content_Type": "application/x-www-form-urlencoded"} | headers
            return ask_over(connection, path, "POST", text.encode(), **headers)
        return ask_over(connection, f"{path}{'?' if text else ''}{text}", method or "GET", **headers)

    def get_over(
        self,
        connection: http.client.HTTPConnection,
        path: str,
        method: str = "GET",
        *body: bytes,
        **headers: str,
    ) -> Answer:
        """Ask for a path over a connection that may serve for many."""
        return ask_over(connection, path, method, *body, **headers)

    def connected(self) -> contextlib.AbstractContextManager[http.client.HTTPConnection]:
        """A connection to the server, for many questions."""
        return connected(self.url)


def tokens_of(archive: Archive) -> dict[str, str]:
    """Make the accounts of the table of viewers, and log them in."""
    accounts = archive.catalog.accounts()
    logins = ("stranger", "grantee", "member", "newcomer", "admin", "keeper")
    for login in logins:
        accounts.add(login, f"password of {login}")
    accounts.add_group("readers")
    accounts.set_member("readers", "member", member=True)
    for holder in ({"user": "grantee"}, {"group": "readers"}, {"user": "newcomer"}):
        archive.catalog.grants().add(Grant("Closed", "Closed", Role.READ.value, **holder))
    archive.catalog.grants().add(Grant("Vault", "Vault", Role.READ.value, user="keeper"))
    # Any other role, and the same role elsewhere, open nothing.
    for role in Role:
        collection = "Open-CT" if role is Role.READ else "Closed"
        archive.catalog.grants().add(Grant(collection, None, role.value, user="stranger"))
        for everywhere in ("Open-CT", "Closed"):
            archive.catalog.grants().add(Grant(everywhere, None, role.value, user="admin"))
    lasting = TokenLifetimes()
    issued = {
        login: archive.catalog.tokens().log_in(login, f"password of {login}", lasting).access
        for login in logins
    }
    for login in ("stranger", "grantee", "member", "admin"):
        agree(archive.catalog, issued[login])
    return {"guest": "undefined", **issued, "expired": expired_token(archive.catalog)}


def expired_token(catalog: Catalog) -> str:
    """Log ``grantee`` in once more, and put the end of that login into the past."""
    issued = catalog.tokens().log_in("grantee", "password of grantee", TokenLifetimes()).access
    past = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(seconds=1)
    of_it = token.c.digest == secret_digest(issued)
    with catalog._database.writing() as connection:
        connection.execute(sa.update(token).where(of_it).values(expires=past))
    return issued


def agree(catalog: Catalog, token: str) -> None:
    """Accept every agreement that an account is shown."""
    viewer = catalog.tokens().viewer(token)
    for shown in catalog.agreements().shown(viewer):
        catalog.agreements().accept(viewer, shown.id, address="192.0.2.1")


FULL: dict[str, Any] = {
    "patient_name": "Doe^Jane",
    "patient_birth_date": dt.date(1950, 4, 1),
    "patient_sex": "F",
    "ethnic_group": "Unknown",
    "species_code": "448771007",
    "species_description": "Canis lupus",
    "qc_subject": "YES",
    "study_date": dt.date(2006, 9, 6),
    "study_desc": 'Thorax, "left" <5/8>',
    "admitting_diagnoses_desc": "Nodule",
    "study_id": "77",
    "patient_age": "056Y",
    "longitudinal_event_type": "DIAGNOSIS",
    "longitudinal_offset": 90.0,
    "series_date": dt.date(2006, 9, 7),
    "series_desc": "Axial, 5 mm",
    "protocol_name": "Routine",
    "body_part_examined": "Chest",
    "series_number": 3.0,
    "manufacturer": "Acme, Inc.",
    "manufacturer_model_name": "Model/16",
    "software_versions": "1.0",
}


@pytest.fixture(scope="session", params=PAIRS)
def session_address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ArchiveAddress]:
    """The address of an archive that the tests of this folder share and do not change, on either pair."""
    yield from shared_archive(request, tmp_path_factory)


@pytest.fixture(scope="session")
def live(session_address: ArchiveAddress) -> Iterator[Live]:
    """A server for questions only: no test changes its archive."""
    archive = Archive(session_address)
    public = Assignment("Open-CT", "Open Site", CC_BY, "https://doi.org/10.1/open")
    plain = Assignment("open-bare", "open-bare")
    made = Live(
        url="",
        archive=archive,
        full=archive.add(
            "1.2.1",
            patient_id="pat-Lower",
            assignment=public,
            numbers=[(2, n) for n in range(1, 8)] + [(1, n) for n in range(1, 6)],
            **FULL,
        ),
        bare=archive.add("1.2.2", patient_id="BARE", assignment=plain, modality="MR", numbers=[(None, None)]),
        fetched_only=archive.add(
            "1.2.12",
            patient_id="TWELVE",
            assignment=Assignment("Open-CT", "Open Site", CC_BY, visibility=12),
            manufacturer="Twelve",
            body_part_examined="TWELVE",
            modality="PT",
        ),
        hidden=archive.add(
            "1.2.10",
            patient_id="ZERO",
            assignment=Assignment("Open-CT", "Open Site", CC_BY, visibility=0),
            manufacturer="Zero",
            body_part_examined="ZERO",
            modality="NM",
        ),
        restricted=archive.add(
            "1.2.99",
            patient_id="SECRET",
            assignment=Assignment(
                "Closed", "Closed", CC_BY, "https://doi.org/10.1/closed", access="restricted"
            ),
            manufacturer="Secret",
            body_part_examined="SECRET",
            modality="US",
            species_code="SECRET",
            longitudinal_event_type="SECRET",
            longitudinal_offset=1.0,
        ),
        sealed=archive.add(
            "1.2.98",
            patient_id="SEALED",
            assignment=Assignment("Vault", "Vault", CC_BY, "https://doi.org/10.1/vault", access="restricted"),
            manufacturer="Sealed",
            body_part_examined="SEALED",
            modality="XA",
            species_code="SEALED",
            longitudinal_event_type="SEALED",
            longitudinal_offset=1.0,
        ),
    )
    archive.catalog.agreements().put(AGREEMENT)
    archive.catalog.agreements().put(CLOSED_AGREEMENT, "Closed")
    archive.index()
    with running_server(archive.address) as url:
        yield replace(made, url=url, tokens=tokens_of(archive))
    archive.catalog.close()


@pytest.fixture(scope="module")
def module_archive(module_address: ArchiveAddress) -> Iterator[Archive]:
    """An empty archive that the tests of a module fill and share."""
    archive = Archive(module_address)
    yield archive
    archive.catalog.close()


@pytest.fixture
def new_archive(archive_address: ArchiveAddress) -> Iterator[Archive]:
    """An empty archive that a test may fill and break."""
    archive = Archive(archive_address)
    yield archive
    archive.catalog.close()


@pytest.fixture(scope="session")
def fetch() -> Callable[..., Answer]:
    """The function that asks a server: ``fetch(url, path, method, **headers)``."""
    return ask_server


@pytest.fixture
def java(tmp_path: Path) -> Callable[..., bytes]:
    """Compile and run a class: ``java(name, source, arguments, jar)`` gives what it prints."""
    for program in ("javac", "java"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")

    def run(name: str, source: str, arguments: list[str], jar: Path | None = None) -> bytes:
        (tmp_path / f"{name}.java").write_text(source)
        path = f"{tmp_path}:{jar}" if jar else str(tmp_path)
        compiling = ["javac", "-J-Xshare:auto", "-encoding", "UTF-8", "-cp", path, f"{name}.java"]
        subprocess.run(compiling, cwd=tmp_path, check=True)
        # The arguments are text of any language, whatever the machine's locale.
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        command = ["java", "-cp", path, name, *arguments]
        done = subprocess.run(command, capture_output=True, check=False, env=environment)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    return run
