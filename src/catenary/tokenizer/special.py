"""The special tokens: every tokenizer that Catenary trains has these seven, with these ids.

One rule instead of one set a model family: an encoder frames a text as `[CLS] … [SEP]`, a decoder as `<bos> … <eos>`,
an encoder–decoder ends it with `<eos>`, and all pad with `[PAD]`. So one tokenizer serves them all, and ids never have
to be looked up.
"""

from __future__ import annotations

from typing import Literal

PAD, UNK, CLS, SEP, MASK, BOS, EOS = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<bos>", "<eos>"
SPECIAL_TOKENS = (PAD, UNK, CLS, SEP, MASK, BOS, EOS)  # ids 0 to 6

Frame = Literal["encoder", "decoder", "encoder-decoder"]
FRAMES: dict[Frame, tuple[str, str]] = {
    "encoder": (CLS, SEP),
    "decoder": (BOS, EOS),
    "encoder-decoder": ("", EOS),
}

# The names that Hugging Face's tokenizer_config.json gives them.
HF_NAMES = {
    "pad_token": PAD,
    "unk_token": UNK,
    "cls_token": CLS,
    "sep_token": SEP,
    "mask_token": MASK,
    "bos_token": BOS,
    "eos_token": EOS,
}
