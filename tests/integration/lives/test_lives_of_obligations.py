"""What is owed acted: each thing has a date, an end, and is asked again when it is carried out."""

from typing import Any

from tests.integration.lives.life import PRICE, Life, asked, decided, on


def owed(case: Any) -> list[tuple[str, str, str, str | None]]:
    """What, by whom, until when, and how it ended."""
    return [(o["what"], o["owed_by"], o["by_when"], o["end"]) for o in case["obligations"]]


async def test_a_replacement_has_three_business_days_and_is_then_overdue(life: Life) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    wish = {"choice": "replacement", "replacement_value_minor": PRICE}
    await life.step(claim, "choice", wish)
    await life.after(days=5, minutes=0.5)
    assert [what for what, _, _ in await life.reviews()] == ["replacement"]

    await life.at(days=20)

    ended = await life.again(claim)
    thursday = "2026-03-12T00:00:00.000000Z"  # It became owed on a Saturday.
    assert owed(ended)[-1] == ("replacement", "shop", thursday, "overdue")
    assert decided(ended) == ("granted", "rectification_missed")
    assert await life.reviews() == []


async def test_who_is_not_let_in_two_weeks_to_the_host_leaves_it_to_a_human(life: Life) -> None:
    await life.open("P0")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    await life.step(claim, "access", {"event": "requested"})
    await life.at(days=3)
    assert owed(await life.again(claim))[-1][:2] == ("access", "customer")

    await life.at(days=15)

    assert decided(await life.again(claim)) == ("in_review", "access_overdue")
    assert [(why, minor) for why, minor, _ in await life.reviews()] == [("access_overdue", PRICE)]


async def test_an_answer_that_no_policy_dates_is_awaited_two_weeks(life: Life) -> None:
    await life.open("P3")
    claim = await life.claim(await life.delivered(), "wrong_code")
    assert asked(claim)[:2] == ("needs_evidence", "evidence_missing")
    due = owed(claim)[0][2]
    assert due == on(days=14, minutes=0.5)

    await life.at(days=14, minutes=0.5)
    assert (await life.again(claim))["state"] == "needs_evidence"
    await life.after(days=14, minutes=0.5)

    assert decided(await life.again(claim)) == ("denied", "evidence_missing")
    assert owed(await life.again(claim))[-1][3] == "overdue"


async def test_proof_of_the_owner_that_does_not_come_is_for_a_human(life: Life) -> None:
    await life.open("P4")
    request = await life.withdraw(destination=None)
    assert request["state"] == "in_review"
    wanted = await life.step(request, "kyc", {"status": "requested"})
    assert decided(wanted) == ("needs_evidence", "kyc_required")

    await life.after(days=14)

    late = await life.again(request)
    assert decided(late) == ("in_review", "kyc_overdue")
    passed = await life.step(late, "kyc", {"status": "passed"})
    assert decided(passed) == ("in_review", "judge_request")


async def test_what_was_found_since_an_approval_is_seen_before_money_leaves(life: Life) -> None:
    await life.open("P3")
    approved = await life.withdraw("first", amount_minor=400)
    await life.verdict(approved, grant=True)
    other = await life.withdraw("second", amount_minor=100)
    await life.verdict(other, grant=False, account_flags=["fraud_confirmed"])

    path = f"/v1/withdrawals/{approved['id']}"
    assert await life.refused(f"{path}/paid") == "account-blocked"
    await life.verdict(approved, grant=True, freeze_seen=True)
    paid = await life.step(approved, "paid")

    assert (paid["state"], paid["moved_minor"]) == ("paid", 400)
    assert await life.balance() == (600, 0)


async def test_a_replacement_for_a_blocked_account_waits_for_a_human(life: Life) -> None:
    await life.open("P0", 2000)
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=True)
    wish = {"choice": "replacement", "replacement_value_minor": PRICE}
    await life.step(claim, "choice", wish)
    await life.after(days=5, minutes=0.5)
    new = await life.number()
    await life.told("rules_block")

    link = {"activation": new}
    assert await life.refused(f"/v1/claims/{claim['id']}/replacement", link) == "account-blocked"
    await life.verdict(claim, grant=True, freeze_seen=True)

    assert (await life.step(claim, "replacement", link))["state"] == "replaced"


async def test_a_deletion_offers_a_withdrawal_that_its_customer_completes(life: Life) -> None:
    await life.open("P3")
    deletion = await life.told("delete_requested")
    offer = await life.offer()
    assert asked(offer)[:3] == ("wait", "withdrawal_offered", 1000)
    assert owed(offer) == [("answer", "customer", on(days=14), None)]
    assert await life.balance() == (1000, 0), "nothing is set aside for an offer"

    taken = await life.withdraw("mine", withdraw_reason="account_deletion")

    assert (taken["id"], decided(taken)) == (offer["id"], ("in_review", "judge_request"))
    again = await life.withdraw("mine", withdraw_reason="account_deletion")
    assert again["id"] == offer["id"]
    await life.verdict(taken, grant=True)
    await life.step(taken, "paid")
    assert [why for why, _, _ in await life.reviews()] == ["confirm_deletion"], "at once"
    await life.verdict(deletion, grant=True, deletion_confirmed=True)
    assert (await life.account())["state"] == "deleted"


async def test_an_offer_that_is_declined_or_passes_leaves_the_rest_to_a_human(life: Life) -> None:
    await life.open("P3")
    await life.told("delete_requested")
    offer = await life.offer()

    await life.at(days=14)
    assert await life.reviews() == []
    await life.after(days=14)

    assert (await life.again(offer))["state"] == "denied"
    assert [why for why, _, _ in await life.reviews()] == ["confirm_deletion"]
    assert await life.balance() == (1000, 0)


async def test_who_takes_his_deletion_back_is_offered_nothing_any_more(life: Life) -> None:
    await life.open("P3")
    await life.told("delete_requested")
    offer = await life.offer()

    await life.told("delete_withdrawn")

    assert (await life.again(offer))["state"] == "cancelled"
    assert (await life.account())["state"] == "open"


async def test_another_way_of_payment_is_offered_agreed_and_paid(life: Life) -> None:
    await life.open("P3")
    request = await life.withdraw()
    offer, agreed = ({"event": e, "method": "bank transfer"} for e in ("offered", "agreed"))
    path = f"/v1/withdrawals/{request['id']}/alternative"
    assert await life.refused(path, offer) == "not-offered", "nobody needs another one"
    await life.verdict(request, grant=True, payment_method_refundable=False)

    offered = await life.step(request, "alternative", offer)
    assert decided(offered) == ("in_review", "alternative_refund_method")
    assert owed(offered)[-1] == ("alternative", "customer", on(days=14), None)
    await life.at(days=3)
    approved = await life.step(request, "alternative", agreed)

    assert approved["state"] == "approved"
    assert await life.step(request, "alternative", agreed) == approved
    assert owed(approved)[-1] == ("refund_payment", "shop", on(days=17), None)
    await life.step(request, "paid")
    assert await life.balance() == (0, 0)


async def test_a_way_of_payment_that_nobody_agrees_to_is_for_a_human(life: Life) -> None:
    await life.open("P2")
    id_ = await life.failed_order(told={"was_listed": True})
    claim = await life.claim(id_, "no_numbers", destination="client")
    await life.verdict(claim, grant=True, payment_method_refundable=False)
    await life.step(claim, "alternative", {"event": "offered", "method": "bank transfer"})

    await life.after(days=14)

    assert decided(await life.again(claim)) == ("in_review", "alternative_overdue")
    assert [(why, minor) for why, minor, _ in await life.reviews()] == [
        ("alternative_overdue", PRICE)
    ]
    await life.step(claim, "alternative", {"event": "agreed", "method": "cash"})
    paid = await life.step(claim, "paid")
    assert (paid["state"], paid["moved_minor"]) == ("paid", PRICE)
    assert await life.balance() == (500, 0)


async def test_a_replacement_is_linked_although_the_shop_is_late_with_its_case(life: Life) -> None:
    await life.open("P1", 2000)
    order = await life.delivered()
    await life.at(days=7)
    claim = await life.claim(order, "major_defect")
    await life.verdict(claim, grant=True)
    wish = {"choice": "replacement", "replacement_value_minor": PRICE}
    await life.step(claim, "choice", wish)
    await life.after(days=14)
    assert decided(await life.again(claim)) == ("waiting", "honour_overdue")

    new = await life.number()

    assert (await life.step(claim, "replacement", {"activation": new}))["state"] == "replaced"
