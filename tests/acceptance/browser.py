"""A real Chromium, driven as a person would: by names that a screen reader says, and by keys."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

DRIVER: Final = shutil.which("chromedriver")
CHROMIUM: Final = shutil.which("chromium")
#: Set where a browser must be there, so that its absence is a failure.
REQUIRED: Final = "BROWSER_REQUIRED"
SECONDS: Final = 10
PHONE: Final = (390, 844)
SCREEN: Final = (1280, 800)
_STALE: Final = (StaleElementReferenceException,)  #: The page was replaced while it was read.
#: Where a name may be written: what is found by it must then be called so.
_WRITTEN: Final = {
    "button": "//button[normalize-space()={0}]",
    "field": "//*[@id=//label[normalize-space()={0}]/@for] | //*[@aria-label={0}]",
    "heading": "//h1[normalize-space()={0}] | //h2[normalize-space()={0}]",
}


def missing() -> str | None:
    """Why no browser can be started here."""
    if DRIVER and CHROMIUM:
        return None
    return "no chromium and chromedriver here: apt-get install chromium chromium-driver"


def is_required() -> bool:
    return bool(os.environ.get(REQUIRED))


def require_browser() -> None:
    """Skips the test where there is none, and fails it where one must be there."""
    why = missing()
    if why is not None:
        assert not is_required(), f"{why}; {REQUIRED} is set"
        pytest.skip(why)


@dataclass(frozen=True)
class Browser:
    driver: Chrome
    url: str

    def size(self, size: tuple[int, int], *, dark: bool = False) -> None:
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.cdp("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.cdp("Emulation.setEmulatedMedia", {"features": [scheme]})

    def cdp(self, command: str, parameters: dict[str, Any]) -> Any:
        return self.driver.execute_cdp_cmd(command, parameters)

    def open(self, path: str) -> None:
        self.driver.get(self.url + path)

    def sign_in(self, token: str) -> None:
        self.open("/sign-in")
        self.type_into("Token", token)
        self.press("Sign in")

    def named(self, kind: str, name: str) -> list[WebElement]:
        """By what a screen reader says, among what can be seen."""
        found = self.driver.find_elements(By.XPATH, _WRITTEN[kind].format(f'"{name}"'))
        return [one for one in found if one.is_displayed() and one.accessible_name == name]

    def one(self, kind: str, name: str) -> WebElement:
        found: WebElement = self.until(lambda: next(iter(self.named(kind, name)), None))
        return found

    def press(self, name: str) -> None:
        self.one("button", name).click()

    def press_first(self, start: str) -> None:
        """The button whose name starts so."""
        path = f'//button[starts-with(normalize-space(), "{start}")]'
        self.driver.find_elements(By.XPATH, path)[0].click()

    def must_scroll_to(self, kind: str, name: str) -> bool:
        place = self.one(kind, name).rect
        bottom = place["y"] + place["height"]
        return bool(bottom > self.driver.execute_script("return window.innerHeight"))

    def type_into(self, name: str, text: str) -> None:
        field = self.one("field", name)
        field.clear()
        field.send_keys(text)

    def type_date(self, name: str, at: datetime) -> None:
        """How it is typed depends on the browser's language, what the field then holds does not."""
        script = "arguments[0].value = arguments[1]"
        self.driver.execute_script(script, self.one("field", name), f"{at:%Y-%m-%dT%H:%M}")

    def choose(self, name: str, option: str) -> None:
        """Of a list."""
        Select(self.one("field", name)).select_by_visible_text(option)

    def unfold(self, name: str) -> None:
        """What is folded under this name."""
        path = f'//details[not(@open)]/summary[normalize-space()="{name}"]'
        self.until(lambda: self.driver.find_elements(By.XPATH, path))[0].click()

    def find(self, text: str) -> None:
        """As a person does, from whatever page is open."""
        field = self.one("field", "Find")
        field.clear()
        field.send_keys(text, Keys.ENTER)

    def follow(self, name: str) -> None:
        self.until(lambda: self.driver.find_elements(By.LINK_TEXT, name))[0].click()

    def keys(self, *keys: str) -> None:
        """To whatever has the focus."""
        ActionChains(self.driver).send_keys(*keys).perform()

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def sees(self, text: str) -> None:
        self.until(lambda: text in self.text, f"{text!r} on {self.driver.current_url}")

    def until(self, met: Any, what: str = "") -> Any:
        wait = WebDriverWait(self.driver, SECONDS, poll_frequency=0.05, ignored_exceptions=_STALE)
        return wait.until(lambda _: met(), what)

    def console(self) -> list[str]:
        """What the browser complained of since the last call."""
        log = self.driver.execute("getLog", {"type": "browser"})["value"]
        return [each["message"] for each in log]

    def is_wider_than_its_window(self) -> bool:
        script = "return document.documentElement.scrollWidth > window.innerWidth"
        return bool(self.driver.execute_script(script))

    def picture(self, file: Path) -> None:
        file.write_bytes(self.driver.get_screenshot_as_png())


@contextmanager
def browser(url: str) -> Iterator[Browser]:
    options = ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",  # Tests run as root, too.
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-extensions",
        "--disable-background-networking",
        "--force-color-profile=srgb",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(DRIVER))
    try:
        yield Browser(driver, url)
    finally:
        driver.quit()
