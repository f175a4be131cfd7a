"""What is a currency, and how many of its digits are minor units."""

import pytest
from iso4217 import Currency

from worker.domain.money import is_currency, minor_digits


@pytest.mark.parametrize("code", ["USD", "EUR", "XXX"])
def test_three_capitals_are_a_currency(code: str) -> None:
    assert is_currency(code)


@pytest.mark.parametrize("code", ["", "US", "USDT", "usd", "U5D", "USD ", "USD\n", "ÄÖÜ"])
def test_anything_else_is_none(code: str) -> None:
    assert not is_currency(code)


@pytest.mark.parametrize(
    ("code", "digits"), [("USD", 2), ("JPY", 0), ("XOF", 0), ("KWD", 3), ("TND", 3), ("XXX", 2)]
)
def test_most_currencies_have_hundredths_and_some_have_none_or_thousandths(
    code: str, digits: int
) -> None:
    assert minor_digits(code) == digits


#: Gold, units of account and codes for testing have no minor unit.
MONEY = [currency for currency in Currency if currency.exponent is not None]


@pytest.mark.parametrize("currency", MONEY, ids=lambda currency: currency.code)
def test_each_currency_in_use_has_the_minor_digits_that_the_standard_gives_it(
    currency: Currency,
) -> None:
    assert minor_digits(currency.code) == currency.exponent
