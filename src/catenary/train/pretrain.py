"""From raw text to an encoder that has read it: masked-LM pretraining, from scratch or on from another model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from catenary.errors import InvalidInput
from catenary.models import TransformerConfig, build, load, save
from catenary.progress import SILENT, Progress
from catenary.train.batches import Batches
from catenary.train.dropout import set_dropout
from catenary.train.embeddings import start_embeddings
from catenary.train.exposures import write_exposures
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives import MaskedLM
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.settings import MaskedLMSettings, TrainSettings
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
) -> TrainReport:
    """Train an encoder on `texts` and write it to the folder `out`, as Hugging Face lays it out.

    `start` is the configuration of a new model, or the folder of one to go on with. `tokenizer` is a folder with a
    tokenizer.json (the model's own, where it goes on); it is kept beside the weights. Texts longer than
    the model are read in pieces. `valid` texts are masked the same way at each validation. What `fit` raises
    passes through; so does what a tokenizer that does not fit raises.
    """
    framed = carried(tokenizer, start, out, frame="encoder")
    ordinary = ordinary_ids(framed)
    if isinstance(start, Path):
        model = load(start, "mlm", seed=settings.seed)
    else:
        model = build(start, "mlm", seed=settings.seed)
    config = model.config
    rows = all_tokens(framed, texts, config.max_position_embeddings)
    held_out = all_tokens(framed, valid, config.max_position_embeddings)
    if not len(rows):
        raise InvalidInput("There is no text to train on.", got=f"{len(texts)} texts without a token")
    pad_id = config.pad_token_id or 0
    objective = MaskedLM(masking.mask_rate, mask_id(framed, tokenizer), ordinary)
    valid_batches = Batches.of(held_out, settings, pad_id=pad_id)

    set_dropout(model, settings.dropout)
    table, deviation = model.embedding.weight.data, config.initializer_range
    start_embeddings(masking.embeddings, rows, ordinary, table, deviation, settings.seed)
    batches = Batches.of(rows, settings, pad_id=pad_id)
    fitted = fit(
        model,
        batches,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: objective.measure(m, valid_batches)) if len(held_out) else None,
        checkpoint_seconds=checkpoint_seconds,
        processes=processes,
        what="Pretraining",
    )
    save(model, out)
    write_exposures(out, batches, fitted.steps, fitted.seen)
    write_settings(out, settings, masking)
    return train_report(model, fitted, len(texts))
