"""Versions of a dataset that have DOIs of their own, and the steps from a draft to what everybody finds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from filmroom.catalog import Catalog
from filmroom.errors import NotFound, NotPermitted
from filmroom.model.doi_repositories import DoiWriter
from filmroom.model.dois import DoiRecord
from filmroom.server.datacite.editor import DoiEditor
from filmroom.wire.datacite.change import DoiChange, document_of
from filmroom.wire.datacite.record import bare_doi

_NEWER, _OLDER = "IsNewVersionOf", "IsPreviousVersionOf"


class DoiVersions:
    """What one writer does with the versions of datasets."""

    def __init__(self, catalog: Catalog, writer: DoiWriter) -> None:
        self._dois = catalog.dois()
        self._editor = DoiEditor(catalog)
        self._writer = writer

    def begin(self, doi: str, version: str, *, new_doi: str = "", prefix: str = "") -> DoiRecord:
        """Make a draft of the next version, which has everything of a record but its dates.

        :param new_doi: its DOI; default: a generated one under ``prefix``, else under that of the record.
        :raises NotFound: :raises NotPermitted: :raises InvalidRecord:
        """
        record = self._dois.get(doi, self._writer)
        document = document_of(record)
        for name in ("doi", "reason", "source"):
            document.pop(name)
        relations = [each for each in _relations(record) if each.get("relationType") not in {_NEWER, _OLDER}]
        document |= {
            "version": version,
            "dates": [
                each for each in document["dates"] if each.get("dateType") not in {"Issued", "Updated"}
            ],
            "relatedIdentifiers": [*relations, _related(_NEWER, record.doi)],
        }
        change = DoiChange(document, doi=new_doi, prefix=prefix or record.prefix, repository=record.client)
        return self._editor.create(self._writer, change)

    def renew(self, doi: str, version: str) -> DoiRecord:
        """Give a record another version and the date of today, under the same DOI. :raises: as the editor."""
        record = self._dois.get(doi, self._writer)
        dates = [*record.attributes["dates"], _today("Updated")]
        change = DoiChange({"version": version, "dates": dates})
        return self._editor.update(self._writer, record.doi, change)[0]

    def publish(self, doi: str) -> DoiRecord:
        """Let everybody find a record; it gets the date of today where it was never issued.

        The record of the version before, where it is the archive's own, then names this one as the next.

        :raises NotFound: :raises NotPermitted: :raises InvalidRecord:
        """
        record = self._dois.get(doi, self._writer)
        dates = record.attributes["dates"]
        issued = any(each.get("dateType") == "Issued" for each in dates)
        change = DoiChange({} if issued else {"dates": [*dates, _today("Issued")]}, event="publish")
        published, _ = self._editor.update(self._writer, record.doi, change)
        for relation in _relations(published):
            if relation.get("relationType") == _NEWER:
                self._name_next(bare_doi(str(relation.get("relatedIdentifier"))), published.doi)
        return published

    def _name_next(self, older: str, newer: str) -> None:
        try:
            record = self._dois.get(older, self._writer)
            relations: Sequence[Mapping[str, Any]] = _relations(record)
            if _related(_OLDER, newer) not in relations:
                change = DoiChange({"relatedIdentifiers": [*relations, _related(_OLDER, newer)]})
                self._editor.update(self._writer, older, change)
        except (NotFound, NotPermitted):
            return  # of another archive, which may say so itself


def _relations(record: DoiRecord) -> list[dict[str, Any]]:
    return list(record.attributes["relatedIdentifiers"])


def _related(relation: str, doi: str) -> dict[str, str]:
    # Keys as they are stored, so that the same relation is found again.
    return {"relationType": relation, "relatedIdentifier": doi, "relatedIdentifierType": "DOI"}


def _today(kind: str) -> dict[str, str]:
    return {"date": dt.datetime.now(dt.UTC).date().isoformat(), "dateType": kind}
