"""Data usage agreements: their versions, and who accepted which. No version is ever changed or deleted."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from filmroom.catalog.administration import collection_id, record_change
from filmroom.catalog.agreement_gate import effective_agreement
from filmroom.catalog.database import Database
from filmroom.catalog.schema import account, collection, series, site
from filmroom.catalog.schema_agreements import acceptance, agreement
from filmroom.catalog.visible import granted_site, public_site
from filmroom.catalog.write import now
from filmroom.errors import InvalidInput, LoginRequired, NotFound
from filmroom.model.access import Scope, Viewer, VisibleSet
from filmroom.model.agreements import Acceptance, Agreement, ShownAgreement, checked_agreement

_LONGEST_ADDRESS = 64


class Agreements:
    """What administrators do with agreements, and what accounts are asked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- texts ---------------------------------------------------------------------------------------

    def put(self, text: str, collection_name: str | None = None) -> tuple[Agreement, bool]:
        """Make a text the current one of the archive, or of a collection; return it and whether it is new.

        The current text again changes nothing; any other is a new version, which everybody is asked for.

        :raises InvalidInput: for a text that cannot be one. :raises NotFound: without such a collection.
        """
        plain = checked_agreement(text)
        with self._database.writing() as connection:
            place = _place(connection, collection_name)
            current = _current(connection, place)
            if current is not None and current.text == plain:
                return _agreement(current, collection_name), False
            _supersede(connection, place)
            last = connection.scalar(sa.select(sa.func.max(agreement.c.version)).where(_of(place)))
            connection.execute(
                sa.insert(agreement).values(
                    collection_id=place, version=(last or 0) + 1, text=plain, created=now()
                )
            )
            made = _current(connection, place)
            digest = hashlib.sha256(plain.encode()).hexdigest()
            record_change(
                connection,
                _subject(collection_name),
                {"version": (last or 0) + 1, "sha256": digest},
            )
            return _agreement(made, collection_name), True

    def withdraw(self, collection_name: str | None = None) -> None:
        """Let the current text of the archive, or of a collection, be no longer asked for.

        A collection then comes under the archive's own. :raises NotFound: when there is none.
        """
        with self._database.writing() as connection:
            if not _supersede(connection, _place(connection, collection_name)):
                raise NotFound("There is no such agreement.", advice="See them with: filmroom agreement list")
            record_change(connection, _subject(collection_name), {"withdrawn": True})

    def all(self) -> list[Agreement]:
        """Return every version of every text, the archive's own first."""
        statement = (
            sa.select(agreement, collection.c.name)
            .select_from(agreement.outerjoin(collection))
            .order_by(sa.nulls_first(collection.c.name), agreement.c.version)
        )
        with self._database.reading() as connection:
            return [_agreement(row, row.name) for row in connection.execute(statement)]

    def own(self) -> Agreement | None:
        """Return the archive's own current text, which everybody may read."""
        with self._database.reading() as connection:
            row = _current(connection, None)
        return None if row is None else _agreement(row, None)

    def accepted(self) -> list[Acceptance]:
        """Return who accepted which version, oldest first."""
        statement = (
            sa.select(acceptance, account.c.login, agreement.c.version, collection.c.name)
            .select_from(acceptance.join(account).join(agreement).outerjoin(collection))
            .order_by(acceptance.c.at, account.c.login)
        )
        with self._database.reading() as connection:
            return [
                Acceptance(row.login, row.name, row.version, row.at, row.address)
                for row in connection.execute(statement)
            ]

    # -- accounts ------------------------------------------------------------------------------------

    def shown(self, viewer: Viewer) -> list[ShownAgreement]:
        """Return the current agreements that a viewer may read: the archive's own first, then by collection.

        That of a collection is read by whoever sees a series of it.
        """
        statement = _shown_statement(viewer).order_by(sa.nulls_first(collection.c.name))
        with self._database.reading() as connection:
            return [_shown(row) for row in connection.execute(statement)]

    def accept(self, viewer: Viewer, agreement_id: int, *, address: str = "") -> ShownAgreement:
        """Record that an account agrees to a current agreement; return it. Once more changes nothing.

        :param address: where it asks from.
        :raises LoginRequired: for the guest. :raises InvalidInput: when the text was replaced meanwhile.
        :raises NotFound: when there is no such agreement, or the account sees nothing under it.
        """
        if viewer.account_id is None:
            raise LoginRequired("An agreement is accepted by an account, not by the guest.")
        statement = _shown_statement(viewer, agreement.c.id == agreement_id)
        with self._database.writing(in_turn=False) as connection:
            row = connection.execute(statement).one_or_none()
            if row is None:
                if _is_superseded(connection, viewer, agreement_id):
                    raise InvalidInput("This agreement is not the current one; read that first.")
                raise NotFound("There is no such agreement.")
            insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
            connection.execute(
                insert(acceptance)
                .values(
                    agreement_id=agreement_id,
                    account_id=viewer.account_id,
                    at=now(),
                    address=address[:_LONGEST_ADDRESS],
                )
                .on_conflict_do_nothing()
            )
            return _shown(connection.execute(statement).one())


def _shown_statement(viewer: Viewer, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    readable = sa.or_(
        agreement.c.collection_id.is_(None),
        _sites(viewer, site.c.collection_id == agreement.c.collection_id),
    )
    required = _sites(
        viewer,
        effective_agreement(site.c.collection_id) == agreement.c.id,
        sa.not_(public_site(site.c.id)),
    )
    mine = sa.and_(acceptance.c.agreement_id == agreement.c.id, acceptance.c.account_id == viewer.account_id)
    return (
        sa.select(agreement, collection.c.name, acceptance.c.at, required.label("required"))
        .select_from(agreement.outerjoin(collection).outerjoin(acceptance, mine))
        .where(agreement.c.superseded.is_(None), readable, *conditions)
    )


def _sites(viewer: Viewer, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Condition: the viewer may fetch a series of one of these sites."""
    codes = [int(code) for code in Scope.RETRIEVE.value]
    shows = sa.select(sa.literal(1)).where(series.c.site_id == site.c.id, series.c.visibility.in_(codes))
    return (
        sa.select(sa.literal(1))
        .select_from(site)
        .where(*conditions, granted_site(site.c.id, VisibleSet(viewer)), shows.correlate(site).exists())
        .correlate_except(site)
        .exists()
    )


def _is_superseded(connection: sa.Connection, viewer: Viewer, agreement_id: int) -> bool:
    """Whether this was the text of the archive, or of a collection that the viewer sees."""
    statement = sa.select(agreement.c.id).where(
        agreement.c.id == agreement_id,
        agreement.c.superseded.is_not(None),
        sa.or_(
            agreement.c.collection_id.is_(None),
            _sites(viewer, site.c.collection_id == agreement.c.collection_id),
        ),
    )
    return connection.scalar(statement) is not None


def _place(connection: sa.Connection, name: str | None) -> int | None:
    """Return the id of a collection, None for the archive. :raises NotFound:"""
    return None if name is None else collection_id(connection, name)


def _of(place: int | None) -> sa.ColumnElement[bool]:
    return agreement.c.collection_id.is_not_distinct_from(place)


def _current(connection: sa.Connection, place: int | None) -> Any:
    return connection.execute(
        sa.select(agreement).where(_of(place), agreement.c.superseded.is_(None))
    ).one_or_none()


def _supersede(connection: sa.Connection, place: int | None) -> bool:
    """End the current text of a place; return whether there was one."""
    ended = connection.execute(
        sa.update(agreement).where(_of(place), agreement.c.superseded.is_(None)).values(superseded=now())
    )
    return ended.rowcount > 0


def _agreement(row: Any, name: str | None) -> Agreement:
    return Agreement(row.id, name, row.version, row.text, row.created, row.superseded)


def _shown(row: Any) -> ShownAgreement:
    return ShownAgreement(
        id=row.id,
        collection=row.name,
        version=row.version,
        text=row.text,
        created=row.created.replace(tzinfo=dt.UTC),
        required=bool(row.required),
        accepted=None if row.at is None else row.at.replace(tzinfo=dt.UTC),
    )


def _subject(name: str | None) -> str:
    return "agreement" if name is None else f"agreement of {name}"
