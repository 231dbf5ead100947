"""Weights that stay as they are, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from torch import nn

from catenary.errors import InvalidInput


def freeze(model: nn.Module, patterns: Sequence[str]) -> None:
    """Let no gradient reach the weights whose names match one of `patterns` (`*` stands for anything, dots too).

    Raises InvalidInput for a pattern that matches nothing, and where nothing is left to train.
    """
    parameters = dict(model.named_parameters())
    for pattern in patterns:
        matching = [name for name in parameters if fnmatchcase(name, pattern)]
        if not matching:
            near = get_close_matches(pattern, parameters, n=3, cutoff=0.0)
            raise InvalidInput(
                "No weight has a name like this one of `freeze`.",
                got=pattern,
                expected="for example {names}",
                names=", ".join(near),
            )
        for name in matching:
            parameters[name].requires_grad_(False)
    if patterns and not any(parameter.requires_grad for parameter in parameters.values()):
        raise InvalidInput("`freeze` leaves nothing to train.", got=", ".join(patterns))
