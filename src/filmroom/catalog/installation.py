"""Secrets of the installation: made by chance where they are first needed, the same for all its servers."""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.catalog.schema_files import installation_secret
from filmroom.catalog.write import now


def secret_of(database: Database, name: str) -> str:
    """Return the secret of that name, 32 random bytes as URL-safe text; make it where there is none."""
    statement = sa.select(installation_secret.c.secret).where(installation_secret.c.name == name)
    with database.reading() as connection:
        found = connection.scalar(statement)
    if found is None:
        # Writers take turns: who comes second finds what the first has made.
        with database.writing() as connection:
            found = connection.scalar(statement)
            if found is None:
                found = secrets.token_urlsafe(32)
                values = {"name": name, "secret": found, "created": now()}
                connection.execute(sa.insert(installation_secret).values(values))
    return str(found)
