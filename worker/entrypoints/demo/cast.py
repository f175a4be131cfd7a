"""Which numbers are rented, what each will go through, and how each must end."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

ACCOUNTS: Final = 5
PRICE_MINOR: Final = 125


@dataclass(frozen=True, slots=True)
class Part:
    """One behaviour of the simulated provider, and the ending its customers must get."""

    behaviour: str
    share: int  #: Of a hundred numbers.
    ending: str
    codes: int = 0
    earliest: float = 0.0  #: Seconds after the rental, as a share of the window.
    latest: float = 0.0
    presses_cancel: bool = False


PARTS: Final = (
    Part("code-arrives", 40, "delivered", codes=1, earliest=0.1, latest=0.6),
    Part("two-codes", 5, "delivered", codes=2, earliest=0.1, latest=0.4),
    Part("duplicate-code", 5, "delivered", codes=1, earliest=0.1, latest=0.4),
    Part("timeout", 28, "refunded"),
    Part("code-late", 5, "refunded", earliest=2.5, latest=3.0),
    Part("cancel", 7, "refunded", presses_cancel=True),
    Part("cancel-race", 5, "delivered", codes=1, presses_cancel=True),
    Part("provider-cancels", 5, "refunded", earliest=0.2, latest=0.5),
)

LATEST_CODE: Final = 0.6  #: Of the window: by then every code of a delivered number has come.

assert sum(part.share for part in PARTS) == 100
assert all(part.latest <= LATEST_CODE for part in PARTS if part.codes)


@dataclass(frozen=True, slots=True)
class Role:
    """One number to rent."""

    number: int
    account: str
    service: str  #: Forces the behaviour at the simulator.
    part: Part


def cast(numbers: int, window: float, seed: int) -> Sequence[Role]:
    """The same numbers for the same seed, each behaviour with its share, in mixed order."""
    random = Random(seed)  # noqa: S311 - repeatable on purpose
    wanted = [part for part in PARTS for _ in range(max(1, round(numbers * part.share / 100)))]
    random.shuffle(wanted)
    parts = (wanted + [PARTS[0]] * numbers)[:numbers]
    return [
        Role(number, f"customer-{number % ACCOUNTS + 1}", _service(part, window, random), part)
        for number, part in enumerate(parts)
    ]


def _service(part: Part, window: float, random: Random) -> str:
    if part.latest == 0.0:
        return part.behaviour
    return f"{part.behaviour}:{random.uniform(part.earliest, part.latest) * window:.2f}"
