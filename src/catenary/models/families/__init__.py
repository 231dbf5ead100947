"""The families that Catenary reads, builds and writes: one small file each, and this table."""

from __future__ import annotations

from catenary.models.families.bart import BART, MARIAN
from catenary.models.families.bert import BERT
from catenary.models.families.family import Family
from catenary.models.families.gpt2 import GPT2
from catenary.models.families.llama import LLAMA
from catenary.models.families.mistral import MISTRAL
from catenary.models.families.qwen import QWEN2, QWEN3
from catenary.models.families.roberta import ROBERTA, XLM_ROBERTA
from catenary.models.families.t5 import T5

FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (BERT, ROBERTA, XLM_ROBERTA, GPT2, LLAMA, MISTRAL, QWEN2, QWEN3, T5, BART, MARIAN)
}

__all__ = ["FAMILIES", "Family"]
