"""When and how a claim must come: its window, and channel, fields and reasons."""

from datetime import timedelta
from typing import Any

import pytest

from tests.unit.domain.policy.policy_answers import DAY, HOUR, MINUTE, US, WINDOW, Answer, AskPolicy

GRANT = {"decided": "grant"}
PAID = ("credit", "granted_on_request", 350, 0, "balance", None)


def claim(
    ask: AskPolicy, claims: dict[str, Any], kind: dict[str, Any] | None = None, /, **facts: Any
) -> Answer:
    """About the kind `own` with this row (granted without one)."""
    more = facts.pop("policy", {})
    name = facts.pop("claim_kind", "own")
    policy = {"claims": claims | {"kinds": {name: GRANT if kind is None else kind}}} | more
    return ask(policy, "claim", **{"claim_kind": name, "now": DAY} | facts)


def denied(reason: str) -> Answer:
    return ("deny", reason, 0, 0, None, None)


def missing(reason: str, until: timedelta | None = None) -> Answer:
    return ("needs_evidence", reason, 0, 0, None, until)


@pytest.mark.parametrize(
    ("window", "end"),
    [
        ({"window_s": 7200}, 2 * HOUR),
        ({"window_days": 2}, 2 * DAY),
        ({"window_months": 1}, 31 * DAY),
    ],
)
def test_a_window_closes_after_its_last_instant(
    ask: AskPolicy, window: dict[str, Any], end: timedelta
) -> None:
    assert claim(ask, window, now=end) == PAID
    assert claim(ask, window, now=end + US) == denied("claim_window_closed")
    assert claim(ask, window, now=9 * end, claim_at=end) == PAID


@pytest.mark.parametrize(
    ("window_from", "instant", "start"),
    [
        ("issue", {"issue_at": DAY}, DAY),
        ("issue", {"issue_at": -DAY}, timedelta(0)),
        ("issue", {}, timedelta(0)),
        ("start", {"rental_start": 2 * DAY}, 2 * DAY),
        ("start", {}, timedelta(0)),
        ("renewal", {"renewed_at": 3 * DAY}, 3 * DAY),
        ("renewal", {}, timedelta(0)),
        ("purchase", {"issue_at": DAY, "rental_start": DAY, "renewed_at": DAY}, timedelta(0)),
    ],
)
def test_a_window_counts_from_what_the_policy_says(
    ask: AskPolicy, window_from: str, instant: dict[str, Any], start: timedelta
) -> None:
    window = {"window_days": 5, "window_from": window_from}
    end = start + 5 * DAY
    assert claim(ask, window, now=end, **instant) == PAID
    assert claim(ask, window, now=end + US, **instant) == denied("claim_window_closed")


def test_a_kind_may_have_its_own_window_start_and_lateness(ask: AskPolicy) -> None:
    own = GRANT | {"window_days": 9, "window_from": "issue", "late": "review"}
    policy = {"window_days": 1}
    assert claim(ask, policy, own, now=9 * DAY) == PAID
    late = ("needs_review", "claim_window_closed", 350, 0, "balance", None)
    assert claim(ask, policy, own, now=9 * DAY + US) == late
    assert claim(ask, policy, own, now=10 * DAY, issue_at=DAY) == PAID
    assert claim(ask, {}, own, now=9 * DAY + US) == late
    of_policy = claim(ask, {"window_days": 1, "late": "review"}, now=DAY + US)
    assert of_policy == late


def test_a_late_claim_under_review_is_complete_before_a_human_sees_it(ask: AskPolicy) -> None:
    claims = {"window_days": 1, "late": "review", "channels": ["desk"], "form_for": "judged"}
    late = {"now": DAY + US}
    assert claim(ask, claims, claim_channel="chat", **late) == denied("wrong_channel")
    assert claim(ask, claims, claim_channel="desk", **late)[1] == "claim_window_closed"
    assert claim(ask, claims, verified=True, **late)[:2] == ("credit", "claim_approved")
    assert claim(ask, claims, verified=False, **late) == denied("claim_rejected")
    assert claim(ask, claims, contradicts_terms=True, **late)[1] == "contradicts_terms"


def test_a_closed_number_shows_the_window_of_claims_without_an_sms(ask: AskPolicy) -> None:
    own = {"claims": {"window_days": 2, "kinds": {"non_receiving": {"window_days": 3}}}}
    other = {"claims": {"window_days": 2, "kinds": {"other": {"window_s": 60}}}}
    bare = {"claims": {"window_days": 2}}
    assert ask(own, "order_tick", now=DAY)[5] == 3 * DAY
    assert ask(other, "order_tick", now=DAY)[5] == MINUTE
    assert ask(bare, "order_tick", now=DAY)[5] == 2 * DAY
    assert ask({}, "order_tick", now=DAY)[5] is None


def test_silence_ends_the_window_of_all_claims_not_of_one_kind(ask: AskPolicy) -> None:
    own = {"claims": {"window_days": 2, "kinds": {"non_receiving": {"window_days": 9}}}}
    shown = {"sms_displayed_at": MINUTE}
    assert ask(own, "silence_tick", now=2 * DAY, **shown)[5] == 2 * DAY
    assert ask(own, "silence_tick", now=2 * DAY + US, **shown)[0] == "finalised"
    only_kind = {"claims": {"kinds": {"non_receiving": {"window_days": 9}}}}
    assert ask(only_kind, "silence_tick", now=99 * DAY, **shown)[1] == "no_claim_window"
    from_start = {"claims": {"window_days": 2, "window_from": "start"}}
    rental = {"product": "rental", "rental_start": DAY, "rental_end": 9 * DAY}
    assert ask(from_start, "silence_tick", now=DAY, **rental)[5] == 3 * DAY


@pytest.mark.parametrize(
    ("at", "proper", "answer"),
    [
        (2 * DAY, True, "claim_open"),
        (2 * DAY + US, True, "silence"),
        (DAY, False, "silence"),
        (-DAY, True, "claim_open"),
        (None, True, "silence"),
    ],
)
def test_only_a_proper_claim_in_time_keeps_an_order_open(
    ask: AskPolicy, at: timedelta | None, answer: str, *, proper: bool
) -> None:
    given = {"claim_at": at, "claim_proper": proper, "sms_displayed_at": MINUTE}
    assert ask({"claims": {"window_days": 2}}, "silence_tick", now=9 * DAY, **given)[1] == answer


FORM: dict[str, Any] = {
    "channels": ["desk", "mail"],
    "required_fields": ["amount"],
    "reasons_required": True,
}
WRONG = {"claim_channel": "chat", "request_fields": ["reason"], "reasons_given": False}


def test_channel_fields_and_reasons_in_their_order(ask: AskPolicy) -> None:
    steps = [("claim_channel", "wrong_channel"), ("request_fields", "request_incomplete")]
    steps += [("reasons_given", "reasons_missing")]
    for index, (_, reason) in enumerate(steps):
        given = {name: WRONG[name] for name, _ in steps[index:]}
        assert claim(ask, FORM, contradicts_terms=True, **given) == missing(reason)
    terms = ("needs_review", "contradicts_terms", 350, 0, "balance", None)
    assert claim(ask, FORM, contradicts_terms=True, verified=True) == terms
    complete = {"claim_channel": "mail", "request_fields": ["amount", "reason"]}
    assert claim(ask, FORM, **complete) == claim(ask, FORM) == PAID


def test_what_is_missing_is_awaited_until_the_window_the_policys_days_or_the_workers_date(
    ask: AskPolicy,
) -> None:
    days = {"policy": {"obligations": {"answer_days": 3}}}

    def lacking(claims: dict[str, Any], now: timedelta, **more: Any) -> Answer:
        return claim(ask, FORM | claims, claim_channel="chat", claim_at=DAY, now=now, **more)

    window = {"window_days": 2}
    assert lacking(window, 2 * DAY, **days) == missing("wrong_channel", 2 * DAY)
    assert lacking(window, 2 * DAY + US, **days) == denied("wrong_channel")
    assert lacking({}, 4 * DAY, **days) == missing("wrong_channel", 4 * DAY)
    assert lacking({}, 4 * DAY + US, **days) == denied("wrong_channel")
    due = {"answer_due_at": 9 * DAY}
    assert lacking({}, 4 * DAY, **days, **due) == missing("wrong_channel", 4 * DAY)
    assert lacking({}, 9 * DAY, **due) == missing("wrong_channel", 9 * DAY)
    assert lacking({}, 9 * DAY + US, **due) == denied("wrong_channel")
    assert lacking({}, 99 * DAY) == missing("wrong_channel")


JUDGED = FORM | {"form_for": "judged"}


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ({"decided": "evidence"}, {"evidence": ["photo"]}),
        ({"decided": "review"}, {}),
        ({"decided": "deny", "unless_listed": True}, {"compat_listed": True}),
        ({"decided": "log", "log": "not_provided"}, {}),
        ({"decided": "log", "log": "cancel_failed", "unlogged": "evidence"}, {}),
        ({"decided": "log", "log": "blocked"}, {}),
        (
            {"decided": "log", "log": "stopped", "remedy": "replacement_first"},
            {},
        ),
    ],
)
def test_what_a_human_judges_must_be_complete(
    ask: AskPolicy, kind: dict[str, Any], facts: dict[str, Any]
) -> None:
    given = {"claim_channel": "chat"} | facts
    assert claim(ask, JUDGED, kind, **given) == missing("wrong_channel")
    assert claim(ask, JUDGED, kind, **facts)[0] in {"needs_review", "needs_evidence"}


@pytest.mark.parametrize(
    ("kind", "facts", "outcome"),
    [
        (GRANT, {}, "credit"),
        ({"decided": "log", "log": "no_sms"}, {}, "credit"),
        ({"decided": "log", "log": "no_sms"}, {"now": WINDOW}, "wait"),
        ({"decided": "log", "log": "not_provided"}, {"allocation_failed": True}, "credit"),
        ({"decided": "log", "log": "not_provided"}, {"allocation_failed": False}, "deny"),
        ({"decided": "log", "log": "blocked"}, {"client_caused": False}, "credit"),
    ],
)
def test_what_nobody_judges_needs_no_form(
    ask: AskPolicy, kind: dict[str, Any], facts: dict[str, Any], outcome: str
) -> None:
    assert claim(ask, JUDGED, kind, **WRONG | facts)[0] == outcome
    assert claim(ask, FORM, kind, **WRONG | facts) == missing("wrong_channel")


def test_all_money_that_leaves_needs_its_form(ask: AskPolicy) -> None:
    client = {"policy": {"payout": {"route": "client"}}}
    out = claim(ask, JUDGED, destination="client", **WRONG, **client)
    assert out == missing("wrong_channel")
    assert claim(ask, JUDGED, **WRONG, **client) == PAID


def test_a_limit_makes_a_claim_judged(ask: AskPolicy) -> None:
    policy = {"limits": [{"of": "claim", "per": "day", "max_minor": 1}]}
    assert claim(ask, JUDGED, policy=policy, **WRONG) == missing("wrong_channel")


def test_a_repair_and_a_kind_of_any_channel_ask_fields_and_reasons_only(ask: AskPolicy) -> None:
    repair, time = {"decided": "repair"}, {"policy": {"rectify": {"seconds": 60}}}
    assert claim(ask, FORM, repair, **WRONG, **time) == missing("request_incomplete")
    strict = repair | {"any_channel": False}
    assert claim(ask, FORM, strict, **WRONG, **time) == missing("wrong_channel")
    anywhere = GRANT | {"any_channel": True}
    assert claim(ask, FORM, anywhere, claim_channel="chat") == PAID


def test_an_unlisted_kind_needs_its_form_and_a_file_without_kinds_is_silent(
    ask: AskPolicy,
) -> None:
    unlisted = {"claims": FORM | {"kinds": {"own": GRANT}}}
    asked = {"claim_kind": "never_heard_of", "now": DAY}
    assert ask(unlisted, "claim", **asked, **WRONG)[1] == "wrong_channel"
    assert ask(unlisted, "claim", **asked)[1] == "unlisted_reason"
    silent = {"claims": FORM}
    assert ask(silent, "claim", **asked, **WRONG)[1] == "wrong_channel"
    assert ask(silent, "claim", contradicts_terms=True, **asked)[1] == "contradicts_terms"
    assert ask(silent, "claim", **asked) == ("needs_review", "policy_silent", 0, 0, None, None)
    other = {"claims": {"kinds": {"other": GRANT}}}
    assert ask(other, "claim", **asked) == PAID
