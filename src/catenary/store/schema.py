"""Brings a catalog's tables to what this version of Catenary reads and writes.

Asking which step a catalog stands at is one small query; Alembic is imported only when there is something
to do.
"""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection, Engine, text

from catenary.db import reading, writing
from catenary.errors import Refused

HEAD = "0006"  # the newest step in migrations/versions; a test compares
ADVISORY_LOCK = 0x636174656E617279  # "catenary": one process upgrades a PostgreSQL catalog at a time


def upgrade(engine: Engine) -> None:
    """Run the steps that this catalog lacks, all in one transaction.

    Raises Refused when the catalog was written by a newer Catenary.
    """
    with reading(engine) as connection:
        if revision(connection) == HEAD:
            return
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        found = revision(connection)  # another process may have been faster
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise Refused(
                "This catalog was written by a newer Catenary.",
                got=found,
                expected="step {head} or older",
                next="pip install --upgrade catenary",
                head=HEAD,
            )
        _run_steps(connection)


def revision(connection: Connection) -> str | None:
    """The step that the catalog stands at; None before the first."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _run_steps(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(files("catenary.store.migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
