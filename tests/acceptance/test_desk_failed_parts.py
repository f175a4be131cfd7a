"""The desk in a real Chromium, where a part of a page fails, comes late or does not come."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.acceptance.browser import SCREEN, Browser, browser, require_browser
from tests.conftest import Background
from tests.unit.http.caller import WRITE_TOKEN
from tests.unit.http.conftest import World, deps_over
from tests.unit.http.fakes import NOW, with_code
from worker.client import Client
from worker.domain.ids import ActivationId
from worker.entrypoints.desk import DeskConfig, build_desk
from worker.entrypoints.http.api import build_api
from worker.entrypoints.http.listener import listen

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

AT: Final = "2026-01-01T10:00:00.000000Z"
A, B, C = (str(UUID(int=each)) for each in (1, 2, 3))  #: What waits, in this order.
BUSY: Final = {"type": "/problems/store-unavailable", "title": "No database", "status": 503}


def review(id_: str) -> dict[str, Any]:
    return {
        "id": id_, "case": id_, "kind": "claim", "account": f"customer-{id_[-1]}",
        "order_ref": None, "charge": "hold", "opened_at": AT, "reason": "judge_request",
        "sentences": [], "proposed_minor": 120, "currency": "USD", "destination": "balance",
        "by_when": AT, "late": False, "facts": {}, "said": [], "activation": None, "rental": None,
        "other_cases": [], "answers": [],
    }  # fmt: skip


@dataclass
class FaultyApi:
    """The API over fakes, with three reviews; a call is named by its review or by its last word."""

    background: Background
    world: World = field(default_factory=lambda: World(events_wanted=True))
    fails: set[str] = field(default_factory=set)
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    @web.middleware
    async def faulty(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        name = request.query.get("id") or request.path.rpartition("/")[2]
        self.asked.append(name)
        if name in self.held:
            await self.held[name].wait()
        if name in self.fails:
            return web.json_response(BUSY, status=503, content_type="application/problem+json")
        if request.path != "/v1/reviews":
            return await handler(request)
        ids = [request.query["id"]] if "id" in request.query else [A, B, C]
        return web.json_response({"items": [review(id_) for id_ in ids], "next_cursor": None})

    def hold(self, name: str) -> None:
        self.held[name] = asyncio.Event()

    def release(self, name: str) -> None:
        async def go() -> None:
            self.held.pop(name).set()

        self.background.run(go())


@dataclass
class FaultySite:
    api: FaultyApi
    url: str
    api_url: str
    number: str = ""  #: Live, with a code.

    async def rent(self) -> None:
        async with Client(self.api_url, WRITE_TOKEN) as client:
            await client.open_account("ann", currency="USD")
            await client.top_up_account("ann", reference="first", amount_minor=10_000)
            number = await client.watch_number(
                "alpha", "77001", account="ann", phone="+12025550100", service="tg", country="0",
                price_minor=150, order_ref="ORD-77001",
            )  # fmt: skip
        self.number, reads = number["id"], self.api.world.reads
        reads.put(with_code(reads.found[ActivationId(UUID(self.number))], "421337"))


@pytest.fixture(scope="module")
def faulty_site(background: Background) -> Iterator[FaultySite]:
    require_browser()
    stack, faulty = AsyncExitStack(), FaultyApi(background)

    async def serve(app: web.Application) -> str:
        runner = await listen(app, "127.0.0.1", 0, drain_seconds=1)
        stack.push_async_callback(runner.cleanup)
        host, port = runner.addresses[0]
        return f"http://{host}:{port}"

    async def start() -> FaultySite:
        api = build_api(deps_over(faulty.world))
        api.middlewares.append(faulty.faulty)
        api_url = await serve(api)
        desk = build_desk(DeskConfig(api_url=api_url, now=lambda: NOW))

        async def count(request: web.Request, _response: web.StreamResponse) -> None:
            faulty.answered.append(request.path.rpartition("/")[2])

        desk.on_response_prepare.append(count)
        site = FaultySite(faulty, await serve(desk), api_url)
        await site.rent()
        return site

    yield background.run(start())
    background.run(stack.aclose())


@pytest.fixture(scope="module")
def open_browser(faulty_site: FaultySite) -> Iterator[Browser]:
    with browser(faulty_site.url) as opened:
        opened.size(SCREEN)
        opened.sign_in(WRITE_TOKEN)
        opened.one("heading", "Waiting for you")
        opened.cdp("Network.enable", {})
        yield opened


@pytest.fixture
def api(faulty_site: FaultySite) -> Iterator[FaultyApi]:
    api = faulty_site.api
    yield api
    api.fails.clear()
    for name in list(api.held):
        api.release(name)


@pytest.fixture
def staff(open_browser: Browser, api: FaultyApi) -> Iterator[Browser]:
    """Review A is open; at the end the desk can be reached again, whatever the test did."""
    api.asked.clear()
    api.answered.clear()
    open_browser.open("/")
    open_browser.sees("customer-1")
    yield open_browser
    reach(open_browser, offline=False)
    _ = open_browser.console()  # That calls failed or were given up.


def reach(staff: Browser, *, offline: bool) -> None:
    """Whether the desk can be reached."""
    unlimited = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    staff.cdp("Network.emulateNetworkConditions", {"offline": offline, **unlimited})


def alerts_in(staff: Browser, part: str) -> list[WebElement]:
    found = staff.driver.find_elements(By.CSS_SELECTOR, f"#{part} [role=alert]")
    return [alert for alert in found if alert.is_displayed()]


def decides(staff: Browser) -> str:
    """The review that the form on the page would decide."""
    form = staff.driver.find_element(By.CSS_SELECTOR, "form.decide")
    return str(form.get_attribute("action")).split("/")[-2]


def chosen(staff: Browser) -> str:
    link = staff.driver.find_element(By.CSS_SELECTOR, "[data-review][aria-current]")
    return str(link.get_attribute("href")).rpartition("=")[2]


def ask_for_another_page(staff: Browser) -> None:
    """What was answered before that has reached the page afterwards."""
    staff.driver.execute_async_script("fetch('/providers').finally(arguments[0])")


def test_where_the_api_fails_no_form_of_the_review_before_is_left(
    staff: Browser, api: FaultyApi
) -> None:
    api.fails.add(B)

    staff.keys("j")

    (alert,) = staff.until(lambda: alerts_in(staff, "review"))
    assert "No database" in alert.text
    assert chosen(staff) == B
    assert staff.named("button", "Grant") == []
    assert staff.named("field", "Note") == []


def test_where_the_desk_does_not_answer_no_form_of_the_review_before_is_left(
    staff: Browser,
) -> None:
    reach(staff, offline=True)

    staff.keys("j")

    (alert,) = staff.until(lambda: alerts_in(staff, "review"))
    assert "The desk does not answer" in alert.text
    assert staff.named("button", "Grant") == []
    reach(staff, offline=False)
    staff.keys("k")
    staff.until(lambda: staff.named("button", "Grant"))
    assert decides(staff) == A


def test_until_a_review_comes_the_one_before_cannot_be_decided(
    staff: Browser, api: FaultyApi
) -> None:
    api.hold(B)

    staff.keys("j")
    staff.until(lambda: B in api.asked)

    staff.keys(Keys.ENTER)
    assert staff.driver.switch_to.active_element.get_attribute("id") != "note"
    staff.until(lambda: not staff.named("button", "Grant"))
    api.release(B)
    staff.until(lambda: staff.named("button", "Grant"))
    assert decides(staff) == B
    staff.keys(Keys.ENTER)
    assert staff.driver.switch_to.active_element.get_attribute("id") == "note"


def test_a_review_that_comes_after_the_next_one_does_not_take_its_place(
    staff: Browser, api: FaultyApi
) -> None:
    api.hold(B)
    staff.keys("j")
    staff.until(lambda: B in api.asked)
    staff.keys("j")
    staff.until(lambda: decides(staff) == C)

    api.release(B)
    staff.until(lambda: B in api.answered)
    ask_for_another_page(staff)

    assert (chosen(staff), decides(staff)) == (C, C)


def test_a_review_that_is_opened_in_another_tab_leaves_this_page_as_it_is(staff: Browser) -> None:
    here = staff.driver.current_window_handle
    link = staff.driver.find_element(By.CSS_SELECTOR, f"[data-review][href*='{B}']")

    control = ActionChains(staff.driver).key_down(Keys.CONTROL)
    control.click(link).key_up(Keys.CONTROL).perform()

    (there,) = staff.until(lambda: set(staff.driver.window_handles) - {here})
    ask_for_another_page(staff)
    assert (chosen(staff), decides(staff)) == (A, A)
    staff.driver.switch_to.window(there)
    staff.sees("customer-2")
    assert decides(staff) == B
    staff.driver.close()
    staff.driver.switch_to.window(here)


def test_a_failed_look_at_the_codes_is_told_and_can_be_pressed_again(
    staff: Browser, api: FaultyApi, faulty_site: FaultySite
) -> None:
    api.fails.add("shown")
    staff.open(f"/a/{faulty_site.number}")

    staff.press("Show code")
    (alert,) = staff.until(lambda: alerts_in(staff, "codes"))
    assert "No database" in alert.text
    reach(staff, offline=True)
    staff.press("Show code")
    staff.sees("The desk does not answer")
    reach(staff, offline=False)
    api.fails.clear()
    staff.press("Show code")

    staff.sees("421337")
    assert alerts_in(staff, "codes") == []


def test_who_presses_twice_looks_at_the_codes_once(
    staff: Browser, api: FaultyApi, faulty_site: FaultySite
) -> None:
    api.hold("shown")
    api.fails.add("shown")
    staff.open(f"/a/{faulty_site.number}")

    staff.press("Show code")
    staff.until(lambda: "shown" in api.asked)
    staff.press("Show code")
    api.release("shown")
    staff.until(lambda: alerts_in(staff, "codes"))
    ask_for_another_page(staff)

    assert api.asked.count("shown") == 1


def test_a_timeline_that_nobody_answers_for_says_that_it_is_old(
    staff: Browser, api: FaultyApi, faulty_site: FaultySite
) -> None:
    staff.open(f"/a/{faulty_site.number}")
    assert alerts_in(staff, "live") == []

    api.fails.add(faulty_site.number)
    (alert,) = staff.until(lambda: alerts_in(staff, "live"))
    assert "Nobody answers just now" in alert.text
    assert "for the customer" in staff.text
    api.fails.clear()
    staff.until(lambda: not alerts_in(staff, "live"))
    reach(staff, offline=True)
    staff.until(lambda: alerts_in(staff, "live"))
    reach(staff, offline=False)
    staff.until(lambda: not alerts_in(staff, "live"))


def test_what_is_answered_too_late_counts_as_not_answered(
    staff: Browser, api: FaultyApi, faulty_site: FaultySite
) -> None:
    configured = staff.driver.execute_script("return htmx.config.timeout")
    assert configured == 20_000
    staff.driver.execute_script("htmx.config.timeout = 300")
    api.hold(B)

    staff.keys("j")

    (alert,) = staff.until(lambda: alerts_in(staff, "review"))
    assert "The desk does not answer" in alert.text
    staff.open(f"/a/{faulty_site.number}")
    staff.driver.execute_script("htmx.config.timeout = 300")
    api.hold(faulty_site.number)
    staff.until(lambda: alerts_in(staff, "live"))
