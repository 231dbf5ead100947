"""What licence an installed package declares, as an SPDX identifier where it has one.

>>> package_licence("snownlp")
'MIT'
"""

from __future__ import annotations

from importlib import metadata

from catenary.errors import InvalidInput, NotFound

# Trove classifiers, and the words that packages write in the old License field → SPDX (https://spdx.org/licenses).
CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "Academic Free License (AFL)": "AFL-3.0",
    "BSD License": "BSD-3-Clause",
    "Boost Software License 1.0 (BSL-1.0)": "BSL-1.0",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
    "Eclipse Public License 2.0 (EPL-2.0)": "EPL-2.0",
    "European Union Public Licence 1.2 (EUPL 1.2)": "EUPL-1.2",
    "GNU Affero General Public License v3": "AGPL-3.0-only",
    "GNU Affero General Public License v3 or later (AGPLv3+)": "AGPL-3.0-or-later",
    "GNU General Public License v2 (GPLv2)": "GPL-2.0-only",
    "GNU General Public License v2 or later (GPLv2+)": "GPL-2.0-or-later",
    "GNU General Public License v3 (GPLv3)": "GPL-3.0-only",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "GNU Lesser General Public License v2 or later (LGPLv2+)": "LGPL-2.0-or-later",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Mulan Permissive Software License v2 (MulanPSL-2.0)": "MulanPSL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "Universal Permissive License (UPL)": "UPL-1.0",
    "zlib/libpng License": "Zlib",
}
SPOKEN = {
    "apache": "Apache-2.0",
    "apache 2": "Apache-2.0",
    "apache 2.0": "Apache-2.0",
    "apache license 2.0": "Apache-2.0",
    "apache license, version 2.0": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd 2-clause": "BSD-2-Clause",
    "bsd 3-clause": "BSD-3-Clause",
    "isc": "ISC",
    "mit": "MIT",
    "mit license": "MIT",
    "mpl 2.0": "MPL-2.0",
    "psf": "PSF-2.0",
    "the mit license": "MIT",
    "unlicense": "Unlicense",
}
LONGEST_NAME = 100  # some packages put the licence's whole text in the License field: that is no name


def package_licence(name: str) -> str | None:
    """The licence in the metadata of the installed distribution `name`; None where it declares none.

    `License-Expression` (PEP 639) comes first, then the `License ::` classifiers, which are a fixed list, and last
    the free `License` field. Raises NotFound when the package is not installed.
    """
    told = distribution(name).metadata.json
    expression = str(told.get("license_expression") or "").strip()
    if expression:
        return expression
    last_parts = [line.split("::")[-1].strip() for line in told.get("classifier", []) if "License ::" in line]
    named = [CLASSIFIERS.get(part, part) for part in last_parts if part != "OSI Approved"]
    if named:
        return " OR ".join(sorted(set(named)))
    spoken = str(told.get("license") or "").strip()
    if spoken and "\n" not in spoken and len(spoken) <= LONGEST_NAME and spoken.upper() != "UNKNOWN":
        return spdx(spoken)
    return None


def spdx(text: str) -> str:
    """A licence as people write it, as its SPDX identifier where it is a known one."""
    return SPOKEN.get(" ".join(text.lower().split()), text.strip())


def distribution(name: str) -> metadata.Distribution:
    """The installed distribution `name`. Raises NotFound when there is none."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise NotFound(
            "The package {package} is not installed.", next="pip install {package}", package=name
        ) from None
    except ValueError:  # an empty name
        raise InvalidInput("This is not the name of a package.", got=repr(name)) from None
