"""A claim that lacked something is sent anew; one that a human has judged is not."""

from datetime import timedelta

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import DAY, MONDAY, CaseShop, last_reason
from tests.integration.store.shop import TICK
from tests.unit.http.caller import Described
from worker.domain.ids import ActivationId
from worker.domain.policy.language.loading import profile_from
from worker.ports.store.case_view import CaseState
from worker.ports.store.cases import CaseOpenOutcome

#: The kind has no window of its own, so it may be claimed after the claim was denied.
OPEN_ENDED = {
    "claims": {"channels": ["support"], "kinds": {"defect": {"decided": "review"}}},
    "obligations": {"answer_days": 3},
}


def judged_when_complete(shop: CaseShop) -> None:
    own = profile_from(OPEN_ENDED, name="own", file="own")
    shop.start_again({**shop.policies, "own": own})


async def test_after_a_denial_for_what_was_missing_a_new_claim_is_opened(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P0")
    first = await shop.open_claim(id_, "invalid_number", claim_channel="mail", reasons_given=True)
    await shop.fire_due_timers(MONDAY + 5 * DAY + TICK)
    denied = await shop.case(first.id)
    assert denied.state is CaseState.DENIED, last_reason(denied)

    facts = {"claim_kind": "invalid_number", "claim_channel": "support", "reasons_given": True}
    opened = await shop.service.open_claim(id_, facts)
    again = await shop.service.open_claim(id_, facts)

    assert (opened.how, again.how) == (CaseOpenOutcome.NEW, CaseOpenOutcome.SAME)
    assert opened.case is not None
    assert again.case == opened.case
    assert opened.case.id != first.id


async def test_what_a_human_has_denied_is_not_claimed_anew(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    judged_when_complete(shop)
    id_ = await shop.delivered_activation("own")
    first = await shop.open_claim(id_, "defect", claim_channel="support")
    await shop.give_verdict(first, grant=False)

    opened = await shop.service.open_claim(id_, {"claim_kind": "defect"})

    assert opened.how is CaseOpenOutcome.DECIDED
    assert opened.case is not None
    assert opened.case.id == first.id


async def test_the_answer_to_it_names_the_case_that_a_human_has_decided(
    shop: CaseShop, described: Described
) -> None:
    await shop.open_account(amount_minor=1000)
    judged_when_complete(shop)
    id_ = await shop.delivered_activation("own")
    first = await shop.open_claim(id_, "defect", claim_channel="support")
    body = {"activation": str(id_), "claim_kind": "defect", "claim_channel": "support"}
    async with case_api(shop, described) as api:
        open_yet = await api.post("/v1/claims", {**body, "reason": "it hums"})
        await shop.give_verdict(first, grant=False)
        decided = await api.post("/v1/claims", {**body, "reason": "it hums"})

    assert (open_yet.status, open_yet.slug) == (409, "other-content")
    assert (decided.status, decided.slug) == (409, "decided")
    assert decided.json["case"] == str(first.id)


async def test_after_a_denial_for_a_missing_video_a_new_claim_is_opened(shop: CaseShop) -> None:
    video = {
        "claims": {"kinds": {"defect": {"decided": "evidence", "evidence": ["video"]}}},
        "obligations": {"answer_days": 3},
    }
    shop.start_again({**shop.policies, "video": profile_from(video, name="video", file="video")})
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("video")
    first = await shop.open_claim(id_, "defect")
    await shop.fire_due_timers(MONDAY + 4 * DAY)
    denied = await shop.case(first.id)
    assert (denied.state, last_reason(denied)) == (CaseState.DENIED, "video_required")

    opened = await shop.service.open_claim(id_, {"claim_kind": "defect", "evidence": ["video"]})

    assert opened.case is not None
    assert opened.case.state is CaseState.IN_REVIEW


async def delivered_long_ago(shop: CaseShop) -> ActivationId:
    """A number whose policy counts its window from the issue; ten days have passed since."""
    issue = {
        "claims": {
            "window_days": 5,
            "window_from": "issue",
            "kinds": {"defect": {"decided": "review"}},
        }
    }
    shop.start_again({**shop.policies, "issue": profile_from(issue, name="issue", file="issue")})
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("issue")
    shop.set_time(MONDAY + 10 * DAY)
    return id_


async def test_after_a_denial_for_its_date_a_new_claim_is_opened(shop: CaseShop) -> None:
    id_ = await delivered_long_ago(shop)
    late = await shop.open_claim(id_, "defect")
    assert last_reason(late) == "claim_window_closed"

    since = (shop.clock.now - timedelta(days=1)).isoformat()
    opened = await shop.service.open_claim(id_, {"claim_kind": "defect", "issue_at": since})

    assert opened.case is not None
    assert opened.case.state is CaseState.IN_REVIEW


async def test_a_window_from_the_issue_counts_from_what_the_customer_says(shop: CaseShop) -> None:
    id_ = await delivered_long_ago(shop)
    since = shop.clock.now - timedelta(days=1)

    case = await shop.open_claim(id_, "defect", issue_at=since.isoformat())

    assert case.state is CaseState.IN_REVIEW
