"""Search: by whatever is known of a number, from an index, however many were ever stored."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.store.shop import (
    ALICE,
    BOB,
    DEADLINE,
    DIRECTLY,
    RENTED,
    SIM,
    TICK,
    Shop,
    delivery,
)
from tests.integration.store.test_store_plans import PARAMETER, ROWS, custom_plan
from worker.adapters.store import rows
from worker.adapters.store.case_rows import reviews_sql
from worker.adapters.store.database import statement
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.store.rentals import listed_sql
from worker.domain.activation import State
from worker.domain.ids import ActivationId, ProviderName, ProviderRef
from worker.domain.transfer import Charge
from worker.ports.store.activations import Activation, ActivationSearch
from worker.ports.store.cases import CaseOpenOutcome
from worker.ports.store.outbox import EventFilter
from worker.ports.store.rentals import Rental, RentalSearch, rental_id

OTHER = ProviderName("other")


async def _found(shop: Shop, **known: Any) -> list[str]:
    search = ActivationSearch(**known)
    found = await shop.store.activations.activations(search=search)
    return sorted(str(one.ref) for one in found)


async def test_a_number_is_found_by_what_is_known_of_it(shop: Shop) -> None:
    await shop.open()
    await shop.rent("a", phone="+15550001234", service="wa", country="us")
    await shop.rent("b", phone="15550001234", service="wa", country="de", provider=OTHER)
    await shop.rent("c", phone="4915112345678", service="tg", country="de")

    assert await _found(shop, phone="1234") == ["a", "b"]
    assert await _found(shop, phone="+15550001234") == ["a", "b"]
    assert await _found(shop, phone="15112345678") == ["c"]
    assert await _found(shop, phone="4915112345678") == ["c"]
    assert await _found(shop, phone="94915112345678") == []
    assert await _found(shop, phone="+1234") == []
    assert await _found(shop, service="wa") == ["a", "b"]
    assert await _found(shop, country="de") == ["b", "c"]
    assert await _found(shop, service="wa", country="de") == ["b"]
    assert await _found(shop, ref=ProviderRef("b")) == ["b"]
    assert await _found(shop, ref=ProviderRef("d")) == []


async def test_a_number_is_found_by_the_end_of_its_id(shop: Shop) -> None:
    await shop.open()
    one, _ = await shop.rent("a"), await shop.rent("b")

    assert await _found(shop, id_tail=str(one)[-8:]) == ["a"]


@DIRECTLY
async def test_a_search_is_one_statement_and_one_round_trip(shop: Shop, store_url: str) -> None:
    await _delivered(shop)
    store = PostgresStore(store_url, pool_size=1)
    asked: list[str] = []
    try:
        await store.activations.activations(account=ALICE)
        async with store.db.connection() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            driver.add_query_logger(lambda query: asked.append(query.query))
        (found,) = await store.activations.activations(account=ALICE)
    finally:
        await store.close()

    assert len(asked) == 1
    assert "FROM activation WHERE" in asked[0]
    assert [code.code for code in found.codes] == ["123456"]
    assert found.settlement is not None


@DIRECTLY
async def test_a_search_goes_on_where_the_server_has_ended_its_connection(
    shop: Shop, store_url: str
) -> None:
    await shop.open()
    await shop.rent("a")
    store = PostgresStore(store_url, pool_size=1)
    try:
        await store.activations.activations(account=ALICE)
        async with store.db.connection() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection
            pid = driver.get_server_pid()
        assert await shop.one("SELECT pg_terminate_backend($1, 5000)", pid)

        found = await store.activations.activations(account=ALICE)
    finally:
        await store.close()

    assert [str(one.ref) for one in found] == ["a"]


#: One needle in many rows that share their service, their country and the end of their phone.
NEEDLES = """
SET session_replication_role = replica;
UPDATE activation SET phone = '7999' || lpad(provider_ref, 7, '0'), order_ref = 'order-' || id;
SET session_replication_role = origin;
UPDATE activation SET service = 'rare', country = 'xx' WHERE provider_ref = '7';
VACUUM ANALYZE activation;
"""
QUOTED = "ARRAY['p0', 'p1', 'p2']"
SEARCHES: dict[str, tuple[dict[str, str], set[str]]] = {
    "last digits of a phone": ({"phone_tail": "'1234%'"}, {"activation_phone"}),
    "a whole phone": ({"phones": "ARRAY['70000009997', '70000009997+']"}, {"activation_phone"}),
    "the end of an id": ({"id_tail": "'0123abcd'"}, {"activation_id_tail"}),
    "a reference": ({"provider_ref": "'7'", "providers": QUOTED}, {"activation_ref"}),
    "the shop's order id": ({"order_ref": "'order-7'"}, {"activation_order_ref"}),
    "a rare service": ({"service": "'rare'"}, {"activation_of_service"}),
    "a rare country": (
        {"country": "'xx'", "services": "ARRAY['rare', 's']"},
        {"activation_of_service"},
    ),
    "what all have": (
        {"service": "'s'", "country": "'c'"},
        {"activation_newest", "activation_of_service"},
    ),
}


async def test_each_search_reads_an_index_and_no_whole_table(broken_shop: Shop) -> None:
    await broken_shop.admin.execute(ROWS)
    for needle in NEEDLES.strip().split("\n"):
        await broken_shop.admin.execute(needle)

    wrong = {}
    for name, (asked, indexes) in SEARCHES.items():
        sql = rows.newest(frozenset(asked)).text
        plan = await custom_plan(broken_shop, sql, {**asked, "limit": "51"})
        if plan.whole_tables or not plan.indexes_on("activation") <= indexes:
            wrong[name] = plan

    assert wrong == {}


async def test_what_waits_for_a_human_is_found_among_many_live_numbers(broken_shop: Shop) -> None:
    await broken_shop.admin.execute(ROWS)
    await broken_shop.admin.execute(
        "UPDATE activation SET state = 'in_review', ending_at = 'infinity'"
        " WHERE provider_ref = '19777'"
    )
    await broken_shop.admin.execute("VACUUM ANALYZE activation")
    one = {"only": f"'{uuid4()}'", "limit": "1"}

    every = await custom_plan(broken_shop, reviews_sql(frozenset()).text, {"limit": "51"})
    this = await custom_plan(broken_shop, reviews_sql(frozenset({"only"})).text, one)

    assert every.whole_tables == this.whole_tables == set()
    assert every.indexes_on("activation") == {"activation_pkey"}
    assert every.indexes_on("transition") == {"transition_in_review"}


@pytest.mark.parametrize("name", ["activations/seen_providers", "activations/seen_services"])
async def test_what_was_ever_seen_is_read_in_a_few_steps(broken_shop: Shop, name: str) -> None:
    await broken_shop.admin.execute(ROWS)

    plan = await custom_plan(broken_shop, statement(name).text, {})

    assert not plan.whole_tables


@pytest.mark.parametrize("name", ["books/entries_about"])
async def test_what_belongs_to_a_number_is_read_by_its_keys(broken_shop: Shop, name: str) -> None:
    await broken_shop.admin.execute(ROWS)
    id_ = f"'{uuid4()}'"

    plan = await custom_plan(broken_shop, statement(name).text, {"id": id_})

    assert not plan.whole_tables


async def _delivered(shop: Shop) -> Activation:
    await shop.open()
    id_ = await shop.rent("1")
    await shop.code("1", "123456", RENTED + TICK)
    await shop.store.settlements.settle([delivery(id_)], now=DEADLINE + TICK)
    return await shop.number(id_)


async def test_the_ledger_and_the_events_of_one_number_are_its_own(shop: Shop) -> None:
    number = await _delivered(shop)
    await shop.rent("2")

    entries = await shop.store.books.entries_about(number.id)
    about = EventFilter(activation=number.id)
    events = (await shop.store.outbox.newest_events(about, before=None, limit=10)).items[::-1]

    assert [(entry.kind, entry.amount_minor) for entry in entries] == [
        ("hold", -25),
        ("capture", 0),
    ]
    assert [each.event.type for each in events] == [
        "activation.code_received",
        "activation.delivered",
    ]
    assert await shop.store.cases.cases_about(number.id) == []


async def test_what_a_claim_gave_back_is_known_with_the_number(broken_shop: Shop) -> None:
    number = await _delivered(broken_shop)
    assert (number.given_back_minor, number.charge) == (0, Charge.HOLD)
    await _give_back(broken_shop.admin, number.id, 10)

    again = await broken_shop.number(number.id)

    assert (again.state, again.given_back_minor) == (State.DELIVERED, 10)
    entries = await broken_shop.store.books.entries_about(number.id)
    assert [entry.amount_minor for entry in entries] == [-25, 0, 10]


async def _give_back(admin: asyncpg.Connection, id_: ActivationId, minor: int) -> None:
    await admin.execute(
        "INSERT INTO transfer (key, account, activation_id, source, destination, amount_minor,"
        " currency) VALUES ($1, $2, $3, 'house:revenue', 'available:' || $2, $4, 'USD')",
        f"claim:{uuid4()}",
        ALICE,
        id_,
        minor,
    )


async def test_accounts_are_listed_by_name(shop: Shop) -> None:
    await shop.open(BOB, 5)
    await shop.open(ALICE, 7)

    first = await shop.store.books.accounts(after=None, limit=1)
    rest = await shop.store.books.accounts(after=first[0].account, limit=10)

    assert [(one.account, one.available_minor) for one in first + rest] == [(ALICE, 7), (BOB, 5)]


async def test_rentals_are_listed_newest_first_page_by_page(shop: Shop) -> None:
    await shop.open(ALICE)
    await shop.open(BOB)
    for number, account in enumerate((ALICE, BOB, ALICE)):
        booked = await shop.store.cases.book_rental(_rental(str(number), account, number))
        assert booked.how is CaseOpenOutcome.NEW
    await shop.admin.execute("UPDATE rental SET ended_at = ends_at WHERE provider_ref = '0'")

    async def refs(limit: int = 10, **asked: Any) -> list[str]:
        listed = await shop.store.cases.list_rentals(RentalSearch(**asked), limit)
        return [str(rental.ref) for rental in listed]

    assert await refs() == ["2", "1", "0"]
    assert await refs(account=ALICE) == ["2", "0"]
    assert await refs(ended=True) == ["0"]
    assert await refs(ended=False) == ["2", "1"]
    (newest,) = await shop.store.cases.list_rentals(RentalSearch(), 1)
    assert await refs(before=(newest.rented_at, newest.id)) == ["1", "0"]


async def test_a_rental_is_found_by_what_is_known_of_it(shop: Shop) -> None:
    await shop.open(ALICE)
    for ref, phone, order in (("a", "+15550001234", "o-1"), ("b", "15550001234", None)):
        told = replace(_rental(ref, ALICE, 1), phone=phone, order_ref=order)
        assert (await shop.store.cases.book_rental(told)).how is CaseOpenOutcome.NEW

    async def refs(**known: Any) -> list[str]:
        listed = await shop.store.cases.list_rentals(RentalSearch(**known), 10)
        return sorted(str(rental.ref) for rental in listed)

    assert await refs(phone="1234") == ["a", "b"]
    assert await refs(phone="+15550001234") == ["a", "b"]
    assert await refs(phone="5234") == []
    assert await refs(ref=ProviderRef("b")) == ["b"]
    (found,) = await shop.store.cases.list_rentals(RentalSearch(ref=ProviderRef("b")), 10)
    assert await refs(id=found.id) == ["b"]
    assert await refs(id=found.id, account=BOB) == []
    assert await refs(order_ref="o-1") == ["a"]
    assert await refs(order_ref="o-1", phone="1235") == []


#: Many rentals, each with a phone, an order and a reference of its own.
RENTALS = """
INSERT INTO rental (id, provider, provider_ref, account, phone, service, country, price_minor,
        currency, charge, policy, policy_version, rented_at, ends_at, order_ref)
    SELECT md5('r' || n)::uuid, 'p1', 'r' || n, 'a1', '7999' || lpad(n::text, 7, '0'), 's', 'c', 1,
           'USD', 'hold', 'd', '1', now() - make_interval(secs => n), now(), 'o' || n
      FROM generate_series(1, 20000) n;
VACUUM ANALYZE rental;
"""


@pytest.mark.parametrize(
    ("known", "index"),
    [
        ({"phone_tail": "'1234%'"}, "rental_phone"),
        ({"phones": "ARRAY['70000009997', '70000009997+']"}, "rental_phone"),
        ({"order_ref": "'o7'"}, "rental_order_ref"),
        ({"ref": "'r7'"}, "rental_provider_ref"),
    ],
)
async def test_each_search_for_a_rental_reads_an_index(
    broken_shop: Shop, known: dict[str, str], index: str
) -> None:
    await broken_shop.admin.execute(ROWS)
    for statement_ in RENTALS.strip().split(";\n"):
        await broken_shop.admin.execute(statement_)

    asked = {**known, "limit": "21"}
    sql = PARAMETER.sub(lambda name: asked[name[1]], listed_sql(frozenset(known)).text)
    lines = [row[0] for row in await broken_shop.admin.fetch(f"EXPLAIN {sql}")]

    assert any(index in line for line in lines), lines
    assert not any("Seq Scan" in line for line in lines), lines


def _rental(ref: str, account: Any, hours: int) -> Rental:
    at = RENTED + timedelta(hours=hours)
    return Rental(
        id=rental_id(SIM, ProviderRef(ref), at),
        provider=SIM,
        ref=ProviderRef(ref),
        account=account,
        phone="15550001",
        service="any",
        country="1",
        price_minor=10,
        currency="",
        charge=Charge.HOLD,
        policy="default",
        policy_version="1",
        rented_at=at,
        ends_at=at + timedelta(days=1),
    )
