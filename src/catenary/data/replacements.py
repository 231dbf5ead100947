"""What stands in a text where personal data was.

    placeholder   [PHONE]
    mask          ***********
    pseudonym     [PHONE_5f0c2a9d]: the same for the same value, and only for it, under one key
    substitute    other digits and letters in the same form, the same for the same value under one key

A pseudonym is an HMAC-SHA-256 of the kind and the value without separators; who has no key can neither undo nor try it.
A substitute looks like personal data, so gates and readers take it for some.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Callable

from catenary.data.personal_data import luhn
from catenary.data.step_settings import Replacement
from catenary.errors import InvalidInput

Replace = Callable[[str, str], str]
PSEUDONYM_DIGITS = 8


def replacement(how: Replacement, key: str | None = None) -> Replace:
    """A function of kind and value. `key` is `env:NAME`; pseudonyms and substitutes need one.

    Raises InvalidInput when the environment holds no such key.
    """
    if how == "placeholder":
        return lambda kind, value: f"[{kind.upper()}]"
    if how == "mask":
        return lambda kind, value: re.sub(r"[^\W_]", "*", value)
    secret = _secret(key)
    if how == "pseudonym":
        return lambda kind, value: f"[{kind.upper()}_{_stream(secret, kind, value).hex()[:PSEUDONYM_DIGITS]}]"
    return lambda kind, value: _substitute(kind, value, secret)


def _secret(key: str | None) -> bytes:
    name = (key or "").removeprefix("env:")
    found = os.environ.get(name, "")
    if not found:
        raise InvalidInput(
            "The key of pseudonyms is not in the environment.",
            got=name or "no `key:`",
            expected="`key: env:NAME` and that variable, at least 16 characters",
        )
    if len(found) < 16:
        raise InvalidInput("The key of pseudonyms is too short.", got=name, expected="at least 16 characters")
    return found.encode()


def _stream(secret: bytes, kind: str, value: str) -> bytes:
    plain = re.sub(r"[\s().\-·]", "", value).upper() if kind != "secret" else value
    return hmac.digest(secret, f"{kind}\0{plain}".encode(), hashlib.sha256)


def _substitute(kind: str, value: str, secret: bytes) -> str:
    stream = _stream(secret, kind, value)
    told: list[str] = []
    at = digits = 0
    for character in value:
        byte = stream[at % 32] + 7 * (at // 32)
        if character.isascii() and character.isdigit():
            stays = digits < {"phone": 1, "bank_card": 6}.get(kind, 0)  # a mobile's 1, the issuer
            told.append(character if stays else str(byte % 10))
            digits += 1
        elif "a" <= character <= "z":
            told.append(chr(97 + byte % 26))
        elif "A" <= character <= "Z":
            told.append(chr(65 + byte % 26))
        elif "\u4e00" <= character <= "\u9fff":
            told.append("某")
        else:
            told.append(character)
            continue
        at += 1
    new = "".join(told)
    if kind == "bank_card":  # the checksum holds, as it does in the number that went
        plain = re.sub(r"\D", "", new)
        last = next(digit for digit in "0123456789" if luhn(plain[:-1] + digit))
        at = max(place for place, character in enumerate(new) if character.isdigit())
        new = new[:at] + last + new[at + 1 :]
    return new
