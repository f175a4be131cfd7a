"""The customer's axis: what a code means, what Cancel answers, when the window is over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.activation import (
    FINAL,
    LIVE,
    MOVES,
    PROVIDER_CORRECTIONS,
    PROVIDER_FINAL,
    PROVIDER_MOVES,
    PROVIDER_OWED,
    WINDOW,
    WINDOW_MAX,
    WINDOW_MIN,
    CancelAnswer,
    CodeFate,
    ProviderState,
    State,
    Transition,
    answer_cancel,
    code_fate,
    deadline_of,
)

RENTED_AT = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE = RENTED_AT + WINDOW
TICK = timedelta(microseconds=1)

states = st.sampled_from(State)
# Random times almost never fall on an edge, and the edge is where the bugs are.
moments = st.one_of(
    st.sampled_from([RENTED_AT, DEADLINE - TICK, DEADLINE, DEADLINE + TICK]),
    st.timedeltas(timedelta(0), 2 * WINDOW).map(RENTED_AT.__add__),
)


def fate(
    state: State, now: datetime = RENTED_AT, *, cancelled: bool = False, known: bool = False
) -> CodeFate:
    return code_fate(state, cancelled=cancelled, deadline_at=DEADLINE, known=known, now=now)


@pytest.mark.parametrize("state", [State.WAITING, State.EXPIRING])
@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (DEADLINE - TICK, CodeFate.SHOWN),
        (DEADLINE, CodeFate.SHOWN),
        (DEADLINE + TICK, CodeFate.LATE),
    ],
)
def test_a_first_code_is_shown_up_to_the_last_instant(
    state: State, now: datetime, expected: CodeFate
) -> None:
    assert fate(state, now) is expected


@pytest.mark.parametrize(
    ("now", "expected"), [(DEADLINE, CodeFate.MORE), (DEADLINE + TICK, CodeFate.LATE)]
)
def test_another_code_is_shown_up_to_the_last_instant(now: datetime, expected: CodeFate) -> None:
    assert fate(State.RECEIVED, now) is expected


@given(states, moments, st.booleans())
def test_a_known_code_is_only_repeated(state: State, now: datetime, cancelled: bool) -> None:
    assert fate(state, now, cancelled=cancelled, known=True) is CodeFate.REPEATED


@given(states, moments)
def test_a_number_the_provider_gave_back_shows_no_code(state: State, now: datetime) -> None:
    assert fate(state, now, cancelled=True) is CodeFate.LATE


@given(st.sampled_from([*FINAL, State.IN_REVIEW]), moments, st.booleans())
def test_an_ended_number_shows_no_code(state: State, now: datetime, cancelled: bool) -> None:
    assert fate(state, now, cancelled=cancelled) is CodeFate.LATE


@given(states, moments)
def test_a_code_is_either_shown_or_the_window_is_over_for_it(state: State, now: datetime) -> None:
    shown = fate(state, now) in {CodeFate.SHOWN, CodeFate.MORE}

    assert shown == (now <= DEADLINE and state not in {*FINAL, State.IN_REVIEW})


@given(states, moments)
def test_a_code_moves_only_along_the_drawn_lines(state: State, now: datetime) -> None:
    if fate(state, now) is CodeFate.SHOWN:
        assert Transition(state, State.RECEIVED) in MOVES


def test_a_deadline_without_a_zone_is_refused() -> None:
    naive = DEADLINE.replace(tzinfo=None)

    with pytest.raises(AssertionError):
        code_fate(State.WAITING, cancelled=False, deadline_at=naive, known=False, now=RENTED_AT)


@pytest.mark.parametrize("state", State)
def test_cancel_is_refused_only_once_a_code_was_shown(state: State) -> None:
    with_code = state in {State.RECEIVED, State.DELIVERED}

    expected = CancelAnswer.CODE_RECEIVED if with_code else CancelAnswer.ACCEPTED

    assert answer_cancel(state) is expected


@given(st.timedeltas(WINDOW_MIN, WINDOW_MAX), st.none() | moments)
def test_the_deadline_is_the_earlier_of_window_and_expiry(
    window: timedelta, expires_at: datetime | None
) -> None:
    deadline_at = deadline_of(RENTED_AT, window, expires_at)

    assert deadline_at <= RENTED_AT + window
    assert expires_at is None or deadline_at <= expires_at
    assert deadline_at in {RENTED_AT + window, expires_at}


@pytest.mark.parametrize("window", [WINDOW_MIN - TICK, timedelta(0), -WINDOW, WINDOW_MAX + TICK])
def test_a_window_out_of_bounds_is_refused(window: timedelta) -> None:
    with pytest.raises(AssertionError):
        deadline_of(RENTED_AT, window, None)


@pytest.mark.parametrize("window", [WINDOW_MIN, WINDOW, WINDOW_MAX])
def test_the_bounds_of_a_window_are_windows(window: timedelta) -> None:
    assert deadline_of(RENTED_AT, window, None) == RENTED_AT + window


def test_a_rental_without_a_zone_is_refused() -> None:
    with pytest.raises(AssertionError):
        deadline_of(RENTED_AT.replace(tzinfo=None), WINDOW, None)


def test_states_are_live_or_final_and_never_both() -> None:
    assert set(State) == FINAL | LIVE
    assert set() == FINAL & LIVE


def test_no_move_leaves_a_final_state_and_each_final_state_is_reached() -> None:
    assert FINAL.isdisjoint({move.source for move in MOVES})
    assert {move.target for move in MOVES} >= FINAL


def test_every_state_can_be_reached_from_waiting() -> None:
    reached = {State.WAITING}
    for _ in State:
        reached |= {move.target for move in MOVES if move.source in reached}

    assert reached == set(State)


def test_every_live_state_leads_to_an_ending() -> None:
    ending = set(FINAL)
    for _ in State:
        ending |= {move.source for move in MOVES if move.target in ending}

    assert ending == set(State)


def test_what_goes_on_at_the_provider_or_is_disputed_is_not_final_there() -> None:
    assert set(ProviderState) == PROVIDER_FINAL | PROVIDER_OWED | {ProviderState.DISPUTED}
    assert set() == PROVIDER_FINAL & PROVIDER_OWED


def test_no_move_leaves_a_final_state_at_the_provider_and_each_one_is_reached() -> None:
    assert PROVIDER_FINAL.isdisjoint({move.source for move in PROVIDER_MOVES})
    assert {move.target for move in PROVIDER_MOVES} >= PROVIDER_FINAL


def test_every_state_at_the_provider_can_be_reached_and_leads_to_a_final_one() -> None:
    reached, ending = {ProviderState.OPEN}, set(PROVIDER_FINAL)
    for _ in ProviderState:
        reached |= {move.target for move in PROVIDER_MOVES if move.source in reached}
        ending |= {move.source for move in PROVIDER_MOVES if move.target in ending}

    assert reached == ending == set(ProviderState)


def test_a_dispute_ends_charged_cancelled_or_gone_or_as_the_finish_that_was_disputed() -> None:
    at = {ProviderState.DISPUTED}
    for _ in ProviderState:
        at |= {move.target for move in PROVIDER_MOVES if move.source in at - PROVIDER_FINAL}

    assert at >= {ProviderState.CHARGED, ProviderState.CANCELLED, ProviderState.GONE}


def test_a_correction_leaves_a_final_state_and_nothing_else_does() -> None:
    assert {move.source for move in PROVIDER_CORRECTIONS} == PROVIDER_FINAL
    assert set() == PROVIDER_CORRECTIONS & PROVIDER_MOVES
