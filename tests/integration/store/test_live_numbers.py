"""What lives has a narrow row, whoever writes: this code, or code of before by the triggers."""

import asyncio
from datetime import datetime
from uuid import UUID

import asyncpg
import pytest

from tests.integration.store.pausing import Rival
from tests.integration.store.shop import (
    BOB,
    DEADLINE,
    RENTED,
    SIM,
    TICK,
    Shop,
    ending,
    intake,
)
from tests.integration.store.test_store_upgrades import filled
from worker.adapters.store import migrate
from worker.domain.activation import State
from worker.domain.ids import AccountId
from worker.ports.store.activations import AcceptOutcome

LIVE = "SELECT at_provider, ends_at, id, ref FROM live ORDER BY id"
UNSETTLED = (
    "SELECT provider, ending_at, id, provider_ref FROM activation WHERE NOT settled ORDER BY id"
)
#: As code of before writes it: it knows of no other table.
TAKEN_IN = """
INSERT INTO activation (id, provider, provider_ref, account, phone, service, country, price_minor,
                        currency, policy, policy_version, charge, rented_at, window_seconds,
                        deadline_at, ending_at)
VALUES (gen_random_uuid(), 'sim', $1, 'alice', '1', 'any', '1', 25, 'USD', 'default', '1', 'hold',
        now(), 60, now(), now()) RETURNING id
"""


async def alike(shop: Shop) -> int:
    """How many live, after a look that both tables say the same."""
    live = await shop.rows(LIVE)
    assert live == await shop.rows(UNSETTLED)
    return len(live)


async def test_a_number_lives_until_it_is_settled(shop: Shop) -> None:
    await shop.open()
    one, two = await shop.rent("1"), await shop.rent("2")
    assert await alike(shop) == 2

    await shop.store.activations.press_cancel(one, now=RENTED + TICK)
    assert await alike(shop) == 2
    await shop.store.settlements.lease_cancels(SIM, 10, TICK, now=DEADLINE + TICK)
    await shop.refund(two, outcome=State.IN_REVIEW)
    assert await shop.one("SELECT ends_at = 'infinity' FROM live WHERE id = $1", two)
    assert await alike(shop) == 2
    await shop.store.settlements.settle([ending(one, reason="cancel")], now=DEADLINE + TICK)
    assert await alike(shop) == 1
    await shop.refund(two, source=State.IN_REVIEW)
    assert await alike(shop) == 0


async def test_what_code_of_before_writes_is_carried_over(broken_shop: Shop) -> None:
    shop = broken_shop
    await shop.open()
    id_: UUID = await shop.admin.fetchval(TAKEN_IN, "1")
    assert await alike(shop) == 1
    await shop.admin.execute("UPDATE activation SET ending_at = ending_at - interval '1 minute'")
    assert await alike(shop) == 1

    ended = "UPDATE activation SET state = 'refunded', settled = true WHERE id = $1"
    await shop.admin.execute(ended, id_)
    assert await alike(shop) == 0

    ours = await shop.rent("2")
    await shop.admin.execute(ended, ours)
    assert await alike(shop) == 0


async def test_code_of_before_cannot_take_in_a_ref_that_lives(broken_shop: Shop) -> None:
    await broken_shop.open()
    await broken_shop.rent("1")

    with pytest.raises(asyncpg.UniqueViolationError):
        await broken_shop.admin.fetchval(TAKEN_IN, "1")


async def test_one_that_was_settled_is_not_alive_when_it_is_handed_in_again(shop: Shop) -> None:
    """Its ref was used again since, and it is told once more."""
    await shop.open()
    first = await shop.rent("1")
    await shop.expire()
    await shop.refund(first)
    later: datetime = DEADLINE + TICK
    second = await shop.rent("1", rented_at=later, now=later)
    assert await alike(shop) == 1

    results = await asyncio.gather(
        *(shop.store.activations.accept([intake("1", rented_at=later)], now=later) for _ in "ab")
    )

    assert {result.how for (result,) in results} == {AcceptOutcome.SAME}
    assert await shop.rows("SELECT id FROM live") == [(second,)]


async def test_what_lived_before_the_upgrade_lives_after_it(empty_database_url: str) -> None:
    admin = await filled(empty_database_url, "0024")
    lived = await admin.fetch(UNSETTLED)
    assert lived

    await migrate.upgrade(empty_database_url)

    assert [tuple(row) for row in await admin.fetch(LIVE)] == [tuple(row) for row in lived]
    await admin.close()


async def test_a_number_lives_as_long_as_it_is_not_settled_and_never_again(shop: Shop) -> None:
    await shop.open()
    id_ = await shop.rent("1")

    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="until it is settled"):
        await shop.admin.execute("DELETE FROM live")
    assert await alike(shop) == 1

    await shop.expire()
    await shop.refund(id_)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="does not live again"):
        await shop.admin.execute("UPDATE activation SET state = 'waiting', settled = false")


async def test_one_that_lived_and_ended_while_another_intake_of_it_waited(
    shop: Shop, rival: Rival
) -> None:
    """The other looked before it lived, and stores it after it was settled."""
    carol = AccountId("carol")
    for account in ("alice", BOB, carol):
        await shop.open(AccountId(account))
    first = await rival.start(rival.store.activations.accept([intake("0")], now=RENTED))
    both = [intake(ref, account=BOB) for ref in ("0", "1")]
    waiting = await rival.run_into(shop.store.activations.accept(both, now=RENTED))
    id_ = await shop.rent("1", account=carol)
    await shop.expire()
    await shop.refund(id_, account=carol)

    rival.gate.go.set()
    await first

    assert {result.how for result in await waiting} == {AcceptOutcome.OTHER_CONTENT}
    assert await alike(shop) == 1
