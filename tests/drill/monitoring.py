"""A real Prometheus and a real Alertmanager on loopback, with the shipped files made shorter."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.chaos.stage import becomes
from tests.drill.inbox import PREFIX
from tests.drill.shipped import (
    LOOKBACK,
    RESEND,
    shorter,
    write_alertmanager,
    write_prometheus,
    write_targets,
)
from tests.ops.alertmanager_server import alertmanager_command
from tests.ops.conftest import tool
from tests.ops.prometheus_server import free_port
from tests.ops.queries import DEPLOY

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 20.0
ASK_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Programs:
    """What has to be fetched, before anything else is started."""

    prometheus: Path
    alertmanager: Sequence[str]


def programs() -> Programs:
    """Raises pytest's skip, with the reason, where they cannot be had."""
    return Programs(tool("prometheus", "prometheus"), alertmanager_command())


@dataclass(frozen=True, slots=True)
class Monitoring:
    url: str  #: Of Prometheus.
    alertmanager: str
    directory: Path
    http: aiohttp.ClientSession

    def scrape(self, targets: Sequence[str]) -> None:
        write_targets(self.directory, list(targets))

    async def values(self, expr: str) -> list[float]:
        """The samples of an instant query; Prometheus refuses what it cannot run with a 400."""
        found = await self._get(f"{self.url}/api/v1/query", query=expr)
        assert found["status"] == "success", found
        data = found["data"]
        if data["resultType"] == "scalar":
            return [float(data["result"][1])]
        return [float(sample["value"][1]) for sample in data["result"]]

    async def firing(self, *, for_reading: bool = False) -> set[str]:
        """The alerts that fire now, and are meant for somebody or *for_reading*."""
        found = (await self._get(f"{self.url}/api/v1/alerts"))["data"]["alerts"]
        return {
            str(alert["labels"]["alertname"]).removeprefix(PREFIX)
            for alert in found
            if alert["state"] == "firing" and (for_reading or alert["labels"]["severity"] != "info")
        }

    async def silenced(self) -> set[str]:
        """The alerts that fire now and are told to nobody, because of another one."""
        found = await self._get(f"{self.alertmanager}/api/v2/alerts")
        return {
            str(alert["labels"]["alertname"]).removeprefix(PREFIX)
            for alert in found
            if alert["status"]["inhibitedBy"] and alert["labels"]["severity"] != "info"
        }

    async def page(self, url: str) -> str:
        async with self.http.get(url) as response:
            return await response.text() if response.status == 200 else ""

    async def _get(self, url: str, **parameters: str) -> Any:
        async with self.http.get(url, params=parameters) as response:
            return await response.json()


@asynccontextmanager
async def monitored(
    found: Programs, directory: Path, inbox: str, targets: Sequence[str]
) -> AsyncIterator[Monitoring]:
    """Both servers, with what they write below *directory*, until the block ends."""
    await asyncio.to_thread(directory.mkdir)
    prometheus, alertmanager = free_port(), free_port()
    write_targets(directory, list(targets))
    rules = write_prometheus(directory, f"127.0.0.1:{alertmanager}")
    routes = write_alertmanager(directory, inbox)
    async with AsyncExitStack() as stack:
        timeout = aiohttp.ClientTimeout(total=ASK_SECONDS)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=timeout))
        made = Monitoring(
            f"http://127.0.0.1:{prometheus}", f"http://127.0.0.1:{alertmanager}", directory, http
        )
        stack.enter_context(
            _started(
                directory / "prometheus.log",
                str(found.prometheus),
                f"--config.file={rules}",
                f"--storage.tsdb.path={directory / 'prometheus'}",
                # Debian's default is every interface.
                f"--web.listen-address=127.0.0.1:{prometheus}",
                f"--web.external-url={made.url}",
                f"--web.user-assets={DEPLOY / 'runbooks'}",
                "--enable-feature=exemplar-storage",
                f"--query.lookback-delta={shorter(LOOKBACK)}",
                f"--rules.alert.resend-delay={shorter(RESEND)}",
            )
        )
        await _answers(http, made.url, directory)
        # That nothing was scraped before the first time is no fault of a worker: nobody is told.
        calm = await becomes(partial(_is_calm, made, len(targets)), START_SECONDS)
        assert calm, f"not scraped, or something fires: {targets}, {await made.firing()}"
        stack.enter_context(
            _started(
                directory / "alertmanager.log",
                *found.alertmanager,
                f"--config.file={routes}",
                f"--storage.path={directory / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{alertmanager}",
                "--cluster.listen-address=",
            )
        )
        await _answers(http, made.alertmanager, directory)
        yield made


async def _answers(http: aiohttp.ClientSession, url: str, directory: Path) -> None:
    ready = await becomes(partial(_is_ready, http, url), START_SECONDS)
    assert ready, f"{url} is not ready; its log is in {directory}"


async def _is_calm(monitoring: Monitoring, targets: int) -> bool:
    return len(await monitoring.values("up == 1")) == targets and not await monitoring.firing()


async def _is_ready(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/-/ready") as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


@contextlib.contextmanager
def _started(log: Path, *command: str) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=log.parent, stdout=output, stderr=output, process_group=0
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
