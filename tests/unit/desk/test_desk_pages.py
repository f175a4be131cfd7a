"""The pages: found by any key, outside text as text, and a page for every failure."""

import html
import re
import socket
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from urllib.parse import quote
from uuid import UUID

import pytest

from tests.unit.desk.conftest import desk_over
from tests.unit.desk.visitor import Visitor
from tests.unit.http.conftest import World
from tests.unit.http.fakes import NOW, PROVIDER, with_code
from worker.client import Client
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.entrypoints.desk import TryScenario
from worker.entrypoints.desk.find_page import LISTED
from worker.ports.store.activations import Settlement, TimelineEntry
from worker.ports.store.outbox import Event, EventState

HOSTILE = (
    "<script>alert(1)</script>\u202e" + "\U0001f600" * 160 + "\u0634\u0643\u0631\u0627\x00&\"'"
)


async def rented(shop: Client, ref: str = "77001", **more: str) -> str:
    number = await shop.watch_number(
        "alpha",
        ref,
        account="ann",
        phone="+12025550100",
        service="tg",
        country="0",
        price_minor=150,
        order_ref=more.get("order_ref", f"ORD-{ref}"),
    )
    return number["id"]


async def test_a_number_is_found_by_whatever_a_customer_sends(staff: Visitor, shop: Client) -> None:
    id_ = await rented(shop)
    keys = ["+12025550100", "(202) 555-0100", "50100", "ORD-77001", "77001", id_, id_[-8:].upper()]

    found = {key: (await staff.get(f"/find?q={quote(key)}")).goes_to for key in keys}

    assert found == dict.fromkeys(keys, f"/a/{id_}")


async def test_several_are_listed_and_an_account_is_found_by_its_name(
    staff: Visitor, shop: Client
) -> None:
    first, second = await rented(shop, "r1"), await rented(shop, "r2")

    listed = await staff.get("/find?q=50100")

    assert listed.status == 200
    assert f"/a/{first}" in listed.raw
    assert f"/a/{second}" in listed.raw
    assert (await staff.get("/find?q=ann")).goes_to == "/accounts/ann"
    assert "Nothing." in (await staff.get("/find?q=nobody-has-this")).text


async def test_of_more_than_are_listed_the_page_of_find_says_so(
    staff: Visitor, shop: Client
) -> None:
    for number in range(LISTED):
        await rented(shop, f"r{number}")
    all_of_them = await staff.get("/find?q=50100")
    await rented(shop, "one-more")

    page = await staff.get("/find?q=50100")

    assert "More than 20" not in all_of_them.text
    assert page.raw.count('data-name="Number"') == LISTED
    assert "More than 20 fit: type more digits." in page.text


@pytest.mark.parametrize("sought", [HOSTILE, "../../v1/accounts", "%00", "a" * 300, "🙂", "-1"])
async def test_a_hostile_search_is_a_text_that_nothing_has(staff: Visitor, sought: str) -> None:
    page = await staff.get(f"/find?q={quote(sought)}")

    assert page.status == 200
    assert "Nothing." in page.text
    assert "<script>alert" not in page.raw


@pytest.mark.parametrize("id_", ["<script>", "..%2F..", "x" * 900, "%00", "a%0d%0ab", "🙂"])
@pytest.mark.parametrize("page", ["a", "cases", "accounts"])
async def test_a_hostile_id_is_nothing(staff: Visitor, page: str, id_: str) -> None:
    shown = await staff.get(f"/{page}/{id_ if '%' in id_ else quote(id_)}")

    assert shown.status in {404, 422}
    assert "<script>" not in shown.raw.replace("<script src=", "")
    assert "Traceback" not in shown.raw


async def test_a_code_is_masked_and_text_from_outside_is_text(
    staff: Visitor, shop: Client, world: World
) -> None:
    id_ = await rented(shop)
    row = world.reads.found[ActivationId(UUID(id_))]
    world.reads.put(replace(with_code(row, "987654"), service=HOSTILE, order_ref=HOSTILE))

    page = await staff.get(f"/a/{id_}")

    assert page.status == 200
    assert "987654" not in page.raw
    assert "Show code" in page.text
    assert "<script>alert(1)</script>\u27e8U+202E\u27e9" in page.text
    assert "\u2400" in page.text
    assert "<script>alert" not in page.raw


async def test_of_a_late_code_the_page_says_that_its_price_was_kept(
    staff: Visitor, shop: Client, world: World
) -> None:
    """As a policy has it that credits on a claim alone."""
    id_ = await rented(shop)
    row = world.reads.found[ActivationId(UUID(id_))]
    late = TimelineEntry(row.deadline_at + timedelta(seconds=1), "late_code", {})
    kept = Settlement(State.CLOSED, 150, "timeout", row.deadline_at)
    world.reads.put(replace(row, state=State.CLOSED, settlement=kept, timeline=(late,)))

    page = await staff.get(f"/a/{id_}")

    assert "after the deadline: it is not shown, and 1.50 USD was charged." in page.text


async def test_the_timeline_is_asked_for_again_only_while_the_number_lives(
    staff: Visitor, shop: Client
) -> None:
    id_ = await rented(shop)
    live = await staff.get(f"/a/{id_}/timeline?codes=0&state=waiting")
    await shop.cancel_activation(id_)

    ended = await staff.get(f"/a/{id_}/timeline?codes=0&state=waiting")

    assert "every 2s" in live.raw
    assert "hx-swap-oob" not in live.raw
    assert "every 2s" not in ended.raw
    assert "hx-swap-oob" in ended.raw  # What can be pressed has changed, too.


async def test_another_sms_is_offered_where_the_api_asks_for_one(
    staff: Visitor, shop: Client, world: World
) -> None:
    """With a code, and until the deadline; the first one comes by itself."""
    waiting = await staff.get(f"/a/{(id_ := await rented(shop))}")
    coded = with_code(world.reads.found[ActivationId(UUID(id_))], "987654")
    world.reads.put(coded)
    received = await staff.get(f"/a/{id_}")
    world.reads.put(replace(coded, deadline_at=NOW - timedelta(seconds=1)))

    late = await staff.get(f"/a/{id_}")

    pages = (waiting, received, late)
    assert ["Send another SMS" in page.text for page in pages] == [False, True, False]
    assert ["Finish" in page.text for page in pages] == [False, True, True]


async def test_an_account_shows_its_money_and_where_it_came_from(
    staff: Visitor, shop: Client
) -> None:
    await rented(shop)

    page = await staff.get("/accounts/ann")

    assert "98.50 USD" in page.text
    assert "1.50 USD set aside" in page.text
    assert "topup" in page.text


async def test_a_missing_top_up_is_booked_once(staff: Visitor, shop: Client) -> None:
    fields = {"amount": "12.50", "reference": "pay-1"}
    first, again = [
        await staff.fill("/accounts/ann", "/accounts/ann/topups", fields) for _ in range(2)
    ]
    told = await staff.get(again.goes_to)
    wrong = await staff.fill(
        "/accounts/ann", "/accounts/ann/topups", {"amount": "1,000", "reference": "pay-2"}
    )

    assert first.goes_to == "/accounts/ann?done=topped_up"
    assert "This payment was booked before. Nothing has changed." in told.text
    assert (wrong.status, "This is no amount" in wrong.text) == (422, True)
    assert 'value="pay-2"' in wrong.raw  # What was typed stays.
    assert (await shop.get_account("ann"))["available_minor"] == 11_250


async def test_an_event_is_sent_again_and_its_code_stays_masked(
    staff: Visitor, world: World
) -> None:
    data = {"code": "987654", "codes": [{"code": "987654", "text": "yours is 987654"}]}
    event = Event("msg_1", "activation.code_received", NOW, None, data, 1)
    world.events.put(event)

    page = await staff.get("/events")
    pressed = await staff.press("/events", "/events/msg_1/replay")

    assert "activation.code_received" in page.text
    assert "987654" not in page.raw
    assert pressed.goes_to == "/events?done=again"
    assert world.events.replayed == ["msg_1"]


async def test_earlier_events_are_offered_where_none_was_found_among_those_looked_at(
    staff: Visitor, world: World
) -> None:
    """A page of one state looks at so many of the newest, and no further."""
    for id_, state in (("msg_1", EventState.DEAD), ("msg_2", EventState.SENT)):
        world.events.put(Event(id_, "activation.refunded", NOW, None, {}, 1), state=state)
    none = await staff.get("/events?state=dead&activation=" + str(UUID(int=0)))
    world.events.looked_at = 1

    page = await staff.get("/events?state=dead")
    earlier = re.search(r'href="([^"]+)">Earlier events', page.raw)

    assert "No event is dead." in none.text
    assert "No event is dead among those looked at." in page.text
    assert earlier is not None
    assert "activation.refunded" in (await staff.get(html.unescape(earlier[1]))).text


async def test_a_bad_number_is_reported_and_the_reason_is_shown(
    staff: Visitor, shop: Client
) -> None:
    id_ = await rented(shop)

    pressed = await staff.fill(f"/a/{id_}", f"/a/{id_}/report", {"reason": "banned <b>there</b>"})
    page = await staff.get(pressed.goes_to)

    assert pressed.goes_to == f"/a/{id_}?done=reported"
    assert "The provider knows that the number is bad." in page.text
    assert "banned <b>there</b>" in page.text
    assert f'action="/a/{id_}/report"' not in page.raw


async def test_what_the_api_refuses_is_told_on_the_same_page(staff: Visitor, shop: Client) -> None:
    id_ = await rented(shop)
    form = await staff.get(f"/a/{id_}")

    page = await staff.post(f"/a/{id_}/finish", {"csrf": form.csrf})

    assert page.status == 409
    assert "No code has arrived yet" in page.text
    assert "Wait for the first code" in page.text
    assert f'action="/a/{id_}/claims"' in page.raw


async def test_every_answer_allows_our_own_files_alone(staff: Visitor) -> None:
    style = re.search(r'href="(/static/desk\.[^"]+)"', (await staff.get("/find")).raw)
    assert style is not None

    for path in ("/find", "/nothing", "/sign-in", style[1]):
        headers = (await staff.get(path)).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert (await staff.get("/find")).headers["Cache-Control"] == "no-store"
    assert "immutable" in (await staff.get(style[1])).headers["Cache-Control"]


async def test_a_page_that_there_is_not_says_so(staff: Visitor) -> None:
    for page in (
        await staff.get("/nothing"),
        await staff.get("/static/../secret"),
        await staff.get("/try"),
    ):
        assert (page.status, "There is no such page" in page.text) == (404, True)


async def test_without_an_api_there_is_one_clear_page() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        async with desk_over(f"http://127.0.0.1:{unused.getsockname()[1]}") as visitor:
            page = await visitor.sign_in()

    assert page.status == 502
    assert "The API cannot be reached" in page.text
    assert "Load this page again" in page.text
    assert "It may have been done" not in page.text  # Signing in changes nothing there.
    assert "Traceback" not in page.raw


SCENARIO = TryScenario(
    name="cancel", says="Cancel.", service="cancel", cancel=True, window_seconds=20, price_minor=7
)


async def test_a_scenario_is_rented_at_the_simulated_provider(api_url: str, shop: Client) -> None:
    async with desk_over(api_url, simulated=PROVIDER, scenarios=[SCENARIO]) as visitor:
        await visitor.sign_in()
        pressed = await visitor.press("/try", "/try/cancel")
        page = await visitor.get(pressed.goes_to)
        unknown = await visitor.post("/try/nothing", {"csrf": page.csrf})

    rented = (await shop.list_activations(account="desk-try"))["items"]
    assert [(each["service"], each["price_minor"]) for each in rented] == [("cancel", 7)]
    assert rented[0]["state"] == "refunded"
    assert "is back on the balance" in page.text
    assert unknown.status == 404


async def test_what_a_change_of_the_number_replaces_is_on_the_page_of_try_too(
    api_url: str, shop: Client
) -> None:
    async with desk_over(api_url, simulated=PROVIDER, scenarios=[SCENARIO]) as visitor:
        await visitor.sign_in()
        id_ = await rented(shop)
        page = await visitor.get(f"/try?id={id_}")
        changed = await visitor.get(f"/a/{id_}/timeline?codes=0&state=expiring")

    replaced = re.findall(r'id="(\w+)" hx-swap-oob', changed.raw)
    assert replaced == ["codes", "acts"]
    assert [each for each in replaced if f'id="{each}"' not in page.raw] == []
    assert "Cancel number" in page.text


async def test_a_form_that_is_too_large_is_refused(staff: Visitor) -> None:
    csrf = (await staff.get("/find")).csrf

    page = await staff.post("/events/x/replay", {"csrf": csrf, "note": "x" * 100_000})

    assert (page.status, "too much text" in page.text) == (413, True)
