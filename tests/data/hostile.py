"""A source of what must not harm, from files to a dataset: how much memory it takes, and what becomes of it.

    python -m tests.data.hostile FOLDER TINY_FILES LINE_BYTES

Makes in FOLDER as many tiny files, one line of so many bytes, nests like 42.zip and files that lie about their format;
collects and curates them, and prints a line of JSON: documents by what became of them, the peak of this process's
memory and of the largest that it started, and seconds.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from catenary.data import Source, collect, curate_files, read_index, resolve
from catenary.data.shards import shard_paths
from catenary.memory import peak_bytes
from tests.data.formats.test_documents import pdf
from tests.data.formats.test_hostile import nest

IN_A_FOLDER = 1000
BLOCK = "悬链线是一条链。".encode() * 1000
LIES = {
    "page.zip": b"<html></html>",
    "text.txt": pdf("x"),
    "table.parquet": b"a,b\n1,2\n",
    "program": b"\x7fELF\x02\x01\x01\x00\x00\x00",
    "cut.pdf": pdf("x")[:40],
}


def make(folder: Path, tiny_files: int, line_bytes: int) -> None:
    """The source, in `folder / "files"`."""
    files = folder / "files"
    files.mkdir(parents=True)
    for number in range(tiny_files):
        place = files / f"tiny-{number // IN_A_FOLDER:04}"
        if number % IN_A_FOLDER == 0:
            place.mkdir()
        (place / f"{number:07}.txt").write_text(f"The note of number {number} is short.", "utf-8")
    for name in ("line.txt", "line.lines", "line.jsonl"):
        with (files / name).open("wb") as file:
            file.write(b'{"text": "' if name == "line.jsonl" else b"")
            for _ in range(line_bytes // len(BLOCK)):
                file.write(BLOCK)
    (files / "42.zip").write_bytes(nest(3, 16, 50 << 20))
    (files / "deep.zip").write_bytes(nest(20, 1, 10))
    for name, data in LIES.items():
        (files / name).write_bytes(data)


def curated(folder: Path) -> dict[str, Any]:
    """What became of the documents, and what it took."""
    began = time.monotonic()
    source = Source(path="files", licence="MIT")
    collect(source, resolve(source, folder), "s", folder / "raw", folder / "state-raw")
    steps = ["normalise", {"language": ["en"]}, "redact", {"dedup": {"near": 0.8}}]
    curate_files(shard_paths(folder / "raw", "raw"), steps, None, folder / "out", folder / "state-out")
    index = read_index(folder / "out", ["id", "file", "dropped"])
    ids = index.column("id").to_pylist()
    assert len(set(ids)) == len(ids)
    dropped = dict(zip(index.column("file").to_pylist(), index.column("dropped").to_pylist(), strict=True))
    return {
        "documents": len(ids),
        "became": dict(Counter(one or "kept" for one in index.column("dropped").to_pylist())),
        "hostile": {name: why for name, why in dropped.items() if not name.startswith("tiny")},
        "peak_bytes": peak_bytes(),
        "peak_bytes_of_readers": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10,
        "seconds": round(time.monotonic() - began, 1),
    }


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(json.dumps(curated(Path(sys.argv[1]))) + "\n")
