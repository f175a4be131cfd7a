"""What is wrong with a configuration: every problem with its key and where it came from."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing to put right. No text here holds a secret's value."""

    key: str  #: `providers.hero.base_url`; empty where a whole file is meant.
    source: str  #: A file, a name of the environment, "command line" or "default".
    message: str

    def __str__(self) -> str:
        where = f"{self.key} ({self.source})" if self.key else self.source
        return f"{where}: {self.message}"


class ConfigError(Exception):
    """The daemon must not start with this configuration."""

    def __init__(self, problems: Sequence[ConfigProblem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)
