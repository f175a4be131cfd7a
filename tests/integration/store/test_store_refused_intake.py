"""What is handed over and not taken is kept whole, and told once."""

import base64
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from tests.integration.store.shop import LEASE, Shop
from worker.ports.handover import EnqueuedJob, IntakeRefusal, RefusedIntake
from worker.ports.store.outbox import EventFilter, StoredEvent

PAYLOAD = {"provider": "sim", "provider_ref": "17", "account": "nobody", "order_ref": "o-1"}


def refused(job: str = "a.job/of theirs", enqueued: str = "1", **other: Any) -> RefusedIntake:
    given = {"reason": IntakeRefusal.UNKNOWN_ACCOUNT, "payload": PAYLOAD, **other}
    return RefusedIntake(job=EnqueuedJob(job, enqueued), **given)


async def _told(shop: Shop) -> list[dict[str, Any]]:
    return [dict(each.event.payload) for each in await _events(shop)]


async def _events(shop: Shop) -> Sequence[StoredEvent]:
    return (await shop.store.outbox.newest_events(EventFilter(), before=None, limit=9)).items


async def test_it_is_an_event_with_its_reference_its_reason_and_all_that_was_sent(
    shop: Shop,
) -> None:
    told = await shop.store.outbox.refuse_intake([refused()])

    assert told == [refused()]
    event = (await _events(shop))[0].event
    assert (event.type, event.activation) == ("intake.refused", None)
    assert event.payload == {
        "job": "a.job/of theirs",
        "reason": "unknown_account",
        **PAYLOAD,
        "payload": PAYLOAD,
    }
    assert await shop.admin.fetchval("SELECT account FROM event") == "nobody"


async def test_a_job_that_runs_again_tells_nothing_twice(shop: Shop) -> None:
    both = [refused(), refused(place=1)]

    first = await shop.store.outbox.refuse_intake(both)
    again = await shop.store.outbox.refuse_intake([*both, refused("another")])

    assert list(first) == both
    assert list(again) == [refused("another")]
    assert len(await _told(shop)) == 3


async def test_what_is_enqueued_again_under_the_same_id_is_told_again(shop: Shop) -> None:
    await shop.store.outbox.refuse_intake([refused()])

    later = refused(enqueued="2", reason=IntakeRefusal.BALANCE_TOO_LOW)
    assert list(await shop.store.outbox.refuse_intake([later])) == [later]

    assert [told["reason"] for told in await _told(shop)] == ["balance_too_low", "unknown_account"]


async def test_it_goes_to_the_endpoint_like_any_other_event(shop: Shop) -> None:
    await shop.store.outbox.refuse_intake([refused()])

    (event,) = await shop.store.outbox.lease_events(9, LEASE, "the endpoint")
    await shop.store.outbox.events_sent({event.id: 200})

    assert await shop.admin.fetchval("SELECT state FROM event") == "sent"


async def test_a_job_nobody_can_read_is_kept_byte_by_byte(shop: Shop) -> None:
    body = bytes(range(256))
    await shop.store.outbox.refuse_intake(
        [refused(reason=IntakeRefusal.UNREADABLE, payload=None, body=body)]
    )

    (told,) = await _told(shop)
    assert told["reason"] == "unreadable"
    assert base64.b64decode(told["body_base64"]) == body
    assert "payload" not in told


@pytest.mark.parametrize(
    "payload",
    [
        {**PAYLOAD, "note": "nul \x00"},
        {**PAYLOAD, "note": "\ud800"},
        {**PAYLOAD, "price_minor": 10**40},
        {**PAYLOAD, "price_minor": 1e40},
        {**PAYLOAD, "price_minor": [-1e20, 1e-40, 0.1]},
        {7: "a key that is no text"},
        "no object at all",
        [1, None],
        {"provider": {"deep": []}, "account": 7, "provider_ref": "x\ny"},
    ],
    ids=ascii,
)
async def test_whatever_was_sent_is_kept(shop: Shop, payload: Any) -> None:
    told = await shop.store.outbox.refuse_intake([refused(payload=payload)])

    assert len(told) == 1
    (kept,) = await _told(shop)
    assert kept["payload"] in (payload, ascii(payload))
    orjson.dumps(kept)  # So it can be told: by webhook, and by the API in a page of others.
