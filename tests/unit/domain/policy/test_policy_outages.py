"""Rental outages under P2: when they count, how long, and what they give back."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, HOUR, US, Answer, AskPolicy

CONTACT = 7 * DAY  # A Monday, 10:00.


def outage(ask: AskPolicy, **facts: Any) -> Answer:
    given = {
        "rental_start": timedelta(0),
        "rental_end": 30 * DAY,
        "price_minor": 3000,
        "contacted_at": CONTACT,
        "unavailable_since": CONTACT,
        "now": 20 * DAY,
    }
    return ask("P2", "outage_tick", **given | facts)


def credited(amount: int, by: timedelta) -> Answer:
    return ("prorated_credit", "outage_over_24h", amount, 0, "balance", by)


def waits(until: timedelta) -> Answer:
    return ("wait", "outage_running", 0, 0, None, until)


SHORT: Answer = ("deny", "outage_not_over_24h", 0, 0, None, None)


def test_p2_05_only_more_than_24_hours_count(ask: AskPolicy) -> None:
    assert outage(ask, restored_at=CONTACT + DAY - US) == SHORT
    assert outage(ask, restored_at=CONTACT + DAY) == SHORT
    over_a_day = outage(ask, restored_at=CONTACT + DAY + US)
    assert over_a_day == credited(100, CONTACT + 8 * DAY + US)  # Tuesday to Tuesday.


@pytest.mark.parametrize(
    ("length", "complete", "started"),
    [(DAY + US, 1, 2), (2 * DAY - US, 1, 2), (2 * DAY, 2, 2), (2 * DAY + US, 2, 3)],
)
def test_p2_06_days_are_complete_or_begun_as_the_policy_counts(
    ask: AskPolicy, length: timedelta, complete: int, started: int
) -> None:
    begun = {"outage_day_count": "started_24h"}
    restored = {"restored_at": CONTACT + length}

    assert outage(ask, **restored)[2] == 100 * complete
    assert outage(ask, **restored, profile_overrides=begun)[2] == 100 * started
    dotted = {"outage.day_count": "started_24h"}
    assert outage(ask, **restored, profile_overrides=dotted)[2] == 100 * started


def test_p2_07_the_outage_counts_from_the_contact(ask: AskPolicy) -> None:
    restored = {"restored_at": CONTACT + 50 * HOUR}

    assert outage(ask, unavailable_since=timedelta(0), **restored)[2] == 200
    assert outage(ask, unavailable_since=None, **restored)[2] == 200
    later = outage(ask, unavailable_since=CONTACT + 3 * HOUR, **restored)
    assert later[2] == 100
    assert outage(ask, unavailable_since=CONTACT + 26 * HOUR, **restored) == SHORT
    short = outage(ask, unavailable_since=CONTACT - 30 * HOUR, restored_at=CONTACT + 20 * HOUR)
    assert short == SHORT


def test_an_outage_before_the_rental_does_not_count(ask: AskPolicy) -> None:
    early = {"contacted_at": -2 * DAY, "unavailable_since": -3 * DAY}

    assert outage(ask, restored_at=DAY, **early) == SHORT
    assert outage(ask, restored_at=DAY + US, **early)[2] == 100


def test_a_running_outage_waits_and_is_credited_once_at_its_end(ask: AskPolicy) -> None:
    threshold, end = CONTACT + DAY, 30 * DAY

    for now in (CONTACT, threshold - US, threshold):
        assert outage(ask, now=now) == waits(threshold)
    for now in (threshold + US, end - US):
        assert outage(ask, now=now) == waits(end)
    for now in (end, end + 90 * DAY):
        assert outage(ask, now=now) == credited(2300, 37 * DAY)  # Wednesday and five days.


def test_a_rental_that_ends_before_the_threshold_gives_nothing(ask: AskPolicy) -> None:
    late = {"contacted_at": 29 * DAY + HOUR, "unavailable_since": None}

    assert outage(ask, now=29 * DAY + 2 * HOUR, **late) == waits(30 * DAY)
    assert outage(ask, now=30 * DAY, **late) == SHORT
    assert outage(ask, contacted_at=31 * DAY, unavailable_since=None, now=40 * DAY) == SHORT


def test_p2_27_one_calendar_month_is_refunded_at_most(ask: AskPolicy) -> None:
    long = {"rental_end": 90 * DAY, "price_minor": 9000}
    month = CONTACT + 31 * DAY  # 9 March to 9 April.

    assert outage(ask, now=month - US, **long) == waits(month)
    assert outage(ask, now=month, **long) == credited(3100, month + 7 * DAY)
    assert outage(ask, now=90 * DAY, **long) == credited(3100, month + 7 * DAY)
    restored = outage(ask, now=90 * DAY, restored_at=60 * DAY, **long)
    assert restored == credited(3100, month + 7 * DAY)
    for before in (3100, 3200):
        used = outage(ask, now=month, credited_minor=before, **long)
        assert used == ("deny", "refund_month_used", 0, 0, None, None)
    uncapped = {"profile_overrides": {"outage.refund_cap_months": None}}
    assert outage(ask, now=91 * DAY, **long, **uncapped)[2] == 8300


@pytest.mark.parametrize(("price", "amount"), [(1000, 67), (1, 1), (0, 0), (29, 2), (15, 1)])
def test_a_fraction_goes_to_the_customer_and_never_above_the_price(
    ask: AskPolicy, price: int, amount: int
) -> None:
    assert outage(ask, price_minor=price, restored_at=CONTACT + 2 * DAY)[2] == amount


def test_the_sum_is_exact_however_large_the_price(ask: AskPolicy) -> None:
    two_of_thirty_days = outage(ask, price_minor=10**15 - 10, restored_at=CONTACT + 2 * DAY)
    assert two_of_thirty_days[2] == 66_666_666_666_666


def test_the_whole_rental_gives_the_whole_price(ask: AskPolicy) -> None:
    down = {"contacted_at": timedelta(0), "unavailable_since": None, "now": 30 * DAY}
    assert outage(ask, **down)[2] == 3000
    half_days = outage(ask, **down | {"rental_end": 36 * HOUR})
    assert half_days[2] == 2000


def test_the_checks_come_in_their_order(ask: AskPolicy) -> None:
    client = outage(ask, client_caused=True, contacted_at=None, outage_verified=None)
    silent = outage(ask, contacted_at=None, outage_verified=None)
    unverified = ("needs_review", "outage_unverified", 0, 0, None, CONTACT + 2 * DAY)

    assert client == ("deny", "client_caused", 0, 0, None, None)
    assert silent == ("none", "no_contact", 0, 0, None, None)
    assert outage(ask, outage_verified=None) == unverified
    assert outage(ask, outage_verified=False, restored_at=CONTACT + HOUR) == unverified
    assert outage(ask, outage_verified=True, client_caused=None)[0] == "wait"
    settled = outage(ask, credited_minor=3000, client_caused=True)
    assert settled == ("none", "already_settled", 0, 0, None, None)
    assert outage(ask, credited_minor=3001, client_caused=True) == settled
    assert outage(ask, credited_minor=2999, client_caused=True) == client
    replaced = outage(ask, credited_minor=3000, replacement_linked_at=CONTACT)
    assert replaced == ("none", "replaced", 0, 0, None, None)


@pytest.mark.parametrize("policy", ["default", "P0", "P1", "P3", "P4"])
def test_where_the_policy_has_no_rule_for_outages_a_human_decides(
    ask: AskPolicy, policy: str
) -> None:
    rental = {"rental_start": timedelta(0), "rental_end": DAY}
    decided = ask(policy, "outage_tick", **rental)
    assert decided == ("needs_review", "policy_silent", 0, 0, None, None)


@pytest.mark.parametrize(
    ("count", "length", "minor"),
    [
        ("complete_24h", 36 * HOUR, 100),
        ("started_24h", 36 * HOUR, 200),
        ("exact", 36 * HOUR, 150),
        ("exact", HOUR, 5),
        ("started_24h", HOUR, 100),
        ("complete_24h", DAY, 100),
        ("started_24h", DAY, 100),
        ("started_24h", DAY + US, 200),
        ("exact", DAY + US, 101),
        ("exact", US, 1),
    ],
)
def test_the_days_of_an_outage_are_counted_as_the_policy_says(
    ask: AskPolicy, count: str, length: timedelta, minor: int
) -> None:
    policy = {"outage": {"threshold_s": 0, "day_count": count}}
    down = {"contacted_at": DAY, "restored_at": DAY + length, "now": 20 * DAY}
    rental = {"rental_start": timedelta(0), "rental_end": 30 * DAY, "price_minor": 3000}
    decided = ask(policy, "outage_tick", **rental, **down)
    assert decided == ("prorated_credit", "outage_over_24h", minor, 0, "balance", None)


def test_an_outage_over_a_short_threshold_without_a_complete_day_gives_nothing(
    ask: AskPolicy,
) -> None:
    policy = {"outage": {"threshold_s": 3600}}
    given: dict[str, Any] = {
        "rental_start": timedelta(0),
        "rental_end": 30 * DAY,
        "price_minor": 3000,
        "contacted_at": DAY,
        "now": 20 * DAY,
    }
    short = ask(policy, "outage_tick", restored_at=2 * DAY - US, **given)
    assert short == ("deny", "outage_not_over_24h", 0, 0, None, None)
    before_it_began = ask(policy, "outage_tick", restored_at=timedelta(0), **given)
    assert before_it_began == short


def test_an_sms_or_the_repair_ends_an_outage_whichever_came_first(ask: AskPolicy) -> None:
    policy = {"outage": {"threshold_s": 0, "day_count": "exact"}}
    given: dict[str, Any] = {
        "rental_start": timedelta(0),
        "rental_end": 30 * DAY,
        "price_minor": 3000,
        "contacted_at": DAY,
        "now": 20 * DAY,
    }

    def minor(**ends: timedelta) -> int:
        return ask(policy, "outage_tick", **given, **ends)[2]

    assert minor(sms_received_at=3 * DAY, restored_at=5 * DAY) == 200
    assert minor(sms_received_at=5 * DAY, restored_at=3 * DAY) == 200
    assert minor(sms_received_at=DAY - US, restored_at=3 * DAY) == 200
    assert minor(sms_received_at=DAY, restored_at=3 * DAY) == 0
    at_once = ask(policy, "outage_tick", sms_received_at=DAY, **given)
    assert at_once == ("deny", "outage_not_over_24h", 0, 0, None, None)


@pytest.mark.parametrize(
    ("bar", "flag", "reason"),
    [
        ("unlawful", "unlawful_use_confirmed", "unlawful_use"),
        ("fraud", "fraud_confirmed", "fraud"),
        ("complaint", "complaint_provider", "complaint_received"),
        ("law_enforcement", "blocked_law_enforcement", "account_frozen"),
        ("rules_block", "blocked_rules", "account_blocked_rules"),
    ],
)
def test_what_bars_every_credit_bars_that_of_an_outage(
    ask: AskPolicy, bar: str, flag: str, reason: str
) -> None:
    given: dict[str, Any] = {
        "rental_start": timedelta(0),
        "rental_end": 30 * DAY,
        "price_minor": 3000,
        "contacted_at": DAY,
        "restored_at": 4 * DAY,
        "now": 20 * DAY,
    }

    def asked(value: str, **facts: Any) -> Answer:
        policy = {"outage": {"threshold_s": 0}, "bars": {bar: value}}
        return ask(policy, "outage_tick", **given, **facts)

    barred = ("deny", reason, 0, 0, None, None)
    assert asked("all", account_flags=[flag]) == barred
    assert asked("all", account_flags=[flag], outage_verified=None) == barred
    assert asked("client", account_flags=[flag])[:3] == ("prorated_credit", "outage_over_24h", 300)
    assert asked("all", account_flags=["charged_back"])[0] == "prorated_credit"
    settled = asked("all", account_flags=[flag], credited_minor=3000)
    assert settled[:2] == ("none", "already_settled")


@pytest.mark.parametrize("told", ["purchased_at", "rental_start"])
def test_a_limit_of_the_past_counts_what_is_told_of_the_purchase_or_the_start(
    ask: AskPolicy, told: str
) -> None:
    """Of a rental whose purchase nobody told the start is taken for it, and never a later day."""
    late = {"effective_from": "2026-03-05T10:00:00Z", "outage": {"threshold_s": 0}}
    given: dict[str, Any] = {
        "rental_start": 4 * DAY,
        "rental_end": 30 * DAY,
        "purchased_at": timedelta(0) if told == "purchased_at" else None,
        "price_minor": 2600,
        "contacted_at": 5 * DAY,
        "restored_at": 7 * DAY,
        "now": 20 * DAY,
    }
    decided = ask(late, "outage_tick", **given)
    older = told == "purchased_at"
    assert decided[1] == ("policy_version" if older else "outage_over_24h")
