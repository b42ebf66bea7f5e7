"""The one place where an ingest writes to the catalogue: a batch, its outcomes, and what is left over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from filmroom.catalog import Catalog
from filmroom.errors import LeaseLost
from filmroom.ingest.assign import Rules
from filmroom.ingest.candidates import Bystander
from filmroom.ingest.checked import Checked
from filmroom.ingest.patience import patiently
from filmroom.ingest.report import BatchRecord, CollectionTouched, IngestReport, ReportFile
from filmroom.model.entities import ItemOutcome
from filmroom.store.base import Store


class Committer:
    """Commits checked batches and keeps the report.

    :param helper: the name under which a helper records what it did, for the report of the run's owner.
    """

    def __init__(
        self,
        catalog: Catalog,
        store: Store,
        report: IngestReport,
        report_file: ReportFile | None = None,
        helper: str | None = None,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._report = report
        self._report_file = report_file
        self._helper = helper
        self._before = {entry.name: entry for entry in catalog.collections()}

    def commit(self, batch_id: int | None, checked: Checked, worker: str | None = None) -> bool:
        """Make a batch visible, then delete what it wrote in vain.

        Returns False when the batch was given to another worker meanwhile: then nothing of it is kept.
        """
        # What the latest attempt did, which holds if it turns out to have been committed.
        latest: list[Sequence[ItemOutcome]] = []

        def record(outcomes: Sequence[ItemOutcome]) -> dict[str, Any] | None:
            latest[:] = [outcomes]
            return self._done(checked, outcomes).as_json() if self._helper else None

        def attempt() -> Sequence[ItemOutcome]:
            return self._catalog.commit_batch(
                batch_id,
                checked.incoming,
                checked.refusals,
                checked.slides,
                worker=worker,
                record=record,
            )

        def again() -> Sequence[ItemOutcome]:
            try:
                return attempt()
            except LeaseLost:
                if not latest or self._catalog.finished_by(batch_id) != worker:
                    raise
                return latest[0]

        try:
            outcomes = patiently(attempt, again)
        except LeaseLost:
            self._delete(checked.keys)
            return False
        in_vain = {
            item.location.key
            for item, outcome in zip(checked.arrived, outcomes, strict=True)
            if outcome.outcome != "stored" and not item.location.in_place
        }
        # What is in quarantine already, from the same source, keeps its first copy.
        in_vain |= {refusal.copy_key for refusal in checked.refusals if refusal.copy_key is not None}
        self._delete(sorted(in_vain))
        self.absorb(self._done(checked, outcomes))
        return True

    def _done(self, checked: Checked, outcomes: Sequence[ItemOutcome]) -> BatchRecord:
        done = BatchRecord(self._helper or "")
        _note(done, checked, outcomes)
        return done

    def _delete(self, keys: Sequence[str]) -> None:
        for key in patiently(lambda: self._catalog.unreferenced(keys)):
            self._store.delete(key)

    def absorb(self, done: BatchRecord) -> None:
        """Take what was done with a batch, here or elsewhere, into the report."""
        self._report.absorb(done)
        if self._report_file is not None:
            for outcome in done.items:
                self._report_file.add(outcome)

    def skip(self, bystander: Bystander) -> None:
        """Count something that is not for the archive."""
        self.absorb(BatchRecord(items=[_skipped(bystander)]))

    def note_collections(self, rules: Rules) -> None:
        """Note access and licence of what was touched, as they are now."""
        now = {entry.name: entry for entry in patiently(self._catalog.collections)}
        for entry in self._report.collections.values():
            collection = now[entry.collection]
            entry.access = collection.access
            entry.licence = rules.licence.short_name if rules.licence else collection.licence
        if rules.access is not None:
            for name in sorted({entry.collection for entry in self._report.collections.values()}):
                before = self._before.get(name)
                if before is not None and before.access != rules.access:
                    self._report.warn(
                        f"Collection {name} was there before and stays {now[name].access}; "
                        f"change it with: filmroom collection set {name!r} --access {rules.access}"
                    )


def _skipped(bystander: Bystander) -> ItemOutcome:
    return ItemOutcome(bystander.source, "skipped", bystander.reason)


def _note(done: BatchRecord, checked: Checked, outcomes: Sequence[ItemOutcome]) -> None:
    for item, outcome in zip(checked.arrived, outcomes, strict=True):
        if outcome.outcome != "stored":
            done.items.append(outcome)
            continue
        done.stored += 1
        done.bytes_stored += item.size
        place = item.assignment
        entry = done.collections.setdefault(
            (place.collection, place.site),
            CollectionTouched(place.collection, place.site, place.visibility),
        )
        entry.stored += 1
    done.items += checked.present
    done.items += [
        ItemOutcome(refusal.source, "quarantined", refusal.reason, refusal.message)
        for refusal in checked.refusals
    ]
    done.items += [_skipped(bystander) for bystander in checked.bystanders]
    done.warnings += checked.warnings
    done.bytes_read += checked.bytes_read
