"""What goes over the pipes: four bytes of length (big-endian), then JSON in UTF-8.

To the child: one object a request, `{"id": 7, "do": "write", …}` or `{"id": 7, "do": "cancel"}`. From it: lists of
`[id, kind, value]`, as many as there were to tell, so that a step of many answers is one message.
"""

from __future__ import annotations

import json
import struct
from typing import IO, Any

HEAD = struct.Struct(">I")
MOST_BYTES = 1 << 30


def packed(value: Any) -> bytes:
    """`value` (JSON) as it goes over a pipe. NaN, which JSON does not have, is refused with ValueError."""
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return HEAD.pack(len(body)) + body


def unpacked(body: bytes) -> Any:
    """The value of a message's body."""
    return json.loads(body)


def read(stream: IO[bytes]) -> Any:
    """The next message, None at the end of the stream."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    body = stream.read(size)
    return unpacked(body) if len(body) == size else None
