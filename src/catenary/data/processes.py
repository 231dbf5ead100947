"""Reading in processes that can be killed: several at once, and none of them ours.

    for at, told in read_in_processes(source, files, "reviews", workers=2):
        ...                      # batches of files[0], then its notes, then those of files[1] …

Files are handed out in small runs, in turn, and taken back in order, so what comes out does not hang on how many
processes there are. A process that hangs over a part (nothing read and nothing made for `PATIENCE_SECONDS`), takes more
memory than it may, or dies, is replaced: the part is quarantined, and reading goes on behind it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from catenary.data.formats import by_suffix, find
from catenary.data.read import read_file
from catenary.data.reader_process import BATCH, END, FRAME, OUT_OF_MEMORY, PULSE, Pulse
from catenary.data.source_files import SourceFile
from catenary.data.sources import Source
from catenary.errors import CatenaryError, InvalidInput
from catenary.records import document_schema

PATIENCE_SECONDS = 60.0
MEMORY_BYTES = 1 << 30  # of one process
MOST_FAILURES = 16  # of one file: a zip of a thousand files that each hang must end too
TASK_BYTES, TASK_FILES = 1 << 20, 100
AHEAD_FILES = 2 * TASK_FILES  # that a process has been given
PIPE_BYTES = 1 << 20  # what it may be ahead of us with its answers; as much as Linux gives to anybody
IN_PROCESS_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class Ended:
    """A file has been read to its end. What was noted: its format, its encoding."""

    notes: Mapping[str, int]


Told = tuple[int, pa.RecordBatch | Ended]


def processes() -> int:
    """How many processes reading takes by default: one a processor, not more than eight."""
    with contextlib.suppress(AttributeError):
        return min(len(os.sched_getaffinity(0)), 8)
    return min(os.cpu_count() or 1, 8)


def is_harmless(source: Source, files: Sequence[SourceFile]) -> bool:
    """Whether files are so few and plain that reading them here is as safe, and sooner done than a process started."""
    return sum(file.bytes for file in files) <= IN_PROCESS_BYTES and all(
        file.refused is not None or _is_plain(file) for file in files
    )


def _is_plain(file: SourceFile) -> bool:
    said = by_suffix(file.name)
    kind, named = find(file.format or said or ""), find(said or "text")
    return kind is not None and kind.plain and named is not None and not named.holds


def read_in_processes(
    source: Source,
    files: Sequence[SourceFile],
    name: str,
    first: int = 0,
    workers: int | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
    memory_bytes: int = MEMORY_BYTES,
) -> Iterator[Told]:
    """The documents of `files` from the `first` on: (which file, a batch or that it has ended), file by file."""
    tasks = list(_tasks(files, first))
    count = max(1, min(workers or processes(), len(tasks)))
    with contextlib.ExitStack() as stack:
        readers = [
            stack.enter_context(
                _Reader(source, name, files, tasks[at::count], patience_seconds, memory_bytes)
            )
            for at in range(count)
        ]
        for number, task in enumerate(tasks):
            for at in task:
                for told in readers[number % count].file(at):
                    yield at, told


def _tasks(files: Sequence[SourceFile], first: int) -> Iterator[range]:
    start, size = first, 0
    for at in range(first, len(files)):
        more = files[at].bytes
        if at > start and (size + more > TASK_BYTES or at - start >= TASK_FILES):
            yield range(start, at)
            start, size = at, 0
        size += more
    if start < len(files):
        yield range(start, len(files))


class _FailedError(Exception):
    """The process hung (`timeout`) or died (`crashed`)."""


class _Reader:
    """One process after another, for the same tasks."""

    def __init__(
        self,
        source: Source,
        name: str,
        files: Sequence[SourceFile],
        tasks: Sequence[range],
        patience_seconds: float,
        memory_bytes: int,
    ) -> None:
        self._source, self._name, self._files = source, name, files
        self._left = deque(tasks)  # not handed out yet
        self._given: deque[int] = deque()  # files handed out, the first of them being read
        self._patience_seconds, self._memory_bytes = patience_seconds, memory_bytes
        self._folder = tempfile.TemporaryDirectory(prefix="catenary-")
        self._process: subprocess.Popen[bytes] | None = None
        self._pulse: Pulse | None = None

    def __enter__(self) -> _Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._folder.cleanup()

    def file(self, at: int) -> Iterator[pa.RecordBatch | Ended]:
        """What the process tells of this file, which must be the next of its tasks."""
        rows = 0  # that have come, of this try and of those before it
        skip: dict[int, str] = {}
        while True:
            self._supply(at, skip)
            assert self._given[0] == at
            to_come = rows
            try:
                while True:
                    kind, data = self._frame()
                    if kind == BATCH:
                        batch = pa.ipc.read_record_batch(pa.py_buffer(data), document_schema())
                        new = batch.slice(min(to_come, batch.num_rows))
                        to_come -= batch.num_rows - new.num_rows
                        rows += new.num_rows
                        if new.num_rows:
                            yield new
                    elif kind == END:
                        self._given.popleft()
                        yield Ended(json.loads(data))
                        return
                    else:
                        raise _raised(json.loads(data))
            except _FailedError as failure:
                turn = self._pulse.look()[0] if self._pulse else 0
                self._stop()
                why = f"read:{failure}"
                if turn in skip or len(skip) >= MOST_FAILURES:
                    yield self._lost(at, why, rows)
                    self._given.popleft()
                    yield Ended({})
                    return
                skip[turn] = why

    def _lost(self, at: int, why: str, rows: int) -> pa.RecordBatch:
        """The record of a file of which the rest cannot be read."""
        file = replace(self._files[at], refused=why)
        [batch] = read_file(self._source, file, self._name)
        mark = sha256(
            f"{batch.column('id')[0]} {rows}".encode()
        ).hexdigest()  # as no other record of the file has
        told = batch.set_column(0, batch.schema.field(0), pa.array([mark[:32]]))
        where = batch.schema.get_field_index("offset")
        return told.set_column(where, batch.schema.field(where), pa.array([rows + 1]))

    def _supply(self, at: int, skip: Mapping[int, str]) -> None:
        """A running process with enough to do; a new one is given again what the last one had not finished."""
        if self._process is None:
            self._start()
            if self._given:
                again = list(self._given)
                self._hand_out(again[:1], skip)
                self._hand_out(again[1:], {})
        while self._left and len(self._given) < AHEAD_FILES:
            task = list(self._left.popleft())
            self._given.extend(task)
            self._hand_out(task, {})

    def _hand_out(self, files: Sequence[int], skip: Mapping[int, str]) -> None:
        told = []
        for at in files:
            file = self._files[at]
            told.append(
                {
                    "folder": file.folder,
                    "below": file.below,
                    "name": file.name,
                    "label": file.label,
                    "bytes": file.bytes,
                    "format": file.format,
                    "refused": file.refused,
                    "url": file.url,
                    "fingerprint": file.fingerprint,
                    "other": str(file.other) if file.other else None,
                    "skip": skip,
                }
            )
        if told:
            self._say({"files": told})

    def _say(self, told: Mapping[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died; that shows when it is listened to
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.flush()

    def _start(self) -> None:
        folder = Path(self._folder.name)
        pulse = folder / "pulse"
        pulse.write_bytes(PULSE.pack(0, 0))
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        with (folder / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "catenary.data.reader_process", str(pulse), str(self._memory_bytes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is for us; we end it
            )
        assert self._process.stdout is not None
        with contextlib.suppress(ImportError, AttributeError, OSError):
            import fcntl

            fcntl.fcntl(self._process.stdout.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._pulse = Pulse(pulse)
        self._say({"source": self._source.model_dump_json(), "name": self._name})

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                assert stream is not None
                stream.close()

    def _frame(self) -> tuple[bytes, bytes]:
        """The next frame. Raises _FailedError when the process dies, or does nothing for too long."""
        kind, size = FRAME.unpack(self._bytes(FRAME.size))
        return kind, self._bytes(size)

    def _bytes(self, count: int) -> bytes:
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._pulse is not None
        pipe = self._process.stdout.fileno()
        pieces: list[bytes] = []
        beats, since = self._pulse.look()[1], time.monotonic()
        while count:
            if not select.select([pipe], [], [], min(1.0, self._patience_seconds))[0]:
                now = self._pulse.look()[1]
                if now != beats:
                    beats, since = now, time.monotonic()
                elif time.monotonic() - since > self._patience_seconds:
                    raise _FailedError("timeout")
                continue
            piece = os.read(pipe, min(count, 1 << 20))
            if not piece:
                raise self._died()
            pieces.append(piece)
            count -= len(piece)
            since = time.monotonic()
        return b"".join(pieces)

    def _died(self) -> Exception:
        assert self._process is not None
        assert self._pulse is not None
        code = self._process.wait()
        if self._pulse.look()[1] == 0:  # it never began: nothing that a file did
            said = (Path(self._folder.name) / "errors").read_text("utf-8", "replace").strip().splitlines()
            return CatenaryError("A process that reads files could not be started.", got="\n".join(said[-3:]))
        return _FailedError("memory" if code == OUT_OF_MEMORY else "crashed")


def _raised(told: dict[str, Any]) -> InvalidInput:
    return InvalidInput(
        told["what"], got=told["got"], expected=told["expected"], next=told["next"], **told["values"]
    )
