"""Variation near everything a policy says, from which questions about one key are put together.

An axis is a list of variations of a question, each a few facts; a question is one variation of
each axis of a plan, over the facts of its operation. Instants are offsets from the purchase.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from worker.domain.calendar import DAY, MICROSECOND, after
from worker.domain.policy.language.choices import Decided, LimitOf, LogTest, Unlogged
from worker.domain.policy.language.kinds import NON_RECEIVING, KindRule
from worker.domain.policy.language.matching import Match
from worker.domain.policy.language.profile import BASIS_POINTS, Profile, Said
from worker.domain.policy.language.schema import duration_of
from worker.domain.policy.language.sections import Limit
from worker.domain.policy.vocabulary import AccountFlag

Variation: TypeAlias = dict[str, Any]
Axis: TypeAlias = list[Variation]

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
MONDAY = datetime(2027, 3, 1, 10, tzinfo=UTC)  #: The purchase, unless the policy is younger.
PRICE_MINOR = 30_007  #: Odd, so that parts of it are rounded.
RENTED_FOR = timedelta(days=30)
UNHEARD_OF = "unheard_of"  #: A kind, a channel, a method that no policy names.


@dataclass(frozen=True, slots=True)
class Pair:
    """The policy as it is, and the same with another value of the key that is asked about."""

    one: Profile
    other: Profile
    start: datetime
    edges: tuple[timedelta, ...]  #: How long the key lasts in each of them.

    @property
    def both(self) -> tuple[Profile, Profile]:
        return self.one, self.other

    def variants(self) -> Iterator[Profile]:
        """Both, and what holds in each of them for the orders of one exception."""
        for profile in self.both:
            yield profile
            yield from (profile.with_whens((index,)) for index in range(len(profile.whens)))


def lasting(
    said: Said, profile: Profile, start: datetime, key: str | None = None
) -> set[timedelta]:
    """The times that *said* names; of one *key* without the others."""
    chosen = said.items() if key is None else [(key, said.get(key))]
    times = (duration_of(name, value) for name, value in chosen)
    return {after(start, time, profile.calendar) - start for time in times if time is not None}


def around(times: Iterable[timedelta]) -> list[timedelta]:
    """The last instant of each time, and the first after it."""
    return [at for time in sorted(set(times)) for at in (time, time + MICROSECOND)]


def over_window(pair: Pair) -> timedelta:
    """When the window of the SMS is over for sure."""
    return max(profile.window for profile in pair.variants()) + SECOND


def moments(pair: Pair, *more: timedelta) -> Axis:
    """`now`: after the window, early in it, and at the edges of what is asked about."""
    over = over_window(pair)
    times = [over, over - 2 * SECOND, *more, *around(pair.edges), SECOND]
    return [{"now": at} for at in times]


def claimed(pair: Pair, *more: timedelta) -> Axis:
    """When a claim is made: `now`, and what it says of itself."""
    times = [over_window(pair), 61 * SECOND, *more, *around(pair.edges)]
    return [{"claim_at": at, "now": at} for at in times]


def sms(pair: Pair) -> Axis:
    arrived = {"sms_received_at": SECOND}
    late = over_window(pair)
    return [
        {},
        arrived,
        arrived | {"sms_displayed_at": SECOND},
        {"sms_received_at": late, "sms_displayed_at": late},
    ]


FLAGS: Axis = [{}, *({"account_flags": [flag.value]} for flag in AccountFlag)]
RESTRICTIONS: Axis = [{"restrictions_ignored": True}, {}]
#: Of a rental without dates no sum can be computed, so that a human is asked whoever decides.
UNDATED: Variation = {"product": "rental", "rental_start": None, "rental_end": None}
TO: Axis = [
    {},
    {"destination": "client"},
    {"destination": "wallet"},
    {"payment_method": "card"},
    {"destination": "client", "payment_method": "card"},
    {"destination": "wallet", "payment_method": "card"},
]
OUT: Axis = TO[1:]
VERDICT: Axis = [{}, {"verified": True, "approved_at": "now"}]
KYC: Axis = [{}, *({"kyc": kyc} for kyc in ("passed", "failed", "requested"))]
DISCLOSED: Axis = [{"refund_fee_minor": 101}]
UNABLE: Axis = [{"payment_method_refundable": False}]


def channels(pair: Pair) -> Axis:
    named = {
        name
        for profile in pair.variants()
        for names in (profile.claims.channels, profile.withdrawal.channels)
        for name in names or ()
    }
    return [{"claim_channel": UNHEARD_OF}, *({"claim_channel": name} for name in sorted(named))]


def form(pair: Pair) -> Axis:
    """What may be missing of a request."""
    return [*channels(pair), {"reasons_given": False}, {"request_fields": []}]


def evidence(rules: Iterable[KindRule]) -> Axis:
    named = {kind for rule in rules for kind in rule.evidence or ()} | {"screenshot", "video"}
    return [{}, *({"evidence": [kind]} for kind in sorted(named))]


def kinds(pair: Pair, only: str | None = None) -> Axis:
    """A claim of each kind, with each thing our log can say about it."""
    found: dict[str, list[KindRule]] = {}
    for profile in pair.variants():
        limited = [limit.of for limit in profile.limits if limit.of not in _WORDS]
        named = [*profile.claims.kinds, *limited, NON_RECEIVING, UNHEARD_OF]
        for name in [only] if only else named:
            rule = profile.kind(name)
            found.setdefault(name, []).extend([rule] if rule else [])
    return [
        {"claim_kind": name, **facts}
        for name, rules in found.items()
        for facts in _what_decides(pair, rules)
    ]


def _what_decides(pair: Pair, rules: list[KindRule]) -> Axis:
    facts: Axis = [{}]
    tests = {rule.log for rule in rules}
    if any(rule.decided is Decided.REPAIR for rule in rules):
        facts += repaired(pair)
    if any(rule.unless_listed for rule in rules):
        facts.append({"compat_listed": True})
    shown = {min(rule.evidence or {"screenshot"}) for rule in rules if _needs_evidence(rule)}
    facts += [{"evidence": [kind]} for kind in sorted(shown)]
    for test in sorted((test for test in tests if test), key=lambda test: test.value):
        facts += _LOGGED[test]
    return facts


def _needs_evidence(rule: KindRule) -> bool:
    return Decided.EVIDENCE is rule.decided or Unlogged.EVIDENCE is rule.unlogged


_LOGGED: Mapping[LogTest, Axis] = {
    LogTest.NO_SMS: [],
    LogTest.NOT_PROVIDED: [
        {"allocation_failed": True},
        {"allocation_failed": True, "was_listed": True},
        {"allocation_failed": True, "was_listed": False},
        {"was_listed": True},
        {"was_listed": False},
        {"allocation_failed": False},
    ],
    LogTest.CANCEL_FAILED: [{"cancel_failed": True, "cancel_attempt_at": SECOND}],
    LogTest.BLOCKED: [{"client_caused": False}, {"client_caused": True}],
    LogTest.STOPPED: [{"replacement_available": False}, {"replacement_available": True}],
}


def repaired(pair: Pair) -> Axis:
    """A defect: approved or not, at each date of its repair."""
    seconds = {profile.rectify.seconds or 1 for profile in pair.variants()}
    claim_at = 61 * SECOND
    over = claim_at + timedelta(seconds=max(seconds)) + SECOND
    defect = {"claim_at": claim_at, "approved": True}
    ends = [
        claim_at + timedelta(seconds=each) + step
        for each in seconds
        for step in (timedelta(0), MICROSECOND)
    ]
    chosen = defect | {"customer_choice": "replacement", "now": over}
    return [
        defect | {"now": over},
        *(defect | {"now": end} for end in ends),
        {"claim_at": claim_at, "now": over},
        *(chosen | {"replacement_value_minor": value} for value in _like_values(pair)),
        chosen,
        *_accesses(pair, claim_at, over, defect),
    ]


def _like_values(pair: Pair) -> list[int]:
    """Replacements at the edge of "around the same value"."""
    tolerances = {profile.rectify.replacement_tolerance_bp for profile in pair.variants()}
    parts = [PRICE_MINOR * bp // BASIS_POINTS for bp in sorted(tolerances)]
    return [PRICE_MINOR + part + more for part in parts for more in (0, 1)]


def _accesses(
    pair: Pair, claim_at: timedelta, over: timedelta, defect: Variation
) -> Iterator[Variation]:
    """Access to the customer's host: asked for, not given, given after the grace."""
    asked = defect | {"access_requested_at": claim_at, "now": over}
    for profile in pair.both:
        late = claim_at + timedelta(seconds=profile.rectify.host_access_grace_s) + MICROSECOND
        yield asked | {"access_granted_at": late, "now": max(over, late)}
        yield asked | {"now": late}
        yield asked | {"now": late + HOUR}


def deposits(pair: Pair) -> Axis:
    """The last deposit, as many years ago as the steps of the fee name."""
    years = {year for profile in pair.variants() for year, _ in profile.payout.fee_steps}
    return [{"last_deposit_at": -(year * 366 + 1) * DAY} for year in sorted(years | {0})]


def usages(pair: Pair) -> Axis:
    """How much was used, at the edge of what is allowed."""
    most = {profile.claims.usage_max_bp or 0 for profile in pair.variants()}
    return [{"used_bp": min(bp + more, BASIS_POINTS)} for bp in sorted(most) for more in (0, 1)]


def methods(pair: Pair) -> Axis:
    named = {name for profile in pair.variants() for name in profile.payout.methods}
    return [{"payment_method": name} for name in [*sorted(named), "card"]]


def words_of(match: Match) -> Variation:
    """Variation of an order that the match is about."""
    facts: dict[str, Any] = {}
    for name in ("service", "country", "operator", "payment_method"):
        if (words := getattr(match, name)) is not None:
            facts[name] = min(words)
    if match.label is not None:
        facts["labels"] = [min(match.label)]
    if match.product is not None:
        facts["product"] = min(each.value for each in match.product)
    if match.buy_channel is not None:
        facts["buy_channel"] = min(each.value for each in match.buy_channel)
    if match.service_2fa is not None:
        facts["service_2fa"] = min(match.service_2fa)
    if match.price_to_minor is not None:
        facts["price_minor"] = match.price_to_minor
    elif match.price_from_minor is not None:
        facts["price_minor"] = max(match.price_from_minor, PRICE_MINOR)
    return facts


_AGES = (HOUR, 2 * DAY, 10 * DAY, 60 * DAY, 200 * DAY)  #: One in each span of a limit.
_WORDS = {word.value for word in LimitOf}


def prices(pair: Pair) -> Axis:
    """Any, the least, and what alone is over the sum of a limit."""
    sums = {limit.max_minor or 0 for profile in pair.both for limit in profile.limits}
    asked = [1, *(most + 1 for most in sorted(sums - {0}))]
    return [{}, *({"price_minor": price, "balance_minor": price} for price in asked)]


def before_limits(pair: Pair, until: timedelta = timedelta(0)) -> Axis:
    """What an account did before *until*: a rental is paid long after its purchase."""
    limits = {limit for profile in pair.both for limit in profile.limits}
    ordered = sorted(limits, key=repr)
    return [
        {},
        *(facts for limit in ordered for age in _AGES for facts in _over(limit, until - age)),
    ]


def _over(limit: Limit, at: timedelta) -> Iterator[Variation]:
    """Over each maximum alone, where the others allow it, and over the share of its orders."""
    sums = limit.max_minor or 1
    yield {"history": _entries(limit, at, limit.max_count or 1, 0)}
    yield {"history": _entries(limit, at, 1, sums)}
    for orders in (limit.ratio_of, limit.ratio_of - 1):
        fewest = (limit.max_ratio_bp or 0) * orders // BASIS_POINTS
        for count in (fewest, orders):
            yield {"history": [*_times(orders, "order", at), *_entries(limit, at, count, 0)]}


def _entries(limit: Limit, at: timedelta, count: int, amount: int) -> list[dict[str, Any]]:
    what = limit.of if limit.of in _WORDS - {"any"} else "claim"
    entries = _times(count, what, at, amount)
    if what == "claim":
        kind = limit.of if limit.of not in _WORDS else UNHEARD_OF
        return [entry | {"kind": kind} for entry in entries]
    return entries


def _times(count: int, what: str, at: timedelta, amount: int = 0) -> list[dict[str, Any]]:
    """So many of the same, as one entry: a limit may allow a million."""
    entry = {"what": what, "at": at, "amount_minor": amount, "times": count}
    return [entry] if count else []


def before_cancels(pair: Pair) -> Axis:
    """Credited Cancels of the day, and those among the last orders."""
    found: list[Variation] = []
    for profile in pair.both:
        cancel = profile.cancel
        found.append({"history": _times(cancel.max_per_day or 1, "cancel", -HOUR)})
        orders = cancel.ratio_of
        found += [
            {"recent_orders": orders, "recent_cancels": cancels} for cancels in (orders, 1, 0)
        ]
    return [{}, *found]
