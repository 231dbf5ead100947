"""Taggers: words in, a tag for each out; and the entities of a running text.

    tagger = load_tagger(folder)
    tagger.tag([["我", "在", "北", "京"]])            # [["O", "O", "B-ns", "I-ns"]]
    entities(tagger, "我在北京")                      # [Found("北京", "ns", 2, 4)]
    named(tagger, ["我在北京"], "words")              # [[Found("北京", "place", 2, 4)]], whatever the tags are called

B windows · T tokens · C labels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from catenary.data.tags import cut, entities_of, may_follow, names_entities
from catenary.errors import InvalidInput
from catenary.inference.batches import TOKENS_PER_BATCH, TokenisedText, batches, check_unicode
from catenary.inference.folder import ONNX_FILE, TextModelFolder, has_graph, open_text_model, read_json
from catenary.inference.port import Stop, go_on, never
from catenary.inference.transformer import Forward
from catenary.inference.windows import word_windows

OVERLAP = 32  # tokens that two windows of a long text share
# What taggers call them: People's Daily (nr, ns, nt), CoNLL (PER, LOC, ORG), OntoNotes (PERSON, GPE, LOC, ORG).
CALLED = {
    "person": ("nr", "per", "person", "name"),
    "place": ("ns", "loc", "gpe", "location", "place"),
    "organisation": ("nt", "org", "organisation", "organization"),
}
KINDS = {tag: kind for kind, tags in CALLED.items() for tag in tags}


@dataclass(frozen=True, slots=True)
class Found:
    """An entity in a text: characters `start` to `end`."""

    text: str
    kind: str
    start: int
    end: int


class Tagger(Protocol):
    """A loaded model that tags words."""

    @property
    def labels(self) -> Sequence[str]:
        """Every tag it can give."""

    def tag(self, sentences: Sequence[Sequence[str]], *, stop: Stop = never) -> list[list[str]]:
        """One tag a word, in the order of `sentences`."""


def load_tagger(folder: Path, *, threads: int | None = None) -> Tagger:
    """The tagger in `folder`: `openvino_model.xml` by openvino, `model.onnx` by onnxruntime (by openvino where that is
    not installed), `model.safetensors` by torch, or a hidden Markov model.

    Raises what `load` raises, and InvalidInput for a model that tags nothing.
    """
    config = read_json(folder / "config.json")
    if config.get("family") == "hmm":
        from catenary.models.baselines import HmmTagger

        return HmmTags(HmmTagger.load(folder))
    if not any("TokenClassification" in str(name) for name in config.get("architectures", [])):
        raise InvalidInput(
            "This model is no tagger.",
            where=str(folder),
            got=str(config.get("architectures")),
            expected="a model with `task: tag`",
        )
    opened = open_text_model(folder)
    if has_graph(folder) or ((folder / ONNX_FILE).is_file() and find_spec("onnxruntime") is None):
        from catenary.inference.openvino.reader import openvino_forward

        return TransformerTagger(opened, openvino_forward(folder, 1))
    if (folder / ONNX_FILE).is_file():
        from catenary.inference.onnx_engine import onnx_forward

        return TransformerTagger(opened, onnx_forward(opened))
    from catenary.inference.torch_engine import torch_forward

    return TransformerTagger(opened, torch_forward(opened, threads))


def entities(tagger: Tagger, text: str) -> list[Found]:
    """The entities of a running text, cut as `data.tags.cut` cuts it; a tagger of Chinese words sees it otherwise."""
    places = cut(text)
    [tags] = tagger.tag([[text[start:end] for start, end in places]])
    return [
        Found(
            text[places[one.start][0] : places[one.end - 1][1]],
            one.kind,
            places[one.start][0],
            places[one.end - 1][1],
        )
        for one in entities_of(tags)
    ]


def named(tagger: Tagger, texts: Sequence[str], units: str) -> list[list[Found]]:
    """The persons, places and organisations (KINDS) in each text. `units`: the words or characters that it tags.

    Of parts of speech, neighbouring words of one kind are one name: surname and given name.
    """
    from catenary.data.words import places_of_words

    places = places_of_words(texts) if units == "words" else [cut(text) for text in texts]
    rows = [[text[a:b] for a, b in told] for text, told in zip(texts, places, strict=True)]
    parts_of_speech = not names_entities(tagger.labels)
    found: list[list[Found]] = []
    for text, told, tags in zip(texts, places, tagger.tag(rows), strict=True):
        if parts_of_speech:
            marks = [KINDS.get(tag.lower()) for tag in tags]
            tags = [
                "O" if one is None else f"{'I' if at and marks[at - 1] == one else 'B'}-{one}"
                for at, one in enumerate(marks)
            ]
        found.append(
            [
                Found(text[start:end], KINDS[one.kind.lower()], start, end)
                for one in entities_of(tags)
                if one.kind.lower() in KINDS
                for start, end in [(told[one.start][0], told[one.end - 1][1])]
            ]
        )
    return found


class HmmTags:
    """A `Tagger` over a counted hidden Markov model."""

    def __init__(self, model: HmmLike) -> None:
        self.labels: Sequence[str] = model.tags
        self._model = model

    def tag(self, sentences: Sequence[Sequence[str]], *, stop: Stop = never) -> list[list[str]]:
        """See `Tagger.tag`."""
        go_on(stop)
        return self._model.tag(sentences)


class HmmLike(Protocol):
    """What is used of `models.baselines.HmmTagger`."""

    @property
    def tags(self) -> tuple[str, ...]: ...

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]: ...


class TransformerTagger:
    """A `Tagger` over any engine that can run one batch.

    Tags of entities are the likeliest that may follow one another: no I- stands where no entity of its kind began.
    """

    def __init__(self, folder: TextModelFolder, forward: Forward) -> None:
        self.labels: Sequence[str] = folder.labels
        self._folder, self._forward = folder, forward
        self._allowed_SC = _transitions(folder.labels) if names_entities(folder.labels) else None

    def tag(self, sentences: Sequence[Sequence[str]], *, stop: Stop = never) -> list[list[str]]:
        """See `Tagger.tag`. A word that the tokenizer makes nothing of is tagged O, or the first label without one."""
        check_unicode([word for words in sentences for word in words])
        windows = word_windows(self._folder.tokenizer, sentences, self._folder.max_tokens, OVERLAP)
        flat = [(number, window) for number, several in enumerate(windows) for window in several]
        nothing = self.labels.index("O") if "O" in self.labels else 0
        scores: list[NDArray[np.float64]] = []
        for words in sentences:
            score_WC = np.full((len(words), len(self.labels)), -30.0)
            score_WC[:, nothing] = 0.0
            scores.append(score_WC)
        made = [TokenisedText(window.ids, False) for _, window in flat]
        for batch in batches(made, self._folder.pad_id, TOKENS_PER_BATCH):
            go_on(stop)
            logits_BTC = self._forward(batch.input_ids, batch.attention_mask).astype(np.float64)
            for row, index in enumerate(batch.indices):
                number, window = flat[index]
                words_T = np.asarray(window.words)
                at = np.flatnonzero(words_T >= 0)
                scores[number][words_T[at]] = _log_softmax(logits_BTC[row, at])
        return [[self.labels[label] for label in self._best(score_WC)] for score_WC in scores]

    def _best(self, score_WC: NDArray[np.float64]) -> list[int]:
        """The likeliest labels; by Viterbi's algorithm where not every label may follow every other."""
        if self._allowed_SC is None or not len(score_WC):
            return [int(label) for label in score_WC.argmax(axis=1)]
        best_C = np.where(self._allowed_SC[-1], score_WC[0], -np.inf)
        came_from = []
        for score_C in score_WC[1:]:
            reach_CC = np.where(self._allowed_SC[:-1], best_C[:, None], -np.inf)
            came_from.append(reach_CC.argmax(axis=0))
            best_C = reach_CC.max(axis=0) + score_C
        path = [int(best_C.argmax())]
        for from_C in reversed(came_from):
            path.append(int(from_C[path[-1]]))
        return path[::-1]


def _transitions(labels: Sequence[str]) -> NDArray[np.bool_]:
    """[before, after]: whether one label may follow another; the last row is for the first word."""
    ends = any(label.startswith("E-") for label in labels)
    return np.array(
        [[may_follow(before, after, ends=ends) for after in labels] for before in [*labels, None]]
    )


def _log_softmax(logits_NC: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted_NC = logits_NC - logits_NC.max(axis=-1, keepdims=True)
    return np.asarray(shifted_NC - np.log(np.exp(shifted_NC).sum(axis=-1, keepdims=True)))
