"""What a chat model of the chain writes from the passages that were found, as an application would have it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from catenary.chain.stage import Work
from catenary.errors import InvalidInput

if TYPE_CHECKING:
    from catenary.evaluate.scores import ScoreReport
    from catenary.search import Found, SearchIndex

Asked = tuple[Mapping[str, Any], Sequence["Found"]]  # a question of the file, and what was found for it


def write_from_passages(
    work: Work[Any], index: SearchIndex, asked: Sequence[Asked], holds: Any
) -> ScoreReport:
    """How faithful the answers are. `holds(question, text)`: whether a text has what answers the question.

    Raises InvalidInput where the model is none that writes, or nothing was found for any question.
    """
    from catenary.data.sentences import sentence_spans
    from catenary.evaluate.faithful import Written, faithful_report
    from catenary.inference.does import does
    from catenary.messages import language_of
    from catenary.search import writing
    from catenary.stages.answers import answer_talks
    from catenary.stages.open_model import open_model

    writer = work.inputs["writer"]
    if (task := does(writer.path)) != "generate":
        raise InvalidInput(
            "This model does not write answers.",
            got=f"{work.settings.writer}: {task}",
            expected="a decoder, best one with `task: chat`",
        )
    read = [[one.passage for one in found[: work.settings.passages]] for _, found in asked]
    prompts = [
        writing.prompt(one["question"], [each.text for each in passages], language_of(one["question"]))
        for (one, _), passages in zip(asked, read, strict=True)
    ]
    model = open_model(work, writer)
    said = answer_talks(model, writer.path, prompts, max_new_tokens=writing.TOKENS, progress=work.progress)
    written = []
    for (one, _), passages, text in zip(asked, read, said, strict=True):
        sentences = list(writing.told_once(text[a:b] for a, b in sentence_spans(text)))[: writing.SENTENCES]
        by = [writing.supporting(sentence, passages, index.rarity) for sentence in sentences]
        written.append(
            Written(
                sentences=len(sentences),
                supported=sum(passage is not None for passage in by),
                right=any(passage is not None and holds(one, passage.text) for passage in by),
                unsupported=tuple(s for s, passage in zip(sentences, by, strict=True) if passage is None),
            )
        )
    questions = [one["question"] for one, _ in asked]
    return faithful_report(written, questions=questions, seed=work.settings.seed)
