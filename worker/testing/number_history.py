"""What a provider tells of many numbers: the list of active ones, and what became of past ones."""

from datetime import datetime, timedelta

import pytest

from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable
from worker.ports.provider import ActiveRow, PastNumber
from worker.testing.simulated_provider import (
    OLD_ENOUGH_S,
    PRICE_MINOR,
    START,
    UNREADABLE,
    Simulated,
    request,
)

DAY = timedelta(days=1)
PAGES_MAX = 10


async def history_of(
    it: Simulated, since: datetime = START - DAY, until: datetime = START + DAY
) -> dict[ProviderRef, PastNumber]:
    rows: list[PastNumber] = []
    skip: int | None = 0
    pages = 0
    while skip is not None:
        page = await it.provider.history(since, until, skip)
        rows += page.rows
        skip, pages = page.next, pages + 1
        assert pages < PAGES_MAX
    assert len({row.ref for row in rows}) == len(rows)
    return {row.ref: row for row in rows}


async def test_it_says_what_was_charged_what_was_given_back_and_what_lives(
    remembering: Simulated,
) -> None:
    charged, cancelled, ended, waiting = [
        (await remembering.rented(service)).ref
        for service in ("timeout", "timeout", "provider-cancels:3", "timeout")
    ]
    await remembering.deliver(charged, "482913")
    await remembering.provider.finish(charged)
    remembering.pass_time(OLD_ENOUGH_S)
    await remembering.provider.cancel(cancelled)

    past = await history_of(remembering)

    assert {ref: row.fate for ref, row in past.items()} == {
        charged: PriceFate.KEPT,
        cancelled: PriceFate.GIVEN_BACK,
        ended: PriceFate.GIVEN_BACK,
        waiting: PriceFate.NOT_YET,
    }
    for ref, row in past.items():
        booked = await remembering.books(ref)
        kept = {PriceFate.KEPT: PRICE_MINOR, PriceFate.GIVEN_BACK: 0}.get(row.fate)
        assert kept in {booked["net_minor"], None}


async def test_a_row_says_what_tells_one_number_from_another(remembering: Simulated) -> None:
    rented = await remembering.rented()
    remembering.pass_time(OLD_ENOUGH_S)
    await remembering.provider.cancel(rented.ref)

    row = (await history_of(remembering))[rented.ref]

    assert row.phone == rented.phone
    assert (row.cost_minor, row.currency) == (PRICE_MINOR, "USD")
    assert row.service in {"timeout", None}
    assert row.country in {"any", None}
    assert row.rented_at in {START, None}
    assert rented.phone not in repr(row)


async def test_a_number_that_ran_out_with_its_code_is_charged(remembering: Simulated) -> None:
    rented = await remembering.rented()
    await remembering.deliver(rented.ref, "482913")
    remembering.pass_time(3600)

    assert (await history_of(remembering))[rented.ref].fate is PriceFate.KEPT


async def test_it_is_told_page_by_page_and_nothing_twice(remembering: Simulated) -> None:
    rented = await remembering.control("POST", "rent", {"count": 207, "service": "timeout"})

    past = await history_of(remembering)

    assert set(past) == {each["id"] for each in rented["numbers"]}


async def test_only_the_span_is_told(remembering: Simulated) -> None:
    apart = remembering.habits.history_apart
    for _ in range(3):
        await remembering.rented()
        remembering.pass_time(apart.total_seconds())

    past = await history_of(remembering, START + apart / 2, START + apart * 3 / 2)

    assert len(past) == 1


async def test_an_empty_history_is_empty(remembering: Simulated) -> None:
    assert await history_of(remembering) == {}


@pytest.mark.parametrize(("fault", "timeout_s"), UNREADABLE)
async def test_a_history_that_cannot_be_read_is_an_error_and_never_empty(
    remembering: Simulated, fault: str
) -> None:
    await remembering.rented()
    await remembering.fault(fault)

    with pytest.raises(ProviderError):
        await remembering.provider.history(START - DAY, START + DAY, 0)


async def test_a_revoked_key_is_refused_for_the_history_too(remembering: Simulated) -> None:
    await remembering.fault("bad-key")

    with pytest.raises(ProviderRefused):
        await remembering.provider.history(START - DAY, START + DAY, 0)


async def test_a_list_can_tell_all_it_knows_of_a_number(listing: Simulated) -> None:
    rented = await listing.rented()

    (row,) = (await listing.provider.list_whole(0)).rows
    (short,) = (await listing.provider.list_active(0)).rows

    assert (row.ref, row.phone) == (rented.ref, short.phone)
    assert row.service in {"timeout", None}
    assert row.country in {"any", None}
    assert row.cost_minor in {PRICE_MINOR, None}
    assert row.rented_at in {START, None}
    facts = (row.country, row.cost_minor, row.rented_at)
    assert any(fact is not None for fact in facts)


async def test_a_code_counts_as_told_from_the_history_that_held_it(remembering: Simulated) -> None:
    rented = await remembering.rented()
    await remembering.deliver(rented.ref, "482913")
    await history_of(remembering)

    told = (await remembering.books(rented.ref))["sms"][0]["told_at"] is not None
    assert told == remembering.habits.history_has_sms


async def test_the_list_names_every_live_number_with_its_code(listing: Simulated) -> None:
    size = listing.provider.capabilities.list_page_size
    assert size is not None
    order = {"count": 2 * size + 7, "service": "timeout"}
    rented = await listing.control("POST", "rent", order)
    refs = [each["id"] for each in rented["numbers"]]
    await listing.deliver(refs[3], "482913")

    rows: list[ActiveRow] = []
    page = 0
    while True:
        listed = await listing.provider.list_active(page)
        rows += listed.rows
        page += 1
        if listed.last:
            break
        assert page < 10

    codes = {row.ref: [sms.code for sms in row.sms] for row in rows}
    assert codes == {ref: ["482913"] if ref == refs[3] else [] for ref in refs}


async def test_an_empty_list_is_empty(listing: Simulated) -> None:

    page = await listing.provider.list_active(0)

    assert (list(page.rows), page.last) == ([], True)


@pytest.mark.parametrize(("fault", "timeout_s"), UNREADABLE)
async def test_a_list_that_cannot_be_read_is_an_error_and_never_empty(
    listing: Simulated, fault: str
) -> None:
    await listing.rented()
    await listing.fault(fault)

    with pytest.raises(ProviderError):
        await listing.provider.list_active(0)


async def test_a_purchase_whose_reply_is_lost_can_be_found_in_the_list(listing: Simulated) -> None:
    await listing.fault("reply-lost", operations=["rent"])
    with pytest.raises(ProviderUnavailable):
        await listing.provider.rent(request())

    (row,) = (await listing.provider.list_active(0)).rows

    assert (await listing.books(row.ref))["status"]
    assert row.phone
