"""Several classifiers as one: the mean of their probabilities (Hansen and Salamon 1990; Lakshminarayanan et al. 2017).

members/0, members/1 …    whole model folders
config.json               {"family": "ensemble", "members": 2}
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from catenary.errors import Damaged, InvalidInput
from catenary.files import make_folder, write_whole
from catenary.inference.folder import read_json
from catenary.inference.port import Classifier, Scores, Stop, Text, never, ranked

FAMILY = "ensemble"
MEMBERS = "members"


def write_ensemble(folder: Path, members: Sequence[Path]) -> None:
    """Copy whole model folders into one that answers as their mean."""
    make_folder(folder)
    for number, member in enumerate(members):
        shutil.copytree(member, folder / MEMBERS / str(number))
    config = json.dumps({"family": FAMILY, "members": len(members)}, indent=2, sort_keys=True)
    write_whole(folder / "config.json", (config + "\n").encode())


class Ensemble:
    """A `Classifier` that gives the mean of its members' probabilities."""

    def __init__(self, members: Sequence[Classifier]) -> None:
        self.labels: Sequence[str] = members[0].labels
        self._members = members

    def classify(self, texts: Sequence[Text], *, stop: Stop = never) -> list[Scores]:
        """See `Classifier.classify`; tokens are those of the member that reads the most."""
        told = [member.classify(texts, stop=stop) for member in self._members]
        return [self._mean([scores[number] for scores in told]) for number in range(len(texts))]

    def _mean(self, told: Sequence[Scores]) -> Scores:
        mean = [sum(one.probabilities[label] for one in told) / len(told) for label in self.labels]
        return Scores(
            ranked(self.labels, mean), max(one.tokens for one in told), all(one.truncated for one in told)
        )


def load_ensemble(folder: Path, members: Sequence[Classifier]) -> Ensemble:
    """The ensemble of these loaded members. Raises InvalidInput where their labels differ."""
    if len({frozenset(member.labels) for member in members}) > 1:
        raise InvalidInput(
            "Only classifiers with the same labels make an ensemble.",
            where=str(folder),
            got="; ".join(", ".join(member.labels) for member in members),
        )
    return Ensemble(members)


def member_folders(folder: Path) -> list[Path]:
    """Where the members of an ensemble stand. Raises Damaged where the number is wrong."""
    count = read_json(folder / "config.json").get("members")
    found = [folder / MEMBERS / str(number) for number in range(count if isinstance(count, int) else 0)]
    if not found or not all(path.is_dir() for path in found):
        raise Damaged("The ensemble lacks members.", where=str(folder), got=str(count))
    return found
