"""The VisibleSet as a condition of a query: the only way from a viewer to rows."""

from __future__ import annotations

import sqlalchemy as sa

from filmroom.catalog.schema import (
    access_grant,
    account,
    membership,
    protection_element,
    protection_group,
    series,
)
from filmroom.model.access import PUBLIC_PROTECTION_GROUP, Role, VisibleSet


def public_site(site_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Condition: everybody may see the ``collection//site`` pair."""
    return (
        sa.select(sa.literal(1))
        .select_from(protection_element.join(protection_group))
        .where(protection_element.c.site_id == site_id, protection_group.c.name == PUBLIC_PROTECTION_GROUP)
        .correlate_except(protection_element, protection_group)
        .exists()
    )


def granted_site(site_id: sa.ColumnElement[int], visible: VisibleSet) -> sa.ColumnElement[bool]:
    """Condition: the ``collection//site`` pair is public, or granted to the viewer for reading."""
    public = public_site(site_id)
    if visible.viewer.account_id is None:
        return public
    groups = sa.select(membership.c.account_group_id).where(
        membership.c.account_id == visible.viewer.account_id
    )
    granted = (
        sa.select(sa.literal(1))
        .select_from(
            protection_element.join(
                access_grant, access_grant.c.protection_group_id == protection_element.c.protection_group_id
            )
        )
        .where(
            protection_element.c.site_id == site_id,
            access_grant.c.role == Role.READ.value,
            sa.or_(
                access_grant.c.account_id == visible.viewer.account_id,
                access_grant.c.account_group_id.in_(groups),
            ),
            # A switched-off account keeps its grants and loses their effect.
            sa.select(sa.literal(1))
            .where(account.c.id == visible.viewer.account_id, account.c.active.is_(True))
            .exists(),
        )
        .correlate_except(protection_element, access_grant)
        .exists()
    )
    return sa.or_(public, granted)


def visible_series(visible: VisibleSet) -> sa.ColumnElement[bool]:
    """Condition on the table ``series``: within the viewer's pairs and the scope's visibility codes."""
    codes = [int(code) for code in visible.scope.value]
    return sa.and_(series.c.visibility.in_(codes), granted_site(series.c.site_id, visible))
