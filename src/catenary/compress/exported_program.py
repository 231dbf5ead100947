"""A model as an ExportedProgram (`model.pt2`): torch's own graph, run without our code.

    write_program(model, folder / "model.pt2")
    program = torch.export.load(folder / "model.pt2").module()
    program(input_ids, attention_mask)          # logits

TorchScript, which it follows, is no longer developed; what is said of it holds here: one file, no Python of the model's
own. `torch.export.load` unpickles, so Catenary serves no such file: it is for whoever runs torch elsewhere.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from catenary.errors import InvalidInput
from catenary.files import make_folder

if TYPE_CHECKING:
    from catenary.models import Model

PROGRAM_FILE = "model.pt2"


def write_program(model: Model, target: Path) -> None:
    """Write the model with inputs `input_ids` and `attention_mask` (int64, [batch, length]) and the output logits.

    Raises InvalidInput for an encoder–decoder.
    """
    import torch
    from torch import Tensor, nn

    if model.config.kind == "encoder-decoder":
        raise InvalidInput("Encoder–decoders are not exported as a program.", got=model.config.family)

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.whole = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            logits: Tensor = self.whole(input_ids, attention_mask).logits
            return logits

    longest = model.config.max_position_embeddings
    axes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("length", min=2, max=longest)}
    ids_BT, mask_BT = (torch.ones((2, 3), dtype=torch.int64) for _ in range(2))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(
            Logits().eval(), (ids_BT, mask_BT), dynamic_shapes={"input_ids": axes, "attention_mask": axes}
        )
        for node in program.graph.nodes:  # stack traces hold this machine's paths
            for key in ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn"):
                node.meta.pop(key, None)
        make_folder(target.parent)
        torch.export.save(program, target)
