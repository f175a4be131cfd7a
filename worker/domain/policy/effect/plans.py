"""Which questions are asked about a key: for each operation the axes whose product is asked.

The facts near the key vary last, so that a key that decides something is found after few questions.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from worker.domain.calendar import DAY
from worker.domain.policy.effect import axes, owed_dates
from worker.domain.policy.effect import operations as ask
from worker.domain.policy.effect.axes import HOUR, PRICE_MINOR, SECOND, Axis, Pair, Variation
from worker.domain.policy.language.profile import Profile, kind_of
from worker.domain.policy.vocabulary import Sla, WithdrawReason


def plans(key: str, pair: Pair) -> Iterator[ask.Plan]:
    """What is asked about *key* (as `Profile.said` names it, or `limits`)."""
    section = key.partition(".")[0]
    if key in _OF_KEYS:
        yield from _OF_KEYS[key](pair)
    elif kind := kind_of(key):
        yield from _of_kind(pair, kind)
    elif section in _OF_SECTIONS:
        yield from _OF_SECTIONS[section](pair)


def _of_kind(pair: Pair, kind: str) -> Iterator[ask.Plan]:
    rules = [rule for each in pair.variants() if (rule := each.kind(kind)) is not None]
    evidence = axes.evidence(rules)
    bad_channel: Axis = [{}, *axes.channels(pair)[:1]]
    # On another day than the purchase: a window may count to the end of a day.
    issued: Axis = [{}, {"issue_at": DAY}, {"renewed_at": DAY, "renewal_price_minor": 1}]
    for name in (kind, axes.UNHEARD_OF) if kind == "other" else (kind,):
        yield from ask.claims(pair, evidence, kind=name)
        yield from ask.claims(pair, axes.sms(pair), kind=name)
        yield from ask.claims(pair, [{}, axes.UNDATED], bad_channel, kind=name)
        yield from ask.claims(pair, issued, kind=name)
        yield from ask.rental_claims(pair, axes.sms(pair)[:3], issued, kind=name)
        yield from ask.rental_claims(pair, evidence, kind=name)
    if kind == "non_receiving":
        yield from ask.silences(pair)
        yield from ask.ticks(pair)


def _sms(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.ticks(pair)
    yield from ask.silences(pair)
    yield from ask.claims(pair, axes.sms(pair))


def _hold(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.ticks(pair, axes.FLAGS)
    yield from ask.rentals(pair, axes.FLAGS)


def _cancel(pair: Pair) -> Iterator[ask.Plan]:
    yield ask.Plan(ask.CANCEL, [axes.moments(pair), axes.before_cancels(pair), axes.sms(pair)])
    yield from ask.rentals(pair, axes.before_cancels(pair))
    yield ask.Plan(
        ask.CANCEL | ask.RENTAL | {"renewed_at": SECOND, "renewal_price_minor": 1},
        [axes.moments(pair, 2 * SECOND), axes.before_cancels(pair)],
    )


def _bars(pair: Pair) -> Iterator[ask.Plan]:
    yield from _hold(pair)
    yield from ask.withdrawals(axes.FLAGS)
    yield ask.Plan(ask.EVENT, [_EVENTS, axes.FLAGS])
    yield ask.Plan(
        ask.SLA, [[{"sla": "refund_payment"}, {"sla": "replacement"}], axes.FLAGS, [_NOW]]
    )
    yield from ask.claims(pair, axes.FLAGS)


_NOW: Variation = {"now": SECOND}


def _restrictions(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.ticks(pair, axes.RESTRICTIONS)
    yield from ask.rentals(pair, axes.RESTRICTIONS)
    yield from ask.claims(pair, axes.RESTRICTIONS)


def _documents(pair: Pair) -> Iterator[ask.Plan]:
    shown: Axis = [{"documents_shown_at_order": True}, {}]
    yield from ask.claims(pair, shown, kind="documents_refused")


def _seen(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.claims(pair, axes.sms(pair))
    yield from ask.rental_claims(pair, axes.sms(pair)[:3])
    yield from ask.ticks(pair)


def _requests(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.claims(pair, axes.form(pair))
    yield from ask.withdrawals(axes.form(pair))
    yield from ask.claims(pair, [axes.UNDATED], axes.form(pair))
    yield from ask.rental_claims(pair, axes.form(pair))


def _claim_window(pair: Pair) -> Iterator[ask.Plan]:
    starts: Axis = [
        {},
        {"issue_at": DAY},
        ask.RENTAL,
        ask.RENTAL | {"rental_start": DAY},
        ask.RENTAL | {"renewed_at": DAY, "renewal_price_minor": 1},
    ]
    yield from ask.claims(pair, starts)
    yield from ask.silences(pair)
    yield from ask.ticks(pair)
    yield from ask.claims(pair, [{"evidence": ["screenshot"]}], starts)


def _honour(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.claims(pair)
    yield from ask.claims(pair, [{"evidence": ["screenshot"]}])
    yield ask.Plan(ask.SLA, [[{"sla": "honour"}], axes.moments(pair)])


def _first_purchase(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.claims(pair, [{"first_purchase": False}])


def _usage(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.claims(pair, [{"evidence": ["screenshot"]}], axes.usages(pair))


def _repairs(pair: Pair) -> Iterator[ask.Plan]:
    contested: Axis = [{}, {"rectified_at": HOUR}, {"rectified_at": HOUR, "contested_at": 2 * HOUR}]
    yield from ask.claims(pair, contested)
    yield from ask.rental_claims(pair)


def _rental(pair: Pair) -> Iterator[ask.Plan]:
    fees = {profile.rental.fee_minor for profile in pair.both}
    dear: Axis = [{"price_minor": 10 * fee + PRICE_MINOR} for fee in sorted(fees)]
    # Of a rental of one month no whole month is unused.
    ends: Axis = [{}, {"due_to_problem": True}, {"rental_end": 100 * DAY}]
    yield from ask.rentals(pair, dear, ends)
    parts = [*ask.USED, *(part + 3 * HOUR for part in ask.USED)]
    found: Axis = [{}, *({"blocked_at": at, "stopped_found_at": at} for at in parts)]
    later = found[:1] + [{"claim_at": at, "now": at} for at in parts]
    no_form: Axis = [{"evidence": ["screenshot"]}]
    yield from ask.rental_claims(pair, axes.sms(pair)[:3], later)
    yield from ask.rental_claims(pair, no_form, later, found[:3])


def _renewal(pair: Pair) -> Iterator[ask.Plan]:
    renewed = ask.RENTAL | {"renewed_at": timedelta(0), "renewal_price_minor": 401}
    yield ask.Plan(ask.CANCEL | renewed, [axes.moments(pair, HOUR), axes.sms(pair)])
    renewed |= {"renewed_at": -DAY, "rental_start": -2 * DAY, "purchased_at": -2 * DAY}
    yield ask.Plan(ask.CANCEL | renewed, [axes.moments(pair, HOUR), axes.sms(pair)])


def _outage(pair: Pair) -> Iterator[ask.Plan]:
    times = [DAY + edge for edge in axes.around(pair.edges)]
    restored: Axis = [
        {"restored_at": at, "now": at + SECOND}
        for at in [*times, 3 * DAY + 7 * HOUR, 10 * DAY, DAY + HOUR]
    ]
    long = {"rental_end": 100 * DAY}
    still: Axis = [{"now": at} for at in [*times, 3 * DAY, 99 * DAY, 100 * DAY + SECOND]]
    yield ask.Plan(ask.OUTAGE | long, [restored])
    yield ask.Plan(ask.OUTAGE | long, [still])
    months = axes.claimed(pair, 2 * DAY, 3 * DAY)[2:]
    for kind in _named(pair):
        facts = ask.CLAIM | ask.RENTAL | long | {"client_caused": False, "claim_kind": kind}
        yield ask.Plan(facts, [months, axes.VERDICT, axes.kinds(pair, kind)])


def _named(pair: Pair) -> list[str]:
    return sorted({name for profile in pair.both for name in profile.claims.kinds})


_SHOWN: Axis = [{"evidence": ["screenshot"], "kyc": "passed"}]


def _fee(pair: Pair) -> Iterator[ask.Plan]:
    fees = [a | b for a in axes.DISCLOSED for b in axes.deposits(pair)]
    yield from ask.claims(pair, _SHOWN, fees)


def _payout(pair: Pair) -> Iterator[ask.Plan]:
    fees = [a | b for a in axes.DISCLOSED for b in axes.deposits(pair)]
    shown: Axis = [{"evidence": ["screenshot"], "kyc": "passed"}, {"evidence": ["screenshot"]}]
    able: Axis = [{}, *axes.UNABLE]
    yield from ask.withdrawals(axes.deposits(pair), axes.KYC)
    yield from ask.withdrawals(able, axes.methods(pair))
    yield from ask.claims(pair, shown, fees)
    yield from ask.claims(pair, axes.KYC, able)
    small: Axis = [{"price_minor": 5}, {}]
    yield from ask.claims(pair, shown, axes.methods(pair), small)
    yield from ask.withdrawals(axes.methods(pair), [{"amount_minor": 5}, {}])


def _least_of_methods(pair: Pair) -> Iterator[ask.Plan]:
    least = {
        rules.least_minor for each in pair.variants() for rules in each.payout.methods.values()
    }
    prices: Axis = [
        {"price_minor": price, "balance_minor": price}
        for minor in sorted(least)
        for price in (max(minor - 1, 1), minor or 1)
    ]
    shown: Axis = [{"evidence": ["screenshot"], "kyc": "passed"}]
    yield from ask.claims(pair, shown, axes.methods(pair), prices)
    yield from ask.withdrawals(axes.methods(pair), prices)


def _methods(pair: Pair) -> Iterator[ask.Plan]:
    yield from _least_of_methods(pair)
    yield from _payout(pair)


def _named_dates(pair: Pair) -> Axis:
    """What is owed by a date of the policy itself; a date of the worker's own is not meant."""
    named: Mapping[Sla, Callable[[Profile], object]] = {
        Sla.REVIEW: lambda each: each.processing.review,
        Sla.BALANCE_CREDIT: lambda each: each.processing.credit,
        Sla.REFUND_PAYMENT: lambda each: each.processing.pay,
        Sla.REPLACEMENT: lambda each: each.obligations.replacement_business_days,
    }
    return [{"sla": sla.value} for sla, of in named.items() if any(map(of, pair.both))]


def _promises(pair: Pair, slas: Axis) -> Iterator[ask.Plan]:
    until = max(pair.edges, default=timedelta(0)) + 300 * DAY
    extended = {"extension_until": until, "extension_beyond_control": True}
    late: Axis = [{}, extended, {"extension_until": until}]
    yield ask.Plan(ask.SLA, [slas, late, axes.moments(pair, 200 * DAY)])


def _extendable(pair: Pair) -> Iterator[ask.Plan]:
    yield from _promises(pair, _named_dates(pair))


def _holidays(pair: Pair) -> Iterator[ask.Plan]:
    yield from _promises(pair, _named_dates(pair))
    yield from _payments(pair)


def _processing(pair: Pair) -> Iterator[ask.Plan]:
    yield from _promises(pair, [{"sla": sla.value} for sla in Sla])
    yield from _payments(pair)


def _payments(pair: Pair) -> Iterator[ask.Plan]:
    yield from ask.ticks(pair)
    yield from ask.withdrawals()
    yield ask.Plan(
        ask.WITHDRAWAL | {"verified": True, "approved_at": timedelta(0)} | {"kyc": "passed"},
        [axes.moments(pair), [{"payment_info_requested_at": timedelta(0)}, {}]],
    )
    yield from ask.claims(pair, [{"evidence": ["screenshot"], "kyc": "passed"}, {}])
    yield from ask.rentals(pair)
    yield from _outage(pair)


def _withdrawal(pair: Pair) -> Iterator[ask.Plan]:
    reasons: Axis = [{}, *({"withdraw_reason": reason.value} for reason in WithdrawReason)]
    least = {profile.withdrawal.least_minor for profile in pair.both}
    sums: Axis = [
        {"amount_minor": max(each - less, 1), "balance_minor": PRICE_MINOR + each}
        | {"topups": [{"at": -HOUR, "amount_minor": PRICE_MINOR + each}]}
        for each in sorted(least)
        for less in (1, 0)
    ]
    spent: Axis = [
        {},
        {"spent_minor": 1},
        {"activations": [-HOUR]},
        {
            "topups": [{"at": -3 * DAY, "amount_minor": 9}, {"at": -HOUR, "amount_minor": 9}],
            "activations": [-2 * HOUR],
        },
    ]
    aged: Axis = [
        {"topups": [{"at": -age, "amount_minor": PRICE_MINOR}], "last_deposit_at": -age}
        for age in axes.around(pair.edges)
    ]
    yield from ask.withdrawals([*spent, *axes.form(pair), {"email_matches": False}])
    yield from ask.withdrawals([*sums, {}, *aged, {"psp_commission_minor": 7}])
    yield from ask.withdrawals([{}, {"evidence": ["screenshot"]}], reasons)
    yield from ask.withdrawals(axes.methods(pair), [*axes.UNABLE, {}])
    yield ask.Plan(ask.EVENT, [_EVENTS, [{}, {"refundable_minor": 5}]])


_EVENTS: Axis = [
    {"event": "delete_requested"},
    {"event": "delete_requested", "withdrawal_offer": "declined"},
    {"event": "delete_requested", "withdrawal_offer": "declined", "deletion_confirmed": True},
    {"event": "law_enforcement_block"},
    {"event": "rules_block"},
    {"event": "chargeback"},
    {"event": "idle", "idle_since": -HOUR},
]


def _balance(pair: Pair) -> Iterator[ask.Plan]:
    months = {profile.balance.idle_months or 1 for profile in pair.both}
    idle: Axis = [{"event": "idle", "idle_since": -count * 32 * DAY} for count in sorted(months)]
    yield ask.Plan(ask.EVENT, [[*_EVENTS, *idle]])
    yield from _bars(pair)


def _calendar(pair: Pair) -> Iterator[ask.Plan]:
    yield from _processing(pair)
    yield from _claim_window(pair)
    yield from _withdrawal(pair)
    yield from owed_dates.obligations(pair)
    yield from _honour(pair)
    steps = [hours * HOUR for hours in (-3, -9, -15, -21, 0)]
    ages = [step - age for age in sorted(pair.edges) for step in steps if age > DAY]
    aged: Axis = [
        {"topups": [{"at": age, "amount_minor": PRICE_MINOR}], "last_deposit_at": age}
        for age in ages
    ]
    yield from ask.withdrawals(aged)


def _effective(pair: Pair) -> Iterator[ask.Plan]:
    since = [each.effective_from for each in pair.both if each.effective_from is not None]
    before: Axis = [{"purchased_at": at - pair.start - SECOND} for at in since]
    yield ask.Plan(ask.TICK, [axes.moments(pair), [{}, *before]])


def _limits(pair: Pair) -> Iterator[ask.Plan]:
    before = axes.before_limits(pair)
    prices = axes.prices(pair)
    for facts in (ask.TICK, ask.CANCEL):
        yield ask.Plan(facts, [axes.moments(pair), prices, before])
    yield from ask.withdrawals(prices, before)
    at = axes.claimed(pair)
    yield ask.Plan(ask.CLAIM, [at, axes.kinds(pair), prices, before])
    for facts in (ask.TICK, ask.CANCEL):
        ends = axes.moments(pair, *ask.USED, ask.AFTER)
        yield ask.Plan(facts | ask.RENTAL, [ends, prices, before])
    yield ask.Plan(
        ask.TICK | ask.RENTAL | {"now": ask.AFTER}, [prices, axes.before_limits(pair, ask.AFTER)]
    )
    yield from ask.claims(pair, prices, before)
    renewed = ask.RENTAL | {"renewed_at": timedelta(0), "renewal_price_minor": 401}
    yield ask.Plan(ask.CANCEL | renewed, [axes.moments(pair, HOUR), before])
    restored: Variation = {"restored_at": 9 * DAY, "now": 9 * DAY}
    yield ask.Plan(ask.OUTAGE | restored, [[*before, *axes.before_limits(pair, 9 * DAY)]])


_Plans = Callable[[Pair], Iterator[ask.Plan]]
_OF_SECTIONS: Mapping[str, _Plans] = {
    "sms": _sms,
    "cancel": _cancel,
    "bars": _bars,
    "claims": _claim_window,
    "rectify": _repairs,
    "rental": _rental,
    "renewal": _renewal,
    "outage": _outage,
    "payout": _methods,
    "processing": _processing,
    "withdrawal": _withdrawal,
    "balance": _balance,
    "obligations": owed_dates.obligations,
    "calendar": _calendar,
    "limits": _limits,
}
_OF_KEYS: Mapping[str, _Plans] = {
    "effective_from": _effective,
    "sms.hold_for": _hold,
    "bars.restrictions": _restrictions,
    "bars.documents": _documents,
    "bars.fulfilment": _seen,
    "bars.sms": _seen,
    "claims.channels": _requests,
    "claims.required_fields": _requests,
    "claims.reasons_required": _requests,
    "claims.form_for": _requests,
    "claims.honour_days": _honour,
    "claims.first_purchase_only": _first_purchase,
    "claims.usage_max_bp": _usage,
    "payout.unable": ask.unable,
    "payout.fee": _fee,
    "processing.extendable": _extendable,
    "obligations.alternative_days": owed_dates.alternative,
    "calendar.holidays": _holidays,
}
