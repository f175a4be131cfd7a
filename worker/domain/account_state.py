"""What the events of an account have made of it: its state, and the flags that bar money out.

Both follow from the log of its events: a block that was lifted leaves nothing behind.
"""

import enum
from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from worker.domain.policy.vocabulary import AccountFlag


class AccountState(enum.Enum):
    """From the weakest to the strongest: where two hold, the account shows the later one here."""

    OPEN = "open"
    BLOCKED = "blocked"  #: For its rules: money out is judged.
    CLOSING = "closing"  #: A deletion waits: no orders, no top-ups.
    FROZEN = "frozen"  #: By law enforcement: no orders, no money out.
    DELETED = "deleted"


STRENGTH: Final[Mapping[AccountState, int]] = {
    state: strength for strength, state in enumerate(AccountState)
}


class LoggedEvent(NamedTuple):
    """One event, in the order in which they were told, with what became of it."""

    event: str
    effective: bool  #: It has had its effect.
    refused: bool = False  #: A human said no to it.


#: What ends each event: told anew after its end, it has happened once more.
ENDS: Final[Mapping[str, str]] = {
    "law_enforcement_block": "law_enforcement_unblock",
    "rules_block": "rules_unblock",
    "delete_requested": "delete_withdrawn",
}
ENDING: Final = {end: event for event, end in ENDS.items()}
#: Until a deletion has taken effect, it lets leave what was asked for before.
_FLAGS: Final[Mapping[str, tuple[AccountFlag, Callable[[LoggedEvent], bool]]]] = {
    "law_enforcement_block": (AccountFlag.BLOCKED_LAW_ENFORCEMENT, lambda _: True),
    "rules_block": (AccountFlag.BLOCKED_RULES, lambda _: True),
    "delete_requested": (AccountFlag.DELETED_BY_CUSTOMER, lambda told: told.effective),
    "chargeback": (AccountFlag.CHARGED_BACK, lambda _: True),
}


def standing(events: Iterable[LoggedEvent]) -> Mapping[str, LoggedEvent]:
    """The newest event of each sort that neither was refused nor has ended."""
    stands: dict[str, LoggedEvent] = {}
    for told in events:
        if told.refused:
            continue
        ended = stands.get(ENDING.get(told.event, ""))
        if ended is None:
            before = stands.get(told.event)
            if before is None or told.effective or not before.effective:
                stands[told.event] = told
        elif ended.event != "delete_requested" or not ended.effective:
            del stands[ended.event]  # What was deleted stays deleted.
    return stands


def turns_before(event: str, events: Iterable[LoggedEvent]) -> int:
    """How often *event* has ended, or what it ends has begun: told now, it is the next one."""
    told = list(events)
    if event in ENDING:
        return sum(one.event == ENDING[event] for one in told)
    ends = sum(one.event == ENDS.get(event) and not one.refused for one in told)
    return ends + sum(one.event == event and one.refused for one in told)


def flags_of(events: Iterable[LoggedEvent]) -> frozenset[str]:
    """By their words in the policies' facts."""
    stands = standing(events)
    return frozenset(
        flag.value
        for event, (flag, holds) in _FLAGS.items()
        if event in stands and holds(stands[event])
    )


def standing_turns(events: Iterable[LoggedEvent]) -> Mapping[str, int]:
    """Each event that stands against money out, and how often it has been told by now."""
    told = list(events)
    stands = standing(told)
    return {
        event: sum(one.event == event for one in told)
        for event, (_, holds) in _FLAGS.items()
        if event in stands and holds(stands[event])
    }


def state_of(events: Iterable[LoggedEvent], *, chargeback_freezes: bool = False) -> AccountState:
    """*chargeback_freezes*: whether its policy says so."""
    stands = standing(events)
    states = [_STATES[event](stands[event]) for event in _STATES if event in stands]
    if chargeback_freezes and "chargeback" in stands:
        states.append(AccountState.FROZEN)
    return max([AccountState.OPEN, *states], key=lambda state: STRENGTH[state])


#: A block that a human still has to judge stops new orders, like one for the rules.
_STATES: Final[Mapping[str, Callable[[LoggedEvent], AccountState]]] = {
    "rules_block": lambda _: AccountState.BLOCKED,
    "law_enforcement_block": lambda told: (
        AccountState.FROZEN if told.effective else AccountState.BLOCKED
    ),
    "delete_requested": lambda told: (
        AccountState.DELETED if told.effective else AccountState.CLOSING
    ),
}
