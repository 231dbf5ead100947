"""Why a classifier says what it says, token by token: integrated gradients and attention roll-out.

    parts = integrated_gradients(model, ids, label)        # (T,): what each token adds to the label's logit
    sum(parts)                                             # ≈ logit(text) - logit(nothing): nothing is left over
    roll = attention_rollout(model, ids)                   # (T,): how much of each token reaches the first one

An attribution is an estimate about this model and this text. It is no lineage: it names no training document.

B batch · T tokens · D hidden size · H heads
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import torch

from catenary.models import Model, observe

STEPS = 64  # of the integral: its error falls with their square


@dataclass(frozen=True, slots=True)
class Attribution:
    """A token and what it adds."""

    token: str
    value: float


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


def as_html(parts: Sequence[Attribution]) -> str:
    """The tokens, blue where they speak for the label and orange where against; the number is in the title."""
    most = max((abs(one.value) for one in parts), default=0) or 1
    spans = []
    for one in parts:
        colour = "0,114,178" if one.value >= 0 else "213,94,0"
        shade = f"rgba({colour},{abs(one.value) / most * 0.6:.2f})"
        spans.append(f'<span style="background:{shade}" title="{one.value:+.4f}">{escape(one.token)}</span>')
    return '<p class="attribution">' + "".join(spans) + "</p>"


def as_terminal(parts: Sequence[Attribution]) -> str:
    """The tokens with ANSI colours: blue for, red against; bold beyond half of the most."""
    most = max((abs(one.value) for one in parts), default=0) or 1
    told = []
    for one in parts:
        strength = abs(one.value) / most
        if strength < 0.1:
            told.append(one.token)
        else:
            told.append(
                f"\x1b[{'1;' if strength > 0.5 else ''}{34 if one.value > 0 else 31}m{one.token}\x1b[0m"
            )
    return "".join(told)
