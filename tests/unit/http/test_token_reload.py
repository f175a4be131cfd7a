"""A token that is exchanged in its file works after SIGHUP, and the old one no more."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.http.caller import Api
from tests.unit.http.conftest import World, deps_over
from worker.entrypoints.http.auth import KnownTokens
from worker.entrypoints.http.deps import ApiDeps
from worker.entrypoints.token_reload import reloading_on_hangup, tokens_of
from worker.settings import load_settings
from worker.settings.values import TokenSetting

OLD, NEW = "the-old-token-0123456789", "the-new-token-0123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"shop:operate:{OLD}\n")
    return file


@pytest.fixture
def tokens(file: Path) -> KnownTokens:
    return KnownTokens(tokens_of(_read(file)))


@pytest.fixture
def deps(world: World, tokens: KnownTokens) -> ApiDeps:
    return replace(deps_over(world), tokens=tokens)


@pytest.fixture
def stop() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def told(
    tokens: KnownTokens, file: Path, stop: asyncio.Event
) -> AsyncIterator[RecordingReporter]:
    """While it is there, SIGHUP reads the file again."""
    told = RecordingReporter()
    with reloading_on_hangup(tokens, lambda: _read(file), told, stop):
        yield told


def _write(file: Path, tokens: str) -> None:
    file.write_text(tokens)


def _read(file: Path) -> tuple[TokenSetting, ...]:
    return load_settings(None, environ={"AW_API__TOKENS_FILE": str(file)}).api.tokens


async def _hang_up(told: RecordingReporter) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    await asyncio.wait_for(told.heard("trouble"), 10)


@pytest.mark.parametrize(
    "written", [NEW, f"sha256:{sha256(NEW.encode()).hexdigest()}"], ids=["plain", "as a hash"]
)
async def test_after_sighup_the_new_token_is_taken_and_the_old_one_refused(
    api: Api, file: Path, told: RecordingReporter, written: str
) -> None:
    _write(file, f"# exchanged\nshop:operate:{written}\n")
    assert (await api.get("/v1/activations", token=NEW)).status == 401

    await _hang_up(told)

    assert (await api.get("/v1/activations", token=NEW)).status == 200
    assert (await api.get("/v1/activations", token=OLD)).status == 401
    assert (await api.get("/v1/activations", token=written)).status == (
        200 if written == NEW else 401
    )
    assert told.of("trouble") == [("config.tokens_reloaded", None, "1")]


async def test_a_file_with_a_fault_in_it_changes_nothing_and_is_told(
    api: Api, file: Path, told: RecordingReporter
) -> None:
    _write(file, f"shop:admin:{NEW}\n")

    await _hang_up(told)

    assert (await api.get("/v1/activations", token=OLD)).status == 200
    ((event, _, detail),) = told.of("trouble")
    assert event == "config.reload_refused"
    assert "the scope of token 1" in detail
    assert NEW not in detail


async def test_a_terminal_that_is_closed_under_the_process_stops_it(
    told: RecordingReporter, stop: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    main, terminal = os.openpty()
    with os.fdopen(terminal, "w") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        os.close(main)
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.wait_for(stop.wait(), 10)
    assert not told.troubles
