"""Makes and changes DOI records under the rules of the write API, whoever asks: a request or a command.

Source: DataCite's REST API, and rules of our own: a mirror's records are read-only, and a suffix that comes
with a prefix is honoured.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from filmroom.catalog import Catalog
from filmroom.errors import IdentityConflict, InvalidInput, NotFound, NotPermitted, RecordChanged
from filmroom.model.doi_repositories import DoiWriter, Repository
from filmroom.model.doi_suffixes import random_suffix
from filmroom.model.dois import LONGEST_DOI, DoiRecord, DoiState
from filmroom.wire.datacite.change import (
    DoiChange,
    InvalidRecord,
    document_of,
    field_problems,
    merged,
    next_state,
    record_after,
)
from filmroom.wire.datacite.record import Record
from filmroom.wire.datacite.validation import DOI_PATTERN, Problem, validate, validate_draft
from filmroom.wire.datacite.xml_reader import read_xml
from filmroom.wire.datacite.xml_writer import write_xml

NOT_AUTHORIZED = "You are not authorized to access this resource."
_EVERYBODY = DoiWriter(everywhere=True)
_ATTEMPTS = 20
"""Of writers who change one record at once, and of suffixes that turn out to be taken."""


class NotADraft(InvalidInput):
    """Only drafts can be deleted."""


class DoiTaken(InvalidRecord):
    """There is a record of this DOI already."""

    def __init__(self, doi: str) -> None:
        super().__init__([Problem("doi", "This DOI has already been taken", doi)])


class DoiEditor:
    """What writers do with records."""

    def __init__(self, catalog: Catalog, page_of: Callable[[str], str] = lambda _doi: "") -> None:
        """:param page_of: gives the landing page of new records that name none; empty: they have none."""
        self._page_of = page_of
        self._dois = catalog.dois()
        self._repositories = catalog.doi_repositories()

    def create(self, writer: DoiWriter, change: DoiChange) -> DoiRecord:
        """Make a record, with the DOI that is asked for or a generated one.

        :raises InvalidRecord: :raises NotPermitted: when the prefix or the repository is not the writer's.
        """
        change = _with_xml(change)
        if not change.doi and change.prefix and not change.suffix:
            for _ in range(_ATTEMPTS):
                try:
                    return self._make(writer, change, _minted(change.prefix))
                except DoiTaken:
                    continue
        return self._make(writer, change, _named_doi(change))

    def update(
        self,
        writer: DoiWriter,
        doi: str,
        change: DoiChange,
        *,
        expected: Callable[[DoiRecord], bool] | None = None,
    ) -> tuple[DoiRecord, bool]:
        """Merge a change into a record, or make the record; return it, and whether it was made.

        :param expected: tells whether a record is what the writer has seen.
        :raises InvalidRecord: :raises NotPermitted: :raises RecordChanged: when it is not what is expected.
        """
        change = _with_xml(change)
        for _ in range(_ATTEMPTS):
            record = self._find(doi)
            if expected is not None and not (record is not None and expected(record)):
                raise RecordChanged("The record is not the one that If-Match names.")
            try:
                if record is None:
                    return self._make(writer, change, doi), True
                return self._keep(writer, self._changed(writer, record, change)), False
            except (RecordChanged, DoiTaken):
                continue  # somebody was faster: the change is merged with what is there now
        raise RecordChanged("The record is being changed by too many at once.")

    def preview(self, writer: DoiWriter, change: DoiChange) -> DoiRecord:
        """Return the record that would be made, if it may be published as it is; nothing is kept.

        :raises InvalidRecord: :raises NotPermitted:
        """
        change = _with_xml(change)
        minted = not change.doi and change.prefix and not change.suffix
        record = self._new(writer, change, _minted(change.prefix) if minted else _named_doi(change))
        return self._checked(record, merged(document_of(record), change.attributes), valid=True)

    def delete(self, writer: DoiWriter, doi: str) -> None:
        """Delete a draft.

        :raises NotFound: when there is none that the writer may know of. :raises NotPermitted: when it is
            somebody else's. :raises NotADraft:
        """
        record = self._find(doi)
        if record is None or not (record.is_findable or writer.may_write(record.client)):
            raise NotFound(f"There is no DOI {doi[:300]!r}.")
        self._check_owner(writer, record)
        if record.state is not DoiState.DRAFT:
            raise NotADraft(f"{doi} is {record.state}; only drafts can be deleted.")
        try:
            self._dois.delete_draft(doi, actor=writer.actor)
        except InvalidInput:
            raise NotADraft(f"{doi} is a draft no longer.") from None

    # -- steps ---------------------------------------------------------------------------------------

    def _make(self, writer: DoiWriter, change: DoiChange, doi: str) -> DoiRecord:
        record = self._new(writer, change, doi)
        if self._find(doi) is not None:
            raise DoiTaken(doi)
        page = {"url": self._page_of(doi) or None}
        made = self._checked(record, merged(document_of(record), {**page, **change.attributes}))
        try:
            return self._keep(writer, made)
        except IdentityConflict:
            raise DoiTaken(doi) from None

    def _new(self, writer: DoiWriter, change: DoiChange, doi: str) -> DoiRecord:
        """Return the empty record that a change begins with, in the state that it asks for."""
        if not DOI_PATTERN.fullmatch(doi) or len(doi) > LONGEST_DOI:
            raise InvalidRecord([Problem("doi", "Is invalid", doi[:LONGEST_DOI])])
        repository = self._repository(writer, change.repository, doi.partition("/")[0])
        return DoiRecord(doi=doi, client=repository.symbol, state=next_state(DoiState.DRAFT, change.event))

    def _changed(self, writer: DoiWriter, record: DoiRecord, change: DoiChange) -> DoiRecord:
        self._check_owner(writer, record)
        if change.transfer:
            target = self._repositories.find(change.repository)
            if target is None:
                raise InvalidRecord([Problem("client", "Can't be blank", record.doi)])
            _check_open(writer, target)
            record = dataclasses.replace(record, client=target.symbol)
        after = dataclasses.replace(record, state=next_state(record.state, change.event))
        return self._checked(after, merged(document_of(record), change.attributes))

    def _checked(self, record: DoiRecord, document: Mapping[str, Any], *, valid: bool = False) -> DoiRecord:
        """Return a record with what a document says. :raises InvalidRecord:

        :param valid: whether it must be fit to be published, also as a draft.
        """
        needed = valid or record.state is not DoiState.DRAFT
        problems = field_problems(document) or (validate if needed else validate_draft)(document)
        if not problems and document.get("url"):
            problems = self._url_problems(record, str(document["url"]))
        if problems:
            raise InvalidRecord(problems)
        try:
            after = record_after(record, document)
        except InvalidInput as error:
            raise InvalidRecord([Problem("metadata", str(error), record.doi)]) from None
        fit = needed or not validate(document)
        xml = write_xml(Record(document, record.client, record.provider)) if fit else None
        return dataclasses.replace(after, xml=xml)

    def _url_problems(self, record: DoiRecord, url: str) -> list[Problem]:
        repository = self._repositories.find(record.client)
        if repository is None or repository.allows(url):
            return []
        text = f"URL {url} is not allowed by repository {repository.symbol.upper()} domain settings."
        return [Problem("url", text, record.doi)]

    def _keep(self, writer: DoiWriter, record: DoiRecord) -> DoiRecord:
        return self._dois.put(record, actor=writer.actor)

    def _find(self, doi: str) -> DoiRecord | None:
        """Return a record, whoever may see it; None where there is none, or no DOI can be so."""
        try:
            return self._dois.get(doi, _EVERYBODY)
        except NotFound:
            return None

    # -- who may -------------------------------------------------------------------------------------

    def _check_owner(self, writer: DoiWriter, record: DoiRecord) -> None:
        """:raises NotPermitted: unless a record is the writer's, and this archive's own."""
        repository = self._repositories.find(record.client)
        if record.imported_at is not None or repository is None:
            raise NotPermitted(NOT_AUTHORIZED)
        _check_open(writer, repository)

    def _repository(self, writer: DoiWriter, symbol: str, prefix: str) -> Repository:
        """Return for which repository a DOI is made: the one that is named, or the only one it can be.

        :raises NotPermitted: where there is none. :raises InvalidRecord: where there are several.
        """
        found = [
            each
            for each in self._repositories.all()
            if each.active
            and prefix in each.prefixes
            and writer.may_write(each.symbol)
            and symbol in {"", each.symbol}
        ]
        if not found:
            raise NotPermitted(NOT_AUTHORIZED)
        if len(found) > 1:
            raise InvalidRecord([Problem("client", "Can't be blank", "")])
        return found[0]


def _check_open(writer: DoiWriter, repository: Repository) -> None:
    if not (repository.active and writer.may_write(repository.symbol)):
        raise NotPermitted(NOT_AUTHORIZED)


def _minted(prefix: str) -> str:
    """Return a new DOI below a prefix, which may have the start of a suffix behind it."""
    parent, _, start = prefix.partition("/")
    return f"{parent}/{start}-{random_suffix()}" if start else f"{parent}/{random_suffix()}"


def _named_doi(change: DoiChange) -> str:
    doi = change.doi or (f"{change.prefix}/{change.suffix}" if change.prefix and change.suffix else "")
    if not doi:
        raise InvalidRecord([Problem("doi", "Can't be blank", "")])
    return doi


def _with_xml(change: DoiChange) -> DoiChange:
    """Return a change with what its XML says of attributes that are not named. :raises InvalidRecord:"""
    if not change.xml:
        return change
    try:
        found = read_xml(base64.b64decode(change.xml, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidRecord([Problem("xml", "Is invalid", change.doi)]) from None
    except InvalidInput as error:
        raise InvalidRecord([Problem("xml", f"DOI {change.doi}: {error}", change.doi)]) from None
    doi = str(found.pop("doi", ""))
    return dataclasses.replace(
        change,
        attributes={**found, **change.attributes},
        doi=change.doi or ("" if change.prefix else doi),
        xml="",
    )
