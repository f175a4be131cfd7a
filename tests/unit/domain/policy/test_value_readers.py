"""The longest lists that a policy file may hold, and one entry more."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from worker.domain.policy.language import value_readers
from worker.domain.policy.language.value_readers import LIST_MAX, BadValue

TOO_MANY = LIST_MAX + 1
DAYS = [(date(2026, 1, 1) + timedelta(days=day)).isoformat() for day in range(TOO_MANY)]


@pytest.mark.parametrize(
    ("reader", "entries"),
    [
        (value_readers.names, [f"n{number}" for number in range(TOO_MANY)]),
        (value_readers.words, [f"w{number}" for number in range(TOO_MANY)]),
        (value_readers.set_of(str), [f"m{number}" for number in range(TOO_MANY)]),
        (value_readers.days_off, DAYS),
    ],
)
def test_a_list_holds_as_many_entries_as_it_may_and_no_more(
    reader: Callable[[object], frozenset[object]], entries: list[str]
) -> None:
    assert len(reader(entries[:LIST_MAX])) == LIST_MAX
    with pytest.raises(BadValue):
        reader(entries)
