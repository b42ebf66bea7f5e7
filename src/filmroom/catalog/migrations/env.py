"""Where Alembic meets the catalogue: always on a connection that the caller has opened."""

from __future__ import annotations

from alembic import context

from filmroom.catalog.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
