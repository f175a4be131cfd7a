"""What every `Service` does, the real one and the fake: each runs these tests in its own suite."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import pytest

from worker.domain.activation import State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.ports.service import ActionOutcome, PurchaseOrder, PurchaseOutcome, Service
from worker.ports.store.activations import AcceptOutcome, Activation, NumberIntake
from worker.ports.store.said import StaffNote

NOBODY = ActivationId(UUID(int=0))
BALANCE = 100_000  #: What the shop's one account begins with.
PRICE = 25
WINDOW = timedelta(minutes=20)


class Shop(Protocol):
    """A service with one account and one provider, which sells, cancels and sends again."""

    service: Service
    account: AccountId
    provider: ProviderName

    def now(self) -> datetime: ...

    async def activation(self, id_: ActivationId) -> Activation | None: ...

    async def money(self) -> tuple[int, int]:
        """The account's (available, held)."""
        ...

    async def receive_code(self, activation: Activation) -> None: ...


def number(shop: Shop, **changes: Any) -> NumberIntake:
    intake = NumberIntake(
        provider=shop.provider,
        ref=ProviderRef("1"),
        account=shop.account,
        phone="15550001",
        service="any",
        country="1",
        price_minor=PRICE,
        rented_at=shop.now(),
        window=WINDOW,
    )
    return replace(intake, **changes)


def order(shop: Shop, **changes: Any) -> PurchaseOrder:
    order = PurchaseOrder(
        idempotency_key="order-1",
        account=shop.account,
        provider=shop.provider,
        service="any",
        country="1",
        price_minor=PRICE,
    )
    return replace(order, **changes)


async def accepted(shop: Shop) -> Activation:
    (result,) = await shop.service.accept([number(shop)])
    assert result.activation is not None
    return result.activation


async def received(shop: Shop) -> Activation:
    activation = await accepted(shop)
    await shop.receive_code(activation)
    return activation


class ServiceContract:
    """Subclassed by each suite, which has a `shop` fixture."""

    async def test_an_accepted_number_waits_and_its_price_is_held(self, shop: Shop) -> None:
        (result,) = await shop.service.accept([number(shop)])

        assert result.how is AcceptOutcome.NEW
        assert result.activation is not None
        assert result.activation.state is State.WAITING
        assert result.activation.deadline_at - result.activation.rented_at == WINDOW
        assert await shop.money() == (BALANCE - PRICE, PRICE)

    async def test_the_timeline_begins_with_accepted(self, shop: Shop) -> None:
        activation = await accepted(shop)

        (line,) = activation.timeline
        assert (line.what, line.detail) == ("accepted", {"state": "waiting"})
        assert await shop.activation(activation.id) == activation

    async def test_a_price_charged_by_the_shop_leaves_the_balance_alone(self, shop: Shop) -> None:
        (result,) = await shop.service.accept([number(shop, charge=Charge.EXTERNAL)])

        assert result.how is AcceptOutcome.NEW
        assert result.activation is not None
        assert await shop.money() == (BALANCE, PRICE)
        await shop.service.cancel(result.activation.id)
        assert await shop.money() == (BALANCE, 0)

    async def test_the_same_number_again_is_the_same_activation(self, shop: Shop) -> None:
        intake = number(shop)
        (first,) = await shop.service.accept([intake])
        (again,) = await shop.service.accept([intake])

        assert again.how is AcceptOutcome.SAME
        assert first.activation is not None
        assert again.activation == first.activation
        assert await shop.money() == (BALANCE - PRICE, PRICE)

    async def test_the_same_number_with_other_content_is_refused(self, shop: Shop) -> None:
        intake = number(shop)
        (first,) = await shop.service.accept([intake])
        (again,) = await shop.service.accept([replace(intake, phone="15550002")])

        assert again.how is AcceptOutcome.OTHER_CONTENT
        assert first.activation is not None
        assert again.activation == first.activation

    @pytest.mark.parametrize(
        ("changes", "how"),
        [
            ({"provider": ProviderName("nobody")}, AcceptOutcome.UNKNOWN_PROVIDER),
            ({"policy": "yesterday"}, AcceptOutcome.UNKNOWN_POLICY),
            ({"account": AccountId("nobody")}, AcceptOutcome.UNKNOWN_ACCOUNT),
            ({"price_minor": BALANCE + 1}, AcceptOutcome.BALANCE_TOO_LOW),
        ],
    )
    async def test_a_number_that_cannot_be_accepted_holds_nothing(
        self, shop: Shop, changes: dict[str, Any], how: AcceptOutcome
    ) -> None:
        (result,) = await shop.service.accept([number(shop, **changes)])

        assert (result.how, result.activation) == (how, None)
        assert await shop.money() == (BALANCE, 0)

    async def test_a_number_rented_in_the_future_is_refused(self, shop: Shop) -> None:
        tomorrow = shop.now() + timedelta(days=1)
        (result,) = await shop.service.accept([number(shop, rented_at=tomorrow)])

        assert result.how is AcceptOutcome.RENTED_IN_FUTURE

    async def test_a_purchase_is_watched_and_its_price_is_held(self, shop: Shop) -> None:
        result = await shop.service.rent(order(shop))

        assert result.how is PurchaseOutcome.RENTED
        assert result.activation is not None
        assert result.activation.state is State.WAITING
        assert result.activation.ref is not None
        assert result.activation.phone is not None
        assert [line.what for line in result.activation.timeline] == ["accepted"]
        assert await shop.money() == (BALANCE - PRICE, PRICE)

    async def test_the_same_order_again_is_the_same_purchase(self, shop: Shop) -> None:
        first = await shop.service.rent(order(shop))
        again = await shop.service.rent(order(shop))

        assert again.how is PurchaseOutcome.SAME
        assert again.activation == first.activation
        assert await shop.money() == (BALANCE - PRICE, PRICE)

    async def test_another_order_under_the_same_key_is_refused(self, shop: Shop) -> None:
        await shop.service.rent(order(shop))
        again = await shop.service.rent(order(shop, service="other"))

        assert (again.how, again.activation) == (PurchaseOutcome.OTHER_CONTENT, None)

    @pytest.mark.parametrize(
        ("changes", "how"),
        [
            ({"provider": ProviderName("nobody")}, PurchaseOutcome.UNKNOWN_PROVIDER),
            ({"policy": "yesterday"}, PurchaseOutcome.UNKNOWN_POLICY),
            ({"account": AccountId("nobody")}, PurchaseOutcome.UNKNOWN_ACCOUNT),
            ({"price_minor": BALANCE + 1}, PurchaseOutcome.BALANCE_TOO_LOW),
        ],
    )
    async def test_an_order_that_cannot_be_carried_out_holds_nothing(
        self, shop: Shop, changes: dict[str, Any], how: PurchaseOutcome
    ) -> None:
        result = await shop.service.rent(order(shop, **changes))

        assert (result.how, result.activation) == (how, None)
        assert await shop.money() == (BALANCE, 0)

    async def test_cancel_before_a_code_refunds(self, shop: Shop) -> None:
        activation = await accepted(shop)
        result = await shop.service.cancel(activation.id)

        assert result.how is ActionOutcome.DONE
        assert result.activation is not None
        assert result.activation.state is State.REFUNDED
        assert result.activation.settlement is not None
        assert result.activation.settlement.reason == "cancel"
        assert await shop.money() == (BALANCE, 0)

    async def test_cancel_again_changes_nothing_and_is_logged(self, shop: Shop) -> None:
        activation = await accepted(shop)
        first = await shop.service.cancel(activation.id)
        again = await shop.service.cancel(activation.id)

        assert first.activation is not None
        assert again.activation is not None
        before = first.activation.timeline
        assert again.how is first.how
        assert replace(again.activation, timeline=before) == first.activation
        assert [line.what for line in again.activation.timeline[len(before) :]] in (
            [],  # The fake of the HTTP tests keeps no log of presses.
            ["cancel_pressed"],
        )
        assert await shop.money() == (BALANCE, 0)

    async def test_cancel_after_a_code_is_refused(self, shop: Shop) -> None:
        activation = await received(shop)
        result = await shop.service.cancel(activation.id)

        assert result.how is ActionOutcome.CODE_RECEIVED
        assert await shop.money() == (BALANCE - PRICE, PRICE)

    async def test_finish_after_a_code_keeps_the_charge(self, shop: Shop) -> None:
        activation = await received(shop)
        for _ in range(2):
            result = await shop.service.finish(activation.id)

            assert result.how is ActionOutcome.DONE
            assert result.activation is not None
            assert result.activation.state is State.DELIVERED
            assert await shop.money() == (BALANCE - PRICE, 0)

    async def test_finish_and_resend_need_a_code(self, shop: Shop) -> None:
        activation = await accepted(shop)

        assert (await shop.service.finish(activation.id)).how is ActionOutcome.NO_CODE
        assert (await shop.service.resend(activation.id)).how is ActionOutcome.NO_CODE

    async def test_resend_after_a_code_asks_the_provider(self, shop: Shop) -> None:
        activation = await received(shop)

        assert (await shop.service.resend(activation.id)).how is ActionOutcome.DONE

    async def test_resend_after_the_end_is_refused(self, shop: Shop) -> None:
        activation = await accepted(shop)
        await shop.service.cancel(activation.id)

        assert (await shop.service.resend(activation.id)).how is ActionOutcome.ENDED

    async def test_a_bad_number_is_given_back_by_the_provider(self, shop: Shop) -> None:
        activation = await accepted(shop)
        said = StaffNote("banned there", "ann")
        result = await shop.service.report(activation.id, said)

        assert result.how is ActionOutcome.DONE
        assert result.activation is not None
        assert result.activation.state is State.REFUNDED
        assert "reported" in [line.what for line in result.activation.timeline]
        assert await shop.money() == (BALANCE, 0)
        assert (await shop.service.report(activation.id, said)).how is ActionOutcome.DONE

    async def test_a_number_with_a_code_is_not_reported(self, shop: Shop) -> None:
        activation = await received(shop)
        result = await shop.service.report(activation.id, StaffNote("banned there"))

        assert result.how is ActionOutcome.CODE_RECEIVED

    async def test_an_unknown_activation_is_unknown_to_every_action(self, shop: Shop) -> None:
        for action in (shop.service.cancel, shop.service.finish, shop.service.resend):
            result = await action(NOBODY)

            assert (result.how, result.activation) == (ActionOutcome.UNKNOWN, None)
