"""What a family is to us: how its `config.json` reads as a TransformerConfig, and what it calls its tensors.

Both directions come from the same tables, so that what is read is what is written.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catenary.errors import CatenaryWarning, InvalidInput
from catenary.messages import say
from catenary.models.config import DECODER_SIZES, HeadName, TransformerConfig, checked

if TYPE_CHECKING:
    from torch import Tensor

Settings = Mapping[str, Any]
Tensors = dict[str, "Tensor"]
Pairs = tuple[tuple[str, str], ...]  # (theirs, ours)

ACTIVATIONS = {  # theirs → ours; the first of two names is the one written
    "gelu": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_tanh": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
    "tanh": "tanh",
}

FOLLOWS = {"num_key_value_heads": "num_attention_heads", "head_dim": "hidden_size", **DECODER_SIZES}

TOKENS = {key: key for key in ("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id")}

# Settings that change nothing in the arithmetic of a forward pass: what a file was made with and what for, and how
# to generate with it. Older files hold many.
INERT = frozenset(
    (
        *(
            "architectures",
            "model_type",
            "torch_dtype",
            "dtype",
            "transformers_version",
            "_name_or_path",
            "auto_map",
        ),
        *(
            "id2label",
            "label2id",
            "num_labels",
            "_num_labels",
            "problem_type",
            "finetuning_task",
            "tokenizer_class",
        ),
        *(
            "task_specific_params",
            "gradient_checkpointing",
            "use_cache",
            "output_past",
            "return_dict",
            "torchscript",
            "pretraining_tp",
        ),
        *(
            "output_attentions",
            "output_hidden_states",
            "chunk_size_feed_forward",
            "is_encoder_decoder",
            "prefix",
        ),
        *(
            "attn_implementation",
            "_attn_implementation",
            "initializer_factor",
            "use_bfloat16",
            "transformers.js_config",
        ),
        *("sep_token_id", "unk_token_id", "forced_bos_token_id", "forced_eos_token_id", "bad_words_ids"),
        *(
            "early_stopping",
            "num_beams",
            "length_penalty",
            "max_length",
            "min_length",
            "no_repeat_ngram_size",
        ),
        *(
            "repetition_penalty",
            "do_sample",
            "top_k",
            "top_p",
            "temperature",
            "is_decoder",
            "add_cross_attention",
        ),
    )
)


@dataclass(frozen=True)
class HeadFiles:
    """How Hugging Face stores a head: the class that `architectures` names, and the head's tensors."""

    architecture: str
    names: Pairs = ()
    prefix: str | None = (
        None  # of the body's tensors, where it differs from the family's; "" for the body alone
    )


@dataclass(frozen=True)
class Family:
    """One family of models. Its tables pair their names with ours; its functions do what a table cannot."""

    model_type: str
    paper: str
    fixed: Mapping[str, object]  # our settings that make a model one of this family
    settings: Mapping[str, str]  # their key → our setting
    defaults: Mapping[str, object]  # our setting → Hugging Face's value where config.json leaves the key out
    prefix: str  # of the body's tensors
    names: Pairs
    heads: Mapping[HeadName, HeadFiles]
    only: Mapping[str, tuple[object, ...]] = field(
        default_factory=dict
    )  # keys that we take with these values alone
    inert: frozenset[str] = frozenset()
    unused: tuple[str, ...] = ()  # tensors (ours) that files hold and nothing reads: regular expressions
    zeros: frozenset[str] = frozenset()  # tensors (ours) that are zero where a file leaves them out
    copies: Mapping[str, str] = field(
        default_factory=dict
    )  # tensors (ours) that must equal another: expression → name
    read: Callable[[Settings], Mapping[str, object]] = lambda settings: {}
    write: Callable[[TransformerConfig], dict[str, Any]] = lambda config: {}
    keys: frozenset[str] = frozenset()  # theirs, that `read` takes
    unpack: Callable[[Tensors, TransformerConfig], Tensors] = lambda tensors, config: tensors
    pack: Callable[[Tensors, TransformerConfig], Tensors] = lambda tensors, config: tensors

    def configure(self, **settings: object) -> TransformerConfig:
        """A configuration of this family from our own settings.

        What follows another size does so as soon as that one is set: heads share no keys, for example, unless said.
        """
        free = {follower: None for follower, leader in FOLLOWS.items() if leader in settings}
        return checked({"family": self.model_type, **self.defaults, **self.fixed, **free, **settings})

    def config_from(self, settings: Settings, *, where: str | None = None) -> TransformerConfig:
        """The configuration that a `config.json` holds. InvalidInput names the key that we cannot honour."""
        for key, allowed in self.only.items():
            if key in settings and settings[key] not in allowed:
                raise InvalidInput(
                    "The setting {key} of this {family} checkpoint is not supported with this value.",
                    key=key,
                    family=self.model_type,
                    got=repr(settings[key]),
                    expected="{values}",
                    values=" / ".join(repr(value) for value in allowed),
                    where=where,
                )
        taken = dict(self.defaults)
        taken |= {ours: settings[theirs] for theirs, ours in self.settings.items() if theirs in settings}
        try:
            taken |= self.read(settings)
        except InvalidInput as error:
            error.where = error.where or where
            raise
        activation = taken.get("activation")
        if isinstance(activation, str):
            if activation not in ACTIVATIONS:
                raise InvalidInput(
                    "The activation of this checkpoint is not supported.",
                    got=activation,
                    expected="{values}",
                    values=", ".join(ACTIVATIONS),
                    where=where,
                )
            taken["activation"] = ACTIVATIONS[activation]
        if isinstance(taken.get("eos_token_id"), list):
            taken["eos_token_id"] = tuple(taken["eos_token_id"])  # type: ignore[arg-type]
        self._tell_unknown(settings, where)
        return checked({"family": self.model_type, **taken, **self.fixed}, where=where)

    def settings_of(self, config: TransformerConfig) -> dict[str, Any]:
        """The `config.json` of a configuration, less what belongs to a head."""
        theirs_of = {ours: theirs for theirs, ours in reversed(ACTIVATIONS.items())}
        settings: dict[str, Any] = {"model_type": self.model_type}
        for theirs, ours in self.settings.items():
            value = getattr(config, ours)
            settings[theirs] = theirs_of[value] if ours == "activation" else value
        return settings | self.write(config)

    def head_of(self, architecture: str) -> HeadName | None:
        """Which head the class of this name has; None for a class that we do not know."""
        return next((head for head, files in self.heads.items() if files.architecture == architecture), None)

    def _tell_unknown(self, settings: Settings, where: str | None) -> None:
        known = INERT | self.inert | self.keys | self.settings.keys() | self.only.keys() | TOKENS.keys()
        unknown = sorted(key for key in settings if key not in known and settings[key] is not None)
        if unknown:
            text = say(
                "Settings that Catenary does not know were left aside: {keys}", keys=", ".join(unknown)
            )
            warnings.warn(f"{where}: {text}" if where else text, CatenaryWarning, stacklevel=4)
