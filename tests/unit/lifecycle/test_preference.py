"""Whose turn it is by the figures: who is not known is neither always first nor never asked."""

import pytest

from worker.domain.ids import ProviderName
from worker.lifecycle.preference import turns
from worker.ports.service import Preference
from worker.ports.store.books import ProviderFigures

A, B, C = map(ProviderName, "abc")
DOLLARS = dict.fromkeys((A, B, C), "USD")


def figures(provider: ProviderName, **told: float) -> ProviderFigures:
    return ProviderFigures(provider=provider, **told)  # type: ignore[arg-type] # of any field


def order_of(prefer: Preference, *told: ProviderFigures, **currencies: str) -> str:
    by_name = {each.provider: each for each in told}
    counted_in = {**DOLLARS, **{ProviderName(name): each for name, each in currencies.items()}}
    return "".join(turn.provider for turn in turns((A, B, C), prefer, by_name, counted_in))


def test_three_of_three_are_no_certainty() -> None:
    few = figures(A, delivered=3)
    many = figures(B, delivered=190, refunded=10)
    bad = figures(C, delivered=100, refunded=100)

    assert order_of(Preference.SUCCESS, few, many, bad) == "bac"


@pytest.mark.parametrize(
    ("prefer", "better", "worse"),
    [
        (Preference.SUCCESS, {"delivered": 90, "refunded": 10}, {"delivered": 10, "refunded": 90}),
        (Preference.SPEED, {"code_seconds_median": 4.0}, {"code_seconds_median": 90.0}),
        (Preference.PRICE, {"costed": 2, "cost_minor": 20}, {"costed": 1, "cost_minor": 90}),
    ],
)
def test_who_is_not_known_counts_as_the_mean(
    prefer: Preference, better: dict[str, float], worse: dict[str, float]
) -> None:
    assert order_of(prefer, figures(A, **worse), figures(C, **better)) == "cba"


@pytest.mark.parametrize("prefer", Preference)
def test_without_figures_the_order_is_that_of_the_shop(prefer: Preference) -> None:
    assert order_of(prefer) == "abc"


def test_a_price_in_another_currency_is_none() -> None:
    dear, cheap = figures(A, costed=1, cost_minor=90), figures(B, costed=1, cost_minor=9)

    assert order_of(Preference.PRICE, dear, cheap) == "bca"
    assert order_of(Preference.PRICE, dear, cheap, b="RUB") == "abc"
