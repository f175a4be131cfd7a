"""Money: an integer in minor units with an ISO 4217 code, never a float."""

import re
from dataclasses import dataclass

AMOUNT_MAX = 10**15  #: Ten trillion of the major unit: above any balance, far below bigint.
_CURRENCY = re.compile(r"[A-Z]{3}")


def is_currency(code: str) -> bool:
    """Whether *code* has the shape of an ISO 4217 code."""
    return _CURRENCY.fullmatch(code) is not None


@dataclass(frozen=True, slots=True)
class Money:
    minor: int
    currency: str

    def __post_init__(self) -> None:
        assert isinstance(self.minor, int)
        assert abs(self.minor) <= AMOUNT_MAX
        assert is_currency(self.currency)
