"""What models are asked in the applications that are one instruction: write, code, tutor; and the parts of others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from catenary.apps.port import App, ChatModel, Conversation, Note, Piece
from catenary.digest import text_sha256
from catenary.messages import Language

INSTRUCTIONS: Mapping[str, Mapping[Language, str]] = {
    "write.article": {
        "en": "Write an article on what the user names: a title, then paragraphs with one thought each.",
        "zh": "就用户给出的题目写一篇文章：先写标题，再分段，每段一个意思。",
    },
    "write.product": {
        "en": "Write the text of a product page from the facts given. Claim nothing that they do not say.",
        "zh": "根据给出的事实写一段商品介绍，不得写事实中没有的内容。",
    },
    "write.advertising": {
        "en": "Write a short advertisement from the facts given. No superlatives, no promises that they do not hold.",
        "zh": "根据给出的事实写一则简短的广告。不用“最”“第一”等绝对化用语，不作事实之外的承诺。",
    },
    "write.email": {
        "en": "Write an e-mail that says what the user wants said: subject, greeting, matter, close.",
        "zh": "写一封邮件表达用户的意思：主题、称呼、正文、结尾。",
    },
    "write.poem": {"en": "Write a poem on what the user names.", "zh": "就用户给出的题目写一首诗。"},
    "code.complete": {
        "en": "Go on with the program from where it ends. Give only program text.",
        "zh": "从程序中断处接着写，只给出程序。",
    },
    "code.explain": {
        "en": "Explain what the program does, part by part, in plain words.",
        "zh": "用平实的语言逐段说明程序做什么。",
    },
    "code.review": {
        "en": "Review the program: name each fault with its line, why it is one, and the change that mends it.",
        "zh": "审查程序：逐条指出问题所在的行、原因和修改办法。",
    },
    "code.document": {
        "en": "Write the docstrings of the program: what each function takes, gives and raises.",
        "zh": "为程序写文档字符串：每个函数的参数、返回值和异常。",
    },
    "tutor.explain": {
        "en": "Explain the subject to a learner in three steps, then ask one question that shows if it is understood.",
        "zh": "分三步向学习者讲解，然后提一个问题检验是否理解。",
    },
    "tutor.ask": {
        "en": "Ask the learner three questions on the subject, from easy to hard. Do not answer them.",
        "zh": "就此内容由易到难提三个问题，不要给出答案。",
    },
    "tutor.path": {
        "en": "Lay out a path to learn the subject: five steps, each with an aim and an exercise.",
        "zh": "列出学习路径：五步，每步有目标和练习。",
    },
}

PROGRAMS = frozenset({"code.complete", "code.document"})
"""Whose answers are programs, which say the same words again."""


def prompted(
    name: str,
    model: ChatModel,
    *,
    style: str | None = None,
    words: int | None = None,
    temperature: float = 0.0,
) -> App:
    """An application that is one instruction of INSTRUCTIONS, with a style and a length perhaps."""

    async def answer(conversation: Conversation) -> AsyncIterator[Piece]:
        language = conversation.language
        parts = [INSTRUCTIONS[name][language]]
        if style:
            parts.append({"en": f"Style: {style}.", "zh": f"风格：{style}。"}[language])
        if words:
            parts.append({"en": f"About {words} words.", "zh": f"约 {words} 字。"}[language])
        system = " ".join(parts)
        yield Note({"template": template(name, system), "model": model.name})
        messages = [{"role": "system", "content": system}, *conversation.messages]
        said = model.write(
            messages,
            max_tokens=conversation.max_tokens,
            temperature=temperature,
            repeats=name in PROGRAMS,
        )
        async for text in said:
            yield text

    return answer


def template(name: str, text: str) -> dict[str, str]:
    """A template as a receipt holds it."""
    return {"name": name, "sha256": text_sha256(text)}
