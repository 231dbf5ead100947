"""Holding evidence against a profile, requirement by requirement."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catenary.digest import file_sha256
from catenary.errors import Damaged
from catenary.govern.profiles.read import Profile, Requirement

Z = 1.959963984540054  # of 95 %, two-sided


@dataclass(frozen=True, slots=True)
class Evidence:
    """One file of evidence, counted. `unreviewed`: items without two different people; `accepted`: who accepted it."""

    sha256: str
    n: int
    passed: int
    classes: Mapping[str, int]
    unreviewed: int
    accepted: str | None
    doubles: int


@dataclass(frozen=True, slots=True)
class RequirementResult:
    """Whether one requirement is met, what was counted, and a sentence."""

    id: str
    passed: bool
    evidence: Mapping[str, Any]
    sentence: str


@dataclass(frozen=True, slots=True)
class ProfileResult:
    """All requirements of a profile, judged."""

    profile: str
    version: int
    digest: str
    rule: str
    results: tuple[RequirementResult, ...]

    @property
    def passed(self) -> bool:
        """Whether every requirement is met."""
        return all(one.passed for one in self.results)


def wilson_bounds(passed: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a share (Wilson, JASA 22, 1927).

    >>> round(wilson_bounds(285, 300)[0], 3), wilson_bounds(293, 300)[0] > 0.95
    (0.919, True)
    """
    if n == 0:
        return 0.0, 1.0
    share, zz = passed / n, Z * Z
    middle = (share + zz / (2 * n)) / (1 + zz / n)
    reach = Z / (1 + zz / n) * math.sqrt(share * (1 - share) / n + zz / (4 * n * n))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def evidence_of(folder: Path) -> dict[str, Evidence]:
    """requirement → its evidence, from the files `<id>.jsonl` of a folder; none where there is no folder.

    Raises Damaged for a line that is no JSON object.
    """
    return {path.stem: _counted(path) for path in sorted(folder.glob("*.jsonl"))}


def _counted(path: Path) -> Evidence:
    n = passed = unreviewed = doubles = 0
    classes: Counter[str] = Counter()
    accepted: str | None = None
    seen: set[str] = set()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            if not isinstance(item, dict):
                raise TypeError(item)
        except (ValueError, TypeError) as error:
            raise Damaged(
                "A line of evidence cannot be read.", where=f"{path}:{number}", got=line[:100]
            ) from error
        if item.get("accepted_by") and item.get("why"):
            accepted = str(item["accepted_by"])
            continue
        name = str(item.get("id", ""))
        doubles += name in seen or not name
        seen.add(name)
        n += 1
        passed += item.get("passed") is True
        classes[str(item.get("class", ""))] += 1
        by, reviewer = item.get("by"), item.get("reviewed_by")
        unreviewed += not (by and reviewer and by != reviewer)
    return Evidence(
        file_sha256(path), n, passed, dict(sorted(classes.items())), unreviewed, accepted, doubles
    )


def judge_profile(
    profile: Profile, evidence: Mapping[str, Evidence], *, rule: str = "point", corpus_items: int = 0
) -> ProfileResult:
    """Every requirement, judged. `corpus_items` is what a share of the corpus is a share of."""
    results = [_judge(one, evidence.get(one.id), rule, corpus_items) for one in profile.requirements]
    return ProfileResult(profile.id, profile.version, profile.digest, rule, tuple(results))


def _judge(wanted: Requirement, found: Evidence | None, rule: str, corpus_items: int) -> RequirementResult:
    head = f"{wanted.id} ({wanted.clause}, {wanted.source})"
    if found is None:
        return RequirementResult(wanted.id, False, {}, f"{head}: no evidence")
    told: dict[str, Any] = {
        "file_sha256": found.sha256, "n": found.n, "passed": found.passed, "classes": dict(found.classes),
        "source": wanted.source, "clause": wanted.clause,
    }  # fmt: skip
    wrong: list[str] = [f"{found.doubles} items without an id of their own"] if found.doubles else []
    match wanted.kind:
        case "share":
            wrong += _share(wanted, found, rule, corpus_items, told)
        case "bank":
            wrong += _bank(wanted, found)
        case "reviewed":
            if found.n == 0 or found.unreviewed:
                wrong.append(f"{found.unreviewed} of {found.n} items not reviewed by a second person")
        case "answered":
            told["accepted_by"] = found.accepted
            if not (found.accepted or (found.n and found.passed == found.n)):
                wrong.append(f"{found.passed} of {found.n} tests passed and no signed acceptance")
    return RequirementResult(
        wanted.id, not wrong, told, f"{head}: {'; '.join(wrong) or f'{found.passed}/{found.n}'}"
    )


def _share(
    wanted: Requirement, found: Evidence, rule: str, corpus_items: int, told: dict[str, Any]
) -> list[str]:
    low, high = wilson_bounds(found.passed, found.n)
    told |= {"low": low, "high": high, "rule": rule}
    share = found.passed / found.n if found.n else 0.0
    least = max(wanted.n_at_least, math.ceil((wanted.of_corpus_at_least or 0) * corpus_items), 1)
    wrong = [f"{found.n} items, at least {least}"] if found.n < least else []
    if wanted.share_at_least is not None:
        figure = low if rule == "wilson" else share
        if figure < wanted.share_at_least:
            wrong.append(f"{figure:.4f}, at least {wanted.share_at_least:g}")
    if wanted.share_at_most is not None:
        figure = high if rule == "wilson" else share
        if figure > wanted.share_at_most:
            wrong.append(f"{figure:.4f}, at most {wanted.share_at_most:g}")
    return wrong


def _bank(wanted: Requirement, found: Evidence) -> list[str]:
    wrong = [f"{found.n} items, at least {wanted.n_at_least}"] if found.n < wanted.n_at_least else []
    named = [name for name in found.classes if name]
    if len(named) < wanted.classes_at_least:
        wrong.append(f"{len(named)} classes, at least {wanted.classes_at_least}")
    for name in named:
        begins = [start for start in wanted.each_at_least if start and name.startswith(start)]
        least = wanted.each_at_least[max(begins, key=len)] if begins else wanted.each_at_least.get("", 0)
        if found.classes[name] < least:
            wrong.append(f"{name}: {found.classes[name]}, at least {least}")
    return wrong
