"""Every statement that moves a number at its provider makes only moves that the table allows."""

import re
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from worker.domain.activation import (
    PROVIDER_CORRECTIONS,
    PROVIDER_FINAL,
    PROVIDER_MOVES,
    ProviderState,
    ProviderTransition,
)
from worker.domain.history_check import BookedNumber, check_history
from worker.domain.price_fate import PriceFate

STORE: Final = Path(__file__).parents[2] / "worker/adapters/store"
OPEN, CANCELLING, FINISHING = (
    ProviderState.OPEN,
    ProviderState.CANCELLING,
    ProviderState.FINISHING,
)
CANCELLED, FINISHED, CHARGED, GONE, DISPUTED = (
    ProviderState.CANCELLED,
    ProviderState.FINISHED,
    ProviderState.CHARGED,
    ProviderState.GONE,
    ProviderState.DISPUTED,
)
_STATES: Final = "|".join(state.value for state in ProviderState)
_LITERAL: Final = re.compile(rf"'({_STATES})'")
_WORD: Final = re.compile(r"'(\w+)'")
#: Where a number's customer stands says where the number can stand at its provider, too.
_BY_CUSTOMER: Final = {
    "a.state = 'waiting'": {OPEN},
    "state IN ('waiting', 'expiring')": {OPEN, CANCELLING},
    # Settled or in review, and without a ref: a cancel that was owed, or a purchase in dispute.
    # Or it was proven unsold, and was sold after all.
    "provider_ref IS NULL": {CANCELLING, DISPUTED, CANCELLED},
    # Expiring or received: no verdict names a state, and nothing else settles.
    "a.state = asked.source": {OPEN, CANCELLING},
    # Compared with its history, which decides nothing about a number that has not ended.
    "a.provider_state = asked.was": {CANCELLED, FINISHED, CHARGED, GONE, DISPUTED},
}


class Writer(NamedTuple):
    """What one statement does to `provider_state`."""

    moves: set[tuple[ProviderState, ProviderState]]
    #: The guard that says which states it leaves, where it names none of this axis.
    guard: str = ""
    #: States it is given as a parameter, by `Ending` and `Resolved`.
    given: frozenset[ProviderState] = frozenset()


WRITERS: Final = {
    "lease_cancels": Writer({(OPEN, CANCELLING)}, "state IN ('waiting', 'expiring')"),
    "provider_ended": Writer({(OPEN, CANCELLING)}, "a.state = 'waiting'"),
    "give_up": Writer({(OPEN, CANCELLING)}, "state IN ('waiting', 'expiring')"),
    "keep_codes": Writer({(CANCELLING, OPEN)}),
    "end_unsold": Writer(
        {(OPEN, CANCELLED), (CANCELLING, CANCELLED)}, "state IN ('waiting', 'expiring')"
    ),
    "prove_unsold": Writer({(CANCELLING, CANCELLED), (DISPUTED, CANCELLED)}),
    "adopt": Writer({(DISPUTED, CANCELLING), (CANCELLED, CANCELLING)}, "provider_ref IS NULL"),
    "settle": Writer(
        {
            (OPEN, CANCELLING),
            (OPEN, FINISHING),
            (CANCELLING, CANCELLED),
            (CANCELLING, CHARGED),
            (CANCELLING, GONE),
        },
        "a.state = asked.source",
        given=frozenset({CANCELLING, FINISHING, CANCELLED, CHARGED, GONE}),
    ),
    "resolve": Writer(
        {
            (CANCELLING, CANCELLED),
            (CANCELLING, CHARGED),
            (CANCELLING, GONE),
            (CANCELLING, DISPUTED),
            (FINISHING, FINISHED),
            (FINISHING, CANCELLED),
        },
        given=frozenset({CANCELLED, CHARGED, GONE, DISPUTED, FINISHED}),
    ),
    "correct_by_history": Writer(
        {
            (CANCELLED, DISPUTED),
            (FINISHED, DISPUTED),
            (CHARGED, DISPUTED),
            (GONE, CANCELLED),
            (GONE, CHARGED),
            (DISPUTED, CANCELLED),
            (DISPUTED, CHARGED),
            (DISPUTED, FINISHED),
        },
        "a.provider_state = asked.was",
        given=frozenset({DISPUTED, CANCELLED, CHARGED, FINISHED}),
    ),
    "reopen_listed": Writer(
        {
            (CANCELLED, CANCELLING),
            (GONE, CANCELLING),
            (CANCELLED, DISPUTED),
            (GONE, DISPUTED),
        }
    ),
}
CORRECTING: Final = {"correct_by_history", "reopen_listed", "adopt"}

_SET: Final = re.compile(
    r"\bprovider_state\s*=\s*(?P<to>CASE\b.*?\bEND|coalesce\([^)]*\)|'\w+'|\w+\.\w+)", re.DOTALL
)


def text_of(file: Path) -> str:
    return "\n".join(line.split("--", maxsplit=1)[0] for line in file.read_text().splitlines())


def update_of(statement: str) -> tuple[str, str] | None:
    """From its beginning to the end of its update of `activation`: the SET part, and the rest."""
    for update in re.finditer(r"\bUPDATE activation\b", statement):
        end = re.search(r"\bRETURNING\b|\Z", statement[update.end() :])
        assert end is not None
        written = statement[update.end() : update.end() + end.start()]
        where = re.search(r"\n\s+(?:FROM|WHERE)\s", written)
        assert where is not None
        changes, rest = written[: where.start()], written[where.start() :]
        if _SET.search(changes):
            return changes, statement[: update.start()] + rest
    return None


def target_of(changes: str) -> str:
    found = _SET.search(changes)
    assert found is not None
    return found["to"]


def reached_in(target: str) -> set[ProviderState]:
    """The states that the expression itself names as its values."""
    if not target.startswith("CASE"):
        return {ProviderState(word) for word in _LITERAL.findall(target)}
    values = re.findall(r"\b(?:THEN|ELSE)\b(.*?)(?=\bWHEN\b|\bELSE\b|\bEND\b)", target, re.DOTALL)
    return {ProviderState(word) for value in values for word in _LITERAL.findall(value)}


def left_in(changes: str, rest: str) -> set[ProviderState]:
    """The states that the guards, or the expression itself, name as those it leaves."""
    compared = r"(?:provider_state|held)\)? (?:IN \(([^)]*)\)|= ('\w+'))"
    words = {
        word for many, one in re.findall(compared, rest) for word in _LITERAL.findall(many or one)
    }
    words |= set(re.findall(rf"CASE provider_state WHEN '({_STATES})' THEN", changes))
    return {ProviderState(word) for word in words}


def statements() -> dict[str, tuple[str, str]]:
    """By name: each that moves a number at its provider (its SET, its guards)."""
    found = {}
    for file in sorted((STORE / "sql").rglob("*.sql")):
        update = update_of(text_of(file))
        if update is not None:
            found[file.stem] = update
    return found


def every_booked_number() -> Iterator[BookedNumber]:
    """All that the books can hold: only a disputed number has an open dispute."""
    no_dispute: list[ProviderState | None] = [None]
    for state in ProviderState:
        before = [*no_dispute, *(set(ProviderState) - {DISPUTED})]
        for held in before if state is DISPUTED else no_dispute:
            for refunded, exposed in product((False, True), repeat=2):
                yield BookedNumber(state, held, refunded, exposed)


def transitions(name: str) -> set[ProviderTransition]:
    return {ProviderTransition(*move) for move in WRITERS[name].moves}


def test_every_statement_that_writes_the_state_is_in_the_list() -> None:
    assert set(statements()) == set(WRITERS)


def test_no_statement_within_the_code_writes_the_state() -> None:
    inline = [
        str(module)
        for module in STORE.rglob("*.py")
        if re.search(r"\bSET\b[^;]{0,400}\bprovider_state\s*=\s", module.read_text())
    ]

    assert inline == []


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_it_reaches_the_states_that_its_moves_reach(name: str) -> None:
    changes, _ = statements()[name]
    writer = WRITERS[name]

    reached = reached_in(target_of(changes))

    assert reached | writer.given == {target for _, target in writer.moves}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_its_guards_name_the_states_that_its_moves_leave(name: str) -> None:
    changes, rest = statements()[name]
    writer = WRITERS[name]
    left = {source for source, _ in writer.moves}

    if writer.guard:
        assert writer.guard in rest
        assert left <= _BY_CUSTOMER[writer.guard]
        assert left_in(changes, rest) == set()
    else:
        assert left_in(changes, rest) == left


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_it_makes_only_moves_that_the_table_allows(name: str) -> None:
    allowed = PROVIDER_MOVES | (PROVIDER_CORRECTIONS if name in CORRECTING else set())

    assert transitions(name) - allowed == set()


@pytest.mark.parametrize("name", sorted(set(WRITERS) - CORRECTING))
def test_it_leaves_no_final_state(name: str) -> None:
    assert PROVIDER_FINAL.isdisjoint({source for source, _ in WRITERS[name].moves})


def test_the_history_decides_the_moves_that_its_statement_makes() -> None:
    decided = {
        (booked.state, correction.becomes)
        for booked in every_booked_number()
        for fate in PriceFate
        if (correction := check_history(booked, fate)) is not None
    }

    # A late code's exposure ends, and the number stays what it is.
    assert decided - {(CANCELLED, CANCELLED)} == WRITERS["correct_by_history"].moves


def test_each_move_of_the_table_is_made_by_a_statement() -> None:
    made = set().union(*map(transitions, WRITERS))

    assert made == PROVIDER_MOVES | PROVIDER_CORRECTIONS
