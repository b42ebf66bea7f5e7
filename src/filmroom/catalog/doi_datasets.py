"""The series that a DOI is about, and what its record changes of them when somebody asks for it.

Series keep their own licence and DOI. Who may see them follows from neither.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from filmroom.catalog import simple_search_changes
from filmroom.catalog.administration import collection_id, record_change
from filmroom.catalog.database import Database
from filmroom.catalog.dois import shown_rows
from filmroom.catalog.places import licence_id
from filmroom.catalog.schema import collection, licence, series, site
from filmroom.catalog.schema_dois import doi
from filmroom.catalog.write import now
from filmroom.errors import NotFound
from filmroom.model.doi_datasets import Dataset, DatasetTerms, TermsChange
from filmroom.model.dois import DoiRecord

_AT_ONCE = 500


class DoiDatasets:
    """Collections and analysis results as datasets with a DOI."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def records(self) -> Iterator[DoiRecord]:
        """Yield every record there is, by DOI, without its XML; for administration, not for viewers."""
        last = ""
        while True:
            with self._database.reading() as connection:
                names = sa.select(doi.c.doi).where(doi.c.doi > last).order_by(doi.c.doi).limit(_AT_ONCE)
                found = shown_rows(connection, doi.c.doi.in_(names), detail=False)
            if not found:
                return
            yield from sorted((each.record for each in found), key=lambda record: record.doi)
            last = max(each.record.doi for each in found)

    def describe(self, name: str) -> Dataset:
        """Return what the archive has of a collection. :raises NotFound:"""
        with self._database.reading() as connection:
            key = collection_id(connection, name)
            description = connection.scalar(sa.select(collection.c.description).where(collection.c.id == key))
            own = sa.select(
                sa.func.count().label("series"), sa.func.coalesce(sa.func.sum(series.c.file_size), 0)
            ).where(_own_of(key))
            count, size = connection.execute(own).one()
            named = (
                sa.select(series.c.licence_name, series.c.licence_url)
                .where(_own_of(key), series.c.licence_name.is_not(None))
                .distinct()
                .order_by(series.c.licence_name)
            )
            found = [(row.licence_name, row.licence_url or "") for row in connection.execute(named)]
            if not count:  # nothing came in yet: what its series will get
                of_sites = (
                    sa.select(licence.c.short_name, licence.c.url)
                    .select_from(site.join(licence))
                    .where(site.c.collection_id == key)
                    .distinct()
                )
                found = [(row.short_name, row.url) for row in connection.execute(of_sites)]
            return Dataset(name, description, tuple(found), int(count), int(size))

    def plan(self, terms: DatasetTerms, name: str | None = None) -> list[TermsChange]:
        """Return which series :meth:`apply` would give other terms. :raises NotFound: as it."""
        with self._database.reading() as connection:
            return _planned(connection, terms, _collection(connection, terms, name))

    def apply(self, terms: DatasetTerms, name: str | None = None) -> list[TermsChange]:
        """Give a record's DOI and licence to its series, also those that come later; return what changed.

        These are the own series of the collection of its short name, and whatever series have the DOI
        already: those of an analysis result. The collection gets the abstract as its description.

        :param name: of the collection, where it is another than the short name.
        :raises NotFound: when there is neither such a collection nor a series with the DOI.
        """
        with self._database.writing() as connection:
            key = _collection(connection, terms, name)
            changes = _planned(connection, terms, key)
            values: dict[str, object] = {"description_uri": terms.address}
            if terms.licence is not None:
                values |= {
                    "licence_name": terms.licence.short_name,
                    "licence_url": terms.licence.url,
                    "exclude_commercial": not terms.licence.commercial_use,
                }
            other = sa.and_(_described(terms, key), _differs(terms))
            sites = list(connection.scalars(sa.select(series.c.site_id).where(other).distinct()))
            connection.execute(sa.update(series).where(other).values(values))
            simple_search_changes.record_sites(connection, sites)
            if key is not None:
                _set_collection(connection, key, terms)
            detail = {
                "applied to": [
                    {
                        "collection": each.collection,
                        "series": each.series,
                        "doi": each.doi,
                        "licence": each.licence,
                    }
                    for each in changes
                ],
                "licence": terms.licence.short_name if terms.licence else None,
            }
            record_change(connection, f"doi {terms.doi}", detail)
            return changes


def _set_collection(connection: sa.Connection, key: int, terms: DatasetTerms) -> None:
    """Set what new series of a collection get, and its description."""
    before = connection.execute(
        sa.select(collection.c.description_uri).where(collection.c.id == key)
    ).scalar()
    values: dict[str, object] = {}
    if (before or "").lower() != terms.address.lower():
        values["description_uri"] = terms.address
    if terms.abstract is not None:
        values["description"] = terms.abstract
    if values:
        connection.execute(
            sa.update(collection).where(collection.c.id == key).values(**values, changed=now())
        )
    if terms.licence is not None:
        held = licence_id(connection, terms.licence)
        connection.execute(sa.update(site).where(site.c.collection_id == key).values(licence_id=held))


def _collection(connection: sa.Connection, terms: DatasetTerms, name: str | None) -> int | None:
    """Return the id of the collection that a record is about; None for an analysis result, which has none."""
    if name is not None:
        return collection_id(connection, name)
    if terms.short_name is not None:
        found = connection.scalar(sa.select(collection.c.id).where(collection.c.name == terms.short_name))
        if found is not None:
            return int(found)
    if connection.scalar(sa.select(sa.func.count()).select_from(series).where(_has_doi(terms))):
        return None
    raise NotFound(
        f"No collection is called {terms.short_name!r}, and no series has the DOI {terms.doi}.",
        advice="Name the collection with --collection.",
    )


def _own_of(key: int) -> sa.ColumnElement[bool]:
    """Condition on ``series``: of a collection, and not somebody else's analysis, unless all of it is."""
    whole = sa.select(collection.c.third_party_analysis).where(collection.c.id == key).scalar_subquery()
    own = series.c.third_party_analysis.is_distinct_from("YES")
    sites = sa.select(site.c.id).where(site.c.collection_id == key)
    return sa.and_(series.c.site_id.in_(sites), sa.or_(own, whole))


def _has_doi(terms: DatasetTerms) -> sa.ColumnElement[bool]:
    return sa.func.lower(series.c.description_uri) == terms.address.lower()


def _described(terms: DatasetTerms, key: int | None) -> sa.ColumnElement[bool]:
    return _has_doi(terms) if key is None else sa.or_(_has_doi(terms), _own_of(key))


def _differs(terms: DatasetTerms) -> sa.ColumnElement[bool]:
    """Condition on ``series``: its terms are not a record's. A DOI in other letters is the same one."""
    conditions = [sa.func.lower(series.c.description_uri).is_distinct_from(terms.address.lower())]
    if terms.licence is not None:
        conditions += [
            series.c.licence_name.is_distinct_from(terms.licence.short_name),
            series.c.licence_url.is_distinct_from(terms.licence.url),
            series.c.exclude_commercial.is_distinct_from(not terms.licence.commercial_use),
        ]
    return sa.or_(*conditions)


def _planned(connection: sa.Connection, terms: DatasetTerms, key: int | None) -> list[TermsChange]:
    statement = (
        sa.select(collection.c.name, series.c.description_uri, series.c.licence_name, sa.func.count())
        .select_from(series.join(site).join(collection))
        .where(_described(terms, key), _differs(terms))
        .group_by(collection.c.name, series.c.description_uri, series.c.licence_name)
        .order_by(collection.c.name, series.c.description_uri, series.c.licence_name)
    )
    return [TermsChange(row[0], row[3], row[1], row[2]) for row in connection.execute(statement)]
