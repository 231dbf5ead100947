"""An adapter in training: attached before the first step, alone in what is written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from catenary.models import LoraSettings, Model, attach_adapter, save_adapter


@dataclass(frozen=True)
class Adapted:
    """`base` names what the adapter stands on; it is written into adapter_config.json."""

    settings: LoraSettings
    base: str

    def attach(self, model: Model, seed: int) -> None:
        """Freeze the model, and give it an adapter that changes nothing yet."""
        attach_adapter(model, self.settings, seed=seed)

    def save(self, model: Model, out: Path) -> None:
        """The adapter, as PEFT keeps it."""
        save_adapter(model, out, base=self.base)
