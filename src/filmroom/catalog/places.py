"""Collections, sites and the terms under which new series come in."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.schema import collection, licence, protection_element, protection_group, site
from filmroom.catalog.schema_access import protection_collection
from filmroom.model.access import PUBLIC_PROTECTION_GROUP, Visibility
from filmroom.model.entities import Assignment, Licence


@dataclass(frozen=True, slots=True)
class Place:
    """One ``collection//site`` pair."""

    id: int
    name: str


class Places:
    """Finds or makes the sites of a transaction, with licence and public access as assigned."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._sites: dict[tuple[str, str], Place] = {}
        self._names: dict[int, str] = {}
        self._terms: dict[Assignment, dict[str, Any]] = {}

    def find(self, assignment: Assignment) -> Place | None:
        """Return the pair of an assignment if the archive has it."""
        pair = (assignment.collection, assignment.site)
        if pair not in self._sites:
            found = self._connection.scalar(
                sa.select(site.c.id)
                .select_from(site.join(collection))
                .where(collection.c.name == assignment.collection, site.c.name == assignment.site)
            )
            if found is None:
                return None
            self._keep(pair, found)
        return self._sites[pair]

    def site(self, assignment: Assignment) -> Place:
        """Return the pair of an assignment; a new pair is made public or not as the assignment says."""
        place = self.find(assignment)
        if place is None:
            made = self._make_site(self._collection(assignment), assignment)
            place = self._keep((assignment.collection, assignment.site), made)
        return place

    def _keep(self, pair: tuple[str, str], site_id: int) -> Place:
        place = self._sites[pair] = Place(site_id, "//".join(pair))
        self._names[site_id] = place.name
        return place

    def name(self, site_id: int) -> str:
        """Return ``collection//site`` of a site."""
        if site_id not in self._names:
            row = self._connection.execute(
                sa.select(collection.c.name, site.c.name)
                .select_from(site.join(collection))
                .where(site.c.id == site_id)
            ).one()
            self._names[site_id] = f"{row[0]}//{row[1]}"
        return self._names[site_id]

    def _collection(self, assignment: Assignment) -> int:
        found = self._connection.scalar(
            sa.select(collection.c.id).where(collection.c.name == assignment.collection)
        )
        if found is not None:
            return int(found)
        moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        return make_collection(
            self._connection,
            assignment.collection,
            moment,
            description_uri=None if assignment.third_party_analysis else assignment.description_uri,
            third_party_analysis=assignment.third_party_analysis,
        )

    def _make_site(self, collection_id: int, assignment: Assignment) -> int:
        made = self._connection.execute(
            sa.insert(site).values(
                collection_id=collection_id,
                name=assignment.site,
                licence_id=licence_id(self._connection, assignment.licence) if assignment.licence else None,
            )
        ).inserted_primary_key
        assert made is not None  # noqa: S101 - an insert of one row has a key
        if assignment.access == "public":
            set_public(self._connection, made[0], public=True)
        # Whoever was granted the whole collection was granted this site.
        self._connection.execute(
            sa.insert(protection_element).from_select(
                ["protection_group_id", "site_id"],
                sa.select(protection_collection.c.protection_group_id, sa.literal(made[0])).where(
                    protection_collection.c.collection_id == collection_id
                ),
            )
        )
        return int(made[0])

    def terms(self, assignment: Assignment, moment: dt.datetime) -> dict[str, Any]:
        """Return the columns of a new series that come from its assignment or, failing that, its site."""
        if assignment not in self._terms:
            self._terms[assignment] = self._read_terms(assignment, moment)
        return self._terms[assignment]

    def _read_terms(self, assignment: Assignment, moment: dt.datetime) -> dict[str, Any]:
        row = self._connection.execute(
            sa.select(
                licence.c.short_name,
                licence.c.url,
                licence.c.commercial_use,
                collection.c.description_uri,
                collection.c.third_party_analysis,
            )
            .select_from(site.join(collection).outerjoin(licence, licence.c.id == site.c.licence_id))
            .where(site.c.id == self.site(assignment).id)
        ).one()
        terms = assignment.licence
        third_party = assignment.third_party_analysis or row.third_party_analysis
        commercial = terms.commercial_use if terms else row.commercial_use
        visible = assignment.visibility == int(Visibility.VISIBLE)
        return {
            "licence_name": terms.short_name if terms else row.short_name,
            "licence_url": terms.url if terms else row.url,
            "exclude_commercial": commercial is False,
            "third_party_analysis": "YES" if third_party else "NO",
            "description_uri": assignment.description_uri or row.description_uri,
            "visibility": assignment.visibility,
            "released_status": "Yes" if visible else "No",
            "date_released": moment if visible else None,
        }


def make_collection(connection: sa.Connection, name: str, moment: dt.datetime, **values: Any) -> int:
    """Make a collection and return its id."""
    made = connection.execute(
        sa.insert(collection).values(name=name, created=moment, changed=moment, **values)
    ).inserted_primary_key
    assert made is not None  # noqa: S101 - an insert of one row has a key
    return int(made[0])


def licence_id(connection: sa.Connection, terms: Licence) -> int:
    """Return the id of a licence, made or brought up to date by its long name."""
    values = {
        "short_name": terms.short_name,
        "url": terms.url,
        "text": terms.text,
        "commercial_use": terms.commercial_use,
    }
    found = connection.scalar(sa.select(licence.c.id).where(licence.c.long_name == terms.long_name))
    if found is not None:
        connection.execute(sa.update(licence).where(licence.c.id == found).values(values))
        return int(found)
    made = connection.execute(
        sa.insert(licence).values(long_name=terms.long_name, **values)
    ).inserted_primary_key
    assert made is not None  # noqa: S101
    return int(made[0])


def set_public(connection: sa.Connection, site_id: int, *, public: bool) -> None:
    """Put a pair into the public protection group, or take it out."""
    group = connection.scalar(
        sa.select(protection_group.c.id).where(protection_group.c.name == PUBLIC_PROTECTION_GROUP)
    )
    if group is None:
        made = connection.execute(
            sa.insert(protection_group).values(
                name=PUBLIC_PROTECTION_GROUP, description="What everybody may see."
            )
        ).inserted_primary_key
        assert made is not None  # noqa: S101
        group = made[0]
    condition = sa.and_(
        protection_element.c.protection_group_id == group, protection_element.c.site_id == site_id
    )
    there = connection.scalar(sa.select(sa.func.count()).select_from(protection_element).where(condition))
    if public and not there:
        connection.execute(sa.insert(protection_element).values(protection_group_id=group, site_id=site_id))
    elif there and not public:
        connection.execute(sa.delete(protection_element).where(condition))
