"""Regulators' figures as data: one versioned YAML file a rule set, and how evidence is held against it.

    profile = read_profile("tc260-003")
    found = judge_profile(profile, evidence_of(Path("evidence")), rule="wilson", corpus_items=120_000)
    found.passed, found.results[0].sentence

Evidence is one file a requirement, `<id>.jsonl`: a line an item, with `id`, `passed`, and where the
requirement asks for it
`class`, `by` (annotator) and `reviewed_by`. No total is ever typed by hand: it is counted.
"""

from catenary.govern.profiles.judge import (
    Evidence,
    ProfileResult,
    RequirementResult,
    evidence_of,
    judge_profile,
    wilson_bounds,
)
from catenary.govern.profiles.read import PROFILES, Profile, Requirement, read_profile
from catenary.govern.profiles.sample import draw, seed_of

__all__ = [
    "PROFILES",
    "Evidence",
    "Profile",
    "ProfileResult",
    "Requirement",
    "RequirementResult",
    "draw",
    "evidence_of",
    "judge_profile",
    "read_profile",
    "seed_of",
    "wilson_bounds",
]
