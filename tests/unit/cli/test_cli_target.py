"""Which daemon is asked, and with which token."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Cli
from tests.unit.http.fakes import FakeLog
from worker.entrypoints.cli.client import TargetOptions, find_target
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.http.admin import AdminDeps, build_admin
from worker.entrypoints.http.listener import listen

pytestmark = pytest.mark.usefixtures("nothing_around")

NOTHING = TargetOptions(url=None, token_file=None, config=None)
TOKENS = {"AW_API__TOKENS": "board:read:reading,shop:operate:operating"}


def url(url: str, token_file: Path | None = None) -> TargetOptions:
    return TargetOptions(url, token_file, config=None)


def test_url_and_token_come_from_the_configuration() -> None:
    target = find_target(NOTHING, {**TOKENS, "AW_API__LISTEN": "127.0.0.1:7000"})

    assert (target.url, target.token) == ("http://127.0.0.1:7000", "operating")


def test_a_token_that_may_only_read_is_better_than_none() -> None:
    assert find_target(NOTHING, {"AW_API__TOKENS": "board:read:reading"}).token == "reading"


def test_a_client_with_url_and_token_needs_no_configuration() -> None:
    options = TargetOptions(url="http://h/", token_file=None, config=Path("not-there.toml"))

    target = find_target(options, {"AW_TOKEN": "mine", "AW_NO_SUCH_SETTING": "1"})

    assert (target.url, target.token) == ("http://h", "mine")


@pytest.mark.parametrize("content", ["from-file\n", "shop:operate:from-file"])
def test_a_token_file_is_stronger_than_the_environment(nothing_around: Path, content: str) -> None:
    file = nothing_around / "token"
    file.write_text(content)

    target = find_target(TargetOptions("http://h", file, None), {"AW_TOKEN": "from-environment"})

    assert target.token == "from-file"


def test_the_environment_is_stronger_than_the_configuration() -> None:
    assert find_target(NOTHING, {**TOKENS, "AW_TOKEN": "mine"}).token == "mine"


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("0.0.0.0:8080", "http://127.0.0.1:8080"),
        ("[::]:8080", "http://[::1]:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_daemon_that_listens_everywhere_is_asked_here(listen: str, url: str) -> None:
    assert find_target(NOTHING, {"AW_API__LISTEN": listen}).url == url


@pytest.mark.parametrize(
    ("options", "environ", "says"),
    [
        (NOTHING, {"AW_API__LISTEN": "127.0.0.1:0"}, "leaves the port open"),
        (url("h:8080"), {}, "must start with http"),
        (
            url("http://[::1"),
            {"AW_TOKEN": "mine"},
            "host and port can be read",
        ),
        (
            url("http://h:99999"),
            {"AW_TOKEN": "mine"},
            "host and port can be read",
        ),
        (
            url("http://u:secret@h"),
            {"AW_TOKEN": "mine"},
            "^--url must not hold a us",
        ),
        (url("http://"), {"AW_TOKEN": "mine"}, "must name a host"),
        (url("http://h", Path("nowhere")), {}, "cannot be read"),
        (NOTHING, {"AW_TOKEN": "two words"}, "must hold one token"),
        (NOTHING, {"AW_TOKEN": "ümlaut"}, "must hold one token"),
    ],
)
def test_what_cannot_be_used_is_a_usage_error(
    options: TargetOptions, environ: dict[str, str], says: str
) -> None:
    with pytest.raises(Failure, match=says) as failure:
        find_target(options, environ)

    assert failure.value.how is Exit.USAGE


def test_a_token_is_in_no_text() -> None:
    assert "canary" not in repr(find_target(NOTHING, {"AW_TOKEN": "canary"}))


def test_an_unreadable_token_file_is_not_repeated(nothing_around: Path) -> None:
    (nothing_around / "binary").write_bytes(b"\xffcanary")

    with pytest.raises(Failure) as failure:
        find_target(url("http://h", nothing_around / "binary"), {})

    assert "canary" not in str(failure.value)


@pytest.fixture
def admin_url(background: Any) -> Iterator[str]:
    async def ready() -> list[Any]:
        return []

    deps = AdminDeps(
        metrics=lambda _: (b"", "text/plain"),
        livez=list,
        readyz=ready,
        version={},
        api="127.0.0.1:8080",
        log=FakeLog(),
    )
    runner = background.run(listen(build_admin(deps), "127.0.0.1", 0, drain_seconds=1))
    host, port = runner.addresses[0]
    yield f"http://{host}:{port}"
    background.run(runner.cleanup())


@pytest.mark.parametrize(
    "args", [["list"], ["watch"], ["show", "1234"], ["cases", "list"], ["events", "list"]]
)
def test_at_the_admin_listener_it_is_said_where_the_api_is(
    cli: Cli, admin_url: str, args: list[str]
) -> None:
    result = cli(*args, "--url", admin_url, env={"AW_TOKEN": "mine"})

    assert result.exit_code == 1
    assert "This is the admin listener (admin.listen)" in result.stderr
    assert "the API listens at 127.0.0.1:8080 (api.listen)" in result.stderr
