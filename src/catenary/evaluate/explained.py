"""One answer of a classifier explained: the label, what each part of the text adds to it, and the page of it.

explained = explain(folder, "房间又小又旧", method="gradients")
explained.label, explained.parts[0].token, explained.parts[0].value
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from catenary.errors import InvalidInput
from catenary.evaluate.attribution import Attribution
from catenary.evaluate.page import Block, Coloured, Heading, Paragraph, Table, html
from catenary.messages import Language, say

if TYPE_CHECKING:
    from catenary.evaluate.verbatim import Span

Method = Literal["gradients", "rollout"]
TEXT_SHOWN = 200  # characters of a training document


@dataclass(frozen=True, slots=True)
class Explained:
    """`parts` stand in the text's order. Of gradients they sum to `whole` up to the integral's error: the label's
    logit less that of empty embeddings. Of a roll-out they sum to 1, which is `whole`.
    """

    method: Method
    label: str
    probability: float
    parts: tuple[Attribution, ...]
    whole: float


def explain(folder: Path, text: str, *, label: str | None = None, method: Method = "gradients") -> Explained:
    """Why the classifier in `folder` says `label` (none: what it says) of `text`.

    Raises InvalidInput for a label that it does not know, and for a model of another family than Transformers.
    """
    import torch

    from catenary.evaluate.explain import attention_rollout, integrated_gradients
    from catenary.inference.folder import open_text_model, read_json
    from catenary.inference.torch_engine import read_model

    family = read_json(folder / "config.json").get("family")
    if family is not None:
        raise InvalidInput(
            "Only classifiers of the Transformer are explained token by token.",
            got=str(family),
            expected="a model that `init:` and `task: classify` made",
        )
    opened = open_text_model(folder)
    opened.tokenizer.enable_truncation(opened.max_tokens)
    encoding = opened.tokenizer.encode(text)
    model = read_model(folder, None).float().eval()
    with torch.inference_mode():
        logits_L = model(torch.tensor([encoding.ids])).logits[0]
        x_1TD = model.embedding(torch.tensor([encoding.ids]))
        empty_L = model(inputs_embeds=torch.zeros_like(x_1TD)).logits[0]
    if label is not None and label not in opened.labels:
        raise InvalidInput(
            "This model has no such label.",
            got=label,
            expected="one of {names}",
            names=", ".join(opened.labels),
        )
    number = int(logits_L.argmax()) if label is None else opened.labels.index(label)
    if method == "rollout":
        at = {"first": 0, "last": len(encoding.ids) - 1}.get(model.pooling)
        if at is None:
            raise InvalidInput(
                "Attention is rolled out to one token, and this model takes the mean of all.",
                got=str(model.pooling),
                expected="gradients",
            )
        values, whole = attention_rollout(model, encoding.ids, at=at), 1.0
    else:
        values = integrated_gradients(model, encoding.ids, number)
        whole = float(logits_L[number] - empty_L[number])
    parts = tuple(_parts(text, encoding.tokens, encoding.offsets, values))
    probability = float(logits_L.softmax(-1)[number])
    return Explained(method, opened.labels[number], probability, parts, whole)


def _parts(
    text: str, tokens: Sequence[str], offsets: Sequence[tuple[int, int]], values: Sequence[float]
) -> list[Attribution]:
    """Tokens as the text writes them; those that share characters (bytes of one) are one part, and what stands between
    two tokens goes with the second. A special token goes by its name."""
    parts: list[Attribution] = []
    reached = begun = 0
    for token, (start, end), value in zip(tokens, offsets, values, strict=True):
        if end == start:
            parts.append(Attribution(token, value))
        elif start < reached and parts:
            last = parts[-1]
            parts[-1] = Attribution(text[begun : max(end, reached)], last.value + value)
        else:
            begun = reached
            parts.append(Attribution(text[begun:end], value))
        reached = max(reached, end)
    return parts


def explained_page(
    text: str,
    explained: Explained,
    *,
    like: Sequence[Mapping[str, Any]] = (),
    spans: Sequence[tuple[str, Span]] = (),
    lang: Language,
) -> str:
    """One HTML page: what adds what, the training documents most like the text, and where its words stand."""
    blocks: list[Block] = [
        Paragraph(f"{explained.label}: {explained.probability:.4f}", "verdict"),
        Paragraph(about(explained, lang), "note"),
        Coloured(explained.parts),
        Table(
            [say("token", lang=lang), say("adds", lang=lang)],
            [[one.token, f"{one.value:+.4f}"] for one in explained.parts],
        ),
    ]
    if like:
        blocks += [
            Heading(say("Training documents most like it", lang=lang)),
            Paragraph(say("A match of words, not a cause.", lang=lang), "note"),
            Table(
                [say("document", lang=lang), say("label", lang=lang), say("text", lang=lang)],
                [[f"doc:{row['id']}", str(row["label"] or "–"), row["text"][:TEXT_SHOWN]] for row in like],
            ),
        ]
    if spans:
        blocks += [
            Heading(say("Where the same words stand", lang=lang)),
            Paragraph(say("A match, no lineage.", lang=lang), "note"),
            Table(
                [say("text", lang=lang), say("times", lang=lang), say("documents", lang=lang)],
                [
                    [
                        words,
                        f"{one.occurrences:,}",
                        ", ".join(dict.fromkeys(f"doc:{place.document}" for place in one.documents)),
                    ]
                    for words, one in spans
                ],
            ),
        ]
    return html(text[:80], blocks, lang)


def about(explained: Explained, lang: Language | None = None) -> str:
    """What the numbers are, and what they are not."""
    if explained.method == "rollout":
        return say(
            "How much of each token attention lets through (attention roll-out): an estimate about this model and this"
            " text, no lineage.",
            lang=lang,
        )
    return say(
        "What each token adds to the label's logit (integrated gradients): {sum} in all, of {whole} beyond an empty"
        " text. An estimate about this model and this text, no lineage.",
        lang=lang,
        sum=f"{sum(one.value for one in explained.parts):+.3f}",
        whole=f"{explained.whole:+.3f}",
    )
