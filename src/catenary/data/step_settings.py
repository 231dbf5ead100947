"""What a chain may say of each step. The steps themselves are in the files of their names, imported when they run."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from catenary.data.keyword_lists import LISTS
from catenary.data.personal_data import ALL_KINDS, DEFAULT_KINDS, TAGGED_KINDS
from catenary.data.settings import Settings, unknown
from catenary.errors import InvalidInput

Form = Literal["nfkc", "nfc", "none"]
Replacement = Literal["placeholder", "mask", "pseudonym", "substitute"]


class NormaliseSettings(Settings):
    """See the module's docstring."""

    unicode: Form = "nfkc"
    punctuation: Literal["keep", "full", "half"] = "keep"
    whitespace: Literal["lines", "single", "keep"] = "lines"
    repair: bool = False  # texts that were decoded as something they were not
    chinese: Literal["keep", "simplified", "traditional"] = "keep"
    later: ClassVar[frozenset[str]] = frozenset(("repair", "chinese"))


class KeywordsSettings(Settings):
    """`keywords: [abuse, fraud]` drops texts that hold a word of these shipped lists; `words:` declares others."""

    shorthand: ClassVar[str] = "lists"

    lists: Annotated[tuple[str, ...], Field(strict=False)] = ()
    words: dict[str, Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(strict=False)]] = Field(
        default={}
    )
    do: Literal["drop", "mask", "count"] = "drop"
    at_least: int = Field(default=1, ge=1)  # hits that drop a text

    @model_validator(mode="after")
    def _known(self) -> KeywordsSettings:
        for name in self.lists:
            if name not in LISTS:
                raise unknown("There is no such list of keywords.", name, LISTS, "keywords")
        if not self.lists and not self.words:
            raise InvalidInput(
                "The step `keywords` has no word.",
                expected="`lists:` of {names}, or `words:`",
                names=", ".join(LISTS),
            )
        return self


class BoilerplateSettings(Settings):
    """`boilerplate: {documents: 20}`: a line that stands in so many documents goes."""

    documents: int = Field(default=20, ge=2)
    min_chars: int = Field(default=4, ge=1)  # of a line that is looked at


class SubstringsSettings(Settings):
    """`substrings: {min_chars: 100}`: passages of so many characters that came before go."""

    min_chars: int = Field(default=200, ge=20)
    min_left: int = Field(default=1, ge=1)


class BalanceSettings(Settings):
    """`balance: {by: label}` keeps as many of each; see `balance.py`."""

    shorthand: ClassVar[str] = "by"

    by: Literal["label", "source", "licence", "file", "language"]
    weights: dict[str, Annotated[float, Field(ge=0, strict=False)]] | None = None
    temperature: float = Field(default=0.0, ge=0.0, le=1.0)
    at_most: int | None = Field(default=None, ge=1)
    repeat: int = Field(default=1, ge=1, le=100)  # as often may training read a document of a scarce group
    seed: int = 17
    later: ClassVar[frozenset[str]] = frozenset(("repeat",))


class DecontaminateSettings(Settings):
    """`decontaminate` alone, with `against:` beside the dataset's `from:`."""

    words: int = Field(default=13, ge=3)
    characters: int = Field(default=20, ge=5)
    runs: int = Field(default=1, ge=1)  # shared ones that drop a text


PLUGINS = "catenary.steps"  # the entry points of steps


class CustomSettings(Settings):
    """A file with the digest that is trusted, or a plugin: see `custom.py`."""

    file: str | None = None
    function: str = "step"
    trust: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    plugin: str | None = None

    @model_validator(mode="after")
    def _one_of(self) -> CustomSettings:
        if (self.file is None) == (self.plugin is None) or (self.file is None) != (self.trust is None):
            raise InvalidInput(
                "A custom step is a file that is trusted by its digest, or a plugin.",
                got=f"file: {self.file}, trust: {self.trust}, plugin: {self.plugin}",
                expected="`file:`, `function:` and `trust:` (sha256sum prints it), or `plugin:`",
            )
        return self

    def canonical(self) -> dict[str, Any]:
        """A file is known by its digest and not by its name, a plugin by its source."""
        if self.plugin is None:
            return {"function": self.function, "source": self.trust}
        from catenary.data.custom import plugin_source

        return {"plugin": self.plugin, "source": plugin_source(self.plugin)}


class ExtractSettings(Settings):
    """`extract` alone takes the main text of pages; `precise` and `all` are the sources' own."""

    shorthand: ClassVar[str] = "how"

    how: Literal["main", "markdown", "precise", "all"] = "main"


class ScoreSettings(Settings):
    """`score: 0.5` drops texts that are less like the good examples than that; see `score.py`."""

    shorthand: ClassVar[str] = "at_least"

    at_least: float = Field(default=0.5, ge=0.0, le=1.0, strict=False)
    seed: int = 17


class LabelsSettings(Settings):
    """`labels` alone reports missing labels and likely wrong ones; see `label_check.py`."""

    missing: Literal["report", "drop", "impute"] = "report"
    wrong: Literal["report", "drop", "relabel"] = "report"
    sure: float = Field(default=0.9, ge=0.0, le=1.0, strict=False)  # of a label that is imputed
    folds: int = Field(default=5, ge=2, le=20)
    seed: int = 17


class ReviewedSettings(Settings):
    """What becomes of documents on which reviewers differ, and of those that none has reviewed; see `reviewed.py`."""

    disputed: Literal["drop", "keep"] = "drop"
    others: Literal["keep", "drop"] = "keep"


class AugmentSettings(Settings):
    """`augment: {copies: 1, delete: 0.1}`: so many variants of each document for training; see `augment.py`."""

    copies: int = Field(default=1, ge=1, le=100)
    delete: float = Field(default=0.0, ge=0.0, lt=1.0)
    swap: float = Field(default=0.0, ge=0.0, le=1.0)
    synonyms: dict[str, list[str]] = Field(default={})
    synonym_share: float = Field(default=0.3, gt=0.0, le=1.0)
    labels: list[str] | None = Field(default=None)  # only of documents with these labels: the rare ones
    seed: int = 17

    @model_validator(mode="after")
    def _bears_words(self) -> AugmentSettings:
        empty = sorted(word for word, others in self.synonyms.items() if not others)
        if empty:
            raise InvalidInput("A word has no synonym.", got=", ".join(empty), where="augment.synonyms")
        return self


class LanguageSettings(Settings):
    """`language: [zh, en]` keeps texts in these."""

    shorthand: ClassVar[str] = "languages"

    languages: Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
    keep_undetermined: bool = False  # texts without letters, and those whose language no rule can tell

    @field_validator("languages")
    @classmethod
    def _sorted(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(sorted(set(value)))


class LengthSettings(Settings):
    """Bounds, both included. Words are what white space separates: leave them alone for Chinese."""

    min_chars: int | None = Field(default=None, ge=0)
    max_chars: int | None = Field(default=None, ge=1)
    min_words: int | None = Field(default=None, ge=0)
    max_words: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _something(self) -> LengthSettings:
        if not any(value is not None for value in self.model_dump().values()):
            raise InvalidInput(
                "The rule `length` has no bound.",
                expected="at least one of: {names}",
                names=", ".join(LengthSettings.model_fields),
            )
        return self


class GopherSettings(Settings):
    """J. Rae et al., Scaling language models: methods, analysis & insights from training Gopher (2021), §A1.1.

    None: by language, see `quality.LIMITS`.
    """

    min_words: int = Field(default=50, ge=0)
    max_words: int = Field(default=100_000, ge=1)
    min_mean_word_length: float | None = Field(default=None, ge=0)
    max_mean_word_length: float | None = Field(default=None, ge=0)
    max_symbols: float = Field(default=0.1, ge=0)  # hashes, and ellipses, a word
    max_bullet_lines: float = Field(default=0.9, ge=0, le=1)
    max_ellipsis_lines: float = Field(default=0.3, ge=0, le=1)
    min_alphabetic_words: float | None = Field(default=None, ge=0, le=1)
    min_stop_words: int = Field(default=2, ge=0)  # different ones


class RepetitionSettings(Settings):
    """Gopher, table A1. Shares of a text's lines, paragraphs and characters; None: by language."""

    max_repeated_lines: float | None = Field(default=None, ge=0, le=1)
    max_repeated_paragraphs: float = Field(default=0.3, ge=0, le=1)
    max_repeated_line_characters: float = Field(default=0.2, ge=0, le=1)
    max_repeated_paragraph_characters: float = Field(default=0.2, ge=0, le=1)
    max_top_ngrams: tuple[float, float, float] | None = None  # of 2, 3 and 4 words
    max_repeated_ngrams: tuple[float, float, float, float, float, float] | None = None  # of 5 to 10 words

    @field_validator("max_top_ngrams", "max_repeated_ngrams", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class FineWebSettings(Settings):
    """G. Penedo et al., The FineWeb datasets (2024), §3.6; None: by language."""

    min_ended_lines: float | None = Field(default=None, ge=0, le=1)  # with a terminal mark at their end
    max_short_lines: float = Field(default=0.67, ge=0, le=1)
    max_repeated_line_characters: float = Field(default=0.01, ge=0, le=1)
    max_line_feeds: float | None = Field(default=None, ge=0)  # a word


class QualitySettings(Settings):
    """`quality`, or some rules, `quality: [gopher]`, or other limits, `quality: {gopher: {min_words: 20}}`."""

    shorthand: ClassVar[str] = "rules"

    gopher: GopherSettings | None = None
    repetition: RepetitionSettings | None = None
    fineweb: FineWebSettings | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, dict):
            value = dict(value)
            rules = value.pop("rules", None if value else ["gopher", "repetition", "fineweb"])
            for name in [rules] if isinstance(rules, str) else rules or ():
                if name not in cls.model_fields:
                    raise unknown("There is no such rule of quality.", name, cls.model_fields, "quality")
                value.setdefault(name, {})
            for name in cls.model_fields:
                if value.get(name, 0) is None:
                    del value[name]
        return value


class C4Settings(Settings):
    """C. Raffel et al., Exploring the limits of transfer learning (2020), §2.2. What is None or false is not asked."""

    ended_lines: bool = True  # lines without a terminal mark at their end go
    min_words_per_line: int = Field(default=3, ge=0)
    max_word_length: int | None = Field(default=1000, ge=1)
    min_sentences: int = Field(default=5, ge=0)
    citations: bool = True  # [1], [edit] and [citation needed] go
    scripts: bool = True  # lines that mention JavaScript go
    policies: bool = True  # lines on cookies, terms of use and privacy go
    placeholders: bool = True  # texts with `lorem ipsum` go
    curly_brackets: bool = True  # texts with `{` go


class SegmentSettings(Settings):
    """`segment` alone puts spaces between words; `segment: sentences` a line end between sentences."""

    shorthand: ClassVar[str] = "by"

    by: Literal["words", "sentences"] = "words"
    marks: Literal["keep", "drop"] = "keep"
    stop_words: Literal["keep", "drop"] = "keep"
    lower: bool = False
    stem: bool = False


class RedactSettings(Settings):
    """`redact: [phone, email]` replaces these kinds; `redact` alone all but addresses of the web, names and places."""

    shorthand: ClassVar[str] = "kinds"

    kinds: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = DEFAULT_KINDS
    replace: Replacement = "placeholder"
    later: ClassVar[frozenset[str]] = frozenset(("key",))
    key: str | None = Field(default=None, pattern=r"^env:[A-Za-z_][A-Za-z0-9_]*$")

    @field_validator("kinds")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for kind in value:
            if kind not in (*ALL_KINDS, *TAGGED_KINDS):
                raise unknown(
                    "There is no such kind of personal data.", kind, (*ALL_KINDS, *TAGGED_KINDS), "redact"
                )
        return tuple(sorted(set(value)))

    @model_validator(mode="after")
    def _keyed(self) -> RedactSettings:
        if (self.key is None) == (self.replace in ("pseudonym", "substitute")):
            raise InvalidInput(
                "Pseudonyms and substitutes take a key, and nothing else does.",
                got=f"replace: {self.replace}, key: {self.key}",
                expected="`replace: pseudonym` with `key: env:NAME`",
            )
        return self


class DedupSettings(Settings):
    """`dedup` alone drops equal texts; `dedup: {near: 0.8}` near-equal ones too."""

    near: float | None = Field(default=None, gt=0.0, lt=1.0)
