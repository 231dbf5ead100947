"""What a recurrent model is made of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from catenary.errors import InvalidInput

RecurrentFamily = Literal["lstm", "gru"]
Size = Annotated[int, Field(gt=0, le=1 << 24)]


class RecurrentConfig(BaseModel):
    """`config.json` of a recurrent model. A classifier has `id2label`; without, it is a language model.

    A language model has one token more than its tokenizer, `vocab_size` itself: the bound of a text, which is read
    before its first token and predicted after its last.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: RecurrentFamily
    format: Literal[1] = 1
    vocab_size: Size
    embedding_size: Size
    hidden_size: Size
    num_hidden_layers: Annotated[int, Field(gt=0, le=64)] = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    tie_word_embeddings: bool = False  # of a language model
    bidirectional: bool = False  # of a classifier
    max_position_embeddings: Size = (
        512  # tokens of a text that a classifier reads, and of a piece in training
    )
    pad_token_id: Annotated[int, Field(ge=0)] = 0
    id2label: dict[str, str] | None = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.tie_word_embeddings and (self.embedding_size != self.hidden_size or self.id2label):
            raise InvalidInput(
                "Tied embeddings are for language models whose embedding_size is their hidden_size.",
                got=f"embedding_size={self.embedding_size}, hidden_size={self.hidden_size}",
                expected="equal sizes, or tie_word_embeddings: false",
            )
        if self.bidirectional and not self.id2label:
            raise InvalidInput("A language model reads one way: bidirectional is for classifiers.")
        if self.id2label is not None and list(self.id2label) != [str(n) for n in range(len(self.id2label))]:
            raise InvalidInput(
                "The labels of config.json are not numbered from 0 on.",
                got=str(self.id2label)[:200],
                expected="id2label",
            )
        return self

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes in order; none of a language model."""
        return tuple((self.id2label or {}).values())

    @property
    def bound(self) -> int:
        """The token that stands before and after a text."""
        return self.vocab_size
