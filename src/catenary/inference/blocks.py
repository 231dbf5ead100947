"""Keys and values in blocks of tokens: who holds which, and which prompts' beginnings are kept for the next request.

Kwon et al. 2023 (PagedAttention, 2309.06180); a block that is full is known by the digest of all tokens up to its end,
so that an equal beginning is found and not read again. Blocks that nobody holds stay until their room is needed, the
longest unused first.

    >>> pool = BlockPool(blocks=4, block_tokens=2)
    >>> held = pool.take(2)
    >>> pool.keep([5, 6], held[:1])
    >>> pool.release(held)
    >>> pool.known([5, 6, 7]) == held[:1]
    True
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np


class BlockPool:
    """`blocks` blocks of `block_tokens` tokens each. Not safe for several threads: the scheduler's alone uses it."""

    def __init__(self, blocks: int, block_tokens: int) -> None:
        self.blocks, self.block_tokens = blocks, block_tokens
        self._free = list(range(blocks - 1, -1, -1))
        self._holders = [0] * blocks
        self._digest_of: dict[int, bytes] = {}
        self._block_of: dict[bytes, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()  # kept, held by nobody; the longest unused first

    def blocks_for(self, tokens: int) -> int:
        """How many blocks hold so many tokens."""
        return -(-tokens // self.block_tokens)

    @property
    def available(self) -> int:
        """Blocks that could be taken now."""
        return len(self._free) + len(self._idle)

    def take(self, count: int) -> list[int]:
        """Blocks with nothing in them, held once. There must be as many."""
        taken = []
        for _ in range(count):
            block = self._free.pop() if self._free else self._forget()
            self._holders[block] = 1
            taken.append(block)
        return taken

    def release(self, blocks: Sequence[int]) -> None:
        """Hold these no more. The last ones are forgotten first, since a beginning is worth more than what follows."""
        for block in reversed(blocks):
            self._holders[block] -= 1
            if self._holders[block] == 0:
                if block in self._digest_of:
                    self._idle[block] = None
                else:
                    self._free.append(block)

    def known(self, ids: Sequence[int]) -> list[int]:
        """The blocks that hold how `ids` begin, held once more. Not the last token's: its logits are needed."""
        found: list[int] = []
        for digest in self._digests(ids, (len(ids) - 1) // self.block_tokens):
            block = self._block_of.get(digest)
            if block is None:
                break
            found.append(block)
        for block in found:
            self._holders[block] += 1
            self._idle.pop(block, None)
        return found

    def keep(self, ids: Sequence[int], blocks: Sequence[int]) -> None:
        """`blocks` hold `ids` (whole blocks of them): find them under these tokens from now on."""
        for digest, block in zip(self._digests(ids, len(blocks)), blocks, strict=True):
            if digest not in self._block_of and block not in self._digest_of:
                self._block_of[digest], self._digest_of[block] = block, digest

    def _forget(self) -> int:
        block, _ = self._idle.popitem(last=False)
        del self._block_of[self._digest_of.pop(block)]
        return block

    def _digests(self, ids: Sequence[int], count: int) -> list[bytes]:
        digest, size, told = b"", self.block_tokens, []
        for at in range(count):
            part = np.asarray(ids[at * size : (at + 1) * size], dtype=np.int64).tobytes()
            digest = hashlib.blake2b(digest + part, digest_size=16).digest()
            told.append(digest)
        return told
