"""Notes stand beside what they are about, in the name of whoever wrote them."""

from datetime import timedelta
from uuid import UUID

import pytest

from tests.integration.cases.case_shop import CaseShop
from tests.unit.http.caller import Api
from worker.domain.ids import ActivationId
from worker.ports.store.said import StaffAct, StaffNote

BODY = {"note": "called back, he agrees"}
ANN = {"X-Actor": "ann@support"}
NOBODY = "00000000-0000-0000-0000-000000000001"


async def test_a_note_on_a_number_is_a_line_of_its_timeline_once(shop: CaseShop, api: Api) -> None:
    await shop.open_account()
    id_ = await shop.rent_number("P3")
    path = f"/v1/activations/{id_}"
    seen = await api.get(path)

    for headers in (ANN, ANN, {"X-Actor": "bob"}, {}):
        assert (await api.post(f"{path}/notes", BODY, headers=headers)).status == 200

    shown = (await api.get(path)).json
    notes = [line for line in shown["timeline"] if line["what"] == "note"]
    assert [(one["note"], one["by"]) for one in notes] == [
        (BODY["note"], name) for name in ("ann@support (shop)", "bob (shop)", "shop")
    ]
    assert shown["state"] == "waiting"
    versions = "SELECT version FROM activation"
    assert await shop.fetch_value(versions) == 1 + len(notes), "who waits for a change is woken"
    assert seen.headers["ETag"] != (await api.get(path)).headers["ETag"]


async def test_a_note_on_a_case_stands_with_its_evidence_also_when_it_is_closed(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account()
    case = await shop.open_claim(await shop.closed_activation("P1"))
    assert case.closed_at is not None

    first = await api.post(f"/v1/claims/{case.id}/notes", BODY, headers=ANN)
    again = await api.post(f"/v1/claims/{case.id}/notes", BODY, headers=ANN)

    assert first.json == again.json
    (entry,) = [one for one in again.json["evidence"] if one["what"] == "note"]
    assert (entry["content"], entry["by"]) == (BODY, "ann@support (shop)")
    assert again.json["state"] == case.state.value
    other = await api.post(f"/v1/withdrawals/{case.id}/notes", BODY)
    assert (other.status, other.slug) == (404, "not-found")


async def test_a_note_on_an_account_is_shown_with_it_the_newest_first(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account()

    await api.post("/v1/accounts/alice/notes", BODY, headers=ANN)
    await api.post("/v1/accounts/alice/notes", {"note": "pays late"}, headers=ANN)
    await api.post("/v1/accounts/alice/notes", BODY, headers=ANN)

    notes = (await api.get("/v1/accounts/alice")).json["notes"]
    assert [(one["note"], one["by"]) for one in notes] == [
        ("pays late", "ann@support (shop)"),
        (BODY["note"], "ann@support (shop)"),
    ]


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        (f"/v1/activations/{NOBODY}/notes", "unknown-activation"),
        ("/v1/accounts/nobody/notes", "unknown-account"),
        (f"/v1/claims/{NOBODY}/notes", "not-found"),
    ],
)
async def test_a_note_on_what_there_is_not_is_refused(api: Api, path: str, slug: str) -> None:
    reply = await api.post(path, BODY)
    assert (reply.status, reply.slug) == (404, slug)
    for nothing in ("", " ", "\n\t"):
        empty = await api.post(path, {"note": nothing})
        assert (empty.status, empty.pointers) == (422, ["/note"])


async def test_each_look_at_a_code_is_kept_and_a_note_that_is_sent_again_is_not(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    id_ = await shop.rent_number("P3")
    tell, begun = shop.store.activations.tell, shop.clock.now
    looked = [("ann", 0), ("ann", 59), ("bob", 59), ("ann", 60), ("ann", 3600)]
    for by, seconds in looked:
        now = begun + timedelta(seconds=seconds)
        await tell(id_, "shown_to_staff", StaffNote("1 code", by), now=now)
        await tell(id_, "note", StaffNote("he is a friend", "ann"), now=now)

    number = await shop.store.activations.activation(id_)
    assert number is not None
    lines = [(line.what, line.detail.get("by"), line.at - begun) for line in number.timeline]
    kept = [("ann", 0), ("bob", 59), ("ann", 60), ("ann", 3600)]
    assert [line[1:] for line in lines if line[0] == "shown_to_staff"] == [
        (by, timedelta(seconds=seconds)) for by, seconds in kept
    ]
    assert [line[0] for line in lines].count("note") == 1


async def test_a_number_that_somebody_has_locked_keeps_no_other_act_of_staff_waiting(
    shop: CaseShop,
) -> None:
    await shop.open_account(amount_minor=1000)
    ids = [await shop.rent_number("P3", ref=ref) for ref in ("1", "2")]
    acts = [
        StaffAct(id_, "cancel_by_staff", StaffNote(None, "ann"))
        for id_ in (*ids, ActivationId(UUID(NOBODY)))
    ]
    async with shop.admin.transaction():
        await shop.admin.execute("SELECT FROM activation WHERE id = $1 FOR UPDATE", ids[0])

        assert await shop.store.activations.tell_acts(acts) == {acts[1]}

    assert await shop.store.activations.tell_acts(acts) == set(acts[:2])
    for id_ in ids:
        number = await shop.store.activations.activation(id_)
        assert number is not None
        assert [line.what for line in number.timeline].count("cancel_by_staff") == 1
