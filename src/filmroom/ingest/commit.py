"""The one place where an ingest writes to the catalogue: a batch, its outcomes, and what is left over."""

from __future__ import annotations

from filmroom.catalog import Catalog
from filmroom.ingest.assign import Rules
from filmroom.ingest.candidates import Bystander
from filmroom.ingest.check import Checked
from filmroom.ingest.report import CollectionTouched, IngestReport, ReportFile
from filmroom.model.entities import IncomingInstance, ItemOutcome
from filmroom.store.base import Store


class Committer:
    """Commits checked batches and keeps the report."""

    def __init__(
        self, catalog: Catalog, store: Store, report: IngestReport, report_file: ReportFile | None = None
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._report = report
        self._report_file = report_file
        self._before = {entry.name: entry for entry in catalog.collections()}

    def commit(self, batch_id: int | None, checked: Checked) -> list[ItemOutcome]:
        """Make a batch visible, then delete what it wrote in vain; return the outcomes of the incoming."""
        outcomes = self._catalog.commit_batch(batch_id, checked.incoming, checked.refusals)
        in_vain = {
            item.location.key
            for item, outcome in zip(checked.incoming, outcomes, strict=True)
            if outcome.outcome != "stored" and not item.location.in_place
        }
        # What is in quarantine already, from the same source, keeps its first copy.
        in_vain |= {refusal.copy_key for refusal in checked.refusals if refusal.copy_key is not None}
        for key in self._catalog.unreferenced(sorted(in_vain)):
            self._store.delete(key)
        self._note(checked, outcomes)
        return outcomes

    def skip(self, bystander: Bystander) -> None:
        """Count something that is not for the archive."""
        self._add(ItemOutcome(bystander.source, "skipped", bystander.reason))

    def _note(self, checked: Checked, outcomes: list[ItemOutcome]) -> None:
        for item, outcome in zip(checked.incoming, outcomes, strict=True):
            self._add(outcome)
            if outcome.outcome == "stored":
                self._report.bytes_stored += item.instance.size
                self._touch(item)
        for present in checked.present:
            self._add(present)
        for refusal in checked.refusals:
            self._add(ItemOutcome(refusal.source, "quarantined", refusal.reason, refusal.message))
        for bystander in checked.bystanders:
            self.skip(bystander)
        for source, warning in checked.warnings:
            self._report.warn(warning, source)
        self._report.bytes_read += checked.bytes_read

    def _add(self, outcome: ItemOutcome) -> None:
        self._report.add(outcome)
        if self._report_file is not None:
            self._report_file.add(outcome)

    def _touch(self, item: IncomingInstance) -> None:
        place = item.assignment
        entry = self._report.collections.get((place.collection, place.site))
        if entry is None:
            entry = CollectionTouched(place.collection, place.site, place.visibility)
            self._report.collections[place.collection, place.site] = entry
        entry.stored += 1

    def note_collections(self, rules: Rules) -> None:
        """Note access and licence of what was touched, as they are now."""
        now = {entry.name: entry for entry in self._catalog.collections()}
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
