"""Published datasets: findable DOI records with a short name, and what editors say of them.

Records are kept in memory and brought up to date with what changed since, as the clock of records tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
import sqlalchemy as sa

from filmroom.catalog.database import Database, chunks
from filmroom.catalog.dataset_holdings import DatasetHoldings
from filmroom.catalog.doi_rows import record_of
from filmroom.catalog.doi_write import next_tick
from filmroom.catalog.schema_datasets import dataset_facts
from filmroom.catalog.schema_dois import doi, doi_clock, doi_document
from filmroom.catalog.write import now
from filmroom.errors import NotFound
from filmroom.model.datasets import DatasetDownload, DatasetFacts, FactsChange, PublishedDataset
from filmroom.model.doi_datasets import short_name_of
from filmroom.model.doi_metadata import StoredAttributes
from filmroom.model.dois import DoiState, normal_doi

_READ_AT_ONCE = 200
_FACTS = msgspec.json.Decoder(DatasetFacts)


class Datasets:
    """The published datasets of one archive, and their editor's facts; for threads."""

    def __init__(self, database: Database, kind: str) -> None:
        """:param kind: type of the identifier that is a short name."""
        self._database = database
        self._kind = kind
        self._holdings = DatasetHoldings(database)
        self._turn = threading.Lock()
        self._tick = -1
        self._found: dict[int, PublishedDataset] = {}

    def published(self) -> list[PublishedDataset]:
        """Return every dataset that everybody may read of, by number, with what they may see of it."""
        holdings = self._holdings.public()
        with self._turn:
            self._catch_up()
            found = sorted(self._found.values(), key=lambda each: each.key)
        return [
            replace(
                each,
                holding=holdings.of(each.name, each.record.doi),
                holds_collection=each.name in holdings.of_collection,
            )
            for each in found
        ]

    def _catch_up(self) -> None:
        with self._database.reading() as connection:
            newest = int(connection.scalar(sa.select(doi_clock.c.tick)) or 0)
            if newest == self._tick:
                return
            changed = sa.select(doi.c.id).where(doi.c.tick > self._tick)
            for keys in chunks(list(connection.scalars(changed)), _READ_AT_ONCE):
                self._read(connection, keys)
            self._tick = newest

    def _read(self, connection: sa.Connection, keys: Iterable[int]) -> None:
        wanted: list[Any] = [doi, *(c for c in doi_document.c if c.name not in {"doi_id", "xml", "imported"})]
        nothing = [sa.null().label(name) for name in ("xml", "imported")]
        statement = (
            sa.select(*wanted, *nothing, dataset_facts.c.document)
            .select_from(doi.join(doi_document).outerjoin(dataset_facts, dataset_facts.c.doi == doi.c.doi))
            .where(doi.c.id.in_(keys))
        )
        for row in connection.execute(statement):
            self._found.pop(row.id, None)
            if row.state != DoiState.FINDABLE.value:
                continue
            record = record_of(row)
            facts = None if row.document is None else _FACTS.decode(row.document)
            name = short_name_of(record.attributes, self._kind) or (facts.short_name if facts else "")
            if name:
                self._found[row.id] = PublishedDataset(row.id, record, name, facts)

    # -- what editors say ----------------------------------------------------------------------------

    def facts(self, name: str) -> DatasetFacts:
        """Return what is said of a DOI. :raises NotFound: :raises InvalidInput: when it is no DOI."""
        wanted = normal_doi(name)
        with self._database.reading() as connection:
            found = _stored(connection, [wanted])
        if wanted not in found:
            raise NotFound(f"Nothing is said of {name[:300]!r}.")
        return found[wanted]

    def short_names(self) -> dict[str, str]:
        """Return the DOI of each short name that records or facts have, whatever the state of the record."""
        found: dict[str, str] = {}
        statement = (
            sa.select(doi.c.doi, doi_document.c.attributes, dataset_facts.c.document)
            .select_from(doi.join(doi_document).outerjoin(dataset_facts, dataset_facts.c.doi == doi.c.doi))
            .order_by(doi.c.doi)
            .limit(_READ_AT_ONCE)
        )
        last = ""
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(statement.where(doi.c.doi > last)).all()
            if not rows:
                return found
            for row in rows:
                said = _FACTS.decode(row.document).short_name if row.document is not None else ""
                name = short_name_of(StoredAttributes(row.attributes), self._kind) or said
                if name:
                    found.setdefault(name, row.doi)
            last = rows[-1].doi

    def put_facts(self, given: Iterable[DatasetFacts]) -> FactsChange:
        """Store what is said of datasets, all or nothing; the downloads that are stored of them stay.

        :raises NotFound: for a DOI that has no record.
        """
        named = {each.doi: each for each in given}
        return self._put(named, lambda stored: replace(named[stored.doi], downloads=stored.downloads))

    def put_downloads(self, given: Mapping[str, tuple[DatasetDownload, ...]]) -> FactsChange:
        """Store the downloads of datasets by their DOIs, all or nothing; what else is said of them stays.

        :raises NotFound: for a DOI that has no record.
        """
        return self._put(given, lambda stored: replace(stored, downloads=given[stored.doi]))

    def remove_facts(self, name: str) -> None:
        """Forget what is said of a DOI. :raises NotFound:"""
        wanted = self.facts(name).doi
        with self._database.writing() as connection:
            connection.execute(sa.delete(dataset_facts).where(dataset_facts.c.doi == wanted))
            _touch(connection, [wanted])

    def _put(self, names: Iterable[str], change: Callable[[DatasetFacts], DatasetFacts]) -> FactsChange:
        """Store what a change makes of the facts of DOIs, or of nothing where there are none."""
        with self._database.writing() as connection:
            wanted = list(names)
            unknown = sorted(set(wanted) - _with_record(connection, wanted))
            if unknown:
                raise NotFound(f"There is no record of {unknown[0]!r}.")
            stored = _stored(connection, wanted)
            given = {name: change(stored.get(name, DatasetFacts(doi=name))) for name in wanted}
            changed = {name: facts for name, facts in given.items() if stored.get(name) != facts}
            for some in chunks(list(changed)):
                connection.execute(sa.delete(dataset_facts).where(dataset_facts.c.doi.in_(some)))
            if changed:
                moment = now()
                rows = [
                    {"doi": name, "document": msgspec.json.encode(facts).decode(), "changed": moment}
                    for name, facts in changed.items()
                ]
                connection.execute(sa.insert(dataset_facts), rows)
                _touch(connection, list(changed))
        new = len(changed.keys() - stored.keys())
        return FactsChange(new, len(changed) - new, len(given) - len(changed))


def _stored(connection: sa.Connection, names: list[str]) -> dict[str, DatasetFacts]:
    found: dict[str, DatasetFacts] = {}
    for some in chunks(names):
        for row in connection.execute(sa.select(dataset_facts).where(dataset_facts.c.doi.in_(some))):
            found[row.doi] = _FACTS.decode(row.document)
    return found


def _with_record(connection: sa.Connection, names: list[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(names):
        found.update(connection.scalars(sa.select(doi.c.doi).where(doi.c.doi.in_(some))))
    return found


def _touch(connection: sa.Connection, names: list[str]) -> None:
    """Tell those who keep copies that these records have changed."""
    tick = next_tick(connection)
    for some in chunks(names):
        connection.execute(sa.update(doi).where(doi.c.doi.in_(some)).values(tick=tick))
