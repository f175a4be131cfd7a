"""What every adapter makes of a provider that fails: never a false ending, never a second try."""

import contextlib

import pytest

from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import (
    CircuitOpen,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    UnknownReply,
)
from worker.ports.provider import Ended, Waiting, price_fate
from worker.testing.simulated_provider import OLD_ENOUGH_S, SHORT_S, Simulated, request


async def fails(it: Simulated, ref: ProviderRef) -> list[ProviderError]:
    """What looking, cancelling and renting raise, each after the other's circuit closed."""
    raised = []
    for call in (it.provider.look(ref), it.provider.cancel(ref), it.provider.rent(request())):
        it.pass_time(600)
        with pytest.raises(ProviderError) as error:
            await call
        raised.append(error.value)
    return raised


async def test_a_revoked_key_is_refused_for_everything(it: Simulated) -> None:
    rented = await it.rented()
    await it.fault("bad-key")

    errors = await fails(it, rented.ref)
    with pytest.raises(ProviderRefused):
        await it.provider.balance()

    assert {type(error) for error in errors} == {ProviderRefused}


async def test_a_server_error_is_an_unknown_outcome(it: Simulated) -> None:
    rented = await it.rented()
    await it.fault("unavailable")

    errors = await fails(it, rented.ref)

    assert all(isinstance(error, ProviderUnavailable) for error in errors)
    assert (await it.summary())["purchases"] == 1


async def test_a_server_error_after_the_effect_is_an_unknown_outcome(it: Simulated) -> None:
    await it.provider.balance()  # Who has to sign in has done so.
    await it.fault("error-after-effect")

    with pytest.raises(ProviderUnavailable) as raised:
        await it.provider.rent(request())

    assert raised.value.sent
    assert (await it.summary())["purchases"] == 1


@pytest.mark.parametrize("timeout_s", [SHORT_S])
async def test_silence_is_an_unknown_outcome(it: Simulated) -> None:
    rented = await it.rented()
    await it.fault("hang")

    with pytest.raises(ProviderUnavailable) as raised:
        await it.provider.look(rented.ref)

    assert raised.value.sent
    assert it.world.results[-1] == "timeout"


async def test_a_page_instead_of_a_reply_is_no_information(it: Simulated) -> None:
    rented = await it.rented()
    await it.fault("html")

    errors = await fails(it, rented.ref)

    # Who could not sign in has sent nothing that could be answered.
    unsent = [each for each in errors if isinstance(each, ProviderUnavailable) and not each.sent]
    assert {type(error) for error in errors if error not in unsent} == {UnknownReply}
    assert bool(unsent) == it.habits.signs_in


@pytest.mark.parametrize("fault", ["garbage", "truncated"])
async def test_a_reply_nobody_can_read_is_no_information(it: Simulated, fault: str) -> None:
    rented = await it.rented()
    it.pass_time(OLD_ENOUGH_S)
    await it.fault(fault)

    with pytest.raises(ProviderError):
        await it.provider.look(rented.ref)
    try:
        reply = await it.provider.cancel(rented.ref)
    except ProviderError:
        return
    # Only an answer without a body cannot be cut, and it was what it says.
    assert it.habits.empty_cancels
    assert (fault, reply) == ("truncated", Ended(PriceFate.GIVEN_BACK))
    assert (await it.books(rented.ref))["status"] == "cancelled"


async def test_too_many_requests_hold_everything_back_for_as_long_as_asked(it: Simulated) -> None:
    rented = await it.rented()
    await it.fault("rate-limited", seconds=20, retry_after_seconds=30)

    with pytest.raises(ProviderUnavailable) as limited:
        await it.provider.look(rented.ref)
    it.pass_time(29 if it.habits.says_how_long else 4)
    with pytest.raises(CircuitOpen):
        await it.provider.look(rented.ref)
    it.pass_time(30)

    assert not limited.value.sent
    assert await it.provider.look(rented.ref) == Waiting()


async def test_a_purchase_whose_reply_is_lost_is_made_once(it: Simulated) -> None:
    await it.fault("reply-lost", operations=["rent"])

    with pytest.raises(ProviderUnavailable) as raised:
        await it.provider.rent(request())

    assert raised.value.sent
    assert (await it.summary())["purchases"] == 1


async def test_a_cancel_whose_reply_is_lost_shows_in_the_status(it: Simulated) -> None:
    rented = await it.rented()
    it.pass_time(OLD_ENOUGH_S)
    await it.fault("reply-lost", operations=["cancel"])
    with pytest.raises(ProviderUnavailable) as raised:
        await it.provider.cancel(rented.ref)
    await it.heal()

    assert raised.value.sent
    assert price_fate(await it.provider.look(rented.ref)) in {
        PriceFate.GIVEN_BACK,
        PriceFate.UNKNOWN,
    }
    assert (await it.books(rented.ref))["net_minor"] == 0


async def test_a_provider_that_is_not_there_was_certainly_not_asked(it: Simulated) -> None:
    rented = await it.rented()
    await it.gone()

    # The kept connection may only turn out to be dead with the first call, which then was sent.
    with contextlib.suppress(ProviderUnavailable):
        await it.provider.look(rented.ref)
    with pytest.raises(ProviderUnavailable) as refused:
        await it.provider.cancel(rented.ref)

    assert not refused.value.sent
