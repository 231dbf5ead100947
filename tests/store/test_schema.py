"""The catalog's tables are what the code says, however old the catalog was, and only a newer one is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect, text

import catenary.access.tables
import catenary.store.tables  # noqa: F401 - both declare their tables on db.metadata
from catenary.config import Home
from catenary.db import connect, metadata, reading, writing
from catenary.errors import Refused
from catenary.store import Store, schema
from tests.store.postgres import new_database


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    if request.param == "sqlite":
        made = connect(f"sqlite:///{tmp_path / 'catalog.db'}")
        yield made
        made.dispose()
    else:
        with new_database(upgraded=False) as url:
            made = connect(url)
            yield made
            made.dispose()


def test_the_steps_lead_to_the_tables_that_the_code_declares(engine: Engine) -> None:
    schema.upgrade(engine)
    with reading(engine) as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, metadata) == []
        tables = inspect(connection)
        made = {name: {index["name"] for index in tables.get_indexes(name)} for name in metadata.tables}
        assert made == {
            name: {index.name for index in table.indexes} for name, table in metadata.tables.items()
        }


def test_the_head_that_is_asked_for_is_the_last_step() -> None:
    config = Config()
    config.set_main_option("script_location", "catenary.store:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_a_newer_catalog_is_refused(engine: Engine) -> None:
    schema.upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Refused, match="newer"):
        schema.upgrade(engine)


def test_upgrading_twice_or_from_many_threads_at_once_does_it_once(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(schema.upgrade, [engine] * 8))
    with reading(engine) as connection:
        assert schema.revision(connection) == schema.HEAD


def test_an_upgrade_that_fails_leaves_nothing_behind(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE sign_offs (something INTEGER)"))  # in the way of the first step
    with pytest.raises(Exception, match="sign_offs"):
        schema.upgrade(engine)
    with reading(engine) as connection:
        assert inspect(connection).get_table_names() == ["sign_offs"]


def test_opening_an_up_to_date_store_imports_nothing_heavy(tmp_path: Path) -> None:
    home = Home.of(tmp_path, {})
    Store.open(home).close()
    program = """
import sys
from pathlib import Path
from catenary.config import Home
from catenary.store import Store
with Store.open(Home.of(Path(sys.argv[1]), {})) as store:
    store.links("reviews"), store.runs(), store.artifacts()
print(sorted({"alembic", "pyarrow", "cryptography", "sqlalchemy.orm", "torch", "numpy"} & sys.modules.keys()))
"""
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


def test_many_processes_may_open_a_store_for_the_first_time_at_once(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from catenary.config import Home
from catenary.store import Store
with Store.open(Home.of(Path(sys.argv[1]), {})) as store:
    store.end_run(store.start_run("reviews", "datasets.reviews", "curate", "0" * 64), "done")
"""
    command = [sys.executable, "-c", program, str(tmp_path)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[1] for process in processes] == [""] * 4
    with Store.open(Home.of(tmp_path, {})) as store:
        assert [run.outcome for run in store.runs()] == ["done"] * 4
