"""What will happen to one number, decided when it is rented.

A rule of the script's mix, drawn with the seed, or the service name itself: `code-arrives`,
`provider-cancels:3`. Seconds count from the rental, except for `provider-down`, `rate-limited`
(how long, from the first cancel) and `slow` (how long every call takes).
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import NamedTuple

LONGEST = 366 * 86_400.0  #: Seconds; no behaviour takes longer.
TICK = timedelta(microseconds=1)
AFTER_LATE = timedelta(seconds=60)  #: How long a number with a late SMS goes on living.


class Behaviour(enum.Enum):
    CODE_ARRIVES = "code-arrives"
    CODE_LATE = "code-late"  #: Only after the window the buyer gave it.
    LAST_SECOND = "last-second"  #: Just inside the window.
    TIMEOUT = "timeout"  #: Never.
    CANCEL = "cancel"  #: Never; the buyer is going to cancel.
    CANCEL_RACE = "cancel-race"  #: At the instant of the first cancel, which is refused.
    PROVIDER_CANCELS = "provider-cancels"
    PROVIDER_DOWN = "provider-down"  #: 503 about this number, from its first cancel on.
    RATE_LIMITED = "rate-limited"  #: The same with 429.
    DUPLICATE_CODE = "duplicate-code"  #: One SMS, twice.
    TWO_CODES = "two-codes"
    SLOW = "slow"  #: Every call about it takes long; no code.


class OnCancel(enum.Enum):
    """What the first cancel that is old enough sets off."""

    SMS = "sms"
    DOWN = "down"
    LIMIT = "limit"


class Arrival(NamedTuple):
    after: timedelta  #: Since the rental.
    code: str


@dataclass(frozen=True, slots=True)
class NumberPlan:
    behaviour: Behaviour
    arrivals: tuple[Arrival, ...] = ()
    provider_cancels_after: timedelta | None = None
    on_cancel: OnCancel | None = None
    trouble: timedelta = timedelta(0)  #: How long `on_cancel` lasts.
    delay: timedelta = timedelta(0)  #: Of every answer about the number.


class UnreadableBehaviour(ValueError):
    """A known behaviour with seconds nobody can read."""


class BehaviourChoice(NamedTuple):
    behaviour: Behaviour
    seconds: float | None = None


_BY_NAME: Mapping[str, Behaviour] = {each.value: each for each in Behaviour}


def forced_by(service: str) -> BehaviourChoice | None:
    """The behaviour a service name asks for, if it is the name of one."""
    name, colon, rest = service.partition(":")
    behaviour = _BY_NAME.get(name)
    if behaviour is None:
        return None
    if not colon:
        return BehaviourChoice(behaviour)
    try:
        seconds = float(rest)
    except ValueError:
        raise UnreadableBehaviour(service) from None
    if not 0 <= seconds <= LONGEST:
        raise UnreadableBehaviour(service)
    return BehaviourChoice(behaviour, seconds)


def drawn_from(mix: Mapping[Behaviour, int], rng: Random) -> BehaviourChoice:
    return BehaviourChoice(rng.choices(list(mix), weights=list(mix.values()))[0])


def sms(after: timedelta, rng: Random) -> Arrival:
    code = str(rng.randrange(100_000, 1_000_000))
    return Arrival(after, code)


def text_of(code: str) -> str:
    return f"Your verification code is {code}"


class _Times(NamedTuple):
    """How long things take: as the choice says, or somewhere in the buyer's window."""

    seconds: float | None
    window: timedelta
    rng: Random

    def at(self, low: float, high: float) -> timedelta:
        return self._chosen() or self.window * self.rng.uniform(low, high)

    def lasting(self, default: float) -> timedelta:
        return self._chosen() or timedelta(seconds=default)

    def last_second(self) -> timedelta:
        # A window of less than a second has no last second: its last tenth then.
        before_end = min(timedelta(seconds=1), self.window * 0.1) * self.rng.uniform(0.1, 0.9)
        return self._chosen() or self.window - before_end

    def gap(self, first: timedelta, share: float) -> timedelta:
        """To the second SMS: no longer than to the first, which lies within the buyer's window."""
        return min(first, self.window * share)

    def _chosen(self) -> timedelta | None:
        # One microsecond for zero, which would count as not given.
        return None if self.seconds is None else max(TICK, timedelta(seconds=self.seconds))


def _one_code(times: _Times) -> NumberPlan:
    return NumberPlan(Behaviour.CODE_ARRIVES, (sms(times.at(0.05, 0.5), times.rng),))


def _late_code(times: _Times) -> NumberPlan:
    return NumberPlan(Behaviour.CODE_LATE, (sms(times.at(1.05, 1.2), times.rng),))


def _last_second(times: _Times) -> NumberPlan:
    return NumberPlan(Behaviour.LAST_SECOND, (sms(times.last_second(), times.rng),))


def _duplicate(times: _Times) -> NumberPlan:
    first = sms(times.at(0.05, 0.5), times.rng)
    second = first._replace(after=first.after + times.gap(first.after, 0.05))
    return NumberPlan(Behaviour.DUPLICATE_CODE, (first, second))


def _two_codes(times: _Times) -> NumberPlan:
    first = sms(times.at(0.05, 0.5), times.rng)
    second = sms(first.after + times.gap(first.after, 0.25), times.rng)
    return NumberPlan(Behaviour.TWO_CODES, (first, second))


# One plan for all numbers of these, of which there may be hundreds of thousands.
_TIMEOUT = NumberPlan(Behaviour.TIMEOUT)
_CANCEL = NumberPlan(Behaviour.CANCEL)
_CANCEL_RACE = NumberPlan(Behaviour.CANCEL_RACE, on_cancel=OnCancel.SMS)
_PLANS: Mapping[Behaviour, Callable[[_Times], NumberPlan]] = {
    Behaviour.CODE_ARRIVES: _one_code,
    Behaviour.CODE_LATE: _late_code,
    Behaviour.LAST_SECOND: _last_second,
    Behaviour.TIMEOUT: lambda _: _TIMEOUT,
    Behaviour.CANCEL: lambda _: _CANCEL,
    Behaviour.CANCEL_RACE: lambda _: _CANCEL_RACE,
    Behaviour.PROVIDER_CANCELS: lambda times: NumberPlan(
        Behaviour.PROVIDER_CANCELS, provider_cancels_after=times.at(0.2, 0.8)
    ),
    Behaviour.PROVIDER_DOWN: lambda times: NumberPlan(
        Behaviour.PROVIDER_DOWN, on_cancel=OnCancel.DOWN, trouble=times.lasting(30)
    ),
    Behaviour.RATE_LIMITED: lambda times: NumberPlan(
        Behaviour.RATE_LIMITED, on_cancel=OnCancel.LIMIT, trouble=times.lasting(10)
    ),
    Behaviour.DUPLICATE_CODE: _duplicate,
    Behaviour.TWO_CODES: _two_codes,
    Behaviour.SLOW: lambda times: NumberPlan(Behaviour.SLOW, delay=times.lasting(2)),
}


def plan(choice: BehaviourChoice, window: timedelta, rng: Random) -> NumberPlan:
    """What the choice means for a number whose buyer waits for *window*."""
    return _PLANS[choice.behaviour](_Times(choice.seconds, window, rng))
