"""Money is a whole number of minor units of a currency, and nothing else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.money import AMOUNT_MAX, Money, is_currency


@given(st.integers(-AMOUNT_MAX, AMOUNT_MAX))
def test_any_amount_within_bounds_is_money(minor: int) -> None:
    assert Money(minor, "USD").minor == minor


@pytest.mark.parametrize("minor", [AMOUNT_MAX + 1, -AMOUNT_MAX - 1])
def test_an_amount_beyond_any_balance_is_refused(minor: int) -> None:
    with pytest.raises(AssertionError):
        Money(minor, "USD")


@pytest.mark.parametrize("amount", [0.5, 1.0, "1", None])
def test_what_is_no_integer_is_no_amount(amount: Any) -> None:
    with pytest.raises(AssertionError):
        Money(amount, "USD")


@pytest.mark.parametrize("code", ["USD", "EUR", "XXX"])
def test_three_capitals_are_a_currency(code: str) -> None:
    assert is_currency(code)


@pytest.mark.parametrize("code", ["", "US", "USDT", "usd", "U5D", "USD ", "USD\n", "ÄÖÜ"])
def test_anything_else_is_none(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(AssertionError):
        Money(1, code)
