"""The life of a written answer, whatever route it was asked by.

1. The guard reads what is asked; what it blocks is answered with nothing, and `content_filter`.
2. Where the answer is known (the caches), it is told again.
3. The engine writes; each piece passes the guard and the reader of tool calls before it is told.
4. When all is written, the receipt is stored; only then is it told why the answer ended.
5. Whoever leaves early, and whatever fails, leaves a receipt of what was written until then, marked `cut`.

Where a person must sign answers, nothing of step 3 is told: the draft is stored with the receipt, and told is that it
waits (`holding.py`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from catenary.digest import digest, text_sha256
from catenary.serve.cache import Known
from catenary.serve.engine import Delta, FinishReason, Logprob, Made, Spent, WriteJob
from catenary.serve.guard import OutputGuard, Verdict
from catenary.serve.holding import draft_of, facts_of, notice, require_kept
from catenary.serve.meant import Meant
from catenary.serve.receipts import Outcome, Receipt
from catenary.serve.request import Asking
from catenary.serve.tools import ToolReader, merged_calls


@dataclass(slots=True)
class Answer:
    """One answer in the making."""

    guard: OutputGuard
    tools: ToolReader | None
    text: list[str] = field(default_factory=list)
    tokens: int = 0
    logprobs: list[Logprob] = field(default_factory=list)
    tool_calls: list[Mapping[str, Any]] = field(default_factory=list)
    finish_reason: FinishReason | None = None

    @property
    def said(self) -> str:
        return "".join(self.text)

    def to_json(self, keep: bool) -> dict[str, Any]:
        """As the receipt keeps it."""
        told: dict[str, Any] = {
            "sha256": text_sha256(self.said),
            "text": self.said if keep else None,
            "tokens": self.tokens,
            "finish_reason": self.finish_reason,
        }
        if self.tool_calls:
            told["tools"] = merged_calls(self.tool_calls) if keep else None
        return told


@dataclass(slots=True, kw_only=True)
class Writing:
    """One request for written answers. Iterate `deltas` to its end; then `answers`, `spent` and `receipt` stand.

    `asked`: what the receipt keeps in place of the job's prompts; `noted`: what it keeps beside them.
    `labelled`: the visible label may stand behind the text (not behind JSON). `metadata`: the client's own.
    """

    asking: Asking
    job: WriteJob
    asked: Sequence[Any] | None = None
    noted: Mapping[str, Any] = field(default_factory=dict)
    tool_names: Sequence[str] = ()
    forced_tool: bool = False
    several_tools: bool = True
    labelled: bool = True
    metadata: Mapping[str, str] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)
    spent: Spent = field(default_factory=lambda: Spent(0))
    verdicts: list[Verdict] = field(default_factory=list)
    first_token_seconds: float | None = None
    receipt: Receipt | None = None
    made: dict[str, Any] = field(default_factory=dict)
    cache: Literal["exact", "semantic"] | None = None
    _cached: Mapping[str, Any] = field(default_factory=dict)

    async def deltas(self, settle: Callable[[int], None] = lambda _: None) -> AsyncIterator[Delta]:
        """What may be told, as it comes; the finish reasons last, when the receipt is stored.

        `settle` is told the tokens that the request took, also when it ends early.
        """
        gateway, role = self.asking.gateway, self.asking.served.sign_off
        if role is not None:
            require_kept(self.asking)
        self.answers = [self._answer() for _ in range(self.job.answers)]
        begun = role is None
        try:
            job = await self._judged()
            if job is not None:
                last = self.asking.started
                async with aclosing(self._pieces(job)) as pieces:  # type: ignore[type-var]
                    async for piece in pieces:
                        if not begun:  # a stream's headers go out: the draft may take its time
                            begun = True
                            yield Delta(0, "")
                        if isinstance(piece, Spent):
                            self.spent = piece
                            continue
                        if isinstance(piece, Made):
                            self.made.update(piece.values)
                            continue
                        now = time.perf_counter()
                        self._time(piece, now, last)
                        last = now
                        told = await self._passed(piece)
                        if told is not None and role is None:
                            yield told
        except BaseException:
            self._settle(settle)
            if role is not None:
                self._withheld()
            if self.spent.prompt_tokens or any(answer.tokens for answer in self.answers):
                gateway.ledger.add(self._receipt("cut"))
            raise
        self._settle(settle)
        blocked = any(answer.finish_reason == "content_filter" for answer in self.answers)
        draft = None if role is None else self._withheld()
        if role is None or blocked:
            self.receipt = self._receipt("blocked" if blocked else "complete")
            await gateway.ledger.put(self.receipt)
        else:
            waits = notice(self.asking, role, self.job)
            self.answers[0].text, self.answers[0].finish_reason = [waits], "stop"
            self.made["held"] = {"role": role}
            self.receipt = replace(self._receipt("held"), draft=draft)
            await gateway.ledger.put(self.receipt)
            yield Delta(0, waits)
        self._count()
        for number, answer in enumerate(self.answers):
            assert answer.finish_reason is not None
            yield Delta(number, "", finish_reason=answer.finish_reason)

    async def whole(self, settle: Callable[[int], None] = lambda _: None) -> None:
        """Run to the end."""
        async with aclosing(self.deltas(settle)) as deltas:  # type: ignore[type-var]
            async for _ in deltas:
                pass

    def _answer(self) -> Answer:
        reader = None
        if self.tool_names:
            reader = ToolReader(self.tool_names, forced=self.forced_tool, several=self.several_tools)
        return Answer(self.asking.gateway.guard.of_output(), reader)

    async def _judged(self) -> WriteJob | None:
        """The job as the guard lets it pass; None where it does not, and every answer is then empty."""
        guard = self.asking.gateway.guard
        if not guard.input:
            return self.job
        texts = [text for prompt in self.job.prompts for text in _texts(prompt)]
        roles = [role for prompt in self.job.prompts for role in _roles(prompt)]
        operators = [at for at, role in enumerate(roles) if role == "system"]
        checked = await guard.check_input(texts, operators)
        self.verdicts += checked.verdicts
        if checked.blocked:
            for answer in self.answers:
                answer.finish_reason = "content_filter"
            return None
        passed = iter(checked.texts)
        return replace(self.job, prompts=tuple(_with_texts(prompt, passed) for prompt in self.job.prompts))

    async def _pieces(self, job: WriteJob) -> AsyncIterator[Delta | Made | Spent]:
        served, gateway = self.asking.served, self.asking.gateway
        exact, model = gateway.cache, served.model_digest or served.release
        key = None if exact is None or served.app else exact.key(model, job)
        known = None if exact is None or key is None else exact.get(key)
        if known is not None:
            self.cache = "exact"
        meant = None
        if known is None and gateway.semantic_cache is not None and not served.app:
            meant = await Meant.of(gateway.semantic_cache, gateway, self.asking, job)
            known = self._similar(meant)
        if known is not None:
            served.require()
            for delta in known.deltas:
                yield delta
            yield replace(known.spent, cached_tokens=known.spent.prompt_tokens)
            return
        kept: list[Delta] = []
        spent = Spent(0)
        async with aclosing(served.engine.write(job)) as pieces:  # type: ignore[type-var]
            async for piece in pieces:
                if isinstance(piece, Spent):
                    spent = piece
                elif isinstance(piece, Delta) and (key is not None or meant is not None):
                    kept.append(piece)
                yield piece
        whole = Known(tuple(kept), spent)
        if exact is not None and key is not None:
            exact.put(key, whole)
        if meant is not None and self.asking.keep:
            meant.keep(whole, self.asking.receipt_id)

    def _similar(self, meant: Meant | None) -> Known | None:
        found = None if meant is None else meant.similar()
        if found is None:
            return None
        self.cache = "semantic"
        self._cached = {"receipt": found.receipt, "similarity": found.similarity}
        return found.known

    async def _passed(self, piece: Delta) -> Delta | None:
        """What of a piece may be told now."""
        answer = self.answers[piece.choice]
        answer.tokens += piece.tokens
        answer.logprobs += piece.logprobs
        if answer.finish_reason is not None:
            return None
        if (
            answer.guard.idle
            and answer.tools is None
            and piece.finish_reason is None
            and not piece.tool_calls
        ):
            answer.text.append(piece.text)
            return piece if piece.text or piece.logprobs else None
        text = await answer.guard.push(piece.text)
        if piece.finish_reason is not None:
            text += await answer.guard.end()
        calls: list[Mapping[str, Any]] = list(piece.tool_calls)
        if answer.tools is not None:
            text, found = answer.tools.push(text)
            calls += found
            if piece.finish_reason is not None:
                rest, found = answer.tools.end()
                text += rest
                calls += found
        if answer.guard.blocked:
            answer.finish_reason = "content_filter"
        elif piece.finish_reason is not None:
            answer.finish_reason = piece.finish_reason
            if (answer.tool_calls or calls) and piece.finish_reason in ("stop", "tool_calls"):
                answer.finish_reason = "tool_calls"
            label = self.asking.gateway.label
            if label is not None and label.visible and self.labelled and not answer.tool_calls and not calls:
                text += label.visible
        answer.tool_calls += calls
        if text:
            answer.text.append(text)
        if text or piece.logprobs or calls:
            return Delta(piece.choice, text, piece.tokens, piece.logprobs, None, tuple(calls))
        return None

    def _time(self, piece: Delta, now: float, last: float) -> None:
        metrics, model = self.asking.gateway.metrics, self.asking.served.name
        if self.first_token_seconds is None:
            self.first_token_seconds = round(now - self.asking.started, 6)
            metrics.first_token.see(self.first_token_seconds, model_name=model)
        elif self.job.stream and piece.tokens:
            metrics.each_token.see((now - last) / piece.tokens, model_name=model)

    def _withheld(self) -> dict[str, Any]:
        """The draft, which leaves the answer."""
        draft = draft_of(self.answers[0], self.made)
        for answer in self.answers:
            answer.text, answer.tool_calls, answer.logprobs = [], [], []
        self.made = facts_of(self.made)
        return draft

    def _settle(self, settle: Callable[[int], None]) -> None:
        settle(self.spent.prompt_tokens + self._written())

    def _written(self) -> int:
        return self.spent.completion_tokens or sum(answer.tokens for answer in self.answers)

    def _receipt(self, outcome: Outcome) -> Receipt:
        keep = self.asking.keep
        for answer in self.answers:
            self.verdicts += [one for one in answer.guard.verdicts if one not in self.verdicts]
        settings = {name: value for name, value in self.job.settings.items() if name != "constraint"}
        constraint = self.job.settings.get("constraint")
        prompts = list(self.job.prompts if self.asked is None else self.asked)
        asked: dict[str, Any] = {
            "sha256": digest(["asked", prompts]),
            "messages": prompts if keep else None,
            "settings": settings,
            "stream": self.job.stream,
            **self.noted,
        }
        if constraint is not None:
            asked["constraint"] = {
                "kind": constraint["kind"],
                "sha256": text_sha256(constraint.get("source", "")),
            }
        if self.job.tools:
            asked["tool_names"] = list(self.tool_names)
        return self.asking.receipt(
            asked=asked,
            answers=tuple(answer.to_json(keep) for answer in self.answers),
            guard=tuple(verdict.to_json() for verdict in self.verdicts),
            input_tokens=self.spent.prompt_tokens,
            output_tokens=self._written(),
            cached_tokens=self.spent.cached_tokens,
            first_token_seconds=self.first_token_seconds,
            outcome=outcome,
            cache=self.cache,
            cached=dict(self._cached),
            metadata=dict(self.metadata),
            made=self.made,
        )

    def _count(self) -> None:
        metrics, model = self.asking.gateway.metrics, self.asking.served.name
        seconds = time.perf_counter() - self.asking.started
        written = self._written()
        metrics.prompt_tokens.add(self.spent.prompt_tokens, model_name=model)
        metrics.generation_tokens.add(written, model_name=model)
        metrics.cached_tokens.add(self.spent.cached_tokens, model_name=model)
        metrics.whole.see(seconds, model_name=model)
        metrics.asked.see(self.spent.prompt_tokens, model_name=model)
        metrics.written.see(written, model_name=model)
        if written > 1 and self.first_token_seconds is not None:
            each = max(0.0, seconds - self.first_token_seconds) / (written - 1)
            metrics.per_token.see(each, model_name=model)
        if self.cache is not None:
            metrics.cache_hits.add(model_name=model, kind=self.cache)
        for answer in self.answers:
            metrics.success.add(model_name=model, finished_reason=str(answer.finish_reason))
        for verdict in self.verdicts:
            metrics.guard.add(rule=verdict.rule, action=verdict.action, side=verdict.side)


def _texts(prompt: Any) -> list[str]:
    """What of a prompt somebody wrote: the guard cannot read ids."""
    if isinstance(prompt, str):
        return [prompt]
    if prompt and isinstance(prompt[0], Mapping):
        return [str(message.get("content") or "") for message in prompt]
    return []


def _roles(prompt: Any) -> list[str]:
    """Whose each of `_texts` is."""
    if prompt and not isinstance(prompt, str) and isinstance(prompt[0], Mapping):
        return [str(message["role"]) for message in prompt]
    return ["user"] if isinstance(prompt, str) else []


def _with_texts(prompt: Any, texts: Any) -> Any:
    if isinstance(prompt, str):
        return next(texts)
    if prompt and isinstance(prompt[0], Mapping):
        return [{**message, "content": next(texts)} for message in prompt]
    return prompt


def usage_json(spent: Spent) -> dict[str, Any]:
    """What it cost, in OpenAI's words."""
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "total_tokens": spent.prompt_tokens + spent.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": spent.cached_tokens},
    }


def logprob_json(one: Logprob) -> dict[str, Any]:
    """A token in chat's words for log probabilities."""
    told: dict[str, Any] = {"token": one.token, "logprob": one.logprob, "bytes": list(one.token.encode())}
    top = [{"token": name, "logprob": value, "bytes": list(name.encode())} for name, value in one.top]
    return {**told, "top_logprobs": top}
