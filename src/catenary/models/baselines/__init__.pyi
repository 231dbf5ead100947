from .arpa import read_arpa, write_arpa
from .linear import LinearClassifier, fit_linear
from .linear_settings import LinearSettings
from .ngram import NgramModel, Totals, fit_ngram

__all__ = [
    "LinearClassifier",
    "LinearSettings",
    "NgramModel",
    "Totals",
    "fit_linear",
    "fit_ngram",
    "read_arpa",
    "write_arpa",
]
