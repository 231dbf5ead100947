"""Texts as one long row of token ids on disk: written once, a chunk of texts at a time, then read by memory map.

ids.bin       all documents' tokens, one after the other, each framed by <bos> and <eos>; 2 bytes each where the
              vocabulary allows, 4 otherwise
starts.npy    where each document begins, and where the last ends
stream.json   what it was made of, and the SHA-256 of both files
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catenary.digest import digest, file_sha256
from catenary.progress import SILENT, Progress
from catenary.tokenizer import Tokenizer
from catenary.tokenizer.bulk import BulkEncoder

FORMAT = 1
IDS, STARTS, VALUES = "ids.bin", "starts.npy", "stream.json"
CHUNK_CHARACTERS = 1 << 21  # of text encoded at a time: enough for all cores, and bounded


@dataclass(frozen=True)
class TokenStream:
    """Documents as token ids: document i is `ids[starts[i] : starts[i + 1]]`, its frame included."""

    ids: NDArray[np.uint16] | NDArray[np.int32]
    starts: NDArray[np.int64]
    text_bytes: int  # of all documents in UTF-8, without frames
    sha256: str  # of ids and starts

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process maps the file anew; it is not sent a copy of it."""
        ids: Any = self.ids
        if isinstance(ids, np.memmap):
            ids = (str(ids.filename), ids.dtype.name)
        return _reopened, (ids, self.starts, self.text_bytes, self.sha256)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """Tokens of each document that are predicted: all but its first."""
        return np.diff(self.starts) - 1


def _reopened(ids: Any, starts: NDArray[np.int64], text_bytes: int, sha256: str) -> TokenStream:
    if isinstance(ids, tuple):
        ids = np.memmap(ids[0], np.dtype(ids[1]), mode="r")
    return TokenStream(ids, starts, text_bytes, sha256)


def token_stream(
    texts: Iterable[str],
    tokenizer: Tokenizer,
    frame: tuple[int, int],
    folder: Path,
    *,
    progress: Progress = SILENT,
) -> TokenStream:
    """The stream of these texts, from `folder` if it is there whole, else made there. `texts` is gone through anew.

    Memory is that of a chunk of texts, and 8 bytes a document. Reading the texts takes much less time than cutting
    them into tokens, so a stream found is believed only for the very same texts, tokenizer and frame.
    """
    made_of = digest([FORMAT, _texts_sha256(texts), tokenizer.backend.to_str(), list(frame)])
    found = _open(folder, made_of)
    if found is not None:
        return found
    shutil.rmtree(folder, ignore_errors=True)
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    dtype = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.int32
    lengths: list[int] = []
    text_bytes = 0
    encode = BulkEncoder(tokenizer)
    progress.begin("Reading text as tokens", None, "documents")
    with (part / IDS).open("wb") as file:
        for chunk in _chunks(texts):
            for ids in encode(chunk):
                file.write(np.asarray([frame[0], *ids, frame[1]], dtype).tobytes())
                lengths.append(len(ids) + 2)
            text_bytes += sum(len(text.encode()) for text in chunk)
            progress.advance(len(chunk))
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    np.save(part / STARTS, starts)
    told = {
        "made_of": made_of,
        "dtype": np.dtype(dtype).name,
        "text_bytes": text_bytes,
        "ids": file_sha256(part / IDS),
        "starts": file_sha256(part / STARTS),
    }
    (part / VALUES).write_text(json.dumps(told), "utf-8")
    part.rename(folder)
    opened = _open(folder, made_of)
    assert opened is not None
    return opened


def _open(folder: Path, made_of: str) -> TokenStream | None:
    """The stream in `folder`, None where it is not there, of something else, or not as it was written."""
    try:
        told = json.loads((folder / VALUES).read_text("utf-8"))
        if (
            told["made_of"] != made_of
            or told["ids"] != file_sha256(folder / IDS)
            or told["starts"] != file_sha256(folder / STARTS)
        ):
            return None
        starts = np.load(folder / STARTS, allow_pickle=False)
        dtype = np.dtype(told["dtype"])
        # A file of no bytes cannot be mapped.
        ids = np.memmap(folder / IDS, dtype, mode="r") if starts[-1] else np.zeros(0, dtype)
        return TokenStream(ids, starts, told["text_bytes"], digest([told["ids"], told["starts"]]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _chunks(texts: Iterable[str]) -> Iterator[list[str]]:
    chunk: list[str] = []
    characters = 0
    for text in texts:
        chunk.append(text)
        characters += len(text)
        if characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def _texts_sha256(texts: Iterable[str]) -> str:
    sha = hashlib.sha256()
    for text in texts:
        encoded = text.encode()
        sha.update(b"%d:" % len(encoded) + encoded)
    return sha.hexdigest()
