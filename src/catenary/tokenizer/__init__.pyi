from .measure import TokenizerReport, measure
from .settings import TokenizerSettings
from .special import SPECIAL_TOKENS, Frame
from .tokenizer import Tokenizer, load, save
from .train import train

__all__ = [
    "SPECIAL_TOKENS",
    "Frame",
    "Tokenizer",
    "TokenizerReport",
    "TokenizerSettings",
    "load",
    "measure",
    "save",
    "train",
]
