"""The model core: one Transformer, driven by a configuration, in Hugging Face's own names.

What flows through: a `TransformerConfig` (what the model is) → `build` or `load` → a `Model` (a body and one head),
called with token ids → `Output`. Read it in this order: config, positions, documents, attention, cache, transformer,
heads, model; then `families/` (one small file a family) and `hub` (folders in and out). `kernels/` only makes training
quicker on a CPU: what it computes stands in torch beside each call.

    >>> import torch
    >>> from catenary.models import build, configure
    >>> model = build(configure("bert", "nano", vocab_size=100), "classify", labels=["bad", "good"], seed=7)
    >>> model(torch.tensor([[2, 5, 3]])).logits.shape
    torch.Size([1, 2])

Torch is imported when the first model is asked for: configurations, sizes and families do without it.
"""

import lazy_loader

# The names are in __init__.pyi; each is imported when it is first used, so that reading a size does not load torch.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
