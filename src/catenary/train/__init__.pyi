from .batches import Batch, Batches, TokenRows
from .dealing import Dealer, Dealt, HeldOut
from .finetune import finetune_classifier
from .loop import Fit, fit
from .objectives import ClassifierAndReader, Classify, ClassifyAndRead, Loss, MaskedLM, Objective
from .pretrain import pretrain
from .report import TrainReport
from .run import Diverged, Validation
from .settings import ClassifySettings, MaskedLMSettings, TrainSettings

__all__ = [
    "Batch",
    "Batches",
    "ClassifierAndReader",
    "Classify",
    "ClassifyAndRead",
    "ClassifySettings",
    "Dealer",
    "Dealt",
    "Diverged",
    "Fit",
    "HeldOut",
    "Loss",
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
