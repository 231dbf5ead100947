"""Texts as vectors with our own core: any encoder or decoder, pooled as its folder says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from catenary.inference.batches import batches, tokenise
from catenary.inference.folder import Opened
from catenary.inference.port import Embeddings, Stop, go_on, never
from catenary.models import Model


class TorchEmbedder:
    """An `Embedder` over a model of ours with the head `embed`, in evaluation mode."""

    def __init__(self, folder: Opened, model: Model) -> None:
        self.size = model.config.hidden_size
        self._folder, self._model = folder, model
        folder.tokenizer.enable_truncation(folder.max_tokens)

    def embed(self, texts: Sequence[str], *, stop: Stop = never) -> Embeddings:
        """See `Embedder.embed`."""
        tokenised = tokenise(self._folder.tokenizer, texts, self._folder.max_tokens)
        vectors = np.empty((len(texts), self.size), dtype=np.float32)
        for batch in batches(tokenised, self._folder.pad_id):
            go_on(stop)
            with torch.inference_mode():
                output = self._model(
                    torch.from_numpy(batch.input_ids), torch.from_numpy(batch.attention_mask)
                )
            vectors[batch.indices] = output.logits.float().numpy()
        return Embeddings(
            vectors,
            tuple(len(text.ids) for text in tokenised),
            tuple(text.truncated for text in tokenised),
        )
