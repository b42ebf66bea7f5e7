"""The client: typed questions to an NBIA server, and downloads from it."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from filmroom.client import agreements
from filmroom.client.connection import Connection
from filmroom.client.download import Download, PlannedSeries, SeriesLike, listed
from filmroom.client.layout import checked_uid
from filmroom.client.records import Records
from filmroom.client.report import DownloadReport, Progress
from filmroom.client.transfer import Promise, SeriesRequest
from filmroom.errors import BadAnswer, InvalidInput, NotFound
from filmroom.model.agreements import ShownAgreement
from filmroom.model.entities import Patient, Series, Study
from filmroom.model.queries import (
    FindInstances,
    FindPatients,
    FindSeries,
    FindStudies,
    FindValues,
    InstanceDigest,
    Query,
    SeriesMetadata,
    SeriesSize,
)
from filmroom.net.retry import RetryPolicy
from filmroom.wire.decode import decode
from filmroom.wire.operations import Operation, encode_params, find_operation

Api = Literal["v1", "v4"]
T = TypeVar("T")


class Client:
    """Speaks to one NBIA server: the public TCIA service, or any other, such as ``filmroom serve``.

    :param base_url: the server's root, with or without ``/nbia-api/services/v4``; default: the setting
        ``FILMROOM_SERVER``, else the public TCIA service.
    :param api: version of the NBIA API to speak.
    :param workers: series fetched at once by :meth:`download`.
    :param timeout: seconds without a single byte after which an answer is given up.
    :param retry: how patient to be with a busy or failing server.
    :param login: account to ask as, with its ``password``. :param token: an access token, instead of both.
    :param proxies: see :class:`~filmroom.client.connection.Connection`.

    A client may be shared among threads. Every method raises :class:`~filmroom.errors.ServerUnreachable`,
    :class:`~filmroom.errors.ServerError`, :class:`~filmroom.errors.AccessDenied` or
    :class:`~filmroom.errors.BadAnswer` when the server cannot be used.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api: Api = "v4",
        workers: int = 8,
        timeout: float = 60.0,
        retry: RetryPolicy | None = None,
        login: str | None = None,
        password: str | None = None,
        token: str | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        if api not in {"v1", "v4"}:
            raise InvalidInput(f"There is no API version {api!r}; known are v1 and v4.")
        if workers < 1:
            raise InvalidInput("A client needs at least one worker.")
        self.api = api
        self.workers = workers
        self.connection = Connection(
            base_url,
            connections=workers,
            timeout=timeout,
            policy=retry,
            login=login,
            password=password,
            token=token,
            proxies=proxies,
        )

    def __repr__(self) -> str:
        return f"Client({self.base_url!r}, api={self.api!r})"

    @property
    def base_url(self) -> str:
        """Root of the server."""
        return self.connection.root

    def close(self) -> None:
        """Close the connections."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # questions --------------------------------------------------------------------------------------
    def collections(self) -> list[str]:
        """Return the names of the collections."""
        return self._values("getCollectionValues", FindValues("collection"))

    def modalities(
        self, *, collection: str | None = None, body_part_examined: str | None = None
    ) -> list[str]:
        """Return the modalities in use."""
        query = FindValues("modality", collection=collection, body_part_examined=body_part_examined)
        return self._values("getModalityValues", query)

    def body_parts(self, *, collection: str | None = None, modality: str | None = None) -> list[str]:
        """Return the body parts in use, in upper case."""
        query = FindValues("body_part_examined", collection=collection, modality=modality, uppercase=True)
        return self._values("getBodyPartValues", query)

    def manufacturers(
        self,
        *,
        collection: str | None = None,
        modality: str | None = None,
        body_part_examined: str | None = None,
    ) -> list[str]:
        """Return the manufacturers in use."""
        query = FindValues(
            "manufacturer",
            collection=collection,
            modality=modality,
            body_part_examined=body_part_examined,
            uppercase=self.api == "v4",
        )
        return self._values("getManufacturerValues", query)

    def patients(
        self,
        *,
        collection: str | None = None,
        patient_id: str | None = None,
        modality: str | None = None,
    ) -> Records[Patient]:
        """Return patients.

        :param modality: only with ``collection``, and then only ``patient_id`` is told of each patient.
        """
        if modality is None:
            query = FindPatients(collection, patient_id, exact_patient_id=self.api == "v4")
            return self._records(Patient, "getPatient", query)
        if collection is None or patient_id is not None:
            raise InvalidInput("Patients are found by modality within a collection, without a patient ID.")
        return self._records(
            Patient, "getPatientByCollectionAndModality", FindPatients(collection, modality=modality)
        )

    def studies(
        self,
        *,
        collection: str | None = None,
        patient_id: str | None = None,
        study_instance_uid: str | None = None,
    ) -> Records[Study]:
        """Return studies."""
        return self._records(
            Study, "getPatientStudy", FindStudies(collection, patient_id, study_instance_uid)
        )

    def series(
        self,
        *,
        collection: str | None = None,
        patient_id: str | None = None,
        study_instance_uid: str | None = None,
        series_instance_uid: str | None = None,
        modality: str | None = None,
        body_part_examined: str | None = None,
        manufacturer: str | None = None,
        manufacturer_model_name: str | None = None,
    ) -> Records[Series]:
        """Return series; without any filter, those of the whole archive."""
        query = FindSeries(
            collection=collection,
            patient_id=patient_id,
            study_instance_uid=study_instance_uid,
            series_instance_uid=series_instance_uid,
            modality=modality,
            body_part_examined=body_part_examined,
            manufacturer=manufacturer,
            manufacturer_model_name=manufacturer_model_name,
        )
        return self._records(Series, "getSeries", query)

    def updated_series(self, since: dt.date) -> Records[Series]:
        """Return the series released after a day."""
        return self._records(Series, "getUpdatedSeries", FindSeries(released_after=since))

    def new_patients(self, collection: str, since: dt.date) -> Records[Patient]:
        """Return the patients of a collection that have series released on or after a day."""
        return self._records(
            Patient, "NewPatientsInCollection", FindPatients(collection, released_since=since)
        )

    def new_studies(
        self, collection: str, since: dt.date, *, patient_id: str | None = None
    ) -> Records[Study]:
        """Return the studies of a collection that have series released on or after a day."""
        query = FindStudies(collection, patient_id, released_since=since)
        return self._records(Study, "NewStudiesInPatientCollection", query)

    def series_size(self, series_instance_uid: str) -> Promise:
        """Return number of objects and bytes of a series.

        :raises NotFound: when the server does not have it, or does not show it.
        """
        uid = checked_uid(series_instance_uid)
        rows = self._rows("getSeriesSize", SeriesSize(uid))
        if not rows and self.connection.has_login:
            # To everybody it tells the size of public series alone, as TCIA does.
            rows = self._rows("getSeries", FindSeries(series_instance_uid=uid))
        if not rows or rows[0].get("image_count") in {None, 0}:
            raise NotFound(f"{self.base_url} has no series {uid}, or does not show it.")
        count, size = rows[0]["image_count"], rows[0].get("file_size")
        if not isinstance(size, int) or size < 0 or count < 0:
            raise BadAnswer(f"The server does not say how large series {uid} is.")
        return Promise(count, size)

    promise = series_size

    def instances(self, series_instance_uid: str) -> list[str]:
        """Return the SOP Instance UIDs of a series; none when the server does not show it."""
        rows = self._rows("getSOPInstanceUIDs", FindInstances(checked_uid(series_instance_uid)))
        return [str(row["sop_instance_uid"]) for row in rows if row["sop_instance_uid"] is not None]

    def series_metadata(self, series_instance_uid: str) -> Records[Series]:
        """Return everything about one series (asked of API v1, which alone tells it)."""
        operation = find_operation("v1", "getSeriesMetaData")
        rows = self._rows_of(operation, SeriesMetadata(checked_uid(series_instance_uid)))
        return Records.of_rows(Series, rows)

    def digest(self, sop_instance_uid: str) -> str:
        """Return the MD5 (hex) of one object; empty when the server does not show it."""
        name = "getMD5HashForImage" if self.api == "v4" else "getM5HashForImage"
        operation = find_operation(self.api, name)
        query = InstanceDigest(checked_uid(sop_instance_uid))
        answer = self.connection.get(operation.path, encode_params(operation, query))
        return answer.content[:64].decode("ascii", "replace").strip()

    # downloads --------------------------------------------------------------------------------------
    def plan(
        self,
        series: SeriesLike,
        path: str | os.PathLike[str] = "filmroom-download",
        *,
        overwrite: bool = False,
    ) -> list[PlannedSeries]:
        """Return what a download would do, without writing anything."""
        return self._download(path, None, None, overwrite).plan(listed(series))

    def download(
        self,
        series: SeriesLike,
        path: str | os.PathLike[str] = "filmroom-download",
        *,
        workers: int | None = None,
        progress: Callable[[Progress], None] | None = None,
        overwrite: bool = False,
    ) -> DownloadReport:
        """Fetch series into ``path``, one folder each, every file checked.

        What is there and whole is skipped; what an earlier call left unfinished is continued. A series
        appears in its folder only when number, bytes and MD5 of all its files are right.

        :param series: a UID, a record of :meth:`series`, or many of them.
        :param progress: called with a :class:`Progress`, from other threads, one call at a time.
        :param overwrite: fetch also what is there already.
        :return: what became of each series. A series that fails does not stop the others and raises
            nothing; see :meth:`DownloadReport.raise_for_failures`.
        :raises InvalidInput: for something that is no series.
        :raises StoreFull, StoreError: when the disk is too small or cannot be written.
        """
        return self._download(path, workers, progress, overwrite).run(listed(series))

    def archive_request(self, series_instance_uid: str) -> SeriesRequest:
        """Return how the archive of a series is asked for: with licence and MD5 in v4, with MD5 in v1."""
        if self.api == "v4":
            operation = find_operation("v4", "getImage")
            wanted: dict[str, Any] = {"new_file_names": True, "include_md5": True}
        else:
            operation, wanted = find_operation("v1", "getImageWithMD5Hash"), {}
        wanted["series_instance_uid"] = series_instance_uid
        params = {
            parameter.name: parameter.kind.form.write(wanted[parameter.field])
            for parameter in operation.parameters
        }
        return SeriesRequest(operation.path, params)

    def instance_request(self, series_instance_uid: str, sop_instance_uid: str) -> SeriesRequest:
        """Return how one object is asked for."""
        operation = find_operation(self.api, "getSingleImage")
        wanted = {"series_instance_uid": series_instance_uid, "sop_instance_uid": sop_instance_uid}
        return SeriesRequest(
            operation.path, {parameter.name: wanted[parameter.field] for parameter in operation.parameters}
        )

    def _download(
        self,
        path: str | os.PathLike[str],
        workers: int | None,
        progress: Callable[[Progress], None] | None,
        overwrite: bool,  # noqa: FBT001 - private, passed on
    ) -> Download:
        number = self.workers if workers is None else workers
        if number < 1:
            raise InvalidInput("A download needs at least one worker.")
        return Download(self, Path(path).expanduser(), workers=number, overwrite=overwrite, progress=progress)

    # agreements -------------------------------------------------------------------------------------
    def agreements(self) -> list[ShownAgreement]:
        """Return the data usage agreements that concern this client's account.

        :raises NotFound: when the server knows of none, as TCIA's does not.
        """
        return agreements.ask(self.connection)

    def accept_agreement(self, agreement: ShownAgreement) -> ShownAgreement:
        """Accept an agreement; return it as recorded. :raises ServerError: when it is not current."""
        return agreements.accept(self.connection, agreement)

    # the wire ---------------------------------------------------------------------------------------
    def _rows_of(self, operation: Operation, query: Query) -> list[dict[str, Any]]:
        if operation.view is None:
            raise TypeError(f"{operation.name} answers no table")
        answer = self.connection.get(operation.path, encode_params(operation, query))
        return decode(operation.view, answer.content, answer.media or "application/json")

    def _rows(self, name: str, query: Query) -> list[dict[str, Any]]:
        return self._rows_of(find_operation(self.api, name), query)

    def _records(self, kind: type[T], name: str, query: Query) -> Records[T]:
        return Records.of_rows(kind, self._rows(name, query))

    def _values(self, name: str, query: FindValues) -> list[str]:
        found = (row[query.column] for row in self._rows(name, query))
        return list(dict.fromkeys(str(value) for value in found if value is not None))
