"""The audit finds what it is for: each invariant is broken by hand, and reports just that."""

import re
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.integration.store.shop import (
    ALICE,
    BOB,
    DEADLINE,
    GRACE,
    PRICE,
    RENTED,
    SIM,
    TICK,
    Shop,
    after_grace,
    delivery,
    ending,
    external,
    intake,
)
from worker.adapters.store import audit
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ActivationId, ProviderRef, activation_id, purchase_id
from worker.domain.transfer import Charge
from worker.ports.service import PurchaseOrder
from worker.ports.store.purchases import Bought, PurchaseState

NOW = DEADLINE + TICK

# Superuser's tools: the guards of the books themselves out of the way.
DISARM = """
ALTER TABLE transfer DISABLE TRIGGER ALL;
ALTER TABLE settlement DISABLE TRIGGER ALL;
ALTER TABLE transition DISABLE TRIGGER ALL;
ALTER TABLE activation DISABLE TRIGGER ALL;
ALTER TABLE live DISABLE TRIGGER ALL;
ALTER TABLE balance DROP CONSTRAINT balance_amount_minor_check;
"""


class Sabotage(NamedTuple):
    invariant: str
    offender: str  #: Empty: others may notice, too.
    sql: str


def sabotages() -> list[Sabotage]:
    script = Path(__file__).with_name("sabotage.sql").read_text()
    parts = re.split(r"^-- (?:==|=~) (\w+)(?:: (.+))?$", script, flags=re.MULTILINE)[1:]
    return [Sabotage(parts[n], parts[n + 1] or "", parts[n + 2]) for n in range(0, len(parts), 3)]


ALONE = [one for one in sabotages() if one.offender]
AMONG_OTHERS = [one for one in sabotages() if not one.offender]


@dataclass(frozen=True)
class Lives:
    """One number of every kind of ending, and one that is alive."""

    live: ActivationId
    delivered: ActivationId
    refunded: ActivationId
    closed: ActivationId
    graced: ActivationId
    free: ActivationId
    reviewed: ActivationId

    def put_into(self, sql: str) -> str:
        """{name} becomes the id of that number."""
        return re.sub(r"\{(\w+)\}", lambda name: str(getattr(self, name[1])), sql)


async def lives(shop: Shop) -> Lives:
    await shop.open(ALICE, 1000)
    await shop.open(BOB, 1000)
    await shop.store.activations.accept(
        [
            intake("live", rented_at=RENTED + GRACE),
            *(intake(ref) for ref in ("delivered", "refunded", "closed", "reviewed")),
            external("graced"),
            intake("free", price_minor=0),
        ],
        now=RENTED + GRACE,
    )
    await shop.code("delivered", "1234", RENTED + GRACE)
    ids = {str(due.ref): due.id for due in await shop.expire()}
    await shop.refund(ids["refunded"], NOW)
    await shop.refund(ids["closed"], NOW, outcome=State.CLOSED)
    await shop.refund(ids["free"], NOW)
    await shop.refund(ids["reviewed"], NOW, outcome=State.IN_REVIEW)
    verdict = ending(
        ids["reviewed"], source=State.IN_REVIEW, outcome=State.DELIVERED, reason="verdict"
    )
    await shop.store.settlements.settle([verdict], now=DEADLINE + GRACE)
    await shop.store.settlements.settle([after_grace(ids["graced"])], now=DEADLINE + GRACE + TICK)
    (coded,) = await shop.store.settlements.due_deliveries(10, now=NOW)
    await shop.store.settlements.settle([delivery(coded.id)], now=NOW)
    live = activation_id(SIM, ProviderRef("live"), RENTED + GRACE)
    return Lives(
        live=live,
        delivered=coded.id,
        refunded=ids["refunded"],
        closed=ids["closed"],
        graced=ids["graced"],
        free=ids["free"],
        reviewed=ids["reviewed"],
    )


async def violated(shop: Shop) -> dict[str, tuple[str, ...]]:
    return {f.invariant: f.offenders for f in await shop.store.books.audit() if f.violations}


#: As if everything had been proven while nothing was there.
PROVEN = """
INSERT INTO audit_proof SELECT name, now(), 0, 0, 0, 0, 0 FROM unnest(CAST($1 AS text[])) name
"""
#: How old a proof may be for what follows to begin from it.
WITHIN = timedelta(days=1)


async def not_held_by_what_is_new(shop: Shop) -> set[str]:
    held = await shop.store.books.check_new(WITHIN)
    assert held is not None
    return {*audit.invariants()} - {finding.invariant for finding in held}


async def test_a_shop_with_every_ending_has_clean_books(broken_shop: Shop) -> None:
    ids = await lives(broken_shop)

    assert await violated(broken_shop) == {}
    assert await broken_shop.state(ids.live) is State.WAITING
    assert (await broken_shop.number(ids.graced)).provider_state is ProviderState.CANCELLING


async def test_purchases_of_every_outcome_leave_clean_books(shop: Shop) -> None:
    await shop.open()
    bought = Bought(ref=ProviderRef("9"), phone="15550009", cost_minor=9, cost_currency="USD")
    ids = {}
    for key in ("asked", "bought", "unknown", "failed"):
        ids[key] = purchase_id(ALICE, key)
        order = PurchaseOrder(
            idempotency_key=key,
            account=ALICE,
            provider=SIM,
            service="any",
            country="1",
            price_minor=PRICE,
        )
        begun = await shop.store.purchases.begin_purchase(ids[key], order, "default", "1", GRACE)
        assert begun.how is PurchaseState.NEW
    await shop.store.purchases.purchase_bought(ids["bought"], bought, GRACE)
    await shop.store.purchases.purchase_unknown(ids["unknown"])
    await shop.store.purchases.purchase_failed(ids["failed"], "no_numbers", is_order=False)

    assert await shop.money() == (100_000 - 3 * PRICE, 3 * PRICE)
    assert await violated(shop) == {}


@pytest.mark.parametrize("broken", ALONE, ids=lambda broken: broken.invariant)
async def test_a_broken_invariant_is_reported_by_itself(
    broken_shop: Shop, broken: Sabotage
) -> None:
    ids = await lives(broken_shop)
    await unanswered_purchase(broken_shop)
    assert await violated(broken_shop) == {}
    await broken_shop.admin.execute(PROVEN, list(audit.invariants()))
    await broken_shop.admin.execute(DISARM + ids.put_into(broken.sql))

    assert await not_held_by_what_is_new(broken_shop) == {broken.invariant}
    assert await violated(broken_shop) == {broken.invariant: (ids.put_into(broken.offender),)}


async def unanswered_purchase(shop: Shop) -> None:
    """An intent to buy with its hold, as `begin_purchase` leaves it."""
    await shop.admin.execute(
        'INSERT INTO purchase (id, content_hash, account, provider, "order", price_minor, currency)'
        " VALUES ('00000000-0000-0000-0000-0000000000aa', 'x', 'alice', 'sim', '{}', 25, 'USD');"
        "INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor,"
        " currency) VALUES ('hold:00000000-0000-0000-0000-0000000000aa', 'alice',"
        " '00000000-0000-0000-0000-0000000000aa', 'available:alice', 'held:alice', 25, 'USD');"
        "UPDATE balance SET amount_minor = amount_minor + CASE bucket WHEN 'held' THEN 25 ELSE -25"
        " END WHERE account = 'alice'"
    )


@pytest.mark.parametrize("broken", AMONG_OTHERS, ids=lambda broken: broken.invariant)
async def test_other_ways_to_break_it_are_noticed_too(broken_shop: Shop, broken: Sabotage) -> None:
    ids = await lives(broken_shop)
    await broken_shop.admin.execute(DISARM + ids.put_into(broken.sql))

    assert broken.invariant in await violated(broken_shop)


def test_every_invariant_is_sabotaged_and_says_what_must_hold() -> None:
    # Those of cases are broken where cases are tested.
    ours = [name for name in audit.invariants() if not name.startswith("case_")]

    assert sorted(one.invariant for one in ALONE) == sorted(ours)
    for invariant in audit.invariants():
        assert re.fullmatch(r"[A-Z].{20,}\.", audit.says(invariant))


async def test_the_count_is_whole_and_the_offenders_are_few(broken_shop: Shop) -> None:
    await broken_shop.open()
    await broken_shop.rent_many(20)
    await broken_shop.admin.execute(DISARM)
    await broken_shop.admin.execute("UPDATE activation SET accepted_seq = NULL")

    (finding,) = [f for f in await broken_shop.store.books.audit() if f.violations]

    assert finding.violations == 20
    assert len(finding.offenders) == audit.OFFENDERS


async def test_it_changes_nothing_and_needs_no_more_than_the_workers_role(shop: Shop) -> None:
    await shop.open()
    await shop.rent("1", charge=Charge.EXTERNAL)
    before = await shop.rows("SELECT xmin::text, * FROM activation")

    assert len(await shop.store.books.audit()) == len(shop.store.books.invariants)

    assert await shop.rows("SELECT xmin::text, * FROM activation") == before
