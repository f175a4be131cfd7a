"""When to look: early looks close together, the last one just inside the window, none after."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker.domain.activation import WINDOW
from worker.domain.cadence import JITTER, LAST_LOOK, WIDEST, gap_at, next_look

RENTED_AT = datetime(2026, 1, 1, tzinfo=UTC)
DEADLINE = RENTED_AT + WINDOW
LAST = DEADLINE - LAST_LOOK
TICK = timedelta(microseconds=1)
CLOSEST = timedelta(seconds=3)

ages = st.timedeltas(timedelta(0), 2 * WINDOW)
polls = st.timedeltas(timedelta(milliseconds=100), timedelta(seconds=60))
chances = st.floats(0, 1, exclude_max=True)


def look(
    now: datetime, chance: float = 0.5, closest: timedelta = CLOSEST, deadline: datetime = DEADLINE
) -> datetime | None:
    return next_look(
        rented_at=RENTED_AT, deadline_at=deadline, now=now, closest=closest, chance=chance
    )


@given(ages, ages, polls)
def test_gaps_never_shrink_with_age(age: timedelta, other: timedelta, closest: timedelta) -> None:
    younger, older = sorted((age, other))

    assert gap_at(younger, closest) <= gap_at(older, closest)


@given(ages, polls)
def test_a_gap_is_never_closer_than_the_provider_allows(age: timedelta, closest: timedelta) -> None:
    assert closest <= gap_at(age, closest) <= max(closest, WIDEST)


@pytest.mark.parametrize(
    ("age", "gap"),
    [
        (timedelta(0), CLOSEST),
        (timedelta(minutes=2), CLOSEST),
        (timedelta(minutes=2) + timedelta(seconds=20), timedelta(seconds=7)),
        (timedelta(minutes=5), WIDEST),
        (timedelta(minutes=19), WIDEST),
        (timedelta(days=1), WIDEST),
    ],
)
def test_gaps_at_the_edges(age: timedelta, gap: timedelta) -> None:
    assert gap_at(age, CLOSEST) == gap


@given(st.timedeltas(timedelta(0), WINDOW), chances, polls)
def test_the_next_look_is_later_and_never_past_the_last_one(
    age: timedelta, chance: float, closest: timedelta
) -> None:
    now = RENTED_AT + age

    at = look(now, chance, closest)

    if now >= LAST:
        assert at is None
    else:
        assert at is not None
        assert now < at <= LAST


@given(st.timedeltas(timedelta(0), WINDOW), chances, polls)
def test_jitter_stays_within_its_bounds(age: timedelta, chance: float, closest: timedelta) -> None:
    now = RENTED_AT + age
    at = look(now, chance, closest)
    assume(at is not None)
    assert at is not None
    gap = gap_at(age, closest)

    # The look that becomes the last one may be drawn nearer, or put off by half a poll.
    assert at <= now + gap * (1 + JITTER) + closest / 2 + TICK
    assert at >= now + gap * (1 - JITTER) - TICK or at == LAST


@pytest.mark.parametrize(
    ("chance", "at"),
    [
        (0.0, timedelta(seconds=2.7)),
        (0.5, timedelta(seconds=3)),
        (0.75, timedelta(seconds=3.15)),
    ],
)
def test_chance_moves_a_look_to_either_side(chance: float, at: timedelta) -> None:
    assert look(RENTED_AT, chance) == RENTED_AT + at


@pytest.mark.parametrize(
    ("now", "expected"),
    [(LAST - TICK, True), (LAST, False), (LAST + TICK, False), (DEADLINE + TICK, False)],
)
def test_after_the_last_look_only_the_ending_is_left(now: datetime, expected: bool) -> None:
    assert (look(now) is not None) == expected


@given(st.lists(chances, min_size=1), polls)
def test_the_last_look_is_exactly_just_inside_the_window(
    chance: list[float], closest: timedelta
) -> None:
    looks = [RENTED_AT]
    while (at := look(looks[-1], chance[len(looks) % len(chance)], closest)) is not None:
        looks.append(at)

    assert looks[-1] == LAST
    assert all(earlier < later for earlier, later in pairwise(looks))
    assert len(looks) < WINDOW / (closest / 2) + 2


def test_a_look_that_would_stand_too_close_to_the_last_one_becomes_it() -> None:
    now = LAST - CLOSEST * 1.5

    assert look(now, closest=CLOSEST, deadline=DEADLINE) == LAST


def test_a_window_shorter_than_the_last_look_has_none() -> None:
    assert look(RENTED_AT, deadline=RENTED_AT + LAST_LOOK) is None


@pytest.mark.parametrize("chance", [-0.1, 1.0, 2.0])
def test_chance_is_a_share_of_one(chance: float) -> None:
    with pytest.raises(AssertionError):
        look(RENTED_AT, chance)


@pytest.mark.parametrize("closest", [timedelta(0), -CLOSEST])
def test_looks_without_a_gap_are_refused(closest: timedelta) -> None:
    with pytest.raises(AssertionError):
        look(RENTED_AT, closest=closest)
