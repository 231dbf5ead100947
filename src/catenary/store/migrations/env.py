"""Alembic's entry: runs the steps on the connection that `store/schema.py` hands over, in its transaction."""

from alembic import context

from catenary.db import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,  # SQLite's own DDL is transactional once sqlite3 is kept from beginning by itself
)
with context.begin_transaction():
    context.run_migrations()
