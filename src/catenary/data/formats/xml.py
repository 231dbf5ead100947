"""XML as a stream of events, without what makes XML dangerous.

A document that declares entities is refused: they are how a kilobyte becomes gigabytes (billion laughs) and how a
file is read that nobody named (external entities). That is all that defusedxml does too, in fewer lines than a
dependency needs. External DTDs are never fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO
from xml.parsers import expat

from catenary.data.formats.opened import UnreadableError

BLOCK_BYTES = 1 << 16
MOST_NESTED = 1000


Start = Callable[[str, Mapping[str, str]], None]
Said = Callable[[str], None]


def parse(stream: BinaryIO, start: Start, end: Said, data: Said) -> None:
    """Call `start(name, attributes)`, `end(name)` and `data(text)`; names are `namespace name`, or `name` alone.

    Raises UnreadableError `read:entities`, `read:too_deep`, and `read:damaged` for what is no XML.
    """
    for _ in steps(stream, start, end, data):
        pass


def steps(stream: BinaryIO, start: Start, end: Said, data: Said) -> Iterator[None]:
    """The same, a block at a time: what has ended by then can be taken between two of them."""
    parser = expat.ParserCreate(namespace_separator=" ")
    depth = 0

    def opened(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MOST_NESTED:
            raise UnreadableError("read:too_deep")
        start(name, attributes)

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1
        end(name)

    def entity(*declared: object) -> None:
        raise UnreadableError("read:entities")

    parser.buffer_text = True
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = data
    parser.EntityDeclHandler = entity
    parser.UnparsedEntityDeclHandler = entity
    ended = False
    while not ended:
        block = stream.read(BLOCK_BYTES)
        ended = not block
        try:
            parser.Parse(block, ended)
        except (expat.ExpatError, LookupError):
            raise UnreadableError("read:damaged") from None
        yield


def local(name: str) -> str:
    """An element's name without its namespace."""
    return name.rpartition(" ")[2]
