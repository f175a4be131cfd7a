"""Cancel and the end of the window, asked of the policy of the purchase before a provider is."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.fakes.resources import POLICIES
from tests.integration.lifecycle.world import PRICE, SECOND, WINDOW, World, handed_over, order
from worker.adapters.store.postgres import PostgresStore
from worker.domain.activation import State
from worker.domain.ids import ProviderRef
from worker.domain.policy.language.loading import profile_from
from worker.domain.price_fate import PriceFate
from worker.lifecycle.outcome import ending
from worker.ports.provider import Ended, Rented
from worker.ports.service import ActionOutcome, PurchaseOutcome
from worker.ports.store.activations import AcceptOutcome, Activation

GIVEN_BACK = Ended(PriceFate.GIVEN_BACK)
AUTOMATIC: dict[str, Any] = {"sms": {"auto_credit_mode": "automatic"}, "cancel": {"button": True}}


def cancel(**keys: object) -> dict[str, Any]:
    return {**AUTOMATIC, "cancel": {"button": True, **keys}}


OWN: dict[str, dict[str, Any]] = {
    "aged": cancel(from_s=300),
    "buttonless": {"sms": AUTOMATIC["sms"], "cancel": {"button": False}},
    "short": cancel(until_s=120),
    "closes_late": cancel(until_s=120, late="close"),
    "reviews_late": cancel(until_s=120, late="review"),
    "twice": cancel(max_per_day=2),
    "twice_review": cancel(max_per_day=2, over_limit="review"),
    "held": {**AUTOMATIC, "sms": {"auto_credit_mode": "automatic", "hold_for": ["blocked_rules"]}},
    "restricted": {**AUTOMATIC, "bars": {"restrictions": True}},
    "limited": {**AUTOMATIC, "limits": [{"of": "auto_credit", "per": "day", "max_count": 2}]},
    "timed": {
        "sms": {"auto_credit_mode": "automatic", "sms_window_s": 1200},
        "when": [
            {"match": {"service": "slow"}, "sms.sms_window_s": 1800},
            {"match": {"label": "telegram"}, "cancel.from_s": 600},
        ],
    },
}
PROFILES = {
    **POLICIES,
    **{name: profile_from(document, name=name, file=name) for name, document in OWN.items()},
}


@pytest.fixture
async def shop(world: World, database_url: str) -> AsyncIterator[World]:
    before = world.store
    world.store = PostgresStore(database_url, policies=PROFILES, events_wanted=True)
    world.policies.today = PROFILES
    yield world
    await world.store.close()
    world.store = before


async def press(shop: World, number: Activation) -> ActionOutcome:
    return (await shop.service.cancel(number.id)).how


async def cancelled(shop: World, ref: str, policy: str, age: timedelta = SECOND) -> Activation:
    number = await shop.take(ref, age, policy=policy)
    shop.provider.will("cancel", GIVEN_BACK)
    assert await press(shop, number) is ActionOutcome.DONE
    return await shop.number(number)


async def why_refused(shop: World, number: Activation) -> list[object]:
    found = await shop.number(number)
    return [line.detail["why"] for line in found.timeline if line.what == "cancel_refused"]


async def test_a_press_before_the_least_age_changes_nothing_and_asks_no_provider(
    shop: World,
) -> None:
    number = await shop.take("1", 2 * SECOND, policy="aged")

    assert await press(shop, number) is ActionOutcome.CANCEL_NOT_YET

    assert (await shop.number(number)).state is State.WAITING
    assert shop.provider.calls == []
    assert await why_refused(shop, number) == ["cancel-not-yet"]


async def test_a_press_at_the_least_age_is_cancelled_and_credited(shop: World) -> None:
    number = await cancelled(shop, "1", "aged", 301 * SECOND)

    assert number.state is State.REFUNDED


async def test_a_number_without_a_button_goes_on_after_a_press(shop: World) -> None:
    number = await shop.take("1", policy="buttonless")

    assert await press(shop, number) is ActionOutcome.NO_CANCEL

    assert (await shop.number(number)).state is State.WAITING
    assert shop.provider.calls == []


async def test_a_number_without_a_button_is_credited_by_its_window(shop: World) -> None:
    number = await shop.take_expired(policy="buttonless")
    shop.provider.will("cancel", GIVEN_BACK)

    await shop.end_all()

    assert (await shop.number(number)).state is State.REFUNDED


async def test_a_press_after_the_last_instant_leaves_it_to_the_window(shop: World) -> None:
    number = await shop.take("1", 121 * SECOND, policy="short")

    assert await press(shop, number) is ActionOutcome.CANCEL_OVER

    assert (await shop.number(number)).state is State.WAITING


@pytest.mark.parametrize(
    ("policy", "state", "reason"),
    [
        ("closes_late", State.CLOSED, "cancel"),
        ("reviews_late", State.IN_REVIEW, "cancel_window_over"),
    ],
)
async def test_a_late_press_ends_as_the_policy_says(
    shop: World, policy: str, state: State, reason: str
) -> None:
    number = await cancelled(shop, "1", policy, 121 * SECOND)

    assert number.state is state
    assert number.timeline[-1].detail["reason"] == reason


async def test_a_press_in_time_is_credited_where_a_late_one_would_be_closed(shop: World) -> None:
    assert (await cancelled(shop, "1", "closes_late", 60 * SECOND)).state is State.REFUNDED


async def test_the_third_cancel_of_a_day_is_refused_where_two_are_credited(shop: World) -> None:
    for ref in ("1", "2"):
        await cancelled(shop, ref, "twice")
    third = await shop.take("3", policy="twice")

    assert await press(shop, third) is ActionOutcome.CANCEL_LIMIT

    assert (await shop.number(third)).state is State.WAITING


async def test_the_third_cancel_of_a_day_is_a_humans_where_the_policy_says_so(
    shop: World,
) -> None:
    for ref in ("1", "2"):
        await cancelled(shop, ref, "twice_review")

    third = await cancelled(shop, "3", "twice_review")

    assert third.state is State.IN_REVIEW
    assert third.timeline[-1].detail["reason"] == "cancel_limit"


async def test_presses_at_once_are_credited_no_more_often_than_the_policy_allows(
    shop: World,
) -> None:
    numbers = [await shop.take(str(ref), policy="twice") for ref in range(6)]
    shop.provider.will("cancel", *[GIVEN_BACK] * 6)

    answers = await asyncio.gather(*(press(shop, number) for number in numbers))

    assert answers.count(ActionOutcome.CANCEL_LIMIT) == 4
    await shop.forget_leases()
    await shop.end_all()
    assert await shop.money() == (100_000 - 4 * PRICE, 4 * PRICE)


async def test_a_held_account_gets_no_credit_by_itself(shop: World) -> None:
    number = await shop.take_expired(policy="held")
    pressed = await shop.take("2", policy="held")
    await shop.admin.execute(
        "INSERT INTO account_finding (account, flag, found_at)"
        " VALUES ('alice', 'blocked_rules', now())"
    )
    shop.provider.will("cancel", GIVEN_BACK, GIVEN_BACK)

    await shop.end_all()
    await press(shop, pressed)

    for each in (number, pressed):
        found = await shop.number(each)
        assert found.state is State.IN_REVIEW
        assert found.timeline[-1].detail["reason"] == "suspected_misuse"


async def test_an_account_without_a_finding_is_credited_under_the_same_policy(
    shop: World,
) -> None:
    number = await shop.take_expired(policy="held")
    shop.provider.will("cancel", GIVEN_BACK)

    await shop.end_all()

    assert (await shop.number(number)).state is State.REFUNDED


async def test_ignored_restrictions_bar_cancel_and_close_the_number_at_its_end(
    shop: World,
) -> None:
    told = {"restrictions_ignored": True}
    pressed = await shop.take("1", policy="restricted", order_facts=told)
    over = await shop.take_expired("2", policy="restricted", order_facts=told)
    shop.provider.will("cancel", GIVEN_BACK)

    assert await press(shop, pressed) is ActionOutcome.RESTRICTIONS_IGNORED
    await shop.end_all()

    assert (await shop.number(pressed)).state is State.WAITING
    assert (await shop.number(over)).state is State.CLOSED


async def test_the_third_automatic_credit_of_a_day_is_a_humans(shop: World) -> None:
    numbers = [await shop.take_expired(str(ref), policy="limited") for ref in range(3)]
    shop.provider.will("cancel", *[GIVEN_BACK] * 3)

    await shop.end_all()

    states = [(await shop.number(number)).state for number in numbers]
    assert sorted(state.value for state in states) == ["in_review", "refunded", "refunded"]


async def test_a_credit_that_a_code_overtook_is_not_counted(shop: World) -> None:
    numbers = [await shop.take(ref, policy="limited") for ref in ("1", "2", "3")]
    due = await shop.store.settlements.provider_ended([number.id for number in numbers])
    await shop.rules.load(due)
    by_ref = sorted(due, key=lambda number: number.ref or "")
    endings = [ending(number, shop.rules, PriceFate.GIVEN_BACK) for number in by_ref]
    await shop.record("1", "4711")

    await shop.settle(endings)

    ended = [(await shop.number(number)).state for number in numbers]
    assert ended == [State.RECEIVED, State.REFUNDED, State.REFUNDED], "two are allowed"


async def test_the_window_of_an_order_follows_the_exceptions_of_its_policy(shop: World) -> None:
    usual = await shop.take("1", policy="timed")
    slow = await shop.take("2", policy="timed", service="slow")

    assert usual.deadline_at - usual.rented_at == timedelta(seconds=1200)
    assert slow.deadline_at - slow.rented_at == timedelta(seconds=1800)


async def test_a_window_longer_than_the_one_its_policy_names_is_refused(shop: World) -> None:
    longer = handed_over("1", policy="timed", window=timedelta(seconds=1201))
    shorter = handed_over("2", policy="timed", window=timedelta(seconds=1200))

    refused, taken = await shop.accept([longer, shorter])

    assert (refused.how, taken.how) == (AcceptOutcome.WINDOW_TOO_LONG, AcceptOutcome.NEW)
    bought = await shop.rent(order(policy="timed", window=timedelta(seconds=1201)))
    assert bought.how is PurchaseOutcome.WINDOW_TOO_LONG
    assert shop.provider.calls == []


async def test_the_instants_of_cancel_follow_from_the_label_of_the_order(shop: World) -> None:
    number = await shop.take("1", 2 * SECOND, policy="timed", service="tg")

    assert number.cancel_offered
    assert number.cancel_from_at == number.rented_at + timedelta(seconds=600)
    assert await press(shop, number) is ActionOutcome.CANCEL_NOT_YET


async def test_an_order_shows_when_cancel_is_offered(shop: World) -> None:
    short = await shop.number(await shop.take("1", policy="short"))
    none = await shop.number(await shop.take("2", policy="buttonless"))

    assert (short.cancel_from_at, short.cancel_until_at) == (
        None,
        short.rented_at + timedelta(seconds=120),
    )
    assert (none.cancel_offered, none.cancel_from_at, none.cancel_until_at) == (False, None, None)


async def test_a_bought_number_is_not_cancelled_before_its_least_age(shop: World) -> None:
    shop.provider.will("rent", Rented(ProviderRef("r-1"), "15550009"))
    bought = await shop.rent(order(policy="aged"))
    assert bought.activation is not None

    assert await press(shop, bought.activation) is ActionOutcome.CANCEL_NOT_YET

    number = await shop.number(bought.activation)
    assert number.cancel_from_at == number.rented_at + timedelta(seconds=300)


async def test_a_number_of_before_is_asked_about_by_the_policy_of_its_purchase(
    shop: World,
) -> None:
    number = await shop.take("1", 2 * SECOND, policy="aged")
    await shop.admin.execute(
        "UPDATE activation SET cancel_from_at = NULL, cancel_judged = true WHERE id = $1", number.id
    )

    assert await press(shop, number) is ActionOutcome.CANCEL_NOT_YET


async def test_a_press_of_a_policy_without_limits_reads_no_record(
    shop: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(shop.store.activations, "press_judged", asked.append)
    monkeypatch.setattr(shop.store.cases, "account_flags", asked.append)

    await cancelled(shop, "1", "aged", WINDOW / 2)
    await shop.take_expired("2", policy="aged")
    shop.provider.will("cancel", GIVEN_BACK)
    await shop.end_all()

    assert asked == []
