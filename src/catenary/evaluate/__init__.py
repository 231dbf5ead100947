"""Evaluation that a sceptic believes: each figure with its interval, beside its control, its worst mistakes shown.

Gold labels and predictions (or likelihoods) come in, values go out, and `write_report` makes them a page. Read it in
this order: metrics (three counts make them all), intervals, paired (tests), classification and language_model
(reports), then pictures, page and report (how they look).

    >>> from catenary.evaluate import Predictions, classification_report
    >>> report = classification_report(
    ...     ["good", "bad"] * 50,
    ...     {"new": Predictions(["good", "bad"] * 50), "old": Predictions(["good"] * 100)},
    ...     control="old",
    ... )
    >>> print(report.figures()["old.accuracy"])
    0.5 [0.4038, 0.5962] (n=100)
    >>> report.comparison("new", "old").outcome
    'better'
"""

from catenary.evaluate.classification import (
    DEFAULT_METRICS,
    ClassFigures,
    ClassificationReport,
    Example,
    ModelFigures,
    classification_report,
    verdict,
)
from catenary.evaluate.estimate import Estimate
from catenary.evaluate.intervals import bootstrap, wilson
from catenary.evaluate.language_model import (
    LanguageModelFigures,
    LanguageModelReport,
    Likelihoods,
    compare_likelihoods,
    language_model_report,
    score,
)
from catenary.evaluate.metrics import METRICS, Tally, bits_per_byte, confusion_matrix, perplexity, tally
from catenary.evaluate.paired import Comparison, compare, mcnemar
from catenary.evaluate.pictures import confusion_picture, curves_picture, intervals_picture
from catenary.evaluate.predictions import Predictions
from catenary.evaluate.reading import reading_report
from catenary.evaluate.report import write_report
from catenary.evaluate.scores import ScoreReport, score_report
from catenary.evaluate.tagging import tagging_report
from catenary.evaluate.values import labels_report, numbers_report

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "ClassFigures",
    "ClassificationReport",
    "Comparison",
    "Estimate",
    "Example",
    "LanguageModelFigures",
    "LanguageModelReport",
    "Likelihoods",
    "ModelFigures",
    "Predictions",
    "ScoreReport",
    "Tally",
    "bits_per_byte",
    "bootstrap",
    "classification_report",
    "compare",
    "compare_likelihoods",
    "confusion_matrix",
    "confusion_picture",
    "curves_picture",
    "intervals_picture",
    "labels_report",
    "language_model_report",
    "mcnemar",
    "numbers_report",
    "perplexity",
    "reading_report",
    "score",
    "score_report",
    "tagging_report",
    "tally",
    "verdict",
    "wilson",
    "write_report",
]
