"""Language models side by side on held-out documents: perplexity, and bits per byte where tokenizers differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from catenary.chain.stage import Work
from catenary.data.texts import texts_of
from catenary.errors import InvalidInput
from catenary.messages import LANGUAGES
from catenary.progress import timed
from catenary.store import Artifact

if TYPE_CHECKING:
    from catenary.evaluate.language_model import LanguageModel, Likelihoods
    from catenary.train.best_and_worst import Samples


class Wanted(Protocol):
    """What an evaluation says of language models."""

    @property
    def on(self) -> str | None: ...

    @property
    def split(self) -> str: ...

    @property
    def metrics(self) -> Sequence[str] | None: ...

    @property
    def seed(self) -> int: ...


def measured(
    work: Work[Any], models: Mapping[str, Artifact], control: str | None, settings: Wanted
) -> Mapping[str, Any]:
    """Score every model on the same documents, each with its own tokenizer; compare them pair by pair."""
    from catenary.evaluate import language_model_report, score, verdict, write_report
    from catenary.tokenizer import load as load_tokenizer
    from catenary.tokenizer.bulk import BulkEncoder

    metrics = settings.metrics or ("perplexity", "bits_per_byte")
    texts = list(texts_of(work.inputs["on"].path, settings.split))
    if not texts:
        raise InvalidInput(
            "There are no documents to evaluate on.",
            got=settings.on,
            expected="a dataset whose `split:` gives this part a share",
        )
    sizes = [len(text.encode()) for text in texts]
    scored = {}
    for name, model in models.items():
        with timed(work.progress, name, len(texts)):
            scored[name] = score(
                language_model(model.path),
                BulkEncoder(load_tokenizer(model.path))(texts),
                text_bytes=sizes,
                progress=work.progress,
            )
    report = language_model_report(scored, control=control, seed=settings.seed)
    for lang in LANGUAGES:
        (work.out / lang).mkdir()
        write_report(work.out / lang, language_model=report, title=work.link, lang=lang)
    best = min(report.models, key=lambda model: model.metrics["bits_per_byte"].value)
    first = metrics[0]
    return {
        "headline": {
            "documents": report.sequences,
            "best": best.name,
            first: round(best.metrics[first].value, 4),
        },
        "control": control,
        "samples": samples_of(scored, texts),
        "metrics": {
            model.name: {name: asdict(model.metrics[name]) for name in metrics} for model in report.models
        },
        "comparisons": [
            {**asdict(comparison), "outcome": comparison.outcome, "verdict": verdict(comparison, "en")}
            for comparison in report.comparisons
        ],
    }


def samples_of(scored: Mapping[str, Likelihoods], texts: Sequence[str]) -> dict[str, Samples]:
    """Of each model the documents that it finds hardest and easiest, by the nats that a token costs."""
    from catenary.train.best_and_worst import best_and_worst

    return {name: best_and_worst(-one.log_prob / one.tokens.clip(1), texts) for name, one in scored.items()}


def language_model(folder: Path) -> LanguageModel:
    """The language model in a folder, whatever its family. Raises InvalidInput where it is none."""
    family = json.loads((folder / "config.json").read_text("utf-8")).get("family")
    if family == "ngram":
        from catenary.models.baselines import NgramModel

        return NgramModel.load(folder)

    if family in ("lstm", "gru"):
        from catenary.models.baselines import Recurrent

        return Recurrent.load(folder)

    from catenary.models import Likelihood, load

    return Likelihood(load(folder, "clm"))
