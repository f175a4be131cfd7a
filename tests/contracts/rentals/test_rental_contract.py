"""The life of one long rental, through every adapter that has them."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.contracts.rentals.rented import OLD_ENOUGH_S, TOO_OLD_S, Renting, renting
from tests.unit.providers.adapter_world import World, config, talking_to
from tests.unit.providers.raw_provider import http, raw_provider
from worker.adapters.providers.registry import build_rentals
from worker.adapters.providers.rental_account import PAGES_MAX
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.long_rental import (
    Availability,
    Messages,
    NoProlong,
    NotClosed,
    NotProlonged,
    Prolonged,
)
from worker.ports.provider import Ended, NoRent, NotKnown, Refusal, Rented
from worker.testing.simulated_provider import PRICE_MINOR

SECOND = timedelta(seconds=1)


async def seen(it: Renting, ref: ProviderRef) -> Messages:
    reply = await it.rentals.messages(ref)
    assert isinstance(reply, Messages)
    return reply


async def test_a_rental_runs_without_an_sms_and_tells_each_that_comes(it: Renting) -> None:
    rented = await it.opened()
    before = await seen(it, rented.ref)

    for code in ("482913", "731940", "118822"):
        it.at.pass_time(60)
        await it.at.deliver(rented.ref, code)
    after = await seen(it, rented.ref)

    assert before == Messages()
    assert after.complete
    told = [sms.text or sms.code for sms in after.sms]
    assert [text.split()[-1] for text in told] == ["482913", "731940", "118822"]


async def test_an_sms_of_which_the_instant_is_told_is_told_with_it(it: Renting) -> None:
    rented = await it.opened()
    it.at.pass_time(90)
    await it.at.deliver(rented.ref, "482913")

    (sms,) = (await seen(it, rented.ref)).sms

    booked = datetime.fromisoformat((await it.books(rented.ref))["sms"][0]["at"])
    assert sms.received_at is None or abs(sms.received_at - booked) <= SECOND


async def test_what_was_rented_is_told_as_the_books_have_it(it: Renting) -> None:
    rented = await it.opened()
    booked = await it.books(rented.ref)
    ends = datetime.fromisoformat(booked["expires_at"])
    began = datetime.fromisoformat(booked["created_at"])

    assert booked["rental"]
    assert booked["phone"].endswith(rented.phone)
    assert ends - began == it.length
    assert booked["cost_minor"] == PRICE_MINOR * (it.length // timedelta(hours=1))
    assert rented.cost_minor in {booked["cost_minor"], None}
    told = rented.expires_at or (began + rented.expires_in if rented.expires_in else None)
    assert (told is not None) == it.terms.gives_expiry
    assert told is None or abs(told - ends) <= SECOND


async def test_only_lengths_on_offer_are_asked_for(it: Renting) -> None:
    longer = it.terms.lengths.longest + timedelta(hours=1)
    odd = it.length + timedelta(minutes=1)

    for length in (timedelta(0), -it.length, odd, longer):
        assert not it.terms.lengths.offer(length)
        reply = await it.rentals.open(replace(it.asked(), length=length))
        assert reply is NoRent.BAD_REQUEST

    assert (await it.at.summary())["requests"] == {}


async def test_the_longest_on_offer_can_be_had(it: Renting) -> None:
    reply = await it.rentals.open(replace(it.asked(), length=it.terms.lengths.longest))

    assert isinstance(reply, Rented)
    booked = await it.books(reply.ref)
    ends, began = (datetime.fromisoformat(booked[at]) for at in ("expires_at", "created_at"))
    assert ends - began == it.terms.lengths.longest


async def test_a_limited_price_is_kept_or_nothing_is_asked(it: Renting) -> None:
    whole = PRICE_MINOR * (it.length // timedelta(hours=1))

    above = await it.rentals.open(it.asked(whole - 1))
    at_most = await it.rentals.open(it.asked(whole))

    assert above in {NoRent.PRICE_ABOVE_MAX, NoRent.NO_NUMBERS}
    assert isinstance(at_most, Rented) == it.terms.price_limit
    assert (await it.at.summary())["purchases"] == int(it.terms.price_limit)


async def test_an_empty_purse_rents_nothing(it: Renting) -> None:
    await it.at.control("POST", "balance", {"balance_minor": 0})

    assert await it.rentals.open(it.asked()) is NoRent.NO_BALANCE


async def test_more_time_is_paid_and_added(prolonging: Renting) -> None:
    rented = await prolonging.opened()
    before = await prolonging.books(rented.ref)

    reply = await prolonging.rentals.prolong(rented.ref, prolonging.length)

    after = await prolonging.books(rented.ref)
    ends = datetime.fromisoformat(after["expires_at"])
    assert isinstance(reply, Prolonged)
    assert ends - datetime.fromisoformat(before["expires_at"]) == prolonging.length
    assert after["cost_minor"] == 2 * before["cost_minor"]
    began = datetime.fromisoformat(after["created_at"])
    told = reply.expires_at or (began + reply.expires_in if reply.expires_in else ends)
    assert abs(told - ends) <= SECOND


async def test_who_sells_no_more_time_is_not_asked_for_it(it: Renting) -> None:
    rented = await it.opened()
    asked = await it.at.summary()

    reply = await it.rentals.prolong(rented.ref, it.length)

    if not it.terms.prolongs:
        assert reply == NotProlonged(NoProlong.NOT_POSSIBLE)
        assert (await it.at.summary())["requests"] == asked["requests"]


async def test_a_rental_is_not_prolonged_by_what_is_not_on_offer(prolonging: Renting) -> None:
    rented = await prolonging.opened()

    reply = await prolonging.rentals.prolong(rented.ref, timedelta(minutes=61))

    assert reply == NotProlonged(NoProlong.BAD_LENGTH)


async def test_an_empty_purse_prolongs_nothing(prolonging: Renting) -> None:
    rented = await prolonging.opened()
    await prolonging.at.control("POST", "balance", {"balance_minor": 0})

    reply = await prolonging.rentals.prolong(rented.ref, prolonging.length)

    assert reply == NotProlonged(NoProlong.NO_BALANCE)


async def test_a_rental_that_is_over_is_not_prolonged(prolonging: Renting) -> None:
    rented = await prolonging.opened()
    prolonging.at.pass_time(OLD_ENOUGH_S)
    await prolonging.rentals.close(rented.ref)

    reply = await prolonging.rentals.prolong(rented.ref, prolonging.length)

    assert reply == NotProlonged(NoProlong.NOT_POSSIBLE) or reply == NotKnown()


async def test_a_young_rental_is_closed_with_its_price_back(it: Renting) -> None:
    rented = await it.opened()
    it.at.pass_time(OLD_ENOUGH_S)

    closed = await it.rentals.close(rented.ref)

    told = PriceFate.GIVEN_BACK if it.terms.tells_refund else PriceFate.UNKNOWN
    assert closed == Ended(told)
    assert (await it.books(rented.ref))["net_minor"] == 0


async def test_a_close_says_no_more_of_the_price_than_the_books(it: Renting) -> None:
    rented = await it.opened()
    await it.at.deliver(rented.ref, "482913")
    await it.rentals.messages(rented.ref)
    it.at.pass_time(TOO_OLD_S)

    closed = await it.rentals.close(rented.ref)

    booked = await it.books(rented.ref)
    assert booked["net_minor"] == booked["cost_minor"]
    if isinstance(closed, Ended):
        assert closed.fate is not PriceFate.GIVEN_BACK
        assert booked["status"] == "finished"
    else:
        assert closed in (NotClosed(Refusal.NOT_CANCELLABLE), NotClosed(Refusal.UNCLEAR))
        assert booked["ended_at"] is None


async def test_a_second_close_changes_nothing(telling_refunds: Renting) -> None:
    it = telling_refunds
    rented = await it.opened()
    it.at.pass_time(OLD_ENOUGH_S)
    await it.rentals.close(rented.ref)

    again = await it.rentals.close(rented.ref)

    assert again == NotKnown() or (isinstance(again, Ended) and again.fate is not PriceFate.KEPT)
    assert (await it.books(rented.ref))["net_minor"] == 0


async def test_a_closed_rental_has_no_messages_any_more(it: Renting) -> None:
    rented = await it.opened()
    it.at.pass_time(OLD_ENOUGH_S)
    await it.rentals.close(rented.ref)

    reply = await it.rentals.messages(rented.ref)

    # One list cannot tell a closed rental from one without messages.
    assert isinstance(reply, Ended | NotKnown) or it.family == "smspva"


async def test_a_rental_whose_time_is_over_was_never_given_back(it: Renting) -> None:
    rented = await it.opened()
    it.at.pass_time(it.length.total_seconds() + 1)

    reply = await it.rentals.messages(rented.ref)
    closed = await it.rentals.close(rented.ref)

    for told in (reply, closed):
        assert not isinstance(told, Ended) or told.fate is not PriceFate.GIVEN_BACK


async def test_an_unknown_rental_is_not_known(it: Renting) -> None:
    rented = await it.opened()
    other = str(int(rented.ref) + 500_000) if rented.ref.isdecimal() else rented.ref[::-1]
    ref = ProviderRef(other)

    assert await it.rentals.messages(ref) == NotKnown()
    assert await it.rentals.available(ref) is Availability.NOT_KNOWN
    assert await it.rentals.close(ref) == NotKnown()
    if it.terms.prolongs:
        assert await it.rentals.prolong(ref, it.length) == NotKnown()


async def test_a_rental_that_runs_is_only_called_working_by_who_can_tell(it: Renting) -> None:
    rented = await it.opened()

    reply = await it.rentals.available(rented.ref)

    assert reply is Availability.NOT_TOLD or (it.terms.tells_outage and reply is Availability.UP)


async def test_a_rental_that_is_over_is_not_called_down(it: Renting) -> None:
    rented = await it.opened()
    it.at.pass_time(OLD_ENOUGH_S)
    await it.rentals.close(rented.ref)

    reply = await it.rentals.available(rented.ref)

    assert reply in {Availability.ENDED, Availability.NOT_KNOWN, Availability.NOT_TOLD}
    assert reply is not Availability.NOT_TOLD or it.family == "smspva"


async def test_an_outage_is_told_and_so_is_its_end(telling_outages: Renting) -> None:
    it = telling_outages
    rented = await it.opened()
    before = await it.rentals.available(rented.ref)

    await it.switch(rented.ref, offline=True)
    during = await it.rentals.available(rented.ref)
    await it.switch(rented.ref, offline=False)
    after = await it.rentals.available(rented.ref)

    assert (during, after) == (Availability.DOWN, before)


async def test_only_who_says_so_tells_of_an_outage(it: Renting) -> None:
    rented = await it.opened()
    await it.switch(rented.ref, offline=True)

    reply = await it.rentals.available(rented.ref)

    assert (reply is Availability.DOWN) == it.terms.tells_outage


async def test_a_service_is_named_unless_the_whole_number_is_rented(it: Renting) -> None:
    rented = await it.opened()

    named = (await it.books(rented.ref))["service"] == "timeout"

    assert named != it.terms.whole_number


ON_DEMAND = {"on_demand": True}
HALF_AN_HOUR_S = 1800.0


async def test_a_number_that_is_on_demand_is_on_from_its_purchase() -> None:
    async with renting("smspva", "classic", knobs=ON_DEMAND) as it:
        rented = await it.opened()
        await it.at.deliver(rented.ref, "482913")

        assert await it.rentals.available(rented.ref) is Availability.UP
        assert [sms.code for sms in (await seen(it, rented.ref)).sms] == ["Your code: 482913"]


async def test_a_number_that_cannot_be_switched_on_is_bought_all_the_same() -> None:
    async with renting("smspva", "classic", knobs=ON_DEMAND) as it:
        await it.at.fault("unavailable", operations=["ready"])

        rented = await it.opened()

        assert await it.books(rented.ref)


async def test_a_number_that_is_on_demand_is_switched_on_by_the_probe() -> None:
    async with renting("smspva", "classic", knobs=ON_DEMAND) as it:
        rented = await it.opened()
        it.at.pass_time(HALF_AN_HOUR_S)

        off = await it.rentals.available(rented.ref)
        on = await it.rentals.available(rented.ref)

        assert (off, on) == (Availability.NOT_TOLD, Availability.UP)


async def test_a_number_that_is_on_demand_is_switched_on_by_whoever_looks_for_its_sms() -> None:
    async with renting("smspva", "classic", knobs=ON_DEMAND) as it:
        rented = await it.opened()
        it.at.pass_time(HALF_AN_HOUR_S)
        await it.at.deliver(rented.ref, "111111")  # It is off, and this one goes nowhere.
        it.at.pass_time(1)

        before = await seen(it, rented.ref)
        await it.at.deliver(rented.ref, "482913")
        after = await seen(it, rented.ref)

        assert before == Messages()
        assert [sms.code for sms in after.sms] == ["Your code: 482913"]


async def test_whether_a_number_is_on_is_asked_once_a_minute_and_hides_no_sms() -> None:
    async with renting("smspva", "classic", knobs=ON_DEMAND) as it:
        rented = await it.opened()
        await it.at.deliver(rented.ref, "482913")
        await it.at.fault("unavailable", operations=["list"])

        for _ in range(3):
            assert len((await seen(it, rented.ref)).sms) == 1
        within_a_minute = (await it.at.summary())["requests"]["list"]
        it.at.pass_time(61)
        await seen(it, rented.ref)

        assert (within_a_minute, (await it.at.summary())["requests"]["list"]) == (1, 2)


async def test_a_rental_that_is_never_given_back_is_closed_all_the_same() -> None:
    async with renting("fivesim", "classic", knobs={"hosting_cancels": False}) as it:
        rented = await it.opened()
        it.at.pass_time(OLD_ENOUGH_S)

        closed = await it.rentals.close(rented.ref)

        assert closed == Ended(PriceFate.KEPT)
        assert (await it.books(rented.ref))["status"] == "finished"


async def test_a_rental_without_an_sms_may_be_an_empty_list() -> None:
    async with renting("smsman", "classic", knobs={"no_messages": "empty"}) as it:
        rented = await it.opened()

        assert await it.rentals.messages(rented.ref) == Messages()


async def test_a_rental_too_young_to_be_given_back_is_not_given_up() -> None:
    async with renting("handler_api", "hero") as it:
        rented = await it.opened()

        closed = await it.rentals.close(rented.ref)

        assert isinstance(closed, NotClosed)
        assert closed.why is Refusal.EARLY
        assert closed.min_age == timedelta(seconds=120)
        assert (await it.books(rented.ref))["ended_at"] is None


async def test_a_rental_with_an_unread_sms_is_not_ended_before_it_is_read() -> None:
    async with renting("handler_api", "hero") as it:
        rented = await it.opened()
        it.at.pass_time(OLD_ENOUGH_S)
        await it.at.deliver(rented.ref, "482913")

        refused = await it.rentals.close(rented.ref)
        await it.rentals.messages(rented.ref)
        closed = await it.rentals.close(rented.ref)

        assert isinstance(refused, NotClosed)
        assert refused.why is Refusal.CODE_ARRIVED
        assert closed == Ended(PriceFate.KEPT)


async def test_more_time_is_not_sold_while_the_number_is_off() -> None:
    async with renting("handler_api", "hero") as it:
        rented = await it.opened()
        await it.switch(rented.ref, offline=True)

        reply = await it.rentals.prolong(rented.ref, it.length)

        assert reply == NotProlonged(NoProlong.NOT_NOW)


@pytest.mark.parametrize("dialect", ["classic", "hero", "grizzly"])
@pytest.mark.parametrize("count", [100, 101, 230, 300])
async def test_every_message_is_told_however_many_pages_they_fill(dialect: str, count: int) -> None:
    async with renting("handler_api", dialect) as it:
        rented = await it.opened()
        for place in range(count):
            it.at.pass_time(1)
            await it.at.deliver(rented.ref, f"{place:06d}")

        told = await seen(it, rented.ref)

        codes = [(sms.text or sms.code).split()[-1] for sms in told.sms]
        assert (codes, told.complete) == ([f"{place:06d}" for place in range(count)], True)
        pages = len([name for name, _ in it.at.world.requests if name == "rental_read"])
        assert it.at.world.paid == pages - 1


def page_of(first: int, rows: int, quantity: int) -> bytes:
    values = {
        str(place): {
            "phoneFrom": "x",
            "text": f"Code {first + place}",
            "date": "2026-03-01 12:00:00",
        }
        for place in range(rows)
    }
    return http(json.dumps({"status": "success", "quantity": quantity, "values": values}))


@pytest.mark.parametrize(
    ("pages", "told", "complete", "requests"),
    [
        ([page_of(0, 3, 3)], 3, True, 1),
        # Counted from 1, so that the first comes again.
        ([page_of(0, 3, 5), page_of(0, 3, 5), page_of(3, 2, 5)], 5, True, 3),
        # It turns no pages.
        ([page_of(0, 3, 5)], 3, False, 3),
        # The last page is full, and nothing is behind it.
        ([page_of(0, 3, 6), page_of(3, 3, 6), page_of(0, 0, 6)], 6, True, 3),
        # There is no end to it.
        ([page_of(3 * each, 3, 999) for each in range(PAGES_MAX)], 3 * PAGES_MAX, False, PAGES_MAX),
    ],
)
async def test_pages_are_read_to_their_end_however_they_are_counted(
    pages: list[bytes], told: int, complete: bool, requests: int
) -> None:
    configured = config("http://127.0.0.1:9")
    async with raw_provider(*pages) as raw:
        configured = replace(configured, base_url=raw.url)
        async with talking_to(configured, World()) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            reply = await rentals.messages(ProviderRef("7"))

    assert isinstance(reply, Messages)
    assert (len(reply.sms), reply.complete, len(raw.requests)) == (told, complete, requests)


async def test_the_pages_before_one_that_cannot_be_read_are_told_and_not_as_all() -> None:
    async with raw_provider(page_of(0, 3, 6), http("<html>")) as raw:
        configured = config(raw.url)
        async with talking_to(configured, World()) as provider:
            rentals = build_rentals(configured, provider)
            assert rentals is not None
            reply = await rentals.messages(ProviderRef("7"))
    assert isinstance(reply, Messages)
    assert (len(reply.sms), reply.complete) == (3, False)
