"""What a data manager sets: terms, descriptions and access of collections. Every change is recorded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import sqlalchemy as sa

from filmroom.catalog import simple_search_changes
from filmroom.catalog.places import licence_id, make_collection, set_public
from filmroom.catalog.schema import (
    change,
    collection,
    download,
    instance,
    licence,
    patient,
    protection_element,
    protection_group,
    quarantine,
    series,
    site,
    study,
)
from filmroom.catalog.write import now
from filmroom.errors import InvalidInput, NotFound
from filmroom.model.access import PUBLIC_PROTECTION_GROUP
from filmroom.model.entities import Collection, Download, Licence


def collections(connection: sa.Connection) -> list[Collection]:
    """Return every collection with its totals over all visibilities, by name."""
    public = (
        sa.select(protection_element.c.site_id)
        .select_from(protection_element.join(protection_group))
        .where(protection_group.c.name == PUBLIC_PROTECTION_GROUP)
    )
    totals = {
        row.site_id: row
        for row in connection.execute(
            sa.select(
                series.c.site_id,
                sa.func.count().label("series"),
                sa.func.sum(series.c.image_count).label("instances"),
                sa.func.sum(series.c.file_size).label("bytes"),
            ).group_by(series.c.site_id)
        )
    }
    rows = connection.execute(
        sa.select(
            collection,
            site.c.id.label("site_id"),
            licence.c.short_name,
            licence.c.url,
            site.c.id.in_(public).label("public"),
        )
        .select_from(collection.outerjoin(site).outerjoin(licence, licence.c.id == site.c.licence_id))
        .order_by(collection.c.name, site.c.name)
    )
    grouped: dict[str, list[Any]] = {}
    for row in rows:
        grouped.setdefault(row.name, []).append(row)
    return [_collection(name, sites, totals) for name, sites in grouped.items()]


def _collection(name: str, sites: Sequence[Any], totals: dict[int, Any]) -> Collection:
    head = sites[0]
    found = [totals[row.site_id] for row in sites if row.site_id in totals]
    licences = {(row.short_name, row.url) for row in sites if row.short_name is not None}
    single = next(iter(licences)) if len(licences) == 1 else (None, None)
    return Collection(
        name=name,
        description=head.description,
        description_uri=head.description_uri,
        licence="several" if len(licences) > 1 else single[0],
        licence_url=single[1],
        access=_access([bool(row.public) for row in sites if row.site_id is not None]),
        third_party_analysis=head.third_party_analysis,
        series=sum(row.series for row in found),
        instances=sum(int(row.instances or 0) for row in found),
        bytes=sum(int(row.bytes or 0) for row in found),
    )


def _access(public: list[bool]) -> Literal["public", "restricted", "mixed"]:
    if public and all(public):
        return "public"
    return "mixed" if any(public) else "restricted"


def set_collection(
    connection: sa.Connection,
    name: str,
    *,
    description: str | None = None,
    description_uri: str | None = None,
    licence: Licence | None = None,
    third_party: bool | None = None,
    access: str | None = None,
    create: bool = False,
) -> None:
    """Set what is given on a collection and on the series it has; ``None`` leaves a value as it is.

    The DOI reaches the collection's own series, not those of third-party analyses, unless the collection
    is one as a whole.

    :raises NotFound: when the collection does not exist and ``create`` is not set.
    :raises InvalidInput: when ``access`` is neither ``public`` nor ``restricted``.
    """
    if access not in {None, "public", "restricted"}:
        raise InvalidInput(f"Access is 'public' or 'restricted', not {access!r}.")
    try:
        found = collection_id(connection, name)
    except NotFound:
        if not create:
            raise
        found = make_collection(connection, name, now(), third_party_analysis=bool(third_party))
        connection.execute(sa.insert(site).values(collection_id=found, name=name[:40]))
    sites = list(connection.scalars(sa.select(site.c.id).where(site.c.collection_id == found)))
    given: dict[str, Any] = {
        "description": description,
        "description_uri": description_uri,
        "third_party_analysis": third_party,
    }
    values = {key: value for key, value in given.items() if value is not None}
    connection.execute(sa.update(collection).where(collection.c.id == found).values(**values, changed=now()))
    if third_party is not None:
        _set_series(connection, sites, {"third_party_analysis": "YES" if third_party else "NO"})
    if description_uri is not None:
        whole = connection.scalar(
            sa.select(collection.c.third_party_analysis).where(collection.c.id == found)
        )
        own = () if whole else (series.c.third_party_analysis.is_distinct_from("YES"),)
        _set_series(connection, sites, {"description_uri": description_uri}, *own)
    if licence is not None:
        _set_licence(connection, sites, licence)
    if access is not None:
        for site_id in sites:
            set_public(connection, site_id, public=access == "public")
    detail = {**values, "licence": licence.long_name if licence else None, "access": access}
    record_change(connection, f"collection {name}", {k: v for k, v in detail.items() if v is not None})


def collection_id(connection: sa.Connection, name: str) -> int:
    """Return the id of a collection. :raises NotFound:"""
    found = connection.scalar(sa.select(collection.c.id).where(collection.c.name == name))
    if found is None:
        raise NotFound(
            f"There is no collection {name!r}.", advice="See the names with: filmroom collection list"
        )
    return int(found)


def _set_series(
    connection: sa.Connection, sites: list[int], values: dict[str, Any], *conditions: sa.ColumnElement[bool]
) -> None:
    connection.execute(sa.update(series).where(series.c.site_id.in_(sites), *conditions).values(values))
    simple_search_changes.record_sites(connection, sites)


def _set_licence(connection: sa.Connection, sites: list[int], terms: Licence) -> None:
    key = licence_id(connection, terms)
    connection.execute(sa.update(site).where(site.c.id.in_(sites)).values(licence_id=key))
    _set_series(
        connection,
        sites,
        {
            "licence_name": terms.short_name,
            "licence_url": terms.url,
            "exclude_commercial": not terms.commercial_use,
        },
    )


def record_change(connection: sa.Connection, subject: str, detail: dict[str, Any]) -> None:
    """Write one line of the record of changes; the actor is the account that runs the command."""
    import getpass

    try:
        actor = getpass.getuser()
    except (OSError, KeyError):  # no such account on this machine, as in some containers
        actor = "unknown"
    connection.execute(
        sa.insert(change).values(
            at=now(), actor=actor, subject=subject, detail=json.dumps(detail, sort_keys=True, default=str)
        )
    )


def record_downloads(connection: sa.Connection, downloads: Sequence[Download]) -> None:
    """Add deliveries to the audit, with the licence that the series had at that moment."""
    if not downloads:
        return
    uids = sorted({item.series_instance_uid for item in downloads})
    names: dict[str, str | None] = {}
    for start in range(0, len(uids), 500):
        statement = sa.select(series.c.series_instance_uid, series.c.licence_name).where(
            series.c.series_instance_uid.in_(uids[start : start + 500])
        )
        names.update({row[0]: row[1] for row in connection.execute(statement)})
    connection.execute(
        sa.insert(download),
        [
            {
                "at": item.at.replace(tzinfo=None),
                "series_instance_uid": item.series_instance_uid,
                "kind": item.kind,
                "viewer": item.viewer,
                "address": item.address,
                "bytes": item.bytes,
                "complete": item.complete,
                "licence_name": names.get(item.series_instance_uid),
            }
            for item in downloads
        ],
    )


def downloads(connection: sa.Connection, limit: int = 1_000) -> list[Download]:
    """Return the newest deliveries of the audit, newest first."""
    rows = connection.execute(sa.select(download).order_by(download.c.id.desc()).limit(limit))
    return [
        Download(row.series_instance_uid, row.kind, row.bytes, row.viewer, row.address, row.complete, row.at)
        for row in rows
    ]


def counts(connection: sa.Connection) -> dict[str, int]:
    """Return the totals of the whole archive, whatever the visibility."""
    tables = {
        "collections": collection,
        "patients": patient,
        "studies": study,
        "series": series,
        "instances": instance,
        "quarantined": quarantine,
    }
    found = {
        name: int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
        for name, table in tables.items()
    }
    found["bytes"] = int(connection.scalar(sa.select(sa.func.sum(series.c.file_size))) or 0)
    return found
