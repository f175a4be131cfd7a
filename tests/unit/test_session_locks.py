"""A session lock is trusted only where two statements run in the process the server named."""

from typing import Any, cast

import pytest

from worker.adapters.store.session import keeps_session_locks

NAMED = 41


class Answer:
    def __init__(self, *row: Any) -> None:
        self.row = row

    def scalar(self) -> Any:
        return self.row[0]

    def one(self) -> tuple[Any, ...]:
        return self.row


class Connection:
    """Answers each statement from the server process that the pooler chose for it."""

    def __init__(self, *processes: int) -> None:
        self.processes = iter(processes)
        self.locked_in: int | None = None
        self.driver_connection = self

    async def get_raw_connection(self) -> "Connection":
        return self

    def get_server_pid(self) -> int:
        return NAMED

    async def execute(self, asked: Any, _: Any = None) -> Answer:
        process = next(self.processes)
        if "unlock" in str(asked):
            return Answer(self.locked_in == process, process)
        if "lock" in str(asked):
            self.locked_in = process
            return Answer(self.locked_in == process, process)
        return Answer(process)


@pytest.mark.parametrize(
    ("processes", "keeps"),
    [
        ((NAMED, NAMED, NAMED), True),
        ((7, 7, 7), False),  # A pooler that happens to give the same one each time.
        ((NAMED, NAMED, 7), False),
        ((NAMED, 7, NAMED), False),
    ],
)
async def test_a_lock_holds_where_its_process_stays_the_same(
    processes: tuple[int, ...], *, keeps: bool
) -> None:
    assert await keeps_session_locks(cast("Any", Connection(*processes))) is keeps


async def test_behind_a_pooler_no_lock_is_left_in_a_process_of_another() -> None:
    connection = Connection(7)

    assert not await keeps_session_locks(cast("Any", connection))
    assert connection.locked_in is None
