"""tokenize: the training split of a dataset → a tokenizer.

    tokenizers:
      zh: {from: reviews, kind: bpe, vocab_size: 8000}

Only the training split is read: a vocabulary that has seen the test split flatters every score on it. How well it cuts
is measured on the validation split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import Field

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.data.texts import count_of, texts_of
from catenary.stages.settings import part_of
from catenary.tokenizer.settings import TokenizerSettings

BYTES_PER_SECOND = 2e6


class TokenizeSettings(TokenizerSettings):
    """The tokenizer's own settings, and the dataset whose training split it is trained on."""

    from_: Annotated[str, Ref("datasets")] = Field(alias="from")


def run(work: Work[TokenizeSettings]) -> Mapping[str, Any]:
    from catenary.tokenizer import measure, save, train

    dataset = work.inputs["from"].path
    settings = part_of(work.settings, TokenizerSettings)
    tokenizer = train(
        texts_of(dataset, "train"), settings, progress=work.progress, total=count_of(dataset, "train")
    )
    save(tokenizer, work.out)
    told = asdict(measure(tokenizer, texts_of(dataset, "valid")))
    return {
        "headline": {
            "tokens": tokenizer.vocab_size,
            "characters a token": round(told["characters_per_token"], 3),
        },
        "valid": told,
    }


TOKENIZE = Stage(
    name="tokenize",
    version=1,
    section="tokenizers",
    kind="tokenizer",
    owner="data_engineer",
    settings=TokenizeSettings,
    run=run,
    estimate=lambda settings, sizes: Estimate(0.5 + sum(sizes) / BYTES_PER_SECOND, 300 << 20, 1 << 20),
)
