"""The reference: tiny random models that `transformers` makes and reads, to hold ours against."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

VOCABULARY = 61
TOLERANCE = 1e-4


def random_reference(architecture: str, config: Any, seed: int = 0) -> Any:
    """A model of `transformers` whose every weight is random, biases and norms too, so that none can be swapped."""
    torch.manual_seed(seed)
    model = getattr(transformers, architecture)(deepcopy(config)).eval()  # some write into their settings
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def reload(folder: Path, architecture: str) -> Any:
    """What `transformers` makes of a folder; it must find nothing missing and nothing left over."""
    model, info = getattr(transformers, architecture).from_pretrained(folder, output_loading_info=True)
    # The pooler of an encoder stored alone is read by no head, so we do not keep it.
    assert not [name for name in info["missing_keys"] if not name.startswith("pooler.")], info
    assert not info["unexpected_keys"], info
    assert not info["mismatched_keys"], info
    return model.eval()


def token_ids(rows: int = 3, length: int = 11, seed: int = 1, low: int = 3) -> Tensor:
    """Random ids, of no special token."""
    return torch.randint(low, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(seed))


def padding(rows: int = 3, length: int = 11) -> Tensor:
    """A mask with rows of different lengths, the first one full."""
    ends = torch.tensor([length - 3 * row for row in range(rows)])
    return (torch.arange(length)[None] < ends[:, None]).long()


def assert_near(ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    assert ours.shape == theirs.shape
    worst = (ours - theirs).abs().max().item()
    assert worst < tolerance, worst


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
