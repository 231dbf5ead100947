"""Opening the folder of a model that writes: its tokenizer, chat template, limits, and what ends a text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from catenary.errors import InvalidInput
from catenary.inference.batches import check_unicode
from catenary.inference.folder import read_json, read_tokenizer
from catenary.inference.generation import GenerationSettings, Prompt

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from catenary.models import TransformerConfig
    from catenary.models.baselines import Memory
    from catenary.tokenizer import ChatTemplate

CHARACTERS_PER_TOKEN = 64  # no tokenizer here makes one token of more; bounds the cost of a hostile prompt


@dataclass(frozen=True, slots=True)
class GeneratorFolder:
    """`max_tokens`: positions for prompt and answer together (None: no limit). `end_ids`: tokens that end a text.
    `windows`: how many tokens each layer of a decoder looks back on, 0 for all; empty where no layer has a window."""

    path: Path
    config: Mapping[str, Any]
    model: TransformerConfig
    kind: Literal["decoder", "encoder-decoder"]
    vocab_size: int
    max_tokens: int | None
    end_ids: frozenset[int]
    windows: tuple[int, ...]
    tokenizer: Tokenizer
    template: ChatTemplate
    memory: Memory | None = None  # whose nearest pair an encoder–decoder reads behind a text

    def read(self, prompt: Prompt) -> list[int]:
        """The ids of a prompt: of a text with what the model puts before one, of messages by the chat template.

        Raises InvalidInput for a prompt that is empty, no Unicode text, too long, or has ids beyond the vocabulary.
        """
        if isinstance(prompt, str) and self.memory is not None:
            ids = self._beside_memory(prompt, self.memory)
        elif isinstance(prompt, str):
            ids = self._of_text(prompt, special=True)
            if self.kind == "decoder" and ids and ids[-1] in self.end_ids and self._ends_texts():
                ids = ids[:-1]  # the frame of a whole text; a prompt goes on
        elif prompt and not isinstance(prompt[0], int):
            text = self.template.render(prompt, add_generation_prompt=True)  # type: ignore[arg-type]
            ids = self._of_text(text, special=False)
        else:
            ids = list(prompt)  # type: ignore[arg-type]
            self._check_ids(ids, "The prompt has a token id that the model does not know.")
        limit = None if self.max_tokens is None else self.max_tokens - (self.kind == "decoder")
        if not ids or (limit is not None and len(ids) > limit):
            raise InvalidInput(
                "This prompt leaves the model no room for an answer.",
                got=f"{len(ids)} tokens",
                expected="1 to {tokens} tokens" if limit is not None else "1 token or more",
                tokens=limit,
            )
        return ids

    def room(self, prompt: list[int]) -> int:
        """How many tokens the model can write after `prompt`."""
        if self.max_tokens is None:
            return 1 << 20
        return self.max_tokens - (len(prompt) if self.kind == "decoder" else 1)

    def check(self, settings: GenerationSettings) -> None:
        """Raise InvalidInput for ids in the settings that the model does not know."""
        self._check_ids(settings.logit_bias, "logit_bias names a token id that the model does not know.")
        self._check_ids(settings.stop_ids, "stop_ids names a token id that the model does not know.")
        check_unicode(settings.stop)

    def _check_ids(self, ids: Iterable[int], what: str) -> None:
        wrong = next((id for id in ids if not 0 <= id < self.vocab_size), None)
        if wrong is not None:
            raise InvalidInput(what, got=wrong, expected="0 to {last}", last=self.vocab_size - 1)

    def _of_text(self, text: str, *, special: bool) -> list[int]:
        check_unicode([text])
        if self.max_tokens is not None and len(text) > self.max_tokens * CHARACTERS_PER_TOKEN:
            raise InvalidInput(
                "This prompt leaves the model no room for an answer.",
                got=f"{len(text)} characters",
                expected="1 to {tokens} tokens",
                tokens=self.max_tokens - 1,
            )
        return list(self.tokenizer.encode(text, add_special_tokens=special).ids)

    def _beside_memory(self, text: str, memory: Memory) -> list[int]:
        from catenary.models import read_sources

        check_unicode([text])
        eos = self.model.eos_token_id
        return read_sources(
            lambda texts: [one.ids for one in self.tokenizer.encode_batch(texts, add_special_tokens=False)],
            [text],
            eos_id=eos[0] if isinstance(eos, tuple) else eos,
            longest=self.model.max_position_embeddings - 1,
            memory=memory,
        )[0]

    def _ends_texts(self) -> bool:
        """Whether the tokenizer puts an end after every text."""
        framed = self.tokenizer.encode("", add_special_tokens=True).ids
        return bool(framed) and framed[-1] in self.end_ids


def open_generator(path: Path) -> GeneratorFolder:
    """The folder's settings and tokenizer, checked against each other.

    Raises NotFound for a missing file, Damaged for one that does not parse, InvalidInput for a model that does not
    write and for settings that do not fit together.
    """
    from catenary.models import FAMILIES, memory_beside
    from catenary.tokenizer import ChatTemplate, read_template, special_tokens

    settings = read_json(path / "config.json")
    family = FAMILIES.get(str(settings.get("model_type")))
    architectures = settings.get("architectures") or [None]
    head = None if family is None else family.head_of(str(architectures[0]))
    if family is None or head not in ("clm", "seq2seq"):
        raise InvalidInput(
            "This model writes no text.",
            where=str(path / "config.json"),
            got=architectures[0] or settings.get("model_type"),
            expected="a causal language model or an encoder–decoder",
        )
    config = family.config_from(
        {key: value for key, value in settings.items() if key != "quantization_config"}, where=str(path)
    )
    tokenizer = read_tokenizer(path)
    tokens = tokenizer.get_vocab_size(with_added_tokens=True)
    if tokens > config.vocab_size:
        raise InvalidInput(
            "The tokenizer has more tokens than the model has embeddings: they are not of one model.",
            where=str(path),
            got=f"tokenizer.json: {tokens}, config.json vocab_size: {config.vocab_size}",
            expected="a tokenizer of at most vocab_size tokens",
        )
    relative = config.position == "relative"  # T5 reads texts of any length
    return GeneratorFolder(
        path=path,
        config=settings,
        model=config,
        kind="decoder" if config.kind == "decoder" else "encoder-decoder",
        vocab_size=config.vocab_size,
        max_tokens=None if relative else config.max_position_embeddings,
        end_ids=_end_ids(path, settings),
        windows=_windows(config),
        tokenizer=tokenizer,
        template=read_template(path)
        or ChatTemplate.plain({"bos_token": "", "eos_token": "\n"} | special_tokens(path)),
        memory=None if config.kind == "decoder" else memory_beside(path),
    )


def _windows(config: TransformerConfig) -> tuple[int, ...]:
    window = config.sliding_window
    if window is None:
        return ()
    return tuple(
        window if layer >= config.sliding_from_layer else 0 for layer in range(config.num_hidden_layers)
    )


def _end_ids(path: Path, settings: Mapping[str, Any]) -> frozenset[int]:
    """Of generation_config.json, which chat models keep up to date, else of config.json; there may be several."""
    file = path / "generation_config.json"
    told = (read_json(file) if file.is_file() else {}).get("eos_token_id")
    told = settings.get("eos_token_id") if told is None else told
    found = told if isinstance(told, list) else [told]
    return frozenset(id for id in found if isinstance(id, int))
