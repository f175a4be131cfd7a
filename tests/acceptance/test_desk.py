"""The desk in a real Chromium, on a phone and on a screen, by keyboard and by buttons."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.acceptance.browser import PHONE, SCREEN, Browser, browser, require_browser
from tests.acceptance.desk_site import (
    CUSTOMER,
    HOSTILE_SMS,
    LONG_NAME,
    READER,
    DeskSite,
    desk_site,
)
from tests.acceptance.guides import blocks_of
from tests.acceptance.tickets import OF_EACH_RUN, TICKETS
from tests.acceptance.world import PROVIDER, TOKEN
from tests.conftest import TEMPLATE, Background, Databases
from worker.entrypoints.embedded import Servers

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

GUIDE = Path(__file__).parents[2] / "worker/docs/desk.md"
sizes = pytest.mark.parametrize("size", [PHONE, SCREEN], ids=["phone", "screen"])


@pytest.fixture(scope="module", autouse=True)
def browser_is_here() -> None:
    require_browser()


@pytest.fixture(scope="module")
def site(
    databases: Databases,
    servers: Servers,
    background: Background,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DeskSite]:
    """The desk as its guide starts it."""
    name = "aw_desk"
    databases.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    home = tmp_path_factory.mktemp("desk")
    (command,) = [b.text for b in blocks_of(GUIDE) if b.text.startswith("activation-worker desk")]
    desk = command.split()[1:2]
    with desk_site(databases.url(name), servers.redis_url, home, background, desk) as made:
        yield made
    databases.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="module")
def open_browser(site: DeskSite, browser_is_here: None) -> Iterator[Browser]:  # noqa: ARG001 - its fixture comes first
    with browser(site.url) as opened:
        opened.size(SCREEN)
        opened.sign_in(TOKEN)
        opened.one("heading", "Waiting for you")
        yield opened


@pytest.fixture
def staff(open_browser: Browser) -> Iterator[Browser]:
    """Signed in; whatever the test does, the browser has nothing to complain of."""
    open_browser.size(SCREEN)
    yield open_browser
    assert open_browser.console() == []


def test_a_number_is_found_by_each_of_five_keys(staff: Browser, site: DeskSite) -> None:
    number = site.rent("timeout", "FIVE-KEYS")
    phone, ref = number["phone"] or "", number["provider_ref"] or ""

    for key in (f"+{phone}", phone[-6:], "FIVE-KEYS", ref, number["id"][-8:]):
        staff.open("/providers")
        staff.keys("/")
        staff.keys(key, Keys.ENTER)
        staff.until(lambda: staff.driver.current_url.endswith(f"/a/{number['id']}"), key)
        staff.one("heading", f"+{phone}")


@sizes
def test_a_review_is_decided_by_keyboard_alone(
    staff: Browser, site: DeskSite, size: tuple[int, int]
) -> None:
    staff.size(size)
    site.decide_all()
    numbers = [site.rent("timeout", f"KEYS-{size[0]}-{each}", LONG_NAME) for each in (1, 2)]
    for number in numbers:
        site.receive(number["id"], "421337")
    first, second = [site.claim(each["id"], f"wrong, says {each['id']}") for each in numbers]

    staff.open("/")
    staff.sees(numbers[0]["id"])
    staff.keys("j")
    staff.sees(numbers[1]["id"])
    staff.keys("k")
    staff.sees(numbers[0]["id"])
    assert not staff.must_scroll_to("button", "Deny")
    staff.keys(Keys.ENTER)
    staff.keys("the code is right")
    staff.keys(Keys.TAB, Keys.TAB, Keys.TAB, Keys.ENTER)  # Amount, Grant, Deny.
    staff.sees("Denied.")

    assert site.case(first["id"])["state"] == "denied"
    staff.sees(numbers[1]["id"])
    staff.type_into("Note", "the second one is wrong indeed")
    staff.type_into("Amount", "1.00")
    staff.press("Deny")
    staff.sees("Nothing waits for you")
    verdict = site.case(second["id"])
    assert (verdict["state"], verdict["moved_minor"]) == ("denied", 0)


@sizes
def test_a_number_is_cancelled_by_its_button(
    staff: Browser, site: DeskSite, size: tuple[int, int]
) -> None:
    staff.size(size)
    number = site.rent("timeout", f"CANCEL-{size[0]}")

    staff.open(f"/a/{number['id']}")
    staff.press("Cancel number")
    staff.sees("Cancel is pressed")

    site.until(number["id"], lambda now: now["state"] == "refunded")
    staff.sees("is back on the balance")  # The page follows by itself.
    assert staff.named("button", "Cancel number") == []


@sizes
def test_a_code_is_shown_on_request_alone_and_another_is_asked_for(
    staff: Browser, site: DeskSite, size: tuple[int, int]
) -> None:
    staff.size(size)
    number = site.rent("timeout", f"CODE-{size[0]}")
    staff.open(f"/a/{number['id']}")
    site.receive(number["id"], "421337")

    staff.one("button", "Show code")  # It has come while the page was open.
    assert "421337" not in staff.driver.page_source
    staff.press("Show code")
    staff.sees("421337")
    lines: list[Any] = site.number(number["id"])["timeline"]
    assert [line["by"] for line in lines if line["what"] == "shown_to_staff"] == ["shop"]

    staff.press("Send another SMS")
    staff.sees("Another SMS is asked for.")
    staff.press("Finish")
    staff.sees("Finished.")


def test_what_is_typed_stays_where_somebody_is_signed_out_and_in_again_elsewhere(
    staff: Browser, site: DeskSite
) -> None:
    number = site.rent("timeout", "SIGNED-OUT")
    staff.open(f"/a/{number['id']}")
    staff.unfold("Note to remember")
    staff.type_into("Note", "typed before")
    token = staff.driver.get_cookie("desk_token")
    assert token is not None

    staff.driver.delete_cookie("desk_token")
    staff.sees("You are signed out")
    staff.driver.add_cookie(token)
    staff.sees("for the customer")  # The number's timeline is there again, by itself.
    staff.press("Keep note")

    staff.sees("The note is kept.")
    staff.sees("typed before")


@sizes
def test_a_provider_is_paused_and_resumed(
    staff: Browser, site: DeskSite, size: tuple[int, int]
) -> None:
    staff.size(size)
    staff.open("/providers")

    for button, state in (("Pause", "paused"), ("Resume", "taking")):
        staff.type_into("Note", f"{button} for the test")
        staff.press(button)
        staff.sees(state)
        found = site.ask(lambda client: client.get_provider(PROVIDER))
        assert found["state"] == state


@sizes
def test_an_event_is_sent_again(staff: Browser, site: DeskSite, size: tuple[int, int]) -> None:
    staff.size(size)
    number = site.rent("timeout", f"EVENT-{size[0]}")
    site.receive(number["id"], "421337")
    site.until_event(number["id"])

    staff.open("/events")
    staff.press("Send again")

    staff.sees("It is sent again.")


@pytest.mark.parametrize("ticket", OF_EACH_RUN)
def test_a_ticket_is_answered_from_the_desk_alone(
    staff: Browser, site: DeskSite, ticket: str
) -> None:
    TICKETS[ticket](staff, site)


@pytest.mark.nightly
@pytest.mark.parametrize("ticket", [name for name in TICKETS if name not in OF_EACH_RUN])
def test_every_other_ticket_is_answered_from_the_desk_alone(
    staff: Browser, site: DeskSite, ticket: str
) -> None:
    TICKETS[ticket](staff, site)


def test_a_hostile_sms_and_a_hostile_id_do_nothing(staff: Browser, site: DeskSite) -> None:
    number = site.rent("timeout", "<script>document.title='owned'</script>")
    site.receive(number["id"], HOSTILE_SMS)

    for size in (PHONE, SCREEN):
        staff.size(size)
        staff.open(f"/a/{number['id']}")
        staff.press("Show code")
        staff.sees("<script>document.title='owned'</script>")
        assert "owned" not in staff.driver.title
        assert not staff.is_wider_than_its_window()
    strange = urllib.parse.quote("\"><script>document.title='owned'</script>", safe="")
    staff.open(f"/find?q={strange}")
    assert staff.one("field", "Find").get_attribute("value") == urllib.parse.unquote(strange)
    staff.open(f"/a/{strange}")
    staff.sees("There is no such activation")
    assert "owned" not in staff.driver.title
    _ = staff.console()  # That the page is a 404.


def test_every_page_fits_its_window_in_light_and_dark(staff: Browser, site: DeskSite) -> None:
    number = site.rent("timeout", "W" * 128, LONG_NAME)
    site.receive(number["id"], "421337")
    case = site.claim(number["id"], "W" * 2000)
    payout = site.withdraw("W" * 128)
    block = site.block(LONG_NAME)

    for path in (
        f"/?review={payout['id']}", f"/cases/{payout['id']}", f"/?review={block['id']}",
        f"/cases/{block['id']}?account={LONG_NAME}",
        "/", "/find?q=421337", f"/a/{number['id']}", f"/cases/{case['id']}",
        f"/accounts/{LONG_NAME}", f"/accounts/{CUSTOMER}", "/providers", "/events", "/try",
    ):  # fmt: skip
        staff.open(path)
        for size in (PHONE, SCREEN):
            for dark in (False, True):
                staff.size(size, dark=dark)
                assert not staff.is_wider_than_its_window(), (path, size)


def test_a_scenario_is_tried_beside_its_timeline(staff: Browser) -> None:
    staff.open("/try")

    staff.press_first("cancel")

    staff.sees("is back on the balance")
    staff.sees("refunded")


def test_a_code_that_arrives_is_shown_beside_its_scenario(staff: Browser) -> None:
    """The browser complains of nothing: each part that has changed is on the page."""
    staff.open("/try")

    staff.press_first("code-arrives")
    staff.sees("A code was shown at")

    staff.one("button", "Show code")
    staff.one("button", "Finish")


def test_without_scripts_the_pages_read_and_the_forms_post(staff: Browser, site: DeskSite) -> None:
    number = site.rent("timeout", "NO-SCRIPT")
    staff.cdp("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        staff.open("/find?q=NO-SCRIPT")
        staff.press("Cancel number")
        staff.sees("Cancel is pressed")
    finally:
        staff.cdp("Emulation.setScriptExecutionDisabled", {"value": False})

    site.until(number["id"], lambda now: now["state"] == "refunded")


def test_a_forged_post_changes_nothing(staff: Browser, site: DeskSite) -> None:
    """As from another site: with the browser's cookies, without the form's secret."""
    number = site.rent("timeout", "FORGED")
    staff.open("/")
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in staff.driver.get_cookies())
    forged = urllib.request.Request(
        f"{site.url}/a/{number['id']}/cancel", b"csrf=forged", {"Cookie": cookies}
    )

    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(forged)
    refused.value.close()

    assert site.number(number["id"])["state"] == "waiting"
    assert json.dumps(staff.driver.execute_script("return document.cookie")) == '""'


def test_a_token_that_reads_can_change_nothing(open_browser: Browser, site: DeskSite) -> None:
    number = site.rent("timeout", "READER")
    site.receive(number["id"], "421337")
    case = site.claim(number["id"], "look, do not touch")
    reader = open_browser
    reader.open("/")
    reader.press("Sign out")
    reader.sign_in(READER)
    try:
        for path, why in (
            (f"/?review={case['id']}", "Grant or Deny needs a token with decide"),
            (f"/a/{number['id']}", "Show code needs a token with decide"),
            ("/providers", "To pause, resume or leave it needs a token with decide"),
            ("/events", "Send again needs a token with decide"),
        ):
            reader.open(path)
            reader.sees(why)
            names = [button.text for button in reader.driver.find_elements("tag name", "button")]
            assert names == ["Sign out"]
            assert "421337" not in reader.driver.page_source
        csrf = reader.driver.find_element("name", "csrf").get_attribute("value")
        _posts(reader, f"/reviews/{case['id']}/verdict", f"csrf={csrf}&note=mine&grant=yes")
        reader.sees("your token does not allow this")
    finally:
        reader.press("Sign out")
        reader.sign_in(TOKEN)
        reader.one("heading", "Waiting for you")
        _ = reader.console()  # That refusals are 403s.

    assert site.case(case["id"])["state"] == "in_review"
    assert site.ask(lambda client: client.get_provider(PROVIDER))["state"] == "taking"


def _posts(visitor: Browser, path: str, fields: str) -> None:
    """A form that no page offered, from the same browser."""
    script = """
        const form = Object.assign(document.createElement("form"), {method: "post"});
        form.action = arguments[0];
        for (const [name, value] of new URLSearchParams(arguments[1]))
            form.append(Object.assign(document.createElement("input"), {name, value}));
        document.body.append(form);
        form.submit();
    """
    visitor.driver.execute_script(script, path, fields)
