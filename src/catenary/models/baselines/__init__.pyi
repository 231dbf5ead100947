from .arpa import read_arpa, write_arpa
from .hmm import HmmTagger, fit_hmm
from .hmm_settings import HmmSettings
from .linear import LinearClassifier, fit_linear
from .linear_settings import LinearSettings
from .memory import Memory, fit_memory
from .ngram import NgramModel, Totals, fit_ngram
from .recurrent import Recurrent
from .recurrent_settings import RecurrentConfig

__all__ = [
    "HmmSettings",
    "HmmTagger",
    "LinearClassifier",
    "LinearSettings",
    "Memory",
    "NgramModel",
    "Recurrent",
    "RecurrentConfig",
    "Totals",
    "fit_hmm",
    "fit_linear",
    "fit_memory",
    "fit_ngram",
    "read_arpa",
    "write_arpa",
]
