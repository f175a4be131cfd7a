"""An account's state and flags follow from the log of its events."""

import pytest

from worker.domain.account_state import AccountState, LoggedEvent, flags_of, state_of, turns_before


def told(*events: str) -> list[LoggedEvent]:
    """`?` after an event: it waits. `-`: it was refused."""
    return [
        LoggedEvent(
            event.rstrip("?-"), effective=event[-1] not in "?-", refused=event.endswith("-")
        )
        for event in events
    ]


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((), "open"),
        (("rules_block",), "blocked"),
        (("rules_block?",), "blocked"),
        (("rules_block-",), "open"),
        (("rules_block", "rules_unblock"), "open"),
        (("rules_block", "rules_unblock-"), "blocked"),
        (("rules_block", "law_enforcement_unblock"), "blocked"),
        (("rules_block", "rules_unblock", "rules_block"), "blocked"),
        (("law_enforcement_block",), "frozen"),
        (("law_enforcement_block?",), "blocked"),
        (("law_enforcement_block", "law_enforcement_block?"), "frozen"),
        (("law_enforcement_block?", "law_enforcement_block"), "frozen"),
        (("law_enforcement_block", "rules_block"), "frozen"),
        (("delete_requested?",), "closing"),
        (("delete_requested?", "rules_block"), "closing"),
        (("delete_requested?", "law_enforcement_block"), "frozen"),
        (("delete_requested?", "delete_withdrawn"), "open"),
        (("rules_block", "delete_requested?", "delete_withdrawn"), "blocked"),
        (("delete_requested",), "deleted"),
        (("delete_requested", "delete_withdrawn"), "deleted"),
        (("delete_requested", "law_enforcement_block"), "deleted"),
        (("chargeback",), "open"),
    ],
)
def test_the_strongest_event_that_stands_is_the_state(events: tuple[str, ...], state: str) -> None:
    assert state_of(told(*events)) is AccountState(state)


@pytest.mark.parametrize(
    ("events", "flags"),
    [
        (("rules_block?",), {"blocked_rules"}),
        (("law_enforcement_block",), {"blocked_law_enforcement"}),
        (("law_enforcement_block", "law_enforcement_unblock"), set()),
        (("delete_requested?",), set()),
        (("delete_requested",), {"deleted_by_customer"}),
        (("chargeback?",), {"charged_back"}),
        (("chargeback-",), set()),
    ],
)
def test_what_stands_is_a_flag_when_money_is_to_leave(
    events: tuple[str, ...], flags: set[str]
) -> None:
    assert flags_of(told(*events)) == flags


@pytest.mark.parametrize(
    ("event", "events", "turn"),
    [
        ("rules_block", ("rules_block",), 0),
        ("rules_block", ("rules_block", "rules_unblock"), 1),
        ("rules_block", ("rules_block", "rules_unblock-"), 0),
        ("rules_block", ("rules_block-",), 1),
        ("rules_unblock", ("rules_block",), 1),
        ("rules_unblock", ("rules_block", "rules_unblock", "rules_block"), 2),
        ("chargeback", ("chargeback",), 0),
    ],
)
def test_an_event_is_told_anew_once_the_one_before_has_ended(
    event: str, events: tuple[str, ...], turn: int
) -> None:
    assert turns_before(event, told(*events)) == turn
