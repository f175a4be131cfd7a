"""What nobody knows for certain of SMSPool, tried both ways: no answer and no money is lost."""

from datetime import timedelta
from typing import Any, Final

import pytest

from worker.domain.price_fate import PriceFate
from worker.ports.provider import CodesArrived, Ended, Refusal, Refused, Waiting, price_fate
from worker.testing.simulated_provider import OLD_ENOUGH_S, PRICE_MINOR, START, simulated

LIFETIME_S: Final = 1200


def smspool(**knobs: Any) -> Any:
    return simulated("smspool", "classic", knobs=knobs)


@pytest.mark.parametrize("refunded_status", [2, 4, 5, 6])
@pytest.mark.parametrize("status_type", ["number", "text"])
async def test_a_refund_is_seen_whatever_its_number_is(
    refunded_status: int, status_type: str
) -> None:
    async with smspool(refunded_status=refunded_status, status_type=status_type) as it:
        rented = await it.rented()
        it.pass_time(OLD_ENOUGH_S)
        assert await it.provider.look(rented.ref) == Waiting()
        await it.provider.cancel(rented.ref)

        assert await it.provider.look(rented.ref) == Ended(PriceFate.GIVEN_BACK)
        assert (await it.books(rented.ref))["net_minor"] == 0


async def test_a_number_that_only_the_history_explains_costs_one_more_request() -> None:
    async with smspool(refunded_status=2) as it:
        rented = await it.rented("provider-cancels:3")
        it.pass_time(4)
        await it.provider.look(rented.ref)

        assert (await it.summary())["requests"] == {"rent": 1, "look": 1, "history": 1}
        assert it.world.paid == 1


@pytest.mark.parametrize("early_words", ["order", "phone"])
@pytest.mark.parametrize("refusal_status", [200, 400])
@pytest.mark.parametrize("markup", [False, True])
async def test_an_early_cancel_is_known_by_its_words(
    early_words: str, refusal_status: int, markup: bool
) -> None:
    async with smspool(early_words=early_words, refusal_status=refusal_status, markup=markup) as it:
        rented = await it.rented()

        refused = await it.provider.cancel(rented.ref)

        assert isinstance(refused, Refused)
        assert refused.why is Refusal.EARLY


@pytest.mark.parametrize("refusal_status", [200, 400])
async def test_any_other_refusal_is_read_from_the_status(refusal_status: int) -> None:
    async with smspool(refusal_status=refusal_status, not_cancelled="Nope.") as it:
        charged, given_back = await it.rented(), await it.rented()
        it.pass_time(OLD_ENOUGH_S)
        await it.deliver(charged.ref, "482913")
        await it.provider.cancel(given_back.ref)
        for ref, fate in ((charged.ref, PriceFate.KEPT), (given_back.ref, PriceFate.GIVEN_BACK)):
            assert await it.provider.cancel(ref) == Refused(Refusal.UNCLEAR)
            assert price_fate(await it.provider.look(ref)) is fate


@pytest.mark.parametrize("active_has_ended", [False, True])
async def test_the_list_names_who_lives_and_every_code(active_has_ended: bool) -> None:
    async with smspool(active_has_ended=active_has_ended) as it:
        waiting, coded, ended = [(await it.rented()).ref for _ in range(3)]
        await it.deliver(coded, "482913")
        it.pass_time(OLD_ENOUGH_S)
        await it.provider.cancel(ended)

        page = await it.provider.list_active(0)

        assert {row.ref: len(row.sms) for row in page.rows} == {waiting: 0, coded: 1}


@pytest.mark.parametrize("completed_has_time", [False, True])
async def test_the_list_leaves_out_whose_time_is_over(completed_has_time: bool) -> None:
    async with smspool(completed_has_time=completed_has_time) as it:
        for service in ("timeout", "code-arrives:1"):
            await it.rented(service)
        it.pass_time(LIFETIME_S + 1)
        waiting, coded = (await it.rented()).ref, (await it.rented("code-arrives:1")).ref
        it.pass_time(2)

        page = await it.provider.list_active(0)

        assert {row.ref: len(row.sms) for row in page.rows} == {waiting: 0, coded: 1}


async def test_a_row_is_of_a_number_that_was_rented_before_its_end() -> None:
    async with smspool() as it:
        await it.rented("code-arrives:1")
        it.pass_time(2)

        (row,) = (await it.provider.list_whole(0)).rows
        (past,) = (await it.provider.history(START, START, 0)).rows

        assert {row.rented_by, past.rented_by} == {START + timedelta(seconds=LIFETIME_S)}


async def test_a_code_is_on_a_list_of_thousands_that_have_ended() -> None:
    async with smspool() as it:
        for _ in range(2):
            await it.control("POST", "rent", {"count": 10_000, "service": "code-arrives:1"})
        it.pass_time(LIFETIME_S + 1)
        coded = (await it.rented("code-arrives:1")).ref
        it.pass_time(2)

        (row,) = (await it.provider.list_active(0)).rows

        assert (row.ref, len(row.sms)) == (coded, 1)


@pytest.mark.parametrize("phone_parts", [False, True])
async def test_the_whole_phone_is_told(phone_parts: bool) -> None:
    async with smspool(phone_parts=phone_parts) as it:
        rented = await it.rented()

        assert (await it.books(rented.ref))["phone"] == rented.phone


@pytest.mark.parametrize(
    ("knobs", "asked"),
    [({}, True), ({"resend_cost_minor": 10}, False), ({"resend_renames": True}, False)],
)
async def test_another_sms_is_asked_for_only_where_it_is_free_and_ours(
    knobs: dict[str, Any], asked: bool
) -> None:
    async with smspool(**knobs) as it:
        rented = await it.rented()
        await it.deliver(rented.ref, "482913")
        await it.provider.look(rented.ref)

        assert await it.provider.ask_again(rented.ref) is asked
        assert (await it.books(rented.ref))["cost_minor"] == PRICE_MINOR


async def test_before_the_first_sms_no_other_is_asked_for() -> None:
    async with smspool() as it:
        rented = await it.rented()

        assert not await it.provider.ask_again(rented.ref)


@pytest.mark.parametrize("zone_hours", [-12, 0, 14])
async def test_the_history_of_a_span_has_its_orders_in_whatever_zone(zone_hours: int) -> None:
    async with smspool(zone_hours=zone_hours) as it:
        rented = await it.rented()

        page = await it.provider.history(START, START, 0)

        assert [row.ref for row in page.rows] == [rented.ref]


async def test_an_sms_completes_the_order_and_a_finish_is_a_look() -> None:
    async with smspool() as it:
        rented = await it.rented()
        assert await it.provider.finish(rented.ref) == Waiting()
        await it.deliver(rented.ref, "482913")

        seen, finished = await it.provider.look(rented.ref), await it.provider.finish(rented.ref)

        assert isinstance(seen, CodesArrived)
        assert finished == Ended(PriceFate.KEPT, seen.sms)
