"""Where the store of a chain lives: `.catenary/` beside the chain file, unless the environment says
otherwise.

home = Home.of(Path("examples/reviews"))
home.path         # examples/reviews/.catenary, or CATENARY_HOME
home.catalog_url  # sqlite in that folder, or CATENARY_CATALOG (any SQLAlchemy URL of PostgreSQL)
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

HOME_FOLDER = ".catenary"


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of a store, and the database of its catalog.

    `catalog_url` may hold a password, so it is left out of the repr.
    """

    path: Path
    catalog_url: str = field(repr=False)

    @classmethod
    def of(cls, chain_folder: Path, environ: Mapping[str, str] | None = None) -> Home:
        """The home of the chain whose file lies in `chain_folder`; `environ` is the process's if None."""
        env = os.environ if environ is None else environ
        named = env.get("CATENARY_HOME")
        path = (Path(named).expanduser() if named else chain_folder / HOME_FOLDER).absolute()
        return cls(path, env.get("CATENARY_CATALOG") or f"sqlite:///{path / 'catalog.db'}")

    @property
    def keys(self) -> Path:
        """Private keys, and the public ones that this home trusts."""
        return self.path / "keys"
