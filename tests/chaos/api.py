"""The daemon's HTTP API and its probes, as a shop and an operator call them."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.world import TOKEN, Process

CALL_SECONDS = 60.0
PROBE_SECONDS = 5.0
PAGE = 200
PREFIX = "activation_worker_"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API; status 0 where none came."""

    status: int
    body: Mapping[str, Any]
    seconds: float

    @property
    def problem(self) -> str:
        return str(self.body.get("type", "")).removeprefix("/problems/")


class Api:
    """Calls one daemon, and measures each call."""

    def __init__(self, http: aiohttp.ClientSession, url: str, admin_url: str) -> None:
        self._http = http
        self.url = url
        self.admin_url = admin_url

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        key: str = "",
        seconds: float = CALL_SECONDS,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        if key:
            headers["Idempotency-Key"] = key
        timeout = aiohttp.ClientTimeout(total=seconds)
        began = time.monotonic()
        try:
            async with self._http.request(
                method, self.url + path, json=body, headers=headers, timeout=timeout
            ) as response:
                shown = await response.json(content_type=None)
                return Answer(response.status, shown or {}, time.monotonic() - began)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return Answer(0, {}, time.monotonic() - began)

    async def get(self, path: str) -> Mapping[str, Any]:
        answer = await self.call("GET", path)
        assert answer.status == 200, f"GET {path} answers {answer.status} {answer.problem}"
        return answer.body

    async def open_account(self, account: str, amount_minor: int) -> None:
        opened = await self.call("PUT", f"/v1/accounts/{account}", {"currency": "USD"})
        assert opened.status in {200, 201}, opened
        top_up = {"reference": "first", "amount_minor": amount_minor}
        paid = await self.call("POST", f"/v1/accounts/{account}/topups", top_up)
        assert paid.status in {200, 201}, paid

    async def views(self, account: str) -> dict[str, Mapping[str, Any]]:
        """Every activation of the account as the API shows it, by its id."""
        shown: dict[str, Mapping[str, Any]] = {}
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            page = await self.get(f"/v1/activations?account={account}&limit={PAGE}{more}")
            shown |= {str(item["id"]): item for item in page["items"]}
            cursor = page["next_cursor"]
        return shown

    async def held_minor(self, account: str) -> int:
        return int((await self.get(f"/v1/accounts/{account}"))["held_minor"])

    async def probe(self, path: str, *, fresh: bool = False) -> Answer:
        """`/livez`, `/readyz` or another page; *fresh*: over a connection of its own."""
        headers = {"Connection": "close"} if fresh else {}
        timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        began = time.monotonic()
        try:
            async with self._http.get(
                self.admin_url + path, timeout=timeout, headers=headers
            ) as response:
                shown = await response.json(content_type=None)
                return Answer(response.status, shown or {}, time.monotonic() - began)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return Answer(0, {}, time.monotonic() - began)

    async def metric(self, name: str, **labels: str) -> float | None:
        """The sum of what fits; None where the daemon has no such metric."""
        timeout = aiohttp.ClientTimeout(total=PROBE_SECONDS)
        async with self._http.get(self.admin_url + "/metrics", timeout=timeout) as response:
            page = await response.text()
        values = [
            sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == PREFIX + name and labels.items() <= sample.labels.items()
        ]
        return sum(values) if values else None


@asynccontextmanager
async def api_of(daemon: Process) -> AsyncIterator[Api]:
    api, admin = (daemon.line(f"activation-worker: {listener}") for listener in ("api", "admin"))
    assert api is not None
    assert admin is not None
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        yield Api(http, api.split()[2], admin.split()[2])
