"""When to look at a number next, at a provider that has to be asked number by number.

Codes come early or not at all, so early looks stand close together and later ones wider. Jitter
spreads numbers rented in one burst. The last look falls just inside the window, so that a code of
the last second is seen while it still counts.
"""

from datetime import datetime, timedelta

LAST_LOOK = timedelta(milliseconds=500)  #: How long before the deadline the last look is due.
LAST_LOOK_AGAIN = timedelta(milliseconds=150)  #: After a last look that told nothing.
WIDEST = timedelta(seconds=15)
JITTER = 0.1  #: Of the gap, at most, to either side.

assert timedelta(0) < LAST_LOOK_AGAIN < LAST_LOOK < timedelta(seconds=1)


def gap_at(age: timedelta, closest: timedelta) -> timedelta:
    """The gap between looks at a number of this age.

    *closest* (the provider's `poll_seconds`) in the first two minutes, in which most codes come;
    then a twentieth of the age, up to `WIDEST`, never below *closest*.
    """
    if age <= timedelta(minutes=2):
        return closest
    return max(closest, min(age / 20, WIDEST))


def next_look(
    *,
    rented_at: datetime,
    deadline_at: datetime,
    now: datetime,
    closest: timedelta,
    chance: float,
) -> datetime | None:
    """The instant of the next look, or None where only the ending is left.

    *chance* is a random number in [0, 1): the jitter, injected.
    """
    assert 0.0 <= chance < 1.0
    assert closest > timedelta(0)
    last = deadline_at - LAST_LOOK
    if now >= last:
        return None
    gap = gap_at(now - rented_at, closest)
    at = now + gap * (1 - JITTER + 2 * JITTER * chance)
    # A look shortly before the last one would find nothing more, so it becomes the last one.
    return last if at + closest / 2 >= last else at
