"""A process that reads files for another, and may hang or die over one without harm: `processes.py` is its parent.

Tasks come as lines of JSON on standard input; frames go back on standard output (a byte of kind, eight of length):

    b"B" a batch of documents     b"E" a file has ended: its notes     b"X" an error that the user must see

What it is doing, and that it still does something, stands in a small file that both have mapped: `Pulse`.
"""

from __future__ import annotations

import json
import mmap
import os
import queue
import struct
import sys
import threading
from pathlib import Path
from typing import Any

FRAME = struct.Struct("<cQ")
PULSE = struct.Struct(
    "<QQ"
)  # the turn of the part that is being read; a count that moves as long as reading does
BATCH, END, ERROR = b"B", b"E", b"X"
OUT_OF_MEMORY = 77  # how the process ends then


class Pulse:
    """Two numbers shared with the parent through a file."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), PULSE.size)
        self.turn, self.count = PULSE.unpack(self._map[:])

    def begin(self, turn: int) -> None:
        """A part begins."""
        self.turn = turn
        self.beat()

    def beat(self) -> None:
        """Still reading."""
        self.count += 1
        PULSE.pack_into(self._map, 0, self.turn, self.count)

    def look(self) -> tuple[int, int]:
        """What the other side says."""
        turn, count = PULSE.unpack(self._map[:])
        return turn, count


def main() -> None:
    """Read what the parent asks for until it closes our input."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not stand between frames
    _limit_memory(int(sys.argv[2]))
    from catenary.data.formats.reading import Reading
    from catenary.data.read import read_file
    from catenary.data.source_files import SourceFile
    from catenary.data.sources import Source
    from catenary.errors import CatenaryError

    pulse = Pulse(Path(sys.argv[1]))
    tasks = _tasks()
    start = tasks.get()
    source = Source.model_validate_json(start["source"])
    while True:
        for told in tasks.get()["files"]:
            skip = {int(turn): why for turn, why in told.pop("skip").items()}
            other = told.pop("other")
            file = SourceFile(**told, other=Path(other) if other else None)
            reading = Reading(
                source,
                skip=skip,
                tick=pulse.beat,
                begin=pulse.begin,
                out_of_memory=lambda: os._exit(OUT_OF_MEMORY),
            )
            try:
                for batch in read_file(source, file, start["name"], reading):
                    _send(out, BATCH, batch.serialize())
                    pulse.beat()
            except CatenaryError as error:
                _send(out, ERROR, json.dumps(_as_told(error)).encode())
                return
            _send(out, END, json.dumps(reading.notes).encode())


def _as_told(error: Any) -> dict[str, Any]:
    values = {name: str(value) for name, value in error.values.items()}
    got = None if error.got is None else str(error.got)
    return {"what": error.what, "got": got, "expected": error.expected, "next": error.next, "values": values}


def _send(out: Any, kind: bytes, data: Any) -> None:
    out.write(FRAME.pack(kind, len(data)))
    out.write(data)
    out.flush()


def _tasks() -> queue.SimpleQueue[Any]:
    """Tasks as they come. A thread takes them, so that the parent never waits for us while we wait for it."""
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def take() -> None:
        for line in sys.stdin.buffer:
            waiting.put(json.loads(line))
        os._exit(0)  # the parent has gone, or wants no more, whatever we are in the middle of

    threading.Thread(target=take, daemon=True).start()
    return waiting


def _limit_memory(limit_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
