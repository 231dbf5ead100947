"""Encoder–decoders: from pairs of texts to a model that writes one from the other; from raw text by undoing damage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend

from catenary.errors import InvalidInput
from catenary.models import Model, TransformerConfig, build, copy_companions, read_sources, save
from catenary.models.baselines import Memory
from catenary.models.baselines.memory import Places
from catenary.progress import SILENT, Progress
from catenary.tokenizer import Tokenizer
from catenary.tokenizer import load as load_tokenizer
from catenary.tokenizer import save as save_tokenizer
from catenary.train.adapted import Adapted
from catenary.train.batches import Batches, TokenRows
from catenary.train.dropout import set_dropout
from catenary.train.embeddings import paired_embeddings
from catenary.train.exposures import write_exposures
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives.corrupted import Copies, Damage, Infilling, Restore, Spans
from catenary.train.objectives.distilled import Distilled
from catenary.train.objectives.seq2seq import Seq2Seq
from catenary.train.pairs import Pairs
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.samples import sampled
from catenary.train.settings import LaunchSettings, TrainSettings
from catenary.train.text_settings import (
    CopySettings,
    DenoiseSettings,
    DistilSettings,
    Seq2SeqSettings,
    SpanSettings,
)
from catenary.train.vocabulary import ordinary_ids

SENTINELS = 100  # T5's; the first has the highest id
SENTENCE_ENDS = ("。", "！", "？", "…", ".", "!", "?", "\n")

TextPairs = tuple[Sequence[str], Sequence[str]]  # sources, targets


def train_seq2seq(
    pairs: TextPairs,
    start: TransformerConfig | Model,
    tokenizer: Path,
    settings: TrainSettings,
    out: Path,
    *,
    seq2seq: Seq2SeqSettings = Seq2SeqSettings(),  # noqa: B008 - frozen
    adapted: Adapted | None = None,
    teacher: tuple[Model, DistilSettings] | None = None,
    memory: tuple[Memory, Sequence[Places]] | None = None,
    valid: TextPairs = ((), ()),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    launch: LaunchSettings = LaunchSettings(),  # noqa: B008 - frozen
) -> TrainReport:
    """Train an encoder–decoder to write each target from its source, and write it to the folder `out`.

    `start` is the configuration of a new model or a model to go on with; `tokenizer` the folder with its
    tokenizer.json. Both sides are cut to the model's positions. With a `teacher`, which has the same vocabulary, its
    distribution is learnt beside the text. With a `memory` the model reads the nearest pair of it behind each source
    (`models.read_sources`), but for each pair of `pairs` none of those that are told beside the memory. What `fit`
    raises passes through.
    """
    vocabulary = with_frame(tokenizer, start, out)
    model = build(start, "seq2seq", seed=settings.seed) if isinstance(start, TransformerConfig) else start
    pad_id, start_id, eos_id = _ids(model, tokenizer)
    longest = model.config.max_position_embeddings - 1

    known, but = memory or (None, None)

    def dealt(sides: TextPairs, but: Sequence[Places] | None = None) -> Pairs:
        how: dict[str, Any] = {"eos_id": eos_id, "longest": longest}
        sources = read_sources(vocabulary.encode_batch, sides[0], memory=known, but=but, **how)
        targets = read_sources(vocabulary.encode_batch, sides[1], **how)
        rows = (TokenRows.of(sources), TokenRows.of(targets))
        return Pairs.of(*rows, settings, pad_id=pad_id, start_id=start_id)

    if not pairs[0]:
        raise InvalidInput("There is no text to train on.", got="0 texts")
    learnt, held_out = dealt(pairs, but), dealt(valid)
    if seq2seq.embeddings == "paired":
        if not isinstance(start, TransformerConfig):
            raise InvalidInput(
                "The embeddings of a model that is gone on with are its own.", got="embeddings: paired"
            )
        ordinary = ordinary_ids(vocabulary)
        paired_embeddings(learnt.sources, learnt.targets, ordinary, model.embedding.weight.data)
    set_dropout(model, settings.dropout)
    plain = Seq2Seq(seq2seq.label_smoothing)
    objective: Seq2Seq | Distilled[Any] = plain
    if teacher is not None:
        objective = distilled(plain, model, teacher)
    if adapted is not None:
        adapted.attach(model, settings.seed)
    fitted = fit(
        model,
        learnt,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: plain.measure(m, held_out)) if len(held_out) else None,
        checkpoint_seconds=checkpoint_seconds,
        processes=launch.processes,
        sharding=launch.sharding,
        what="Training",
    )
    keep(model, out, adapted)
    if known is not None:
        known.save(out)
    write_settings(out, settings, seq2seq)
    write_exposures(out, learnt, fitted.steps, fitted.seen)
    report = train_report(model, fitted, len(pairs[0]))
    if len(held_out):
        texts = [f"{source} → {target}" for source, target in zip(*valid, strict=True)]
        report["samples"] = sampled(model, plain, held_out, len(held_out), texts)
    return report


def pretrain_seq2seq(
    texts: Sequence[str],
    config: TransformerConfig,
    tokenizer: Path,
    settings: TrainSettings,
    out: Path,
    *,
    damage: SpanSettings | DenoiseSettings | CopySettings,
    valid: Sequence[str] = (),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    launch: LaunchSettings = LaunchSettings(),  # noqa: B008 - frozen
) -> TrainReport:
    """Train a new encoder–decoder to undo what `damage` does to raw texts, and write it to the folder `out`.

    Texts longer than the model are read in pieces; for copying, which reads three, of a third of that. For spans the
    vocabulary gets a hundred sentinels, `<extra_id_0>` …; the model's own grows with it.
    """
    vocabulary = with_frame(tokenizer, config, out, sentinels=isinstance(damage, SpanSettings))
    config = config.model_copy(update={"vocab_size": max(config.vocab_size, vocabulary.vocab_size)})
    model = build(config, "seq2seq", seed=settings.seed)
    pad_id, start_id, eos_id = _ids(model, tokenizer)
    objective = Restore(_damage(damage, vocabulary, eos_id, tokenizer), eos_id, pad_id, start_id)
    longest = (config.max_position_embeddings - 2) // (3 if isinstance(damage, CopySettings) else 1)

    def pieces(texts: Sequence[str]) -> tuple[TokenRows, list[int]]:
        """Texts in pieces of two tokens or more, and which text each is of."""
        encoded = enumerate(vocabulary.encode_batch(texts))
        found = [
            (text, ids[at : at + longest]) for text, ids in encoded for at in range(0, len(ids), longest)
        ]
        kept = [(text, piece) for text, piece in found if len(piece) > 1]
        return TokenRows.of([piece for _, piece in kept]), [text for text, _ in kept]

    (read, whose), (held_out, held_in) = pieces(texts), pieces(valid)
    if not len(read):
        raise InvalidInput("There is no text to train on.", got=f"{len(texts)} texts without two tokens")
    set_dropout(model, settings.dropout)
    valid_batches = Batches.of(held_out, settings, pad_id=pad_id)
    batches = Batches.of(read, settings, pad_id=pad_id)
    fitted = fit(
        model,
        batches,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: objective.measure(m, valid_batches)) if len(held_out) else None,
        checkpoint_seconds=checkpoint_seconds,
        processes=launch.processes,
        sharding=launch.sharding,
        what="Pretraining",
    )
    save(model, out)
    write_settings(out, settings, damage)
    write_exposures(out, batches, fitted.steps, fitted.seen, whose)
    report = train_report(model, fitted, len(texts))
    if len(held_out):
        report["samples"] = sampled(model, objective, valid_batches, len(held_out), valid, held_in)
    return report


def with_frame(
    folder: Path, start: TransformerConfig | Model, out: Path, *, sentinels: bool = False
) -> Tokenizer:
    """The tokenizer as the model will carry it, kept in `out`: a text ends with <eos>.

    A model that is gone on with keeps its own, as it is.
    """
    out.mkdir(parents=True, exist_ok=True)
    if isinstance(start, Model):
        copy_companions(folder, out)
        return load_tokenizer(folder)
    tokenizer = load_tokenizer(folder)
    if sentinels and tokenizer.id_of("<extra_id_0>") is None:
        backend = Backend.from_str(tokenizer.backend.to_str())
        names = [f"<extra_id_{number}>" for number in reversed(range(SENTINELS))]
        backend.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names])
        tokenizer = Tokenizer(backend)
    elif tokenizer.vocab_size > start.vocab_size:
        raise InvalidInput(
            "The tokenizer has more tokens than the model has embeddings.",
            where=str(folder),
            got=f"{tokenizer.vocab_size} > {start.vocab_size}",
            expected="a vocab_size of at least the tokenizer's",
        )
    save_tokenizer(tokenizer, out, frame="encoder-decoder")
    return load_tokenizer(out)


def distilled(plain: Any, model: Model, teacher: tuple[Model, DistilSettings]) -> Distilled[Any]:
    """`plain` with a teacher beside it. Raises InvalidInput where the two have not one vocabulary."""
    taught, how = teacher
    if taught.config.vocab_size != model.config.vocab_size:
        raise InvalidInput(
            "Teacher and student have not the same vocabulary: what one thinks likely means nothing to the other.",
            got=f"{taught.config.vocab_size} / {model.config.vocab_size}",
            expected="models of one tokenizer; or `from_samples: true`, which needs none",
        )
    return Distilled(taught.eval().requires_grad_(False), plain, how.temperature, how.weight)


def _damage(
    damage: SpanSettings | DenoiseSettings | CopySettings, vocabulary: Tokenizer, eos_id: int, where: Path
) -> Damage:
    if isinstance(damage, CopySettings):
        return Copies(damage.longest, damage.bare, tuple(ordinary_ids(vocabulary)), eos_id)
    if isinstance(damage, SpanSettings):
        found = [vocabulary.id_of(f"<extra_id_{number}>") for number in range(SENTINELS)]
        sentinels = tuple(one for one in found if one is not None)
        return Spans(damage.noise_density, damage.mean_span, sentinels)
    mask = vocabulary.id_of("[MASK]")
    if mask is None:
        mask = vocabulary.id_of("<mask>")
    if mask is None:
        raise InvalidInput(
            "Denoising needs a tokenizer with a mask token.", where=str(where), got="no [MASK], no <mask>"
        )
    pieces: Mapping[str, int] = vocabulary.backend.get_vocab()
    ends = sorted(
        number
        for piece, number in pieces.items()
        if vocabulary.decode([number]).rstrip(" ").endswith(SENTENCE_ENDS) and piece
    )
    return Infilling(damage.mask_rate, damage.mean_span, mask, damage.permute, tuple(ends))


def _ids(model: Model, where: Path) -> tuple[int, int, int]:
    """(pad, what the decoder begins with, what ends a text)."""
    config = model.config
    eos = config.eos_token_id[0] if isinstance(config.eos_token_id, tuple) else config.eos_token_id
    if eos is None or config.decoder_start_token_id is None:
        raise InvalidInput(
            "An encoder–decoder needs a token that ends a text and one that its decoder begins with.",
            where=str(where),
            got=f"eos_token_id={eos}, decoder_start_token_id={config.decoder_start_token_id}",
        )
    return config.pad_token_id or 0, config.decoder_start_token_id, eos


def keep(model: Model, out: Path, adapted: Adapted | None) -> None:
    """Write the model, or what an adapter has learnt and no more."""
    if adapted is None:
        save(model, out)
    else:
        adapted.save(model, out)
