"""Orders: the tick, the press of Cancel and silence; every edge to the microsecond."""

from datetime import timedelta

import pytest

from tests.unit.domain.policy.policy_answers import DAY, MINUTE, US, WINDOW, Answer, AskPolicy
from worker.domain.policy.decision import first_answer

AUTOMATIC = ["default", "P0", "P2", "P3"]
ON_CLAIM = ["P1", "P4"]
ALL = [*AUTOMATIC, *ON_CLAIM]
#: Monday 10:20 plus five business days, and Monday plus two.
CREDIT_BY = {"P2": WINDOW + 7 * DAY}
REVIEW = {"P2": 2 * DAY, "P3": 2 * DAY}
WAIT: Answer = ("wait", "sms_window_open", 0, 0, None, WINDOW)


def test_a_list_of_checks_without_an_answer_is_an_assertion_error() -> None:
    with pytest.raises(AssertionError, match="no check answered"):
        first_answer([lambda _: None], "a case")


@pytest.mark.parametrize("policy", ALL)
@pytest.mark.parametrize("now", [timedelta(0), WINDOW - US, WINDOW])
def test_the_last_instant_of_the_window_still_waits(
    ask: AskPolicy, policy: str, now: timedelta
) -> None:
    assert ask(policy, "order_tick", now=now) == WAIT


@pytest.mark.parametrize("policy", AUTOMATIC)
@pytest.mark.parametrize("now", [WINDOW + US, 400 * DAY])
def test_without_an_sms_the_money_goes_back_however_late_the_worker_looks(
    ask: AskPolicy, policy: str, now: timedelta
) -> None:
    by = CREDIT_BY.get(policy)
    decided = ask(policy, "order_tick", now=now)
    assert decided == ("auto_credit", "no_sms_in_window", 350, 0, "balance", by)


@pytest.mark.parametrize("policy", ON_CLAIM)
@pytest.mark.parametrize("now", [WINDOW + US, 400 * DAY])
def test_where_nothing_automatic_is_promised_the_number_is_closed(
    ask: AskPolicy, policy: str, now: timedelta
) -> None:
    decided = ask(policy, "order_tick", now=now)
    assert decided == ("cancel_no_credit", "awaiting_claim", 0, 0, None, 7 * DAY)


@pytest.mark.parametrize("op", ["order_tick", "cancel", "silence_tick"])
@pytest.mark.parametrize("policy", ALL)
def test_a_settled_order_stays_settled_whatever_else_is_true(
    ask: AskPolicy, policy: str, op: str
) -> None:
    decided = ask(
        policy,
        op,
        now=DAY,
        credited_minor=350,
        sms_received_at=MINUTE,
        sms_displayed_at=DAY,
        restrictions_ignored=True,
        product="rental",
    )
    assert decided == ("none", "already_settled", 0, 0, None, None)


@pytest.mark.parametrize("policy", ALL)
@pytest.mark.parametrize("now", [MINUTE, WINDOW + US])
def test_a_code_shown_in_time_is_fulfilment(ask: AskPolicy, policy: str, now: timedelta) -> None:
    shown = {"sms_received_at": MINUTE, "sms_displayed_at": WINDOW}
    assert ask(policy, "order_tick", now=now, **shown)[:2] == ("none", "activated")
    assert ask(policy, "cancel", now=now, **shown)[:2] == ("deny", "code_displayed")


@pytest.mark.parametrize("policy", ALL)
@pytest.mark.parametrize("op", ["order_tick", "cancel"])
def test_a_code_shown_after_the_window_goes_to_a_human(
    ask: AskPolicy, policy: str, op: str
) -> None:
    decided = ask(policy, op, now=DAY, sms_received_at=MINUTE, sms_displayed_at=WINDOW + US)

    by = DAY + REVIEW[policy] if policy in REVIEW else None
    assert decided == ("needs_review", "late_sms_displayed", 350, 0, "balance", by)


@pytest.mark.parametrize("policy", ["default", "P0", "P2"])
@pytest.mark.parametrize("received", [MINUTE, WINDOW, WINDOW + US])
def test_an_sms_that_was_never_shown_is_credited_as_none(
    ask: AskPolicy, policy: str, received: timedelta
) -> None:
    tick = ask(policy, "order_tick", now=DAY, sms_received_at=received)
    press = ask(policy, "cancel", now=DAY, sms_received_at=received)

    assert tick[:2] == ("auto_credit", "no_sms_in_window")
    assert press[:2] == ("credit", "cancelled_before_sms")


def test_p3_23_an_undisplayed_sms_in_time_goes_to_a_human_when_the_window_is_over(
    ask: AskPolicy,
) -> None:
    review = ("needs_review", "sms_not_displayed", 350, 0, "balance")
    in_time = {"sms_received_at": WINDOW}

    assert ask("P3", "order_tick", now=WINDOW, **in_time) == WAIT
    assert ask("P3", "order_tick", now=WINDOW + US, **in_time) == (*review, WINDOW + US + 2 * DAY)
    assert ask("P3", "cancel", now=WINDOW, **in_time) == (*review, WINDOW + 2 * DAY)


def test_p3_07_an_undisplayed_sms_after_the_window_is_credited(ask: AskPolicy) -> None:
    late = {"sms_received_at": WINDOW + US}

    assert ask("P3", "order_tick", now=DAY, **late)[:2] == ("auto_credit", "no_sms_in_window")
    assert ask("P3", "cancel", now=DAY, **late)[:2] == ("credit", "cancelled_before_sms")


def test_the_reading_of_undisplayed_sms_can_be_changed(ask: AskPolicy) -> None:
    credit = {"sms.undisplayed_in_time": "credit"}
    decided = ask("P3", "order_tick", now=DAY, sms_received_at=MINUTE, profile_overrides=credit)
    assert decided[0] == "auto_credit"


@pytest.mark.parametrize("policy", AUTOMATIC)
@pytest.mark.parametrize("now", [timedelta(0), 3 * MINUTE, WINDOW + US, 9 * DAY])
def test_cancel_before_an_sms_gives_the_money_back(
    ask: AskPolicy, policy: str, now: timedelta
) -> None:
    by = {"default": None, "P0": None, "P3": None}
    decided = ask(policy, "cancel", now=now)

    assert decided[:5] == ("credit", "cancelled_before_sms", 350, 0, "balance")
    if policy in by:
        assert decided[5] is None
    else:
        assert decided[5] is not None
        assert decided[5] >= now + 5 * DAY


@pytest.mark.parametrize("policy", ON_CLAIM)
@pytest.mark.parametrize("now", [timedelta(0), 9 * DAY])
def test_cancel_only_closes_the_number_where_money_needs_a_claim(
    ask: AskPolicy, policy: str, now: timedelta
) -> None:
    decided = ask(policy, "cancel", now=now)
    assert decided == ("cancel_no_credit", "awaiting_claim", 0, 0, None, 7 * DAY)


@pytest.mark.parametrize("policy", ON_CLAIM)
def test_automatic_credit_can_be_switched_on(ask: AskPolicy, policy: str) -> None:
    on = {"auto_credit_mode": "automatic"}

    tick = ask(policy, "order_tick", now=DAY, profile_overrides=on)
    press = ask(policy, "cancel", now=MINUTE, profile_overrides=on)

    assert tick == ("auto_credit", "no_sms_in_window", 350, 0, "balance", None)
    assert press == ("credit", "cancelled_before_sms", 350, 0, "balance", None)


def test_the_window_is_the_policys(ask: AskPolicy) -> None:
    short = {"sms_window_s": 60}

    assert ask("P0", "order_tick", now=MINUTE, profile_overrides=short)[5] == MINUTE
    decided = ask("P0", "order_tick", now=MINUTE + US, profile_overrides=short)
    assert decided[0] == "auto_credit"


def test_cancel_waits_for_the_minimum_age_of_the_order(ask: AskPolicy) -> None:
    two = {"cancel.from_s": 120}

    early = ask("P0", "cancel", now=2 * MINUTE - US, profile_overrides=two)
    in_time = ask("P0", "cancel", now=2 * MINUTE, profile_overrides=two)

    assert early == ("wait", "sms_window_open", 0, 0, None, 2 * MINUTE)
    assert in_time[0] == "credit"


def test_without_a_button_a_press_changes_nothing(ask: AskPolicy) -> None:
    none = {"cancel_button": False}

    assert ask("P0", "cancel", now=WINDOW, profile_overrides=none) == WAIT
    decided = ask("P0", "cancel", now=WINDOW + US, profile_overrides=none)
    assert decided[:2] == ("auto_credit", "no_sms_in_window")


def test_a_button_can_credit_where_timeouts_need_a_claim(ask: AskPolicy) -> None:
    button = {"cancel_button": True}

    assert ask("P1", "cancel", now=MINUTE, profile_overrides=button)[0] == "credit"
    assert ask("P1", "order_tick", now=DAY, profile_overrides=button)[0] == "cancel_no_credit"


def test_p2_22_ignored_restrictions_bar_credit_and_cancel_but_not_waiting(ask: AskPolicy) -> None:
    denied: Answer = ("deny", "restrictions_ignored", 0, 0, None, None)

    assert ask("P2", "order_tick", now=WINDOW, restrictions_ignored=True) == WAIT
    assert ask("P2", "order_tick", now=WINDOW + US, restrictions_ignored=True) == denied
    assert ask("P2", "cancel", now=MINUTE, restrictions_ignored=True) == denied


@pytest.mark.parametrize("policy", ["default", "P0", "P1", "P3", "P4"])
def test_other_policies_do_not_ask_about_restrictions(ask: AskPolicy, policy: str) -> None:
    ignored = ask(policy, "order_tick", now=DAY, restrictions_ignored=True)
    assert ignored == ask(policy, "order_tick", now=DAY)


def test_p2_11_a_rental_switched_off_at_will_gives_nothing_back(ask: AskPolicy) -> None:
    wish = ask("P2", "cancel", now=DAY, product="rental")
    fault = ask("P2", "cancel", now=DAY, product="rental", due_to_problem=True)

    assert wish == ("deny", "early_deactivation", 0, 0, None, None)
    assert fault == ("needs_review", "deactivation_due_to_problem", 0, 0, None, 3 * DAY)


def test_p2_11_concerns_rentals_only(ask: AskPolicy) -> None:
    assert ask("P2", "cancel", now=MINUTE, due_to_problem=True)[0] == "credit"
    assert ask("P3", "cancel", now=MINUTE, product="rental")[1] == "policy_silent"


@pytest.mark.parametrize(("policy", "from_"), [("P1", "2024-04-02"), ("P3", "2024-06-15")])
@pytest.mark.parametrize("op", ["order_tick", "cancel", "silence_tick", "claim"])
def test_p1_01_p3_01_an_order_older_than_its_policy_goes_to_a_human(
    ask: AskPolicy, policy: str, from_: str, op: str
) -> None:
    start = f"{from_}T00:00:00Z"
    before = f"{from_}T02:00:00+02:01"  # A minute before midnight in UTC.
    claim = {"claim_kind": "non_receiving"} if op == "claim" else {}

    old = ask(policy, op, purchased_at=before, credited_minor=350, **claim)
    new = ask(policy, op, purchased_at=start, credited_minor=350, **claim)

    assert old == ("needs_review", "policy_version", 0, 0, None, None)
    assert new[1] in {"already_settled", "already_refunded"}


@pytest.mark.parametrize(("policy", "days"), [("P0", 5), ("P1", 7), ("P4", 7)])
def test_p0_06_p0_10_p1_07_p1_11_p4_06_p4_10_silence_is_final_after_the_last_instant(
    ask: AskPolicy, policy: str, days: int
) -> None:
    end = days * DAY
    shown = {"sms_received_at": MINUTE, "sms_displayed_at": MINUTE}
    wait = ("wait", "claim_window_open", 0, 0, None, end)

    assert ask(policy, "silence_tick", now=end - US, **shown) == wait
    assert ask(policy, "silence_tick", now=end, **shown) == wait
    final = ask(policy, "silence_tick", now=end + US, **shown)
    assert final == ("finalised", "silence", 0, 0, None, None)


@pytest.mark.parametrize(("policy", "days"), [("P0", 5), ("P1", 7), ("P4", 7)])
def test_only_a_proper_claim_in_time_stops_the_silence(
    ask: AskPolicy, policy: str, days: int
) -> None:
    end = days * DAY
    shown = {"sms_displayed_at": MINUTE, "now": end + US}

    proper = ask(policy, "silence_tick", claim_at=end, **shown)
    early = ask(policy, "silence_tick", claim_at=DAY, **shown)
    late = ask(policy, "silence_tick", claim_at=end + US, **shown)
    improper = ask(policy, "silence_tick", claim_at=DAY, claim_proper=False, **shown)

    assert proper == early == ("none", "claim_open", 0, 0, None, None)
    assert late[:2] == improper[:2] == ("finalised", "silence")


def test_a_credit_that_was_due_survives_silence(ask: AskPolicy) -> None:
    at = {"now": WINDOW + US}

    assert ask("P0", "silence_tick", **at)[:2] == ("auto_credit", "no_sms_in_window")
    assert ask("P0", "silence_tick", now=WINDOW)[:2] == ("wait", "claim_window_open")
    claimed = ask("P0", "silence_tick", claim_at=DAY, now=6 * DAY)
    assert claimed[:2] == ("auto_credit", "no_sms_in_window")
    assert ask("P1", "silence_tick", **at)[:2] == ("wait", "claim_window_open")
    late_display = ask("P0", "silence_tick", now=6 * DAY, sms_displayed_at=DAY)
    assert late_display[:2] == ("finalised", "silence")


@pytest.mark.parametrize("policy", ["default", "P2", "P3"])
@pytest.mark.parametrize("now", [timedelta(0), 400 * DAY])
def test_without_a_claim_window_silence_finalises_nothing(
    ask: AskPolicy, policy: str, now: timedelta
) -> None:
    decided = ask(policy, "silence_tick", now=now)
    assert decided == ("none", "no_claim_window", 0, 0, None, None)


def test_calendar_days_close_at_midnight(ask: AskPolicy) -> None:
    calendar = {"day_count": "calendar_end_of_day"}
    end = 5 * DAY + timedelta(hours=14) - US
    shown = {"sms_displayed_at": MINUTE, "profile_overrides": calendar}

    assert ask("P0", "silence_tick", now=end, **shown)[::5] == ("wait", end)
    assert ask("P0", "silence_tick", now=end + US, **shown)[0] == "finalised"


def test_what_was_credited_and_what_was_paid_settle_an_order_together(ask: AskPolicy) -> None:
    automatic = {"sms": {"auto_credit_mode": "automatic"}}

    def ends(credited: int, paid: int) -> str:
        facts = {"credited_minor": credited, "paid_out_minor": paid, "price_minor": 350}
        return ask(automatic, "order_tick", now=WINDOW + US, **facts)[1]

    assert ends(200, 150) == ends(150, 200) == ends(351, 0) == "already_settled"
    assert ends(200, 149) != "already_settled"
