"""Until when an order may be complained about, for those who delete what is older."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.domain.policy import Op, OrderFacts, Outcome, decide, load_profile
from worker.domain.policy.deadlines import orders_over_for
from worker.domain.policy.facts import ClaimFacts
from worker.domain.policy.language.kinds import KNOWN_KINDS, OTHER
from worker.domain.shipped import config_directory

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)


@pytest.mark.parametrize("name", ["P0", "P1", "P4"])
@pytest.mark.parametrize("kind", [*KNOWN_KINDS, OTHER])
def test_a_claim_about_an_older_order_is_denied_whatever_it_says(name: str, kind: str) -> None:
    profile = load_profile(name, config_directory() / "policies")
    over = orders_over_for(profile, NOW)
    assert over is not None
    assert NOW - over < timedelta(days=30)
    order = OrderFacts(purchased_at=over, price_minor=100)

    decision = decide(profile, Op.CLAIM, ClaimFacts(order, kind, NOW), NOW)

    assert decision.outcome is Outcome.DENY


@pytest.mark.parametrize("name", ["P2", "P3"])
def test_a_policy_without_a_window_takes_claims_for_ever(name: str) -> None:
    """R-NOWIN: silence ends nothing there."""
    assert orders_over_for(load_profile(name, config_directory() / "policies"), NOW) is None


def test_where_a_policy_is_silent_no_clause_asks_for_an_old_order() -> None:
    profile = load_profile("default", config_directory() / "policies")

    assert orders_over_for(profile, NOW) == NOW
