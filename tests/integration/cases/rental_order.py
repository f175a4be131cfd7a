"""An order of a long rental, as tests give it."""

from dataclasses import replace
from typing import Any

from tests.integration.cases.case_shop import DAY, CaseShop
from tests.integration.store.shop import ALICE, SIM
from worker.domain.transfer import Charge
from worker.ports.store.rentals import RentalOrder, RentalOrderKind

PRICE = 1000


def order(shop: CaseShop, key: str = "first", **other: Any) -> RentalOrder:
    """By default ten days for 1000, under P2."""
    whole = RentalOrder(
        kind=RentalOrderKind.RENT,
        idempotency_key=key,
        account=ALICE,
        provider=SIM,
        service="any",
        country="1",
        length=10 * DAY,
        price_minor=PRICE,
        max_cost_minor=None,
        charge=Charge.HOLD,
        policy="P2",
        policy_version=shop.policies["P2"].version,
    )
    return replace(whole, **other)
