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
    site,
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
    return sa.or_(public, _role_at_site(site_id, visible.viewer.account_id, Role.READ))


def role_held(account_id: int) -> sa.ColumnElement[bool]:
    """Condition on ``access_grant``: it is the account's, or a group's that the account is in.

    A switched-off account keeps its grants and loses their effect.
    """
    groups = sa.select(membership.c.account_group_id).where(membership.c.account_id == account_id)
    return sa.and_(
        sa.or_(access_grant.c.account_id == account_id, access_grant.c.account_group_id.in_(groups)),
        sa.select(sa.literal(1)).where(account.c.id == account_id, account.c.active.is_(True)).exists(),
    )


def _role_at_site(site_id: sa.ColumnElement[int], account_id: int, role: Role) -> sa.ColumnElement[bool]:
    # Not correlated: the sites are found once for a statement, however many rows it looks at.
    sites = (
        sa.select(protection_element.c.site_id)
        .select_from(
            protection_element.join(
                access_grant, access_grant.c.protection_group_id == protection_element.c.protection_group_id
            )
        )
        .where(access_grant.c.role == role.value, role_held(account_id))
    )
    return site_id.in_(sites)


def _in_scope(visible: VisibleSet) -> sa.ColumnElement[bool]:
    # Written out: numbers of ours, and a list of parameters would be made anew with each use of a statement.
    return series.c.visibility.in_([sa.literal_column(str(int(code))) for code in visible.scope.value])


def visible_series(visible: VisibleSet) -> sa.ColumnElement[bool]:
    """Condition on the table ``series``: within the viewer's pairs and the scope's visibility codes."""
    return sa.and_(_in_scope(visible), granted_site(series.c.site_id, visible))


def reviewed_series(visible: VisibleSet) -> sa.ColumnElement[bool]:
    """Condition on the table ``series``: visible, or of a pair that the viewer may read and reviews.

    Who has :attr:`Role.MANAGE_VISIBILITY_STATUS` at a pair sees the series there in every state.
    """
    seen = visible_series(visible)
    reviewer = visible.viewer.account_id
    if reviewer is None:
        return seen
    at_site = _role_at_site(series.c.site_id, reviewer, Role.MANAGE_VISIBILITY_STATUS)
    return sa.or_(seen, sa.and_(granted_site(series.c.site_id, visible), at_site))


def visible_in_bulk(visible: VisibleSet) -> sa.ColumnElement[bool]:
    """The same condition for statements that walk many series: the granted sites are found once for all.

    Written so that no index begins with the site: the order of the walk is to choose the index.
    """
    granted = sa.select(site.c.id).where(granted_site(site.c.id, visible))
    return sa.and_(_in_scope(visible), (series.c.site_id + 0).in_(granted))
