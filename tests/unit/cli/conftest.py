"""The command line in a directory of its own, and a daemon to talk to."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import typer.testing

from tests.unit.cli.fake_daemon import OPERATE, FakeDaemon, running
from worker.domain.policy import checking
from worker.domain.policy.effect.search import keys_without_effect
from worker.domain.policy.language.profile import Profile
from worker.entrypoints.cli.app import app
from worker.settings import dev_context
from worker.settings.dev_context import DevContext

Cli: TypeAlias = Callable[..., typer.testing.Result]


@pytest.fixture(autouse=True, scope="package")
def each_policy_is_searched_once() -> Iterator[None]:
    """Each `check-config` asks a thousand questions about every policy, here about the same."""
    found: dict[str, list[tuple[str, str]]] = {}

    def searched(profile: Profile) -> list[tuple[str, str]]:
        if repr(profile) not in found:
            found[repr(profile)] = list(keys_without_effect(profile))
        return found[repr(profile)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "keys_without_effect", searched)
        yield


@pytest.fixture
def nothing_around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: no configuration, no state, no AW_ names."""
    for name in [name for name in os.environ if name.startswith("AW_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def a_dev(folder: Path, api_url: str = "http://127.0.0.1:1", **changes: Any) -> Path:
    """The context file of a `dev` that runs in *folder*, as it writes it."""
    file = folder / dev_context.PLACE
    file.parent.mkdir(parents=True)
    found = {
        "api_url": api_url,
        "admin_url": "http://127.0.0.1:2",
        "desk_url": None,
        "database_url": "postgresql://postgres@/postgres?host=/nowhere",
        "redis_url": "unix:///nowhere/valkey",
        "token": OPERATE,
    }
    dev_context.write(file, DevContext(**{**found, **changes}))
    return file


@pytest.fixture
def cli(nothing_around: Path) -> Cli:  # noqa: ARG001 - it moves there
    def cli(*args: str, env: dict[str, str] | None = None, **kwargs: Any) -> typer.testing.Result:
        return typer.testing.CliRunner().invoke(app, list(args), env=env, **kwargs)

    return cli


@pytest.fixture
def daemon(background: Any) -> Iterator[FakeDaemon]:
    both = running(FakeDaemon())
    yield background.run(both.__aenter__())
    background.run(both.__aexit__(None, None, None))


@pytest.fixture
def asked(cli: Cli, daemon: FakeDaemon) -> Cli:
    """The command line, pointed at the daemon with a token that may do everything."""

    def asked(*args: str, **kwargs: Any) -> typer.testing.Result:
        return cli(*args, env={"AW_URL": daemon.url, "AW_TOKEN": OPERATE}, **kwargs)

    return asked


@pytest.fixture
def closed_url() -> str:
    """An address on this machine where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"
