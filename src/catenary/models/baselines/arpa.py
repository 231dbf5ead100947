r"""n-gram models as ARPA text, the format that KenLM, SRILM and every speech decoder read.

    \data\                      how many grams of each length
    ngram 1=4528
    \1-grams:
    -2.31  悬  -0.45            log10 p, the tokens, log10 of the back-off weight (none: 0)
    \end\

`<s>` and `</s>` are the sentence's beginning and end. KenLM gives every word that it does not know the probability of
`<unk>`; a vocabulary whose unknown token has that name is read so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from catenary.errors import Damaged, InvalidInput
from catenary.files import write_whole
from catenary.models.baselines.grams import ABSENT, Keys, Places, find_keys, spell
from catenary.models.baselines.ngram import MAX_ORDER, Logs, NgramConfig, NgramModel

BEGIN, END = "<s>", "</s>"
IMPOSSIBLE = -99.0  # what ARPA files write for log10 of nought
LN_10 = math.log(10)
SEPARATORS = frozenset("\0\t\n\r ")  # KenLM's; an ideographic space may stand in a token


def write_arpa(model: NgramModel, path: Path, tokens: Sequence[str]) -> None:
    """Write `model` as ARPA text; `tokens[i]` is the text of id i.

    Raises InvalidInput when the texts are not one for each id, all different, without white space.
    """
    _check_names(tokens, model.config.vocab_size)
    names = [*tokens, END, BEGIN]
    lines = ["\\data\\"]
    lines += [f"ngram {length}={grams}" for length, grams in enumerate(model.config.grams, 1)]
    for length, log_prob_G in enumerate(model.gram_log_probs, 1):
        lines += ["", f"\\{length}-grams:"]
        spelled = spell(model.keys, length, model.base)
        shown = np.maximum(log_prob_G.astype(np.float64) / LN_10, IMPOSSIBLE).tolist()
        has_weight = length < model.config.order
        weights = (model.gram_backoffs[length - 1] / LN_10).tolist() if has_weight else []
        for place, (gram, log10_p) in enumerate(zip(spelled.tolist(), shown, strict=True)):
            text = " ".join([names[token] for token in gram])
            lines.append(
                f"{log10_p:.7g}\t{text}\t{weights[place]:.7g}" if has_weight else f"{log10_p:.7g}\t{text}"
            )
    lines += ["", "\\end\\", ""]
    write_whole(path, "\n".join(lines).encode())


def read_arpa(path: Path) -> tuple[NgramModel, list[str]]:
    """The model in an ARPA file, and the texts of its ids, in the order of the file's 1-grams.

    Raises Damaged, with the line, for what is no ARPA file; and for a gram whose prefix is missing, as pruning by
    other tools may leave it.
    """
    sections = _read_sections(path)
    unigrams = [gram[0] for gram in sections[0].grams]
    for marker in (BEGIN, END):
        if marker not in unigrams:
            raise Damaged("This ARPA file has no {marker}.", where=str(path), marker=marker)
    names = [name for name in unigrams if name not in (BEGIN, END)]
    vocab_size, base = len(names), len(names) + 2
    ids = {name: token for token, name in enumerate([*names, END, BEGIN])}

    keys: list[Keys] = []
    log_probs: list[Logs] = []
    backoffs: list[Logs] = []
    for length, section in enumerate(sections, 1):
        try:
            gram_GL = np.array([[ids[name] for name in gram] for gram in section.grams], np.int64).reshape(
                -1, length
            )
        except KeyError as error:
            raise Damaged(
                "A gram of this ARPA file has a word that is no 1-gram.", got=error.args[0], where=str(path)
            ) from error
        key_G = _keys(gram_GL, keys, base)
        order_G = np.argsort(key_G, kind="stable")
        if len(key_G) != len(np.unique(key_G)):
            raise Damaged("A gram stands twice in this ARPA file.", got=f"{length}-grams", where=str(path))
        if (key_G == np.uint64(_NO_KEY)).any():
            gram = section.grams[int(np.flatnonzero(key_G == np.uint64(_NO_KEY))[0])]
            raise Damaged(
                "A gram of this ARPA file has no prefix there.", got=" ".join(gram), where=str(path)
            )
        log_p_G = np.array(section.log10_probs)[order_G] * LN_10
        if length == 1:
            log_p_G[base - 1] = -np.inf  # the beginning is never predicted
        else:
            keys.append(key_G[order_G])
        log_probs.append(log_p_G.astype(np.float32))
        if length < len(sections):
            backoffs.append((np.array(section.log10_weights)[order_G] * LN_10).astype(np.float32))
    grams = tuple(len(section.grams) for section in sections)
    config = NgramConfig(order=len(sections), vocab_size=vocab_size, grams=grams)
    return NgramModel(config, tuple(keys), tuple(log_probs), tuple(backoffs)), names


_NO_KEY = (1 << 64) - 1


class _Section:
    """The grams of one length as they stand in the file."""

    def __init__(self) -> None:
        self.grams: list[tuple[str, ...]] = []
        self.log10_probs: list[float] = []
        self.log10_weights: list[float] = []


def _read_sections(path: Path) -> list[_Section]:
    expected: list[int] = []
    sections: list[_Section] = []
    ended = False
    for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
        where = f"{path}:{number}"
        line = line.strip("\r\t ")
        if not line:
            continue
        if line == "\\end\\":
            ended = True
            break
        if line.startswith("ngram ") and not sections:
            length, _, count = line.removeprefix("ngram ").partition("=")
            if length.strip() != str(len(expected) + 1) or not count.strip().isdecimal():
                raise Damaged("This line of an ARPA file cannot be read.", got=line[:80], where=where)
            expected.append(int(count))
        elif line == f"\\{len(sections) + 1}-grams:" and len(sections) < len(expected):
            sections.append(_Section())
        elif sections:
            _read_gram(line, sections[-1], len(sections), where)
        elif line != "\\data\\":
            raise Damaged("This line of an ARPA file cannot be read.", got=line[:80], where=where)
    found = [len(section.grams) for section in sections]
    if not ended or found != expected or not 1 <= len(found) <= MAX_ORDER:
        raise Damaged(
            "This is not a whole ARPA file.",
            got=f"{found}" if ended else f"{found}, no \\end\\",
            expected="{counts} grams of each length, then \\end\\",
            where=str(path),
            counts=expected or "1 … 6",
        )
    return sections


def _read_gram(line: str, section: _Section, length: int, where: str) -> None:
    fields = [field for field in line.replace("\t", " ").split(" ") if field]
    try:
        if not length + 1 <= len(fields) <= length + 2:
            raise ValueError(line)
        log10_p = float(fields[0])
        weight = float(fields[length + 1]) if len(fields) == length + 2 else 0.0
        if not (log10_p <= 0 and math.isfinite(weight)):
            raise ValueError(line)
    except ValueError as error:
        raise Damaged("This line of an ARPA file cannot be read.", got=line[:80], where=where) from error
    section.grams.append(tuple(fields[1 : length + 1]))
    section.log10_probs.append(log10_p)
    section.log10_weights.append(weight)


def _keys(gram_GL: Places, keys: Sequence[Keys], base: int) -> NDArray[np.uint64]:
    place_G = gram_GL[:, 0]
    key_G = place_G.astype(np.uint64)
    for column in range(1, gram_GL.shape[1]):
        absent_G = place_G == ABSENT
        key_G = place_G.astype(np.uint64) * np.uint64(base) + gram_GL[:, column].astype(np.uint64)
        key_G[absent_G] = np.uint64(_NO_KEY)
        if column - 1 < len(keys):
            place_G = find_keys(keys[column - 1], key_G)
    return key_G


def _check_names(tokens: Sequence[str], vocab_size: int) -> None:
    if len(tokens) != vocab_size:
        raise InvalidInput(
            "The names of the tokens do not fit the vocabulary.",
            got=len(tokens),
            expected="{n}: one for each id",
            n=vocab_size,
        )
    seen = {BEGIN, END}
    for token in tokens:
        if token in seen or not token or SEPARATORS.intersection(token):
            raise InvalidInput("This text cannot name a token in an ARPA file.", got=repr(token))
        seen.add(token)
