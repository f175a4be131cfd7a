"""Money as providers write it, in minor units: never through a float."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

from worker.domain.money import AMOUNT_MAX, minor_digits

#: ISO 4217 numbers seen in replies.
_BY_NUMBER = {156: "CNY", 398: "KZT", 643: "RUB", 840: "USD", 978: "EUR", 980: "UAH"}
_MOST = AMOUNT_MAX // 1000


def cost_minor(value: object, currency: str) -> int | None:
    """A price, rounded up: what is owed is never understated. None where it is none."""
    return _minor(value, currency, ROUND_CEILING)


def cost_in(value: object, currency: str) -> tuple[int, str] | tuple[None, None]:
    """A price with its currency; None for both where there is none."""
    cost = cost_minor(value, currency)
    return (None, None) if cost is None else (cost, currency)


def balance_minor(value: object, currency: str) -> int | None:
    """A balance, rounded down; it may be below zero."""
    return _minor(value, currency, ROUND_FLOOR, below_zero=True)


def major(minor: int, currency: str) -> str:
    """A price as providers take it: `21` cents are `0.21`."""
    return f"{Decimal(minor).scaleb(-minor_digits(currency)):f}"


def currency_of(value: object, default: str) -> str:
    """The currency a reply names by its ISO 4217 number, else the configured one."""
    if isinstance(value, str) and value.isdecimal() and len(value) <= 3:
        value = int(value)
    return _BY_NUMBER.get(value, default) if type(value) is int else default


def _minor(value: object, currency: str, rounding: str, *, below_zero: bool = False) -> int | None:
    amount = _decimal(value)
    # Compared before it is turned into an int: 1e999999 would be a very long one.
    if amount is None or not -_MOST <= amount <= _MOST or (amount < 0 and not below_zero):
        return None
    return int(amount.scaleb(minor_digits(currency)).to_integral_value(rounding))


def _decimal(value: object) -> Decimal | None:
    if type(value) is int:
        return Decimal(value)
    if isinstance(value, str) and len(value) <= 32:
        try:
            value = Decimal(value.strip())
        except InvalidOperation:
            return None
    return value if isinstance(value, Decimal) and value.is_finite() else None
