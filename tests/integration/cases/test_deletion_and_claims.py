"""A deletion waits for claims that are open: what they give back would reach nobody after it."""

import pytest

from tests.integration.cases.case_shop import PRICE, CaseShop, last_reason
from tests.integration.store.shop import ALICE
from worker.ports.store.case_view import CaseState, Rejected


async def account_state(shop: CaseShop) -> str:
    account = await shop.store.books.account(ALICE)
    assert account is not None
    return account.state


@pytest.mark.parametrize(("grant", "credited"), [(True, PRICE), (False, 0)])
async def test_a_deletion_waits_for_an_open_claim_and_goes_on_when_it_ends(
    shop: CaseShop, grant: bool, credited: int
) -> None:
    await shop.open_account(amount_minor=1000)
    claim = await shop.open_claim(await shop.delivered_activation("P2"), "wrong_sms")
    assert claim.state is CaseState.IN_REVIEW

    deletion = await shop.report_account_event("delete_requested", "P2")

    assert (deletion.state, last_reason(deletion)) == (CaseState.WAITING, "claim_open")
    assert await account_state(shop) == "closing"
    too_soon = await shop.give_verdict(deletion, grant=True)
    assert too_soon.rejected is Rejected.NOT_ASKED_FOR
    await shop.give_verdict(claim, grant=grant)
    asked = await shop.case(deletion.id)
    assert (asked.state, last_reason(asked)) == (CaseState.IN_REVIEW, "confirm_deletion")
    assert asked.decisions[-1].amount_minor == 1000 - PRICE + credited


async def test_a_deletion_that_a_human_granted_takes_effect_when_the_last_claim_has_ended(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    claim = await shop.open_claim(await shop.delivered_activation("P1"), "wrong_sms")
    deletion = await shop.report_account_event("delete_requested", "P1")
    await shop.give_verdict(deletion, grant=True)
    assert await shop.state_of(deletion.id) is CaseState.WAITING

    await shop.give_verdict(claim, grant=True)

    assert await shop.state_of(deletion.id) is CaseState.DONE
    assert (await account_state(shop), await shop.balances()) == ("deleted", (0, 0))
