"""Exposures that nobody else ends: listed with their reason, and ended by a person's word."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.store.shop import DEADLINE, GRACE, PRICE, SIM, TICK, Shop, after_grace
from worker.domain.activation import ProviderState
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.provider import PastNumber
from worker.ports.store.purchases import EndedExposure, ExposureCause, ExposureEnd
from worker.ports.store.settlements import Resolved

NOW = DEADLINE + GRACE + TICK
SECOND = timedelta(seconds=1)
LONG_AGO = timedelta(seconds=-2)
UNANSWERED = """
SET session_replication_role = replica;
UPDATE activation SET pursue_at = NULL, provider_state = 'disputed', provider_ref = NULL;
SET session_replication_role = origin;
"""
DISPUTED = (
    "WITH moved AS (UPDATE activation SET provider_state = 'disputed', pursue_at = NULL"
    " RETURNING id, provider) INSERT INTO provider_dispute"
    " (activation_id, provider, held, says, amount_minor, currency)"
    " SELECT id, provider, 'cancelled', 'charged', 1, 'USD' FROM moved"
)


async def graced(shop: Shop, *refs: str, **known: object) -> list[ActivationId]:
    """Credited when the grace was over: the cancel goes on."""
    await shop.open()
    ids = [await shop.rent(ref, **known) for ref in refs or ("1",)]
    await shop.expire()
    await shop.store.settlements.settle([after_grace(id_) for id_ in ids], now=NOW)
    return ids


async def pursued_to(shop: Shop, state: ProviderState) -> None:
    due = await shop.store.settlements.lease_pursuits(SIM, 10, GRACE, now=NOW + SECOND)
    await shop.store.settlements.resolve(
        [Resolved(one.id, one.epoch, state) for one in due], now=NOW
    )


async def end(
    shop: Shop, *ids: ActivationId, as_: ExposureEnd = ExposureEnd.LOSS
) -> list[EndedExposure]:
    return await shop.store.purchases.end_exposures(SIM, ids, as_, "alice")


async def exposures(shop: Shop) -> list[tuple[object, ...]]:
    return await shop.rows("SELECT amount_minor, currency, state FROM exposure")


async def test_open_ones_are_listed_oldest_first_with_what_they_cost(shop: Shop) -> None:
    first, second = await graced(shop, "1", "2", cost_minor=11, cost_currency="EUR")
    await shop.rows(
        "UPDATE exposure SET opened_at = opened_at - interval '1 day' WHERE activation_id = $1",
        second,
    )

    found = await shop.store.purchases.open_exposures(SIM, 10)

    assert [(one.activation_id, one.ref) for one in found] == [(second, "2"), (first, "1")]
    assert {(one.amount_minor, one.currency, one.why) for one in found} == {
        (11, "EUR", ExposureCause.PURSUED)
    }
    assert found[1].opened_at == NOW
    assert await shop.store.purchases.open_exposures(SIM, 1) == found[:1]
    assert await shop.store.purchases.open_exposures(ProviderName("other"), 10) == []


async def test_only_what_is_open_for_so_long_is_listed(shop: Shop) -> None:
    old, _ = await graced(shop, "1", "2")
    await shop.rows("UPDATE exposure SET opened_at = now() - interval '1 day'")
    await shop.rows(
        "UPDATE exposure SET opened_at = now() - interval '9 days' WHERE activation_id = $1", old
    )

    found = await shop.store.purchases.open_exposures(SIM, 10, older_than=timedelta(days=2))

    assert [one.activation_id for one in found] == [old]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE activation SET pursue_at = now()", ExposureCause.PURSUED),
        (UNANSWERED, ExposureCause.PURCHASE),
        (DISPUTED, ExposureCause.DISPUTED),
        ("UPDATE activation SET pursue_at = NULL, provider_state = 'gone'", ExposureCause.GONE),
        (
            "UPDATE activation SET pursue_at = NULL, provider_state = 'cancelled'",
            ExposureCause.LATE_CODE,
        ),
    ],
)
async def test_it_is_told_what_an_open_one_waits_for(
    shop: Shop, change: str, why: ExposureCause
) -> None:
    await graced(shop)
    await shop.admin.execute(change)

    (found,) = await shop.store.purchases.open_exposures(SIM, 10)

    assert found.why is why


@pytest.mark.parametrize("as_", list(ExposureEnd))
async def test_a_persons_word_ends_it_and_its_dispute_and_says_who(
    shop: Shop, as_: ExposureEnd
) -> None:
    (id_,) = await graced(shop, cost_minor=11, cost_currency="USD")
    await shop.rows(DISPUTED)

    (ended,) = await end(shop, id_, as_=as_)

    assert ended == EndedExposure(id_, 11, "USD", as_, now=True)
    assert await exposures(shop) == [(11, "USD", as_.value)]
    assert await shop.one("SELECT ended_at IS NOT NULL FROM exposure")
    assert await shop.one("SELECT ended_at IS NOT NULL FROM provider_dispute")
    last = (await shop.number(id_)).timeline[-1]
    assert last.what == "exposure"
    assert last.detail == {
        "state": "refunded",
        "exposure": as_.value,
        "by": "alice",
        "amount_minor": 11,
        "currency": "USD",
    }
    assert await shop.money() == (100_000, 0), "the customer has nothing to do with it"
    assert {finding.violations for finding in await shop.store.books.audit()} == {0}


async def test_said_again_it_changes_nothing_and_the_first_word_stands(shop: Shop) -> None:
    (id_,) = await graced(shop)
    await end(shop, id_)
    before = await shop.number(id_)

    again, other = await end(shop, id_), await end(shop, id_, as_=ExposureEnd.RESOLVED)

    assert again == other == [EndedExposure(id_, PRICE, "USD", ExposureEnd.LOSS, now=False)]
    assert await shop.number(id_) == before


async def test_two_people_at_once_end_it_once(shop: Shop) -> None:
    ids = await graced(shop, "1", "2", "3")

    both = await asyncio.gather(
        end(shop, *ids), end(shop, *reversed(ids), as_=ExposureEnd.RESOLVED)
    )

    assert sorted(one.now for each in both for one in each) == [False] * 3 + [True] * 3
    assert [one[:4] for one in both[0]] == [one[:4] for one in both[1]]
    assert await shop.one("SELECT count(*) FROM transition WHERE what = 'exposure'") == 3


async def test_what_is_no_exposure_of_this_provider_is_left_alone(shop: Shop) -> None:
    (id_,) = await graced(shop)
    unexposed = await shop.rent("9")

    other = await shop.store.purchases.end_exposures(
        ProviderName("other"), [id_], ExposureEnd.LOSS, "alice"
    )

    assert other == []
    assert await end(shop, unexposed, ActivationId(UUID(int=7))) == []
    assert await exposures(shop) == [(PRICE, "USD", "open")]


async def test_what_the_provider_goes_on_saying_does_not_open_it_again(shop: Shop) -> None:
    (id_,) = await graced(shop)
    await shop.rows(DISPUTED)
    await end(shop, id_, as_=ExposureEnd.RESOLVED)
    charged = PastNumber(ref=ProviderRef("1"), fate=PriceFate.KEPT, rented_at=DEADLINE)

    for _ in range(2):
        await shop.store.purchases.compare_history(SIM, [charged], ended_for=LONG_AGO)

    assert await exposures(shop) == [(PRICE, "USD", "resolved")]
    assert (await shop.number(id_)).provider_state is ProviderState.DISPUTED


async def test_what_was_written_off_and_is_given_back_after_all_is_no_loss(shop: Shop) -> None:
    (id_,) = await graced(shop)
    await shop.rows(DISPUTED)
    await end(shop, id_)
    back = PastNumber(ref=ProviderRef("1"), fate=PriceFate.GIVEN_BACK, rented_at=DEADLINE)

    await shop.store.purchases.compare_history(SIM, [back], ended_for=LONG_AGO)

    assert await exposures(shop) == [(PRICE, "USD", "resolved")]
    assert (await shop.number(id_)).provider_state is ProviderState.CANCELLED


@pytest.mark.parametrize(
    ("said", "found", "ended"),
    [
        (ExposureEnd.LOSS, ProviderState.CANCELLED, "resolved"),
        (ExposureEnd.LOSS, ProviderState.CHARGED, "loss"),
        (ExposureEnd.RESOLVED, ProviderState.CHARGED, "loss"),
        (ExposureEnd.RESOLVED, ProviderState.CANCELLED, "resolved"),
    ],
)
async def test_of_a_number_still_pursued_the_provider_has_the_last_word(
    shop: Shop, said: ExposureEnd, found: ProviderState, ended: str
) -> None:
    (id_,) = await graced(shop)
    await end(shop, id_, as_=said)

    await pursued_to(shop, found)

    assert await exposures(shop) == [(PRICE, "USD", ended)]
    assert {finding.violations for finding in await shop.store.books.audit()} == {0}


async def test_what_is_open_is_told_by_currency(shop: Shop) -> None:
    dollars, _ = await graced(shop, "1", "2")
    await shop.rows(
        "UPDATE exposure SET currency = 'EUR', amount_minor = 7 WHERE activation_id <> $1", dollars
    )

    assert await shop.store.purchases.exposure_by_currency(SIM) == {"EUR": 7, "USD": PRICE}
    await end(shop, dollars)
    assert await shop.store.purchases.exposure_by_currency(SIM) == {"EUR": 7}
