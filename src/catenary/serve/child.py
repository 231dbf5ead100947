"""A process and the pipes to it, for an event loop that may not be there yet when the process is started.

process = launched(command)        # at once: it loads its model while the service is still being set up
child = await Child.of(process)    # in the loop; child.read, child.write, await child.end()
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
from asyncio.streams import FlowControlMixin
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

LIMIT_BYTES = 1 << 20  # that may lie in a pipe's reader
EARLY = os.name == "posix"  # elsewhere a loop can only join pipes that it made itself


def launched(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """The process, with pipes to its input and from its output: the end of its input tells it that this one ended."""
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment())


@dataclass(frozen=True, slots=True)
class Child:
    """`read` is what it writes, `write` what it reads."""

    pid: int
    read: asyncio.StreamReader
    write: asyncio.StreamWriter
    kill: Callable[[], None]
    _wait: Callable[[], Awaitable[int]]

    @classmethod
    async def started(cls, command: Sequence[str]) -> Child:
        """A new one."""
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LIMIT_BYTES,
            env=_environment(),
        )
        assert process.stdout is not None
        assert process.stdin is not None
        return cls(process.pid, process.stdout, process.stdin, process.kill, process.wait)

    @classmethod
    async def of(cls, process: subprocess.Popen[bytes]) -> Child:
        """One that was launched, joined to the running loop."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LIMIT_BYTES)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
        transport, protocol = await loop.connect_write_pipe(FlowControlMixin, process.stdin)
        writer = asyncio.StreamWriter(transport, protocol, None, loop)
        return cls(process.pid, reader, writer, process.kill, lambda: asyncio.to_thread(process.wait))

    async def end(self) -> None:
        """Kill it and wait for its end."""
        with contextlib.suppress(ProcessLookupError):
            self.kill()
        self.write.close()
        await self._wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONUNBUFFERED": "1"}
