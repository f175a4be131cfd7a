"""While a deploy runs, code of the release before writes beside this one, in the same database."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.integration.store.shop import ALICE, PRICE, RENTED, SIM, WINDOW, Shop, ending, intake
from worker.adapters.store import accept
from worker.domain.ids import ActivationId, purchase_id
from worker.domain.transfer import Charge
from worker.ports.service import PurchaseOrder
from worker.ports.store.activations import AcceptOutcome

#: The statement of that release, as it stood.
ADOPTED_BY_OLD_CODE = Path("tests/golden/purchase_activation_at_0016.sql").read_text()
NOT_TOLD = ("cost", "cost_currency", "expires_at", "expires_in", "cancel_not_before")


async def test_what_the_shop_holds_is_given_back_by_the_shop_though_old_code_took_up_the_order(
    shop: Shop,
) -> None:
    await shop.open()
    before = await shop.money()
    id_ = purchase_id(ALICE, "k")
    order = PurchaseOrder(
        idempotency_key="k",
        account=ALICE,
        provider=SIM,
        service="any",
        country="1",
        price_minor=PRICE,
        charge=Charge.EXTERNAL,
    )
    await shop.store.purchases.begin_purchase(id_, order, "P3", "1", WINDOW)

    async def adopt(connection: AsyncConnection) -> None:
        told: dict[str, Any] = dict.fromkeys(NOT_TOLD)
        told |= {"id": id_, "state": "rented", "ref": "1", "phone": "15550001"}
        told |= dict.fromkeys(("ago", "min_cancel_age"), timedelta(0))
        await connection.execute(text(ADOPTED_BY_OLD_CODE), told)

    await shop.store.db.write(adopt)
    over = await shop.one("SELECT ending_at FROM activation")
    await shop.expire(over)
    await shop.store.settlements.settle([ending(id_)], now=over)

    assert await shop.money() == before
    last = "SELECT destination FROM transfer ORDER BY id DESC LIMIT 1"
    assert await shop.rows(last) == [("house:outside",)]


async def test_a_number_that_older_code_took_in_is_the_same_number_when_it_is_handed_in_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id was made in another way then; its hold must not be taken twice."""
    await shop.open()
    older = ActivationId(UUID("e02a90a3-ad5c-5fbf-a75c-89ed8bf89bbc"))
    with monkeypatch.context() as then:
        then.setattr(accept, "activation_id", lambda *_: older)
        await shop.rent()
    held = await shop.money()
    for settled in (False, True):
        (again,) = await shop.store.activations.accept([intake("1")], now=RENTED)
        assert again.how is AcceptOutcome.SAME
        assert again.activation is not None
        assert again.activation.id == older
        if not settled:
            assert await shop.money() == held
            await shop.expire()
            await shop.refund(older)
    assert await shop.one("SELECT count(*) FROM activation") == 1
