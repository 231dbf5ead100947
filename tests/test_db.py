"""The database queues writers, keeps times in UTC, and says what it cannot be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, Table, func, insert, select

from catenary.db import RowNumber, UtcTime, connect, reading, writing
from catenary.errors import InvalidInput

times = Table("times", MetaData(), Column("id", RowNumber, primary_key=True), Column("at", UtcTime))


def test_writers_queue_instead_of_failing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    with writing(connect(url)) as connection:
        times.create(connection)

    def write(_: int) -> None:
        engine = connect(url)
        for _ in range(10):
            with writing(engine) as connection:
                count = connection.execute(select(func.count()).select_from(times)).scalar_one()
                connection.execute(insert(times).values(id=count + 1))
        engine.dispose()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))
    with reading(connect(url)) as connection:
        assert connection.execute(select(func.count(), func.max(times.c.id))).one() == (60, 60)


def test_what_raises_leaves_nothing_written(tmp_path: Path) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}")
    with writing(engine) as connection:
        times.create(connection)
    with suppress(KeyboardInterrupt), writing(engine) as connection:
        connection.execute(insert(times).values(id=1))
        raise KeyboardInterrupt
    with reading(engine) as connection:
        assert connection.execute(select(times)).all() == []


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)), st.integers(-23, 23))
def test_an_instant_comes_back_in_utc(moment: datetime, hours: int) -> None:
    engine = connect("sqlite://")
    at = moment.replace(tzinfo=timezone(timedelta(hours=hours)))
    with writing(engine) as connection:
        times.create(connection)
        connection.execute(insert(times).values(at=at))
        kept = connection.execute(select(times.c.at)).scalar_one()
    assert kept == at
    assert kept.tzinfo is UTC


@pytest.mark.parametrize("url", ["mysql://host/x", "catalog.db", "", "oracle://u:secret@h/x"])
def test_other_databases_are_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        connect(url)
    assert "secret" not in str(refused.value)
    assert "CATENARY_CATALOG" in str(refused.value)


@pytest.mark.parametrize("url", ["postgresql://u@h/x", "postgres://u@h/x", "postgresql+psycopg2://u@h/x"])
def test_postgresql_is_spoken_through_psycopg_3(url: str) -> None:
    assert connect(url).dialect.driver == "psycopg"
