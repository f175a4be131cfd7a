"""What support searches by, and what it is shown with a number."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.unit.http.caller import Api
from tests.unit.http.conftest import World
from tests.unit.http.fakes import NOW, delivered, refunded, with_code
from tests.unit.http.numbers import rich_ann, watched
from worker.domain.activation import ProviderState, State
from worker.domain.ids import ActivationId
from worker.domain.transfer import Charge
from worker.entrypoints.http.summary import summary_of
from worker.ports.store.activations import Activation, Settlement
from worker.ports.store.outbox import Event


def id_of(shown: dict[str, str]) -> ActivationId:
    return ActivationId(UUID(shown["id"]))


async def _refs(api: Api, query: str) -> list[str]:
    reply = await api.get(f"/v1/activations?{query}")
    assert reply.status == 200, reply.raw
    return [item["provider_ref"] for item in reply.json["items"]]


@pytest.mark.parametrize(
    "query",
    [
        "phone=%2B15550002222",
        "phone=15550002222",
        "phone=2222",
        "provider_ref=found",
        "service=wa",
        "country=de",
        "service=wa&country=de&account=ann&state=waiting&provider=alpha",
    ],
)
async def test_a_number_is_found_by_what_is_known_of_it(api: Api, query: str) -> None:
    await watched(api, ref="other", phone="+15550001111")
    await watched(api, ref="found", phone="+15550002222", service="wa", country="de")

    assert await _refs(api, query) == ["found"]


async def test_a_number_is_found_by_the_end_of_its_id(api: Api) -> None:
    await watched(api, ref="other")
    shown = (await watched(api, ref="found")).json

    assert await _refs(api, f"id_tail={shown['id'][-8:]}") == ["found"]


@pytest.mark.parametrize(
    "query",
    ["phone=123", "phone=12-34", "phone=%2512", "id_tail=1234567", "id_tail=1234567G", "service="],
)
async def test_what_cannot_be_searched_by_is_refused_with_its_name(api: Api, query: str) -> None:
    reply = await api.get(f"/v1/activations?{query}")
    assert (reply.status, reply.slug) == (422, "invalid")
    assert reply.json["errors"][0]["pointer"] == f"/{query.partition('=')[0]}"


async def test_a_number_is_shown_by_its_provider_and_reference(api: Api) -> None:
    shown = (await watched(api, ref="r-1")).json

    reply = await api.get("/v1/activations/alpha/r-1")

    assert (reply.status, reply.json["id"]) == (200, shown["id"])
    assert (await api.get("/v1/activations/alpha/r-2")).slug == "unknown-activation"
    assert (await api.get("/v1/activations/beta/r-1")).slug == "unknown-activation"


async def test_its_events_and_entries_are_shown_only_where_asked_for(
    api: Api, world: World
) -> None:
    shown = (await watched(api)).json
    number = world.reads.found[id_of(shown)]
    told = {"state": "received"}
    world.events.put(Event("e1", "activation.code_received", NOW, number.id, told, 1))
    world.events.put(Event("e2", "activation.refunded", NOW, None, {}, 0))

    path = f"/v1/activations/{shown['id']}"
    plain = (await api.get(path)).json
    whole = (await api.get(f"{path}?expand=entries,events")).json

    assert not {"events", "entries", "cases"} & set(plain)
    assert [event["id"] for event in whole["events"]] == ["e1"]
    assert [entry["kind"] for entry in whole["entries"]] == ["hold"]
    assert "cases" not in whole
    assert (await api.get(f"{path}?expand=secrets")).slug == "invalid"


async def test_accounts_are_listed_by_name_page_by_page(api: Api) -> None:
    for name in ("carl", "ann", "bob"):
        await api.put(f"/v1/accounts/{name}", {"currency": "USD"})

    first = (await api.get("/v1/accounts?limit=2")).json
    second = (await api.get(f"/v1/accounts?limit=2&cursor={first['next_cursor']}")).json

    assert [item["account"] for item in first["items"]] == ["ann", "bob"]
    assert [item["account"] for item in second["items"]] == ["carl"]
    assert second["next_cursor"] is None


async def _number(api: Api, world: World) -> Activation:
    await rich_ann(api)
    shown = (await watched(api)).json
    deadline = datetime(2026, 1, 1, 0, 20, tzinfo=UTC)
    return replace(
        world.reads.found[id_of(shown)],
        price_minor=120,
        currency="USD",
        rented_at=NOW,
        deadline_at=deadline,
        provider_state=ProviderState.OPEN,
    )


def _ended(outcome: State, reason: str) -> dict[str, Any]:
    at = NOW + timedelta(minutes=21)
    return {"state": outcome, "settlement": Settlement(outcome, 120, reason, at)}


async def test_the_summary_says_in_a_sentence_what_happened_to_the_number_and_the_money(
    api: Api, world: World
) -> None:
    number = await _number(api, world)
    told = {
        summary_of(number): "A code is waited for until 2026-01-01 00:20 UTC, "
        "and 1.20 USD stays set aside.",
        summary_of(replace(number, ref=None)): "It is not known yet whether the number could be "
        "rented, and 1.20 USD stays set aside.",
        summary_of(replace(number, state=State.EXPIRING)): "The number is being given back to its "
        "provider, and 1.20 USD stays set aside until that ends.",
        summary_of(with_code(number)): "A code was shown at 2026-01-01 00:00 UTC, 1.20 USD is "
        "charged, and more may come until 2026-01-01 00:20 UTC.",
        summary_of(replace(number, state=State.IN_REVIEW)): "How the number ends is decided by a "
        "person, and 1.20 USD stays set aside until then.",
        summary_of(delivered(with_code(number))): "A code was shown at 2026-01-01 00:00 UTC, and "
        "1.20 USD was charged.",
        summary_of(refunded(number)): "The number was cancelled before a code came, and 1.20 USD "
        "is back on the balance since 2026-01-01 00:00 UTC.",
        summary_of(replace(number, **_ended(State.REFUNDED, "timeout"))): "No code came in time, "
        "and 1.20 USD is back on the balance since 2026-01-01 00:21 UTC.",
        summary_of(replace(number, **_ended(State.CLOSED, "timeout"))): "No code came in time, and "
        "1.20 USD was charged.",
        summary_of(
            replace(number, **_ended(State.CLOSED, "timeout"), given_back_minor=60)
        ): "No code came in time, 1.20 USD was charged, and a claim gave 0.60 USD of it back.",
        summary_of(
            replace(number, **_ended(State.REFUNDED, "provider"), charge=Charge.EXTERNAL)
        ): "The provider ended the number before a code came, and 1.20 USD is not charged since "
        "2026-01-01 00:21 UTC.",
    }
    assert list(told) == list(told.values())


async def test_the_summary_is_in_every_answer_about_a_number(api: Api) -> None:
    shown = await watched(api)
    listed = await api.get("/v1/activations")

    assert shown.json["summary"].startswith("A code is waited for until ")
    assert listed.json["items"][0]["summary"] == shown.json["summary"]
