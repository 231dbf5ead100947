from .adapted import Adapted
from .batches import Batch, Batches, TokenRows
from .chat import ChatReport, Preference, finetune_chat, finetune_preference, reply_likelihoods
from .dealing import Dealer, Dealt, HeldOut
from .distil import distil_texts
from .finetune import finetune_classifier
from .finetune_read import Question, finetune_reader
from .finetune_tag import finetune_tagger
from .head_settings import ClassifySettings, HeadSettings, PerturbSettings, ReadSettings, TagSettings
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
from .settings import CausalLMSettings, MaskedLMSettings, RecurrentSettings, TrainSettings
from .stream import TokenStream, token_stream
from .text_settings import (
    ChatSettings,
    CopySettings,
    DenoiseSettings,
    DistilSettings,
    PreferenceSettings,
    Seq2SeqSettings,
    SpanSettings,
)
from .tune import Session

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
    "CopySettings",
    "Dealer",
    "Dealt",
    "DenoiseSettings",
    "DistilSettings",
    "Diverged",
    "Fit",
    "HeadSettings",
    "HeldOut",
    "Loss",
    "MaskedLM",
    "MaskedLMSettings",
    "NextToken",
    "Objective",
    "Packed",
    "PackedBatch",
    "PerturbSettings",
    "Preference",
    "PreferenceSettings",
    "Question",
    "ReadSettings",
    "RecurrentSettings",
    "Seq2SeqSettings",
    "Session",
    "SpanSettings",
    "TagSettings",
    "TokenRows",
    "TokenStream",
    "TrainReport",
    "TrainSettings",
    "Validation",
    "distil_texts",
    "finetune_chat",
    "finetune_classifier",
    "finetune_preference",
    "finetune_reader",
    "finetune_tagger",
    "fit",
    "pretrain",
    "pretrain_causal",
    "pretrain_seq2seq",
    "reply_likelihoods",
    "token_stream",
    "train_recurrent_classifier",
    "train_recurrent_lm",
    "train_seq2seq",
]
