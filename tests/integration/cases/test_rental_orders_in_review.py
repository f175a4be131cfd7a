"""An order of a long rental in doubt waits for a human: until a date, told, and ended once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop
from tests.integration.cases.rental_order import PRICE, order
from tests.integration.cases.test_rental_orders import LOST, prolongation, rented, renter
from tests.integration.cases.test_reviews_told import told
from tests.integration.store.shop import TICK
from tests.unit.http.caller import READ_TOKEN, Api, Described
from worker.adapters.store.rental_orders import FORGOTTEN_AFTER
from worker.domain.ids import ProviderRef
from worker.domain.transfer import Charge
from worker.entrypoints.http.responses import instant
from worker.ports.store.cases import CaseOpenOutcome
from worker.ports.store.rentals import Rental, RentalOrder, RentalOrderState

PAID_IN = 1500
GRANT: dict[str, Any] = {"grant": True, "note": "not in their list"}
DENY: dict[str, Any] = {"grant": False, "note": "they sold it"}
ORDERS = (
    "SELECT xmin::text, state, doubted_at, decide_by, ended_at, verdict::text FROM rental_order"
)


@pytest.fixture
async def api(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    async with case_api(shop, described, rent_long=renter(shop)) as served:
        yield served


async def in_doubt(shop: CaseShop, **other: Any) -> RentalOrder:
    await shop.open_account(amount_minor=PAID_IN)
    shop.provider_rentals.sales = [LOST]
    ordered = order(shop, **other)
    assert (await renter(shop)(ordered)).state is RentalOrderState.UNKNOWN
    return ordered


async def prolongation_in_doubt(shop: CaseShop) -> tuple[Rental, RentalOrder]:
    await shop.open_account(amount_minor=PAID_IN)
    rental = await rented(shop)
    shop.provider_rentals.prolongs = [LOST]
    ordered = prolongation(shop, rental)
    assert (await renter(shop)(ordered)).state is RentalOrderState.UNKNOWN
    return rental, ordered


def verdict_on(ordered: RentalOrder) -> str:
    return f"/v1/reviews/{ordered.id}/verdict"


async def waiting(api: Api, query: str = "") -> list[dict[str, Any]]:
    reply = await api.get(f"/v1/reviews{query}", token=READ_TOKEN)
    assert reply.status == 200, reply.raw
    items: list[dict[str, Any]] = reply.json["items"]
    return items


async def test_it_is_listed_with_its_sum_its_date_and_what_each_answer_will_do(
    shop: CaseShop, api: Api
) -> None:
    ordered = await in_doubt(shop, order_ref="order-7")

    (review,) = await waiting(api)

    assert (review["id"], review["case"], review["kind"]) == (str(ordered.id), None, "rental_order")
    assert (review["account"], review["order_ref"]) == ("alice", "order-7")
    assert (review["proposed_minor"], review["currency"]) == (PRICE, "USD")
    assert (review["opened_at"], review["by_when"]) == (instant(MONDAY), instant(MONDAY + DAY))
    assert (review["reason"], review["late"]) == ("outcome_unknown", False)
    facts = review["facts"]
    assert (facts["provider"], facts["service"], facts["country"]) == ("sim", "any", "1")
    assert (facts["order"], facts["hours"]) == ("rent", 240)
    grant, deny = review["answers"]
    assert grant["says"] == "Nothing was bought: 10.00 USD is back on the balance."
    assert (grant["amount_minor"], grant["destination"]) == (PRICE, "balance")
    assert "PUT /v1/rentals/sim/{provider_ref}" in deny["says"]
    assert (deny["amount_minor"], deny["refused"]) == (0, True)


async def test_it_is_found_by_its_id_and_has_its_place_by_its_date(
    shop: CaseShop, api: Api
) -> None:
    ordered = await in_doubt(shop)
    await shop.top_up("more", 500, MONDAY)
    case = await shop.open_claim(
        await shop.delivered_activation("P3"), "wrong_code", evidence=["photo"]
    )
    ids = [str(ordered.id), str(case.id)]  # A day, and two working days.

    assert [each["id"] for each in await waiting(api, "?brief=true")] == ids
    for id_ in ids:
        assert [each["id"] for each in await waiting(api, f"?id={id_}")] == [id_]
    first = (await api.get("/v1/reviews?limit=1")).json
    rest = (await api.get(f"/v1/reviews?limit=1&cursor={first['next_cursor']}")).json
    assert [each["id"] for each in (*first["items"], *rest["items"])] == ids
    unknown = await api.get("/v1/reviews?id=x")
    assert (unknown.status, unknown.slug) == (404, "not-found")


async def test_it_is_counted_and_is_late_after_a_day(shop: CaseShop) -> None:
    await in_doubt(shop)

    on_time = await shop.store.books.queue_stats(DAY, now=MONDAY + DAY)
    late = await shop.store.books.queue_stats(DAY, now=MONDAY + DAY + TICK)

    assert on_time.reviews_waiting == {"rental_order": 1}
    assert (on_time.oldest_review, on_time.reviews_late) == (DAY, 0)
    assert late.reviews_late == 1


async def test_it_is_told_when_it_waits_is_late_and_is_decided_each_once(
    shop: CaseShop, api: Api
) -> None:
    ordered = await in_doubt(shop, order_ref="order-7")
    for days in (1, 2, 3):
        await shop.fire_due_timers(MONDAY + days * DAY)
    for _ in range(2):
        await api.post(verdict_on(ordered), GRANT)
    await shop.fire_due_timers(MONDAY + 9 * DAY)

    (_, opened), (_, late), (_, decided) = events = await told(shop, ordered.id)
    assert [what for what, _ in events] == ["opened", "late", "decided"]
    assert opened == late
    assert opened == {
        "id": str(ordered.id),
        "case": None,
        "kind": "rental_order",
        "order_ref": "order-7",
        "subject": str(ordered.id),
        "activation": None,
        "account": "alice",
        "currency": "USD",
        "reason": "outcome_unknown",
        "proposed_minor": PRICE,
        "by_when": instant(MONDAY + DAY),
    }
    assert (decided["state"], decided["by_verdict"]) == ("failed", True)
    assert (decided["order_ref"], decided["activation"]) == ("order-7", None)


async def test_one_whose_process_died_before_it_asked_is_the_same_review(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=PAID_IN)
    ordered = order(shop)
    await shop.store.cases.begin_rental_order(ordered)
    early = await api.post(verdict_on(ordered), GRANT)
    assert (early.status, early.slug, await waiting(api)) == (409, "not-offered", [])

    found_at = MONDAY + FORGOTTEN_AFTER + TICK
    await shop.fire_due_timers(found_at)

    (review,) = await waiting(api)
    assert (review["id"], review["by_when"]) == (str(ordered.id), instant(found_at + DAY))
    assert [what for what, _ in await told(shop, ordered.id)] == ["opened"]
    assert (await api.post(verdict_on(ordered), GRANT)).status == 200
    assert await shop.balances() == (PAID_IN, 0)


async def test_granting_it_gives_the_hold_back_once_in_the_name_of_who_said_so(
    shop: CaseShop, api: Api
) -> None:
    ordered = await in_doubt(shop, order_ref="order-7")

    done = await api.post(verdict_on(ordered), GRANT)
    again = await api.post(verdict_on(ordered), {**GRANT, "note": "still not there"})
    other = await api.post(verdict_on(ordered), DENY)

    assert done.json["rental_order"] == {
        "id": str(ordered.id),
        "kind": "rent",
        "state": "failed",
        "account": "alice",
        "provider": "sim",
        "order_ref": "order-7",
        "rental": None,
        "price_minor": PRICE,
        "currency": "USD",
        "ended_at": instant(MONDAY),
        "note": "not in their list",
        "by": "shop",
    }
    assert (again.status, again.json) == (200, done.json)
    assert (other.status, other.slug) == (409, "decided")
    assert await shop.balances() == (PAID_IN, 0)
    assert await waiting(api) == []
    entries = (await api.get("/v1/accounts/alice/entries")).json["items"]
    assert [entry["kind"] for entry in entries] == ["rentback", "renthold", "topup"]
    (noted,) = (await api.get("/v1/accounts/alice")).json["notes"]
    assert (noted["note"], noted["by"]) == (
        "Order order-7 of a rental was given back: not in their list",
        "shop",
    )


async def test_whoever_repeats_a_granted_order_is_told_that_it_failed(
    shop: CaseShop, api: Api
) -> None:
    ordered = await in_doubt(shop)
    await api.post(verdict_on(ordered), GRANT)

    result = await renter(shop)(ordered)

    assert (result.state, result.failure) == (RentalOrderState.FAILED, "provider_unavailable")
    assert len(shop.provider_rentals.requests) == 1


async def test_what_the_shop_holds_itself_moves_no_balance(shop: CaseShop, api: Api) -> None:
    ordered = await in_doubt(shop, charge=Charge.EXTERNAL)
    (review,) = await waiting(api)

    assert (await api.post(verdict_on(ordered), GRANT)).status == 200

    assert review["answers"][0]["says"] == "Nothing was bought: the shop gives 10.00 USD back."
    assert review["destination"] is None
    assert await shop.balances() == (PAID_IN, 0)


async def test_money_for_a_number_that_was_sold_is_not_kept_without_its_booking(
    shop: CaseShop, api: Api
) -> None:
    ordered = await in_doubt(shop)
    before = (await shop.all_rows(), await shop.fetch_rows(ORDERS))

    denied = await api.post(verdict_on(ordered), DENY)

    assert (denied.status, denied.slug) == (409, "not-offered")
    assert "PUT /v1/rentals/sim/{provider_ref}" in denied.json["detail"]
    assert (await shop.all_rows(), await shop.fetch_rows(ORDERS)) == before
    await shop.book_rental()
    assert await waiting(api) == []
    assert await shop.balances() == (PAID_IN - PRICE, 0)
    (_, _), (what, decided) = await told(shop, ordered.id)
    assert (what, decided["state"], decided["by_verdict"]) == ("decided", "done", False)
    for verdict in (GRANT, DENY):
        late = await api.post(verdict_on(ordered), verdict)
        assert (late.status, late.slug) == (409, "decided")
    assert await shop.balances() == (PAID_IN - PRICE, 0)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [({"amount_minor": PRICE - 1}, "/amount_minor"), ({"outcome": "refunded"}, "/outcome")],
    ids=["a part", "an ending"],
)
async def test_a_verdict_that_cannot_be_carried_out_as_given_changes_nothing(
    shop: CaseShop, api: Api, more: dict[str, Any], pointer: str
) -> None:
    ordered = await in_doubt(shop)

    refused = await api.post(verdict_on(ordered), {**GRANT, **more})

    assert (refused.status, refused.pointers) == (422, [pointer])
    assert await shop.balances() == (PAID_IN - PRICE, PRICE)
    whole = await api.post(verdict_on(ordered), {**GRANT, "amount_minor": PRICE})
    assert whole.status == 200


async def test_a_prolongation_that_did_not_happen_is_given_back(shop: CaseShop, api: Api) -> None:
    rental, ordered = await prolongation_in_doubt(shop)
    (review,) = await waiting(api)
    assert (review["rental"]["id"], review["facts"]["order"]) == (str(rental.id), "prolong")

    done = await api.post(verdict_on(ordered), GRANT)

    assert (done.json["rental_order"]["state"], done.json["rental_order"]["rental"]) == (
        "failed",
        str(rental.id),
    )
    assert (await shop.long_rental()).ends_at == rental.ends_at
    assert await shop.balances() == (PAID_IN - PRICE, 0)


async def test_a_prolongation_that_did_happen_is_carried_out_once(shop: CaseShop, api: Api) -> None:
    rental, ordered = await prolongation_in_doubt(shop)
    (review,) = await waiting(api)
    shop.set_time(rental.ends_at + DAY)

    replies = [await api.post(verdict_on(ordered), DENY) for _ in range(2)]
    other = await api.post(verdict_on(ordered), GRANT)

    says = "It was prolonged: the rental ends 120 hours later, and 4.00 USD is charged."
    assert review["answers"][1]["says"] == says
    assert [reply.status for reply in replies] == [200, 200]
    assert replies[0].json["rental_order"]["state"] == "done"
    assert (other.status, other.slug) == (409, "decided")
    now = await shop.long_rental()
    assert (now.ends_at, now.price_minor) == (rental.ends_at + 5 * DAY, PRICE + 400)
    assert await shop.balances() == (PAID_IN - PRICE - 400, 0)
    assert (await renter(shop)(ordered)).rental == now


async def test_a_rental_that_was_given_back_is_not_prolonged_any_more(
    shop: CaseShop, api: Api
) -> None:
    _, ordered = await prolongation_in_doubt(shop)
    await shop.admin.execute("UPDATE rental SET ended_at = $1", MONDAY + TICK)

    (review,) = await waiting(api)
    denied = await api.post(verdict_on(ordered), DENY)

    assert review["answers"][1]["refused"]
    assert (denied.status, denied.slug) == (409, "not-offered")
    assert denied.json["detail"] == "The rental was given back: grant it"
    assert await shop.balances() == (PAID_IN - PRICE - 400, 400)
    assert (await api.post(verdict_on(ordered), GRANT)).status == 200
    assert await shop.balances() == (PAID_IN - PRICE, 0)
    assert (await shop.long_rental()).ended_at == MONDAY + TICK


@pytest.mark.parametrize("state", ["closing", "frozen"])
async def test_a_number_that_was_sold_is_booked_whatever_stands_against_the_account_since(
    shop: CaseShop, state: str
) -> None:
    await in_doubt(shop)
    await shop.admin.execute("UPDATE account SET state = $1", state)

    booked = await shop.store.cases.book_rental(shop.rental())

    assert booked.how is CaseOpenOutcome.NEW
    assert await shop.balances() == (PAID_IN - PRICE, 0)
    again = await shop.store.cases.book_rental(
        replace(shop.rental(), id=uuid4(), ref=ProviderRef("another"))
    )
    assert again.how is CaseOpenOutcome(f"account_{state}")


@pytest.mark.parametrize("denied", [False, True], ids=["granted", "denied"])
async def test_of_many_verdicts_at_once_one_moves_the_money(
    shop: CaseShop, api: Api, *, denied: bool
) -> None:
    rental, ordered = await prolongation_in_doubt(shop)
    first, second = (DENY, GRANT) if denied else (GRANT, DENY)

    replies = await asyncio.gather(
        *(api.post(verdict_on(ordered), (first, second)[n % 2]) for n in range(6))
    )

    assert {reply.status for reply in replies} == {200, 409}
    moved = await shop.fetch_rows(
        "SELECT split_part(key, ':', 1) FROM transfer WHERE key LIKE '%:' || $1", str(ordered.id)
    )
    won = replies[[reply.status for reply in replies].index(200)].json["rental_order"]["state"]
    days = {"failed": 0, "done": 5}[won]
    assert sorted(moved) == [("prolong",) if days else ("rentback",), ("renthold",)]
    assert (await shop.long_rental()).ends_at == rental.ends_at + days * DAY
    assert [what for what, _ in await told(shop, ordered.id)] == ["opened", "decided"]
