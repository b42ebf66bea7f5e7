"""The questions to a server, each written once; both clients have them."""

from __future__ import annotations

import datetime as dt

from filmroom.client.agreements import AgreementQuestions
from filmroom.client.holdings import HoldingQuestions
from filmroom.client.layout import checked_uid
from filmroom.client.lists import ListQuestions
from filmroom.client.question import Asking, question, question_of_series
from filmroom.client.records import Records
from filmroom.client.search import SearchQuestions
from filmroom.client.slides import SlideQuestions
from filmroom.client.steps import Answer, Request, Steps
from filmroom.client.tags import TagQuestions
from filmroom.client.transfer import Promise
from filmroom.errors import BadAnswer, InvalidInput, NotFound
from filmroom.model.entities import Patient, Series, Study
from filmroom.model.queries import (
    FindInstances,
    FindPatients,
    FindSeries,
    FindStudies,
    FindValues,
    HierarchyDigest,
    InstanceDigest,
    SeriesMetadata,
    SeriesSize,
)
from filmroom.wire.operations import find_operation


class CatalogQuestions(Asking):
    """What a server has: value lists, patients, studies, series, instances."""

    @question
    def collections(self) -> Steps[list[str]]:
        """Return the names of the collections."""
        return (yield from self._values("getCollectionValues", FindValues("collection")))

    @question
    def modalities(
        self, *, collection: str | None = None, body_part_examined: str | None = None
    ) -> Steps[list[str]]:
        """Return the modalities in use."""
        query = FindValues("modality", collection=collection, body_part_examined=body_part_examined)
        return (yield from self._values("getModalityValues", query))

    @question
    def body_parts(self, *, collection: str | None = None, modality: str | None = None) -> Steps[list[str]]:
        """Return the body parts in use, in upper case."""
        query = FindValues("body_part_examined", collection=collection, modality=modality)
        return (yield from self._values("getBodyPartValues", query))

    @question
    def manufacturers(
        self,
        *,
        collection: str | None = None,
        modality: str | None = None,
        body_part_examined: str | None = None,
    ) -> Steps[list[str]]:
        """Return the manufacturers in use."""
        query = FindValues(
            "manufacturer", collection=collection, modality=modality, body_part_examined=body_part_examined
        )
        return (yield from self._values("getManufacturerValues", query))

    @question
    def patients(
        self,
        *,
        collection: str | None = None,
        patient_id: str | None = None,
        modality: str | None = None,
    ) -> Steps[Records[Patient]]:
        """Return patients.

        :param modality: only with ``collection``, and then only ``patient_id`` is told of each patient.
        """
        if modality is None:
            return (yield from self._records(Patient, "getPatient", FindPatients(collection, patient_id)))
        if collection is None or patient_id is not None:
            raise InvalidInput("Patients are found by modality within a collection, without a patient ID.")
        query = FindPatients(collection, modality=modality)
        return (yield from self._records(Patient, "getPatientByCollectionAndModality", query))

    @question
    def studies(
        self,
        *,
        collection: str | None = None,
        patient_id: str | None = None,
        study_instance_uid: str | None = None,
    ) -> Steps[Records[Study]]:
        """Return studies."""
        query = FindStudies(collection, patient_id, study_instance_uid)
        return (yield from self._records(Study, "getPatientStudy", query))

    @question_of_series
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
    ) -> Steps[Records[Series]]:
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
        return (yield from self._records(Series, "getSeries", query))

    @question
    def updated_series(self, since: dt.date) -> Steps[Records[Series]]:
        """Return the series released after a day."""
        return (yield from self._records(Series, "getUpdatedSeries", FindSeries(released_after=since)))

    @question
    def new_patients(self, collection: str, since: dt.date) -> Steps[Records[Patient]]:
        """Return the patients of a collection that have series released on or after a day."""
        query = FindPatients(collection, released_since=since)
        return (yield from self._records(Patient, "NewPatientsInCollection", query))

    @question
    def new_studies(
        self, collection: str, since: dt.date, *, patient_id: str | None = None
    ) -> Steps[Records[Study]]:
        """Return the studies of a collection that have series released on or after a day."""
        query = FindStudies(collection, patient_id, released_since=since)
        return (yield from self._records(Study, "NewStudiesInPatientCollection", query))

    @question_of_series
    def series_size(self, series_instance_uid: str) -> Steps[Promise]:
        """Return number of objects and bytes of a series.

        :raises NotFound: when the server does not have it, or does not show it.
        """
        uid = checked_uid(series_instance_uid)
        rows = yield from self._rows("getSeriesSize", SeriesSize(uid))
        if not rows and self.has_login:
            # To everybody it tells the size of public series alone, as TCIA does.
            rows = yield from self._rows("getSeries", FindSeries(series_instance_uid=uid))
        if not rows or rows[0].get("image_count") in {None, 0}:
            raise NotFound(f"{self.base_url} has no series {uid}, or does not show it.")
        count, size = rows[0]["image_count"], rows[0].get("file_size")
        if not isinstance(size, int) or size < 0 or count < 0:
            raise BadAnswer(f"The server does not say how large series {uid} is.")
        return Promise(count, size)

    promise = series_size

    @question_of_series
    def instances(self, series_instance_uid: str) -> Steps[list[str]]:
        """Return the SOP Instance UIDs of a series; none when the server does not show it."""
        query = FindInstances(checked_uid(series_instance_uid))
        rows = yield from self._rows("getSOPInstanceUIDs", query)
        return [str(row["sop_instance_uid"]) for row in rows if row["sop_instance_uid"] is not None]

    @question_of_series
    def series_metadata(self, series_instance_uid: str) -> Steps[Records[Series]]:
        """Return everything about one series (asked of API v1, or v2 with a login, which alone tell it)."""
        operation = find_operation("v2" if self.has_login else "v1", "getSeriesMetaData")
        rows = yield from self._rows_of(operation, SeriesMetadata(checked_uid(series_instance_uid)))
        return Records.of_rows(Series, rows)

    @question_of_series
    def digest(self, sop_instance_uid: str) -> Steps[str]:
        """Return the MD5 (hex) of one object; empty when the server does not show it."""
        name = "getMD5HashForImage" if self.api == "v4" else "getM5HashForImage"
        query = InstanceDigest(checked_uid(sop_instance_uid))
        digest: str = yield Request(find_operation(self.api, name), query, _digest)
        return digest

    @question_of_series
    def series_digest(self, series_instance_uid: str) -> Steps[str]:
        """Return the MD5 (hex) of the sorted, joined MD5s of a series' objects.

        Empty when the server does not show it, and to who has no login: only others are told.
        """
        query = HierarchyDigest(series_instance_uid=checked_uid(series_instance_uid))
        if not self.has_login:
            return ""
        digest: str = yield Request(find_operation("v4", "getMD5Hierarchy"), query, _digest)
        return digest


def _digest(answer: Answer) -> str:
    return answer.content[:64].decode("ascii", "replace").strip()


class Questions(
    CatalogQuestions,
    HoldingQuestions,
    SearchQuestions,
    TagQuestions,
    ListQuestions,
    AgreementQuestions,
    SlideQuestions,
):
    """Every question."""
