"""What models of the chain write: replies to conversations, targets for sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catenary.progress import SILENT, Progress

if TYPE_CHECKING:
    from catenary.models import Model, TransformerConfig
    from catenary.stages.dialogues import Talk


def answer_talks(
    model: Model,
    folder: Path,
    prompts: Sequence[Talk],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[str]:
    """The reply to each conversation, by the model's own template; what does not fit loses its earliest turns."""
    from catenary.inference.generate import Decoding, generate
    from catenary.tokenizer import ChatTemplate, load, read_template, special_tokens

    tokenizer = load(folder)
    template = read_template(folder) or ChatTemplate.plain(special_tokens(folder))
    room = max(1, model.config.max_position_embeddings - max_new_tokens)

    def read(prompt: Talk) -> list[int]:
        while True:
            ids = tokenizer.encode(template.render(prompt, add_generation_prompt=True))
            if len(ids) <= room or len(prompt) < 3:
                return ids[-room:]
            prompt = [*prompt[:1], *prompt[3:]] if prompt[0]["role"] == "system" else prompt[2:]

    progress.begin("answering", len(prompts), "replies")
    how: dict[str, Any] = {"max_new_tokens": max_new_tokens, "temperature": temperature, "seed": seed}
    said = generate(model, [read(prompt) for prompt in prompts], Decoding(**how), progress=progress)
    return [tokenizer.decode(ids).strip() for ids in said]


def write_targets(
    model: Model,
    folder: Path,
    sources: Sequence[str],
    *,
    beams: int,
    length_penalty: float = 1.0,
    no_repeat_ngram: int = 0,
    max_new_tokens: int,
    progress: Progress = SILENT,
) -> list[str]:
    """What an encoder–decoder writes for each source, read as `source_rows` says."""
    from catenary.inference.generate import Decoding, generate
    from catenary.tokenizer import load

    tokenizer = load(folder)
    rows = source_rows(model.config, folder, sources)
    progress.begin("writing", len(rows), "texts")
    how = Decoding(
        max_new_tokens=max_new_tokens,
        beams=beams,
        length_penalty=length_penalty,
        no_repeat_ngram=no_repeat_ngram,
        rows=64,
    )
    return [tokenizer.decode(ids).strip() for ids in generate(model, rows, how, progress=progress)]


def source_rows(config: TransformerConfig, folder: Path, sources: Sequence[str]) -> list[list[int]]:
    """The ids of each source as an encoder–decoder reads it, with its memory's nearest pair, cut to its positions."""
    from catenary.models import memory_beside, read_sources
    from catenary.tokenizer import load

    eos = config.eos_token_id
    return read_sources(
        load(folder).encode_batch,
        sources,
        eos_id=eos[0] if isinstance(eos, tuple) else eos,
        longest=config.max_position_embeddings - 1,
        memory=memory_beside(folder),
    )
