"""Tokenizer: texts to the ids that a model reads, and how well that works.

    >>> from catenary.tokenizer import TokenizerSettings, train
    >>> tokenizer = train(["悬链是两端固定的链"] * 2, TokenizerSettings(kind="char", vocab_size=100))
    >>> tokenizer.encode("链")
    [7]
    >>> tokenizer.decode([7])
    '链'

`train` makes one from an iterator of texts, `save` and `load` keep it in a folder that `transformers` reads too,
`measure` tells characters a token and what is unknown. All have the special tokens of `special.py`.
"""

import lazy_loader

# The names are in __init__.pyi; each is imported when it is first used, so that a plan does not load the library.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
