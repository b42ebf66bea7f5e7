"""The catalogue's face: every question and every change, each in a transaction of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from filmroom.catalog import administration, content, installation, ledger, read, upgrade
from filmroom.catalog.accounts import Accounts
from filmroom.catalog.agreements import Agreements
from filmroom.catalog.database import Database
from filmroom.catalog.datasets import Datasets
from filmroom.catalog.doi_activities import DoiActivities
from filmroom.catalog.doi_datasets import DoiDatasets
from filmroom.catalog.doi_pushes import DoiPushes
from filmroom.catalog.doi_repositories import DoiRepositories
from filmroom.catalog.dois import Dois
from filmroom.catalog.drill_down import DrillDown
from filmroom.catalog.grants import Grants
from filmroom.catalog.identities import Identities
from filmroom.catalog.ingests import IngestLedger
from filmroom.catalog.inspection import Inspection
from filmroom.catalog.lists import Lists
from filmroom.catalog.pages import Page
from filmroom.catalog.series_files import SeriesFiles
from filmroom.catalog.slide_administration import SlideAdministration
from filmroom.catalog.slides import Slides
from filmroom.catalog.text_index import TextIndex
from filmroom.catalog.text_search import TextSearch
from filmroom.catalog.tokens import Tokens
from filmroom.errors import CatalogError
from filmroom.model.access import VisibleSet
from filmroom.model.doi_registration import System
from filmroom.model.entities import (
    Collection,
    Download,
    Licence,
    QuarantineItem,
    SeriesContent,
    StoredInstance,
)
from filmroom.model.queries import Query

if TYPE_CHECKING:
    from filmroom.catalog.doi_search import DoiSearch
    from filmroom.catalog.simple_search import Searches


@contextlib.contextmanager
def _closed_on_error(database: Database) -> Iterator[Database]:
    try:
        yield database
    except BaseException:
        database.close()
        raise


class Catalog(IngestLedger):
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

    def rows(self, query: Query, visible: VisibleSet) -> Iterator[Page]:
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

    def doi_repositories(self) -> DoiRepositories:
        """Return the repositories that own DOIs, and who writes for them."""
        return DoiRepositories(self._database)

    def doi_datasets(self) -> DoiDatasets:
        """Return the series that DOIs are about."""
        return DoiDatasets(self._database)

    def doi_pushes(self, system: System, symbol: str, worker: str = "") -> DoiPushes:
        """Return the queue of a repository's registration at one system of DataCite."""
        return DoiPushes(self._database, system, symbol, worker)

    def datasets(self, kind: str) -> Datasets:
        """Return the published datasets. It keeps them in memory, so one of them is enough.

        :param kind: type of the identifier that is the short name of a dataset.
        """
        return Datasets(self._database, kind)

    def dois(self) -> Dois:
        """Return the records of DOIs."""
        return Dois(self._database)

    def doi_activities(self) -> DoiActivities:
        """Return the history of the records of DOIs."""
        return DoiActivities(self._database)

    def doi_search(self) -> DoiSearch:
        """Return lists of DOIs. It keeps what they are sorted by in memory, so one of them is enough."""
        from filmroom.catalog.doi_search import DoiSearch  # few commands need arrays and a parser

        return DoiSearch(self._database)

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

    def slides(self) -> Slides:
        """Return the whole-slide images."""
        return Slides(self._database)

    def slide_administration(self) -> SlideAdministration:
        """Return changes to slides by hand."""
        return SlideAdministration(self._database)

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
