"""What nobody knows for certain of TextVerified, tried both ways: no money and no code is lost."""

from typing import Any

import pytest

from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderError, ProviderUnavailable, UnknownReply
from worker.ports.provider import (
    CodesArrived,
    Ended,
    NoRent,
    Refusal,
    Refused,
    Rented,
    RentRequest,
    Waiting,
)
from worker.testing.simulated_provider import (
    OLD_ENOUGH_S,
    PRICE_MINOR,
    START,
    Simulated,
    simulated,
)


def textverified(**knobs: Any) -> Any:
    return simulated("textverified", "classic", knobs=knobs)


@pytest.mark.parametrize("states", ["camel", "lower", "upper"])
async def test_a_state_is_read_in_any_case(states: str) -> None:
    async with textverified(states=states) as it:
        waiting, given_back, coded = [(await it.rented()).ref for _ in range(3)]
        await it.provider.cancel(given_back)
        await it.deliver(coded, "482913")

        assert await it.provider.look(waiting) == Waiting()
        assert await it.provider.look(given_back) == Ended(PriceFate.GIVEN_BACK)
        assert isinstance(await it.provider.look(coded), CodesArrived)


@pytest.mark.parametrize("parsed_code", [False, True])
@pytest.mark.parametrize("country_code", [False, True])
async def test_a_code_is_read_alone_and_in_the_list(parsed_code: bool, country_code: bool) -> None:
    async with textverified(parsed_code=parsed_code, country_code=country_code) as it:
        rented = await it.rented()
        await it.deliver(rented.ref, "482913")

        seen = await it.provider.look(rented.ref)
        (row,) = (await it.provider.list_active(0)).rows

        assert isinstance(seen, CodesArrived)
        assert row.sms == seen.sms
        assert "482913" in seen.sms[0].code


@pytest.mark.parametrize("cancelled_body", ["", "{}"])
@pytest.mark.parametrize("refusal_body", ["", "error"])
async def test_a_cancel_is_a_plain_yes_or_read_from_the_details(
    cancelled_body: str, refusal_body: str
) -> None:
    async with textverified(cancelled_body=cancelled_body, refusal_body=refusal_body) as it:
        given_back, charged = await it.rented(), await it.rented()
        await it.deliver(charged.ref, "482913")

        assert await it.provider.cancel(given_back.ref) == Ended(PriceFate.GIVEN_BACK)
        assert await it.provider.cancel(charged.ref) == Refused(Refusal.UNCLEAR)
        assert isinstance(await it.provider.look(charged.ref), CodesArrived)


@pytest.mark.parametrize("min_cancel_age_seconds", [0, 60])
async def test_a_cancel_that_is_too_early_can_be_asked_for_again(
    min_cancel_age_seconds: int,
) -> None:
    async with textverified(min_cancel_age_seconds=min_cancel_age_seconds) as it:
        rented = await it.rented()

        first = await it.provider.cancel(rented.ref)
        it.pass_time(OLD_ENOUGH_S)

        if min_cancel_age_seconds:
            assert first == Refused(Refusal.UNCLEAR)
            assert await it.provider.look(rented.ref) == Waiting()
            first = await it.provider.cancel(rented.ref)
        assert first == Ended(PriceFate.GIVEN_BACK)


@pytest.mark.parametrize("link_host", ["", "elsewhere.example"])
async def test_links_are_followed_at_the_host_that_is_configured(link_host: str) -> None:
    async with textverified(link_host=link_host, page_size=3) as it:
        await it.control("POST", "rent", {"count": 8, "service": "timeout"})

        page = await it.provider.list_active(0)

        assert (len(page.rows), page.last) == (8, True)
        assert isinstance(await it.provider.rent(RentRequest("timeout", "us")), Rented)


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_the_list_has_who_lives_in_either_order(oldest_first: bool) -> None:
    async with textverified(oldest_first=oldest_first, page_size=2) as it:
        for _ in range(5):
            await it.rented()
            it.pass_time(3600)
        live = [(await it.rented()).ref for _ in range(3)]

        page = await it.provider.list_active(0)

        assert set(live) <= {row.ref for row in page.rows}
        lists = (await it.summary())["requests"]["list"]
        assert lists == (4 if oldest_first else 3)


@pytest.mark.parametrize("oldest_first", [False, True])
async def test_the_history_of_a_span_is_whole_in_either_order(oldest_first: bool) -> None:
    async with textverified(oldest_first=oldest_first, page_size=2) as it:
        refs = []
        for _ in range(5):
            refs.append((await it.rented()).ref)
            it.pass_time(3600)

        page = await it.provider.history(START, START.replace(hour=13), 0)

        assert ({row.ref for row in page.rows}, page.next) == (set(refs[:2]), None)


async def test_a_list_that_is_too_long_is_no_list() -> None:
    async with textverified(page_size=1) as it:
        await it.control("POST", "rent", {"count": 60, "service": "timeout"})

        with pytest.raises(UnknownReply, match="without an end"):
            await it.provider.list_active(0)


async def test_the_sms_of_a_phone_that_was_rented_before_goes_to_its_newest() -> None:
    async with textverified() as it:
        first = await it.rented()
        await it.deliver(first.ref, "111111")
        it.pass_time(60)
        second = await it.rented()
        await it.deliver(second.ref, "222222")

        rows = {row.ref: row for row in (await it.provider.list_active(0)).rows}

        assert [sms.code for sms in rows[first.ref].sms] == ["111111"]
        assert [sms.code for sms in rows[second.ref].sms] == ["222222"]


@pytest.mark.parametrize("country", ["0", "7", "russia", "gb", "12"])
async def test_a_number_of_another_country_is_not_asked_for(country: str) -> None:
    async with textverified() as it:
        reply = await it.provider.rent(RentRequest("timeout", country))

        assert reply is NoRent.BAD_REQUEST
        assert (await it.summary())["requests"] == {}


@pytest.mark.parametrize("country", ["us", "US", "usa", "Usa", "1", "187", "any"])
async def test_the_country_of_its_numbers_has_several_names(country: str) -> None:
    async with textverified() as it:
        assert isinstance(await it.provider.rent(RentRequest("timeout", country)), Rented)


async def test_a_phone_is_told_with_the_code_of_its_country_everywhere() -> None:
    async with textverified() as it:
        rented = await it.rented()
        (row,) = (await it.provider.list_active(0)).rows
        (past,) = (await it.provider.history(START, START, 0)).rows

        booked = (await it.books(rented.ref))["phone"]
        assert len(booked) == 11
        assert booked.startswith("1")
        assert {rented.phone, row.phone, past.phone} == {booked}


async def bought_with(it: Simulated, key: str) -> None:
    await it.provider.rent(RentRequest("timeout", "us", order=key))


async def test_a_purchase_whose_answers_stay_lost_is_in_doubt_and_made_once() -> None:
    async with textverified() as it:
        await it.provider.balance()
        await it.fault("reply-lost", operations=["rent"])
        with pytest.raises(ProviderUnavailable) as raised:
            await bought_with(it, "a-1")
        await it.heal()

        (row,) = (await it.provider.list_active(0)).rows

        assert raised.value.sent
        assert row.service == "timeout"
        assert (await it.summary())["purchases"] == 1


async def test_a_purchase_whose_details_are_lost_is_in_doubt_and_in_the_list() -> None:
    async with textverified() as it:
        await it.provider.balance()
        await it.fault("reply-lost", operations=["look"])
        with pytest.raises(ProviderError) as raised:
            await bought_with(it, "a-1")
        await it.heal()

        (row,) = (await it.provider.list_active(0)).rows

        assert getattr(raised.value, "sent", False)
        assert (row.cost_minor, bool(row.phone)) == (PRICE_MINOR, True)
