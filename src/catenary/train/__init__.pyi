from .batches import Batch, Batches, TokenRows
from .dealing import Dealer, Dealt, HeldOut
from .finetune import finetune_classifier
from .loop import Fit, fit
from .objectives import CausalLM, ClassifierAndReader, Classify, ClassifyAndRead, Loss, MaskedLM, Objective
from .packed import Packed, PackedBatch
from .pretrain import pretrain
from .pretrain_causal import pretrain_causal
from .report import TrainReport
from .run import Diverged, Validation
from .settings import CausalLMSettings, ClassifySettings, MaskedLMSettings, TrainSettings
from .stream import TokenStream, token_stream

__all__ = [
    "Batch",
    "Batches",
    "CausalLM",
    "CausalLMSettings",
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
    "Packed",
    "PackedBatch",
    "TokenRows",
    "TokenStream",
    "TrainReport",
    "TrainSettings",
    "Validation",
    "finetune_classifier",
    "fit",
    "pretrain",
    "pretrain_causal",
    "token_stream",
]
