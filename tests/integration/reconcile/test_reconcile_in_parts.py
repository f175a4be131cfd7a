"""What goes wrong in one part of a reconcile costs the others nothing."""

from dataclasses import replace
from typing import Any

import pytest

from tests.integration.reconcile.business import COST, Business
from tests.integration.store.shop import SIM
from worker.lifecycle.reconcile import Reconcile


class Breaking:
    """The provider, except that its history is a bug of ours."""

    def __init__(self, at_work: Business) -> None:
        self.real = at_work.provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    async def history(self, *_: object) -> None:
        raise ZeroDivisionError


async def test_a_history_that_breaks_costs_neither_the_balance_nor_the_list_their_turn(
    at_work: Business,
) -> None:
    id_, _ = await at_work.rent()
    await at_work.believe_given_back(id_)
    await at_work.time_passes()

    with pytest.raises(ZeroDivisionError):
        await at_work.reconcile.tick(Breaking(at_work))  # type: ignore[arg-type] # a provider

    assert len(await at_work.shop.rows("SELECT * FROM provider_reading")) == 1
    assert await at_work.provider_state(id_) == "cancelling", "it is listed as active"


def counting_in(at_work: Business, currency: str) -> Reconcile:
    known = at_work.reconcile.terms[SIM]
    return replace(at_work.reconcile, terms={SIM: replace(known, currency=currency)})


@pytest.mark.parametrize(
    ("currency", "told"), [("USD", []), ("EUR", [f"{COST} minor units of USD"])]
)
async def test_what_is_open_in_another_currency_than_the_limit_is_told(
    at_work: Business, currency: str, told: list[str]
) -> None:
    id_, _ = await at_work.rent()
    await at_work.believe_given_back(id_)
    await at_work.time_passes()
    await at_work.reconcile.numbers(at_work.provider)
    assert await at_work.exposure() == [(COST, "open")]

    await counting_in(at_work, currency).exposed(at_work.provider)

    uncounted = [
        detail
        for what, _, detail in at_work.reporter.of("trouble")
        if what == "provider.exposure_uncounted"
    ]
    assert uncounted == told
