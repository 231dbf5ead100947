"""From raw text to an encoder that has read it: masked-LM pretraining, from scratch or on from another model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from catenary.errors import InvalidInput
from catenary.inference.windows import frame as frame_of
from catenary.models import HeadName, TransformerConfig, build, load, save
from catenary.progress import SILENT, Progress
from catenary.train.batches import Batches
from catenary.train.dropout import set_dropout
from catenary.train.embeddings import start_embeddings
from catenary.train.exposures import write_exposures
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives import MaskedLM
from catenary.train.objectives.measured import Measured
from catenary.train.objectives.next_sentence import MaskedAndNext
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.samples import sampled
from catenary.train.sentence_pairs import marked_rows
from catenary.train.settings import MaskedLMSettings, Sharding, TrainSettings
from catenary.train.vocabulary import all_tokens, carried, mask_id, ordinary_ids


def pretrain(
    texts: Sequence[str],
    tokenizer: Path,
    start: TransformerConfig | Path,
    settings: TrainSettings,
    out: Path,
    *,
    masking: MaskedLMSettings = MaskedLMSettings(),  # noqa: B008 - frozen
    valid: Sequence[str] = (),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    processes: int = 1,
    sharding: Sharding = "none",
) -> TrainReport:
    """Train an encoder on `texts` and write it to the folder `out`, as Hugging Face lays it out.

    `start` is the configuration of a new model, or the folder of one to go on with. `tokenizer` is a folder with a
    tokenizer.json (the model's own, where it goes on); it is kept beside the weights. Texts longer than
    the model are read in pieces. `valid` texts are masked the same way at each validation. What `fit` raises
    passes through; so does what a tokenizer that does not fit raises.
    """
    framed = carried(tokenizer, start, out, frame="encoder")
    ordinary = ordinary_ids(framed)
    head: HeadName = "mlm" if masking.pairs == "none" else "mlm+nsp"
    seed = settings.seed
    model = load(start, head, seed=seed) if isinstance(start, Path) else build(start, head, seed=seed)
    config = model.config

    def dealt(texts: Sequence[str]) -> Batches:
        pad_id = config.pad_token_id or 0
        if not masking.whole_words and masking.pairs == "none":
            rows = all_tokens(framed, texts, config.max_position_embeddings)
            return Batches.of(rows, settings, pad_id=pad_id)
        found = marked_rows(
            framed,
            frame_of(framed.backend),
            texts,
            config.max_position_embeddings,
            whole_words=masking.whole_words,
            question=masking.pairs,
            seed=settings.seed,
        )
        marks = found.marks if masking.whole_words else None
        return Batches.of(
            found.rows, settings, pad_id=pad_id, labels=found.labels, marks=marks, seconds=found.seconds
        )

    batches, valid_batches = dealt(texts), dealt(valid)
    if not len(batches.rows):
        raise InvalidInput("There is no text to train on.", got=f"{len(texts)} texts without a token")
    static = settings.seed if masking.masking == "static" else None
    masked = MaskedLM(masking.mask_rate, mask_id(framed, tokenizer), ordinary, static)
    objective: Measured = masked if masking.pairs == "none" else MaskedAndNext(masked)

    set_dropout(model, settings.dropout)
    table, deviation = model.embedding.weight.data, config.initializer_range
    start_embeddings(masking.embeddings, batches.rows, ordinary, table, deviation, settings.seed)
    fitted = fit(
        model,
        batches,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: objective.measure(m, valid_batches)) if len(valid_batches.rows) else None,
        checkpoint_seconds=checkpoint_seconds,
        processes=processes,
        sharding=sharding,
        what="Pretraining",
    )
    save(model, out)
    write_exposures(out, batches, fitted.steps, fitted.seen)
    write_settings(out, settings, masking)
    report = train_report(model, fitted, len(texts))
    if len(valid_batches.rows):
        report["samples"] = sampled(model, masked, valid_batches, len(valid_batches.rows), valid)
    return report
