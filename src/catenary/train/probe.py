"""What a few steps of a model with one or two layers cost on this machine; run by `forecast` in a process of its own.

python -m catenary.train.probe < {"family": "llama", "layers": 1, …}  →  {"part_seconds": …, "memory_bytes": …}
"""

from __future__ import annotations

import json
import sys
import time
from statistics import median
from typing import Any

import numpy as np
import torch

from catenary.memory import peak_bytes
from catenary.models import build, configure
from catenary.train.batches import Batches, TokenRows
from catenary.train.dropout import set_dropout
from catenary.train.memory import kept_memory
from catenary.train.objectives import CausalLM, MaskedLM
from catenary.train.packed import Packed
from catenary.train.run import Run
from catenary.train.settings import TrainSettings
from catenary.train.stream import TokenStream

STEPS = 5  # the first is left out: it makes kernels and memory
SPECIAL = 7  # ids below stand for no text


def probe(wanted: dict[str, Any]) -> dict[str, float]:
    """Seconds of a part of a step, of what a step costs besides its parts, of a token in validation; peak bytes."""
    settings = TrainSettings.model_validate(wanted["settings"])
    tokens, length = wanted["tokens"], wanted["document_tokens"]
    shape = {"vocab_size": wanted["vocab_size"], **wanted["shape"], "num_hidden_layers": wanted["layers"]}
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    documents = STEPS * max(1, -(-tokens // length)) + 1
    ids = random.integers(SPECIAL, wanted["vocab_size"], documents * (length + 1))
    if wanted["objective"] == "clm":
        model = build(configure(wanted["family"], **shape, bos_token_id=5, eos_token_id=6), "clm", seed=0)
        starts = np.arange(documents + 1) * (length + 1)
        context = min(tokens, wanted["shape"]["max_position_embeddings"])
        dealer: Any = Packed(TokenStream(ids.astype(np.int32), starts, len(ids), ""), context, tokens)
        objective: Any = CausalLM()
    else:
        model = build(configure(wanted["family"], **shape, pad_token_id=0), "mlm", seed=0)
        rows = TokenRows.of([ids[i * length : (i + 1) * length].tolist() for i in range(documents)])
        dealer = Batches(rows, 0, batch_tokens=tokens)
        objective = MaskedLM(wanted["mask_rate"], 4, tuple(range(SPECIAL, wanted["vocab_size"])))
    set_dropout(model, settings.dropout)
    run = Run.start(model, settings)
    model.train()
    parts, rests = [], []
    with kept_memory():
        for _, batch in zip(range(STEPS), dealer.from_step(0), strict=False):
            began = time.perf_counter()
            run.slopes(batch, objective, settings.learning_rate)
            moved = time.perf_counter()
            run.move(settings.learning_rate, None)
            parts.append((moved - began) * tokens / batch.tokens)
            rests.append(time.perf_counter() - moved)
        few = next(dealer.from_step(0))
        with run.weights.lent(run.weights.named()), torch.no_grad():
            model.eval()
            began = time.perf_counter()
            objective.loss(model, few, torch.Generator())
            valid = (time.perf_counter() - began) / few.tokens
    return {
        "part_seconds": median(parts[1:]),
        "step_seconds": median(rests[1:]),
        "valid_token_seconds": valid,
        "memory_bytes": peak_bytes(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(probe(json.load(sys.stdin))))
