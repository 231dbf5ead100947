"""The page where the chain is read: one file a stage, in the order of a chain's life.

    collect   sources      files → documents with their licence, file and line
    curate    datasets     steps over documents: kept, or dropped for a reason; then split
    tokenize  tokenizers   text → a vocabulary
    index     indexes      a dataset's tokens → where every span of them stands
    index_passages  indexes  documents → passages that questions find, by words and by meaning
    knowledge  indexes     passages → a graph of what they state, each fact with its sentence
    adopt     models       a model that others made, with its licence and digests
    count     models       the n-gram control of a language model
    count_tags  models     the hidden Markov control of a tagger
    fit       models       the linear control of a classifier
    remember  models     the memory that is the control of a writer
    match     models       the control of a reader: what stands beside the stretch most like the question
    pretrain  models       an encoder or a decoder by what stands in text alone, from scratch or on from another model
    recurrent  models      LSTM and GRU, the neural controls of language models and classifiers
    seq2seq   models       an encoder–decoder from scratch: pairs of texts, or raw text that is damaged
    finetune  models       a pretrained model into a classifier
    finetune_tag   models  a pretrained model into a tagger
    finetune_read  models  a pretrained model into a reader
    tune_seq2seq  models   a pretrained encoder–decoder for translation or summaries
    chat      models       a language model into one that answers; an adapter; a student of a teacher
    preference  models     a chat model that prefers as people do
    distil    models       a small language model that learns from a large one
    prune     models       a model with fewer heads, neurons and layers, to be trained on
    ensemble  models       several classifiers as one
    evaluate  evaluations  models side by side on held-out documents, with intervals and paired tests
    evaluate_index  evaluations  questions asked of an index, beside a control that counts words
    release   releases     compress, export, compare, judge the gates; then people sign
    release_index  releases  an index of passages, its digests and measured figures, for people to sign

A stage is a value (`chain/stage.py`): its strict settings, what it stands on, and a function that gets opened inputs
and a staging folder and returns a report. This is the only room that knows both the chain and the crafts; the crafts
are imported when a stage runs, so that planning stays quick.

    from catenary.chain.spec import load
    from catenary.stages import STAGES
    chain = load(Path("catenary.yaml"), STAGES)
"""

from typing import Any

from catenary.chain.stage import Stage
from catenary.stages.adopt import ADOPT
from catenary.stages.chat import CHAT, PREFERENCE
from catenary.stages.collect import COLLECT
from catenary.stages.count import COUNT
from catenary.stages.count_tags import COUNT_TAGS
from catenary.stages.curate import CURATE
from catenary.stages.distil import DISTIL
from catenary.stages.ensemble import ENSEMBLE
from catenary.stages.evaluate import EVALUATE
from catenary.stages.evaluate_index import EVALUATE_INDEX
from catenary.stages.finetune import FINETUNE
from catenary.stages.finetune_read import FINETUNE_READ
from catenary.stages.finetune_tag import FINETUNE_TAG
from catenary.stages.fit import FIT
from catenary.stages.index import INDEX
from catenary.stages.index_passages import INDEX_PASSAGES
from catenary.stages.knowledge import KNOWLEDGE
from catenary.stages.match import MATCH
from catenary.stages.pretrain import PRETRAIN
from catenary.stages.prune import PRUNE
from catenary.stages.recurrent import RECURRENT
from catenary.stages.release import RELEASE
from catenary.stages.release_index import RELEASE_INDEX
from catenary.stages.remember import REMEMBER
from catenary.stages.seq2seq import SEQ2SEQ, TUNE_SEQ2SEQ
from catenary.stages.tokenize import TOKENIZE

STAGES: tuple[Stage[Any], ...] = (
    COLLECT,
    CURATE,
    TOKENIZE,
    INDEX_PASSAGES,
    KNOWLEDGE,
    INDEX,
    ADOPT,
    COUNT,
    COUNT_TAGS,
    FIT,
    RECURRENT,
    MATCH,
    PRUNE,
    ENSEMBLE,
    FINETUNE_TAG,
    FINETUNE_READ,
    REMEMBER,
    SEQ2SEQ,
    TUNE_SEQ2SEQ,  # before finetune: their `task:` says what they are
    CHAT,
    PREFERENCE,
    DISTIL,
    FINETUNE,  # before pretrain: a model with `init:` stands on another one
    PRETRAIN,
    EVALUATE_INDEX,
    EVALUATE,
    RELEASE_INDEX,
    RELEASE,
)

__all__ = ["STAGES"]
