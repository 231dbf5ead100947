"""index: a dataset's tokens → where every span of them stands, for `catenary match` and the novelty of answers.

indexes:
  reviews: {from: reviews, tokenizer: zh, splits: [train]}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from catenary.chain.stage import Estimate, How, Ref, Settings, Stage, Work

TOKENS_AT_ONCE = 1 << 24
BYTES_PER_SECOND = 2e6
DOCUMENTS_AT_ONCE = 1000


class IndexSettings(Settings):
    """Which dataset, cut by which tokenizer; `shard_tokens` bounds the memory and leaves the answers as they are."""

    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    tokenizer: Annotated[str, Ref("tokenizers")]
    splits: list[Literal["train", "valid", "test"]] = Field(default=["train"], min_length=1)
    shard_tokens: Annotated[int, How()] = Field(TOKENS_AT_ONCE, ge=1 << 10, le=1 << 28)


def run(work: Work[IndexSettings]) -> Mapping[str, Any]:
    import shutil

    from catenary.evaluate.verbatim import build_index
    from catenary.tokenizer import load

    tokenizer = load(work.inputs["tokenizer"].path)
    told = build_index(
        _encoded(work.inputs["from"].path, work.settings.splits, tokenizer),
        work.out,
        vocab_size=tokenizer.vocab_size,
        shard_tokens=work.settings.shard_tokens,
        progress=work.progress,
    )
    for name in ("tokenizer.json", "tokenizer_config.json"):
        source = work.inputs["tokenizer"].path / name
        if source.is_file():
            shutil.copyfile(source, work.out / name)
    return {"headline": {"documents": told["documents"], "tokens": told["tokens"]}, **told}


def _encoded(dataset: Path, splits: list[Any], tokenizer: Any) -> Iterator[tuple[str, list[int]]]:
    from catenary.data.shards import iter_split
    from catenary.errors import NotFound
    from catenary.tokenizer.bulk import BulkEncoder

    encode = BulkEncoder(tokenizer)
    for split in splits:
        try:
            for batch in iter_split(dataset, split, ["id", "text"]):
                for start in range(0, batch.num_rows, DOCUMENTS_AT_ONCE):
                    part = batch.slice(start, DOCUMENTS_AT_ONCE)
                    texts = part.column("text").to_pylist()
                    yield from zip(part.column("id").to_pylist(), encode(texts), strict=True)
        except NotFound:
            continue


INDEX = Stage(
    name="index",
    version=1,
    section="indexes",
    kind="index",
    owner="data_engineer",
    settings=IndexSettings,
    run=run,
    estimate=lambda settings, sizes: Estimate(
        2.0 + sum(sizes) / BYTES_PER_SECOND, 24 * settings.shard_tokens + (200 << 20), 3 * sum(sizes)
    ),
)
