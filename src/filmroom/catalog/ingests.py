"""What an ingest asks of the catalogue and writes to it: runs, leases, batches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from filmroom.catalog import ledger, runs
from filmroom.catalog.database import Database, chunks
from filmroom.catalog.schema import instance
from filmroom.catalog.slide_write import slide_is_there
from filmroom.model.entities import IncomingInstance, ItemOutcome
from filmroom.model.naming import uid_digest
from filmroom.model.slides import IncomingSlide


class IngestLedger:
    """The part of :class:`filmroom.catalog.Catalog` that ingests use."""

    _database: Database

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

    def has_slide(self, collection: str, name: str, original_sha256: bytes) -> bool:
        """Return whether a collection has the slide already, as it came."""
        with self._database.reading() as connection:
            return slide_is_there(connection, collection, name, original_sha256)

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

    def add_batch(
        self, run_id: int, sources: Sequence[Any], *, shared: bool = True, again: bool = False
    ) -> int:
        """Write a batch into the ledger before work on it starts; return its id.

        :param sources: anything that JSON holds. :param shared: whether helpers can work on it.
        :param again: it may have been added a moment ago, by an attempt whose end nobody heard of.
        """
        with self._database.writing(in_turn=False) as connection:
            return runs.add_batch(connection, run_id, sources, shared=shared, again=again)

    def finished_by(self, batch_id: int | None) -> str | None:
        """Return which worker finished a batch, None where it is not done."""
        with self._database.reading() as connection:
            return None if batch_id is None else runs.finished_by(connection, batch_id)

    def lease_batch(
        self, run_id: int | None, worker: str, seconds: int, *, held: Collection[int] | None = None
    ) -> runs.Batch | None:
        """Give the oldest batch of a run, or of any, that nobody works on to a worker for ``seconds``.

        Returns None when there is none. Batches that are not shared go to the run's owner alone.

        :param held: the batches that the worker knows it holds, where it may have been given another
            without hearing of it; that one is given back first.
        """
        with self._database.writing(in_turn=False) as connection:
            if held is not None:
                runs.release_others(connection, worker, held)
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
        slides: Sequence[IncomingSlide] = (),
        *,
        worker: str | None = None,
        record: ledger.Record | None = None,
    ) -> list[ItemOutcome]:
        """Store a batch in one transaction: instances, slides, totals, facets, quarantine, the batch itself.

        Returns one outcome per incoming instance, then per slide, in order: ``stored``, ``present`` (the
        same bytes are there already) or ``quarantined`` (an identity rule is broken; its bytes stay at their
        location).
        The bytes at every location must be durable before the call.

        :param worker: who leased the batch. :param record: what the ledger keeps of the outcomes.
        :raises LeaseLost: when the batch is not that worker's any more; nothing was changed.
        """
        with self._database.writing() as connection:
            return ledger.commit_batch(
                connection, batch_id, incoming, refused, slides, worker=worker, record=record
            )

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
