"""The scenarios of `trigger`, read from `config/scenarios.toml`, and what one run is to do."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass

from worker.domain.activation import State
from worker.domain.shipped import config_directory
from worker.entrypoints.cli.exit_codes import Exit, Failure

SECONDS_MAX = 86_400
PRICE_MINOR = 20  #: What a simulated provider charges by default.


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Field comments: `config/scenarios.toml`."""

    name: str
    says: str
    expect: State
    share: float | None = None
    beyond: float | None = None
    code: bool = False
    cancel: bool = False

    def seconds(self, window: int) -> float | None:
        """When or how long, for a window of so many seconds; None: the provider decides."""
        if self.share is not None:
            return self.share * window
        return None if self.beyond is None else max(window + self.beyond, 0)

    def service(self, window: int, given: float | None) -> str:
        """The service name that makes the simulated provider behave so."""
        seconds = self.seconds(window) if given is None else given
        return self.name if seconds is None else f"{self.name}:{seconds:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRun:
    """One run of a scenario."""

    id: str  #: In the account and the keys, so that no call of another run is repeated.
    provider: str
    service: str
    country: str
    currency: str
    count: int
    window_seconds: int
    cancel: bool
    expect: State
    wait_seconds: float

    @property
    def account(self) -> str:
        return f"trigger-{self.id}"


def scenarios() -> dict[str, Scenario]:
    document = tomllib.loads((config_directory() / "scenarios.toml").read_text(encoding="utf-8"))
    return {name: _scenario(name, table) for name, table in document.items()}


def _scenario(name: str, table: Mapping[str, object]) -> Scenario:
    return Scenario(**{**table, "name": name, "expect": State(table["expect"])})  # type: ignore[arg-type]  # a shipped file, checked by a test


def parse_scenario(text: str) -> tuple[Scenario, float | None]:
    """`NAME` or `NAME:SECONDS`."""
    name, colon, rest = text.partition(":")
    known = scenarios()
    if name not in known:
        raise Failure(Exit.USAGE, f"no scenario {name!r}; there are: {', '.join(known)}")
    if not colon:
        return known[name], None
    try:
        seconds = float(rest)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= SECONDS_MAX:
        raise Failure(Exit.USAGE, f"{text}: seconds must be 0 to {SECONDS_MAX}")
    return known[name], seconds


def completions(incomplete: str) -> list[tuple[str, str]]:
    known = scenarios().items()
    return [(name, scenario.says) for name, scenario in known if name.startswith(incomplete)]
