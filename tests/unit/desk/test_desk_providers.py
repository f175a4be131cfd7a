"""The desk over providers: where nothing is rented, and what of that a press can change."""

from dataclasses import replace
from typing import cast

import pytest

from tests.unit.desk.visitor import Visitor
from tests.unit.http.conftest import World, deps_over
from tests.unit.http.two_providers import HERO, Standings, Stops, overview_over
from worker.entrypoints.http.deps import ApiDeps
from worker.ports.store.purchases import PurchaseStore

RESUME = "/providers/hero/resume"


@pytest.fixture
def books() -> Standings:
    return Standings()


@pytest.fixture
def deps(world: World, books: Standings) -> ApiDeps:
    purchases = cast("PurchaseStore", Stops(books))
    return replace(deps_over(world), providers=overview_over(books, purchases))


async def test_what_was_paused_is_resumed(staff: Visitor) -> None:
    paused = await staff.fill("/providers", "/providers/hero/pause", {"note": "bans"})
    resumed = await staff.fill("/providers", RESUME, {"note": "better"})

    assert "Paused: nothing more is rented there." in (await staff.get(paused.goes_to)).text
    assert "Resumed." in (await staff.get(resumed.goes_to)).text


async def test_a_halt_is_not_offered_to_be_resumed(staff: Visitor, books: Standings) -> None:
    """It ends when less of our money is open there, and nobody's press changes that."""
    books.exposure = {"USD": 10_000}

    page = await staff.get("/providers")

    assert "100.00 USD are open there" in page.text
    assert RESUME not in page.raw
    assert f'action="/providers/{HERO}/pause"' in page.raw


async def test_of_one_that_is_halted_after_its_pause_the_page_does_not_say_resumed(
    staff: Visitor, books: Standings
) -> None:
    await staff.fill("/providers", "/providers/hero/pause", {"note": "bans"})
    books.exposure = {"USD": 10_000}

    pressed = await staff.fill("/providers", RESUME, {"note": "better"})
    page = await staff.get(pressed.goes_to)

    assert "Its stop is lifted, and still nothing is rented there" in page.text
    assert "Resumed." not in page.text
    assert HERO not in books.stops
