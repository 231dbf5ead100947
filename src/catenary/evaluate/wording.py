"""The words and the numbers that reports are written in."""

from __future__ import annotations

from catenary.evaluate.estimate import Estimate
from catenary.messages import Language, say

NO_BREAK_SPACE = "\u00a0"


def metric_title(metric: str, lang: Language | None = None) -> str:
    """A metric's name as people read it; the name itself where there is no better."""
    titles = {
        "accuracy": say("accuracy", lang=lang),
        "precision": say("precision (macro)", lang=lang),
        "recall": say("recall (macro)", lang=lang),
        "f1": say("F1 (macro)", lang=lang),
        "precision_weighted": say("precision (weighted)", lang=lang),
        "recall_weighted": say("recall (weighted)", lang=lang),
        "f1_weighted": say("F1 (weighted)", lang=lang),
        "precision_micro": say("precision (micro)", lang=lang),
        "recall_micro": say("recall (micro)", lang=lang),
        "f1_micro": say("F1 (micro)", lang=lang),
        "mcc": say("Matthews' correlation", lang=lang),
        "perplexity": say("perplexity", lang=lang),
        "bits_per_byte": say("bits per byte", lang=lang),
        "exact": say("exact match", lang=lang),
        "answer_f1": say("answer F1", lang=lang),
        "entity_f1": say("entity F1", lang=lang),
        "entity_precision": say("entity precision", lang=lang),
        "entity_recall": say("entity recall", lang=lang),
        "entity_f1_macro": say("entity F1 (macro)", lang=lang),
        "mae": say("mean absolute error", lang=lang),
        "rmse": say("root mean square error", lang=lang),
        "pearson": say("Pearson's correlation", lang=lang),
        "spearman": say("Spearman's correlation", lang=lang),
        "reply_perplexity": say("perplexity of replies", lang=lang),
        "roc_auc": say("area under the ROC curve", lang=lang),
        "pr_auc": say("average precision", lang=lang),
        "ece": say("calibration error", lang=lang),
        "contamination": say("test items that the indexed text holds a span of", lang=lang),
        "memorisation": say("indexed documents said by heart", lang=lang),
        "accuracy_by_length": say("accuracy by length", lang=lang),
        "completion": say("completion", lang=lang),
        "turns": say("turns as expected", lang=lang),
        "coherence": say("coherence", lang=lang),
        "refused": say("refused of what should be", lang=lang),
        "over_refused": say("refused of what should not be", lang=lang),
        "cited": say("cited passages hold the answer", lang=lang),
        "mrr": say("mean reciprocal rank", lang=lang),
        "ndcg_at_10": "nDCG@10",
        "recall_at_1": "recall@1",
        "recall_at_5": "recall@5",
        "ter": "TER",
        "nist": "NIST",
        "meteor": "METEOR",
        "similarity": say("similarity of vectors", lang=lang),
        "distinct_1": say("distinct words", lang=lang),
        "distinct_2": say("distinct pairs of words", lang=lang),
        "self_bleu": say("likeness to one another (self-BLEU)", lang=lang),
        "repetition": say("repetition, %", lang=lang),
        "characters": say("characters", lang=lang),
        "misspelt": say("words not in the training text, %", lang=lang),
        "slips": say("slips of form in 100 words", lang=lang),
        "novelty": say("new runs of words, %", lang=lang),
        "bleu": "BLEU",
        "chrf": "chrF",
        "rouge1": "ROUGE-1",
        "rouge2": "ROUGE-2",
        "rougeL": "ROUGE-L",
    }
    if metric.startswith("robustness_"):
        kind = disturbance_title(metric.removeprefix("robustness_"), lang)
        return say("accuracy lost by {kind}", lang=lang, kind=kind)
    if metric.startswith("gap_"):
        language, _, group = metric.removeprefix("gap_").partition("_")
        return say(
            "largest gap by {group} ({language})",
            lang=lang,
            group=group_title(group, lang),
            language=language,
        )
    if metric not in titles and metric.startswith("entity_f1_"):
        return say("entity F1 of {kind}", lang=lang, kind=metric.removeprefix("entity_f1_"))
    return titles.get(metric, metric)


def disturbance_title(kind: str, lang: Language | None = None) -> str:
    """What is done to texts, as people read it."""
    return {
        "typos": say("typing mistakes", lang=lang),
        "homophones": say("words of the same sound", lang=lang),
        "lookalikes": say("characters that look alike", lang=lang),
        "case": say("other case", lang=lang),
        "width": say("other width", lang=lang),
        "spacing": say("stray spaces", lang=lang),
        "substitution": say("words that an attacker chose", lang=lang),
    }[kind]


def group_title(group: str, lang: Language | None = None) -> str:
    """What tells people apart, as people read it."""
    return {
        "gender": say("gender", lang=lang),
        "region": say("region", lang=lang),
        "ethnicity": say("ethnicity", lang=lang),
        "age": say("age", lang=lang),
    }[group]


def number(value: float, *, signed: bool = False) -> str:
    """Four decimals below ten, fewer above: 0.8541, 48.46, 495.8."""
    decimals = 4 if abs(value) < 10 else 2 if abs(value) < 100 else 1
    return f"{value:{'+' if signed else ''}.{decimals}f}"


def interval(estimate: Estimate, *, signed: bool = False) -> str:
    """0.8541 [0.8364, 0.8701], the brackets kept together on a line."""
    value, low, high = (number(x, signed=signed) for x in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low},{NO_BREAK_SPACE}{high}]"


def probability(p: float) -> str:
    """A p with four decimals; what is smaller is told as such."""
    return "<0.0001" if p < 0.0001 else f"{p:.4f}"
