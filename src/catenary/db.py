"""The catalog's database: SQLite beside the chain, or PostgreSQL, through SQLAlchemy Core.

Rooms declare their tables on `metadata`; `store/migrations` makes them. Every statement runs inside
`reading` or `writing`, so that it is clear where a transaction begins and ends:

    engine = connect("sqlite:///catalog.db")
    with writing(engine) as connection:
        connection.execute(insert(links).values(...))

A writer on SQLite takes the write lock when it begins (BEGIN IMMEDIATE), so that writers queue instead of
failing half way. What was committed survives kill -9 and a power cut: the write-ahead log is synced at each
commit.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    Table,
    TypeDecorator,
    create_engine,
    event,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from catenary.errors import InvalidInput

BUSY_SECONDS = 60  # how long a writer queues behind others before SQLite gives up

metadata = MetaData(
    naming_convention={  # constraints need names, or a migration could not drop them
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

# Row numbers that the database gives; SQLite numbers rows by itself only in an INTEGER column (64 bits
# there).
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


class UtcTime(TypeDecorator[datetime]):
    """An instant: aware datetimes go in and come out in UTC, to the microsecond."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        assert value.tzinfo is not None, "times are aware: datetime.now(UTC)"
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """This instant, in UTC."""
    return datetime.now(UTC)


def connect(url: str) -> Engine:
    """An engine on the SQLite or PostgreSQL database at `url`. Connects at first use.

    Raises InvalidInput when the URL cannot be read, names another database, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidInput(
            "The catalog's address cannot be read.",
            where="CATENARY_CATALOG",
            expected="postgresql://user:password@host/database, or sqlite:///path/to/catalog.db",
        ) from error
    name = parsed.get_backend_name()
    if name == "sqlite":
        return _sqlite(parsed)
    if name in ("postgresql", "postgres"):
        return _postgresql(parsed)
    raise InvalidInput(
        "The catalog can be kept in SQLite or PostgreSQL only.",
        where="CATENARY_CATALOG",
        got=parsed.render_as_string(hide_password=True),
        expected="postgresql://user:password@host/database, or sqlite:///path/to/catalog.db",
    )


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads, and sees one state of the database throughout."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # SQLite's transactions do so anyway
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: committed when the block ends, rolled back when it raises."""
    with engine.connect().execution_options(sqlite_begin="IMMEDIATE") as connection, connection.begin():
        yield connection


def upsert(
    connection: Connection, table: Table, row: Mapping[str, Any], *, add: Collection[str] = ()
) -> None:
    """Insert `row`, or update the row with its key: columns in `add` are added to, others replaced."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects.postgresql import insert
    else:
        from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
    statement = insert(table).values(**row)
    keys = [column.name for column in table.primary_key]
    new = {
        name: table.c[name] + statement.excluded[name] if name in add else statement.excluded[name]
        for name in row
        if name not in keys
    }
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=new))


def serialise(connection: Connection, table: Table) -> None:
    """Let no other writer into `table` until this transaction ends (readers may go on)."""
    if connection.dialect.name == "postgresql":  # on SQLite, `writing` keeps other writers out already
        connection.execute(text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, json_serializer=_json, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: object) -> None:
        connection.isolation_level = (
            None  # sqlite3 must not begin transactions of its own: `begin` below does
        )
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(
            f"BEGIN {connection.get_execution_options().get('sqlite_begin', 'DEFERRED')}"
        )

    return engine


def _postgresql(url: URL) -> Engine:
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"), json_serializer=_json, pool_pre_ping=True
        )
    except ModuleNotFoundError as error:
        raise InvalidInput(
            "A catalog in PostgreSQL needs the driver psycopg, which is not installed.",
            where="CATENARY_CATALOG",
            next="pip install 'catenary[postgres]'",
        ) from error


def _json(value: object) -> str:
    # NaN and infinity are no JSON: PostgreSQL refuses them, and so do we, on both.
    return json.dumps(value, sort_keys=True, allow_nan=False)
