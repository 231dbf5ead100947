"""Chat templates: a conversation as the text that a model was taught to read, and which tokens the assistant says.

    >>> template = ChatTemplate.plain({"bos_token": "<bos>", "eos_token": "<eos>"})
    >>> template.render([{"role": "user", "content": "你好"}], add_generation_prompt=True)
    '<bos>user\\n你好<eos>\\n<bos>assistant\\n'

A template is Jinja in the dialect that `transformers` gives it (`apply_chat_template`): blocks trimmed, `tojson`,
`strftime_now`, `raise_exception`, loop controls, and `{% generation %}` around what the assistant says. It comes with a
checkpoint, from a stranger: it runs in Jinja's sandbox and sees plain values alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from catenary.errors import Damaged, InvalidInput
from catenary.tokenizer.tokenizer import CONFIG_FILE, Tokenizer

Message = Mapping[str, Any]  # {"role": "user", "content": "…"}, and what else a template reads
Span = tuple[int, int]  # characters

TEMPLATE_FILE = "chat_template.jinja"
SPECIAL_NAMES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")

# What a model that has no template gets: one line for the role, the text, and the tokens that begin and end a text.
PLAIN = (
    "{% for message in messages %}{{ bos_token + message['role'] + '\\n' }}"
    "{% if message['role'] == 'assistant' %}{% generation %}{{ message['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ bos_token + 'assistant\\n' }}{% endif %}"
)

# Where the generation blocks of the rendering in hand go: (what was rendered before, the spans found).
_tracked: ContextVar[tuple[list[str], list[Span]] | None] = ContextVar("tracked", default=None)


@dataclass(frozen=True)
class ChatTemplate:
    """A template's source, and the special tokens that it may name."""

    source: str
    special: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def plain(cls, special: Mapping[str, Any]) -> ChatTemplate:
        """The template of models that come with none."""
        return cls(PLAIN, special)

    @property
    def marks_generation(self) -> bool:
        """Whether the template itself says what the assistant says."""
        return bool(_compiled(self.source).environment.marks)

    def render(
        self, messages: Sequence[Message], *, add_generation_prompt: bool = False, **variables: Any
    ) -> str:
        """The conversation as text; `variables` are what else the template reads (tools, documents, switches).

        Raises InvalidInput with what the template says where it refuses the conversation.
        """
        return self.spans(messages, add_generation_prompt=add_generation_prompt, **variables)[0]

    def spans(
        self, messages: Sequence[Message], *, add_generation_prompt: bool = False, **variables: Any
    ) -> tuple[str, list[Span]]:
        """The conversation as text, and the characters that stand in the template's generation blocks."""
        import jinja2

        parts: list[str] = []
        found: list[Span] = []
        told = {"tools": None, "documents": None, **self.special, **variables}
        token = _tracked.set((parts, found))
        try:
            for part in _compiled(self.source).generate(
                messages=[_plain_message(message) for message in messages],
                add_generation_prompt=add_generation_prompt,
                **{name: _plain(value) for name, value in told.items()},
            ):
                parts.append(part)  # noqa: PERF402 - a generation block asks meanwhile how much there is
        except (
            jinja2.TemplateError,
            TypeError,
            ValueError,
            KeyError,
            ArithmeticError,
            RecursionError,
        ) as error:
            raise InvalidInput(
                "The chat template refuses this conversation.",
                got=str(error) or type(error).__name__,
                expected="roles in an order that the model was trained on; often user and assistant in turn",
            ) from None
        finally:
            _tracked.reset(token)
        return "".join(parts), found


@dataclass(frozen=True)
class ChatTokens:
    """A conversation as a model reads it. `said[i]`: token i is the assistant's, and the loss counts it."""

    ids: list[int]
    said: list[bool]


def read_template(folder: Path) -> ChatTemplate | None:
    """The chat template beside a tokenizer, None where there is none. Raises Damaged.

    From chat_template.jinja, else `chat_template` of tokenizer_config.json: a text, or several by name ("default").
    """
    config = _config(folder)
    path = folder / TEMPLATE_FILE
    if path.is_file():
        try:
            source: Any = path.read_text("utf-8")
        except UnicodeDecodeError as error:
            raise Damaged("The chat template cannot be read.", got=str(error), where=str(path)) from None
    else:
        source = config.get("chat_template")
        if isinstance(source, list):
            named = {one.get("name"): one.get("template") for one in source if isinstance(one, dict)}
            source = named.get("default")
    if not isinstance(source, str):
        return None
    return ChatTemplate(source, special_tokens(folder))


def special_tokens(folder: Path) -> dict[str, Any]:
    """The names (`bos_token` …) that tokenizer_config.json gives to special tokens."""
    config = _config(folder)
    named = {}
    for name in SPECIAL_NAMES:
        token = config.get(name)
        token = token.get("content") if isinstance(token, dict) else token
        if isinstance(token, str):
            named[name] = token
    return named


def chat_tokens(
    tokenizer: Tokenizer, template: ChatTemplate, messages: Sequence[Message], *, last_only: bool = False
) -> ChatTokens:
    """The tokens of a conversation, and which of them the assistant says: the content and what ends its turn.

    A template with generation blocks says so itself. For another, what is said in a turn is the difference of two
    renderings: up to the turn with the prompt to answer, and up to its end. Both must be how the whole conversation
    begins; where a template rewrites earlier turns (Qwen3 leaves out their thoughts) they are not, and InvalidInput
    asks for `last_only`: the last reply alone is learnt, which is what such a model sees when it answers.
    """
    text, marked = template.spans(messages)
    spans = marked if template.marks_generation else list(_by_prefixes(template, messages, text, last_only))
    if template.marks_generation and last_only:
        spans = spans[-1:]
    encoding = tokenizer.backend.encode(text, add_special_tokens=False)
    said = [False] * len(encoding.ids)
    offsets = encoding.offsets
    for start, end in spans:
        inside = [at for at, (first, last) in enumerate(offsets) if first < end and last > start]
        if not template.marks_generation:
            inside = _up_to_end_of_turn(inside, encoding.ids, text, offsets, tokenizer)
        for at in inside:
            said[at] = True
    return ChatTokens(encoding.ids, said)


def reply_tokens(
    tokenizer: Tokenizer, template: ChatTemplate, prompt: Sequence[Message], reply: str
) -> ChatTokens:
    """A prompt and one reply to it: what is said is the reply and what ends it."""
    return chat_tokens(
        tokenizer, template, [*prompt, {"role": "assistant", "content": reply}], last_only=True
    )


def _by_prefixes(
    template: ChatTemplate, messages: Sequence[Message], text: str, last_only: bool
) -> Iterator[Span]:
    turns = [at for at, message in enumerate(messages) if message.get("role") == "assistant"]
    for at in turns[-1:] if last_only else turns:
        if at == 0:
            raise InvalidInput(
                "The assistant cannot speak first: this template does not mark what it says.",
                expected="a message of the user or the system before it, or a template with generation blocks",
            )
        before = template.render(messages[:at], add_generation_prompt=True)
        through = text if at == len(messages) - 1 else template.render(messages[: at + 1])
        if not (text.startswith(through) and through.startswith(before)):
            raise InvalidInput(
                "This chat template writes an earlier turn differently once others follow: "
                "what the assistant says in it cannot be told.",
                got=_first_difference(before, through, text),
                expected="a template with generation blocks, or `turns: last`",
            )
        yield len(before), len(through)


def _first_difference(before: str, through: str, text: str) -> str:
    other, whole = (before, through) if not through.startswith(before) else (through, text)
    at = next((at for at, (a, b) in enumerate(zip(other, whole, strict=False)) if a != b), len(other))
    return f"{other[max(0, at - 20) : at + 30]!r} / {whole[max(0, at - 20) : at + 30]!r}"


def _up_to_end_of_turn(
    inside: list[int], ids: Sequence[int], text: str, offsets: Sequence[Span], tokenizer: Tokenizer
) -> list[int]:
    """`inside` without the white space that a template puts after the token that ends a turn: nobody says it."""
    special = tokenizer.special_ids
    last = next((at for at in reversed(inside) if ids[at] in special), None)
    if last is None or text[offsets[last][1] : offsets[inside[-1]][1]].strip():
        return inside
    return [at for at in inside if at <= last]


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_FILE
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Damaged("The tokenizer's file cannot be read.", got=str(error), where=str(path)) from None
    return config if isinstance(config, dict) else {}


REASONING = (
    "reasoning_content",
    "thinking",
    "reasoning",
)  # the names under which thoughts come; the first is read


def _plain_message(message: Message) -> dict[str, Any]:
    """A message of plain values, without those that are None; thoughts under the names that templates read."""
    plain = {str(key): _plain(value) for key, value in message.items() if value is not None}
    thoughts = next((plain[name] for name in REASONING if name in plain), None)
    return plain if thoughts is None else {"thinking": thoughts, **plain, "reasoning_content": thoughts}


def _plain(value: Any) -> Any:
    """JSON's types alone: a template is a stranger's, and other objects have methods."""
    if value is None or type(value) in (str, int, float, bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)
    raise InvalidInput(
        "A chat template is given plain values alone.",
        got=type(value).__name__,
        expected="texts, numbers, lists and mappings",
    )


@lru_cache(maxsize=32)
def _compiled(source: str) -> Any:
    """The template, ready to render. Raises InvalidInput where it is not Jinja."""
    import jinja2
    from jinja2 import nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        """`{% generation %} … {% endgeneration %}`: renders its body and notes where it stands."""

        tags = {"generation"}  # noqa: RUF012 - Jinja's own form

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            self.environment.marks = True  # type: ignore[attr-defined]
            return nodes.CallBlock(self.call_method("_note"), [], [], body).set_lineno(line)

        def _note(self, caller: Any) -> str:
            said = str(caller())
            tracked = _tracked.get()
            if tracked is not None:
                start = sum(map(len, tracked[0]))
                tracked[1].append((start, start + len(said)))
            return said

    class Namespace(jinja2.utils.Namespace):
        """Jinja's, without names that lead into Python's inside."""

        def __init__(*args: Any, **kwargs: Any) -> None:
            self, given = args[0], dict(*args[1:], **kwargs)
            for name in given:
                Namespace._check(name)
            jinja2.utils.Namespace.__init__(self, given)

        def __setitem__(self, name: str, value: Any) -> None:
            Namespace._check(name)
            super().__setitem__(name, value)

        @staticmethod
        def _check(name: object) -> None:
            if isinstance(name, str) and name.startswith("_"):
                raise jinja2.exceptions.SecurityError(f"{name!r} cannot be kept in a namespace")

    environment: Any = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.marks = False
    environment.filters["tojson"] = _tojson
    environment.globals |= {
        "raise_exception": _refuse,
        "strftime_now": lambda form: datetime.now().strftime(form),
        "namespace": Namespace,
    }
    try:
        return environment.from_string(source)
    except jinja2.TemplateSyntaxError as error:
        raise InvalidInput(
            "The chat template is not Jinja as transformers reads it.", got=f"{error} (line {error.lineno})"
        ) from None


def _refuse(message: str) -> None:
    import jinja2

    raise jinja2.TemplateError(message)


def _tojson(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Jinja's own would escape what means something in HTML."""
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )
