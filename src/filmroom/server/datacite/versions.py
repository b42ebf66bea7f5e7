"""Versions of a dataset that have DOIs of their own, and the steps from a draft to what everybody finds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from filmroom.catalog import Catalog
from filmroom.errors import NotFound, NotPermitted
from filmroom.model.doi_repositories import DoiWriter
from filmroom.model.dois import DoiRecord
from filmroom.server.datacite.editor import DoiEditor
from filmroom.wire.datacite.change import DoiChange, document_of
from filmroom.wire.datacite.record import bare_doi

_NEWER, _OLDER = "IsNewVersionOf", "IsPreviousVersionOf"
_INVERSES = {_NEWER: _OLDER, "IsDerivedFrom": "IsSourceOf"}
"""What a record says of another of the archive's own, and what that one then says of it."""


class DoiVersions:
    """What one writer does with the versions of datasets."""

    def __init__(self, catalog: Catalog, writer: DoiWriter, page_of: Callable[[str], str]) -> None:
        """:param page_of: gives the archive's own page of a DOI, empty where it has no address."""
        self._dois = catalog.dois()
        self._editor = DoiEditor(catalog, page_of)
        self._writer = writer
        self._page_of = page_of

    def begin(self, doi: str, version: str, *, new_doi: str = "") -> DoiRecord:
        """Make a draft of the next version, which has everything of a record but its dates.

        :param new_doi: its DOI; default: a generated one under the record's prefix.
        :raises NotFound: :raises NotPermitted: :raises InvalidRecord:
        """
        record = self._dois.get(doi, self._writer)
        document = document_of(record)
        for name in ("doi", "reason", "source"):
            document.pop(name)
        if document["url"] == self._page_of(record.doi):
            document.pop("url")  # the new one gets a page of its own
        relations = [each for each in _relations(record) if each.get("relationType") not in {_NEWER, _OLDER}]
        document |= {
            "version": version,
            "dates": [
                each for each in document["dates"] if each.get("dateType") not in {"Issued", "Updated"}
            ],
            "relatedIdentifiers": [*relations, _related(_NEWER, record.doi)],
        }
        change = DoiChange(document, doi=new_doi, prefix=record.prefix, repository=record.client)
        return self._editor.create(self._writer, change)

    def renew(self, doi: str, version: str) -> DoiRecord:
        """Give a record another version and the date of today, under the same DOI. :raises: as the editor."""
        record = self._dois.get(doi, self._writer)
        dates = [*record.attributes["dates"], _today("Updated")]
        change = DoiChange({"version": version, "dates": dates})
        return self._editor.update(self._writer, record.doi, change)[0]

    def publish(self, doi: str) -> DoiRecord:
        """Let everybody find a record; it gets the date of today where it was never issued.

        The version before, and what it is derived from, name it in turn where they are the archive's own.

        :raises NotFound: :raises NotPermitted: :raises InvalidRecord:
        """
        record = self._dois.get(doi, self._writer)
        dates = record.attributes["dates"]
        issued = any(each.get("dateType") == "Issued" for each in dates)
        change = DoiChange({} if issued else {"dates": [*dates, _today("Issued")]}, event="publish")
        published, _ = self._editor.update(self._writer, record.doi, change)
        for relation in _relations(published):
            kind, other = _meaning(relation)
            if kind in _INVERSES:
                self._answer(other, _related(_INVERSES[kind], published.doi))
        return published

    def _answer(self, other: str, relation: Mapping[str, Any]) -> None:
        """Let another record have a relation, if it is the archive's own."""
        try:
            record = self._dois.get(other, self._writer)
            relations = _relations(record)
            if _meaning(relation) not in map(_meaning, relations):
                change = DoiChange({"relatedIdentifiers": [*relations, relation]})
                self._editor.update(self._writer, record.doi, change)
        except (NotFound, NotPermitted):
            return  # of another archive, which may say so itself


def _relations(record: DoiRecord) -> list[dict[str, Any]]:
    return list(record.attributes["relatedIdentifiers"])


def _meaning(relation: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a relation says: its type and the other's DOI."""
    return str(relation.get("relationType")), bare_doi(str(relation.get("relatedIdentifier")))


def _related(relation: str, doi: str) -> dict[str, str]:
    return {"relationType": relation, "relatedIdentifier": doi, "relatedIdentifierType": "DOI"}


def _today(kind: str) -> dict[str, str]:
    return {"date": dt.datetime.now(dt.UTC).date().isoformat(), "dateType": kind}
