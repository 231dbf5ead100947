"""From raw text to a decoder that continues it: causal-LM pretraining, from scratch or on from another model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from catenary.errors import InvalidInput
from catenary.models import TransformerConfig, build, copy_companions, load, save, text_frame
from catenary.progress import SILENT, Progress
from catenary.train.best_and_worst import best_and_worst
from catenary.train.dropout import set_dropout
from catenary.train.exposures import write_exposures
from catenary.train.loop import CHECKPOINT_SECONDS, fit
from catenary.train.objectives import CausalLM
from catenary.train.objectives.causal import document_losses
from catenary.train.packed import Packed
from catenary.train.report import TrainReport, train_report, write_settings
from catenary.train.settings import CausalLMSettings, Sharding, TrainSettings
from catenary.train.stream import token_stream
from catenary.train.vocabulary import carried


def pretrain_causal(
    texts: Iterable[str],
    tokenizer: Path,
    start: TransformerConfig | Path,
    settings: TrainSettings,
    out: Path,
    *,
    valid: Iterable[str] = (),
    state: Path | None = None,
    progress: Progress = SILENT,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    processes: int = 1,
    sharding: Sharding = "none",
) -> TrainReport:
    """Train a decoder on `texts` and write it to the folder `out`, as Hugging Face lays it out.

    `start` is the configuration of a new model, or the folder of one to go on with; `tokenizer` is a folder with a
    tokenizer.json (the model's own, where it goes on). Texts are gone through twice and never held: give a list, or
    an object that can be iterated anew. Their tokens are kept on disk, in `state`. What `fit` raises passes through.
    """
    if settings.batch_tokens is None:
        raise InvalidInput(
            "Causal language modelling packs documents: batch_tokens says how many tokens a step has.",
            got=f"batch_size={settings.batch_size}",
            expected="`batch_tokens: 2048`, for example",
        )
    vocabulary = carried(tokenizer, start, out, frame="decoder")
    if isinstance(start, Path):
        model = load(start, "clm", seed=settings.seed)
    else:
        model = build(start, "clm", seed=settings.seed)
    frame = text_frame(model.config)
    set_dropout(model, settings.dropout)
    context = min(model.config.max_position_embeddings, settings.batch_tokens)
    objective = CausalLM()
    with _kept(state) as folder:
        stream = token_stream(texts, vocabulary, frame, folder / "tokens", progress=progress)
        held_out = token_stream(valid, vocabulary, frame, folder / "valid-tokens", progress=progress)
        if not len(stream):
            raise InvalidInput("There is no text to train on.", got="0 texts")
        valid_packed = Packed(held_out, context, settings.batch_tokens)
        batches = Packed(stream, context, settings.batch_tokens, settings.seed)
        fitted = fit(
            model,
            batches,
            objective,
            settings,
            state=state,
            progress=progress,
            validate=(lambda m: objective.measure(m, valid_packed)) if len(held_out) else None,
            checkpoint_seconds=checkpoint_seconds,
            processes=processes,
            sharding=sharding,
            what="Pretraining",
        )
        write_exposures(out, batches, fitted.steps, fitted.seen)
        report = train_report(model, fitted, len(stream))
        if len(held_out):
            report["samples"] = best_and_worst(document_losses(model, valid_packed), valid)
    save(model, out)
    if isinstance(start, Path):
        copy_companions(start, out)
    write_settings(out, settings, CausalLMSettings())
    return report


@contextmanager
def _kept(state: Path | None) -> Iterator[Path]:
    if state is not None:
        yield state
        return
    with TemporaryDirectory(prefix="catenary-") as folder:
        yield Path(folder)
