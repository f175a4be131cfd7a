"""What each policy makes of a number without a code, and which policy nobody has."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.lifecycle.scripted import (
    DEADLINE,
    RENTED,
    SECOND,
    SIM,
    WINDOW,
    due,
    no_flags,
    policy_book,
)
from worker.domain.activation import EndReason, ProviderState, State
from worker.domain.policy import Profile, load_profile
from worker.domain.policy.language.content import content_of
from worker.domain.price_fate import PriceFate
from worker.lifecycle.outcome import (
    PolicyOutcomes,
    ending,
)
from worker.lifecycle.policy_book import PolicyBook
from worker.ports.store.cases import PolicyVersion
from worker.ports.store.settlements import DueNumber, Ending

TICK = timedelta(microseconds=1)
NAMES = ("default", "P0", "P1", "P2", "P3", "P4")
#: As bought under: `due` says version 1.
KEPT: dict[tuple[str, str], Profile] = {(name, "1"): load_profile(name) for name in NAMES}
RULES = PolicyOutcomes(policy_book(kept=KEPT), RecordingReporter(), no_flags)


def judged(number: DueNumber, sms_received_at: datetime | None = None) -> tuple[State, str]:
    state, why, *_ = RULES(number, sms_received_at)
    return state, why


@pytest.mark.parametrize(
    ("policy", "state"),
    [
        ("default", State.REFUNDED),
        ("P0", State.REFUNDED),
        ("P1", State.CLOSED),
        ("P2", State.REFUNDED),
        ("P3", State.REFUNDED),
        ("P4", State.CLOSED),
    ],
)
@pytest.mark.parametrize("reason", [EndReason.TIMEOUT, EndReason.PROVIDER])
def test_a_window_without_a_code_ends_as_its_policy_says(
    policy: str, state: State, reason: EndReason
) -> None:
    assert judged(due(policy=policy, reason=reason)) == (state, reason.value)


@pytest.mark.parametrize("policy", ["default", "P3"])
def test_cancel_gives_the_money_back_where_the_policy_offers_it(policy: str) -> None:
    assert judged(due(policy=policy, reason=EndReason.CANCEL)) == (State.REFUNDED, "cancel")


@pytest.mark.parametrize("policy", NAMES)
def test_cancel_always_leads_to_an_ending(policy: str) -> None:
    state, _ = judged(due(policy=policy, reason=EndReason.CANCEL))

    assert state in {State.REFUNDED, State.CLOSED, State.IN_REVIEW}


def test_a_missing_reason_is_the_window() -> None:
    assert judged(due(reason=None)) == (State.REFUNDED, "timeout")


async def test_a_policy_that_is_gone_is_a_humans_to_decide() -> None:
    await RULES.load([due(policy="yesterday")])

    assert judged(due(policy="yesterday")) == (State.IN_REVIEW, "policy_missing")


def test_an_order_older_than_its_policy_is_a_humans_to_decide() -> None:
    before = datetime.fromisoformat("2020-01-01T00:00:00Z")
    old = due(policy="P3", rented_at=before, deadline_at=before + WINDOW)

    state, reason = judged(old)

    assert state is State.IN_REVIEW
    assert reason != "timeout"


@pytest.mark.parametrize(
    ("received_at", "state"),
    [
        (RENTED, State.IN_REVIEW),
        (DEADLINE - TICK, State.IN_REVIEW),
        (DEADLINE, State.IN_REVIEW),
        (DEADLINE + TICK, State.REFUNDED),
        (None, State.REFUNDED),
    ],
)
def test_an_sms_that_was_in_time_but_never_shown_is_judged_by_p3(
    received_at: datetime | None, state: State
) -> None:
    assert judged(due(policy="P3"), received_at)[0] is state


@pytest.mark.parametrize("window", [SECOND, WINDOW, 3 * WINDOW, timedelta(days=1)])
@pytest.mark.parametrize("policy", NAMES)
def test_the_numbers_own_window_is_the_policys_set_time(policy: str, window: timedelta) -> None:
    usual = judged(due(policy=policy))

    assert judged(due(policy=policy, deadline_at=RENTED + window)) == usual


@pytest.mark.parametrize("window", [SECOND, WINDOW, 3 * WINDOW])
def test_cancel_within_any_window_is_a_cancel_in_time(window: timedelta) -> None:
    number = due(policy="P3", deadline_at=RENTED + window, reason=EndReason.CANCEL)

    assert judged(number) == (State.REFUNDED, "cancel")


def end(policy: str, fate: PriceFate, **known: Any) -> Ending:
    return ending(due(policy=policy), RULES, fate, **known)


def test_a_number_given_back_exposes_nobody() -> None:
    ended = end("default", PriceFate.GIVEN_BACK)

    assert (ended.outcome, ended.provider_state) == (State.REFUNDED, ProviderState.CANCELLED)
    assert ended.source is State.EXPIRING
    assert not ended.exposure
    assert ended.act_after is None


async def test_a_kept_price_exposes_us_only_where_the_customer_has_it_back() -> None:
    await RULES.load([due(policy="yesterday")])

    assert end("default", PriceFate.KEPT).exposure
    assert not end("P1", PriceFate.KEPT).exposure
    assert not end("yesterday", PriceFate.KEPT).exposure


def test_a_kept_price_with_an_sms_in_time_goes_where_the_policy_sends_it() -> None:
    ended = end("P3", PriceFate.KEPT, sms_received_at=DEADLINE)

    assert ended.outcome is State.IN_REVIEW
    assert ended.provider_state is ProviderState.CHARGED


def test_a_forgotten_number_is_settled_without_pursuit() -> None:
    ended = end("default", PriceFate.UNKNOWN)

    assert ended.provider_state is ProviderState.GONE
    assert ended.act_after is None


def test_an_unanswered_number_is_pursued() -> None:
    ended = end("default", PriceFate.NOT_YET, act_after=SECOND)

    assert ended.provider_state is ProviderState.CANCELLING
    assert (ended.act_after, ended.exposure) == (SECOND, True)


def test_a_number_keeps_the_policy_of_its_purchase() -> None:
    today = load_profile("P1")  # Closes; money comes back on a claim only.
    then = load_profile("default")  # Credited by itself.
    number = due(1)._replace(policy="P1", policy_version="then", reason=EndReason.TIMEOUT)

    kept = {("P1", "then"): then}
    rules = PolicyOutcomes(policy_book({"P1": today}, kept), RecordingReporter(), no_flags)
    state = rules(number, None)[0]

    assert state is State.REFUNDED


def test_a_number_bought_under_todays_policy_has_that_one_before_it_is_kept() -> None:
    today = load_profile("P1")
    number = due(1)._replace(policy="P1", policy_version=today.version)

    rules = PolicyOutcomes(policy_book({"P1": today}), RecordingReporter(), no_flags)
    state = rules(number, None)[0]

    assert state is State.CLOSED


async def test_a_number_of_a_version_nobody_has_is_never_judged_by_todays() -> None:
    reporter = RecordingReporter()
    number = due(1)._replace(policy="default", policy_version="then")
    rules = PolicyOutcomes(policy_book({"default": load_profile("default")}), reporter, no_flags)

    await rules.load([number])

    assert rules(number, None) == (State.IN_REVIEW, "policy_missing")
    assert reporter.of("trouble") == [("policy.missing", SIM, "default then")]


@pytest.mark.parametrize("policy", NAMES)
@pytest.mark.parametrize("reason", [EndReason.TIMEOUT, EndReason.PROVIDER])
def test_silence_is_judged_alike_for_all_orders_of_a_policy(policy: str, reason: EndReason) -> None:
    rules = PolicyOutcomes(policy_book(kept=KEPT), RecordingReporter(), no_flags)
    profile = KEPT[policy, "1"]
    in_force = profile.effective_from or RENTED
    ages = [timedelta(days=-400), -TICK, timedelta(0), TICK, timedelta(days=400)]
    orders = [
        due(policy=policy, reason=reason, rented_at=in_force + age, deadline_at=in_force + age + w)
        for age in ages
        for w in (SECOND, WINDOW)
    ]

    together = [rules(order, None) for order in orders]

    alone = [
        PolicyOutcomes(policy_book(kept=KEPT), RecordingReporter(), no_flags)(order, None)
        for order in orders
    ]
    assert together == alone


async def test_a_policy_that_comes_later_is_taken_at_once() -> None:
    number = due(1)._replace(policy="P1", policy_version="then", reason=EndReason.TIMEOUT)
    stored: dict[PolicyVersion, Any] = {}

    async def read(_: Collection[PolicyVersion] | None) -> dict[PolicyVersion, Any]:
        return stored

    rules = PolicyOutcomes(PolicyBook({}, read), RecordingReporter(), no_flags)
    await rules.load([number])
    assert rules(number, None)[0] is State.IN_REVIEW

    stored["P1", "then"] = content_of(load_profile("default"))
    await rules.load([number])

    assert rules(number, None)[0] is State.REFUNDED
