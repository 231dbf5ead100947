"""What a classifier of any kind says of texts or of pairs of texts, as numbers: for evaluation, not for serving.

B texts · T tokens · C labels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catenary.inference.batches import TOKENS_PER_BATCH, TokenisedText, batches
from catenary.inference.folder import open_tokenized_model
from catenary.inference.task import Task, read_task
from catenary.inference.transformer import softmax
from catenary.inference.windows import unbounded

Text = str | tuple[str, str]


@dataclass(frozen=True)
class Scored:
    """`values` (N, C): probabilities that sum to 1; of each label by itself (`kind: several`); or numbers (N, 1)."""

    values: NDArray[np.float64]
    labels: tuple[str, ...]
    task: Task

    @property
    def chosen(self) -> list[tuple[str, ...]]:
        """The labels of each text: the likeliest, or those that reach their thresholds."""
        if self.task.kind == "one":
            return [(self.labels[k],) for k in self.values.argmax(axis=1)]
        least_C = np.array([self.task.thresholds.get(label, 0.5) for label in self.labels])
        return [tuple(np.array(self.labels)[row_C >= least_C].tolist()) for row_C in self.values]


def score(folder: Path, texts: Sequence[Text]) -> Scored:
    """What the classifier in `folder` says of `texts`; torch runs it. Raises what `load` raises."""
    import torch

    from catenary import models
    from catenary.inference.int8_weights import is_int8, load_quantised

    opened = open_tokenized_model(folder)
    model = load_quantised(folder) if is_int8(opened.config) else models.load(folder)
    backend = unbounded(opened.tokenizer)
    backend.enable_truncation(opened.max_tokens)
    encodings = backend.encode_batch(list(texts))
    seconds_N = np.array([_second(encoding.sequence_ids) for encoding in encodings])
    logits_NC = np.zeros((len(texts), len(model.labels)))
    made = [TokenisedText(encoding.ids, False) for encoding in encodings]
    for batch in batches(made, opened.pad_id, TOKENS_PER_BATCH):
        types = None
        if model.config.type_vocab_size > 1 and texts and not isinstance(texts[0], str):
            column_T = np.arange(batch.input_ids.shape[1])
            after_BT = column_T >= seconds_N[batch.indices][:, None]
            types = torch.from_numpy((after_BT & (batch.attention_mask > 0)).astype(np.int64))
        with torch.inference_mode():
            output = model(
                torch.from_numpy(batch.input_ids),
                torch.from_numpy(batch.attention_mask),
                token_type_ids=types,
            )
        logits_NC[batch.indices] = output.logits.float().numpy()
    task = read_task(folder) or Task("classify")
    values = logits_NC
    if task.kind == "one":
        values = softmax(logits_NC.astype(np.float32))
    if task.kind == "several":
        values = 1 / (1 + np.exp(-logits_NC))
    return Scored(values, model.labels, task)


def _second(sides: Sequence[int | None]) -> int:
    return next((i for i, side in enumerate(sides) if side == 1), len(sides))
