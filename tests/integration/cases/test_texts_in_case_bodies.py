"""A text of a body that the database or a policy cannot take is 422, and names where it stands."""

from typing import Any, Final

import pytest

from tests.integration.cases.case_shop import CaseShop
from tests.unit.http.caller import Api

LONG: Final = "x" * 201
NUL: Final = "a\x00b"
GRANT: Final = {"grant": True, "note": "seen"}
FIELDS: Final = ["amount", "payment_system", "details", "reason", "email"]


async def asks_for_another_way_of_payment(shop: CaseShop, api: Api) -> str:
    """A withdrawal whose method takes no refund."""
    await shop.open_account(amount_minor=1000, policy="P3")
    asked = {"account": "alice", "reference": "w1", "reason": "I leave", "claim_channel": "form"}
    opened = await api.post("/v1/withdrawals", {**asked, "request_fields": FIELDS})
    path = f"/v1/withdrawals/{opened.json['id']}"
    unable = {**GRANT, "findings": {"payment_method_refundable": False}}
    waits = await api.post(f"{path}/verdict", unable)
    assert waits.json["decision"]["reason"] == "alternative_refund_method", waits.raw
    return path


@pytest.mark.parametrize("event", ["offered", "agreed"])
@pytest.mark.parametrize("method", [LONG, NUL])
async def test_a_way_of_payment_that_cannot_be_kept_is_refused_by_its_name(
    shop: CaseShop, api: Api, event: str, method: str
) -> None:
    path = await asks_for_another_way_of_payment(shop, api)

    for case in (path, path.replace("withdrawals", "claims")):
        refused = await api.post(f"{case}/alternative", {"event": event, "method": method})
        assert (refused.status, refused.pointers) == (422, ["/method"])
    kept = await api.post(f"{path}/alternative", {"event": "agreed", "method": "x" * 200})
    assert (kept.status, kept.json["state"]) == (200, "approved")


@pytest.mark.parametrize("method", [LONG, NUL])
async def test_a_way_of_payment_that_is_found_with_a_verdict_is_no_other(
    shop: CaseShop, api: Api, method: str
) -> None:
    path = await asks_for_another_way_of_payment(shop, api)

    found = {**GRANT, "findings": {"alternative_method": method}}
    refused = await api.post(f"{path}/verdict", found)

    assert (refused.status, refused.pointers) == (422, ["/findings/alternative_method"])


@pytest.mark.parametrize("name", [NUL, "", LONG])
async def test_a_detail_of_a_payment_has_a_name_that_can_be_kept(
    shop: CaseShop, api: Api, name: str
) -> None:
    await shop.open_account()
    number = str(await shop.closed_activation("P1"))
    path = await withdrawal(api)

    claim: dict[str, Any] = {"activation": number, "claim_kind": "non_receiving"}
    details = {"payment_details": {name: "DE12"}}
    refused = [
        await api.post("/v1/claims", {**claim, **details}),
        await api.post(f"{path}/payment-info", {"event": "added", **details}),
    ]

    assert [reply.status for reply in refused] == [422, 422]
    assert all("/payment_details" in reply.pointers[0] for reply in refused)
    told = {"event": "added", "payment_details": {"IBAN (SEPA)": "DE12"}}
    assert (await api.post(f"{path}/payment-info", told)).status == 200


async def test_details_of_a_payment_are_shown_as_they_were_told(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    number = str(await shop.closed_activation("P1"))
    details = {"at": "Sparkasse", "now": "2026-01-02T03:04:05+01:00"}

    claim = {"activation": number, "claim_kind": "non_receiving", "payment_details": details}
    opened = await api.post("/v1/claims", claim)

    assert opened.status == 201
    case = await api.get(f"/v1/claims/{opened.json['id']}")
    assert [told["content"]["payment_details"] for told in case.json["evidence"]] == [details]


async def withdrawal(api: Api) -> str:
    opened = await api.post("/v1/withdrawals", {"account": "alice", "reference": "w1"})
    return f"/v1/withdrawals/{opened.json['id']}"
