"""BERT: an encoder that reads both ways (Devlin et al. 2019, 1810.04805)."""

from __future__ import annotations

from typing import Any

from catenary.models.config import TransformerConfig
from catenary.models.families.family import Family, HeadFiles, Settings, Tensors

BLOCK = (
    ("encoder.layer.{n}.attention.self.query", "layers.{n}.self_attn.q_proj"),
    ("encoder.layer.{n}.attention.self.key", "layers.{n}.self_attn.k_proj"),
    ("encoder.layer.{n}.attention.self.value", "layers.{n}.self_attn.v_proj"),
    ("encoder.layer.{n}.attention.output.dense", "layers.{n}.self_attn.o_proj"),
    ("encoder.layer.{n}.attention.output.LayerNorm", "layers.{n}.input_layernorm"),
    ("encoder.layer.{n}.intermediate.dense", "layers.{n}.mlp.up_proj"),
    ("encoder.layer.{n}.output.dense", "layers.{n}.mlp.down_proj"),
    ("encoder.layer.{n}.output.LayerNorm", "layers.{n}.post_attention_layernorm"),
    ("embeddings.word_embeddings", "embed_tokens"),
    ("embeddings.position_embeddings", "embed_positions"),
    ("embeddings.token_type_embeddings", "embed_token_types"),
    ("embeddings.LayerNorm", "embed_norm"),
)

SETTINGS = {
    "vocab_size": "vocab_size",
    "hidden_size": "hidden_size",
    "num_hidden_layers": "num_hidden_layers",
    "num_attention_heads": "num_attention_heads",
    "intermediate_size": "intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
    "type_vocab_size": "type_vocab_size",
    "hidden_act": "activation",
    "hidden_dropout_prob": "hidden_dropout",
    "attention_probs_dropout_prob": "attention_dropout",
    "classifier_dropout": "classifier_dropout",
    "initializer_range": "initializer_range",
    "layer_norm_eps": "norm_eps",
    "tie_word_embeddings": "tie_word_embeddings",
    "pad_token_id": "pad_token_id",
    "bos_token_id": "bos_token_id",
    "eos_token_id": "eos_token_id",
}

DEFAULTS: dict[str, object] = {
    "vocab_size": 30522,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "activation": "gelu",
    "hidden_dropout": 0.1,
    "attention_dropout": 0.1,
    "norm_eps": 1e-12,
    "pad_token_id": 0,
}

FIXED: dict[str, object] = {
    "kind": "encoder",
    "position": "learned",
    "norm": "layer",
    "norm_at": "post",
    "embedding_norm": True,
    "final_norm": False,
    "attention_bias": True,
    "attention_output_bias": True,
    "mlp_bias": True,
}

LANGUAGE_MODEL = (
    ("cls.predictions.transform.dense", "head.dense"),
    ("cls.predictions.transform.LayerNorm", "head.norm"),
    ("cls.predictions.decoder.weight", "head.out_proj.weight"),
    ("cls.predictions.bias", "head.bias"),
)


def one_bias(tensors: Tensors, head: str) -> Tensors:
    """`transformers` holds the masked-LM bias twice, and adds the decoder's."""
    if f"{head}.decoder.bias" not in tensors:
        return tensors
    rest = {name: tensor for name, tensor in tensors.items() if name != f"{head}.decoder.bias"}
    return rest | {f"{head}.bias": tensors[f"{head}.decoder.bias"]}


def both_biases(tensors: Tensors, head: str) -> Tensors:
    """An untied decoder is stored with a bias of its own."""
    if f"{head}.decoder.weight" not in tensors:
        return tensors
    return tensors | {f"{head}.decoder.bias": tensors[f"{head}.bias"].clone()}


HEAD_SIZE = "attention_head_size"  # ours: Hugging Face's BERT has no size of a head but hidden_size / heads


def read_head_size(settings: Settings) -> dict[str, object]:
    """The size of a head, where heads were pruned."""
    return {"head_dim": settings[HEAD_SIZE]} if settings.get(HEAD_SIZE) else {}


def write_head_size(config: TransformerConfig) -> dict[str, Any]:
    """Said only where it does not follow from the width, so that other models' files stay Hugging Face's own."""
    follows = config.head_dim * config.num_attention_heads == config.hidden_size
    return {} if follows else {HEAD_SIZE: config.head_dim}


BERT = Family(
    model_type="bert",
    paper="Devlin et al. 2019, 1810.04805",
    fixed=FIXED,
    settings=SETTINGS,
    defaults=DEFAULTS,
    only={"position_embedding_type": ("absolute",), "is_decoder": (False,), "add_cross_attention": (False,)},
    inert=frozenset(  # in bert-base-chinese, of code that never was in use
        {
            *("directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers"),
            *("pooler_size_per_head", "pooler_type"),
        }
    ),
    read=read_head_size,
    write=write_head_size,
    keys=frozenset({HEAD_SIZE}),
    prefix="bert",
    names=BLOCK,
    heads={
        "mlm": HeadFiles("BertForMaskedLM", LANGUAGE_MODEL),
        "mlm+nsp": HeadFiles(
            "BertForPreTraining",
            (
                *LANGUAGE_MODEL,
                ("bert.pooler.dense", "next_sentence.dense"),
                ("cls.seq_relationship", "next_sentence.out_proj"),
            ),
        ),
        "classify": HeadFiles(
            "BertForSequenceClassification",
            (("bert.pooler.dense", "head.dense"), ("classifier", "head.out_proj")),
        ),
        "tag": HeadFiles("BertForTokenClassification", (("classifier", "head.out_proj"),)),
        "span": HeadFiles("BertForQuestionAnswering", (("qa_outputs", "head.out_proj"),)),
        "embed": HeadFiles("BertModel", prefix=""),
    },
    # A buffer that `transformers` used to save, and the pooler and the head for next sentences, which only some heads
    # read: Google's own files hold them all, whichever head they name.
    unused=(r"model\.embeddings\.position_ids", r"bert\.pooler\.dense\..*", r"cls\.seq_relationship\..*"),
    unpack=lambda tensors, config: one_bias(tensors, "cls.predictions"),
    pack=lambda tensors, config: both_biases(tensors, "cls.predictions"),
)
