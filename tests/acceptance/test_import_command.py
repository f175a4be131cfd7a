"""`import` against a real daemon: repeatable, with sums that must agree."""

import asyncio
import contextlib
import json
import os
import select
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
import pytest
import typer.testing

from tests.acceptance.world import TOKEN, World, spawn
from worker.entrypoints.cli.app import app

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]
Run: TypeAlias = Callable[..., Awaitable[tuple[int, dict[str, Any]]]]


def ndjson(file: Path, *bodies: dict[str, Any] | str) -> Path:
    lines = [body if isinstance(body, str) else json.dumps(body) for body in bodies]
    file.write_text("\n".join(lines) + "\n")
    return file


def account(name: str, *amounts: int) -> dict[str, Any]:
    topups = [
        {"reference": f"{name}-{at}", "amount_minor": minor, "at": "2024-02-29T12:00:00Z"}
        for at, minor in enumerate(amounts)
    ]
    return {"account": name, "currency": "USD", "topups": topups}


def number(ref: int, **changes: Any) -> dict[str, Any]:
    return {
        "account": "alice",
        "provider": "sim",
        "provider_ref": str(ref),
        "phone": f"1555{ref:07}",
        "service": "timeout",
        "country": "0",
        "price_minor": 10,
        "window_seconds": 1200,
        **changes,
    }


async def run_import(url: str, *args: str) -> tuple[int, dict[str, Any]]:
    env = {"AW_URL": url, "AW_TOKEN": TOKEN}
    command = ["import", *args, "-o", "json"]
    result = await asyncio.to_thread(typer.testing.CliRunner().invoke, app, command, env=env)
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def nobodys_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


async def test_accounts_and_numbers_move_in_once_however_often_the_file_is_sent(
    a_world: World, tmp_path: Path
) -> None:
    daemon = await a_world.start_daemon()
    line = daemon.line("activation-worker: api")
    assert line is not None
    url = line.split()[-1]
    accounts = ndjson(tmp_path / "a", account("alice", 20_000, 5_000), account("bob"))
    outside = number(0, charge="external", price_minor=7)
    numbers = ndjson(tmp_path / "n", outside, *map(number, range(1, 1_501)), number(1_500))

    for booked, there in (({"USD": 25_000}, {}), ({}, {"USD": 25_000})):
        how, told = await run_import(url, "accounts", str(accounts))
        assert (how, told["agrees"]) == (0, True)
        assert (told["booked_minor"], told["there_already_minor"]) == (booked, there)

    how, told = await run_import(url, "numbers", str(numbers))
    assert (how, told["new"], told["there already"], told["agrees"]) == (0, 1_501, 1, True)
    assert (told["booked_minor"], told["external_minor"]) == ({"USD": 15_000}, {"USD": 7})
    assert told["there_already_minor"] == {"USD": 10}
    how, told = await run_import(url, "numbers", str(numbers))
    assert (how, told["new"], told["there already"], told["agrees"]) == (0, 0, 1_502, True)
    async with a_world.shop(daemon) as shop:
        alice = await shop.get("/v1/accounts/alice")
        entries = [entry async for entry in shop.pages("/v1/accounts/alice/entries", 10_000)]
    assert {entry["at"][:10] for entry in entries if entry["kind"] == "topup"} == {"2024-02-29"}
    assert (alice["available_minor"], alice["held_minor"]) == (10_000, 15_007)


async def test_an_import_that_is_killed_is_resumed_with_the_same_file(
    a_world: World, tmp_path: Path
) -> None:
    """Killed after its first calls, while more lines than four calls take lie before it."""
    daemon = await a_world.start_daemon()
    line = daemon.line("activation-worker: api")
    assert line is not None
    url = line.split()[-1]
    file = ndjson(tmp_path / "a", *(account(f"c{at:05}", 7, 5) for at in range(6_000)))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    begun = b"".join(file.read_bytes().splitlines(keepends=True)[:4_500])
    writing = asyncio.create_task(asyncio.to_thread(_write_and_wait, pipe, begun))
    environment = {**a_world.environment(), "AW_URL": url, "AW_TOKEN": TOKEN}
    command = ["import", "accounts", str(pipe)]
    importing = spawn(command, tmp_path / "import.log", environment)
    connection = await asyncpg.connect(a_world.database_url)

    async with asyncio.timeout(60):
        while await connection.fetchval("SELECT count(*) FROM account") < 1_000:
            assert importing.popen.poll() is None, importing.log.read_text()
            await asyncio.sleep(0.02)
    importing.kill()
    await writing
    first = await connection.fetchval("SELECT count(*) FROM account")
    how, told = await run_import(url, "accounts", str(file))

    assert importing.popen.returncode == -signal.SIGKILL
    assert 1_000 <= first < 6_000
    assert (how, told["lines"], told["agrees"]) == (0, 6_000, True)
    assert told["new"] + told["there already"] == 6_000
    assert told["there already"] >= first
    sums_told = told["booked_minor"]["USD"] + told["there_already_minor"]["USD"]
    assert (sums_told, told["there_already_minor"]["USD"]) == (72_000, 12 * told["there already"])
    sums = "SELECT sum(amount_minor)::int, count(*) FROM transfer"
    assert tuple(await connection.fetchrow(sums)) == (72_000, 12_000)
    await connection.close()
    await a_world.audit()


def _write_and_wait(pipe: Path, lines: bytes) -> None:
    """Until the reader is killed: at the end of the pipe its file would be over."""
    with contextlib.suppress(BrokenPipeError), pipe.open("wb") as stream:
        stream.write(lines)
        stream.flush()
        waiting = select.poll()
        waiting.register(stream, select.POLLERR)
        waiting.poll(60_000)


async def test_what_is_refused_is_named_by_its_line_and_its_money_is_told(
    a_world: World, tmp_path: Path
) -> None:
    daemon = await a_world.start_daemon()
    line = daemon.line("activation-worker: api")
    assert line is not None
    url = line.split()[-1]
    await run_import(url, "accounts", str(ndjson(tmp_path / "a", account("alice", 15))))
    file = ndjson(
        tmp_path / "n",
        number(1),
        "{",
        number(2, account="nobody"),
        number(3, price_minor=1.5),
        number(4),
    )

    how, told = await run_import(url, "numbers", str(file))

    assert (how, told["new"], told["refused"], told["agrees"]) == (1, 1, 4, True)
    assert [each["line"] for each in told["first_refused"]] != []
    assert {each["line"] for each in told["first_refused"]} == {2, 3, 4, 5}
    assert (told["sent_minor"], told["refused_minor"]) == (30, 20)


async def test_a_line_whose_account_is_locked_is_sent_again(a_world: World, tmp_path: Path) -> None:
    daemon = await a_world.start_daemon()
    line = daemon.line("activation-worker: api")
    assert line is not None
    url = line.split()[-1]
    both = ndjson(tmp_path / "a", account("alice", 50), account("bob", 50))
    await run_import(url, "accounts", str(both))
    numbers = ndjson(tmp_path / "n", number(1), number(2, account="bob"))
    connection = await asyncpg.connect(a_world.database_url)
    environment = {**a_world.environment(), "AW_URL": url, "AW_TOKEN": TOKEN}

    async with connection.transaction():
        await connection.execute("SELECT FROM balance WHERE account = 'alice' FOR UPDATE")
        importing = spawn(["import", "numbers", str(numbers)], tmp_path / "log", environment)
        async with asyncio.timeout(30):
            while "1 lines could not be taken just now" not in importing.log.read_text():  # noqa: ASYNC110 - another process writes it
                await asyncio.sleep(0.02)

    assert await asyncio.to_thread(importing.popen.wait) == 0, importing.log.read_text()
    assert await connection.fetchval("SELECT count(*) FROM activation") == 2
    await connection.close()


async def test_a_daemon_that_goes_away_ends_the_import_with_5(
    nobodys_url: str, tmp_path: Path
) -> None:
    file = str(ndjson(tmp_path / "n", number(1)))
    env = {"AW_URL": nobodys_url, "AW_TOKEN": TOKEN}

    result = await asyncio.to_thread(
        typer.testing.CliRunner().invoke, app, ["import", "numbers", file], env=env
    )

    assert (result.exit_code, "no answer from" in result.stderr) == (5, True)


async def test_a_dry_run_reads_the_file_and_asks_nobody(tmp_path: Path) -> None:
    charged = number(3, charge="external")
    file = ndjson(tmp_path / "n", number(1), "nonsense", number(2), charged)

    how, told = await run_import("http://127.0.0.1:1", "numbers", str(file), "--dry-run")

    assert (how, told["lines"], told["refused"], told["sent_minor"]) == (1, 4, 1, 30)
    assert (told["booked_minor"], told["external_minor"]) == ({"?": 20}, {"?": 10})
