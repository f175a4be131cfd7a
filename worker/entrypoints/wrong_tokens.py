"""Wrong tokens slow down the address they come from, and nobody else.

An address may send some at once and then one every few seconds; until then no token from it is
looked at, so guessing goes no faster. A token that was right from there before still passes: many
callers share one address behind a proxy, and one of them with an old token must not stop the rest.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final, TypeVar

AT_ONCE: Final = 20  #: Wrong tokens that an address may send before it has to wait.
EVERY_SECONDS: Final = 3.0  #: After those, one more in this time.
ADDRESSES_MAX: Final = 10_000  #: Remembered; of more, those heard of longest ago are forgotten.
PROVEN_MAX: Final = 10_000


K = TypeVar("K")
V = TypeVar("V")


class WrongTokens:
    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        at_once: int = AT_ONCE,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._monotonic, self._every_seconds = monotonic, every_seconds
        self._borrowed_seconds = (at_once - 0.5) * every_seconds  # Half a step against rounding.
        #: By address: until when its wrong tokens fill the time, as long as each fills.
        self._filled_until: OrderedDict[str, float] = OrderedDict()
        self._proven: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def seconds_to_wait(self, address: str, sent: bytes) -> int:
        """0: this token (its digest) may be looked at now."""
        place = _place(address)
        left = self._filled_until.get(place, 0.0) - self._monotonic() - self._borrowed_seconds
        return 0 if left <= 0 or (place, sent) in self._proven else math.ceil(left)

    def count(self, address: str, sent: bytes) -> None:
        """A wrong token came from there."""
        place = _place(address)
        # Once right and removed since: it would never wait, and make all others wait ever longer.
        self._proven.pop((place, sent), None)
        filled = max(self._filled_until.get(place, 0.0), self._monotonic())
        _remember(self._filled_until, place, filled + self._every_seconds, ADDRESSES_MAX)

    def prove(self, address: str, sent: bytes) -> None:
        """A right one came from there."""
        _remember(self._proven, (_place(address), sent), None, PROVEN_MAX)


def _remember(memory: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > most:
        memory.popitem(last=False)


@lru_cache(maxsize=ADDRESSES_MAX)  # Every call asks, most of them from few addresses.
def _place(address: str) -> str:
    """Whoever has an IPv6 address has 2**64 of them: its network counts as one."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address  # A UNIX socket has none.
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(parsed)
