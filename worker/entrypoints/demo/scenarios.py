"""Which numbers are rented, how the provider treats each, and how each must end."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

ACCOUNTS: Final = 5
PRICE_MINOR: Final = 125


@dataclass(frozen=True, slots=True)
class DemoScenario:
    """One behaviour of the simulated provider, and how its numbers must end."""

    behaviour: str
    share: int  #: Of a hundred numbers.
    ending: str
    codes: int = 0
    earliest: float = 0.0  #: Seconds after the rental, as a share of the window.
    latest: float = 0.0
    presses_cancel: bool = False


SCENARIOS: Final = (
    DemoScenario("code-arrives", 40, "delivered", codes=1, earliest=0.1, latest=0.6),
    DemoScenario("two-codes", 5, "delivered", codes=2, earliest=0.1, latest=0.4),
    DemoScenario("duplicate-code", 5, "delivered", codes=1, earliest=0.1, latest=0.4),
    DemoScenario("timeout", 28, "refunded"),
    DemoScenario("code-late", 5, "refunded", earliest=2.5, latest=3.0),
    DemoScenario("cancel", 7, "refunded", presses_cancel=True),
    DemoScenario("cancel-race", 5, "delivered", codes=1, presses_cancel=True),
    DemoScenario("provider-cancels", 5, "refunded", earliest=0.2, latest=0.5),
)

LATEST_CODE: Final = 0.6  #: Of the window: by then every code of a delivered number has come.

assert sum(scenario.share for scenario in SCENARIOS) == 100
assert all(scenario.latest <= LATEST_CODE for scenario in SCENARIOS if scenario.codes)


@dataclass(frozen=True, slots=True)
class PlannedNumber:
    """One number to rent."""

    number: int
    account: str
    service: str  #: Forces the behaviour at the simulator.
    scenario: DemoScenario


def plan_numbers(count: int, window: float, seed: int) -> Sequence[PlannedNumber]:
    """The same numbers for the same seed, each scenario with its share, in mixed order."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    shares = [
        scenario
        for scenario in SCENARIOS
        for _ in range(max(1, round(count * scenario.share / 100)))
    ]
    random.shuffle(shares)
    chosen = (shares + [SCENARIOS[0]] * count)[:count]
    return [
        PlannedNumber(
            number,
            f"customer-{number % ACCOUNTS + 1}",
            _service(scenario, window, random),
            scenario,
        )
        for number, scenario in enumerate(chosen)
    ]


def _service(scenario: DemoScenario, window: float, random: Random) -> str:
    if scenario.latest == 0.0:
        return scenario.behaviour
    seconds = random.uniform(scenario.earliest, scenario.latest) * window
    return f"{scenario.behaviour}:{seconds:.2f}"
