"""The listener for ops."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.unit.http.fakes import FakeLog
from worker.entrypoints.http import admin as module
from worker.entrypoints.http.admin import AdminDeps, HealthCheck, build_admin
from worker.entrypoints.http.listener import listen

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass
class Health:
    alive: list[HealthCheck] = field(default_factory=lambda: [HealthCheck("loop", ok=True)])
    ready: list[HealthCheck] = field(
        default_factory=lambda: [
            HealthCheck("database", ok=True),
            HealthCheck("redis", ok=True, detail="9.1"),
        ]
    )
    hangs: bool = False
    log: FakeLog = field(default_factory=FakeLog)

    def livez(self) -> Sequence[HealthCheck]:
        return self.alive

    async def readyz(self) -> Sequence[HealthCheck]:
        if self.hangs:
            await asyncio.Event().wait()
        return self.ready


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
async def http(health: Health) -> AsyncIterator[aiohttp.ClientSession]:
    deps = AdminDeps(
        metrics=lambda accept: (
            b"# EOF\n",
            OPENMETRICS if "openmetrics" in accept else "text/plain",
        ),
        livez=health.livez,
        readyz=health.readyz,
        version={"version": "1.2.3", "commit": "abc"},
        api="127.0.0.1:8080",
        log=health.log,
    )
    runner = await listen(build_admin(deps), "127.0.0.1", 0, drain_seconds=1)
    host, port = runner.addresses[0]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        yield session
    await runner.cleanup()


async def test_metrics_come_in_the_form_that_is_asked_for(http: aiohttp.ClientSession) -> None:
    async with http.get("/metrics", headers={"Accept": "application/openmetrics-text"}) as reply:
        assert reply.headers["Content-Type"] == OPENMETRICS
        assert await reply.read() == b"# EOF\n"
    async with http.get("/metrics") as reply:
        assert reply.headers["Content-Type"] == "text/plain"


async def test_the_version_is_told(http: aiohttp.ClientSession) -> None:
    async with http.get("/version") as reply:
        assert await reply.json() == {"version": "1.2.3", "commit": "abc"}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/activations"), ("PUT", "/v1/accounts/a"), ("POST", "/v1/activations/a/cancel")],
)
async def test_a_call_of_the_api_is_told_where_that_is(
    http: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with http.request(method, path, headers={"Expect": "100-continue"}) as reply:
        problem = await reply.json()

    assert (reply.status, problem["type"]) == (404, "/problems/not-found")
    assert problem["detail"] == (
        "This is the admin listener (admin.listen); the API listens at 127.0.0.1:8080 (api.listen)"
    )


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_a_probe_of_something_well_is_200_and_short(
    http: aiohttp.ClientSession, path: str
) -> None:
    async with http.get(path) as reply:
        assert (reply.status, await reply.json()) == (200, {"status": "ok"})
    async with http.head(path) as reply:
        assert reply.status == 200


async def test_a_loop_that_stands_still_fails_livez_only(
    http: aiohttp.ClientSession, health: Health
) -> None:
    health.alive = [
        HealthCheck("loop", ok=True),
        HealthCheck("watch", ok=False, detail="no tick for 61 s"),
    ]
    async with http.get("/livez?verbose") as reply:
        assert reply.status == 503
        assert await reply.json() == {
            "status": "failing",
            "checks": [
                {"name": "loop", "ok": True, "detail": ""},
                {"name": "watch", "ok": False, "detail": "no tick for 61 s"},
            ],
        }
    async with http.get("/readyz") as reply:
        assert reply.status == 200


async def test_a_dependency_that_is_away_fails_readyz_only(
    http: aiohttp.ClientSession, health: Health
) -> None:
    health.ready = [
        HealthCheck("database", ok=False, detail="refused"),
        HealthCheck("redis", ok=True),
    ]
    async with http.get("/readyz?verbose=1") as reply:
        assert reply.status == 503
        checks = (await reply.json())["checks"]
    assert [(check["name"], check["ok"]) for check in checks] == [
        ("database", False),
        ("redis", True),
    ]
    async with http.get("/livez") as reply:
        assert reply.status == 200


async def test_without_what_it_can_do_without_it_is_ready_and_degraded(
    http: aiohttp.ClientSession, health: Health
) -> None:
    health.ready = [
        HealthCheck("database", ok=True),
        HealthCheck("redis", ok=False, detail="away", needed=False),
    ]
    async with http.get("/readyz?verbose") as reply:
        assert reply.status == 200
        assert await reply.json() == {
            "status": "degraded",
            "checks": [
                {"name": "database", "ok": True, "detail": ""},
                {"name": "redis", "ok": False, "detail": "away"},
            ],
        }


async def test_a_dependency_that_does_not_answer_is_not_waited_for(
    http: aiohttp.ClientSession, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READY_SECONDS", 0.01)
    health.hangs = True
    async with http.get("/readyz?verbose") as reply:
        assert reply.status == 503
        assert (await reply.json())["checks"][0]["detail"] == "no answer within 0.01 s"


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/x", 404), ("POST", "/livez", 405)]
)
async def test_what_is_not_there_is_a_problem_here_too(
    http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, path) as reply:
        assert reply.status == status
        assert reply.content_type == "application/problem+json"


async def test_only_probes_that_fail_are_logged(
    http: aiohttp.ClientSession, health: Health
) -> None:
    async with http.get("/livez"):
        pass
    assert not health.log.lines
    health.alive = [HealthCheck("loop", ok=False)]
    async with http.get("/livez"):
        pass
    assert [fields["status"] for _, fields in health.log.lines] == [503]
