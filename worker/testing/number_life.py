"""The life of one number, through every adapter, at the simulated provider of its family."""

from datetime import datetime

from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.provider import (
    CodesArrived,
    Ended,
    NoRent,
    NotKnown,
    Refusal,
    Refused,
    Waiting,
    price_fate,
)
from worker.testing.simulated_provider import (
    OLD_ENOUGH_S,
    PRICE_MINOR,
    Simulated,
    request,
)

NOT_KEPT = {PriceFate.GIVEN_BACK, PriceFate.UNKNOWN}


async def test_a_number_is_rented_waited_for_and_finished_with_its_code(it: Simulated) -> None:
    rented = await it.rented()
    assert await it.provider.look(rented.ref) == Waiting()

    await it.deliver(rented.ref, "482913")
    seen = await it.provider.look(rented.ref)
    finished = await it.provider.finish(rented.ref)

    assert isinstance(seen, CodesArrived)
    assert [sms.code for sms in seen.sms] == ["482913"]
    assert isinstance(finished, Ended)
    assert (await it.books(rented.ref))["net_minor"] == PRICE_MINOR


async def test_what_was_rented_is_told_as_the_books_have_it(it: Simulated) -> None:
    rented = await it.rented()
    booked = await it.books(rented.ref)

    assert rented.phone.isdecimal()
    assert booked["phone"].lstrip("+").endswith(rented.phone)
    assert rented.cost_minor in {PRICE_MINOR, None}
    if rented.expires_at is not None:
        assert (
            abs(
                rented.expires_at.timestamp()
                - datetime.fromisoformat(booked["expires_at"]).timestamp()
            )
            <= 1
        )


async def test_a_number_without_a_code_is_cancelled_and_given_back(it: Simulated) -> None:
    rented = await it.rented()
    it.pass_time(OLD_ENOUGH_S)

    assert await it.provider.cancel(rented.ref) == Ended(PriceFate.GIVEN_BACK)

    assert (await it.books(rented.ref))["net_minor"] == 0
    assert price_fate(await it.provider.look(rented.ref)) in NOT_KEPT


async def test_a_cancel_that_is_too_early_is_refused_as_early(guarding: Simulated) -> None:
    rented = await guarding.rented()

    refused = await guarding.provider.cancel(rented.ref)

    assert isinstance(refused, Refused)
    assert refused.why is Refusal.EARLY
    assert await guarding.provider.look(rented.ref) == Waiting()


async def test_a_cancel_after_an_sms_is_refused_and_the_code_can_be_read(it: Simulated) -> None:
    rented = await it.rented()
    it.pass_time(OLD_ENOUGH_S)
    await it.deliver(rented.ref, "482913")

    refused = await it.provider.cancel(rented.ref)
    seen = await it.provider.look(rented.ref)

    assert isinstance(refused, Refused)
    assert refused.why is not Refusal.EARLY
    assert isinstance(seen, CodesArrived)
    assert (await it.books(rented.ref))["net_minor"] == PRICE_MINOR


async def test_an_sms_at_the_instant_of_the_cancel_wins(it: Simulated) -> None:
    rented = await it.rented("cancel-race")
    it.pass_time(OLD_ENOUGH_S)

    refused = await it.provider.cancel(rented.ref)

    seen = await it.provider.look(rented.ref)

    assert isinstance(refused, Refused)
    assert isinstance(seen, CodesArrived | Ended)
    assert price_fate(seen) is PriceFate.KEPT
    assert len(seen.sms) == 1
    assert (await it.books(rented.ref))["net_minor"] == PRICE_MINOR


async def test_a_second_cancel_changes_nothing(it: Simulated) -> None:
    rented = await it.rented()
    it.pass_time(OLD_ENOUGH_S)
    await it.provider.cancel(rented.ref)

    again = await it.provider.cancel(rented.ref)

    assert again == Ended(PriceFate.GIVEN_BACK) or (
        isinstance(again, Refused) and again.why is Refusal.UNCLEAR
    )
    assert (await it.books(rented.ref))["net_minor"] == 0


async def test_a_finished_number_is_never_called_cancelled(it: Simulated) -> None:
    rented = await it.rented()
    it.pass_time(OLD_ENOUGH_S)
    await it.deliver(rented.ref, "482913")
    await it.provider.finish(rented.ref)

    assert await it.provider.cancel(rented.ref) != Ended(PriceFate.GIVEN_BACK)
    assert await it.provider.look(rented.ref) != Ended(PriceFate.GIVEN_BACK)


async def test_another_sms_can_be_asked_for_after_the_first(resending: Simulated) -> None:
    rented = await resending.rented()
    await resending.deliver(rented.ref, "482913")
    await resending.provider.look(rented.ref)

    assert await resending.provider.ask_again(rented.ref)
    still = await resending.provider.look(rented.ref)
    await resending.deliver(rented.ref, "731940")
    seen = await resending.provider.look(rented.ref)

    assert isinstance(still, Waiting | CodesArrived)
    assert isinstance(seen, CodesArrived)
    assert seen.sms[-1].code == "731940"


async def test_a_number_the_provider_gave_up_is_seen_as_cancelled(it: Simulated) -> None:
    rented = await it.rented("provider-cancels:3")
    it.pass_time(4)

    assert price_fate(await it.provider.look(rented.ref)) in NOT_KEPT
    assert (await it.books(rented.ref))["net_minor"] == 0


async def test_an_unknown_number_is_not_known(it: Simulated) -> None:
    rented = await it.rented()
    ref = ProviderRef(_next_to(rented.ref))

    refused = await it.provider.cancel(ref)

    assert await it.provider.look(ref) == NotKnown()
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.UNCLEAR


def _next_to(ref: str) -> str:
    """An id of the same form that nobody has."""
    return str(int(ref) + 500_000) if ref.isdecimal() else ref[::-1]


async def test_the_balance_falls_by_the_price(it: Simulated) -> None:
    before = await it.provider.balance()
    await it.rented()
    after = await it.provider.balance()

    assert before.minor - after.minor == PRICE_MINOR
    assert before.currency == after.currency


async def test_an_empty_purse_buys_nothing(it: Simulated) -> None:
    await it.control("POST", "balance", {"balance_minor": PRICE_MINOR - 1})

    assert await it.provider.rent(request()) is NoRent.NO_BALANCE


async def test_a_price_above_the_most_buys_nothing(it: Simulated) -> None:
    bought = await it.provider.rent(request(max_cost_minor=PRICE_MINOR - 1))

    assert bought in {NoRent.PRICE_ABOVE_MAX, NoRent.NO_NUMBERS}
    assert (await it.summary())["purchases"] == 0


async def test_a_price_at_the_most_buys(it: Simulated) -> None:
    await it.provider.rent(request(max_cost_minor=PRICE_MINOR))

    # Who cannot be told a limit is not asked.
    assert (await it.summary())["purchases"] == int(it.provider.capabilities.price_limit)


async def test_two_codes_are_both_known_or_the_later_one_is(it: Simulated) -> None:
    rented = await it.rented()
    await it.deliver(rented.ref, "482913")
    await it.provider.look(rented.ref)
    await it.provider.ask_again(rented.ref)
    await it.deliver(rented.ref, "731940")

    seen = await it.provider.look(rented.ref)

    assert isinstance(seen, CodesArrived)
    assert [sms.code for sms in seen.sms] in (["731940"], ["482913", "731940"])


async def test_one_request_is_sent_for_one_call(it: Simulated) -> None:
    rented = await it.rented()
    await it.provider.look(rented.ref)
    it.pass_time(OLD_ENOUGH_S)
    await it.provider.cancel(rented.ref)

    requests = (await it.summary())["requests"]

    looks = it.habits.looks_for_a_cancel
    signs_in = {"sign-in": 1} if it.habits.signs_in else {}
    assert requests == {"rent": 1, "look": looks, "cancel": 1, **signs_in}


async def test_every_request_beyond_the_first_of_a_call_is_paid_for(it: Simulated) -> None:
    charged, given_back = await it.rented(), await it.rented()
    calls = 2
    it.pass_time(OLD_ENOUGH_S)
    for call, number in (
        (it.provider.look, charged),
        (it.provider.finish, charged),  # Refused without a code: it looks what there is.
        (it.provider.cancel, given_back),
        (it.provider.cancel, given_back),
        (it.provider.finish, given_back),
    ):
        await call(number.ref)
        calls += 1
    await it.provider.balance()

    assert len(it.world.requests) == calls + 1 + it.world.paid


async def test_a_code_counts_as_told_from_the_first_look_that_held_it(it: Simulated) -> None:
    rented = await it.rented()
    await it.deliver(rented.ref, "482913")
    untold = await it.books(rented.ref)
    it.pass_time(30)
    await it.provider.look(rented.ref)
    told = await it.books(rented.ref)
    it.pass_time(30)
    await it.provider.look(rented.ref)

    assert untold["sms"][0]["told_at"] is None
    assert _seconds(told["sms"][0]) == 30
    assert (await it.books(rented.ref))["sms"] == told["sms"]


async def test_a_code_counts_as_told_from_the_first_list_that_held_it(listing: Simulated) -> None:
    rented = await listing.rented()
    await listing.deliver(rented.ref, "482913")
    await listing.provider.list_active(0)

    assert _seconds((await listing.books(rented.ref))["sms"][0]) == 0


async def test_calls_are_counted_by_what_they_asked_for(it: Simulated) -> None:
    rented = await it.rented()
    before = (await it.books(rented.ref))["calls"]  # Some read a number after they bought it.
    for _ in range(3):
        await it.provider.look(rented.ref)

    booked = await it.books(rented.ref)

    assert before == it.habits.looks_after_a_purchase
    assert booked["operations"] == {"look": 3 + before}
    assert booked["calls"] == 3 + before


def _seconds(sms: dict[str, str]) -> float:
    """From its arrival until it was told."""
    told, came = (datetime.fromisoformat(sms[each]) for each in ("told_at", "at"))
    return (told - came).total_seconds()
