"""The controls: small, quick models that every neural figure is read beside.

- `ngram.py`: n-gram language model with modified Kneser-Ney smoothing; `arpa.py` reads and writes it as ARPA text
- `linear.py`: logistic regression on character or word n-grams (`tfidf.py`), the control of a classifier
- `hmm.py`: hidden Markov model of words and tags (`word_shapes.py` for words never seen), the control of a tagger
- `recurrent.py`: LSTM and GRU, the neural controls of both; they alone need torch

Token ids or texts go in, probabilities come out.

    >>> from catenary.models.baselines import fit_ngram
    >>> model = fit_ngram([[0, 1, 2], [0, 1]], order=2, vocab_size=3)
    >>> model.log_prob([0, 1]) > model.log_prob([1, 0])
    True
    >>> model.distribution([0]).sum().round(6)
    np.float64(1.0)
"""

import lazy_loader

# The names are in __init__.pyi; each is imported when it is first used, so that reading settings loads no numpy.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
