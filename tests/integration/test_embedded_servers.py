"""The embedded servers: they serve, they keep what they should, and none outlives its owner."""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis.asyncio

from worker.entrypoints import children
from worker.entrypoints import embedded as module
from worker.entrypoints.children import Child, EmbeddedError
from worker.entrypoints.embedded import Servers, embedded

OWNER = """
import asyncio, pathlib, sys
from worker.entrypoints.embedded import embedded

async def main():
    async with embedded(pathlib.Path(sys.argv[1]), durable=False):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_both_servers_serve(database_url: str, redis_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    client = redis.asyncio.Redis.from_url(redis_url)
    try:
        assert await connection.fetchval("SHOW max_connections") == "200"
        assert (await client.info())["maxmemory_policy"] == "noeviction"
    finally:
        await connection.close()
        await client.aclose()


async def test_they_listen_on_no_port(servers: Servers) -> None:
    listening = [
        connection
        for child in (servers.postgres, servers.valkey)
        for connection in process_of(child).net_connections("inet")
    ]

    assert listening == []


async def test_a_second_start_finds_the_data_of_the_first(tmp_path: Path) -> None:
    state = short_state(tmp_path)
    async with embedded(state, durable=True) as servers:
        connection = await asyncpg.connect(servers.database_url)
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        await connection.close()
        async with redis.asyncio.Redis.from_url(servers.redis_url) as client:
            await client.set("kept", "1")

    async with embedded(state, durable=True) as servers:
        connection = await asyncpg.connect(servers.database_url)
        assert await connection.fetchval("SELECT one FROM kept") == 1
        await connection.close()
        async with redis.asyncio.Redis.from_url(servers.redis_url) as client:
            assert await client.get("kept") == b"1"


async def test_they_stop_when_the_block_fails(tmp_path: Path) -> None:
    started: list[psutil.Process] = []

    async def fail_inside() -> None:
        async with embedded(short_state(tmp_path), durable=False) as servers:
            started.extend((process_of(servers.postgres), process_of(servers.valkey)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_inside()

    assert len(started) == 2
    assert not any(process.is_running() for process in started)


def test_they_end_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(short_state(tmp_path))],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert owner.stdout is not None
    with owner, owner.stdout:
        assert owner.stdout.readline() == b"up\n"
        theirs = psutil.Process(owner.pid).children(recursive=True)
        owner.send_signal(signal.SIGKILL)

    assert running(theirs) <= {"postgres", "valkey-server"}
    gone, alive = psutil.wait_procs(theirs, timeout=20)
    assert not alive
    assert len(gone) >= 2


def running(processes: list[psutil.Process]) -> set[str]:
    """Their names; one may end while it is asked for its own."""
    names = set[str]()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            names.add(process.name())
    return names


async def test_a_run_after_a_killed_one_starts_on_its_data(tmp_path: Path) -> None:
    state = short_state(tmp_path)
    async with embedded(state, durable=False) as servers:
        servers.postgres.kill()
        servers.valkey.kill()

    async with embedded(state, durable=False) as servers:
        assert servers.postgres.is_running


async def test_a_directory_in_use_is_waited_for_then_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "LOCK_TRIES", 21)
    state = short_state(tmp_path)
    async with embedded(state, durable=False):
        with pytest.raises(
            EmbeddedError, match=r"Another process .* end it, or use another folder"
        ):
            await embedded(state, durable=False).__aenter__()

    assert "waiting for another process to stop its servers" in capsys.readouterr().err


async def test_a_missing_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)

    with pytest.raises(EmbeddedError, match=r"activation-worker\[embedded\]"):
        await embedded(tmp_path, durable=False).__aenter__()


async def test_a_long_path_does_not_break_the_sockets(tmp_path: Path) -> None:
    state = short_state(tmp_path) / ("long-" * 20)
    state.mkdir(parents=True)

    async with embedded(state, durable=False) as servers:
        connection = await asyncpg.connect(servers.database_url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is another user than PostgreSQL")
async def test_a_closed_home_moves_the_data_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = short_state(tmp_path)
    home.chmod(0o700)

    async with embedded(home / "checkout", durable=False) as servers:
        connection = await asyncpg.connect(servers.database_url)
        assert await connection.fetchval("SELECT 1") == 1
        await connection.close()

    assert "closed to PostgreSQL's user" in capsys.readouterr().err
    assert not (home / "checkout" / "postgres").exists()
    shutil.rmtree(servers.postgres.home)


async def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    child = Child(
        name="broken", command=["/bin/sh", "-c", "echo no; exit 1"], home=tmp_path, ready=never
    )

    with pytest.raises(EmbeddedError, match="broken ended at its start:\nno"):
        await child.start()
    assert not child.is_running


async def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def never() -> bool:
        asked.set()
        return False

    child = Child(name="slow", command=["/bin/sleep", "60"], home=tmp_path, ready=never)
    starting = asyncio.create_task(child.start())
    await asked.wait()
    process = process_of(child)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    assert not process.is_running()


async def test_a_server_that_does_not_answer_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "START_SECONDS", 0.05)

    async def never() -> bool:
        return False

    child = Child(name="mute", command=["/bin/sleep", "60"], home=tmp_path, ready=never)

    with pytest.raises(EmbeddedError, match="mute does not answer"):
        await child.start()
    assert not child.is_running


async def test_a_server_that_ignores_its_signal_is_ended_by_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "STOP_SECONDS", 0.05)
    deaf = tmp_path / "deaf"

    async def is_deaf() -> bool:
        return deaf.exists()

    script = f"trap '' TERM; touch {deaf}; while :; do sleep 0.05; done"
    child = Child(name="deaf", command=["/bin/sh", "-c", script], home=tmp_path, ready=is_deaf)
    await child.start()
    process = process_of(child)

    child.stop()

    assert not process.is_running()


async def test_a_program_that_fails_shows_its_log(tmp_path: Path) -> None:
    async def always() -> bool:
        return True

    command = ["/bin/sh", "-c", "echo no space; exit 3"]
    child = Child(name="initdb", command=command, home=tmp_path, ready=always)

    with pytest.raises(EmbeddedError, match="initdb failed:\nno space"):
        children.run_to_end(child)


async def test_programs_the_servers_user_cannot_run_are_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "may_use", lambda *_: False)
    state = short_state(tmp_path)

    async with embedded(state, durable=False) as servers:
        assert process_of(servers.postgres).exe().startswith(str(state))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_place_of_somebody_else_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    place = module.prepare_place(home / "checkout", module.server_user())
    os.chown(place, 65534, 65534)

    with pytest.raises(EmbeddedError, match="belongs to somebody else"):
        module.prepare_place(home / "checkout", module.server_user())
    place.rmdir()


def process_of(child: Child) -> psutil.Process:
    assert child._process is not None
    return psutil.Process(child._process.pid)


def short_state(tmp_path: Path) -> Path:
    """pytest closes its temporary directories to others; PostgreSQL's user has to get in."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent == Path(tempfile.gettempdir()):
            break
        parent.chmod(0o711)
    state = tmp_path / "s"
    state.mkdir()
    return state
