"""release: a trained model → a compressed, exported, judged artifact that people sign: the only thing that is served.

    releases:
      sentiment:
        from: sentiment
        quantise: int8
        formats: [safetensors, onnx]
        gates: [{metric: quality.sentiment.accuracy, at_least: 0.80}, {parity: 0.995}, {licences: [MIT]}]
        sign_off: [data_engineer, training_engineer, compliance]

The gates judge facts that are gathered here: figures of evaluations, agreement of each export with the trained model on
held-out documents, the licences of every source, personal data left in the training text. Their evidence is part of
the artifact; the sign-offs, over its digests, are not. `standing.py` says whether a release may be served.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from catenary.chain.gates import Facts, ParityGate, judge, simple_gates, verdict
from catenary.chain.stage import Estimate, ShaOf, Stage, Work
from catenary.data.texts import texts_of
from catenary.errors import InvalidInput
from catenary.stages.exports import NOTHING_HELD_OUT, Exports, precisions_tried
from catenary.stages.open_model import open_model
from catenary.stages.release_facts import comparisons, licences, metrics, personal_data, profile
from catenary.stages.release_settings import Precision, ReleaseSettings, check, inputs
from catenary.store import Artifact

WRITER_STAGES = ("chat", "preference", "seq2seq", "tune_seq2seq")
READER_STAGES = ("finetune", "finetune_tag")
DECODER_STAGES = ("chat", "preference")
PARITY_TEXTS = 5000  # held-out documents that trained and exported model both answer
PARITY_TALKS = 100  # and that both read, place by place, where the model writes
COMPRESSED = ("bf16", "fp16", "int8", "int8-static", "int4")


def recipe(settings: ReleaseSettings) -> Mapping[str, Any]:
    """The roles are part of it: another set of signers is another release."""
    return {
        **({"choose": settings.choose} if settings.choose else {"quantise": settings.quantise}),
        "formats": sorted(settings.formats),
        "gates": [gate.model_dump(mode="json", exclude_none=True) for gate in settings.gates],
        "sign_off": settings.sign_off,
    }


def content(link: str, settings: ReleaseSettings, base: Path, sha_of: ShaOf) -> Mapping[str, Any]:
    """The digests of the evidence: another file, and it is another release."""
    if settings.evidence is None:
        return {}
    folder = base / settings.evidence
    return {"evidence": {path.name: sha_of(path) for path in sorted(folder.glob("*.jsonl"))}}


def run(work: Work[ReleaseSettings]) -> Mapping[str, Any]:
    settings = work.settings
    model = work.inputs["from"]
    writes = model.stage in WRITER_STAGES
    if model.stage not in READER_STAGES and not writes:
        raise InvalidInput(
            "Models of this kind are not released by this version.",
            where=work.link,
            got=f"{work.names['from']} ({model.stage})",
            expected="a model with `init:` and a `task:` of classify, tag, chat, preference, translate or summarise",
        )
    work.progress.begin("exporting", total=2 + len(settings.gates), unit="steps")
    lineage = [*work.ancestors(model.id), model]
    exports = _exports(work, model, lineage)
    chosen = _chosen(work, exports)
    precision: Precision = chosen["precision"] if chosen else settings.quantise
    exports.write(precision, settings.formats, work.out)
    work.progress.advance(1)
    facts = Facts(
        metrics=metrics(work.inputs),
        comparisons=comparisons(work.inputs),
        parity=cache(lambda: _agreement(work, exports, lineage)),
        licences=licences(lineage),
        personal_data=cache(lambda: personal_data(lineage)),
        derived="quantised" if _is_compressed(work, precision, writes=writes) else None,
        least_agreement=min(
            (gate.parity for gate in simple_gates(settings.gates) if isinstance(gate, ParityGate)),
            default=0.99,
        ),
        profile=lambda name, rule: profile(work, lineage, name, rule),
    )
    results = []
    for gate in settings.gates:
        results += judge([gate], facts)
        work.progress.advance(1)
    sizes = {path.name: path.stat().st_size for path in sorted(work.out.iterdir())}
    outcome = verdict(results)
    told = {"precision": precision} if chosen else {}
    return {
        "headline": {
            "gates": outcome,
            "size": sum(sizes.values()),
            "trained size": model.manifest.size,
            **told,
        },
        "gates": [asdict(result) for result in results],
        "outcome": outcome,
        "sizes": sizes,
        "labels": model.manifest.report.get("labels", []),
        **({"exports": chosen["rows"]} if chosen else {}),
    }


def _is_compressed(work: Work[ReleaseSettings], precision: str, *, writes: bool) -> bool:
    """Whether what is served holds other numbers than what was measured."""
    served = not writes or {"openvino", "gguf"} & set(work.settings.formats)
    return bool(served) and precision in COMPRESSED


def _exports(work: Work[ReleaseSettings], model: Artifact, lineage: Sequence[Artifact]) -> Exports:
    """The model whole: an adapter is folded in, as Hugging Face lays it out."""
    from catenary.models import copy_companions, is_adapter, save

    writes = model.stage in WRITER_STAGES
    trained = model.path
    if writes and is_adapter(model.path):
        trained = work.state / "trained"
        save(open_model(work, model), trained)
        copy_companions(model.path, trained)
    dataset = next((one for one in lineage if one.id == model.manifest.inputs.get("from")), None)
    return Exports(
        trained,
        dataset.path if dataset else None,
        writes=writes,
        decoder=model.stage in DECODER_STAGES,
        preferences=model.stage == "preference",
        folder=work.state / "exports",
    )


def _chosen(work: Work[ReleaseSettings], exports: Exports) -> dict[str, Any] | None:
    """The smallest precision that is as good as the trained model, and the table; None where it is not to be chosen."""
    from catenary.compress.compare import choose

    within = work.settings.loss_allowed
    if within is None:
        return None
    formats = work.settings.formats
    rows = exports.table(formats, precisions_tried(formats, exports.holds), work.progress)
    for row in rows:
        name = f"exports.{row.precision}.{row.format}"
        work.progress.metric(f"{name}.seconds", row.seconds)
        work.progress.metric(f"{name}.peak_bytes", row.peak_bytes)
    return {"precision": choose(rows, within=within), "rows": [row.figures() for row in rows]}


def _agreement(
    work: Work[ReleaseSettings], exports: Exports, lineage: Sequence[Artifact]
) -> Mapping[str, Any]:
    """How the export that is served agrees with the trained model."""
    if work.inputs["from"].stage == "finetune_tag":
        return _tag_parity(work, lineage)
    if not exports.writes:
        return _parity(work, lineage)
    if "openvino" in work.settings.formats:
        return _token_parity(work, lineage) if exports.decoder else _pair_parity(work, lineage)
    return exports.agreement("gguf", work.out)


def _token_parity(work: Work[ReleaseSettings], lineage: Sequence[Artifact]) -> Mapping[str, Any]:
    """How often the export that is served finds the same token likeliest, on held-out conversations."""
    from catenary.compress import token_parity
    from catenary.inference.generator_folder import open_generator
    from catenary.stages.dialogues import preferences_of, talks_of

    trained = work.inputs["from"]
    dataset = _tuned_on(work, lineage)
    talks = []
    for split in ("test", "valid"):
        if trained.stage == "preference":
            held_out = preferences_of(dataset, split)
            talks += [[*prompt, {"role": "assistant", "content": reply}] for prompt, reply, _ in held_out]
        else:
            talks += talks_of(dataset, split)
    if not talks:
        raise NOTHING_HELD_OUT
    opened = open_generator(work.out)
    texts = [
        list(opened.tokenizer.encode(opened.template.render(talk), add_special_tokens=False).ids)
        for talk in talks[:PARITY_TALKS]
    ]
    return asdict(token_parity(open_model(work, trained), work.out, texts))


def _pair_parity(work: Work[ReleaseSettings], lineage: Sequence[Artifact]) -> Mapping[str, Any]:
    """The same of an encoder–decoder, on held-out pairs."""
    from catenary.compress import pair_parity
    from catenary.stages.answers import source_rows
    from catenary.stages.dialogues import pairs_of
    from catenary.tokenizer import load as load_tokenizer

    trained, dataset = open_model(work, work.inputs["from"]), _tuned_on(work, lineage)
    tokenizer = load_tokenizer(work.out)
    eos = trained.config.eos_token_id
    end = eos[0] if isinstance(eos, tuple) else eos
    longest = trained.config.max_position_embeddings - 1
    ends = [] if end is None else [end]
    pairs = []
    for split in ("test", "valid"):
        _, sources, targets = pairs_of(dataset, split)
        read, written = source_rows(trained.config, work.out, sources), tokenizer.encode_batch(targets)
        pairs += [(a, [*b[:longest], *ends]) for a, b in zip(read, written, strict=True)]
    if not pairs:
        raise NOTHING_HELD_OUT
    return asdict(pair_parity(trained, work.out, pairs[:PARITY_TALKS], progress=work.progress))


def _tag_parity(work: Work[ReleaseSettings], lineage: Sequence[Artifact]) -> Mapping[str, Any]:
    """The share of held-out words that the export tags as the trained model does."""
    from catenary.inference.tag import load_tagger
    from catenary.stages.tagged import TagViewSettings, tagged_of

    told = work.inputs["from"].manifest.settings
    view = TagViewSettings(**{name: told[name] for name in TagViewSettings.model_fields}).view
    dataset = _tuned_on(work, lineage)
    words = [row for split in ("test", "valid") for row in tagged_of(dataset, split, view).words]
    if not words:
        raise NOTHING_HELD_OUT
    trained, export = (
        load_tagger(path).tag(words[:PARITY_TEXTS]) for path in (work.inputs["from"].path, work.out)
    )
    pairs = [
        pair for one, other in zip(trained, export, strict=True) for pair in zip(one, other, strict=True)
    ]
    return {"agreement": sum(a == b for a, b in pairs) / len(pairs), "n": len(pairs)}


def _tuned_on(work: Work[ReleaseSettings], lineage: Sequence[Artifact]) -> Path:
    wanted = work.inputs["from"].manifest.inputs["from"]
    return next(artifact.path for artifact in lineage if artifact.id == wanted)


def _parity(work: Work[ReleaseSettings], lineage: Sequence[Artifact]) -> Mapping[str, Any]:
    """Agreement of the export that is served with the trained model, on the test split of what it was tuned on."""
    from catenary.compress import parity
    from catenary.inference import load

    dataset = _tuned_on(work, lineage)
    texts = [*texts_of(dataset, "test"), *texts_of(dataset, "valid")][:PARITY_TEXTS]
    if not texts:
        raise NOTHING_HELD_OUT
    return asdict(parity(load(work.inputs["from"].path).classify, load(work.out).classify, texts))


RELEASE = Stage(
    name="release",
    version=2,
    section="releases",
    kind="release",
    owner="training_engineer",
    settings=ReleaseSettings,
    run=run,
    inputs=inputs,
    check=check,
    recipe=recipe,
    content=content,
    estimate=lambda settings, sizes: Estimate(8.0, 1400 << 20, sizes[0] if sizes else 0),
)
