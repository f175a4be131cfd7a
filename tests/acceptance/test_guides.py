"""Every block of the guides, run against a daemon from the wheel, outside the checkout."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import pytest

from tests.acceptance.guides import (
    blocks_of,
    differences,
    environment_of,
    last_json,
    printed,
    run_page,
)
from tests.acceptance.world import Process, spawn_command
from tests.forked_commands import forked_commands

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
API_URL, SHOP_URL = "http://127.0.0.1:8080", "http://127.0.0.1:8090"
PAGES = ("api", "webhooks", "arq", "migrating", "operating", "symptoms")
#: Of a page whose servers are the reader's own: the restore drill runs these.
RUN_ELSEWHERE = {"bash", "ini"}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_b3RoZXIgc2VjcmV0IG9mIHRoZSBzaG9w"


@dataclass
class Guided:
    """`dev` from the wheel, in a folder of its own, as the first block of the guides starts it."""

    site: Path
    home: Path
    daemon: Process
    api_url: str
    shop_port: int
    environment: dict[str, str]

    @property
    def token(self) -> str:
        context: dict[str, str] = json.loads((self.home / ".state/dev/context.json").read_text())
        return context["token"]

    def here(self, text: str) -> str:
        """A block with the ports that this run has instead of the usual ones."""
        there = text.replace(API_URL, self.api_url)
        return there.replace("8090", str(self.shop_port))


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, installed beside the packages that it needs."""
    made = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(made), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = made.glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(made / "site"), str(wheel)], check=True)
    return made / "site"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder as a person's: open, and with a path so short that a socket's fits."""
    with TemporaryDirectory(prefix="aw-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.fixture(scope="module")
def guided(site: Path, home: Path) -> Iterator[Guided]:
    port = _free_port()
    environment = environment_of(site, Path(sys.executable))
    switched_on = blocks_of(ROOT / "worker/docs/webhooks.md")[0].text
    assert switched_on.splitlines()[-1] == "activation-worker dev"
    listen = "AW_API__LISTEN=127.0.0.1:0 AW_ADMIN__LISTEN=127.0.0.1:0 AW_DESK__LISTEN=127.0.0.1:0"
    command = f"cd {home}\nexport {listen}\nexec_it() {{ exec activation-worker dev; }}\n" + (
        switched_on.replace("8090", str(port)).replace("activation-worker dev", "exec_it")
    )
    daemon = spawn_command(["bash", "-euc", command], home / "dev.log", environment)
    try:
        _wait_until_ready(daemon)
        line = daemon.line("activation-worker: api")
        assert line is not None
        yield Guided(site, home, daemon, line.split()[-1], port, environment)
    finally:
        if daemon.popen.poll() is None:
            daemon.terminate()


@pytest.fixture(scope="module")
def forks(site: Path) -> Iterator[Path]:
    """Where a command is found that needs no interpreter of its own."""
    with TemporaryDirectory(prefix="aw-") as folder, forked_commands(Path(folder), site) as forks:
        yield forks


def _wait_until_ready(daemon: Process) -> None:
    async def ready() -> None:
        async with asyncio.timeout(90):
            while daemon.line("activation-worker: ready") is None:
                assert daemon.popen.poll() is None, daemon.log.read_text()
                await asyncio.sleep(0.1)

    asyncio.run(ready())


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_runs_and_prints_what_the_page_shows(
    guided: Guided, page: str, forks: Path
) -> None:
    blocks = [
        type(block)(block.kind, guided.here(block.text))
        for block in blocks_of(guided.site / f"worker/docs/{page}.md")
        if block.kind not in RUN_ELSEWHERE
    ]
    assert {block.kind for block in blocks} <= {"sh", "python", "json"}
    starts = [b for b in blocks if b.text.splitlines()[-1] == "activation-worker dev"]
    runs = [b for b in blocks if b not in starts]
    # Every page sets by itself what it needs; only the port is the test's.
    environment = {**guided.environment, "PORT": str(guided.shop_port)}
    if page == "symptoms":  # Twenty commands.
        environment["PATH"] = f"{forks}{os.pathsep}{environment['PATH']}"

    done = run_page(runs, guided.home, environment)

    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    said = printed(done.stdout)
    text = (guided.site / f"worker/docs/{page}.md").read_text()
    for line in re.findall("The last line is `(.+?)`", text):
        assert line in done.stdout.splitlines()
    shown = [at for at, block in enumerate(runs) if block.kind == "json"]
    assert shown
    for at in shown:
        real = last_json(said[at - 1])
        assert list(differences(json.loads(runs[at].text), real)) == [], real


def _wait_until_listens(process: Process, port: int) -> None:
    latest = time.monotonic() + 60
    while process.popen.poll() is None and time.monotonic() < latest:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(process.log.read_text())


@pytest.fixture
async def shop(guided: Guided, tmp_path: Path) -> AsyncIterator[str]:
    token = guided.token
    environment = {
        **guided.environment,
        "AW_URL": guided.api_url,
        "AW_TOKEN": token,
        "AW_EVENTS__SECRET": SECRET,
        "PORT": str(guided.shop_port),
    }
    page = guided.site / "worker/docs/shop.py"
    process = spawn_command([sys.executable, str(page)], tmp_path / "shop.log", environment)
    try:
        await asyncio.to_thread(_wait_until_listens, process, guided.shop_port)
        yield f"http://127.0.0.1:{guided.shop_port}"
    finally:
        process.end()


async def _post(http: aiohttp.ClientSession, url: str, **body: Any) -> tuple[int, Any]:
    async with http.post(url, json=body) as response:
        return response.status, await response.json()


async def _told(http: aiohttp.ClientSession, url: str, what: str) -> Any:
    """The number, once the shop was told that of it."""
    async with asyncio.timeout(60):
        while True:
            async with http.get(url) as response:
                number = await response.json()
            if what in number["told"]:
                return number
            await asyncio.sleep(0.2)


async def test_the_small_shop_sells_codes_and_gives_money_back(guided: Guided, shop: str) -> None:
    assert len((guided.site / "worker/docs/shop.py").read_text().splitlines()) <= 80
    async with aiohttp.ClientSession() as http:
        payment = {"customer": "zoe", "id": "p-1", "cents": 300}
        assert (await _post(http, f"{shop}/pay", **payment))[1]["available_minor"] == 300
        assert (await _post(http, f"{shop}/pay", **payment))[1]["available_minor"] == 300
        ids = {}
        for id_, service, seconds in (("a", "timeout", 5), ("b", "code-arrives:3", 15)):
            order = {"customer": "zoe", "id": f"zoe-{id_}", "service": service}
            status, number = await _post(http, f"{shop}/numbers", **order, seconds=seconds)
            assert status == 200, number
            ids[service] = number["id"]

        refused = await _post(
            http, f"{shop}/numbers", customer="zoe", id="zoe-c", service="timeout", seconds=5
        )
        assert (refused[0], refused[1]["why"]) == (409, "balance-too-low")
        refunded = await _told(http, f"{shop}/numbers/{ids['timeout']}", "activation.refunded")
        assert refunded["state"] == "refunded"
        sold_url = f"{shop}/numbers/{ids['code-arrives:3']}"
        sold = await _told(http, sold_url, "activation.code_received")
        assert sold["codes"]

        last = {"customer": "zoe", "id": "zoe-d", "service": "timeout", "seconds": 60}
        _, number = await _post(http, f"{shop}/numbers", **last)
        _, cancelled = await _post(http, f"{shop}/numbers/{number['id']}/cancel")
        assert cancelled["state"] in {"refunded", "expiring"}
        await _told(http, f"{shop}/numbers/{number['id']}", "activation.refunded")


@pytest.mark.parametrize(
    ("secrets", "status"), [([OTHER], 401), ([OTHER, SECRET], 204), ([SECRET], 204), ([], 401)]
)
async def test_the_small_shop_takes_no_event_that_is_not_genuine(
    shop: str, secrets: list[str], status: int
) -> None:
    body, now = b'{"type": "activation.closed", "data": {"id": "1"}}', int(time.time())
    keys = (base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets)
    hashes = (hmac.digest(key, b"1.%d.%b" % (now, body), hashlib.sha256) for key in keys)
    given = " ".join(f"v1,{base64.b64encode(each).decode()}" for each in hashes)
    headers = {"webhook-id": "1", "webhook-timestamp": str(now), "webhook-signature": given}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{shop}/events", data=body, headers=headers) as response,
    ):
        assert response.status == status


#: A shop's own code, which relies on what the client's types say.
TYPED = """
from worker.client import ApiProblem, Client
from worker.domain.policy import load_profile

async def buy(client: Client) -> str:
    try:
        number = await client.rent_number(
            account="ann", provider=["sim"], service="tg", country="0", price_minor=120,
            idempotency_key="order-1",
        )
    except ApiProblem as problem:
        return problem.slug
    async for seen in client.changes(number["id"]):
        for code in seen["codes"]:
            return code["code"]
    wrong: int = seen["phone"]
    return number["stat"] or load_profile("default")
"""


def test_the_types_of_the_client_reach_a_shop_that_is_checked_strictly(
    site: Path, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(TYPED)
    checked = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", "shop.py"]

    # Where it runs it finds the wheel as installed, and no settings of ours.
    done = subprocess.run(
        checked,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )

    codes = [line.rsplit("[", 1)[-1] for line in done.stdout.splitlines() if ": error:" in line]
    assert sorted(codes) == ["assignment]", "return-value]", "typeddict-item]"], done.stdout


@pytest.mark.parametrize("page", [*PAGES, "life", "words", "changing", "shop.py"])
def test_the_command_prints_the_pages_that_ship(site: Path, page: str) -> None:
    environment = environment_of(site, Path(sys.executable))

    done = subprocess.run(
        ["activation-worker", "docs", page],
        env=environment, cwd="/", capture_output=True, text=True, check=True,
    )  # fmt: skip

    name = page if page.endswith(".py") else f"{page}.md"
    assert done.stdout == (ROOT / "worker/docs" / name).read_text()
