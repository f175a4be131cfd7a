"""Providers over HTTP: how each stands, and stopping and starting to rent there."""

from dataclasses import replace
from typing import Any, cast

import pytest

from tests.unit.http.caller import READ_TOKEN, Api
from tests.unit.http.conftest import World, deps_over
from tests.unit.http.two_providers import Standings, Stops, overview_over
from worker.entrypoints.http.deps import ApiDeps
from worker.ports.store.purchases import PurchaseStore
from worker.ports.store.said import StaffNote


@pytest.fixture
def books() -> Standings:
    return Standings()


@pytest.fixture
def stops(books: Standings) -> Stops:
    return Stops(books)


@pytest.fixture
def deps(world: World, books: Standings, stops: Stops) -> ApiDeps:
    overview = overview_over(books, cast("PurchaseStore", stops))
    return replace(deps_over(world), providers=overview)


async def test_every_provider_is_listed_with_its_last_day(api: Api) -> None:
    listed = (await api.get("/v1/providers", token=READ_TOKEN)).json

    hero, sim = listed["items"]
    assert hero == {
        "name": "hero",
        "family": "handler_api",
        "dialect": "hero",
        "state": "taking",
        "why": None,
        "by": None,
        "circuit": "closed",
        "balance_minor": 4_200,
        "balance_at": "2026-01-01T00:00:00.000000Z",
        "currency": "USD",
        "exposure_minor": 0,
        "exposure_limit_minor": 10_000,
        "live": 2,
        "day": {
            "rented": 6,
            "delivered": 3,
            "refunded": 1,
            "success_ratio": 0.75,
            "code_seconds_median": 8.5,
            "cancel_ratio": 0.0,
        },
    }
    assert (sim["dialect"], sim["balance_minor"], sim["balance_at"]) == (None, None, None)


async def test_one_is_shown_with_its_services(api: Api) -> None:
    shown = (await api.get("/v1/providers/hero")).json

    (service,) = shown["services"]
    assert (service["service"], service["country"], service["rented"]) == ("wa", "de", 1)
    assert service["success_ratio"] is None
    assert (await api.get("/v1/providers/other")).slug == "unknown-provider"


@pytest.mark.parametrize(("act", "state"), [("pause", "paused"), ("drain", "draining")])
async def test_renting_is_stopped_and_started_again_with_a_note(
    api: Api, stops: Stops, act: str, state: str
) -> None:
    stopped = await api.post(f"/v1/providers/hero/{act}", {"note": "bans"})
    resumed = await api.post("/v1/providers/hero/resume", {"note": "better"})

    assert (stopped.status, stopped.json["state"], stopped.json["why"]) == (200, state, "bans")
    assert (stopped.json["by"], resumed.json["by"]) == ("shop", None)
    assert (resumed.json["state"], resumed.json["why"]) == ("taking", None)
    assert stops.said == [(act, StaffNote("bans", "shop")), ("resume", StaffNote("better", "shop"))]


async def test_too_much_exposure_halts_it_and_says_so(api: Api, books: Standings) -> None:
    books.exposure = {"USD": 10_000, "EUR": 1}

    shown = (await api.get("/v1/providers/hero")).json

    assert (shown["state"], shown["exposure_minor"]) == ("halted", 10_000)
    assert shown["why"] == "100.00 USD are open there, of at most 100.00"


@pytest.mark.parametrize("act", ["pause", "resume", "drain"])
@pytest.mark.parametrize(
    "body", [{}, {"note": ""}, {"note": "x" * 1001}, {"note": "a\x00"}, {"note": " \n"}]
)
async def test_without_a_note_nothing_is_stopped(
    api: Api, stops: Stops, act: str, body: dict[str, Any]
) -> None:
    reply = await api.post(f"/v1/providers/hero/{act}", body)
    assert (reply.status, reply.json["errors"][0]["pointer"]) == (422, "/note")
    assert not stops.said


async def test_a_provider_that_is_not_configured_is_not_stopped(api: Api, stops: Stops) -> None:
    reply = await api.post("/v1/providers/other/pause", {"note": "x"})
    assert (reply.status, reply.slug) == (404, "unknown-provider")
    assert not stops.said
