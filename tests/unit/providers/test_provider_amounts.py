"""Money from providers' texts and numbers into minor units, never through a float."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.providers import fields
from worker.domain.money import AMOUNT_MAX, decimal_text


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("0.2500", "USD", 25),
        ("0.2501", "USD", 26),
        (Decimal("0.25"), "USD", 25),
        ("799.70", "RUB", 79970),
        (21, "RUB", 2100),
        ("21", "JPY", 21),
        ("1.2341", "KWD", 1235),
        (" 0.1 ", "USD", 10),
        ("0", "USD", 0),
        ("-0.01", "USD", None),
        ("", "USD", None),
        ("NaN", "USD", None),
        ("Infinity", "USD", None),
        ("1e999999999", "USD", None),
        ("9" * 33, "USD", None),
        (0.25, "USD", None),
        (True, "USD", None),
        (None, "USD", None),
        ([], "USD", None),
    ],
)
def test_a_cost_is_rounded_up_and_nonsense_is_none(
    value: object, currency: str, minor: int | None
) -> None:
    assert fields.cost_minor(value, currency) == minor


@pytest.mark.parametrize(
    ("value", "minor"), [("12.5085", 1250), ("-0.001", -1), ("0.009", 0), ("x", None)]
)
def test_a_balance_is_rounded_down(value: object, minor: int | None) -> None:
    assert fields.balance_minor(value, "USD") == minor


@given(st.integers(0, AMOUNT_MAX // 10**6), st.sampled_from(["USD", "RUB", "JPY", "KWD"]))
def test_what_we_write_is_what_we_would_read(minor: int, currency: str) -> None:
    assert fields.cost_minor(fields.major(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("currency", "minor", "shown"),
    [
        ("RUB", 500, "5.00"),
        ("UZS", 500, "5.00"),
        ("VND", 5, "5"),
        ("XOF", 5, "5"),
        ("TND", 5_000, "5.000"),
        ("OMR", 5_000, "5.000"),
    ],
)
def test_what_a_provider_says_is_what_people_read(currency: str, minor: int, shown: str) -> None:
    assert fields.cost_minor("5", currency) == minor
    assert decimal_text(minor, currency) == shown


@given(st.decimals(0, 10**9, allow_nan=False, places=4))
def test_a_cost_is_never_understated_and_a_balance_never_overstated(amount: Decimal) -> None:
    cost, left = fields.cost_minor(str(amount), "USD"), fields.balance_minor(str(amount), "USD")

    assert cost is not None
    assert left is not None
    assert Decimal(left) <= amount * 100 <= Decimal(cost) < amount * 100 + 1


@pytest.mark.parametrize(
    ("value", "currency"),
    [(840, "USD"), ("643", "RUB"), (978, "EUR"), (1, "XTS"), (None, "XTS"), (True, "XTS")],
)
def test_a_currency_is_named_by_its_number_or_is_the_configured_one(
    value: object, currency: str
) -> None:
    assert fields.currency_of(value, "XTS") == currency
