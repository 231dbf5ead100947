"""What would run and what is reused: every artifact's id follows from recipes alone, before anything runs.

    id = digest(stage, version, canonical settings, input ids)

so two chains that would make the same thing share it, and one changed setting moves the ids of just those links
that stand on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catenary.chain.file_digests import FileDigests
from catenary.chain.history import from_last_run
from catenary.chain.spec import Chain, Link
from catenary.chain.stage import Estimate, Known
from catenary.errors import CatenaryError
from catenary.messages import say
from catenary.store import Store, recipe_id
from catenary.store.outside_files import outside_files


@dataclass(frozen=True)
class Planned:
    """A link with its recipe resolved. `reason` (a text) says why it would run; empty where it is reused."""

    link: Link
    id: str
    settings: Mapping[str, Any]  # canonical, with the facts of outside files under "content"
    inputs: Mapping[str, str]  # role → artifact id
    reused: bool
    reason: str
    estimate: Estimate


@dataclass(frozen=True)
class Plan:
    """A chain's links in order, each with its artifact id."""

    chain: Chain
    steps: tuple[Planned, ...]

    def __getitem__(self, link: str) -> Planned:
        """The step of the link of this full or unique short name."""
        name = self.chain.link(link).full_name
        return next(step for step in self.steps if step.link.full_name == name)

    @property
    def to_run(self) -> tuple[Planned, ...]:
        return tuple(step for step in self.steps if not step.reused)


def plan(chain: Chain, store: Store, *, measure: bool = False) -> Plan:
    """Resolve the recipes of all links. With `measure`, links that would run may be tried out for their estimates.

    Raises InvalidInput or NotFound where a source's files are not as the chain file says.
    """
    recipes = _recipes(chain, store)
    sizes = store.sizes([recipe.id for recipe in recipes.values()])
    before = store.links(chain.project.name)
    steps: dict[str, Planned] = {}
    for name, recipe in recipes.items():
        size = sizes.get(recipe.id)
        earlier = before[name].artifact_id if name in before else None
        steps[name] = Planned(
            link=recipe.link,
            id=recipe.id,
            settings=recipe.settings,
            inputs=recipe.inputs,
            reused=size is not None,
            reason="" if size is not None else _reason(store, earlier, recipe),
            estimate=_estimate(store, recipe, steps, earlier, measure)
            if size is None
            else Estimate(0.0, 0, size),
        )
    return Plan(chain, tuple(steps.values()))


@dataclass(frozen=True)
class _Recipe:
    """What the id of a link's artifact is the digest of."""

    link: Link
    id: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]


def _recipes(chain: Chain, store: Store) -> dict[str, _Recipe]:
    """The recipe of each link, in order, by its name."""
    erased = store.erased_by_source()
    found: dict[str, _Recipe] = {}
    with FileDigests.of(store.home.path) as digests:
        for link in chain.links:
            settings = link.stage.recipe_of(link.settings)
            if link.stage.content:
                try:
                    content = link.stage.content(link.name, link.settings, chain.folder, digests.sha256)
                except CatenaryError as error:
                    error.where = error.where or link.where
                    raise
                settings |= {"content": content} if content else {}
            if link.stage.kind == "collection" and link.name in erased:
                settings["content"] = {**settings.get("content", {}), "erased": erased[link.name]}
            inputs = {role: found[target].id for role, target in sorted(link.inputs.items())}
            id = recipe_id(link.stage.name, link.stage.version, settings, inputs)
            found[link.full_name] = _Recipe(link, id, settings, inputs)
    return found


def _estimate(
    store: Store, recipe: _Recipe, steps: Mapping[str, Planned], earlier: str | None, measure: bool
) -> Estimate:
    """What a link that would run will take."""
    link = recipe.link
    if not link.inputs:
        files = outside_files(recipe.settings.get("content", {}))
        input_bytes = [files.bytes] if files.count else []
    else:
        input_bytes = [steps[name].estimate.disk_bytes for name in link.inputs.values()]
    last = store.get(earlier) if earlier is not None and store.has(earlier) else None
    then = from_last_run(store, link, last, input_bytes) if last is not None else None
    if then is not None and last is not None and last.manifest.settings == recipe.settings:
        return then
    if link.stage.forecast:
        known = {role: _known(store, steps[name]) for role, name in link.inputs.items()}
        found = link.stage.forecast(link.settings, known, measure)
        if found is not None:
            return found
    return then or link.stage.estimate(link.settings, input_bytes)


def _known(store: Store, step: Planned) -> Known:
    if not step.reused:
        return Known(step.link.settings, None)
    above = tuple(store.get(row.id) for row in store.ancestors(step.id))
    return Known(step.link.settings, store.get(step.id), above)


def _reason(store: Store, earlier: str | None, recipe: _Recipe) -> str:
    if earlier is None or not store.has(earlier):
        return say("new")
    manifest = store.get(earlier).manifest
    moved = sorted(
        target
        for role, target in recipe.link.inputs.items()
        if manifest.inputs.get(role) != recipe.inputs[role]
    )
    changed = [
        f"{key} {_short(old)} → {_short(new)}"
        for key, old, new in _differences(manifest.settings, recipe.settings)
    ]
    if changed:
        return say("changed: {changes}", changes="; ".join(changed[:3]))
    if moved:
        return say("stands on {links}, which runs again", links=", ".join(moved))
    return say("the stage has a new version")


def _differences(old: Any, new: Any, path: str = "") -> list[tuple[str, Any, Any]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return [
            found
            for key in sorted({*old, *new})
            for found in _differences(old.get(key), new.get(key), f"{path}.{key}" if path else key)
        ]
    return [] if old == new else [(path, old, new)]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"
