"""Where the bytes of a series lie, for a viewer who may have them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from filmroom.catalog.agreement_gate import agreement_missing, effective_agreement
from filmroom.catalog.read import acquisition_order
from filmroom.catalog.schema import collection, instance, series, site, stored_object
from filmroom.catalog.schema_agreements import agreement
from filmroom.catalog.series_files import files_of
from filmroom.catalog.visible import visible_series
from filmroom.errors import AgreementRequired, NotFound
from filmroom.model.access import VisibleSet
from filmroom.model.entities import Location, SeriesContent, StoredInstance
from filmroom.model.naming import uid_digest

INSTANCE_COLUMNS = (
    instance.c.sop_instance_uid,
    instance.c.size,
    instance.c.md5,
    instance.c.sha256,
    instance.c.crc32,
    stored_object.c.object_key,
    instance.c.object_offset,
    instance.c.stored_length,
    stored_object.c.size.label("object_size"),
    stored_object.c.modified_ns,
    instance.c.encoding,
    stored_object.c.in_place,
    instance.c.instance_number,
    instance.c.acquisition_number,
)


def stored_instance(row: Any) -> StoredInstance:
    return StoredInstance(
        sop_instance_uid=row.sop_instance_uid,
        size=row.size,
        md5=bytes(row.md5),
        sha256=bytes(row.sha256),
        crc32=row.crc32,
        location=Location(
            key=row.object_key,
            offset=row.object_offset,
            length=row.stored_length,
            object_size=row.object_size,
            modified_ns=row.modified_ns,
            encoding=row.encoding,
            in_place=bool(row.in_place),
        ),
        instance_number=row.instance_number,
        acquisition_number=row.acquisition_number,
    )


def _with_agreement() -> sa.Join:
    """Series, site and the agreement that the site's collection comes under, if any."""
    return series.join(site, site.c.id == series.c.site_id).outerjoin(
        agreement, agreement.c.id == effective_agreement(site.c.collection_id)
    )


def _check_agreement(row: Any, series_uid: str) -> None:
    """:raises AgreementRequired: before anything is told of where the bytes lie."""
    if row.agreement_missing:
        raise AgreementRequired(
            f"The data usage agreement of series {series_uid} has not been accepted.",
            series_instance_uid=series_uid,
        )


# Building a statement costs more than running it: those of a download are built once.


@lru_cache(maxsize=512)
def _head_statement(visible: VisibleSet) -> sa.Select[Any]:
    """What is said of the whole series; parameter ``uid``."""
    return (
        sa.select(
            series.c.id,
            collection.c.name,
            site.c.name.label("site"),
            series.c.licence_name,
            series.c.licence_url,
            agreement.c.text.label("agreement"),
            agreement_missing(visible).label("agreement_missing"),
        )
        .select_from(_with_agreement().join(collection, collection.c.id == site.c.collection_id))
        .where(visible_series(visible), series.c.series_instance_uid == sa.bindparam("uid"))
    )


@lru_cache(maxsize=1)
def _instances_statement() -> sa.Select[Any]:
    """The instances in their order; parameter ``key``: the series' row."""
    return (
        sa.select(*INSTANCE_COLUMNS)
        .select_from(instance.join(stored_object))
        .where(instance.c.series_key == sa.bindparam("key"))
        .order_by(*acquisition_order())
    )


def series_content(
    connection: sa.Connection, uid: str, visible: VisibleSet, *, with_files: bool = False
) -> SeriesContent:
    """Return what a download of a series consists of.

    :raises NotFound: when there is no such series in the viewer's set, or it has no instance.
    :raises AgreementRequired: when the viewer has to accept an agreement first.
    """
    head = connection.execute(_head_statement(visible), {"uid": uid}).one_or_none()
    if head is None:
        raise NotFound(f"There is no series {uid}.")
    _check_agreement(head, uid)
    rows = connection.execute(_instances_statement(), {"key": head.id})
    instances = tuple(map(stored_instance, rows))
    if not instances:
        raise NotFound(f"The series {uid} has no instances.")
    return SeriesContent(
        series_instance_uid=uid,
        collection=head.name,
        site=head.site,
        licence_name=head.licence_name,
        licence_url=head.licence_url,
        instances=instances,
        agreement=head.agreement or "",
        files=files_of(connection, head.id) if with_files else (),
    )


def one_instance(
    connection: sa.Connection, series_uid: str, sop_uid: str, visible: VisibleSet
) -> StoredInstance:
    """Return one instance of a series.

    :raises NotFound: when it is not in that series, or not in the viewer's set.
    :raises AgreementRequired: when the viewer has to accept an agreement first.
    """
    row = connection.execute(
        sa.select(*INSTANCE_COLUMNS, agreement_missing(visible).label("agreement_missing"))
        .select_from(
            _with_agreement().join(instance, instance.c.series_key == series.c.id).join(stored_object)
        )
        .where(
            visible_series(visible),
            series.c.series_instance_uid == series_uid,
            instance.c.uid_digest == uid_digest(sop_uid),
        )
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no instance {sop_uid} in series {series_uid}.")
    _check_agreement(row, series_uid)
    return stored_instance(row)
