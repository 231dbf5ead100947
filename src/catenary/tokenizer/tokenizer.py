"""A trained tokenizer: text to ids and back."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer as Backend
from tokenizers.processors import TemplateProcessing

from catenary.errors import Damaged, NotFound
from catenary.tokenizer.special import BOS, CLS, EOS, FRAMES, HF_NAMES, MASK, PAD, SEP, UNK, Frame

TOKENIZER_FILE = "tokenizer.json"
CONFIG_FILE = "tokenizer_config.json"


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """A small wrapper of `tokenizers.Tokenizer` (`backend`). Encoding adds no special tokens: the model frames."""

    backend: Backend

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""
        ids: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return ids

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text; on all cores, unless TOKENIZERS_PARALLELISM=false."""
        encoded = self.backend.encode_batch_fast(list(texts), add_special_tokens=False)
        return [one.ids for one in encoded]

    def decode(self, ids: Sequence[int], skip_special_tokens: bool = True) -> str:
        """The text of ids; special tokens are left out unless asked for."""
        text: str = self.backend.decode(list(ids), skip_special_tokens=skip_special_tokens)
        return text

    def tokens(self, text: str) -> list[str]:
        """The tokens of a text as the vocabulary writes them."""
        tokens: list[str] = self.backend.encode(text, add_special_tokens=False).tokens
        return tokens

    def truncate(self, max_tokens: int | None) -> Tokenizer:
        """This tokenizer, cutting what it encodes to `max_tokens`; None cuts nothing."""
        other = Backend.from_str(self.backend.to_str())
        if max_tokens is None:
            other.no_truncation()
        else:
            other.enable_truncation(max_tokens)
        return Tokenizer(other)

    @property
    def vocab_size(self) -> int:
        """How many ids there are, special tokens included."""
        return int(self.backend.get_vocab_size(with_added_tokens=True))

    def id_of(self, token: str) -> int | None:
        """The id of a token as the vocabulary writes it, None when it is not there."""
        found: int | None = self.backend.token_to_id(token)
        return found

    @property
    def pad_id(self) -> int:
        return self._special(PAD)

    @property
    def unk_id(self) -> int:
        return self._special(UNK)

    @property
    def cls_id(self) -> int:
        return self._special(CLS)

    @property
    def sep_id(self) -> int:
        return self._special(SEP)

    @property
    def mask_id(self) -> int:
        return self._special(MASK)

    @property
    def bos_id(self) -> int:
        return self._special(BOS)

    @property
    def eos_id(self) -> int:
        return self._special(EOS)

    @property
    def special_ids(self) -> frozenset[int]:
        """The ids that stand for no text."""
        added = self.backend.get_added_tokens_decoder()
        return frozenset(number for number, token in added.items() if token.special)

    def _special(self, token: str) -> int:
        found = self.id_of(token)
        if found is None:
            raise NotFound("The tokenizer has no token {token}.", token=token)
        return found


def save(tokenizer: Tokenizer, folder: Path, frame: Frame | None = None) -> None:
    """Write `tokenizer.json` and `tokenizer_config.json` as `transformers.PreTrainedTokenizerFast` reads them.

    With a `frame` the saved tokenizer puts the family's special tokens around what it encodes, as users of
    `transformers` expect of a model's own.
    """
    backend = Backend.from_str(tokenizer.backend.to_str())
    backend.no_truncation()
    if frame is not None:
        first, last = FRAMES[frame]
        backend.post_processor = TemplateProcessing(
            single=f"{first} $A {last}".strip(),
            pair=f"{first} $A {last} $B:1 {last}:1".strip(),
            special_tokens=[(token, tokenizer.id_of(token)) for token in (first, last) if token],
        )
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        **{name: token for name, token in HF_NAMES.items() if tokenizer.id_of(token) is not None},
    }
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / TOKENIZER_FILE, backend.to_str(pretty=True))
    _write(folder / CONFIG_FILE, json.dumps(config, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def load(folder: Path) -> Tokenizer:
    """The tokenizer saved in a folder. Raises NotFound or Damaged."""
    path = folder / TOKENIZER_FILE
    if not path.is_file():
        raise NotFound(
            "There is no tokenizer here.", got=str(folder), expected="a folder with tokenizer.json"
        )
    try:
        return Tokenizer(Backend.from_file(str(path)))
    except Exception as error:  # the library raises nothing narrower
        raise Damaged("The tokenizer's file cannot be read.", got=str(error), where=str(path)) from None


def _write(path: Path, text: str) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
