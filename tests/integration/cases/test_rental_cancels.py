"""Giving a long rental back, its renewal, or ending it early: over HTTP, with a movable clock."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import DAY, HOUR, LONG, MONDAY, CaseShop
from tests.integration.cases.rental_order import order
from tests.integration.cases.test_rental_orders import prolongation, renter
from tests.integration.store.shop import TICK
from tests.unit.http.caller import Api, Described, Reply
from worker.domain.ids import ProviderRef
from worker.domain.policy.language.loading import profile_from
from worker.lifecycle.cases.case_steps import Verdict
from worker.lifecycle.cases.rental_cancels import DOUBLE_PRESS
from worker.ports.long_rental import NotClosed, Prolonged
from worker.ports.provider import Refusal, Rented, Sms
from worker.ports.store.case_view import Case, CaseState, Rejected
from worker.ports.store.rentals import Rental, RentalOrder, RentalOrderState

OWN: dict[str, dict[str, Any]] = {
    "returns": {
        "rental": {"cancel_until_s": 3600, "early_end": "unused"},
        "renewal": {"refund_window_s": 3600},
    },
    "aged": {"rental": {"cancel_from_s": 600, "cancel_until_s": 3600, "early_end": "deny"}},
    "judged": {"rental": {"early_end": "review"}},
    "once": {
        "rental": {"cancel_until_s": 3600},
        "sms": {"auto_credit_mode": "automatic"},
        "cancel": {"button": True, "max_per_day": 1},
    },
    "rented_once": {
        "rental": {"cancel_until_s": 3600},
        "sms": {"auto_credit_mode": "automatic"},
        "cancel": {"button": True},
        "when": [{"match": {"product": "rental"}, "cancel": {"max_per_day": 1}}],
    },
    "twice": {
        "rental": {"cancel_until_s": 3600, "early_end": "unused"},
        "renewal": {"refund_window_s": 3600},
        "limits": [{"of": "cancel", "per": "day", "max_count": 1}],
    },
    "counted": {
        "rental": {"cancel_until_s": 3600, "early_end": "deny"},
        "sms": {"auto_credit_mode": "automatic"},
        "cancel": {"button": True, "max_per_day": 1, "over_limit": "review"},
    },
}
PROFILES = {name: profile_from(document, name=name, file=name) for name, document in OWN.items()}


@pytest.fixture
async def api(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    shop.start_again({**shop.policies, **PROFILES})
    async with case_api(shop, described, rent_long=renter(shop)) as served:
        yield served


async def rented(shop: CaseShop, policy: str) -> Rental:
    """Ten days for 1000."""
    await shop.open_account(amount_minor=2000)
    shop.provider_rentals.sales = [Rented(LONG, "15550002")]
    version = shop.policies[policy].version
    result = await renter(shop)(order(shop, policy=policy, policy_version=version))
    assert result.rental is not None
    return result.rental


async def pressed(api: Api, **body: Any) -> Reply:
    return await api.post(f"/v1/rentals/sim/{LONG}/cancel", body)


def slug(reply: Reply) -> str:
    assert reply.status == 409, reply.json
    return str(reply.json["type"]).rpartition("/")[2]


async def test_a_rental_given_back_in_its_time_is_credited_whole_and_closed(
    api: Api, shop: CaseShop
) -> None:
    await rented(shop, "returns")
    shop.set_time(MONDAY + HOUR)

    reply = await pressed(api)

    assert reply.status == 200
    (cancel,) = reply.json["cancels"]
    assert (cancel["state"], cancel["decision"]["reason"]) == ("granted", "cancelled_before_sms")
    assert reply.json["ended_at"] is not None
    assert await shop.balances() == (2000, 0)
    await shop.fire_due_timers(MONDAY + HOUR + TICK)
    assert ("close", LONG) in shop.provider_rentals.requests


async def test_a_rental_is_given_back_once_however_often_it_is_pressed(
    api: Api, shop: CaseShop
) -> None:
    await rented(shop, "returns")

    first, second = await pressed(api), await pressed(api)

    assert (first.status, second.status) == (200, 200)
    assert len(second.json["cancels"]) == 1
    assert await shop.balances() == (2000, 0)


async def test_a_rental_with_an_sms_is_paid_for_the_part_that_was_used(
    api: Api, shop: CaseShop
) -> None:
    await rented(shop, "returns")
    shop.set_time(MONDAY + HOUR / 2)
    shop.provider_rentals.sms = (Sms("4711"),)

    reply = await pressed(api)

    (cancel,) = reply.json["cancels"]
    assert (cancel["decision"]["reason"], cancel["moved_minor"]) == ("unused_time", 900)
    assert await shop.balances() == (1900, 0)


async def test_a_renewal_given_back_is_credited_and_the_rental_ends_when_it_would_have(
    api: Api, shop: CaseShop
) -> None:
    rental = await rented(shop, "returns")
    shop.set_time(MONDAY + 2 * DAY)
    shop.provider_rentals.prolongs = [Prolonged(MONDAY + 15 * DAY)]
    version = rental.policy_version
    await renter(shop)(
        replace(prolongation(shop, rental), policy="returns", policy_version=version)
    )
    assert await shop.balances() == (600, 0)
    shop.set_time(MONDAY + 2 * DAY + HOUR)

    reply = await pressed(api)

    (cancel,) = reply.json["cancels"]
    assert (cancel["decision"]["reason"], cancel["moved_minor"]) == ("renewal_cancelled", 400)
    assert reply.json["ended_at"] is None
    assert (await shop.long_rental()).ends_at == MONDAY + 10 * DAY
    assert await shop.balances() == (1000, 0)


async def test_after_a_renewal_was_given_back_the_rest_is_the_unused_part_of_the_first_price(
    api: Api, shop: CaseShop
) -> None:
    await test_a_renewal_given_back_is_credited_and_the_rental_ends_when_it_would_have(api, shop)

    shop.set_time(shop.clock.now + DOUBLE_PRESS + TICK)
    reply = await pressed(api)

    assert [one["moved_minor"] for one in reply.json["cancels"]] == [400, 700]
    assert await shop.balances() == (1700, 0)


async def test_a_press_sent_twice_gives_back_the_renewal_and_no_more(
    api: Api, shop: CaseShop
) -> None:
    await test_a_renewal_given_back_is_credited_and_the_rental_ends_when_it_would_have(api, shop)
    shop.set_time(shop.clock.now + DOUBLE_PRESS)

    reply = await pressed(api)

    assert [one["moved_minor"] for one in reply.json["cancels"]] == [400]
    assert reply.json["ended_at"] is None
    assert await shop.balances() == (1000, 0)


async def test_an_early_end_that_the_policy_does_not_pay_leaves_the_rental_running(
    api: Api, shop: CaseShop
) -> None:
    await rented(shop, "P2")

    assert slug(await pressed(api)) == "no-cancel"

    rental = await shop.long_rental()
    assert (rental.ended_at, rental.cancels) == (None, ())
    assert await shop.balances() == (1000, 0)


async def test_an_early_end_for_a_problem_waits_for_a_human(api: Api, shop: CaseShop) -> None:
    await rented(shop, "P2")
    shop.set_time(MONDAY + DAY)

    reply = await pressed(api, due_to_problem=True)

    assert reply.status == 202
    (cancel,) = (await shop.long_rental()).cancels
    assert cancel.decisions[-1].reason == "deactivation_due_to_problem"
    change = await shop.service.verdict(
        cancel.id, cancel.kind, Verdict(grant=True, findings={}, note="it was down")
    )
    assert change.rejected is None
    assert await shop.balances() == (1900, 0)
    assert (await shop.long_rental()).ended_at is not None


async def test_a_humans_no_leaves_the_rental_running(api: Api, shop: CaseShop) -> None:
    await rented(shop, "judged")
    await pressed(api)
    (cancel,) = (await shop.long_rental()).cancels

    await shop.service.verdict(
        cancel.id, cancel.kind, Verdict(grant=False, findings={}, note="it works")
    )

    assert (await shop.long_rental()).ended_at is None
    assert await shop.balances() == (1000, 0)


@pytest.mark.parametrize(
    ("policy", "after", "refused"),
    [
        ("aged", timedelta(seconds=599), "cancel-not-yet"),
        ("aged", timedelta(seconds=3601), "cancel-over"),
    ],
)
async def test_a_press_outside_its_time_is_refused(
    api: Api, shop: CaseShop, policy: str, after: timedelta, refused: str
) -> None:
    await rented(shop, policy)
    shop.set_time(MONDAY + after)

    assert slug(await pressed(api)) == refused


async def test_an_sms_bars_what_the_policy_gives_back_only_without_one(
    api: Api, shop: CaseShop
) -> None:
    await rented(shop, "aged")
    shop.set_time(MONDAY + HOUR)
    shop.provider_rentals.sms = (Sms("4711"),)

    assert slug(await pressed(api)) == "code-received"


@pytest.mark.parametrize("policy", ["once", "rented_once"])
async def test_a_second_rental_of_a_day_is_not_given_back_where_one_may_be(
    api: Api, shop: CaseShop, policy: str
) -> None:
    await rented(shop, policy)
    assert (await pressed(api)).status == 200
    shop.set_time(MONDAY + HOUR)
    await shop.book_rental("second", start=MONDAY + HOUR, policy=policy)

    reply = await api.post("/v1/rentals/sim/second/cancel", {})

    assert slug(reply) == "cancel-limit"


async def test_a_rental_that_nobody_knows_is_not_found(api: Api) -> None:
    assert (await pressed(api)).status == 404


async def pressed_over_the_limit(shop: CaseShop) -> Case:
    """In its time, and the second of the day: a human decides."""
    await shop.open_account(amount_minor=5000)
    first = await shop.book_rental("first", policy="counted")
    shop.set_time(MONDAY + timedelta(minutes=10))
    await shop.service.cancel_rental(first, {"due_to_problem": False})
    second = await shop.book_rental(policy="counted")
    shop.set_time(MONDAY + timedelta(minutes=20))
    opened = await shop.service.cancel_rental(second, {"due_to_problem": False})
    assert opened.case is not None
    return opened.case


@pytest.mark.usefixtures("api")
async def test_a_late_yes_pays_what_was_proposed_at_the_press(shop: CaseShop) -> None:
    cancel = await pressed_over_the_limit(shop)
    shop.set_time(MONDAY + 5 * HOUR)

    change = await shop.give_verdict(cancel, grant=True)

    assert change.case is not None
    assert (change.rejected, change.case.state) == (None, CaseState.GRANTED)
    assert change.case.moved_minor == 1000


@pytest.mark.usefixtures("api")
async def test_an_sms_after_the_press_does_not_turn_a_yes_into_a_denial(shop: CaseShop) -> None:
    cancel = await pressed_over_the_limit(shop)
    shop.set_time(MONDAY + HOUR)
    rental = await shop.long_rental()
    await shop.store.cases.keep_messages(rental.id, (Sms("4711"),))

    change = await shop.give_verdict(cancel, grant=True, amount_minor=400)

    assert change.case is not None
    assert (change.rejected, change.case.moved_minor) == (None, 400)


async def test_a_verdict_pays_no_more_than_was_proposed(api: Api, shop: CaseShop) -> None:
    await rented(shop, "judged")
    shop.set_time(MONDAY + 9 * DAY - HOUR)
    await pressed(api)
    (cancel,) = (await shop.long_rental()).cancels
    assert cancel.decisions[-1].amount_minor == 100

    change = await shop.give_verdict(cancel, grant=True, amount_minor=1000)

    assert change.rejected is Rejected.WRONG_SUM
    assert await shop.balances() == (1000, 0)
    assert (await shop.long_rental()).ended_at is None


async def test_a_verdict_of_nothing_is_no_sum(api: Api, shop: CaseShop) -> None:
    await rented(shop, "judged")
    await pressed(api)
    (cancel,) = (await shop.long_rental()).cancels

    change = await shop.give_verdict(cancel, grant=True, amount_minor=0)

    assert change.rejected is Rejected.WRONG_SUM


async def renewal_pressed_over_the_limit(api: Api, shop: CaseShop) -> tuple[Rental, Case]:
    """A human is asked for the 400 of the newest renewal; the balance is 600."""
    rental = await rented(shop, "twice")
    shop.set_time(MONDAY + 2 * DAY)
    shop.provider_rentals.prolongs = [Prolonged(MONDAY + 15 * DAY)]
    await renter(shop)(
        replace(prolongation(shop, rental), policy="twice", policy_version=rental.policy_version)
    )
    other = await shop.book_rental("other", start=shop.clock.now, price=500, policy="twice")
    await shop.service.cancel_rental(other, {"due_to_problem": False})
    assert await shop.balances() == (600, 0)
    assert (await pressed(api)).status == 202
    (cancel,) = (await shop.long_rental()).cancels
    assert (cancel.decisions[-1].reason, cancel.decisions[-1].amount_minor) == ("cancel_limit", 400)
    return rental, cancel


async def test_a_yes_to_a_renewal_over_a_limit_gives_back_the_renewal_alone(
    api: Api, shop: CaseShop
) -> None:
    _, cancel = await renewal_pressed_over_the_limit(api, shop)

    await shop.give_verdict(cancel, grant=True)

    after = await shop.long_rental()
    assert (after.ended_at, after.ends_at) == (None, MONDAY + 10 * DAY)
    assert await shop.balances() == (1000, 0)
    shop.set_time(MONDAY + 5 * DAY)
    reply = await pressed(api)
    assert [one["moved_minor"] for one in reply.json["cancels"]] == [400, 500], "of the first price"


async def test_a_yes_to_a_rental_that_was_prolonged_since_is_refused_and_changes_nothing(
    api: Api, shop: CaseShop
) -> None:
    rental, cancel = await renewal_pressed_over_the_limit(api, shop)
    shop.set_time(MONDAY + 2 * DAY + HOUR)
    shop.provider_rentals.prolongs = [Prolonged(MONDAY + 20 * DAY)]
    again = prolongation(shop, rental, "on again")
    await renter(shop)(replace(again, policy="twice", policy_version=rental.policy_version))
    prolonged = await shop.long_rental()
    assert await shop.balances() == (200, 0)

    change = await shop.give_verdict(cancel, grant=True)

    assert change.rejected is Rejected.PROLONGED
    assert await shop.long_rental() == prolonged
    assert (prolonged.ended_at, prolonged.ends_at) == (None, MONDAY + 20 * DAY)
    assert await shop.balances() == (200, 0)
    assert (await shop.give_verdict(cancel, grant=False)).rejected is None
    assert await shop.balances() == (200, 0)
    assert (await shop.long_rental()).ended_at is None


async def test_what_a_human_gave_for_unused_days_is_not_given_for_them_again(
    api: Api, shop: CaseShop
) -> None:
    rental = await rented(shop, "P2")
    shop.set_time(MONDAY + 5 * DAY)
    await pressed(api, due_to_problem=True)
    (cancel,) = (await shop.long_rental()).cancels
    await shop.give_verdict(cancel, grant=True)
    assert await shop.balances() == (1500, 0)

    claim = await shop.open_rental_claim(
        rental, client_caused=False, blocked_at=(MONDAY + 4 * DAY).isoformat()
    )

    assert claim.moved_minor == 100, "the day between: the others were given back"
    cancel = await shop.case(cancel.id)
    assert cancel.decisions[-1].outcome == "prorated_credit"


def prolongs_for_400(shop: CaseShop, rental: Rental) -> RentalOrder:
    """By five days."""
    ordered = prolongation(shop, rental)
    return replace(ordered, policy=rental.policy, policy_version=rental.policy_version)


async def test_a_rental_that_was_given_back_is_not_prolonged_while_it_waits_to_be_closed(
    api: Api, shop: CaseShop
) -> None:
    rental = await rented(shop, "returns")
    shop.provider_rentals.answers = [NotClosed(Refusal.EARLY)]
    await pressed(api)
    await shop.fire_due_timers(MONDAY + TICK)
    shop.provider_rentals.prolongs = [Prolonged(MONDAY + 15 * DAY)]

    result = await renter(shop)(prolongs_for_400(shop, rental))
    reply = await api.post(
        f"/v1/rentals/sim/{LONG}/prolong",
        {"hours": 120, "price_minor": 400},
        headers={"Idempotency-Key": "on"},
    )

    assert (result.state, result.failure) == (RentalOrderState.FAILED, "not_offered")
    assert slug(reply) == "not-offered"
    assert "prolong" not in {name for name, _ in shop.provider_rentals.requests}
    assert await shop.balances() == (2000, 0)
    after = await shop.long_rental()
    assert (after.ended_at, after.ends_at) == (MONDAY, MONDAY + 10 * DAY)


async def test_a_rental_given_back_while_its_provider_prolongs_it_stays_ended_and_is_closed(
    api: Api, shop: CaseShop
) -> None:
    rental = await rented(shop, "returns")

    async def prolong(ref: ProviderRef, _by: timedelta) -> Prolonged:
        shop.provider_rentals.requests.append(("prolong", ref))
        assert (await pressed(api)).status == 200
        return Prolonged(MONDAY + 15 * DAY)

    shop.provider_rentals.prolong = prolong  # type: ignore[assignment, method-assign]  # Cancel meets it
    results = [await renter(shop)(prolongs_for_400(shop, rental)) for _ in range(2)]

    assert [(one.state, one.failure) for one in results] == [
        (RentalOrderState.FAILED, "provider_unavailable")
    ] * 2
    assert shop.reporter.of("trouble")[-1][0] == "rental.bought_and_lost"
    assert await shop.balances() == (2000, 0)
    after = await shop.long_rental()
    assert (after.ended_at, after.ends_at) == (MONDAY, MONDAY + 10 * DAY)
    await shop.fire_due_timers(MONDAY + TICK)
    assert ("close", LONG) in shop.provider_rentals.requests


async def granted_by_human(api: Api, shop: CaseShop, at: datetime) -> None:
    assert (await pressed(api)).status == 202
    shop.set_time(at)
    assert (await shop.give_verdict((await shop.long_rental()).cancels[-1], grant=True)).case


async def test_a_rental_prolonged_after_its_end_runs_on_and_is_closed_when_it_is_given_back(
    api: Api, shop: CaseShop
) -> None:
    """Its part was given back after it was over: it may run again, and is closed for that once."""
    rental = await rented(shop, "judged")
    shop.set_time(MONDAY + 9 * DAY - HOUR)
    late = rental.ends_at + HOUR
    await granted_by_human(api, shop, late)
    assert (await shop.long_rental()).ended_at == late
    shop.provider_rentals.prolongs = [Prolonged(MONDAY + 15 * DAY)]
    result = await renter(shop)(prolongs_for_400(shop, rental))
    assert result.state is RentalOrderState.DONE

    await shop.fire_due_timers(late + TICK)

    assert "close" not in {name for name, _ in shop.provider_rentals.requests}
    assert (await shop.long_rental()).ended_at is None
    await granted_by_human(api, shop, late + HOUR)
    assert (await shop.long_rental()).ended_at == late + HOUR
    await shop.fire_due_timers(late + HOUR + TICK)
    assert ("close", LONG) in shop.provider_rentals.requests
