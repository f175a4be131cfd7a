"""What is claimed after an account was deleted: its balance reaches nobody, a human pays it out."""

from typing import Any

import pytest

from tests.integration.cases.case_api import case_api
from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.store.shop import ALICE, TICK
from tests.unit.http.caller import Described
from worker.domain.ids import ActivationId
from worker.domain.transfer import Charge
from worker.lifecycle.cases.rental_cancels import CancelRefused
from worker.ports.store.case_view import Case, CaseState, Rejected
from worker.ports.store.rentals import Rental

PAID = "SELECT destination, amount_minor FROM transfer WHERE key LIKE 'claim:%'"


async def delete_account(shop: CaseShop, policy: str) -> None:
    deletion = await shop.report_account_event("delete_requested", policy)
    await shop.give_verdict(deletion, grant=True)
    account = await shop.store.books.account(ALICE)
    assert account is not None
    assert account.state == "deleted"


async def closed_before_deletion(shop: CaseShop, policy: str, **order: Any) -> ActivationId:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation(policy, **order)
    await delete_account(shop, policy)
    return id_


async def test_what_a_rule_gives_a_deleted_account_a_human_pays_out(shop: CaseShop) -> None:
    id_ = await closed_before_deletion(shop, "P1")

    claim = await shop.open_claim(id_)

    asked = claim.decisions[-1]
    assert (claim.state, asked.reason) == (CaseState.IN_REVIEW, "account_deleted")
    assert (asked.amount_minor, asked.destination) == (PRICE, "client")
    assert await shop.balances() == (0, 0)
    await shop.give_verdict(claim, grant=True, freeze_seen=True)
    approved = await shop.case(claim.id)
    assert approved.state is CaseState.APPROVED
    assert [owed.what.value for owed in approved.obligations if owed.ended_at is None] == [
        "refund_payment"
    ]
    assert (await shop.mark_paid(claim)).rejected is None
    assert await shop.fetch_rows(PAID) == [("house:outside", PRICE)]
    assert await shop.balances() == (0, 0)


async def test_nothing_leaves_before_a_human_has_seen_that_the_account_is_deleted(
    shop: CaseShop,
) -> None:
    claim = await shop.open_claim(await closed_before_deletion(shop, "P1"))

    await shop.give_verdict(claim, grant=True)

    assert (await shop.mark_paid(claim)).rejected is Rejected.ACCOUNT_DELETED
    await shop.give_verdict(claim, grant=True, freeze_seen=True)
    assert (await shop.mark_paid(claim)).rejected is None


async def test_a_human_may_say_no_to_a_claim_on_a_deleted_account(shop: CaseShop) -> None:
    claim = await shop.open_claim(await closed_before_deletion(shop, "P1"))

    await shop.give_verdict(claim, grant=False)

    assert await shop.state_of(claim.id) is CaseState.DENIED
    assert await shop.fetch_rows(PAID) == []


async def test_a_judged_claim_on_a_deleted_account_is_asked_about_once(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P2")
    await delete_account(shop, "P2")
    claim = await shop.open_claim(id_, "wrong_sms")
    assert (claim.state, claim.decisions[-1].destination) == (CaseState.IN_REVIEW, "client")

    await shop.give_verdict(claim, grant=True, amount_minor=100, freeze_seen=True)

    assert await shop.state_of(claim.id) is CaseState.APPROVED
    await shop.mark_paid(claim)
    assert await shop.fetch_rows(PAID) == [("house:outside", 100)]


@pytest.mark.parametrize("policy", ["P1", "P2"])
async def test_a_claim_that_is_open_as_its_account_is_deleted_is_paid_out_by_a_human(
    shop: CaseShop, policy: str
) -> None:
    await shop.open_account(amount_minor=1000)
    claim = await shop.open_claim(await shop.delivered_activation(policy), "wrong_sms")
    assert claim.state is CaseState.IN_REVIEW
    await delete_account(shop, policy)

    await shop.give_verdict(claim, grant=True, freeze_seen=True)

    assert await shop.state_of(claim.id) is CaseState.APPROVED
    await shop.mark_paid(claim)
    assert await shop.fetch_rows(PAID) == [("house:outside", PRICE)]
    assert await shop.balances() == (0, 0)


async def test_a_sum_that_nobody_proposed_goes_to_no_deleted_account_either(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.delivered_activation("P1", policy_version="lost")
    await delete_account(shop, "P1")
    claim = await shop.open_claim(id_)
    asked = claim.decisions[-1]
    assert (claim.state, asked.reason, asked.amount_minor) == (
        CaseState.IN_REVIEW,
        "policy_version",
        0,
    )

    await shop.give_verdict(claim, grant=True, amount_minor=100, freeze_seen=True)

    assert await shop.state_of(claim.id) is CaseState.APPROVED
    assert await shop.balances() == (0, 0)


async def test_what_was_charged_outside_goes_back_there_though_the_account_is_deleted(
    shop: CaseShop,
) -> None:
    id_ = await closed_before_deletion(shop, "P0", charge=Charge.EXTERNAL)

    claim = await shop.open_claim(id_)

    assert (claim.state, last_reason(claim)) == (CaseState.GRANTED, "no_sms_on_record")
    assert await shop.fetch_rows(PAID) == [("house:outside", PRICE)]


async def rental_of_deleted_account(shop: CaseShop, changes: dict[str, object]) -> Rental:
    shop.change_policy("P2", changes)
    await shop.open_account(amount_minor=1000)
    rental = await shop.book_rental()
    shop.set_time(MONDAY + DAY)
    await delete_account(shop, "P2")
    return rental


async def owed_until_paid(shop: CaseShop, case: Case, minor: int) -> None:
    """Somebody of the shop has to pay it out, by a date; nothing is booked before that."""
    approved = await shop.case(case.id)
    assert approved.state is CaseState.APPROVED
    (owed,) = [owed for owed in approved.obligations if owed.ended_at is None]
    assert (owed.what.value, owed.owed_by.value) == ("refund_payment", "shop")
    assert owed.by_when == shop.clock.now + 14 * DAY
    assert await shop.fetch_rows(PAID) == []

    assert (await shop.mark_paid(case)).rejected is None

    paid = await shop.case(case.id)
    assert (paid.state, paid.moved_minor) == (CaseState.PAID, minor)
    assert [owed for owed in paid.obligations if owed.ended_at is None] == []
    assert await shop.fetch_rows(PAID) == [("house:outside", minor)]
    assert (await shop.event_types(case.id))[-2:] == ["rental.approved", "rental.paid"]
    assert await shop.balances() == (0, 0)


async def test_an_empty_rental_of_a_deleted_account_is_paid_out_by_a_human(shop: CaseShop) -> None:
    rental = await rental_of_deleted_account(shop, {"rental.empty_at_end": "automatic"})

    await shop.fire_due_timers(rental.ends_at + TICK)

    end = await shop.case(await shop.fetch_value("SELECT id FROM case_ WHERE kind = 'rental_end'"))
    asked = end.decisions[-1]
    assert (asked.outcome, asked.reason) == ("needs_review", "account_deleted")
    assert (asked.amount_minor, asked.destination) == (1000, "client")
    assert asked.deadline is not None
    await shop.give_verdict(end, grant=True, freeze_seen=True)
    await owed_until_paid(shop, end, 1000)


async def test_an_outage_of_a_deleted_account_is_paid_out_by_a_human(shop: CaseShop) -> None:
    await rental_of_deleted_account(shop, {})
    await shop.report_outage()

    shop.set_time(shop.clock.now + 3 * DAY)
    outage = await shop.restore_rental()

    assert (outage.state, last_reason(outage)) == (CaseState.IN_REVIEW, "account_deleted")
    assert outage.decisions[-1].amount_minor == 300
    await shop.give_verdict(outage, grant=True, freeze_seen=True)
    await owed_until_paid(shop, outage, 300)


async def test_a_rental_of_a_deleted_account_is_not_given_back_for_nothing(shop: CaseShop) -> None:
    rental = await rental_of_deleted_account(shop, {"rental.early_end": "unused"})

    with pytest.raises(CancelRefused):
        await shop.service.cancel_rental(rental, {})

    assert (await shop.long_rental()).ended_at is None


async def test_the_api_and_its_review_name_the_call_that_pays_an_outage_out(
    shop: CaseShop, described: Described
) -> None:
    await rental_of_deleted_account(shop, {})
    await shop.report_outage()
    shop.set_time(shop.clock.now + 3 * DAY)
    outage = await shop.restore_rental()
    seen = {"grant": True, "note": "deleted, and owed", "findings": {"freeze_seen": True}}

    async with case_api(shop, described) as api:
        granted = await api.post(f"/v1/reviews/{outage.id}/verdict", seen)
        assert granted.status == 200, granted.json
        assert granted.json["case"]["state"] == "approved"
        (review,) = (await api.get("/v1/reviews")).json["items"]
        assert (review["case"], review["reason"]) == (str(outage.id), "refund_payment")
        assert [answer["answer"] for answer in review["answers"]] == ["paid"]
        paid = await api.post(f"/v1/claims/{outage.id}/paid", {})

    assert (paid.status, paid.json["state"]) == (200, "paid")
    assert await shop.fetch_rows(PAID) == [("house:outside", 300)]


async def test_an_outage_that_is_owed_stays_as_it_was_approved(shop: CaseShop) -> None:
    await rental_of_deleted_account(shop, {})
    await shop.report_outage()
    shop.set_time(shop.clock.now + 3 * DAY)
    outage = await shop.restore_rental()
    await shop.give_verdict(outage, grant=True, freeze_seen=True)

    again = await shop.restore_rental()
    other = await shop.give_verdict(outage, grant=False)

    assert again.state is CaseState.APPROVED
    assert other.rejected is Rejected.OTHER_CONTENT
    assert (await shop.case(outage.id)).decisions[-1].amount_minor == 300
