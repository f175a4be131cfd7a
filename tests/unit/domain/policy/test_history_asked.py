"""What of an account's past is read before a deed: what the limits of its policy count."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from worker.domain.policy.facts import PastEvent
from worker.domain.policy.language.choices import LimitSpan
from worker.domain.policy.language.loading import profile_from
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.limits import NOTHING_ASKED, HistoryAsked, history_asked
from worker.domain.policy.vocabulary import PastEventKind

CANCEL, CLAIM, ORDER = PastEventKind.CANCEL, PastEventKind.CLAIM, PastEventKind.ORDER
CREDIT = PastEventKind.AUTO_CREDIT
DAY, WEEK, MONTH, YEAR = LimitSpan
COUNTED = frozenset(PastEventKind) - {ORDER}


def policy(*limits: dict[str, Any], **sections: Any) -> Profile:
    document = {"claims": {"kinds": {"gift": {"decided": "grant"}}}} | sections
    # As from a file: no word is the same object as one of the code.
    read = json.loads(json.dumps(document | {"limits": list(limits)}))
    return profile_from(read, name="mine", file="mine")


def limit(of: str, per: str, **more: Any) -> dict[str, Any]:
    return {"of": of, "per": per} | (more or {"max_count": 1})


def test_a_policy_without_limits_asks_for_nothing() -> None:
    assert HistoryAsked({}, 0) == NOTHING_ASKED
    for deed in PastEventKind:
        assert history_asked(policy(), [deed]) == NOTHING_ASKED


def test_a_limit_is_read_for_the_deeds_it_is_about_alone() -> None:
    credited = policy(limit("auto_credit", "week"))
    assert history_asked(credited, [CREDIT]) == HistoryAsked({CREDIT: WEEK})
    assert history_asked(credited, [CLAIM, CREDIT]) == HistoryAsked({CREDIT: WEEK})
    assert history_asked(credited, [CLAIM]) == NOTHING_ASKED
    assert history_asked(credited, []) == NOTHING_ASKED


def test_a_limit_on_any_counts_all_that_gives_money_back() -> None:
    anything = policy(limit("any", "month"))
    for deed in COUNTED:
        assert history_asked(anything, [deed]) == HistoryAsked(dict.fromkeys(COUNTED, MONTH))
    assert history_asked(anything, [ORDER]) == NOTHING_ASKED


def test_a_limit_on_a_kind_of_claim_counts_claims() -> None:
    asked = history_asked(policy(limit("gift", "day")), [CLAIM])
    assert asked == HistoryAsked({CLAIM: DAY})


@pytest.mark.parametrize("order", [("year", "day"), ("day", "year")])
def test_of_several_spans_the_longest_is_read(order: tuple[str, str]) -> None:
    limits = [limit("claim", per, max_count=5 if per == "year" else 1) for per in order]
    assert history_asked(policy(*limits), [CLAIM]) == HistoryAsked({CLAIM: YEAR})


def test_a_limit_about_another_deed_hides_none_that_follows_it() -> None:
    both = policy(limit("auto_credit", "day"), limit("claim", "month"))
    assert history_asked(both, [CLAIM]) == HistoryAsked({CLAIM: MONTH})


def test_a_share_is_of_the_orders_of_its_span() -> None:
    share = policy(limit("claim", "week", max_ratio_bp=2000, ratio_of=5))
    assert history_asked(share, [CLAIM]) == HistoryAsked({CLAIM: WEEK, ORDER: WEEK})


def test_presses_of_cancel_are_counted_for_a_day() -> None:
    pressed = policy(cancel={"max_per_day": 3})
    assert history_asked(pressed, [CANCEL]) == HistoryAsked({CANCEL: DAY})
    assert history_asked(pressed, [CLAIM]) == NOTHING_ASKED


def test_a_share_of_cancels_is_of_the_last_orders() -> None:
    share = policy(cancel={"max_ratio_bp": 3000, "ratio_of": 7})
    assert history_asked(share, [CANCEL]) == HistoryAsked({}, 7)
    assert history_asked(share, [CLAIM]) == NOTHING_ASKED
    assert history_asked(policy(cancel={"ratio_of": 7}), [CANCEL]) == NOTHING_ASKED


def test_an_event_of_the_past_is_one_of_no_money_where_nothing_else_is_said() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    assert PastEvent(CLAIM, at) == PastEvent(CLAIM, at, amount_minor=0, kind=None, times=1)
