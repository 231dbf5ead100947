"""Writers side by side on held-out documents: what they translate, summarise or reply; how likely the right reply is.

bleu, chrf and rouge judge what each model writes; reply_perplexity asks a chat model for the probability of the reply
that is there, by its own template.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from catenary.chain.stage import Work
from catenary.errors import InvalidInput
from catenary.messages import LANGUAGES
from catenary.progress import timed
from catenary.stages.answers import answer_talks, write_targets
from catenary.stages.dialogues import Talk, questions_of
from catenary.stages.open_model import open_model
from catenary.store import Artifact

LANGUAGE_SAMPLE = 200


class Wanted(Protocol):
    """What an evaluation says of writers."""

    @property
    def on(self) -> str | None: ...

    @property
    def split(self) -> str: ...

    @property
    def metrics(self) -> Sequence[str] | None: ...

    @property
    def seed(self) -> int: ...

    @property
    def beams(self) -> int: ...

    @property
    def length_penalty(self) -> float: ...

    @property
    def no_repeat_ngram(self) -> int: ...

    @property
    def max_new_tokens(self) -> int: ...

    @property
    def documents(self) -> int | None: ...


def measured(
    work: Work[Any], models: Mapping[str, Artifact], control: str | None, settings: Wanted
) -> Mapping[str, Any]:
    """Let every model write for the same documents, and compare them pair by pair."""
    metrics = list(settings.metrics or ())
    _, prompts, references = questions_of(work.inputs["on"].path, settings.split)
    if settings.documents is not None:
        prompts, references = prompts[: settings.documents], references[: settings.documents]
    if not prompts:
        raise InvalidInput(
            "There are no documents to evaluate on.",
            got=settings.on,
            expected="a dataset whose `split:` gives this part a share",
        )
    if "reply_perplexity" in metrics:
        return _likely(work, models, control, settings, prompts, references)
    from catenary.data import language_of
    from catenary.evaluate import verdict
    from catenary.evaluate.paired import LESS_IS_BETTER
    from catenary.evaluate.written import written_report
    from catenary.evaluate.written_page import write_written_report

    sources = [prompt[-1]["content"] for prompt in prompts]
    written = {}
    for name, model in models.items():
        with timed(work.progress, name, len(prompts)):
            written[name] = _write(work, model, prompts, sources, settings)
    main = Counter(language_of(text) for text in references[:LANGUAGE_SAMPLE]).most_common(1)[0][0]
    report = written_report(
        references,
        written,
        control=control,
        metrics=metrics,  # type: ignore[arg-type]
        language=main,
        trained=_trained(work) if {"novelty", "misspelt"}.intersection(metrics) else None,
        seed=settings.seed,
    )
    with (work.out / "written.jsonl").open("w", encoding="utf-8") as file:
        for number, (source, reference) in enumerate(zip(sources, references, strict=True)):
            row = {
                "source": source,
                "reference": reference,
                **{name: told[number] for name, told in written.items()},
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    for lang in LANGUAGES:
        write_written_report(
            work.out / lang, report, sources, references, written, title=work.link, lang=lang
        )
    first = metrics[0]
    sign = -1 if first in LESS_IS_BETTER else 1
    best = max(report.models, key=lambda model: sign * model.metrics[first].value)
    return {
        "headline": {"documents": report.n, "best": best.name, first: round(best.metrics[first].value, 2)},
        "control": control,
        "signatures": dict(report.signatures),
        "metrics": {
            model.name: {name: asdict(figure) for name, figure in model.metrics.items()}
            for model in report.models
        },
        "comparisons": [
            {**asdict(one), "outcome": one.outcome, "verdict": verdict(one, "en")}
            for one in report.comparisons
        ],
    }


def _trained(work: Work[Any]) -> list[str]:
    """What the dataset gave to train on."""
    _, prompts, replies = questions_of(work.inputs["on"].path, "train")
    return [*replies, *(turn["content"] for prompt in prompts for turn in prompt)]


def _write(
    work: Work[Any], artifact: Artifact, prompts: Sequence[Talk], sources: Sequence[str], settings: Wanted
) -> list[str]:
    if _family(artifact.path) == "memory":
        from catenary.models.baselines import Memory

        return Memory.load(artifact.path).answer(sources)
    model = open_model(work, artifact)
    if model.config.kind == "encoder-decoder":
        return write_targets(
            model,
            artifact.path,
            sources,
            beams=settings.beams,
            length_penalty=settings.length_penalty,
            no_repeat_ngram=settings.no_repeat_ngram,
            max_new_tokens=settings.max_new_tokens,
            progress=work.progress,
        )
    return answer_talks(
        model, artifact.path, prompts, max_new_tokens=settings.max_new_tokens, progress=work.progress
    )


def _family(folder: Path) -> str | None:
    path = folder / "config.json"
    return json.loads(path.read_text("utf-8")).get("family") if path.is_file() else None


def _likely(
    work: Work[Any],
    models: Mapping[str, Artifact],
    control: str | None,
    settings: Wanted,
    prompts: Sequence[Talk],
    references: Sequence[str],
) -> Mapping[str, Any]:
    """How likely each chat model finds the replies that are there, in perplexity and bits per byte."""
    import numpy as np

    from catenary.evaluate import (
        Likelihoods,
        compare_likelihoods,
        language_model_report,
        verdict,
        write_report,
    )
    from catenary.stages.perplexity import samples_of
    from catenary.tokenizer import ChatTemplate, load, read_template, reply_tokens, special_tokens
    from catenary.train import reply_likelihoods

    scored = {}
    for name, artifact in models.items():
        if _family(artifact.path) == "memory":
            raise InvalidInput(
                "A memory tells no probabilities.", got=name, expected="metrics: bleu, chrf or rouge"
            )
        tokenizer = load(artifact.path)
        template = read_template(artifact.path) or ChatTemplate.plain(special_tokens(artifact.path))
        talks = [
            reply_tokens(tokenizer, template, prompt, reply)
            for prompt, reply in zip(prompts, references, strict=True)
        ]
        with timed(work.progress, name, len(talks)):
            log_probs, tokens = reply_likelihoods(
                open_model(work, artifact, "clm"), talks, progress=work.progress
            )
        sizes = [len(reply.encode()) for reply in references]
        scored[name] = Likelihoods(np.asarray(log_probs), np.asarray(tokens), np.asarray(sizes))
    report = language_model_report(scored, control=control, seed=settings.seed)
    for lang in LANGUAGES:
        (work.out / lang).mkdir()
        write_report(work.out / lang, language_model=report, title=work.link, lang=lang)
    # Perplexities compare where the models count the same tokens; bits per byte always do.
    without = {name: replace(one, text_bytes=None) for name, one in scored.items()}
    by_token = [
        replace(
            compare_likelihoods(
                {one.first: without[one.first], one.second: without[one.second]}, seed=settings.seed
            ),
            metric="reply_perplexity",
        )
        for one in report.comparisons
        if np.array_equal(scored[one.first].tokens, scored[one.second].tokens)
    ]
    best = min(report.models, key=lambda model: model.metrics["bits_per_byte"].value)
    perplexity = best.metrics["perplexity"]
    return {
        "headline": {
            "documents": report.sequences,
            "best": best.name,
            "reply_perplexity": round(perplexity.value, 3),
        },
        "control": control,
        "samples": samples_of(scored, references),
        "metrics": {
            model.name: {
                "reply_perplexity": asdict(model.metrics["perplexity"]),
                "bits_per_byte": asdict(model.metrics["bits_per_byte"]),
            }
            for model in report.models
        },
        "comparisons": [
            {**asdict(one), "outcome": one.outcome, "verdict": verdict(one, "en")}
            for one in (*by_token, *report.comparisons)
        ],
    }
