"""C4: the rules that look at lines. Bad lines go from a text; a text with too few sentences left goes as a whole.

    c4:lorem_ipsum, c4:curly_bracket     what no prose holds
    c4:too_few_sentences                 after the bad lines have gone

A line stays when it ends as a sentence ends, has words enough and is no notice of scripts, cookies or terms of use. In
a text that is mostly Chinese two characters count as a word, and the notices are those of Chinese pages.

C. Raffel et al., Exploring the limits of transfer learning with a unified text-to-text transformer (2020), §2.2.
"""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pyarrow as pa

from catenary.data.batches import kept_rows, texts_at, with_dropped, with_texts
from catenary.data.compiled import bytes_of
from catenary.data.sentences import sentences
from catenary.data.shingles import mostly_cjk
from catenary.data.step_settings import C4Settings

CITATIONS = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]|\[(?:编辑|編輯|来源请求|來源請求)\]")
POLICIES = re.compile(
    r"terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies"
    r"|使用条款|使用條款|隐私政策|隱私政策|隐私权|使用cookie|版权所有|版權所有|免责声明|免責聲明|京ICP备",
    re.IGNORECASE,
)
SCRIPTS = re.compile("javascript", re.IGNORECASE)
PLACEHOLDERS = re.compile("lorem ipsum", re.IGNORECASE)
CHARACTERS_A_WORD = 2  # jieba's words of running Chinese text have 1.6 to 1.9
ENDS = (*".?!\"'。？！”’」』…", "。）")


def c4(batch: pa.RecordBatch, settings: C4Settings, notes: Counter[str]) -> pa.RecordBatch:
    """Removes lines and drops texts. Notes `lines.<reason>` and `changed`."""
    rows = kept_rows(batch)
    texts = texts_at(batch, rows)
    chinese = mostly_cjk(*bytes_of(texts)).tolist()
    changed: list[int] = []
    new: list[str] = []
    dropped: list[int] = []
    reasons: list[str] = []
    for row, text, is_chinese in zip(rows.tolist(), texts.to_pylist(), chinese, strict=True):
        kept, reason = _judged(text, is_chinese, settings, notes)
        if reason:
            dropped.append(row)
            reasons.append(f"c4:{reason}")
        elif kept != text:
            changed.append(row)
            new.append(kept)
    notes["changed"] += len(changed)
    batch = with_texts(batch, np.array(changed, dtype=np.int64), pa.array(new, pa.large_string()))
    return with_dropped(batch, np.array(dropped, dtype=np.int64), reasons)


def _judged(text: str, chinese: bool, settings: C4Settings, notes: Counter[str]) -> tuple[str, str | None]:
    if settings.placeholders and PLACEHOLDERS.search(text):
        return text, "lorem_ipsum"
    if settings.curly_brackets and "{" in text:
        return text, "curly_bracket"
    kept: list[str] = []
    for line in text.split("\n"):
        line = line.strip()
        if settings.citations and "[" in line:
            line = CITATIONS.sub("", line)
        why = _wrong_with(line, chinese, settings) if line else None
        if why:
            notes[f"lines.{why}"] += 1
        else:
            kept.append(line)
    left = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    if settings.min_sentences and sum(1 for _ in sentences(left)) < settings.min_sentences:
        return text, "too_few_sentences"
    return left, None


def _wrong_with(line: str, chinese: bool, settings: C4Settings) -> str | None:
    if settings.ended_lines and (not line.endswith(ENDS) or line.endswith(("...", "……"))):
        return "not_ended"
    words = line.split()
    if (
        settings.max_word_length
        and not chinese
        and max(map(len, words), default=0) > settings.max_word_length
    ):
        return "long_word"
    count = len(line.replace(" ", "")) / CHARACTERS_A_WORD if chinese else len(words)
    if count < settings.min_words_per_line:
        return "few_words"
    if settings.scripts and SCRIPTS.search(line):
        return "script"
    if settings.policies and POLICIES.search(line):
        return "policy"
    return None
