"""count: a dataset's training split → a modified Kneser–Ney n-gram model, the control of every language model.

    models:
      trigram: {family: ngram, order: 3, from: reviews, tokenizer: zh}

Its perplexity on the validation split, in bits per byte too, is what a neural language model has to beat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from catenary.chain.stage import Estimate, Ref, Settings, Stage, Work
from catenary.data.texts import texts_of

BYTES_PER_SECOND = 1.5e6


class CountSettings(Settings):
    """An n-gram model of `order` over the tokens of `tokenizer`."""

    family: Literal["ngram"]
    order: int = Field(default=3, ge=1, le=6)
    from_: Annotated[str, Ref("datasets")] = Field(alias="from")
    tokenizer: Annotated[str, Ref("tokenizers")]


def run(work: Work[CountSettings]) -> Mapping[str, Any]:
    import numpy as np

    from catenary.models.baselines import fit_ngram
    from catenary.models.baselines.ngram import Totals
    from catenary.tokenizer import load, save
    from catenary.tokenizer.bulk import BulkEncoder
    from catenary.train.best_and_worst import best_and_worst

    dataset = work.inputs["from"].path
    tokenizer = load(work.inputs["tokenizer"].path)
    model = fit_ngram(
        BulkEncoder(tokenizer)(list(texts_of(dataset, "train"))),
        order=work.settings.order,
        vocab_size=tokenizer.vocab_size,
        progress=work.progress,
    )
    model.save(work.out)
    save(tokenizer, work.out)
    report: dict[str, Any] = {"headline": {"order": work.settings.order, "n-grams": sum(model.config.grams)}}
    held_out = list(texts_of(dataset, "valid"))
    if held_out:
        scored = model.log_probs_of_all(tokenizer.encode_batch(held_out))
        totals = Totals.of(scored)
        figures = {
            "perplexity": round(totals.perplexity, 3),
            "bits per byte": round(totals.bits_per_byte(sum(len(text.encode()) for text in held_out)), 4),
        }
        report["headline"] |= figures
        report["valid"] = {**figures, "tokens": totals.tokens, "documents": totals.sequences}
        report["samples"] = best_and_worst(np.array([-one.mean() for one in scored]), held_out)
    return report


COUNT = Stage(
    name="count",
    version=1,
    section="models",
    kind="model",
    owner="researcher",
    settings=CountSettings,
    run=run,
    families=("ngram",),
    takes=lambda raw: raw.get("family") == "ngram",
    estimate=lambda settings, sizes: Estimate(
        1.0 + max(sizes) * settings.order / 3 / BYTES_PER_SECOND,
        (300 << 20) + 30 * max(sizes),
        4 * max(sizes),
    ),
)
