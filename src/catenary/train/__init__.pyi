from .batches import Batch, Batches, TokenRows
from .finetune import finetune_classifier
from .loop import Fit, fit
from .objectives import ClassifierAndReader, Classify, ClassifyAndRead, MaskedLM
from .pretrain import pretrain
from .report import TrainReport
from .run import Diverged, Objective, Validation
from .settings import ClassifySettings, MaskedLMSettings, TrainSettings

__all__ = [
    "Batch",
    "Batches",
    "ClassifierAndReader",
    "Classify",
    "ClassifyAndRead",
    "ClassifySettings",
    "Diverged",
    "Fit",
    "MaskedLM",
    "MaskedLMSettings",
    "Objective",
    "TokenRows",
    "TrainReport",
    "TrainSettings",
    "Validation",
    "finetune_classifier",
    "fit",
    "pretrain",
]
