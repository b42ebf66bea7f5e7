"""What the archive holds of datasets that everybody may see: counts by collection, and by DOI.

Counting walks every public series, so the counts are kept until series change or what is public does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.catalog.holdings import HUMAN
from filmroom.catalog.schema import collection, patient, series, site
from filmroom.catalog.simple_search_changes import last_change
from filmroom.catalog.slides import Slides
from filmroom.catalog.visible import public_site, visible_in_bulk
from filmroom.model.access import VisibleSet
from filmroom.model.datasets import Holding
from filmroom.model.policy import DOI_RESOLVER

_KEPT_SECONDS = 300
"""Counts are taken anew after this time in any case: repairs of a catalogue leave no trace of a change."""
_FROM = series.join(site, site.c.id == series.c.site_id).join(
    collection, collection.c.id == site.c.collection_id
)
_NOT_OTHERS = series.c.third_party_analysis.is_distinct_from("YES")
_OWN = sa.or_(_NOT_OTHERS, collection.c.third_party_analysis)
_PLAIN = sa.and_(_NOT_OTHERS, sa.not_(collection.c.third_party_analysis))


@dataclass(frozen=True, slots=True)
class PublicHoldings:
    """What everybody may see, by the name of a collection and by the DOI of series."""

    of_collection: Mapping[str, Holding]
    of_doi: Mapping[str, Holding]

    def of(self, name: str, doi: str) -> Holding | None:
        """Return what there is of a dataset: its collection, else the series that have its DOI."""
        return self.of_collection.get(name) or self.of_doi.get(doi)


@dataclass(frozen=True, slots=True)
class _Counted:
    moment: tuple[int, tuple[int, ...]]
    at: float
    holdings: PublicHoldings


class DatasetHoldings:
    """The counts of one process; for threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = threading.Lock()
        self._kept: _Counted | None = None

    def public(self) -> PublicHoldings:
        """Return what everybody may see at this moment."""
        with self._turn:
            counted = self._counted()
        of_collection = dict(counted.of_collection)
        for name, totals in Slides(self._database).totals(VisibleSet()).items():
            of_collection[name] = replace(of_collection.get(name, Holding()), slides=totals)
        return PublicHoldings(of_collection, counted.of_doi)

    def _counted(self) -> PublicHoldings:
        with self._database.reading() as connection:
            sites = sa.select(site.c.id).where(public_site(site.c.id)).order_by(site.c.id)
            # The number first: what is committed meanwhile is counted twice rather than missed.
            moment = (last_change(connection), tuple(connection.scalars(sites)))
            kept = self._kept
            if kept is not None and kept.moment == moment and time.monotonic() - kept.at < _KEPT_SECONDS:
                return kept.holdings
            by_doi = sa.func.lower(series.c.description_uri)
            found = PublicHoldings(
                _count(connection, collection.c.name, _OWN),
                {
                    uri.removeprefix(DOI_RESOLVER): holding
                    for uri, holding in _count(connection, by_doi, by_doi.like(f"{DOI_RESOLVER}%")).items()
                },
            )
            self._kept = _Counted(moment, time.monotonic(), found)
            return found


def _count(
    connection: sa.Connection, key: sa.ColumnElement[Any], condition: sa.ColumnElement[bool]
) -> dict[str, Holding]:
    named = key.label("name")
    conditions = (visible_in_bulk(VisibleSet()), condition)
    totals = (
        sa.select(
            named,
            sa.func.count().label("series"),
            sa.func.sum(series.c.image_count).label("images"),
            sa.func.sum(series.c.file_size).label("size"),
            sa.func.count(series.c.patient_key.distinct()).label("subjects"),
            sa.func.count(series.c.study_key.distinct()).label("studies"),
            sa.func.count().filter(_PLAIN).label("plain"),
        )
        .select_from(_FROM)
        .where(*conditions)
        .group_by(named)
    )
    modalities = _values(
        connection, sa.select(named, series.c.modality).select_from(_FROM).where(*conditions)
    )
    species_name = sa.func.coalesce(sa.func.nullif(patient.c.species_description, ""), HUMAN[1])
    joined = _FROM.join(patient, patient.c.id == series.c.patient_key)
    species = _values(connection, sa.select(named, species_name).select_from(joined).where(*conditions))
    return {
        row.name: Holding(
            subjects=row.subjects,
            studies=row.studies,
            series=row.series,
            images=int(row.images or 0),
            size=int(row.size or 0),
            modalities=modalities.get(row.name, ()),
            species=species.get(row.name, ()),
            third_party=not row.plain,
        )
        for row in connection.execute(totals)
    }


def _values(connection: sa.Connection, pairs: sa.Select[Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for name, value in connection.execute(pairs.distinct()):
        if value:
            found.setdefault(name, set()).add(value)
    return {name: tuple(sorted(values)) for name, values in found.items()}
