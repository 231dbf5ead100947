"""LitGPT, as `litgpt pretrain` goes: Fabric, the compiled model, its own cross-entropy, fused AdamW.

`python -m benchmarks.training.litgpt_loop FOLDER STEPS PRECISION`, in `.venv-bench`; PRECISION is bf16-mixed (its
default where bf16 is supported) or bf16-true.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.training.gate import Gate

GATE = Gate()

import lightning  # noqa: E402 - the gate holds stdout before anything prints
import numpy as np  # noqa: E402
import torch  # noqa: E402
from litgpt.config import Config  # noqa: E402
from litgpt.model import GPT  # noqa: E402
from litgpt.utils import chunked_cross_entropy  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from benchmarks.training.work import LENGTH, RATE, ROWS, Work  # noqa: E402


def main(work: Work, steps: int, precision: str) -> None:
    """The weights are ours, in LitGPT's names."""
    config = json.loads((work.folder / "start" / "config.json").read_text())
    fabric = lightning.Fabric(accelerator="cpu", devices=1, precision=precision)
    with fabric.init_module():
        model = GPT(
            Config(
                name="bench", block_size=1024, vocab_size=config["vocab_size"], padded_vocab_size=config["vocab_size"],
                n_layer=config["num_hidden_layers"], n_head=config["num_attention_heads"],
                n_embd=config["hidden_size"], intermediate_size=config["intermediate_size"], rotary_percentage=1.0,
                parallel_residual=False, bias=False, norm_class_name="RMSNorm", mlp_class_name="LLaMAMLP",
                norm_eps=config["rms_norm_eps"],
            )
        )  # fmt: skip
    model.max_seq_length = LENGTH
    model.load_state_dict(
        renamed(load_file(work.folder / "start" / "model.safetensors"), config["num_hidden_layers"]),
        strict=False,
    )
    model.lm_head.weight = model.transformer.wte.weight
    model = fabric.setup(torch.compile(model))
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=RATE, betas=(0.9, 0.999), weight_decay=0.0, fused=True
    )
    optimiser = fabric.setup_optimizers(optimiser)
    GATE.open()
    for step in range(steps):
        rows = torch.from_numpy(np.stack([work.row(i) for i in range(step * ROWS, (step + 1) * ROWS)]))
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / steps)
        logits = model(rows[:, :-1].contiguous())
        loss = chunked_cross_entropy(logits, rows[:, 1:].contiguous())
        fabric.backward(loss)
        fabric.clip_gradients(model, optimiser, max_norm=1.0)
        optimiser.step()
        optimiser.zero_grad()
        GATE.losses.append(loss.item())
        GATE.step_done()


def renamed(weights: dict[str, torch.Tensor], layers: int) -> dict[str, torch.Tensor]:
    """Llama's names in Hugging Face → LitGPT's."""
    named = {
        "transformer.wte.weight": weights["model.embed_tokens.weight"],
        "transformer.ln_f.weight": weights["model.norm.weight"],
    }
    for i in range(layers):
        theirs, ours = f"transformer.h.{i}.", f"model.layers.{i}."
        named[theirs + "norm_1.weight"] = weights[ours + "input_layernorm.weight"]
        named[theirs + "norm_2.weight"] = weights[ours + "post_attention_layernorm.weight"]
        named[theirs + "attn.qkv.weight"] = torch.cat(
            [weights[f"{ours}self_attn.{x}_proj.weight"] for x in "qkv"]
        )
        named[theirs + "attn.proj.weight"] = weights[ours + "self_attn.o_proj.weight"]
        for name, of in (("fc_1", "gate"), ("fc_2", "up"), ("proj", "down")):
            named[theirs + f"mlp.{name}.weight"] = weights[f"{ours}mlp.{of}_proj.weight"]
    return named


if __name__ == "__main__":
    main(Work.read(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3])
