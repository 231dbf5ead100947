"""From raw text to an encoder that has read it: masked-LM pretraining from scratch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from catenary.errors import InvalidInput
from catenary.models import TransformerConfig, build, save
from catenary.progress import SILENT, Progress
from catenary.tokenizer import Tokenizer
from catenary.tokenizer import load as load_tokenizer
from catenary.tokenizer import save as save_tokenizer
from catenary.train.batches import Batches
from catenary.train.dropout import set_dropout
from catenary.train.embeddings import cooccurrence_embeddings
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives import MaskedLM
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.settings import MaskedLMSettings, TrainSettings
from catenary.train.vocabulary import all_tokens, mask_id, ordinary_ids


def pretrain(
    texts: Sequence[str],
    tokenizer: Path,
    config: TransformerConfig,
    settings: TrainSettings,
    out: Path,
    *,
    masking: MaskedLMSettings = MaskedLMSettings(),  # noqa: B008 - frozen
    valid: Sequence[str] = (),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainReport:
    """Train a new encoder of `config` on `texts` and write it to the folder `out`, as Hugging Face lays it out.

    `tokenizer` is a folder with a tokenizer.json; it is kept beside the weights. Texts longer than
    the model are read in pieces. `valid` texts are masked the same way at each validation. What `fit` raises
    passes through; so does what a tokenizer that does not fit raises.
    """
    framed = _framed(tokenizer, config, out)
    ordinary = ordinary_ids(framed)
    rows = all_tokens(framed, texts, config.max_position_embeddings)
    held_out = all_tokens(framed, valid, config.max_position_embeddings)
    if not len(rows):
        raise InvalidInput("There is no text to train on.", got=f"{len(texts)} texts without a token")
    pad_id = config.pad_token_id or 0
    objective = MaskedLM(masking.mask_rate, mask_id(framed, tokenizer), ordinary)
    valid_batches = Batches.of(held_out, settings, pad_id=pad_id)

    model = build(config, "mlm", seed=settings.seed)
    set_dropout(model, settings.dropout)
    if masking.embeddings == "cooccurrence":
        cooccurrence_embeddings(rows, ordinary, model.embedding.weight.data, config.initializer_range)
    fitted = fit(
        model,
        Batches.of(rows, settings, pad_id=pad_id),
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: objective.measure(m, valid_batches)) if len(held_out) else None,
        checkpoint_seconds=checkpoint_seconds,
        what="Pretraining",
    )
    save(model, out)
    write_settings(out, settings, masking)
    return train_report(model, fitted, len(texts))


def _framed(folder: Path, config: TransformerConfig, out: Path) -> Tokenizer:
    """The tokenizer as the model will carry it, kept in `out`: with `[CLS] … [SEP]` around each text."""
    tokenizer = load_tokenizer(folder)
    if tokenizer.vocab_size > config.vocab_size:
        raise InvalidInput(
            "The tokenizer has more tokens than the model has embeddings.",
            where=str(folder),
            got=f"{tokenizer.vocab_size} > {config.vocab_size}",
            expected="a vocab_size of at least the tokenizer's",
        )
    save_tokenizer(tokenizer, out, frame="encoder")
    return load_tokenizer(out)
