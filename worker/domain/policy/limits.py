"""How often and how much an account may get back: `[[limits]]` and the limits of Cancel.

They are asked before money moves that nobody judged; a human's yes is not limited.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from worker.domain import calendar
from worker.domain.policy.facts import OrderFacts, PastEvent
from worker.domain.policy.language.choices import LateCancel, LimitOf, LimitSpan, OverLimit
from worker.domain.policy.language.kinds import OTHER
from worker.domain.policy.language.profile import BASIS_POINTS, Profile
from worker.domain.policy.language.sections import Limit
from worker.domain.policy.vocabulary import PastEventKind

#: What gives money back: everything that the word `any` counts.
_ALL_KINDS = frozenset(PastEventKind) - {PastEventKind.ORDER}
_WORDS = frozenset(word.value for word in LimitOf)
SPANS: Final = tuple(LimitSpan)  #: The shortest first.


class HistoryAsked(NamedTuple):
    """What of an account's past its limits count: of each kind the longest span."""

    spans: Mapping[PastEventKind, LimitSpan] = {}
    recent: int = 0  #: Among how many last orders Cancels are counted.


NOTHING_ASKED: Final = HistoryAsked()


def history_asked(profile: Profile, deeds: Collection[PastEventKind]) -> HistoryAsked:
    """What is counted before any of *deeds*, under *profile* as it holds for the order."""
    spans: dict[PastEventKind, LimitSpan] = {}
    for what, span in _counted(profile, deeds):
        spans[what] = max(span, spans.get(what, span), key=SPANS.index)
    shares = PastEventKind.CANCEL in deeds and profile.cancel.max_ratio_bp is not None
    return HistoryAsked(spans, profile.cancel.ratio_of if shares else 0)


def _counted(
    profile: Profile, deeds: Collection[PastEventKind]
) -> Iterator[tuple[PastEventKind, LimitSpan]]:
    if PastEventKind.CANCEL in deeds and profile.cancel.max_per_day is not None:
        yield PastEventKind.CANCEL, LimitSpan.DAY
    for limit in profile.limits:
        kinds = _kinds_of(limit)
        if kinds.isdisjoint(deeds):
            continue
        yield from ((kind, limit.per) for kind in kinds)
        if limit.max_ratio_bp is not None:
            yield PastEventKind.ORDER, limit.per


def _kinds_of(limit: Limit) -> frozenset[PastEventKind]:
    if limit.of == LimitOf.ANY.value:
        return _ALL_KINDS
    known = {kind.value: kind for kind in _ALL_KINDS}
    return frozenset({known.get(limit.of, PastEventKind.CLAIM)})


def exceeded(profile: Profile, history: Sequence[PastEvent], deed: PastEvent) -> OverLimit | None:
    """What the first limit says that *deed* would exceed, itself included."""
    for limit in profile.limits:
        if _is_about(profile, limit, deed) and _is_over(profile, limit, history, deed):
            return limit.then
    return None


def cancel_over_limit(
    profile: Profile, order: OrderFacts, now: datetime, amount_minor: int
) -> LateCancel | None:
    """What a press of Cancel gets that would credit too often or too much."""
    if _too_often(profile, order, now) or _too_large_share(profile, order):
        return profile.cancel.over_limit
    if not profile.limits:
        return None
    then = exceeded(profile, order.history, PastEvent(PastEventKind.CANCEL, now, amount_minor))
    return None if then is None else LateCancel(then.value)


def _too_often(profile: Profile, order: OrderFacts, now: datetime) -> bool:
    most = profile.cancel.max_per_day
    if most is None:
        return False
    since = now - calendar.DAY
    presses = sum(
        event.times
        for event in order.history
        if event.what is PastEventKind.CANCEL and since < event.at <= now
    )
    return presses + 1 > most


def _too_large_share(profile: Profile, order: OrderFacts) -> bool:
    most, orders = profile.cancel.max_ratio_bp, profile.cancel.ratio_of
    if most is None or order.recent_orders < orders:
        return False
    return order.recent_cancels * BASIS_POINTS > most * orders


def _is_about(profile: Profile, limit: Limit, deed: PastEvent) -> bool:
    """Whether the limit counts *deed*: a limit on `other` counts each kind that has no row."""
    if limit.of == LimitOf.ANY.value:
        return True
    if limit.of in _WORDS:  # A kind of the same name is not meant.
        return limit.of == deed.what.value
    if deed.what is not PastEventKind.CLAIM or deed.kind is None:
        return False
    follows_other = limit.of == OTHER and deed.kind not in profile.claims.kinds
    return limit.of == deed.kind or follows_other


def _is_over(profile: Profile, limit: Limit, history: Sequence[PastEvent], deed: PastEvent) -> bool:
    since = span_start(limit.per, deed.at)
    span = [event for event in history if since < event.at <= deed.at]
    counted = [
        event for event in span if event.what in _ALL_KINDS and _is_about(profile, limit, event)
    ]
    count = sum(event.times for event in counted) + 1
    if limit.max_count is not None and count > limit.max_count:
        return True
    total = sum(event.amount_minor for event in counted) + deed.amount_minor
    if limit.max_minor is not None and total > limit.max_minor:
        return True
    orders = sum(event.times for event in span if event.what is PastEventKind.ORDER)
    if limit.max_ratio_bp is None or orders < limit.ratio_of:
        return False
    return count * BASIS_POINTS > limit.max_ratio_bp * orders


def span_start(span: LimitSpan, now: datetime) -> datetime:
    match span:
        case LimitSpan.DAY:
            return now - calendar.DAY
        case LimitSpan.WEEK:
            return now - timedelta(weeks=1)
        case LimitSpan.MONTH:
            return calendar.after_months(now, -1)
        case LimitSpan.YEAR:
            return calendar.after_months(now, -12)
