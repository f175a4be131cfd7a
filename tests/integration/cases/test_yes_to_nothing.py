"""A yes that would give nothing is refused, and says why: it is never told as a denial."""

from collections.abc import AsyncIterator

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import PRICE, CaseShop, last_reason
from tests.unit.http.caller import Api, Described
from tests.unit.http.conftest import described
from worker.domain.policy import Reason
from worker.ports.store.case_view import Case, CaseState, Rejected

FIXTURES = (described,)
WORTHLESS = {"claims.kinds.courtesy": {"decided": "review", "share_bp": 0}}


@pytest.fixture
async def api(shop: CaseShop, described: Described) -> AsyncIterator[Api]:
    async with case_api(shop, described) as served:
        yield served


async def worthless_claim(shop: CaseShop) -> Case:
    shop.change_policy("P1", WORTHLESS)
    await shop.open_account(amount_minor=1000)
    return await shop.open_claim(await shop.closed_activation("P1"), "courtesy")


async def test_a_yes_that_gives_nothing_changes_nothing_and_names_the_reason(
    shop: CaseShop,
) -> None:
    claim = await worthless_claim(shop)
    assert (claim.state, claim.decisions[-1].amount_minor) == (CaseState.IN_REVIEW, 0)
    before = await shop.all_rows()

    granted = await shop.give_verdict(claim, grant=True)

    assert (granted.rejected, granted.rejected_for) == (
        Rejected.NOTHING_TO_GIVE,
        Reason.NOT_COVERED,
    )
    assert await shop.all_rows() == before
    await shop.give_verdict(claim, grant=False)
    assert last_reason(await shop.case(claim.id)) == "claim_rejected"


async def test_the_second_of_two_claims_is_not_told_as_denied_by_a_yes(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1")
    first = await shop.open_claim(id_, "invalid_number", evidence=["photo"])
    second = await shop.open_claim(id_, "wrong_sms")
    await shop.give_verdict(first, grant=True)

    granted = await shop.give_verdict(second, grant=True)

    assert granted.rejected_for is Reason.ALREADY_REFUNDED
    assert await shop.state_of(second.id) is CaseState.IN_REVIEW
    assert await shop.balances() == (1000, 0)


async def test_the_api_says_why_nothing_can_be_given_before_and_after_a_yes(
    shop: CaseShop, api: Api
) -> None:
    claim = await worthless_claim(shop)
    (review,) = (await api.get("/v1/reviews")).json["items"]
    effects = {effect["answer"]: effect for effect in review["answers"]}
    assert effects["grant"]["refused"] is True
    assert effects["grant"]["says"] == (
        "It is refused: there is nothing to give: not covered. Deny it."
    )
    assert effects["deny"]["refused"] is False

    granted = await api.post(f"/v1/claims/{claim.id}/verdict", {"grant": True, "note": "kind"})

    assert (granted.status, granted.slug) == (409, "not-offered")
    assert granted.json["detail"] == (
        "It can only be denied, as there is nothing to give: not_covered"
    )
    assert await shop.balances() == (1000 - PRICE, 0)
