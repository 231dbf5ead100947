"""What the training text holds of the test items, and what a model says of it by heart: from an `indexes:` link.

    evaluations:
      clean: {of: [trigram, writer], on: reviews.test, contamination: spans, memorisation: spans}

`contamination` is the share of test documents of which the indexed text holds a long span word for word; it is the same
for all models. `memorisation` is the share of indexed documents whose beginnings a model goes on as they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from catenary.chain.stage import Work
from catenary.data.texts import texts_of
from catenary.errors import InvalidInput
from catenary.messages import LANGUAGES, Language, say
from catenary.stages.open_model import open_model
from catenary.store import Artifact

BEGINNINGS = 200  # documents that a model is given the beginning of, evenly spread
WRITERS = (
    "pretrain",
    "chat",
    "preference",
    "distil",
    "adopt",
    "prune",
)  # controls by counts say nothing by heart
FIGURES = ("contamination", "memorisation")


def leaks(work: Work[Any], models: Mapping[str, Artifact]) -> dict[str, dict[str, Any]]:
    """model → figure → value with its interval (Wilson); `leaks/<language>/report.md` and .html beside the report."""
    found: dict[str, dict[str, Any]] = {name: {} for name in models}
    if "contamination" in work.inputs:
        share = _contamination(work)
        for figures in found.values():
            figures["contamination"] = share
    if "memorisation" in work.inputs:
        for name, model in models.items():
            if model.stage in WRITERS:
                found[name]["memorisation"] = _memorisation(work, name, model)
    for lang in LANGUAGES:
        _write(work.out / "leaks" / lang, work.link, found, lang)
    return {name: {key: asdict(one) for key, one in figures.items()} for name, figures in found.items()}


def _contamination(work: Work[Any]) -> Any:
    from catenary.evaluate.memorised import contamination
    from catenary.tokenizer import load

    index = _index(work, "contamination")
    items = load(index).encode_batch(list(texts_of(work.inputs["on"].path, work.settings.split)))
    return contamination(_opened(index), [ids for ids in items if ids])


def _memorisation(work: Work[Any], name: str, model: Artifact) -> Any:
    from catenary.digest import file_sha256
    from catenary.evaluate.memorised import BY_HEART_TOKENS, memorisation
    from catenary.inference import GenerationSettings
    from catenary.inference.load import load as load_writer
    from catenary.tokenizer import load

    index = _index(work, "memorisation")
    tokenizer = load(model.path)
    if load(index).backend.get_vocab() != tokenizer.backend.get_vocab():
        raise InvalidInput(
            "What a model says by heart is looked up by its own tokens.",
            where=work.link,
            got=f"{name}, {file_sha256(index / 'tokenizer.json')[:12]}",
            expected="an index by the tokenizer of the model",
        )
    lineage = {one.id: one for one in work.ancestors(work.inputs["memorisation"].id)}
    dataset = lineage[work.inputs["memorisation"].manifest.inputs["from"]]
    texts = list(texts_of(dataset.path, "train"))
    rows = [ids for ids in tokenizer.encode_batch(texts) if len(ids) >= 2 * BY_HEART_TOKENS]
    rows = rows[:: max(1, len(rows) // BEGINNINGS)][:BEGINNINGS]
    if not rows:
        raise InvalidInput(
            "No indexed document is long enough to be said by heart.",
            where=work.link,
            expected="documents of {tokens} tokens and more",
            tokens=2 * BY_HEART_TOKENS,
        )
    writer = load_writer(_whole(work, name, model), "generate", engine="torch")
    settings = GenerationSettings(max_tokens=BY_HEART_TOKENS, min_tokens=BY_HEART_TOKENS)
    beginnings = [ids[:BY_HEART_TOKENS] for ids in rows]
    try:
        told = writer.generate(beginnings, settings)
    finally:
        writer.close()
    pairs = [(one, list(said.choices[0].ids)) for one, said in zip(beginnings, told, strict=True)]
    return memorisation(_opened(index), pairs)


def _whole(work: Work[Any], name: str, model: Artifact) -> Path:
    """The model's folder; of an adapter, one with what it stands on."""
    from catenary.models import copy_companions, is_adapter, save

    if not is_adapter(model.path):
        return model.path
    folder = work.state / "whole" / name
    save(open_model(work, model, "clm"), folder)
    copy_companions(model.path, folder)
    return folder


def _index(work: Work[Any], role: str) -> Path:
    artifact = work.inputs[role]
    if artifact.stage != "index":
        raise InvalidInput(
            "This index finds passages, not spans of tokens.",
            where=work.link,
            got=work.names[role],
            expected="an index with a `tokenizer:`",
        )
    return artifact.path


def _opened(folder: Path) -> Any:
    from catenary.evaluate.verbatim import Index

    return Index.open(folder)


def _write(folder: Path, title: str, found: Mapping[str, Mapping[str, Any]], lang: Language) -> None:
    from catenary.evaluate.page import Block, Paragraph, Table, write_pages
    from catenary.evaluate.wording import interval, metric_title

    names: Sequence[str] = [name for name in FIGURES if any(name in one for one in found.values())]
    rows = [
        [model, *(interval(figures[name]) if name in figures else "–" for name in names)]
        for model, figures in found.items()
    ]
    blocks: list[Block] = [
        Table([say("model", lang=lang), *(metric_title(name, lang) for name in names)], rows),
        Paragraph(
            say(
                "Found word for word in an index: a match, no lineage. What was reworded is not seen.",
                lang=lang,
            ),
            "note",
        ),
    ]
    plain = {
        "format": 1,
        "title": title,
        "leaks": {model: {name: asdict(one) for name, one in of.items()} for model, of in found.items()},
    }
    write_pages(folder, title, blocks, plain, lang)
