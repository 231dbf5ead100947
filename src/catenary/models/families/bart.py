"""BART and Marian: encoder–decoders of the original Transformer's shape, norms after each part.

BART learns to mend damaged text (Lewis et al. 2020, 1910.13461); Marian translates, with sinusoidal positions
(Junczys-Dowmunt et al. 2018, 1804.00344).
"""

from __future__ import annotations

from catenary.models.families.family import Family, HeadFiles, Pairs

FIXED: dict[str, object] = {
    "kind": "encoder-decoder",
    "norm": "layer",
    "norm_at": "post",
    "final_norm": False,
    "attention_bias": True,
    "attention_output_bias": True,
    "mlp_bias": True,
    "logits_bias": True,
    "pooling": "last",
}

SETTINGS = {
    "vocab_size": "vocab_size",
    "d_model": "hidden_size",
    "encoder_layers": "num_hidden_layers",
    "encoder_attention_heads": "num_attention_heads",
    "encoder_ffn_dim": "intermediate_size",
    "decoder_layers": "num_decoder_layers",
    "decoder_attention_heads": "decoder_attention_heads",
    "decoder_ffn_dim": "decoder_intermediate_size",
    "max_position_embeddings": "max_position_embeddings",
    "activation_function": "activation",
    "dropout": "hidden_dropout",
    "attention_dropout": "attention_dropout",
    "activation_dropout": "activation_dropout",
    "classifier_dropout": "classifier_dropout",
    "init_std": "initializer_range",
    "scale_embedding": "embedding_scaled",
    "tie_word_embeddings": "tie_word_embeddings",
    "pad_token_id": "pad_token_id",
    "bos_token_id": "bos_token_id",
    "eos_token_id": "eos_token_id",
    "decoder_start_token_id": "decoder_start_token_id",
}

DEFAULTS: dict[str, object] = {
    "hidden_size": 1024,
    "num_hidden_layers": 12,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "num_decoder_layers": 12,
    "decoder_attention_heads": 16,
    "decoder_intermediate_size": 4096,
    "max_position_embeddings": 1024,
    "activation": "gelu",
    "hidden_dropout": 0.1,
}

ONLY: dict[str, tuple[object, ...]] = {
    "add_final_layer_norm": (False,),
    "normalize_before": (False,),
    "encoder_layerdrop": (0.0, 0),
    "decoder_layerdrop": (0.0, 0),
    "extra_pos_embeddings": (2, 0),
}
INERT = frozenset({"add_bias_logits", "classif_dropout", "classifier_bias", "static_position_embeddings"})


def block(side: str) -> Pairs:
    """The names of one stack."""
    layer = f"{side}.layers.{{n}}"
    return (
        (f"{layer}.self_attn.out_proj", f"{layer}.self_attn.o_proj"),
        (f"{layer}.self_attn_layer_norm", f"{layer}.input_layernorm"),
        (f"{layer}.encoder_attn.out_proj", f"{layer}.cross_attn.o_proj"),
        (f"{layer}.encoder_attn", f"{layer}.cross_attn"),
        (f"{layer}.encoder_attn_layer_norm", f"{layer}.cross_attn_layernorm"),
        (f"{layer}.fc1", f"{layer}.mlp.up_proj"),
        (f"{layer}.fc2", f"{layer}.mlp.down_proj"),
        (f"{layer}.final_layer_norm", f"{layer}.post_attention_layernorm"),
        (f"{side}.layernorm_embedding", f"{side}.embed_norm"),
    )


LANGUAGE_MODEL: Pairs = (("final_logits_bias", "head.bias"), ("lm_head", "head.out_proj"))
COPIES = {r"model\.(encoder|decoder)\.embed_tokens\.weight": "model.shared.weight"}

BART = Family(
    model_type="bart",
    paper="Lewis et al. 2020, 1910.13461",
    fixed=FIXED | {"position": "learned", "position_offset": 2, "embedding_norm": True},
    settings=SETTINGS,
    defaults=DEFAULTS
    | {
        "vocab_size": 50265,
        "classifier_dropout": 0.0,
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
    },
    only=ONLY | {"normalize_embedding": (True,)},
    inert=INERT,
    write=lambda config: {"is_encoder_decoder": True},
    prefix="model",
    names=block("encoder") + block("decoder"),
    heads={
        "seq2seq": HeadFiles("BartForConditionalGeneration", LANGUAGE_MODEL),
        "classify": HeadFiles(
            "BartForSequenceClassification",
            (("classification_head.dense", "head.dense"), ("classification_head.out_proj", "head.out_proj")),
        ),
        "span": HeadFiles("BartForQuestionAnswering", (("qa_outputs", "head.out_proj"),)),
    },
    zeros=frozenset({"head.bias"}),  # in all files so far; early ones leave it out
    copies=COPIES,
)

MARIAN = Family(
    model_type="marian",
    paper="Junczys-Dowmunt et al. 2018, 1804.00344",
    fixed=FIXED | {"position": "sinusoidal"},
    settings={theirs: ours for theirs, ours in SETTINGS.items() if theirs != "classifier_dropout"},
    defaults=DEFAULTS
    | {"vocab_size": 58101, "pad_token_id": 58100, "eos_token_id": 0, "decoder_start_token_id": 58100},
    only=ONLY | {"normalize_embedding": (False,), "share_encoder_decoder_embeddings": (True,)},
    inert=INERT | {"decoder_vocab_size"},
    write=lambda config: {"is_encoder_decoder": True, "decoder_vocab_size": config.vocab_size},
    prefix="model",
    names=block("encoder") + block("decoder"),
    heads={"seq2seq": HeadFiles("MarianMTModel", LANGUAGE_MODEL)},
    unused=(r"model\.(encoder|decoder)\.embed_positions\.weight",),  # the sinusoidal table
    zeros=frozenset({"head.bias"}),  # in all files so far; early ones leave it out
    copies=COPIES,
)
