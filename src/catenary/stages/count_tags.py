"""count_tags: a dataset of words with their tags → a hidden Markov model, the control of every tagger.

    models:
      counted: {family: hmm, task: tag, from: news}

The documents carry `tokens` and `tags` (docs/data-columns.md): parts of speech, or entities as B- and I- tags.
`entities: [nr, ns]` with `units: characters` makes entities of parts of speech, as `task: tag` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from catenary.chain.stage import Estimate, Ref, Stage, Work
from catenary.models.baselines.hmm_settings import HmmSettings
from catenary.stages.settings import part_of
from catenary.stages.tagged import TagViewSettings, tagged_of

BYTES_PER_SECOND = 1e6  # of a dataset's Parquet files


class CountTagsSettings(HmmSettings, TagViewSettings):
    """The tagger's own settings, how tags are seen (TagViewSettings), and the dataset whose tags it counts."""

    family: Literal["hmm"]
    task: Literal["tag"] = "tag"
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")


def run(work: Work[CountTagsSettings]) -> Mapping[str, Any]:
    from catenary.models.baselines import fit_hmm

    def tagged(split: str) -> tuple[list[list[str]], list[list[str]]]:
        found = tagged_of(work.inputs["from"].path, split, work.settings.view)
        return found.words, found.tags

    sentences, tags = tagged("train")
    model = fit_hmm(sentences, tags, part_of(work.settings, HmmSettings), work.progress)
    model.save(work.out)
    report: dict[str, Any] = {
        "headline": {"words": model.config.training_words, "tags": len(model.tags)},
        "tags": list(model.tags),
    }
    held_out, gold = tagged("valid")
    pairs = [
        (said == tag, model.knows(word))
        for words, told, row in zip(held_out, model.tag(held_out), gold, strict=True)
        for word, said, tag in zip(words, told, row, strict=True)
    ]
    if pairs:
        accuracy = sum(right for right, _ in pairs) / len(pairs)
        strange = [right for right, known in pairs if not known]
        report["headline"]["valid accuracy"] = round(accuracy, 4)
        report["valid"] = {
            "accuracy": round(accuracy, 6),
            "words": len(pairs),
            "unknown words": len(strange),
            "accuracy of unknown words": round(sum(strange) / len(strange), 6) if strange else None,
        }
    return report


COUNT_TAGS = Stage(
    name="count_tags",
    version=1,
    section="models",
    kind="model",
    owner="researcher",
    settings=CountTagsSettings,
    run=run,
    families=("hmm",),
    takes=lambda raw: raw.get("family") == "hmm",
    estimate=lambda settings, sizes: Estimate(
        1.0 + sum(sizes) / BYTES_PER_SECOND, (300 << 20) + 60 * sum(sizes), 4 * sum(sizes)
    ),
)
