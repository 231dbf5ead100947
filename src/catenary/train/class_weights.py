"""How much each class counts in the loss."""

from __future__ import annotations

from collections.abc import Sequence

from catenary.errors import InvalidInput
from catenary.train.head_settings import Weighting


def class_weights(asked: Weighting, counts: Sequence[int], names: Sequence[str]) -> tuple[float, ...] | None:
    """A weight a class, None for all alike.

    "balanced": N / (C · count), so that each class has the same share of the loss (King and Zeng 2001, as scikit-learn
    has it). A mapping names some classes; the others weigh 1. Raises InvalidInput for a class that there is not.
    """
    if asked == "none":
        return None
    if asked == "balanced":
        total = sum(counts)
        return tuple(total / (len(counts) * max(count, 1)) for count in counts)
    assert isinstance(asked, dict)
    strangers = sorted(asked.keys() - set(names))
    if strangers or any(weight <= 0 for weight in asked.values()):
        raise InvalidInput(
            "class_weights names a class that there is not, or a weight that is not positive.",
            got=", ".join(f"{name}: {weight}" for name, weight in asked.items()),
            expected="positive weights of some of: {names}",
            names=", ".join(names),
        )
    return tuple(float(asked.get(name, 1.0)) for name in names)
