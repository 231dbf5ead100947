"""How much of a classifier's accuracy is left when its texts are disturbed, and by the words an attacker would choose.

report = robustness(predict, texts, gold)            # predict: texts → Predictions
report["typos"].difference                           # accuracy on typos less accuracy on the texts as they are
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from catenary.evaluate.disturb import KINDS, SHARE, disturb
from catenary.evaluate.overlap import rouge_words
from catenary.evaluate.paired import Comparison, compare
from catenary.evaluate.predictions import Predictions

ATTACKED = 200  # texts
SUBSTITUTION = "substitution"

Predict = Callable[[Sequence[str]], Predictions]


def robustness(
    predict: Predict,
    texts: Sequence[str],
    gold: Sequence[str],
    *,
    kinds: Sequence[str] = tuple(KINDS),
    share: float = SHARE,
    seed: int = 17,
) -> dict[str, Comparison]:
    """Of each kind, accuracy on the disturbed texts less accuracy on the same as they are, paired (McNemar)."""
    plain = predict(texts).labels
    told = {}
    for kind in kinds:
        changed = predict([disturb(text, kind, seed=seed, share=share) for text in texts]).labels
        told[kind] = compare(gold, {kind: changed, "plain": plain}, seed=seed)
    return told


def under_attack(
    predict: Predict,
    texts: Sequence[str],
    gold: Sequence[str],
    synonyms: Mapping[str, Sequence[str]],
    *,
    most: int = ATTACKED,
    seed: int = 17,
) -> Comparison:
    """Accuracy on texts whose most telling words an attacker replaced (`attacked`), less that on the same as they are.

    At most `most` of the texts, evenly spread: each is asked about many times. A text that is wrong as it stands, or
    has none of the words, is left as it is.
    """
    chosen = range(0, len(texts), max(1, -(-len(texts) // most)))
    some, right = [texts[at] for at in chosen], [gold[at] for at in chosen]
    plain = predict(some).labels
    changed = [
        attacked(predict, text, synonyms)[0] if told == wanted else text
        for text, told, wanted in zip(some, plain, right, strict=True)
    ]
    return compare(right, {SUBSTITUTION: predict(changed).labels, "plain": plain}, seed=seed)


def attacked(
    predict: Predict, text: str, synonyms: Mapping[str, Sequence[str]], *, most: int = 5
) -> tuple[str, bool]:
    """The text with up to `most` words replaced by synonyms, the most telling first, and whether the label changed.

    As TextFooler's greedy search (Jin et al., AAAI 2020): a word tells as much as the label's probability falls
    without it. What counts as a synonym is given: a replacement keeps the meaning only as far as that list does.
    """
    first = predict([text])
    label, current = first.labels[0], text
    words = [word for word in dict.fromkeys(rouge_words(text)) if word in synonyms]
    without = [text.replace(word, "") or " " for word in words]
    left = [_sure(predict, one, label) for one in without]
    for _, word in sorted(zip(left, words, strict=True))[:most]:
        options = [current.replace(word, other) for other in synonyms[word]]
        scored = [(_sure(predict, one, label), one) for one in options]
        lowest, best = min(scored)
        if lowest < _sure(predict, current, label):
            current = best
        if predict([current]).labels[0] != label:
            return current, True
    return current, False


def _sure(predict: Predict, text: str, label: str) -> float:
    told = predict([text])
    if told.probabilities_NK is None:
        return float(told.labels[0] == label)
    return float(told.probabilities_NK[0, list(told.names).index(label)])
