"""Makes the pictures of the desk for the README: `python -m tests.acceptance.screenshots`.

Real processes, a shop of a dozen orders, a real browser; about half a minute.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.acceptance.browser import PHONE, SCREEN, Browser, browser, missing
from tests.acceptance.desk_site import DeskSite, desk_site
from tests.acceptance.world import TOKEN
from tests.conftest import Background
from worker.adapters.store.migrate import upgrade
from worker.entrypoints.embedded import embedded

PICTURES: Final = Path(__file__).parents[2] / "deploy/screenshots"
WINDOW: Final = (1160, 720)
BYTES_MAX: Final = 150_000
#: What customers write, each about an order of its own.
CLAIMS: Final = (
    "The site says that this code is wrong. I asked twice.",
    "I got the code of somebody else: it is for another phone.",
    "Only four of the six digits came.",
    "The code is from yesterday, the site refuses it.",
)


def main() -> None:
    why = missing()
    if why is not None:
        sys.exit(why)
    background = Background()
    with TemporaryDirectory(prefix="aw-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # The system user of PostgreSQL has to pass.
        both = embedded(home / "servers", durable=False)
        servers = background.run(both.__aenter__())
        try:
            background.run(upgrade(servers.database_url))
            where = (servers.database_url, servers.redis_url, home)
            with desk_site(*where, background, ["desk"]) as site, browser(site.url) as opened:
                take_pictures(site, opened)
        finally:
            background.run(both.__aexit__(None, None, None))
            background.close()


def take_pictures(site: DeskSite, opened: Browser) -> None:
    PICTURES.mkdir(exist_ok=True)
    names = [f"SHOP-{48_211 + each}" for each in range(len(CLAIMS))]
    numbers = [site.rent("timeout", name, window=6) for name in names]
    for number in numbers:
        site.receive(number["id"], "481 205")
    for number, words in zip(numbers, CLAIMS, strict=True):
        site.until(number["id"], lambda now: now["state"] == "delivered")
        site.claim(number["id"], words)
    ended = site.rent("timeout", "SHOP-48190", window=1)
    site.until(ended["id"], lambda now: now["state"] == "refunded")
    opened.size(SCREEN)
    opened.sign_in(TOKEN)
    picture(opened, "waiting", "/", WINDOW)
    picture(opened, "waiting-phone", "/", PHONE, dark=True)
    picture(opened, "number", f"/a/{ended['id']}", WINDOW)
    opened.size(SCREEN)
    opened.open("/try")
    opened.press_first("cancel")
    opened.sees("is back on the balance")
    picture(opened, "try", opened.driver.current_url.removeprefix(site.url), WINDOW)


def picture(opened: Browser, name: str, path: str, size: Any, *, dark: bool = False) -> None:
    opened.size(size, dark=dark)
    opened.open(path)
    opened.sees("Sign out")
    file = PICTURES / f"{name}.png"
    opened.picture(file)
    length = file.stat().st_size
    sys.stdout.write(f"{file.name}: {length:,} bytes\n")
    assert length <= BYTES_MAX, f"{file} is too large for a README"


if __name__ == "__main__":
    main()
