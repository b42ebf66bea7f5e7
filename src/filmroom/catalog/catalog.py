"""The catalogue's face: every question and every change, each in a transaction of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

import sqlalchemy as sa

from filmroom.catalog import administration, content, installation, ledger, read, runs, upgrade
from filmroom.catalog.accounts import Accounts
from filmroom.catalog.agreements import Agreements
from filmroom.catalog.database import Database, chunks
from filmroom.catalog.drill_down import DrillDown
from filmroom.catalog.grants import Grants
from filmroom.catalog.identities import Identities
from filmroom.catalog.inspection import Inspection
from filmroom.catalog.lists import Lists
from filmroom.catalog.pages import Row
from filmroom.catalog.schema import instance
from filmroom.catalog.series_files import SeriesFiles
from filmroom.catalog.text_index import TextIndex
from filmroom.catalog.text_search import TextSearch
from filmroom.catalog.tokens import Tokens
from filmroom.errors import CatalogError
from filmroom.model.access import VisibleSet
from filmroom.model.entities import (
    Collection,
    Download,
    IncomingInstance,
    ItemOutcome,
    Licence,
    QuarantineItem,
    SeriesContent,
    StoredInstance,
)
from filmroom.model.naming import uid_digest
from filmroom.model.queries import Query

if TYPE_CHECKING:
    from filmroom.catalog.simple_search import Searches


@contextlib.contextmanager
def _closed_on_error(database: Database) -> Iterator[Database]:
    try:
        yield database
    except BaseException:
        database.close()
        raise


class Catalog:
    """One open catalogue. Safe for threads; a forked process opens its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    def open(cls, url: str) -> Catalog:
        """Open an existing catalogue.

        :param url: a database address: ``sqlite:///…`` or ``postgresql://…``.
        :raises CatalogError: when there is none. :raises SchemaMismatch: when it has another schema.
        """
        with _closed_on_error(Database(url)) as database:
            if not database.exists():
                raise CatalogError(
                    f"There is no archive at {database.url.render_as_string(hide_password=True)}.",
                    advice="Make one with: filmroom ingest, or: filmroom serve",
                )
            upgrade.check(database)
            return cls(database)

    @classmethod
    def create(cls, url: str) -> Catalog:
        """Open a catalogue, making an empty one where none is."""
        with _closed_on_error(Database(url)) as database:
            if not database.exists():
                database.make_folder()
                with database.creation_lock():
                    if not database.exists():
                        upgrade.upgrade(database)
            upgrade.check(database)
            return cls(database)

    @classmethod
    def upgrade(cls, url: str) -> tuple[str | None, str]:
        """Bring a catalogue to this program's schema; return the revisions before and after."""
        with contextlib.closing(Database(url)) as database:
            if not database.exists():
                raise CatalogError("There is no archive to upgrade.")
            before = upgrade.present_revision(database)
            if before is None:
                upgrade.check(database)
            upgrade.upgrade(database)
            return before, upgrade.newest_revision()

    def close(self) -> None:
        """Close every connection."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- reading -------------------------------------------------------------------------------------

    def rows(self, query: Query, visible: VisibleSet) -> Iterator[list[Row]]:
        """Yield what answers a question, in pages that are never empty; see ``model.queries``."""
        return read.read(self._database, query, visible)

    def series_content(
        self, series_uid: str, visible: VisibleSet, *, with_files: bool = False
    ) -> SeriesContent:
        """Return what a download of a series consists of. :raises NotFound: :raises AgreementRequired:

        :param with_files: with its files that are not DICOM.
        """
        with self._database.reading() as connection:
            return content.series_content(connection, series_uid, visible, with_files=with_files)

    def instance(self, series_uid: str, sop_uid: str, visible: VisibleSet) -> StoredInstance:
        """Return one instance of a series. :raises NotFound: :raises AgreementRequired:"""
        with self._database.reading() as connection:
            return content.one_instance(connection, series_uid, sop_uid, visible)

    # -- ingest --------------------------------------------------------------------------------------

    def known_digests(self, sop_uids: Sequence[str]) -> dict[str, bytes]:
        """Return the SHA-256 of those instances that are already catalogued, by SOP Instance UID."""
        by_digest = {uid_digest(uid): uid for uid in sop_uids}
        found: dict[str, bytes] = {}
        with self._database.reading() as connection:
            for some in chunks(list(by_digest)):
                statement = sa.select(instance.c.uid_digest, instance.c.sha256)
                for digest, sha256 in connection.execute(statement.where(instance.c.uid_digest.in_(some))):
                    found[by_digest[bytes(digest)]] = bytes(sha256)
        return found

    def begin_run(
        self, key: str, plan: str | None = None, owner: str | None = None, seconds: int = 0
    ) -> runs.IngestRun:
        """Start an ingest run, or go on with the unfinished one of the same key.

        :param plan: what a helper needs to know; without one nobody can help.
        :param owner: who scans; it counts as alive for ``seconds``, and longer when renewed.
        :raises ArchiveInUse: when another owner of the same run is alive.
        """
        with self._database.writing() as connection:
            return runs.begin_run(connection, key, plan, owner, seconds)

    def open_runs(self) -> list[runs.OpenRun]:
        """Return the ingest runs that are not finished, oldest first."""
        with self._database.reading() as connection:
            return runs.open_runs(connection)

    def add_batch(self, run_id: int, sources: Sequence[Any], *, shared: bool = True) -> int:
        """Write a batch into the ledger before work on it starts; return its id.

        :param sources: anything that JSON holds. :param shared: whether helpers can work on it.
        """
        with self._database.writing(in_turn=False) as connection:
            return runs.add_batch(connection, run_id, sources, shared=shared)

    def lease_batch(self, run_id: int | None, worker: str, seconds: int) -> runs.Batch | None:
        """Give the oldest batch of a run, or of any, that nobody works on to a worker for ``seconds``.

        Returns None when there is none. Batches that are not shared go to the run's owner alone.
        """
        with self._database.writing(in_turn=False) as connection:
            return runs.lease_batch(connection, run_id, worker, seconds)

    def renew_leases(self, worker: str, seconds: int) -> None:
        """Let everything that a worker has leased, and the runs it owns, last ``seconds`` from now."""
        with self._database.writing(in_turn=False) as connection:
            runs.renew(connection, worker, seconds)

    def release_leases(self, worker: str) -> None:
        """Give back everything that a worker has leased, and the runs it owns."""
        with self._database.writing(in_turn=False) as connection:
            runs.release(connection, worker)

    def unfinished_batches(self, run_id: int) -> int:
        """Return how many batches of a run are not done."""
        with self._database.reading() as connection:
            return sum(len(runs.batch_ids(connection, run_id, state)) for state in ("open", "leased"))

    def batches(self, run_id: int, state: Literal["open", "leased", "done"]) -> Iterator[runs.Batch]:
        """Yield the batches of a run that are in a state, in the order in which they were added."""
        with self._database.reading() as connection:
            found = runs.batch_ids(connection, run_id, state)
        for batch_id in found:
            with self._database.reading() as connection:
                sources = runs.batch_sources(connection, batch_id)
            yield runs.Batch(batch_id, run_id, sources)

    def batch_records(self, run_id: int, known: set[int]) -> list[tuple[int, dict[str, Any]]]:
        """Return what was recorded of the batches of a run that are done, but for those ``known`` by id."""
        with self._database.reading() as connection:
            return list(runs.batch_records(connection, run_id, known))

    def commit_batch(
        self,
        batch_id: int | None,
        incoming: Sequence[IncomingInstance],
        refused: Sequence[ledger.Refusal] = (),
        *,
        worker: str | None = None,
        record: ledger.Record | None = None,
    ) -> list[ItemOutcome]:
        """Store a batch in one transaction: instances, totals, facets, quarantine, and the batch itself.

        Returns one outcome per incoming instance, in order: ``stored``, ``present`` (the same bytes are
        there already) or ``quarantined`` (an identity rule is broken; its bytes stay at their location).
        The bytes at every location must be durable before the call.

        :param worker: who leased the batch. :param record: what the ledger keeps of the outcomes.
        :raises LeaseLost: when the batch is not that worker's any more; nothing was changed.
        """
        with self._database.writing() as connection:
            return ledger.commit_batch(connection, batch_id, incoming, refused, worker=worker, record=record)

    def end_run(self, run_id: int, summary: dict[str, Any]) -> None:
        """Close an ingest run."""
        with self._database.writing() as connection:
            runs.end_run(connection, run_id, summary)

    def unreferenced(self, keys: Sequence[str]) -> list[str]:
        """Return those store keys that nothing refers to, so that their objects can be deleted."""
        if not keys:
            return []
        with self._database.writing() as connection:
            return ledger.forget_unused(connection, keys)

    # -- quarantine ----------------------------------------------------------------------------------

    def quarantine(self) -> list[QuarantineItem]:
        """Return the refused objects, oldest first."""
        with self._database.reading() as connection:
            return list(ledger.quarantine_items(connection))

    def quarantine_item(self, item_id: int) -> QuarantineItem:
        """Return one refused object. :raises NotFound:"""
        with self._database.reading() as connection:
            for item in ledger.quarantine_items(connection, item_id):
                return item
        raise ledger.no_such_item(item_id)

    def drop_quarantine(self, item_id: int) -> list[str]:
        """Forget one refused object; return the store keys to delete. :raises NotFound:"""
        with self._database.writing() as connection:
            return ledger.drop_quarantine(connection, item_id)

    # -- administration ------------------------------------------------------------------------------

    def collections(self) -> list[Collection]:
        """Return every collection with its totals, by name; for administration, not for viewers."""
        with self._database.reading() as connection:
            return administration.collections(connection)

    def set_collection(
        self,
        name: str,
        *,
        description: str | None = None,
        description_uri: str | None = None,
        licence: Licence | None = None,
        third_party: bool | None = None,
        access: str | None = None,
        create: bool = False,
    ) -> None:
        """Set what is given on a collection and its series; the change is recorded. :raises NotFound:"""
        with self._database.writing() as connection:
            administration.set_collection(
                connection,
                name,
                description=description,
                description_uri=description_uri,
                licence=licence,
                third_party=third_party,
                access=access,
                create=create,
            )

    def record_downloads(self, downloads: Sequence[Download]) -> None:
        """Add deliveries to the audit."""
        with self._database.writing() as connection:
            administration.record_downloads(connection, downloads)

    def downloads(self, limit: int = 1_000) -> list[Download]:
        """Return the newest deliveries of the audit, newest first."""
        with self._database.reading() as connection:
            return administration.downloads(connection, limit)

    def accounts(self) -> Accounts:
        """Return the accounts, groups and programs' secrets."""
        return Accounts(self._database)

    def grants(self) -> Grants:
        """Return who was granted what."""
        return Grants(self._database)

    def searches(self) -> Searches:
        """Return simple search. It keeps a copy of what it looks at, so one of them is enough."""
        from filmroom.catalog.simple_search import Searches  # few commands need arrays

        return Searches(self._database)

    def tokens(self) -> Tokens:
        """Return logins and their tokens."""
        return Tokens(self._database)

    def agreements(self) -> Agreements:
        """Return data usage agreements and who accepted them."""
        return Agreements(self._database)

    def identities(self) -> Identities:
        """Return whose account is whose person's at an institute."""
        return Identities(self._database)

    def series_files(self) -> SeriesFiles:
        """Return the files of series that are not DICOM."""
        return SeriesFiles(self._database)

    def installation_secret(self, name: str) -> str:
        """Return a secret that is this installation's alone; it is made when it is first asked for."""
        return installation.secret_of(self._database, name)

    def lists(self) -> Lists:
        """Return the shared lists of series."""
        return Lists(self._database)

    def drill_down(self) -> DrillDown:
        """Return the way from series to their studies and images."""
        return DrillDown(self._database)

    def text_index(self) -> TextIndex:
        """Return the work of indexing for text search."""
        return TextIndex(self._database)

    def text_search(self) -> TextSearch:
        """Return text search."""
        return TextSearch(self._database)

    def inspection(self) -> Inspection:
        """Return the catalogue as ``filmroom fsck`` reads and corrects it."""
        return Inspection(self._database)

    def counts(self) -> dict[str, int]:
        """Return collections, patients, studies, series, instances, bytes and quarantined."""
        with self._database.reading() as connection:
            return administration.counts(connection)
