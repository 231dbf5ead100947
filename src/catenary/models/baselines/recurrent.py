"""The recurrent controls: LSTM and GRU as language models and as classifiers, what came before the Transformer.

At each token x_t a layer makes its state h_t of the one before. LSTM (Hochreiter and Schmidhuber, Neural Computation
9(8), 1997; with the forget gate of Gers et al. 2000):

    i, f, o = σ(W x_t + U h_{t-1} + b)  each with its own W, U, b        what goes in, stays, comes out
    c_t     = f ⊙ c_{t-1} + i ⊙ tanh(W_c x_t + U_c h_{t-1} + b_c)
    h_t     = o ⊙ tanh(c_t)

GRU (Cho et al. 2014, 1406.1078): two gates and no cell,

    r, z    = σ(W x_t + U h_{t-1} + b)                                   what is forgotten, what is kept
    h_t     = (1 - z) ⊙ tanh(W_h x_t + r ⊙ (U_h h_{t-1} + b_h)) + z ⊙ h_{t-1}

The layers themselves are torch's. Dropout stands between layers and around them, not within the recurrence (Zaremba et
al. 2014, 1409.2329); a language model may share its embeddings with its last layer (Press and Wolf 2017, 1608.05859).

    >>> model = Recurrent(RecurrentConfig(family="gru", vocab_size=10, embedding_size=8, hidden_size=8), seed=1).eval()
    >>> model.log_probs([3, 1, 4]).shape          # the tokens and the end, as of the n-gram
    (4,)

Legend: B texts · T tokens of the longest · L layers · E embedding size · D hidden size · V vocabulary · C classes
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's name
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, nn

from catenary.errors import Damaged, InvalidInput, NotFound
from catenary.files import make_folder, write_whole
from catenary.models.baselines.ngram import Totals, checked_ids
from catenary.models.baselines.recurrent_settings import RecurrentConfig
from catenary.models.initialise import generator_of
from catenary.models.layers import Embedding, Linear
from catenary.models.model_files import WHOLE
from catenary.models.tensors import check_finite, read_tensors, write_tensors

CELLS = {"lstm": nn.LSTM, "gru": nn.GRU}
LOGITS_AT_ONCE = 1 << 23  # bounds the memory of scoring

State = Tensor | tuple[Tensor, Tensor]  # (L, B, D): h of a GRU; h and c of an LSTM


class RecurrentOutput(NamedTuple):
    """logits: (B, T, V + 1) of the next token, or (B, C) of the classes; state: after the last token, to go on from."""

    logits: Tensor
    state: State


class Recurrent(nn.Module):
    """Embeddings, recurrent layers and one linear layer: a language model, or a classifier where there are labels."""

    def __init__(self, config: RecurrentConfig, *, seed: int | None = None) -> None:
        """With a seed, weights drawn from it; without, empty ones to be filled."""
        super().__init__()
        self.config = config
        tokens = config.vocab_size if config.labels else config.vocab_size + 1
        self.embed_tokens = Embedding(tokens, config.embedding_size)
        self.layers = CELLS[config.family](
            config.embedding_size,
            config.hidden_size,
            config.num_hidden_layers,
            batch_first=True,
            bidirectional=config.bidirectional,
            dropout=config.dropout if config.num_hidden_layers > 1 else 0.0,
        )
        self.dropout = nn.Dropout(config.dropout)
        width = config.hidden_size * (2 if config.bidirectional else 1)
        self.out_proj = Linear(width, len(config.labels) or tokens)
        if config.tie_word_embeddings:
            self.out_proj.weight = self.embed_tokens.weight
        if seed is not None:
            self._draw(seed)

    @torch.no_grad()
    def _draw(self, seed: int) -> None:
        """Uniform within 1/√D, as is the custom (Zaremba et al. 2014, by hand: 0.05 for D = 650, 1/√D = 0.04)."""
        reach = 1 / math.sqrt(self.config.hidden_size)
        for name, tensor in self.named_parameters():
            tensor.uniform_(-reach, reach, generator=generator_of(seed, name))
            if self.config.family == "lstm" and ".bias_ih" in name:
                # What is in the cell stays, until the forget gate has learnt otherwise (Jozefowicz et al. 2015, §2.2).
                tensor[self.config.hidden_size : 2 * self.config.hidden_size] += 1.0

    @property
    def embedding(self) -> nn.Embedding:
        """The table of token embeddings, (V + 1, E) of a language model, (V, E) of a classifier."""
        return self.embed_tokens

    def forward(
        self, input_ids_BT: Tensor, attention_mask_BT: Tensor | None = None, state: State | None = None
    ) -> RecurrentOutput:
        """Read texts, going on from `state` where there is one. The mask is 1 for tokens; padding comes last."""
        x_BTE = self.dropout(self.embed_tokens(input_ids_BT))
        if not self.config.labels:  # what comes after a text's end touches nothing before it
            h_BTD, state = self.layers(x_BTE, state)
            return RecurrentOutput(self.out_proj(self.dropout(h_BTD)), state)
        if attention_mask_BT is None:
            h_BTD, state = self.layers(x_BTE)
            pooled_BD = h_BTD.amax(dim=1)
        else:  # packed, so that the way back begins at each text's own end
            lengths_B = attention_mask_BT.sum(dim=1).clamp(min=1).cpu()
            packed = nn.utils.rnn.pack_padded_sequence(
                x_BTE, lengths_B, batch_first=True, enforce_sorted=False
            )
            packed, state = self.layers(packed)
            h_BTD, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-math.inf)
            pooled_BD = h_BTD.amax(dim=1)
        # The largest of each feature over the text (Conneau et al. 2017, 1705.02364, BiLSTM-max).
        return RecurrentOutput(self.out_proj(self.dropout(pooled_BD)), state)

    @torch.inference_mode()
    def log_probs_of_all(self, sequences: Iterable[Sequence[int]]) -> list[NDArray[np.float64]]:
        """For each sequence the natural log probabilities of its tokens and of its end: (length + 1,), as the n-gram's.

        Of any length: a long text is read in pieces, the state going on. Raises InvalidInput for an id outside the
        vocabulary.
        """
        return [np.concatenate(list(self._scored(sequence))) for sequence in sequences]

    def _scored(self, sequence: Sequence[int]) -> Iterator[NDArray[np.float64]]:
        bound = [self.config.bound]
        ids_T = torch.from_numpy(
            np.concatenate([bound, checked_ids(sequence, self.config.vocab_size), bound])
        )
        state: State | None = None
        at_once = max(1, LOGITS_AT_ONCE // (self.config.vocab_size + 1))
        for start in range(0, len(ids_T) - 1, at_once):
            read_1T = ids_T[None, start : start + at_once][:, : len(ids_T) - 1 - start]
            logits, state = self(read_1T, state=state)
            targets_T = ids_T[start + 1 : start + 1 + read_1T.shape[1]]
            loss_T = F.cross_entropy(logits[0].float(), targets_T, reduction="none")
            yield -loss_T.double().numpy()

    def log_probs(self, sequence: Sequence[int]) -> NDArray[np.float64]:
        """The natural log probabilities of the tokens of one sequence and of its end: (length + 1,)."""
        return self.log_probs_of_all([sequence])[0]

    def totals(self, sequences: Iterable[Sequence[int]]) -> Totals:
        """Log probability, tokens and sequences of a text: comparable with the n-gram's."""
        scored = self.log_probs_of_all(sequences)
        log_prob = math.fsum(float(array.sum()) for array in scored)
        return Totals(log_prob, sum(map(len, scored)), len(scored))

    def save(self, folder: Path) -> None:
        """Write config.json and model.safetensors into `folder`; equal models give equal bytes."""
        make_folder(folder)
        tensors = self.state_dict()
        if self.config.tie_word_embeddings:
            del tensors["out_proj.weight"]
        write_tensors(tensors, folder / WHOLE)
        write_whole(folder / "config.json", (self.config.model_dump_json(indent=2) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that `save` wrote into `folder`, in evaluation mode.

        Raises NotFound when a file is missing and Damaged when one is not what `save` writes.
        """
        config = _read_config(folder / "config.json")
        weights = folder / WHOLE
        if not weights.is_file():
            raise NotFound("A model's weights are missing.", where=str(weights))
        tensors = read_tensors(weights)
        check_finite(tensors, str(weights))
        with torch.device("meta"):
            model = cls(config)
        wanted = {name: tensor for name, tensor in model.state_dict().items() if _is_stored(name, config)}
        for name in sorted(wanted.keys() | tensors.keys()):
            got = _described(tensors.get(name))
            expected = _described(wanted.get(name))
            if got != expected:
                raise Damaged(
                    "The tensor {name} is not what the configuration says.",
                    got=got,
                    expected="{wanted}, by the configuration",
                    where=str(weights),
                    name=name,
                    wanted=expected,
                )
        if config.tie_word_embeddings:
            tensors["out_proj.weight"] = tensors["embed_tokens.weight"]
        model.load_state_dict(tensors, assign=True)
        if config.tie_word_embeddings:
            model.out_proj.weight = model.embed_tokens.weight
        return model.eval()


def _is_stored(name: str, config: RecurrentConfig) -> bool:
    return name != "out_proj.weight" or not config.tie_word_embeddings


def _described(tensor: Tensor | None) -> str:
    if tensor is None:
        return "-"
    return f"{str(tensor.dtype).removeprefix('torch.')}[{','.join(map(str, tensor.shape))}]"


def _read_config(path: Path) -> RecurrentConfig:
    if not path.is_file():
        raise NotFound("A model's configuration is missing.", where=str(path))
    try:
        return RecurrentConfig.model_validate_json(path.read_bytes())
    except (ValidationError, InvalidInput) as error:
        raise Damaged(
            "This is not the configuration of a recurrent model.", got=error, where=str(path)
        ) from error
