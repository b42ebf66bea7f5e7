"""The schema's version: made on an empty database, checked at every start, raised only on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from filmroom.catalog.database import Database
from filmroom.errors import CatalogError, SchemaMismatch

if TYPE_CHECKING:
    from alembic.config import Config


def _config(connection: sa.Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "filmroom.catalog:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def newest_revision() -> str:
    """Return the revision that this program works with."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise CatalogError("The program's own migrations are missing; install it again.")
    return head


def present_revision(database: Database) -> str | None:
    """Return the revision of a catalogue; None when it has none."""
    with database.reading() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return None if revision is None else str(revision)


def check(database: Database) -> None:
    """Check that a catalogue has the schema of this program.

    :raises SchemaMismatch: with the command to run.
    """
    present, newest = present_revision(database), newest_revision()
    if present == newest:
        return
    if present is None:
        raise SchemaMismatch("The database holds tables, but they are not a Filmroom catalogue.")
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if present in known:
        raise SchemaMismatch(
            f"The catalogue has schema {present}, this program needs {newest}.",
            advice="Make a backup, then run: filmroom upgrade",
        )
    raise SchemaMismatch(
        f"The catalogue has schema {present}, which is newer than this program.",
        advice="Install a newer filmroom.",
    )


def upgrade(database: Database) -> None:
    """Bring a catalogue to this program's schema, in one transaction."""
    from alembic import command

    with database.writing() as connection:
        command.upgrade(_config(connection), "head")
