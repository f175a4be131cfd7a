"""Long rentals rented and prolonged through the worker: paid once, never asked for twice."""

import asyncio
import json
from dataclasses import asdict
from hashlib import sha256
from typing import Any

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import DAY, HOUR, LONG, MONDAY, CaseShop
from tests.integration.cases.rental_order import PRICE, order
from tests.integration.store.shop import BOB, SIM, TICK
from tests.unit.http.caller import Described
from tests.unit.lifecycle.scripted import terms
from worker.adapters.store.rental_orders import FORGOTTEN_AFTER
from worker.adapters.tenacity_retry import TenacityRetry
from worker.domain.ids import ProviderRef
from worker.domain.transfer import Charge
from worker.lifecycle.cases.outage_ends import OutageEnds
from worker.lifecycle.clock import Clock
from worker.lifecycle.rent_long import RentLong
from worker.ports.errors import ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.long_rental import NoProlong, NotProlonged, Prolonged
from worker.ports.provider import NoRent, Rented, Sms
from worker.ports.store.cases import CaseOpenOutcome, RentalBookingResult
from worker.ports.store.rentals import (
    Rental,
    RentalOrder,
    RentalOrderKind,
    RentalOrderState,
)

SOLD = Rented(LONG, "15550002")
LOST = ProviderUnavailable("sim", "no answer", sent=True)
TOLD: dict[str, Any] = {"order_ref": "A-1", "order_facts": {"operator": "mts"}}


def renter(shop: CaseShop) -> RentLong:
    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    clock = Clock(
        now=lambda: shop.clock.now, monotonic=lambda: 0.0, sleep=sleep, chance=lambda: 0.5
    )
    return RentLong(
        cases=shop.store.cases,
        purchases=shop.store.purchases,
        rentals={SIM: shop.provider_rentals},
        terms={SIM: terms()},
        wait_for_budget={SIM: shop.provider_rentals.wait_for_budget},
        reporter=shop.reporter,
        retry=TenacityRetry(sleep=sleep, monotonic=lambda: 0.0, chance=lambda: 0.5),
        clock=clock,
        outage_ends=OutageEnds(
            cases=shop.store.cases, judges=shop.judges, policies=shop.policy_book
        ),
    )


def prolongation(shop: CaseShop, rental: Rental, key: str = "on") -> RentalOrder:
    return order(
        shop,
        key,
        kind=RentalOrderKind.PROLONG,
        rental=rental.id,
        length=5 * DAY,
        price_minor=400,
    )


async def rented(shop: CaseShop) -> Rental:
    shop.provider_rentals.sales = [SOLD]
    result = await renter(shop)(order(shop))
    assert result.rental is not None
    return result.rental


async def test_it_is_rented_once_and_paid_once_however_often_it_is_ordered(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    first = await rented(shop)
    again = await renter(shop)(order(shop))

    assert again.rental == first
    assert (first.ref, first.ends_at, first.price_minor) == (LONG, MONDAY + 10 * DAY, PRICE)
    assert shop.provider_rentals.requests == [("open", "any")]
    assert await shop.balances() == (500, 0)


async def test_while_the_provider_is_asked_the_price_is_held(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    began = await shop.store.cases.begin_rental_order(order(shop))

    assert began.state is RentalOrderState.NEW
    assert await shop.balances() == (500, PRICE)


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (NoRent.NO_NUMBERS, "no_numbers"),
        (NoRent.BAD_REQUEST, "bad_service"),
        (ProviderRefused("sim", "bad key"), "provider_unavailable"),
        (ProviderUnavailable("sim", "refused", sent=False), "provider_unavailable"),
    ],
    ids=str,
)
async def test_where_certainly_nothing_was_bought_the_hold_goes_back_once(
    shop: CaseShop, reply: NoRent | Exception, failure: str
) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [reply]

    results = [await renter(shop)(order(shop)) for _ in range(2)]

    assert [(result.state, result.failure) for result in results] == [
        (RentalOrderState.FAILED, failure)
    ] * 2
    assert len(shop.provider_rentals.requests) == 1
    assert await shop.balances() == (1500, 0)


@pytest.mark.parametrize("lost", [LOST, UnknownReply("sim", "nobody can read it")], ids=str)
async def test_a_lost_answer_is_in_doubt_and_never_asked_for_again(
    shop: CaseShop, lost: Exception
) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [lost]

    results = [await renter(shop)(order(shop)) for _ in range(3)]

    assert {result.state for result in results} == {RentalOrderState.UNKNOWN}
    assert len(shop.provider_rentals.requests) == 1
    assert await shop.balances() == (500, PRICE)
    assert await shop.event_types(order(shop).id) == ["rental.unknown"]


async def test_what_the_provider_said_of_a_lost_sale_is_told(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [ProviderUnavailable("sim", "sale sale_1 is not read")]

    await renter(shop)(order(shop))

    assert shop.reporter.of("trouble") == [
        ("rental.outcome_unknown", SIM, "sale sale_1 is not read")
    ]


async def test_the_number_somebody_found_is_paid_by_the_hold_of_the_order(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=PRICE)
    shop.provider_rentals.sales = [LOST]
    await renter(shop)(order(shop))

    booked = await shop.book_rental()

    assert await shop.balances() == (0, 0)
    again = await renter(shop)(order(shop))
    assert again.rental is not None
    assert again.rental.id == booked.id


async def in_doubt(shop: CaseShop, *orders: RentalOrder) -> None:
    await shop.open_account(amount_minor=5000)
    shop.provider_rentals.sales = [LOST] * len(orders)
    for each in orders:
        await renter(shop)(each)


async def put(shop: CaseShop, **told: Any) -> RentalBookingResult:
    """As a PUT books it; what is not told of the policy is today's default."""
    policy_told = "policy" in told
    return await shop.store.cases.book_rental(shop.rental(**told), policy_told=policy_told)


async def test_the_rental_somebody_found_keeps_what_its_order_said(shop: CaseShop) -> None:
    ordered = order(shop, **TOLD, policy="P3", policy_version=shop.policies["P3"].version)
    await in_doubt(shop, ordered)
    shop.change_policy("P3", {"rental.early_end": "unused"})
    assert shop.policies["P3"].version != ordered.policy_version

    results = [await put(shop), await put(shop), await put(shop, policy="P3", **TOLD)]

    assert [result.how for result in results] == [
        CaseOpenOutcome.NEW,
        CaseOpenOutcome.SAME,
        CaseOpenOutcome.SAME,
    ]
    booked = await shop.long_rental()
    assert (booked.order_ref, booked.order_facts) == ("A-1", {"operator": "mts"})
    assert (booked.policy, booked.policy_version) == ("P3", ordered.policy_version)
    assert await shop.balances() == (4000, 0)


async def test_a_put_that_is_silent_about_the_policy_takes_that_of_the_order(
    shop: CaseShop, described: Described
) -> None:
    await in_doubt(shop, order(shop, **TOLD))
    rental = shop.rental()
    body = {name: getattr(rental, name) for name in ("account", "phone", "service", "country")}
    times = {"rented_at": rental.rented_at.isoformat(), "ends_at": rental.ends_at.isoformat()}
    async with case_api(shop, described) as api:
        path = f"/v1/rentals/sim/{LONG}"

        reply = await api.put(path, {**body, **times, "price_minor": PRICE})

    assert reply.status == 201
    assert (reply.json["policy"], reply.json["policy_version"]) == (
        "P2",
        order(shop).policy_version,
    )
    assert (reply.json["order_ref"], reply.json["order_facts"]) == ("A-1", {"operator": "mts"})


@pytest.mark.parametrize(
    "other",
    [{"order_ref": "B"}, {"order_facts": {"operator": "any"}}, {"policy": "P3"}],
    ids=str,
)
async def test_a_rental_that_is_booked_otherwise_than_ordered_is_refused(
    shop: CaseShop, other: dict[str, Any]
) -> None:
    await in_doubt(shop, order(shop, **TOLD))

    assert (await put(shop, **other)).how is CaseOpenOutcome.OTHER_CONTENT

    assert await shop.balances() == (4000, PRICE)


async def test_of_two_orders_in_doubt_the_one_that_is_named_pays(shop: CaseShop) -> None:
    await in_doubt(
        shop, order(shop, order_ref="A"), order(shop, "second", order_ref="B"), order(shop, "third")
    )

    for ref in ("B", "A"):
        assert (await put(shop, ref=ref, order_ref=ref)).how is CaseOpenOutcome.NEW
    await put(shop, ref="C", order_ref="C")

    assert await shop.balances() == (2000, 0)
    ended = await shop.fetch_rows("SELECT order_ref, state FROM rental_order ORDER BY order_ref")
    assert [tuple(row) for row in ended] == [("A", "done"), ("B", "done"), (None, "done")]
    assert (await renter(shop)(order(shop, order_ref="A"))).rental == await shop.store.cases.rental(
        SIM, ProviderRef("A")
    )


async def test_an_order_whose_process_died_is_in_doubt_after_a_minute(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    await shop.store.cases.begin_rental_order(order(shop))

    await shop.fire_due_timers(MONDAY + FORGOTTEN_AFTER)
    assert await shop.event_types(order(shop).id) == []
    await shop.fire_due_timers(MONDAY + FORGOTTEN_AFTER + TICK)

    assert await shop.event_types(order(shop).id) == ["rental.unknown"]
    assert (await renter(shop)(order(shop))).state is RentalOrderState.UNKNOWN
    assert shop.provider_rentals.requests == []


async def test_what_was_bought_is_stored_also_where_it_was_in_doubt_meanwhile(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1500)
    await shop.store.cases.begin_rental_order(order(shop))
    await shop.fire_due_timers(MONDAY + FORGOTTEN_AFTER + TICK)
    shop.provider_rentals.sales = [SOLD]

    await renter(shop)._rent(shop.provider_rentals, order(shop))

    assert await shop.balances() == (500, 0)
    assert (await shop.long_rental()).price_minor == PRICE


async def test_the_same_key_with_other_content_is_another_order(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    await rented(shop)

    other = await renter(shop)(order(shop, price_minor=999))

    assert other.state is RentalOrderState.OTHER_CONTENT


async def test_a_balance_too_low_asks_no_provider(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=PRICE - 1)

    result = await renter(shop)(order(shop))

    assert result.state is RentalOrderState.BALANCE_TOO_LOW
    assert shop.provider_rentals.requests == []


async def test_a_number_that_was_booked_already_is_not_paid_twice(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=2 * PRICE)
    booked = await shop.book_rental()

    result = await rented(shop)

    assert result.id == booked.id
    assert await shop.balances() == (PRICE, 0)


async def test_a_number_that_was_given_back_is_sold_again(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=3 * PRICE)
    before = await rented(shop)
    shop.set_time(MONDAY + DAY)
    await shop.admin.execute("UPDATE rental SET ended_at = $1", shop.clock.now)
    shop.provider_rentals.sales = [SOLD]

    result = await renter(shop)(order(shop, "second"))

    assert result.rental is not None
    assert (result.rental.ref, result.rental.id == before.id) == (LONG, False)
    assert await shop.balances() == (PRICE, 0)


async def test_the_rental_of_another_account_is_nobody_elses_answer(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=PRICE)
    await shop.open_account(BOB, amount_minor=PRICE)
    await rented(shop)
    shop.provider_rentals.sales = [SOLD]
    of_bob = order(shop, "second", account=BOB)

    first, again = await renter(shop)(of_bob), await renter(shop)(of_bob)

    assert (first.rental, again.rental) == (None, None)
    bob = await shop.store.books.account(BOB)
    assert bob is not None
    assert (bob.available_minor, bob.held_minor) == (PRICE, 0)


async def test_what_the_shop_holds_itself_moves_no_balance(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=0)
    shop.provider_rentals.sales = [SOLD]

    result = await renter(shop)(order(shop, charge=Charge.EXTERNAL))

    assert result.rental is not None
    assert await shop.balances() == (0, 0)


async def test_a_prolonged_rental_ends_later_and_is_paid_once_more(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)
    shop.set_time(MONDAY + 3 * DAY)
    shop.provider_rentals.prolongs = [Prolonged()]

    results = [await renter(shop)(prolongation(shop, rental)) for _ in range(2)]

    (prolonged,) = {result.rental.ends_at for result in results if result.rental is not None}
    assert prolonged == MONDAY + 15 * DAY
    now = await shop.long_rental()
    assert (now.price_minor, now.renewed_at, now.renewal_price_minor) == (
        1400,
        MONDAY + 3 * DAY,
        400,
    )
    assert await shop.balances() == (100, 0)
    await shop.fire_due_timers(MONDAY + 10 * DAY + TICK)
    assert (await shop.long_rental()).ended_at is None
    await shop.fire_due_timers(MONDAY + 15 * DAY + TICK)
    assert (await shop.long_rental()).ended_at == MONDAY + 15 * DAY


async def test_the_booking_of_a_prolonged_rental_can_be_repeated(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    booked = await shop.book_rental()
    shop.provider_rentals.prolongs = [Prolonged()]
    await renter(shop)(prolongation(shop, booked))

    again = await shop.service.cases.book_rental(shop.same_booking(booked))

    assert again.how is CaseOpenOutcome.SAME


@pytest.mark.parametrize("why", list(NoProlong))
async def test_where_it_was_not_prolonged_the_hold_goes_back(
    shop: CaseShop, why: NoProlong
) -> None:
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)
    shop.provider_rentals.prolongs = [NotProlonged(why)]

    result = await renter(shop)(prolongation(shop, rental))

    assert result.state is RentalOrderState.FAILED
    assert await shop.balances() == (500, 0)
    assert (await shop.long_rental()).ends_at == rental.ends_at


async def test_a_prolongation_in_doubt_is_never_asked_for_again(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)
    shop.provider_rentals.prolongs = [LOST]

    for _ in range(2):
        result = await renter(shop)(prolongation(shop, rental))
        assert result.state is RentalOrderState.UNKNOWN

    assert len(shop.provider_rentals.requests) == 2
    assert await shop.balances() == (100, 400)


async def test_a_message_listed_again_and_again_is_kept_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)
    first = Sms("1234", "Your code is 1234", MONDAY + HOUR)
    shop.provider_rentals.sms = (first,)
    await renter(shop).view(rental)
    shop.set_time(MONDAY + DAY)
    shop.provider_rentals.sms = (first, Sms("5678"))

    view = await renter(shop).view(rental)

    assert [(one.code, one.seen_at) for one in view.messages] == [
        ("1234", MONDAY),
        ("5678", MONDAY + DAY),
    ]


async def test_messages_that_cannot_be_read_now_are_those_read_before(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    rental = await rented(shop)
    shop.provider_rentals.sms = (Sms("1234"),)
    await renter(shop).view(rental)
    shop.provider_rentals.budget_left = False

    view = await renter(shop).view(rental)

    assert [one.code for one in view.messages] == ["1234"]


async def test_what_was_told_with_the_order_stays_with_the_rental(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [SOLD]

    result = await renter(shop)(order(shop, **TOLD))
    again = await renter(shop)(order(shop, **TOLD))
    other = await renter(shop)(order(shop))

    assert result.rental is not None
    assert (result.rental.order_ref, result.rental.order_facts) == ("A-1", {"operator": "mts"})
    assert again.rental == result.rental
    assert other.state is RentalOrderState.OTHER_CONTENT


async def test_an_order_in_doubt_is_told_with_the_shops_own_id(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [LOST]

    await renter(shop)(order(shop, **TOLD))

    payload = "SELECT payload ->> 'order_ref' FROM event WHERE subject = $1"
    assert await shop.fetch_value(payload, str(order(shop).id)) == "A-1"


async def test_a_prolongation_in_doubt_is_told_with_the_own_id_of_its_rentals_order(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales, shop.provider_rentals.prolongs = [SOLD], [LOST]
    sold = await renter(shop)(order(shop, **TOLD))
    assert sold.rental is not None
    ordered = prolongation(shop, sold.rental)

    await renter(shop)(ordered)

    payload = "SELECT type || ' ' || (payload ->> 'order_ref') FROM event WHERE subject = $1"
    rows = await shop.fetch_rows(f"{payload} ORDER BY seq", str(ordered.id))
    assert [told for (told,) in rows] == ["rental.unknown A-1", "review.opened A-1"]


async def test_an_order_of_before_anything_could_be_told_is_the_same_again(shop: CaseShop) -> None:
    """By the hash that the version before made of it."""
    await shop.open_account(amount_minor=1500)
    shop.provider_rentals.sales = [SOLD]
    first = await renter(shop)(order(shop))
    content = asdict(order(shop))
    for left_out in (
        "idempotency_key",
        "policy_version",
        "policy_told",
        "order_ref",
        "order_facts",
    ):
        del content[left_out]
    before = sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
    await shop.admin.execute("UPDATE rental_order SET content_hash = $1", before)

    assert (await renter(shop)(order(shop))).rental == first.rental


async def test_two_calls_at_once_ask_the_provider_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=5000)
    shop.provider_rentals.sales = [SOLD]

    await asyncio.gather(*(renter(shop)(order(shop)) for _ in range(5)))

    assert len(shop.provider_rentals.requests) == 1
    assert await shop.balances() == (4000, 0)
