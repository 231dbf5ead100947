"""`train:` of a link whose steps several processes can share."""

from __future__ import annotations

from typing import Annotated

from pydantic import model_validator

from catenary.chain.stage import How
from catenary.errors import InvalidInput
from catenary.train.settings import LaunchSettings, TrainSettings, require_shardable


class LaunchedSettings(TrainSettings):
    """How weights are moved (TrainSettings), and by how many processes."""

    train: Annotated[LaunchSettings, How()] = LaunchSettings()

    @model_validator(mode="after")
    def _can_be_launched(self) -> LaunchedSettings:
        if self.train.processes > self.accumulate:
            raise InvalidInput(
                "Processes share the parts of a step: there must be as many parts as processes.",
                got=f"processes: {self.train.processes}, accumulate: {self.accumulate}",
                expected="`accumulate: {n}` or more",
                n=self.train.processes,
            )
        require_shardable(self, self.train.sharding)
        return self
