from .adapted import Adapted
from .batches import Batch, Batches, TokenRows
from .chat import ChatReport, Preference, finetune_chat, finetune_preference
from .dealing import Dealer, Dealt, HeldOut
from .finetune import finetune_classifier
from .loop import Fit, fit
from .objectives import (
    CausalLM,
    ClassifierAndReader,
    Classify,
    ClassifyAndRead,
    Loss,
    MaskedLM,
    NextToken,
    Objective,
)
from .packed import Packed, PackedBatch
from .pretrain import pretrain
from .pretrain_causal import pretrain_causal
from .recurrent import train_recurrent_classifier, train_recurrent_lm
from .report import TrainReport
from .run import Diverged, Validation
from .seq2seq import pretrain_seq2seq, train_seq2seq
from .settings import CausalLMSettings, ClassifySettings, MaskedLMSettings, RecurrentSettings, TrainSettings
from .stream import TokenStream, token_stream
from .text_settings import (
    ChatSettings,
    DenoiseSettings,
    DistilSettings,
    PreferenceSettings,
    Seq2SeqSettings,
    SpanSettings,
)

__all__ = [
    "Adapted",
    "Batch",
    "Batches",
    "CausalLM",
    "CausalLMSettings",
    "ChatReport",
    "ChatSettings",
    "ClassifierAndReader",
    "Classify",
    "ClassifyAndRead",
    "ClassifySettings",
    "Dealer",
    "Dealt",
    "DenoiseSettings",
    "DistilSettings",
    "Diverged",
    "Fit",
    "HeldOut",
    "Loss",
    "MaskedLM",
    "MaskedLMSettings",
    "NextToken",
    "Objective",
    "Packed",
    "PackedBatch",
    "Preference",
    "PreferenceSettings",
    "RecurrentSettings",
    "Seq2SeqSettings",
    "SpanSettings",
    "TokenRows",
    "TokenStream",
    "TrainReport",
    "TrainSettings",
    "Validation",
    "finetune_chat",
    "finetune_classifier",
    "finetune_preference",
    "fit",
    "pretrain",
    "pretrain_causal",
    "pretrain_seq2seq",
    "token_stream",
    "train_recurrent_classifier",
    "train_recurrent_lm",
    "train_seq2seq",
]
