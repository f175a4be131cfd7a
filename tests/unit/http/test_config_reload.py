"""After SIGHUP the tokens, the log's level and the access log are as configured by then."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from tests.fakes.reporter import RecordingReporter
from tests.unit.http.caller import Api
from tests.unit.http.conftest import World, deps_over
from worker.adapters.telemetry.logs import QUIET
from worker.entrypoints.config_reload import LiveSettings, reload, reloading_on_hangup
from worker.entrypoints.http.deps import ApiDeps
from worker.settings import Settings, load_settings

OLD, NEW = "the-old-token-0123456789", "the-new-token-0123456789"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"shop:operate:{OLD}\n")
    return file


@pytest.fixture
def live(file: Path) -> LiveSettings:
    return LiveSettings.of(_read(file))


@pytest.fixture
def deps(world: World, live: LiveSettings) -> ApiDeps:
    return replace(deps_over(world), tokens=live.tokens, access=live.access)


@pytest.fixture(autouse=True)
def level_as_before() -> Iterator[None]:
    """The level belongs to the process: put it back as it was."""
    loggers = [logging.getLogger(name) for name in ("", *QUIET)]
    levels = [each.level for each in loggers]
    yield
    for each, level in zip(loggers, levels, strict=True):
        each.setLevel(level)


@pytest.fixture
def stop() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def told(
    live: LiveSettings, file: Path, stop: asyncio.Event
) -> AsyncIterator[RecordingReporter]:
    """While it is there, SIGHUP reads the file again."""
    told = RecordingReporter()
    with reloading_on_hangup(live, lambda: _read(file), told, stop):
        yield told


def _write(file: Path, tokens: str) -> None:
    file.write_text(tokens)


def _read(file: Path) -> Settings:
    return load_settings(None, environ={"AW_API__TOKENS_FILE": str(file)})


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
    assert told.of("trouble") == [("config.reloaded", None, "1 tokens, level info, access log on")]


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


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("# of the shop\n", "none are left"),
        (f"shop:operate:{OLD}\nnext:read:{NEW[:9]}", "'next' is new and has fewer than 22"),
        (f"shop:operate:{OLD[:-3]}", "'shop' is new and has fewer than 22"),
    ],
    ids=["ends after a comment", "ends within a new token", "ends within a known token"],
)
async def test_half_of_a_tokens_file_changes_nothing_and_is_told(
    api: Api, file: Path, told: RecordingReporter, written: str, why: str
) -> None:
    _write(file, written)

    await _hang_up(told)

    assert (await api.get("/v1/activations", token=OLD)).status == 200
    ((event, _, detail),) = told.of("trouble")
    assert event == "config.reload_refused"
    assert why in detail
    assert NEW[:9] not in detail


async def test_a_weak_token_of_the_start_stays_and_no_tokens_stay_none(tmp_path: Path) -> None:
    for at, tokens in enumerate(["shop:operate:weak\n", "# none\n"]):
        file = tmp_path / str(at)
        file.write_text(tokens)
        told, live = RecordingReporter(), LiveSettings.of(_read(file))

        reload(live, partial(_read, file), told)

        assert told.troubles == ["config.reloaded"]


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
