"""A classifier over any engine that can run one batch: what onnxruntime and torch have in common.

Shapes: B texts in the batch, T tokens of its longest, L labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged
from catenary.inference.batches import Batch, batches, tokenise
from catenary.inference.folder import TextModelFolder
from catenary.inference.port import Scores, Stop, Text, go_on, never, ranked, singles

Forward = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""(input_ids_BT, attention_mask_BT) → logits_BL. Safe to call from several threads."""

ForwardPairs = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]
"""(input_ids_BT, attention_mask_BT, token_type_ids_BT: 1 in the second text of a pair) → logits_BL."""


class TransformerClassifier:
    """Tokenises, runs `forward` batch by batch, and gives each text its probabilities.

    Batches have at most `tokens_per_batch` tokens with padding (0: one text each) and up to `workers` run at once.
    `pairs` runs a batch of pairs; of one that is too long, the longer text is cut.
    """

    def __init__(
        self,
        folder: TextModelFolder,
        forward: Forward,
        *,
        tokens_per_batch: int,
        workers: int = 1,
        pairs: ForwardPairs | None = None,
    ) -> None:
        self.labels: Sequence[str] = folder.labels
        self._folder = folder
        self._forward, self._pairs = forward, pairs
        self._tokens_per_batch = tokens_per_batch
        self._workers = ThreadPoolExecutor(workers, "inference") if workers > 1 else None
        folder.tokenizer.enable_truncation(folder.max_tokens)

    def classify(self, texts: Sequence[Text], *, stop: Stop = never) -> list[Scores]:
        """See `Classifier.classify`."""
        read = texts if self._pairs is not None else singles(texts)
        tokenised = tokenise(self._folder.tokenizer, read, self._folder.max_tokens)
        made = list(batches(tokenised, self._folder.pad_id, self._tokens_per_batch))

        def probabilities(batch: Batch) -> NDArray[np.float64]:
            go_on(stop)
            return softmax(self._logits(batch))

        run = self._workers.map if self._workers and len(made) > 1 else map
        answers: dict[int, Scores] = {}
        for batch, probabilities_BL in zip(made, run(probabilities, made), strict=True):
            for index, row_L in zip(batch.indices, probabilities_BL, strict=True):
                text = tokenised[index]
                answers[index] = Scores(ranked(self.labels, row_L), len(text.ids), text.truncated)
        return [answers[index] for index in range(len(texts))]

    def _logits(self, batch: Batch) -> NDArray[np.float32]:
        if batch.token_type_ids is None or self._pairs is None:
            logits_BL = self._forward(batch.input_ids, batch.attention_mask)
        else:
            logits_BL = self._pairs(batch.input_ids, batch.attention_mask, batch.token_type_ids)
        if logits_BL.shape != (len(batch.indices), len(self.labels)) or not np.isfinite(logits_BL).all():
            raise Damaged(
                "The model's answer is not one finite number a label: it is damaged.",
                where=str(self._folder.path),
                got=f"logits of shape {logits_BL.shape} for {len(self.labels)} labels",
            )
        return logits_BL


def softmax(logits_BL: NDArray[np.float32]) -> NDArray[np.float64]:
    """Probabilities along the last axis, in double precision, without overflow."""
    shifted_BL = logits_BL.astype(np.float64) - logits_BL.max(axis=-1, keepdims=True)
    exponentials_BL = np.exp(shifted_BL)
    return np.asarray(exponentials_BL / exponentials_BL.sum(axis=-1, keepdims=True))
