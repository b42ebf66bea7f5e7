"""Whether an agreement stands between a viewer and the bytes of a series, as a condition of a query."""

from __future__ import annotations

import sqlalchemy as sa

from filmroom.catalog.schema import series, site
from filmroom.catalog.schema_agreements import acceptance, agreement
from filmroom.catalog.visible import public_site
from filmroom.model.access import VisibleSet


def effective_agreement(collection_id: sa.ColumnElement[int]) -> sa.ColumnElement[int | None]:
    """The id of the agreement that a collection comes under: its own, else the archive's, else NULL."""
    current = agreement.alias("current_agreement")

    def of(place: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        statement = sa.select(current.c.id).where(place, current.c.superseded.is_(None))
        return statement.correlate_except(current).scalar_subquery()

    return sa.func.coalesce(
        of(current.c.collection_id == collection_id), of(current.c.collection_id.is_(None))
    )


def agreement_missing(visible: VisibleSet) -> sa.ColumnElement[bool]:
    """Condition on a row of ``series`` that the viewer may see, joined with its effective ``agreement``.

    True for restricted series whose agreement the viewer has not accepted. Public ones are never gated, and
    the public sees no others. Where there is no text, there is nothing to accept.
    """
    return agreement_missing_at(visible, series.c.site_id)


def gated_sites(visible: VisibleSet) -> sa.Select[tuple[int]]:
    """The sites of whose restricted series the viewer may have no bytes before it accepts an agreement."""
    return (
        sa.select(site.c.id)
        .select_from(site.join(agreement, agreement.c.id == effective_agreement(site.c.collection_id)))
        .where(agreement_missing_at(visible, site.c.id))
    )


def agreement_missing_at(visible: VisibleSet, site_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """The same condition for whatever else is of a site, joined with its effective ``agreement``."""
    if visible.viewer.account_id is None:
        return sa.false()
    accepted = (
        sa.select(sa.literal(1))
        .where(
            acceptance.c.agreement_id == agreement.c.id,
            acceptance.c.account_id == visible.viewer.account_id,
        )
        .correlate(agreement)
        .exists()
    )
    return sa.and_(agreement.c.id.is_not(None), sa.not_(public_site(site_id)), sa.not_(accepted))
