"""How a provider's requests per second become a budget that no second can exceed."""

import math
from dataclasses import dataclass
from typing import Final, Self

REFILL = 0.95  #: Of the rate is refilled in a second ...
BURST = 0.05  #: ... and this much of it may go at once, but always one request.

WANTS_US: Final = 250_000  #: How long who got too little counts as waiting: asked again by then.
#: While somebody with a greater need waits, one request in so many intervals is still granted.
SHARES: Final = (1, 4, 10)

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """One request each `interval_us`; those of `ahead_us` may be made in advance.

    So a half-open second sees fewer than (ahead + 1 s) / interval requests, which is at most the
    rate: 1/20 + 19/20 of it from 20 a second on, and fewer than 1 + 19/20 of it below that.
    Whole microseconds: in 2026 a float of them has only two bits left for fractions.
    """

    interval_us: int
    ahead_us: int

    @classmethod
    def per_second(cls, requests: float) -> Self:
        assert requests > 0
        interval = math.ceil(_SECOND_US / (requests * REFILL))
        return cls(interval, max(interval, math.floor(interval * requests * BURST)))
