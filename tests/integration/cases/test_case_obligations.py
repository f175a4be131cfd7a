"""What is owed in a case has a date, is listed with it, and ends when it is carried out."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.integration.cases.case_shop import DAY, MONDAY, PRICE, CaseShop, last_reason
from tests.integration.store.shop import ALICE, TICK
from tests.unit.http.caller import Api
from worker.domain.policy import FactError
from worker.domain.policy.vocabulary import Sla
from worker.entrypoints.http.responses import instant
from worker.lifecycle.cases import questions
from worker.ports.store.case_view import Case, CaseState, Rejected, Timer, TimerKind
from worker.ports.store.obligations import OwedBy


async def owed(shop: CaseShop, case: Case) -> list[tuple[Sla, OwedBy, datetime, str | None]]:
    found = (await shop.case(case.id)).obligations
    return [(one.what, one.owed_by, one.by_when, one.end) for one in found]


async def replacing(shop: CaseShop, ref: str = "1") -> Case:
    """A claim whose repair was missed, and whose customer wishes a replacement."""
    id_ = await shop.delivered_activation("P1", ref)
    case = await shop.open_claim(id_, "major_defect")
    await shop.give_verdict(case, grant=True)
    await shop.add_choice(case, "replacement", PRICE + 35)
    await shop.fire_due_timers(MONDAY + 4 * DAY)
    return await shop.case(case.id)


async def test_what_the_customer_has_to_add_is_owed_until_the_date_of_the_policy(
    shop: CaseShop,
) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.closed_activation("P1"), reasons_given=False)

    window = MONDAY + 7 * DAY
    assert await owed(shop, case) == [(Sla.ANSWER, OwedBy.CUSTOMER, window, None)]
    await shop.add_evidence(case, reasons_given=True)
    assert await owed(shop, case) == [(Sla.ANSWER, OwedBy.CUSTOMER, window, "granted")]


async def test_where_the_policy_names_no_date_two_weeks_are_given(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P3"), "wrong_code")
    due = shop.clock.now + 14 * DAY
    assert case.state is CaseState.NEEDS_EVIDENCE
    assert case.timers == (Timer(TimerKind.OBLIGATION, case.id, due),)
    assert await owed(shop, case) == [(Sla.ANSWER, OwedBy.CUSTOMER, due, None)]
    await shop.add_evidence(case, "photo")
    ends = [(what, end) for what, _, _, end in await owed(shop, case)]
    assert ends == [(Sla.ANSWER, "done"), (Sla.REVIEW, None)]


async def test_a_payout_is_owed_until_it_is_paid_and_more_time_moves_nothing_else(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3", amount_minor=600)
    await shop.give_verdict(case, grant=True)

    review, payment = await owed(shop, case)
    assert (review[0], review[3]) == (Sla.REVIEW, "done")
    assert (payment[0], payment[1], payment[3]) == (Sla.REFUND_PAYMENT, OwedBy.SHOP, None)
    assert payment[2] == MONDAY + 14 * DAY
    assert [one.what for one in await shop.store.cases.obligations_of([ALICE])] == [
        Sla.REFUND_PAYMENT
    ]

    await shop.mark_paid(case)
    ends = {what: end for what, _, _, end in await owed(shop, case)}
    assert ends == {Sla.REVIEW: "done", Sla.REFUND_PAYMENT: "paid"}
    assert await shop.store.cases.obligations_of([ALICE]) == []


async def test_what_the_shop_owes_is_listed_with_its_call_and_its_date(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3", amount_minor=600)
    await shop.give_verdict(case, grant=True)

    (listed,) = (await api.get("/v1/reviews")).json["items"]
    assert (listed["case"], listed["reason"]) == (str(case.id), "refund_payment")
    assert (listed["proposed_minor"], listed["by_when"]) == (600, instant(MONDAY + 14 * DAY))
    verdict = {"grant": True, "note": "go"}
    refused = await api.post(f"/v1/reviews/{listed['id']}/verdict", verdict)
    assert (refused.status, refused.slug) == (409, "not-offered")
    assert refused.json["detail"] == "Carried out by the call …/paid"
    shown = (await api.get(f"/v1/withdrawals/{case.id}")).json["obligations"]
    assert [one["what"] for one in shown] == ["review", "refund_payment"]
    account = (await api.get("/v1/accounts/alice")).json["obligations"]
    assert [one["id"] for one in account] == [listed["id"]]

    await api.post(f"/v1/withdrawals/{case.id}/paid", {})
    assert (await api.get("/v1/reviews")).json["items"] == []


async def test_every_review_has_a_date_also_where_the_policy_names_none(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account()
    case = await shop.report_account_event("delete_requested", "P0")

    (listed,) = (await api.get("/v1/reviews")).json["items"]
    assert (listed["case"], listed["reason"]) == (str(case.id), "policy_silent")
    assert listed["by_when"] == instant(MONDAY + 2 * DAY)


async def test_a_replacement_is_owed_until_a_number_is_linked(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    case = await replacing(shop)
    assert case.state is CaseState.WAITING
    (*_, (what, by, by_when, end)) = await owed(shop, case)
    assert (what, by, end) == (Sla.REPLACEMENT, OwedBy.SHOP, None)
    assert by_when == case.opened_at + 8 * DAY, "three business days from Thursday"

    new = await shop.rent_number("P1", "2", rented_at=shop.clock.now)
    path = f"/v1/claims/{case.id}/replacement"
    linked = await api.post(path, {"activation": str(new)})
    again = await api.post(path, {"activation": str(new)})

    assert (linked.json["state"], again.json) == ("replaced", linked.json)
    assert linked.json["obligations"][-1]["end"] == "replaced"
    assert await shop.balances() == (100_000 - 2 * PRICE, PRICE), "no money moves"
    assert case.activation is not None
    record = await shop.store.cases.order_record(case.activation)
    assert record is not None
    assert record.replacement_linked_at == shop.clock.now
    assert (await api.post(path, {"available": False})).slug == "ended"


async def test_where_no_replacement_can_be_had_the_money_follows(shop: CaseShop, api: Api) -> None:
    await shop.open_account(amount_minor=1000)
    case = await replacing(shop)

    refunded = await api.post(f"/v1/claims/{case.id}/replacement", {"available": False})

    assert (refunded.json["state"], refunded.json["moved_minor"]) == ("granted", PRICE)
    assert await shop.balances() == (1000, 0)


async def test_only_another_number_of_the_same_account_replaces_an_order(shop: CaseShop) -> None:
    await shop.open_account()
    case = await replacing(shop)
    assert case.activation is not None

    for id_ in (case.activation, case.id):
        with pytest.raises(FactError):
            await shop.service.replaced(case.id, id_)


@pytest.mark.parametrize("body", [{}, {"activation": "a", "available": False}, {"available": True}])
async def test_a_replacement_is_one_of_three(
    shop: CaseShop, api: Api, body: dict[str, Any]
) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")

    reply = await api.post(f"/v1/claims/{case.id}/replacement", body)
    assert (reply.status, reply.slug) == (422, "invalid")


async def test_no_replacement_is_linked_where_none_is_owed(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    new = await shop.rent_number("P1", "2")

    change = await shop.service.replaced(case.id, new)
    none = await shop.service.no_replacement(case.id)

    assert change.rejected is none.rejected is Rejected.NOT_ASKED_FOR


async def test_proof_of_the_owner_is_owed_by_the_customer_and_told_on_a_claim(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.closed_activation("P4")
    case = await shop.open_claim(id_, destination="wallet", kyc="requested")
    assert last_reason(case) == "kyc_required"
    assert [one[0] for one in await owed(shop, case)] == [Sla.KYC]

    passed = await api.post(f"/v1/claims/{case.id}/kyc", {"status": "passed"})

    assert passed.json["state"] == "approved"
    assert passed.json["obligations"][0]["end"] == "done"


async def test_access_that_nobody_gave_is_owed_by_the_customer(shop: CaseShop) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.delivered_activation("P1"), "major_defect")
    asked, requested_at = questions.access("requested", None), shop.clock.now
    await shop.service.add(case.id, case.kind, asked, "access_requested")

    await shop.fire_due_timers(shop.clock.now + DAY + TICK)

    assert last_reason(await shop.case(case.id)) == "host_access_pending"
    (one,) = await owed(shop, case)
    assert (one[0], one[1]) == (Sla.ACCESS, OwedBy.CUSTOMER)
    assert one[2] == requested_at + timedelta(days=14)


async def test_what_is_owed_again_at_the_same_instant_is_another_obligation(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    case = await shop.open_withdrawal("P3", amount_minor=600)
    for event in ("requested", "provided"):
        told = questions.payment_info(event, None)
        await shop.service.add(case.id, case.kind, told, f"payment_info_{event}")

    found = await owed(shop, case)
    assert sorted((what.value, end or "open") for what, _, _, end in found) == [
        ("payment_info", "done"),
        ("review", "done"),
        ("review", "open"),
    ]
