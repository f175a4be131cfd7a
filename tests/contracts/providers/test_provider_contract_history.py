"""What became of past numbers and of their price, of every adapter whose provider tells it."""

from datetime import datetime, timedelta

import pytest

from tests.contracts.providers.conftest import PAIRS, REMEMBERING
from tests.contracts.providers.simulated import (
    OLD_ENOUGH_S,
    PRICE_MINOR,
    START,
    UNREADABLE,
    Simulated,
    capabilities_of,
)
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import ProviderError, ProviderRefused
from worker.ports.provider import PastNumber

DAY = timedelta(days=1)
PAGES_MAX = 10


def test_there_are_some_with_a_history_and_some_without() -> None:
    assert set(REMEMBERING) == {
        ("handler_api", "classic"),
        ("handler_api", "hero"),
        ("fivesim", "classic"),
        ("smspool", "classic"),
        ("textverified", "classic"),
    }
    assert not capabilities_of(next(pair for pair in PAIRS if pair not in REMEMBERING)).history


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
    assert row.country in {"0", None}
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
    # Times without a zone tell only days apart.
    apart = timedelta(days=3) if remembering.family == "smspool" else timedelta(seconds=100)
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
    assert row.country in {"0", None}
    assert row.cost_minor in {PRICE_MINOR, None}
    assert row.rented_at in {START, None}
    facts = (row.country, row.cost_minor, row.rented_at)
    assert any(fact is not None for fact in facts)


async def test_a_code_counts_as_told_from_the_history_that_held_it(remembering: Simulated) -> None:
    rented = await remembering.rented()
    await remembering.deliver(rented.ref, "482913")
    await history_of(remembering)

    # TextVerified lists its SMS elsewhere.
    told = (await remembering.books(rented.ref))["sms"][0]["told_at"] is not None
    assert told == (remembering.family != "textverified")
