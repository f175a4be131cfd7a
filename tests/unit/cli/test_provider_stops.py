"""`provider pause`, `resume` and `drain`: what the daemon is told, and by whom."""

import pytest

from tests.unit.cli.conftest import Cli
from tests.unit.cli.fake_daemon import FakeDaemon


@pytest.mark.parametrize("command", ["pause", "resume", "drain"])
def test_the_daemon_is_told_with_the_note(asked: Cli, daemon: FakeDaemon, command: str) -> None:
    asked("provider", command, "hero", "--note", "too many bans")

    told = [call for call in daemon.calls if call[0] == "POST"]
    assert told == [("POST", f"/v1/providers/hero/{command}", {"note": "too many bans"})]
