"""What goes on inside a forward pass: attention weights and hidden states, for explanations.

Nothing is kept, and fused attention never makes the weights, unless someone observes:

    >>> import torch
    >>> from catenary.models import build, configure, observe
    >>> model = build(configure("bert", "nano", vocab_size=100), "mlm", seed=1).eval()
    >>> with observe(model) as seen:
    ...     _ = model(torch.tensor([[2, 5, 3]]))
    >>> seen.attention[0].shape
    torch.Size([1, 4, 3, 3])

    B batch · T tokens (queries) · S tokens (keys) · H heads · D hidden size
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from torch import Tensor, nn

from catenary.models.model import Model
from catenary.models.transformer import Block, EncoderDecoder, Stack


@dataclass
class Seen:
    """What was seen, layer by layer, pass by pass: of the whole model, or of its decoder where it has two stacks.

    hidden: (B, T, D) what enters the first layer, then what each layer gives (before the final norm).
    attention: (B, H, T, S) weights that sum to 1 over S. cross: the same, of the decoder on the encoder's text.
    encoder_hidden, encoder_attention: of the encoder of an encoder–decoder.
    A packed batch gives its weights document by document.
    """

    hidden: list[Tensor] = field(default_factory=list)
    attention: list[Tensor] = field(default_factory=list)
    cross: list[Tensor] = field(default_factory=list)
    encoder_hidden: list[Tensor] = field(default_factory=list)
    encoder_attention: list[Tensor] = field(default_factory=list)


@contextmanager
def observe(model: Model) -> Iterator[Seen]:
    """Keep what the forward passes within the block do. Only one may observe a model at a time."""
    seen, body = Seen(), model.model
    with ExitStack() as watching:
        if isinstance(body, EncoderDecoder) and body.decoder is not None:
            watching.enter_context(
                _watched(body.encoder, seen.encoder_hidden, seen.encoder_attention, seen.cross)
            )
            watching.enter_context(_watched(body.decoder, seen.hidden, seen.attention, seen.cross))
        else:
            stack = body.encoder if isinstance(body, EncoderDecoder) else body
            watching.enter_context(_watched(stack, seen.hidden, seen.attention, seen.cross))
        yield seen


@contextmanager
def _watched(
    stack: Stack, hidden: list[Tensor], attention: list[Tensor], cross: list[Tensor]
) -> Iterator[None]:
    blocks = [layer for layer in stack.layers if isinstance(layer, Block)]

    def entered(_: nn.Module, given: tuple[Tensor, ...]) -> None:
        hidden.append(given[0].detach())

    def left(_: nn.Module, __: tuple[Tensor, ...], made: Tensor) -> None:
        hidden.append(made.detach())

    handles = [blocks[0].register_forward_pre_hook(entered)]
    handles += [layer.register_forward_hook(left) for layer in blocks]
    for layer in blocks:
        layer.self_attn.watcher = lambda weights: attention.append(weights.detach())
        if layer.cross_attn is not None:
            layer.cross_attn.watcher = lambda weights: cross.append(weights.detach())
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for layer in blocks:
            layer.self_attn.watcher = None
            if layer.cross_attn is not None:
                layer.cross_attn.watcher = None
