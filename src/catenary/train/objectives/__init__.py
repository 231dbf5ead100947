"""What a model is trained to do: from a batch to a loss, and from held-out batches to figures. A file an objective.

An objective is a frozen value with an `identity`, a `loss(model, batch, generator)` that gives `Loss(mean, of)`, and a
`measure(model, batches)`; `objective.py` has the protocol. Its batches may be of any type that a dealer deals
(`train/dealing.py`). Its randomness, all but dropout's, comes from the generator that it is given.

Shapes: B documents, T tokens of the longest, M masked places, V vocabulary, C classes.
"""

from catenary.train.objectives.causal import CausalLM
from catenary.train.objectives.classify import Classify
from catenary.train.objectives.classify_and_read import ClassifierAndReader, ClassifyAndRead
from catenary.train.objectives.masked import MaskedLM
from catenary.train.objectives.multi_label import MultiLabel
from catenary.train.objectives.next_token import NextToken
from catenary.train.objectives.objective import Loss, Objective
from catenary.train.objectives.perturbed import Perturbed
from catenary.train.objectives.regress import Regress
from catenary.train.objectives.span import Span
from catenary.train.objectives.tag import Tag

__all__ = [
    "CausalLM",
    "ClassifierAndReader",
    "Classify",
    "ClassifyAndRead",
    "Loss",
    "MaskedLM",
    "MultiLabel",
    "NextToken",
    "Objective",
    "Perturbed",
    "Regress",
    "Span",
    "Tag",
]
