"""Money: an integer in minor units with an ISO 4217 code, never a float."""

import re
from decimal import Decimal

AMOUNT_MAX = 10**15  #: Ten trillion of the major unit: above any balance, far below bigint.
_CURRENCY = re.compile(r"[A-Z]{3}")
# ISO 4217 currencies whose minor unit is not a hundredth.
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_FOUR_DIGITS = "CLF UYW"
_DIGITS = {
    **dict.fromkeys(_NO_DIGITS.split(), 0),
    **dict.fromkeys(_THREE_DIGITS.split(), 3),
    **dict.fromkeys(_FOUR_DIGITS.split(), 4),
}


def is_currency(code: str) -> bool:
    """Whether *code* has the shape of an ISO 4217 code."""
    return _CURRENCY.fullmatch(code) is not None


def minor_digits(currency: str) -> int:
    """How many digits of an amount are minor units: 2 for `0.21 USD`, 0 for `21 JPY`."""
    return _DIGITS.get(currency, 2)


def decimal_text(minor: int, currency: str) -> str:
    """For people: `0.21` for 21 US cents, `21` for 21 yen."""
    digits = minor_digits(currency)
    return f"{Decimal(minor).scaleb(-digits):.{digits}f}"
