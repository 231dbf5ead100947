"""Why a classifier says what it says, token by token: integrated gradients and attention roll-out.

    parts = integrated_gradients(model, ids, label)        # (T,): what each token adds to the label's logit
    sum(parts)                                             # ≈ logit(text) - logit(nothing): nothing is left over
    roll = attention_rollout(model, ids)                   # (T,): how much of each token reaches the first one

An attribution is an estimate about this model and this text. It is no lineage: it names no training document.

B batch · T tokens · D hidden size · H heads
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from catenary.models import Model, observe

STEPS = 64  # of the integral: its error falls with their square


def integrated_gradients(model: Model, ids: Sequence[int], label: int, *, steps: int = STEPS) -> list[float]:
    """(x - x') · ∫₀¹ ∂logit(x' + α (x - x')) / ∂x dα over embeddings, summed over D (Sundararajan et al., ICML 2017).

    x' is the embedding 0 of every token. The midpoint rule is used.
    """
    model = model.eval()
    input_1T = torch.tensor([list(ids)])
    with torch.no_grad():
        x_1TD = model.embedding(input_1T).float()
    total = torch.zeros_like(x_1TD)
    for step in range(steps):
        part = (x_1TD * ((step + 0.5) / steps)).requires_grad_()
        logit = model(inputs_embeds=part.to(model.embedding.weight.dtype)).logits[0, label]
        [gradient] = torch.autograd.grad(logit, part)
        total += gradient.float()
    told: list[float] = (x_1TD * total / steps).sum(-1)[0].tolist()
    return told


def attention_rollout(model: Model, ids: Sequence[int], *, at: int = 0) -> list[float]:
    """How much of each token reaches position `at`: Π_l (A_l + I) / 2, A_l the mean over heads (Abnar & Zuidema, 2020).

    What is measured is where attention lets information flow, not what the model makes of it. Sums to 1.
    """
    with torch.inference_mode(), observe(model.eval()) as seen:
        model(torch.tensor([list(ids)]))
    flow_TT = torch.eye(len(ids))
    for weights_1HTT in seen.attention or seen.encoder_attention:
        mean_TT = weights_1HTT[0].float().mean(0)
        flow_TT = ((mean_TT + torch.eye(len(ids))) / 2) @ flow_TT
    told: list[float] = flow_TT[at].tolist()
    return told
