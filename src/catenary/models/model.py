"""A model: a Transformer's body with one head. The only class here that other rooms call.

B batch · T tokens · S tokens of the encoder's text · D hidden size · V vocabulary · C labels
M positions asked for · N tokens of a packed batch
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from catenary.errors import InvalidInput
from catenary.models.cache import Cache, Memory
from catenary.models.config import HeadName, Pooling, TransformerConfig
from catenary.models.documents import Documents
from catenary.models.heads import (
    ENCODER_ALONE,
    LABELLED,
    Classifier,
    Embedder,
    LanguageModel,
    MaskedLanguageModel,
    SpanReader,
    Tagger,
)
from catenary.models.transformer import EncoderDecoder, Stack, Tokens


class Output(NamedTuple):
    """What a forward pass gives.

    logits: clm, mlm, seq2seq (B, T, V); tag (B, T, C); span (B, T, 2); classify (B, C); embed: unit vectors (B, D).
        With `logits_at`: (M, …) in place of (B, T, …). For packed documents, one row of classify and embed a document.
    hidden: the last hidden states, (B, T, D); of the decoder where there is one.
    next_sentence_logits: (B, 2), of the head mlm+nsp.
    memory: what the encoder read, to pass in again while the decoder writes.
    """

    logits: Tensor
    hidden: Tensor
    next_sentence_logits: Tensor | None = None
    memory: Memory | None = None


@dataclass(frozen=True)
class Loaded:
    """How a model came to its weights: tensors that no file gave and a seed made, and those in the file not used."""

    initialised: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


class Model(nn.Module):
    """A body (`model`) and a head (`head`). Made by `build` and `load`; holds no cache and no state between calls."""

    def __init__(
        self, config: TransformerConfig, head: HeadName, labels: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        if (head in LABELLED) != bool(labels):
            raise InvalidInput(
                "Labels and head do not fit.",
                got=f"{head}, {labels!r}",
                expected="labels for the heads classify and tag, and for no other",
            )
        self.config, self.head_name, self.labels = config, head, tuple(labels or ())
        self.pooling = config.embedding_pooling if head == "embed" else config.pooling
        self.loaded = Loaded()
        self.model: Stack | EncoderDecoder
        if config.kind == "encoder-decoder":
            self.model = EncoderDecoder(config, writes=head not in ENCODER_ALONE)
        else:
            self.model = Stack(config, causal=config.kind == "decoder")
        self.head = _head(config, head, len(self.labels))
        self.next_sentence = Classifier(config, 2) if head == "mlm+nsp" else None

    @property
    def embedding(self) -> nn.Embedding:
        """The table of token embeddings, (V, D)."""
        table = self.model.shared if isinstance(self.model, EncoderDecoder) else self.model.embed_tokens
        assert table is not None
        return table

    def empty_cache(self, *, rows: int, capacity: int) -> Cache:
        """Room for `capacity` tokens in each of `rows` rows, in the model's dtype and on its device."""
        weight = self.embedding.weight
        return Cache.empty(
            self.config, rows=rows, capacity=capacity, dtype=weight.dtype, device=weight.device
        )

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        document_ids: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        decoder_input_ids: Tensor | None = None,
        decoder_attention_mask: Tensor | None = None,
        decoder_cu_seqlens: Tensor | None = None,
        memory: Memory | None = None,
        cache: Cache | None = None,
        logits_at: Tensor | None = None,
    ) -> Output:
        """One pass.

        input_ids (B, T) token ids, or inputs_embeds (B, T, D) in their place; of the encoder, where there are two.
        attention_mask (B, T) 1 for tokens and 0 for padding; all are tokens where left out. With a cache it covers
            the past tokens too: (B, past + T).
        token_type_ids (B, T) 0 for the first text, 1 for the second.
        position_ids (B, T) from 0, counted where left out.
        document_ids (B, T) or cu_seqlens (documents + 1,): the batch is packed; a token sees its own document only,
            and positions count from its start. Exclusive with attention_mask and cache.
        decoder_input_ids (B, T) what the decoder has written; for classify and span, input_ids moved right. The heads
            tag and embed read the encoder alone.
        memory: the encoder's output of an earlier pass, in place of input_ids.
        cache: keys and values of the tokens before these; this pass adds its own. It keeps the memory too.
        logits_at (M,) places in the flattened (B · T): logits are computed there alone.

        Raises InvalidInput for inputs that do not go together.
        """
        tokens = Tokens(input_ids, inputs_embeds, attention_mask, token_type_ids, position_ids)
        if document_ids is not None or cu_seqlens is not None:
            if attention_mask is not None or cache is not None:
                raise InvalidInput("A packed batch takes no attention_mask and no cache.")
            tokens = _packed(tokens, document_ids, cu_seqlens)
        if isinstance(self.model, Stack):
            hidden_BTD = self.model(tokens, cache=cache)
            return self._read(hidden_BTD, tokens, input_ids, logits_at)

        if memory is None and cache is not None:
            memory = cache.memory
        if memory is None:
            memory = self.model.encode(tokens)
        if self.model.decoder is None:
            return self._read(memory.hidden_BSD, tokens, input_ids, logits_at)
        if cache is not None:
            cache.memory = memory
        written = Tokens(decoder_input_ids, attention_mask_BS=decoder_attention_mask)
        if decoder_cu_seqlens is not None:
            written = _packed(written, None, decoder_cu_seqlens)
        elif decoder_input_ids is None:
            written = replace(tokens, input_ids_BT=self._moved_right(tokens), attention_mask_BS=None)
        _paired(tokens.documents, written.documents)
        hidden_BTD = self.model.decode(written, memory, memory_documents=tokens.documents, cache=cache)
        output = self._read(hidden_BTD, replace(tokens, documents=written.documents), input_ids, logits_at)
        return output._replace(memory=memory)

    def _read(self, hidden_BTD: Tensor, over: Tokens, ids: Tensor | None, logits_at: Tensor | None) -> Output:
        """What the head makes of the hidden states; `over` says where texts begin and end."""
        next_sentence = None
        if self.next_sentence is not None:
            next_sentence = self.next_sentence(
                _pooled(hidden_BTD, over, self.pooling, self.config.pad_token_id)
            )
        if isinstance(self.head, Classifier | Embedder):
            logits = self.head(_pooled(hidden_BTD, over, self.pooling, self.config.pad_token_id))
        else:
            if over.documents is not None and ids is not None and hidden_BTD.shape[1] == ids.numel():
                hidden_BTD = hidden_BTD.reshape(*ids.shape, -1)  # packed rows stand as they were given
            x = hidden_BTD if logits_at is None else hidden_BTD.flatten(0, 1)[logits_at]
            if isinstance(self.head, LanguageModel | MaskedLanguageModel):
                logits = self.head(x, self.embedding.weight)
            else:
                logits = self.head(x)
        return Output(logits, hidden_BTD, next_sentence)

    def _moved_right(self, tokens: Tokens) -> Tensor:
        """The text itself as what the decoder has written: how BART labels a text (Lewis et al. 2020, §3.1)."""
        ids_BT, start = tokens.input_ids_BT, self.config.decoder_start_token_id
        if self.head_name == "seq2seq" or ids_BT is None or start is None:
            raise InvalidInput("The decoder needs decoder_input_ids.")
        moved_BT = ids_BT.roll(1, dims=1)
        firsts = torch.tensor([0]) if tokens.documents is None else tokens.documents.firsts(ids_BT.device)
        return moved_BT.index_fill(1, firsts.to(ids_BT.device), start)


def _head(config: TransformerConfig, head: HeadName, labels: int) -> nn.Module:
    match head:
        case "clm" | "seq2seq":
            return LanguageModel(config)
        case "mlm" | "mlm+nsp":
            return MaskedLanguageModel(config)
        case "classify":
            return Classifier(config, labels)
        case "tag":
            return Tagger(config, labels)
        case "span":
            return SpanReader(config)
        case "embed":
            return Embedder()


def _packed(tokens: Tokens, document_ids_BT: Tensor | None, cu_seqlens: Tensor | None) -> Tokens:
    """The batch as one row of documents."""

    def row(x: Tensor | None) -> Tensor | None:
        return None if x is None else x.flatten(0, 1)[None]

    given = tokens.input_ids_BT if tokens.input_ids_BT is not None else tokens.inputs_embeds_BTD
    if given is None:
        raise InvalidInput("A packed batch needs its tokens, not what an encoder read of them.")
    if cu_seqlens is not None:
        documents = Documents.from_cu_seqlens(cu_seqlens, given.shape[0] * given.shape[1])
    else:
        assert document_ids_BT is not None
        if document_ids_BT.shape != given.shape[:2]:
            raise InvalidInput(
                "Each token of a packed batch needs a document id.",
                got=list(document_ids_BT.shape),
                expected="shape {shape}",
                shape=list(given.shape[:2]),
            )
        documents = Documents.from_ids(document_ids_BT)
    return Tokens(
        row(tokens.input_ids_BT),
        row(tokens.inputs_embeds_BTD),
        None,
        row(tokens.token_type_ids_BT),
        row(tokens.position_ids_BT),
        documents,
    )


def _paired(read: Documents | None, written: Documents | None) -> None:
    """The decoder's i-th document looks at the encoder's i-th: there must be as many."""
    counts = [0 if one is None else len(one.lengths) for one in (read, written)]
    if counts[0] != counts[1]:
        raise InvalidInput(
            "Encoder and decoder are packed differently.",
            got=f"{counts[0]}, {counts[1]}",
            expected="as many documents written (decoder_cu_seqlens) as read (cu_seqlens)",
        )


def _pooled(hidden_BTD: Tensor, over: Tokens, pooling: Pooling, pad_token_id: int | None) -> Tensor:
    """(B, D), or one row a document of a packed batch: the first token's state, the last's, or the mean of all."""
    device = hidden_BTD.device
    if over.documents is not None:
        if pooling == "mean":
            return torch.stack(
                [part.mean(dim=1)[0] for part in torch.split(hidden_BTD, list(over.documents.lengths), dim=1)]
            )
        documents = over.documents
        at = documents.firsts(device) if pooling == "first" else documents.lasts(device)
        return hidden_BTD[0, at]
    if pooling == "first":
        return hidden_BTD[:, 0]
    real_BT = over.attention_mask_BS
    if real_BT is None and over.input_ids_BT is not None and pad_token_id is not None:
        real_BT = over.input_ids_BT != pad_token_id
    if pooling == "mean":
        if real_BT is None:
            return hidden_BTD.mean(dim=1)
        real_BT1 = real_BT[..., None].to(hidden_BTD.dtype)
        return (hidden_BTD * real_BT1).sum(dim=1) / real_BT1.sum(dim=1).clamp(min=1)
    if real_BT is None:
        return hidden_BTD[:, -1]
    place_T = torch.arange(hidden_BTD.shape[1], device=device)
    last_B = (real_BT.long() * place_T).argmax(dim=1)
    return hidden_BTD[torch.arange(hidden_BTD.shape[0], device=device), last_B]
