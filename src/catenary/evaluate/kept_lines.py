"""What people say, one JSON line each: on disk before it counts, and whole after any crash."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catenary.files import write_whole


def append_line(path: Path, row: Mapping[str, Any]) -> None:
    """Write a line to the end of the file, and wait for the disk."""
    with path.open("ab") as file:
        file.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def drop_torn(path: Path) -> None:
    """Cut a last line that a crash left without its end: what it says was never said to be in."""
    data = path.read_bytes() if path.is_file() else b""
    if data and not data.endswith(b"\n"):
        write_whole(path, data[: data.rfind(b"\n") + 1])
