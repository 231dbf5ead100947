"""Readers: a question and a passage in, the answer's place in the passage out.

    reader = load_reader(folder)
    reader.answer(["谁在北京？"], ["张三在北京。"])[0].text

B windows · T tokens
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catenary.errors import InvalidInput, NotFound
from catenary.inference.batches import TOKENS_PER_BATCH, TokenisedText, batches, check_unicode
from catenary.inference.folder import SAFETENSORS_FILE, Opened, open_tokenized_model, refuse_pickle
from catenary.inference.port import Stop, go_on, never
from catenary.inference.task import read_task
from catenary.inference.windows import QuestionWindow, question_windows

OVERLAP = 64  # tokens that two windows of a long passage share
LONGEST = 40  # tokens of an answer
BEST = 20  # starts and ends that are paired


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` stands at character `start` of the passage; None and -1 where it holds no answer.

    `score` is by how much the answer beats that there is none: the difference of the sums of both ends' logits
    (Devlin et al. 2019, §4.3).
    """

    text: str | None
    start: int
    score: float


def load_reader(folder: Path, *, threads: int | None = None) -> Reader:
    """The reader in `folder`. Raises what `load` raises, and InvalidInput for a model that is no reader."""
    opened = open_tokenized_model(folder)
    if not any("QuestionAnswering" in str(name) for name in opened.config.get("architectures", [])):
        raise InvalidInput(
            "This model is no reader.",
            where=str(folder),
            got=str(opened.config.get("architectures")),
            expected="a model with `task: read`",
        )
    if not (folder / SAFETENSORS_FILE).is_file():
        refuse_pickle(folder)
        raise NotFound("The model folder lacks a file.", where=str(folder), got=SAFETENSORS_FILE)
    return Reader(opened, threads)


class Reader:
    """A loaded model that finds answers; torch runs it."""

    def __init__(self, folder: Opened, threads: int | None = None) -> None:
        import torch

        from catenary import models
        from catenary.inference.int8_weights import is_int8, load_quantised

        if threads is not None:
            torch.set_num_threads(threads)
        self._folder = folder
        self._model = load_quantised(folder.path) if is_int8(folder.config) else models.load(folder.path)
        self._with_types = self._model.config.type_vocab_size > 1
        task = read_task(folder.path)
        self._no_answer = task.no_answer if task is not None else 0.0

    def answer(
        self, questions: Sequence[str], contexts: Sequence[str], *, stop: Stop = never, always: bool = False
    ) -> list[Answer]:
        """One answer a question, in order; with `always`, the best span even where none scores as well.

        Raises InvalidInput for texts that are no Unicode, Interrupted when `stop` says so.
        """
        check_unicode([*questions, *contexts])
        windows = question_windows(
            self._folder.tokenizer, questions, contexts, self._folder.max_tokens, OVERLAP
        )
        flat = [(number, window) for number, several in enumerate(windows) for window in several]
        best: list[Answer | None] = [None] * len(questions)
        made = [TokenisedText(window.ids, False) for _, window in flat]
        for batch in batches(made, self._folder.pad_id, TOKENS_PER_BATCH):
            go_on(stop)
            seconds = np.array([flat[index][1].second for index in batch.indices])
            logits_BT2 = self._logits(batch.input_ids, batch.attention_mask, seconds)
            for row, index in enumerate(batch.indices):
                number, window = flat[index]
                found = _best_span(window, logits_BT2[row], contexts[number])
                known = best[number]
                if found is not None and (known is None or found.score > known.score):
                    best[number] = found
        nothing = Answer(None, -1, 0.0)
        return [
            one if one is not None and (always or one.score > self._no_answer) else nothing for one in best
        ]

    def _logits(
        self, ids_BT: NDArray[np.int64], mask_BT: NDArray[np.int64], seconds_B: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        import torch

        types_BT = None
        if self._with_types:
            column_T = np.arange(ids_BT.shape[1])
            types_BT = torch.from_numpy(((column_T >= seconds_B[:, None]) & (mask_BT > 0)).astype(np.int64))
        with torch.inference_mode():
            output = self._model(torch.from_numpy(ids_BT), torch.from_numpy(mask_BT), token_type_ids=types_BT)
        return np.asarray(output.logits.float().numpy(), np.float64)


def _best_span(window: QuestionWindow, logits_T2: NDArray[np.float64], context: str) -> Answer | None:
    """The span of this window that scores best; None where the window holds nothing of the passage."""
    inside = np.array([i for i, span in enumerate(window.spans) if span is not None])
    if not len(inside):
        return None
    nothing = float(logits_T2[0].sum())
    starts = inside[np.argsort(-logits_T2[inside, 0], kind="stable")[:BEST]]
    ends = inside[np.argsort(-logits_T2[inside, 1], kind="stable")[:BEST]]
    pairs = [
        (float(logits_T2[i, 0] + logits_T2[j, 1]), int(i), int(j))
        for i in starts
        for j in ends
        if i <= j < i + LONGEST
    ]
    if not pairs:
        i = int(starts[0])
        pairs = [(float(logits_T2[i].sum()), i, i)]
    score, i, j = max(pairs, key=lambda pair: (pair[0], -pair[1]))
    first, last = window.spans[i], window.spans[j]
    assert first is not None
    assert last is not None
    told = context[first[0] : last[1]]
    return Answer(told.strip(), first[0] + len(told) - len(told.lstrip()), score - nothing)
