"""What every adapter makes of rentals at a provider that fails: nothing false, nothing twice."""

from collections.abc import Awaitable, Callable

import pytest

from tests.contracts.rentals.rented import OLD_ENOUGH_S, Renting
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.provider import Ended, NotKnown

CALLS: dict[str, Callable[[Renting, ProviderRef], Awaitable[object]]] = {
    "open": lambda it, _ref: it.rentals.open(it.asked()),
    "messages": lambda it, ref: it.rentals.messages(ref),
    "available": lambda it, ref: it.rentals.available(ref),
    "close": lambda it, ref: it.rentals.close(ref),
}


async def fails(it: Renting, ref: ProviderRef) -> list[ProviderError]:
    """What each call raises, each after the other's circuit closed."""
    calls = dict(CALLS)
    if it.terms.prolongs:
        calls["prolong"] = lambda it, ref: it.rentals.prolong(ref, it.length)
    raised = []
    for call in calls.values():
        it.at.pass_time(600)
        with pytest.raises(ProviderError) as error:
            await call(it, ref)
        raised.append(error.value)
    return raised


async def test_a_revoked_key_is_refused_for_everything(it: Renting) -> None:
    rented = await it.opened()
    await it.at.fault("bad-key")

    assert {type(error) for error in await fails(it, rented.ref)} == {ProviderRefused}


async def test_a_server_error_is_an_unknown_outcome(it: Renting) -> None:
    rented = await it.opened()
    await it.at.fault("unavailable")

    errors = await fails(it, rented.ref)

    assert all(isinstance(error, ProviderUnavailable) and error.sent for error in errors)
    assert (await it.at.summary())["purchases"] == 1


async def test_a_page_instead_of_a_reply_is_no_information(it: Renting) -> None:
    rented = await it.opened()
    await it.at.fault("html")

    assert {type(error) for error in await fails(it, rented.ref)} == {UnknownReply}


@pytest.mark.parametrize("fault", ["garbage", "truncated"])
@pytest.mark.parametrize("call", CALLS)
async def test_a_reply_nobody_can_read_is_no_information(
    it: Renting, fault: str, call: str
) -> None:
    rented = await it.opened()
    it.at.pass_time(OLD_ENOUGH_S)
    await it.at.fault(fault)

    try:
        reply = await CALLS[call](it, rented.ref)
    except ProviderError:
        return
    # Only an answer without a body cannot be spoiled, and it was what it says.
    assert (call, reply) == ("close", Ended(PriceFate.GIVEN_BACK))
    assert (await it.books(rented.ref))["status"] == "cancelled"


async def test_a_rental_whose_reply_is_lost_is_opened_once(it: Renting) -> None:
    await it.at.fault("reply-lost", operations=["rent"])

    with pytest.raises(ProviderUnavailable) as raised:
        await it.rentals.open(it.asked())

    assert raised.value.sent
    assert (await it.at.summary())["purchases"] == 1


async def test_a_prolongation_whose_reply_is_lost_is_paid_once(prolonging: Renting) -> None:
    rented = await prolonging.opened()
    before = (await prolonging.books(rented.ref))["cost_minor"]
    await prolonging.at.fault("reply-lost", operations=["extend"])

    with pytest.raises(ProviderUnavailable) as raised:
        await prolonging.rentals.prolong(rented.ref, prolonging.length)

    assert raised.value.sent
    assert (await prolonging.books(rented.ref))["cost_minor"] == 2 * before


async def test_a_close_whose_reply_is_lost_can_be_asked_again(it: Renting) -> None:
    rented = await it.opened()
    it.at.pass_time(OLD_ENOUGH_S)
    await it.at.fault("reply-lost", operations=["cancel"])
    with pytest.raises(ProviderUnavailable) as raised:
        await it.rentals.close(rented.ref)
    await it.at.heal()

    again = await it.rentals.close(rented.ref)

    assert raised.value.sent
    assert isinstance(again, Ended | NotKnown)
    assert (await it.books(rented.ref))["net_minor"] == 0
