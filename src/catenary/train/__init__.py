"""Training: texts in, a model that has learnt from them out; a run that was killed goes on as if it had not been.

What flows through: texts → rows of token ids (`vocabulary`) → batches of like length (`batches`) → an objective's
loss (`objectives`) → a step of AdamW (`loop`, `optimiser`, `schedule`) → checkpoints (`checkpoint`) → a folder as
Hugging Face lays it out, and a report. Read `pretrain` or `finetune` first, then `loop`.

    >>> from catenary.models import configure
    >>> from catenary.tokenizer import TokenizerSettings, save, train
    >>> from catenary.train import ClassifySettings, TrainSettings, finetune_classifier, pretrain
    >>> folder = getfixture("tmp_path")
    >>> texts, labels = ["好书", "很好", "坏书", "很坏"] * 4, ["good", "good", "bad", "bad"] * 4
    >>> save(train(texts, TokenizerSettings(kind="char")), folder / "tokenizer")
    >>> config = configure("bert", "nano", vocab_size=16, hidden_size=16, num_hidden_layers=1)
    >>> settings = TrainSettings(steps=40, batch_size=8, learning_rate=0.02, dropout=0.0)
    >>> report = pretrain(texts, folder / "tokenizer", config, settings, folder / "base")
    >>> report["steps"]
    40
    >>> finetuned = finetune_classifier(
    ...     folder / "base", texts, labels, settings, folder / "classifier", valid=(texts, labels)
    ... )
    >>> finetuned["valid"]["accuracy"]
    1.0
"""

import lazy_loader

# The names are in __init__.pyi; each is imported when it is first used, so that settings can be read without torch.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
