"""What no clause gives is not given by other ways either: two claims, other calls and states."""

import asyncio

from tests.integration.lives.life import PRICE, RENTAL_PRICE, Life, decided, on

OUT = {"destination": "client"}


async def test_two_claims_for_the_same_credit_take_it_once(life: Life) -> None:
    await life.open("P2", 2000)
    id_ = await life.failed_order(told={"was_listed": True})
    one = await life.claim(id_, "no_numbers", **OUT)
    other = await life.claim(id_, "carrier_fault", **OUT)

    first = await life.verdict(one, grant=True)
    assert first["state"] == "approved"
    await life.verdict(other, grant=True, replacement_available=False)
    await life.step(one, "paid")

    assert (await life.again(other))["state"] == "denied"
    assert await life.balance() == (1500, 0)


async def test_two_verdicts_at_once_pay_one_price(life: Life) -> None:
    await life.open("P2", 2000)
    id_ = await life.failed_order(told={"was_listed": True})
    one = await life.claim(id_, "no_numbers", **OUT)
    other = await life.claim(id_, "carrier_fault", **OUT)

    await asyncio.gather(
        life.verdict(one, grant=True),
        life.verdict(other, grant=True, replacement_available=False),
    )

    states = [(await life.again(case))["state"] for case in (one, other)]
    assert sorted(states) == ["approved", "denied"]
    assert await life.balance() == (1500, PRICE)


async def test_a_claim_after_its_credit_was_withdrawn_finds_nothing(life: Life) -> None:
    await life.open("P3", PRICE)
    id_ = await life.failed_order()
    request = await life.withdraw()
    await life.verdict(request, grant=True)
    await life.step(request, "paid")
    assert await life.balance() == (0, 0)

    claim = await life.claim(id_, "no_numbers", **OUT)

    assert decided(claim) == ("denied", "already_refunded")
    assert await life.balance() == (0, 0)


async def test_an_account_that_is_closing_takes_no_money_and_no_order_by_any_call(
    life: Life,
) -> None:
    await life.open("P3", 2000)
    await life.rental()
    await life.told("delete_requested")
    before = await life.balance()

    top_up = {"reference": "late", "amount_minor": 100}
    assert await life.refused("/v1/accounts/ann/topups", top_up) == "account-closing"
    bulk = {"accounts": [{"account": "ann", "currency": "USD", "topups": [top_up]}]}
    await life.api.post("/v1/accounts/bulk", bulk)
    order = {
        "account": "ann",
        "phone": "15550001",
        "service": "any",
        "country": "1",
        "price_minor": 0,
        "policy": "P3",
    }
    ref = {"provider": "sim", "provider_ref": "99"}
    await life.api.post("/v1/activations/bulk", {"activations": [{**order, **ref}]})
    assert (await life.api.put("/v1/activations/sim/98", order)).slug == "account-closing"
    bought = {key: told for key, told in order.items() if key != "phone"} | {"provider": "sim"}
    rent = {**bought, "hours": 240}
    longer = {"hours": 120, "price_minor": 100}
    for path, body in (
        ("/v1/activations", bought),
        ("/v1/rentals", rent),
        ("/v1/rentals/sim/long/prolong", longer),
    ):
        reply = await life.api.post(path, body, headers={"Idempotency-Key": path})
        assert (reply.status, reply.slug) == (409, "account-closing"), (path, reply.raw)
    dated = {"rented_at": on(), "ends_at": on(days=9)}
    assert (
        await life.api.put("/v1/rentals/sim/more", {**order, **dated})
    ).slug == "account-closing"

    assert await life.balance() == before
    assert (await life.api.get("/v1/activations?account=ann")).json["items"] == []


async def test_a_frozen_account_prolongs_nothing_and_gets_its_credits(life: Life) -> None:
    await life.open("P2", 2000)
    await life.rental()
    id_ = await life.number()
    await life.told("law_enforcement_block", reference="b")

    longer = {"hours": 120, "price_minor": 100}
    reply = await life.api.post(
        "/v1/rentals/sim/long/prolong", longer, headers={"Idempotency-Key": "p"}
    )
    assert (reply.status, reply.slug) == (409, "account-frozen")
    await life.after(minutes=20)

    assert await life.outcome_of(id_) == ("refunded", "timeout")
    assert await life.balance() == (2000 - RENTAL_PRICE, 0)


async def test_the_replacement_is_judged_by_its_own_code(life: Life) -> None:
    await life.open("P0", 2000)
    old = await life.delivered()
    claim = await life.claim(old, "major_defect")
    await life.verdict(claim, grant=True)
    await life.step(claim, "choice", {"choice": "replacement", "replacement_value_minor": PRICE})
    await life.after(days=5, minutes=0.5)
    new = await life.number()
    await life.step(claim, "replacement", {"activation": new})
    await life.code_arrives(new)
    await life.call(f"/v1/activations/{new}/finish")
    before = await life.balance()

    for order in (old, new):
        await life.claim(order, "non_receiving")

    assert await life.balance() == before


async def test_a_defect_is_not_repaired_anew_by_asking_for_another_place(life: Life) -> None:
    await life.open("P4")
    claim = await life.claim(await life.delivered(), "major_defect")
    await life.verdict(claim, grant=False)
    order = claim["activation"]

    again = await life.claim(order, "major_defect", destination="wallet")

    assert again["state"] in {"waiting", "in_review"}, "a human judges it, as the first"
    assert await life.balance() == (500, 0)


async def test_a_withdrawal_is_paid_while_a_deletion_waits_for_it(life: Life) -> None:
    await life.open("P3", 1000)
    own = await life.withdraw("own", amount_minor=300)
    await life.told("delete_requested")
    assert (await life.account())["state"] == "closing"

    await life.verdict(own, grant=True)
    paid = await life.step(own, "paid")
    offered = await life.withdraw("rest", withdraw_reason="account_deletion")
    await life.verdict(offered, grant=True)
    await life.step(offered, "paid")

    assert paid["state"] == "paid"
    assert await life.balance() == (0, 0)
