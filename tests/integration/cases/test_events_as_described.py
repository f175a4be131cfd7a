"""What is sent to the shop is what the description of the webhooks says, to the last member."""

from tests.integration.cases.case_shop import DAY, HOUR, MONDAY, CaseShop
from tests.integration.cases.test_case_http import rented_long
from tests.unit.http.caller import Api
from worker.entrypoints.http.webhooks import EVENT_DATA
from worker.ports.store.outbox import EventFilter

RENTAL = "/v1/rentals/alpha/long-1"


async def check_all(shop: CaseShop) -> set[str]:
    """Each stored event against its type; the types there are."""
    feed = await shop.store.outbox.events_after(EventFilter(), after=0, limit=1000)
    for event in (each.event for each in feed.items):
        family = event.type.partition(".")[0]
        data = EVENT_DATA.get(event.type) or EVENT_DATA[f"{family}.*"]
        data.model_validate(event.payload)
    return {each.event.type for each in feed.items}


async def test_the_events_of_claims_have_the_members_that_are_described(shop: CaseShop) -> None:
    await shop.open_account(amount_minor=1000)
    judged = await shop.open_claim(
        await shop.delivered_activation("P3", order_ref="A-1"), "wrong_code", evidence=["photo"]
    )
    await shop.give_verdict(judged, grant=True)
    await shop.open_claim(await shop.delivered_activation("P1", "2"), "invalid_number")
    await shop.delivered_activation("P0", "3")
    await shop.fire_due_timers(MONDAY + HOUR)
    await shop.fire_due_timers(MONDAY + 30 * DAY)

    types = await check_all(shop)

    assert types >= {"claim.in_review", "claim.granted", "claim.needs_evidence", "claim.denied"}
    assert types >= {"claim.finalised", "review.opened", "review.decided"}


async def test_the_events_of_rentals_accounts_and_withdrawals_are_described(
    shop: CaseShop, api: Api
) -> None:
    await shop.open_account(amount_minor=10_000)
    await api.put(RENTAL, rented_long())
    await api.post(f"{RENTAL}/outages", {})
    await shop.open_withdrawal("P3")
    deletion = await api.post("/v1/accounts/alice/events", {"event": "delete_requested"})
    assert deletion.status == 201, deletion.raw
    await shop.fire_due_timers(MONDAY + 60 * DAY)

    families = {type_.partition(".")[0] for type_ in await check_all(shop)}

    assert families >= {"rental", "account", "withdrawal"}
