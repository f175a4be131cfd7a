"""What in a policy contradicts itself: values that are right one by one and wrong together."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from worker.domain.calendar import Duration, Unit, after
from worker.domain.policy.language.choices import Decided, LimitOf, LogTest
from worker.domain.policy.language.file_problems import KeyProblems
from worker.domain.policy.language.kinds import KNOWN_KINDS, OTHER
from worker.domain.policy.language.matching import When
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.language.value_readers import did_you_mean

#: Months differ in length, so that a time in months is compared from the start of each.
_PURCHASES = tuple(datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 13))
_LOG_TESTS = ", ".join(test.value for test in LogTest)


def contradictions(profile: Profile) -> KeyProblems:
    for check in _CHECKS:
        yield from check(profile)
    for check in _OF_VARIANTS:
        yield from _in_exceptions(profile, check)


def contradictions_of_files(profile: Profile) -> KeyProblems:
    """Only for checks of files: a kept policy that says so goes on deciding."""
    yield from _misspelt_limits(profile)
    yield from _rental_times(profile)
    yield from _in_exceptions(profile, _rental_times)


def _in_exceptions(profile: Profile, check: Callable[[Profile], KeyProblems]) -> KeyProblems:
    """What holds for the orders of a `[[when]]` and not for the file."""
    of_file = set(check(profile))
    for variant, index in _variants(profile):
        for key, problem in check(variant):
            if (key, problem) not in of_file:
                yield f"{profile.whens[index].place}.{key}", problem


def contradictions_together(profile: Profile) -> KeyProblems:
    """Of two `[[when]]` that one order may match, and that are right one by one.

    Each value of a contradiction comes from one of them, so that three add nothing.
    """
    alone = {*contradictions(profile), *contradictions_of_files(profile)}
    timed = [
        index for index, when in enumerate(profile.whens) if not _TOGETHER.isdisjoint(when.changes)
    ]
    for first, last in itertools.combinations(timed, 2):
        earlier, later = profile.whens[first], profile.whens[last]
        if not earlier.match.can_meet(later.match):
            continue
        variant = profile.with_whens((first, last))
        for check in (*_OF_VARIANTS, _rental_times):
            for key, problem in check(variant):
                if not {(f"{place}{key}", problem) for place in _places(earlier, later)} & alone:
                    yield f"{later.place}.{key}", f"{problem}, where {earlier.place} holds as well"


def _places(*whens: When) -> tuple[str, ...]:
    return ("", *(f"{when.place}." for when in whens))


def _variants(profile: Profile) -> Iterator[tuple[Profile, int]]:
    """What holds for the orders of each `[[when]]`."""
    for index in range(len(profile.whens)):
        yield profile.with_whens((index,)), index


def _kinds_decided(profile: Profile) -> KeyProblems:
    for name, rule in profile.claims.kinds.items():
        key = f"claims.kinds.{name}"
        if rule.decided is Decided.LOG and rule.log is None:
            yield key, f"needs log ({_LOG_TESTS}): of this name the worker has no test of its own"
        if rule.decided is Decided.REPAIR and profile.rectify.seconds is None:
            yield key, 'is decided "repair": that needs rectify.seconds'


def _cancel_times(profile: Profile) -> KeyProblems:
    cancel, window = profile.cancel, profile.sms.sms_window_s
    if cancel.until_s is not None and cancel.from_s > cancel.until_s:
        yield "cancel.from_s", f"is later than cancel.until_s ({cancel.until_s})"
    elif cancel.from_s > window:
        yield "cancel.from_s", f"is longer than the window ({window} s)"


def _rental_times(profile: Profile) -> KeyProblems:
    rental = profile.rental
    if rental.cancel_until_s is not None and rental.cancel_from_s > rental.cancel_until_s:
        problem = f"is later than rental.cancel_until_s ({rental.cancel_until_s})"
        yield "rental.cancel_from_s", problem


def _honour(profile: Profile) -> KeyProblems:
    claims = profile.claims
    if claims.honour_days is None or claims.window is None:
        return
    honour = Duration(Unit.DAYS, claims.honour_days)
    if any(
        after(at, honour, profile.calendar) < after(at, claims.window, profile.calendar)
        for at in _PURCHASES
    ):
        yield "claims.honour_days", "is shorter than the claim window: claims in time come too late"


def _idle(profile: Profile) -> KeyProblems:
    balance = profile.balance
    if balance.expires is False and balance.idle_months is not None:
        yield "balance.idle_months", "cannot stand beside balance.expires = false"


def _prices(profile: Profile) -> KeyProblems:
    for when in profile.whens:
        match = when.match
        if (
            match.price_from_minor is not None
            and match.price_to_minor is not None
            and match.price_from_minor > match.price_to_minor
        ):
            key = f"{when.place}.match.price_from_minor"
            yield key, "is above price_to_minor: no order can match"


def _limits(profile: Profile) -> KeyProblems:
    known = _limited(profile)
    if OTHER in known:
        return  # Then every name is a kind.
    for index, limit in enumerate(profile.limits):
        if limit.of not in known:
            hint = did_you_mean(limit.of, known)
            yield f"limits[{index}].of", f"must be one of {', '.join(known)}{hint}"


def _misspelt_limits(profile: Profile) -> KeyProblems:
    """Beside the row `other` every name is a kind, but one that is like a known one."""
    known = _limited(profile)
    if OTHER not in known:
        return
    for index, limit in enumerate(profile.limits):
        hint = did_you_mean(limit.of, known)
        if hint and limit.of not in {*known, *KNOWN_KINDS}:
            yield f"limits[{index}].of", f"has no row in claims.kinds{hint}"


def _limited(profile: Profile) -> list[str]:
    """What a limit may be on by name: the words, and each kind with a row."""
    kinds = {name for each in _all(profile) for name in each.claims.kinds}
    return sorted(kinds | {word.value for word in LimitOf})


def _all(profile: Profile) -> Iterator[Profile]:
    yield profile
    yield from (variant for variant, _ in _variants(profile))


#: What two exceptions can say against each other.
_TOGETHER = frozenset(
    {
        "cancel.from_s",
        "cancel.until_s",
        "sms.sms_window_s",
        "claims.honour_days",
        "claims.window",
        "rental.cancel_from_s",
        "rental.cancel_until_s",
    }
)
_OF_VARIANTS: tuple[Callable[[Profile], KeyProblems], ...] = (
    _kinds_decided,
    _cancel_times,
    _honour,
)
_CHECKS: tuple[Callable[[Profile], KeyProblems], ...] = (*_OF_VARIANTS, _idle, _prices, _limits)
