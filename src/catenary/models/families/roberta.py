"""RoBERTa: BERT trained longer, on more text, without next sentences (Liu et al. 2019, 1907.11692)."""

from __future__ import annotations

from typing import Any

from catenary.models.config import HeadName, TransformerConfig
from catenary.models.families.bert import BLOCK, DEFAULTS, FIXED, SETTINGS, both_biases, one_bias
from catenary.models.families.family import Family, HeadFiles, Settings


def read(settings: Settings) -> dict[str, object]:
    """Positions are counted from after the padding's row, among tokens that are not padding (fairseq's habit)."""
    pad, rows = settings.get("pad_token_id", 1), settings.get("max_position_embeddings", 512)
    if not isinstance(pad, int) or not isinstance(rows, int):
        return {"pad_token_id": pad, "max_position_embeddings": rows}
    return {"pad_token_id": pad, "position_offset": pad + 1, "max_position_embeddings": rows - pad - 1}


def write(config: TransformerConfig) -> dict[str, Any]:
    return {"max_position_embeddings": config.max_position_embeddings + config.position_offset}


def heads(prefix: str) -> dict[HeadName, HeadFiles]:
    """The heads of RoBERTa and of its namesakes: their classes start with `prefix`."""
    return {
        "mlm": HeadFiles(
            f"{prefix}ForMaskedLM",
            (
                ("lm_head.dense", "head.dense"),
                ("lm_head.layer_norm", "head.norm"),
                ("lm_head.decoder.weight", "head.out_proj.weight"),
                ("lm_head.bias", "head.bias"),
            ),
        ),
        "classify": HeadFiles(
            f"{prefix}ForSequenceClassification",
            (("classifier.dense", "head.dense"), ("classifier.out_proj", "head.out_proj")),
        ),
        "tag": HeadFiles(f"{prefix}ForTokenClassification", (("classifier", "head.out_proj"),)),
        "span": HeadFiles(f"{prefix}ForQuestionAnswering", (("qa_outputs", "head.out_proj"),)),
        "embed": HeadFiles(f"{prefix}Model", prefix=""),
    }


def _family(model_type: str, prefix: str) -> Family:
    return Family(
        model_type=model_type,
        paper="Liu et al. 2019, 1907.11692",
        fixed={**FIXED, "positions_skip_padding": True},
        settings={theirs: ours for theirs, ours in SETTINGS.items() if theirs != "max_position_embeddings"},
        defaults={**DEFAULTS, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2, "position_offset": 2},
        only={
            "position_embedding_type": ("absolute",),
            "is_decoder": (False,),
            "add_cross_attention": (False,),
            "hidden_act": ("gelu",),  # its masked-LM head has gelu whatever the setting
        },
        keys=frozenset({"max_position_embeddings"}),
        read=read,
        write=write,
        prefix="roberta",
        names=BLOCK,
        heads=heads(prefix),
        unused=(r"model\.embeddings\.position_ids", r"model\.pooler\.dense\..*"),
        unpack=lambda tensors, config: one_bias(tensors, "lm_head"),
        pack=lambda tensors, config: both_biases(tensors, "lm_head"),
    )


ROBERTA = _family("roberta", "Roberta")
XLM_ROBERTA = _family(
    "xlm-roberta", "XLMRoberta"
)  # the same model on a hundred languages (Conneau et al. 2020)
