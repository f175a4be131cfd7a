"""In a rush the lines of the access log are written after the answers, and none is lost."""

import asyncio

from worker.entrypoints.http import access_log
from worker.entrypoints.http.access_log import LINES_PER_TURN, AccessLog


class Lines:
    def __init__(self, expected: int = 0) -> None:
        self.expected = expected
        self.whole = asyncio.Event()
        self.statuses: list[object] = []

    def info(self, event: str, **fields: object) -> None:
        assert event == access_log.EVENT
        self.statuses.append(fields["status"])
        if len(self.statuses) == self.expected:
            self.whole.set()

    def error(self, event: str, **_fields: object) -> None:
        raise AssertionError(f"no call failed: {event}")


async def test_a_few_lines_are_written_at_once() -> None:
    lines = Lines()

    AccessLog(lines).add({"status": 200})

    assert lines.statuses == [200]


async def test_in_a_rush_lines_wait_for_a_later_turn_and_keep_their_order() -> None:
    rush = list(range(3 * LINES_PER_TURN))
    lines = Lines(expected=len(rush))
    log = AccessLog(lines)

    for status in rush:
        log.add({"status": status})

    assert lines.statuses == rush[:LINES_PER_TURN]
    await asyncio.wait_for(lines.whole.wait(), 10)
    assert lines.statuses == rush


async def test_no_more_lines_wait_than_memory_is_meant_for() -> None:
    lines = Lines()
    log = AccessLog(lines)

    for status in range(LINES_PER_TURN + access_log.WAITING_MAX + 7):
        log.add({"status": status})

    assert len(lines.statuses) == LINES_PER_TURN + 7


async def test_what_waits_is_written_at_the_end() -> None:
    lines = Lines()
    log = AccessLog(lines)
    for status in range(LINES_PER_TURN + 5):
        log.add({"status": status})

    log.flush()

    assert len(lines.statuses) == LINES_PER_TURN + 5
