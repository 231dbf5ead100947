"""From text to a recurrent language model or classifier: the controls that came before the Transformer.

A language model reads each text alone: the bound, its tokens, the bound again, which it has to predict too; so its
perplexity is of the same tokens as the n-gram's. Longer texts are cut into pieces, each read from an empty state and
beginning with the last token of the piece before, which is given.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from catenary.errors import InvalidInput
from catenary.models.baselines.recurrent import Recurrent
from catenary.models.baselines.recurrent_settings import RecurrentConfig, RecurrentFamily
from catenary.progress import SILENT, Progress
from catenary.tokenizer import Tokenizer
from catenary.tokenizer import load as load_tokenizer
from catenary.tokenizer import save as save_tokenizer
from catenary.train.batches import Batches, TokenRows
from catenary.train.embeddings import start_embeddings
from catenary.train.exposures import write_exposures
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives import Classify, NextToken
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.settings import RecurrentSettings, TrainSettings
from catenary.train.vocabulary import first_tokens, ordinary_ids


def train_recurrent_lm(
    texts: Sequence[str],
    tokenizer: Path,
    family: RecurrentFamily,
    settings: TrainSettings,
    out: Path,
    *,
    shape: RecurrentSettings = RecurrentSettings(),  # noqa: B008 - frozen
    valid: Sequence[str] = (),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainReport:
    """Train a language model on `texts` and write it, with its tokenizer, to the folder `out`.

    `tokenizer` is a folder with a tokenizer.json. Raises InvalidInput where there is no text; what `fit` raises passes
    through.
    """
    vocabulary = load_tokenizer(tokenizer)
    tied = shape.tie_word_embeddings
    config = RecurrentConfig(
        family=family,
        vocab_size=vocabulary.vocab_size,
        embedding_size=shape.embedding_size,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.num_hidden_layers,
        dropout=settings.dropout,
        tie_word_embeddings=shape.embedding_size == shape.hidden_size if tied is None else tied,
        max_position_embeddings=shape.max_position_embeddings,
    )
    rows, held_out = (_pieces(vocabulary, some, config) for some in (texts, valid))
    if not len(rows):
        raise InvalidInput("There is no text to train on.", got="0 texts")
    model = _started(config, settings, shape, rows, vocabulary)
    objective = NextToken()
    batches = Batches.of(rows, settings, pad_id=config.bound)
    valid_batches = Batches.of(held_out, settings, pad_id=config.bound)
    fitted = fit(
        model,
        batches,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: objective.measure(m, valid_batches)) if len(held_out) else None,
        checkpoint_seconds=checkpoint_seconds,
        what="Pretraining",
    )
    model.save(out)
    write_exposures(out, batches, fitted.steps, fitted.seen)
    save_tokenizer(vocabulary, out)
    write_settings(out, settings, shape)
    return train_report(model, fitted, len(texts))


def train_recurrent_classifier(
    texts: Sequence[str],
    labels: Sequence[str],
    tokenizer: Path,
    family: RecurrentFamily,
    settings: TrainSettings,
    out: Path,
    *,
    shape: RecurrentSettings = RecurrentSettings(),  # noqa: B008 - frozen
    valid: tuple[Sequence[str], Sequence[str]] = ((), ()),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> TrainReport:
    """Train a classifier of texts and write it, with its tokenizer, to the folder `out`.

    It reads a text's first tokens, as many as `max_position_embeddings` says. Raises InvalidInput for labels that do
    not fit; what `fit` raises passes through.
    """
    names = sorted(set(labels))
    _check(texts, labels, valid, names)
    save_tokenizer(load_tokenizer(tokenizer), out, frame="encoder")
    vocabulary = load_tokenizer(out)
    config = RecurrentConfig(
        family=family,
        vocab_size=vocabulary.vocab_size,
        embedding_size=shape.embedding_size,
        hidden_size=shape.hidden_size,
        num_hidden_layers=shape.num_hidden_layers,
        dropout=settings.dropout,
        bidirectional=shape.bidirectional,
        max_position_embeddings=shape.max_position_embeddings,
        pad_token_id=vocabulary.pad_id,
        id2label={str(number): name for number, name in enumerate(names)},
    )

    def dealt(texts: Sequence[str], labels: Sequence[str]) -> Batches:
        rows = first_tokens(vocabulary, texts, config.max_position_embeddings)
        classes = [names.index(label) for label in labels]
        return Batches.of(rows, settings, pad_id=config.pad_token_id, labels=classes)

    batches, valid_batches = dealt(texts, labels), dealt(*valid)
    model = _started(config, settings, shape, batches.rows, vocabulary)
    objective = Classify()
    fitted = fit(
        model,
        batches,
        objective,
        settings,
        state=state,
        progress=progress,
        validate=(lambda m: objective.measure(m, valid_batches)) if len(valid_batches.rows) else None,
        checkpoint_seconds=checkpoint_seconds,
        what="Training",
    )
    model.save(out)
    write_exposures(out, batches, fitted.steps, fitted.seen)
    write_settings(out, settings, shape)
    return train_report(model, fitted, len(texts))


def _started(
    config: RecurrentConfig,
    settings: TrainSettings,
    shape: RecurrentSettings,
    rows: TokenRows,
    vocabulary: Tokenizer,
) -> Recurrent:
    model = Recurrent(config, seed=settings.seed)
    deviation = 1 / math.sqrt(3 * config.hidden_size)  # of the uniform start
    ordinary = ordinary_ids(vocabulary)
    start_embeddings(shape.embeddings, rows, ordinary, model.embedding.weight.data, deviation, settings.seed)
    if not config.labels:
        # How frequent each token is need not be learnt: the last layer's bias starts with it.
        times_V = np.bincount(rows.ids, minlength=config.vocab_size + 1) + 1.0
        model.out_proj.bias.data = torch.from_numpy(np.log(times_V / times_V.sum())).float()
    return model


def _check(
    texts: Sequence[str],
    labels: Sequence[str],
    valid: tuple[Sequence[str], Sequence[str]],
    names: Sequence[str],
) -> None:
    if len(texts) != len(labels) or len(valid[0]) != len(valid[1]):
        raise InvalidInput(
            "Each text needs one label.",
            got=f"{len(texts)} texts, {len(labels)} labels; valid: {len(valid[0])}, {len(valid[1])}",
        )
    if len(names) < 2:
        raise InvalidInput("A classifier needs texts of at least two labels.", got=", ".join(names) or "-")
    if strangers := sorted(set(valid[1]) - set(names)):
        raise InvalidInput(
            "The validation texts have labels that no training text has.",
            got=", ".join(strangers),
            expected="{names}",
            names=", ".join(names),
        )


def _pieces(tokenizer: Tokenizer, texts: Sequence[str], config: RecurrentConfig) -> TokenRows:
    """A row a text, between bounds; long ones in several, each beginning with the last token of the one before."""
    step = config.max_position_embeddings
    pieces = [
        (number, framed[start : start + step + 1])
        for number, ids in enumerate(tokenizer.encode_batch(texts))
        for framed in ([config.bound, *ids, config.bound],)
        for start in range(0, len(framed) - 1, step)
    ]
    return TokenRows.of([piece for _, piece in pieces], [number for number, _ in pieces])
