from .chat import ChatTemplate, ChatTokens, chat_tokens, read_template, reply_tokens, special_tokens
from .measure import TokenizerReport, measure
from .settings import TokenizerSettings
from .special import SPECIAL_TOKENS, Frame
from .tokenizer import Tokenizer, load, save
from .train import train

__all__ = [
    "SPECIAL_TOKENS",
    "ChatTemplate",
    "ChatTokens",
    "Frame",
    "Tokenizer",
    "TokenizerReport",
    "TokenizerSettings",
    "chat_tokens",
    "load",
    "measure",
    "read_template",
    "reply_tokens",
    "save",
    "special_tokens",
    "train",
]
