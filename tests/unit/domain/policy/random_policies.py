"""Random policies, also such as no check of a file would pass: deciding must be total."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from worker.domain.calendar import DayCount, Duration, Unit
from worker.domain.policy import Destination, Profile
from worker.domain.policy.language import choices
from worker.domain.policy.language.matching import Match, When
from worker.domain.policy.language.profile import ROW, Said, profile_saying
from worker.domain.policy.language.sections import Limit
from worker.domain.policy.vocabulary import AccountFlag, BuyChannel, WithdrawReason

KINDS = (
    "non_receiving",
    "cannot_provide",
    "no_numbers",
    "carrier_fault",
    "operator_block",
    "cancel_error",
    "invalid_number",
    "major_defect",
    "incompatibility",
    "early_deactivation",
    "documents_refused",
    "wrong_code",
    "other",
    "of_the_shop",
)
CHANNELS = ("email", "form")
FIELDS = ("amount", "reason")
METHODS = ("balance", "card", "coin")
SECONDS = (0, 1, 60, 600, 1200, 86_400)
MINORS = (0, 1, 7, 100)
SHARES = (0, 1, 2500, 10_000)

some_seconds = st.sampled_from(SECONDS)
some_durations = st.builds(Duration, st.sampled_from(Unit), st.integers(1, 9))
some_minors = st.sampled_from(MINORS)
some_shares = st.sampled_from(SHARES)
some_days = st.integers(1, 9)
some_names = st.frozensets(st.sampled_from(CHANNELS), min_size=1)
some_fields = st.frozensets(st.sampled_from(FIELDS))
some_reasons = st.frozensets(st.sampled_from(WithdrawReason), max_size=2)
truth = st.booleans()
bars = st.sampled_from(choices.Bar)
sms_seen = st.sampled_from(choices.SmsSeen)

KEYS: dict[str, st.SearchStrategy[Any]] = {
    "effective_from": st.just(datetime(2026, 3, 1, tzinfo=UTC)),
    "sms.sms_window_s": st.sampled_from([1, 60, 1200]),
    "sms.auto_credit_mode": st.sampled_from(choices.AutoCredit),
    "sms.undisplayed_in_time": st.sampled_from(choices.Undisplayed),
    "sms.hold_for": st.frozensets(st.sampled_from(AccountFlag), max_size=2),
    "cancel.button": truth,
    "cancel.from_s": some_seconds,
    "cancel.until_s": some_seconds,
    "cancel.late": st.sampled_from(choices.LateCancel),
    "cancel.max_per_day": st.integers(1, 2),
    "cancel.max_ratio_bp": some_shares,
    "cancel.ratio_of": st.integers(1, 3),
    "cancel.over_limit": st.sampled_from(choices.LateCancel),
    "bars.unlawful": bars,
    "bars.fraud": bars,
    "bars.complaint": bars,
    "bars.law_enforcement": bars,
    "bars.rules_block": bars,
    "bars.documents": bars,
    "bars.restrictions": truth,
    "bars.fulfilment": st.sampled_from(choices.Fulfilment),
    "bars.sms": sms_seen,
    "claims.channels": some_names,
    "claims.required_fields": some_fields,
    "claims.reasons_required": truth,
    "claims.form_for": st.sampled_from(choices.FormFor),
    "claims.window": some_durations,
    "claims.window_from": st.sampled_from(choices.WindowFrom),
    "claims.late": st.sampled_from(choices.LateClaim),
    "claims.honour_days": some_days,
    "claims.first_purchase_only": truth,
    "claims.usage_max_bp": some_shares,
    "rectify.seconds": some_seconds,
    "rectify.replacement_offered": truth,
    "rectify.replacement_tolerance_bp": some_shares,
    "rectify.host_access_grace_s": some_seconds,
    "rental.cancel_until_s": some_seconds,
    "rental.cancel_unless": sms_seen,
    "rental.cancel_from_s": some_seconds,
    "rental.early_end": st.sampled_from(choices.EarlyEnd),
    "rental.unit": st.sampled_from(choices.RentalUnit),
    "rental.used_counts": st.sampled_from(choices.UsedCounts),
    "rental.fee_minor": some_minors,
    "rental.empty_at_end": st.sampled_from(choices.EmptyAtEnd),
    "renewal.refund_window_s": some_seconds,
    "renewal.unless": sms_seen,
    "outage.threshold_s": some_seconds,
    "outage.day_count": st.sampled_from(choices.OutageDays),
    "outage.refund_cap_months": st.integers(1, 2),
    "payout.route": st.sampled_from(choices.PayoutRoute),
    "payout.judged": truth,
    "payout.kyc": truth,
    "payout.unable": st.sampled_from(choices.Unable),
    "payout.fee": st.sampled_from(choices.PayoutFee),
    "payout.fee_steps": st.just(((0, 500), (1, 1500))),
    "payout.fee_bp": some_shares,
    "payout.fee_minor": some_minors,
    "processing.credit": some_durations,
    "processing.review": some_durations,
    "processing.pay": some_durations,
    "processing.extendable": truth,
    "processing.payment_info_days": some_days,
    "withdrawal.mode": st.sampled_from(choices.WithdrawalMode),
    "withdrawal.destination": st.sampled_from(
        [Destination.CLIENT, Destination.WALLET, Destination.ORIGINAL_METHOD]
    ),
    "withdrawal.decided": st.sampled_from(choices.WithdrawalDecided),
    "withdrawal.spent_bars": st.sampled_from(choices.SpentBars),
    "withdrawal.least_minor": some_minors,
    "withdrawal.topup_max_age_days": some_days,
    "withdrawal.channels": some_names,
    "withdrawal.required_fields": some_fields,
    "withdrawal.email_must_match": truth,
    "withdrawal.exclude_reasons": some_reasons,
    "withdrawal.evidence_for": some_reasons,
    "withdrawal.psp_commission": truth,
    "balance.expires": st.just(False),  # noqa: FBT003 - the value of the key
    "balance.idle_months": st.integers(1, 2),
    "balance.idle_then": st.sampled_from(choices.IdleThen),
    "balance.deletion_voids": truth,
    "balance.rules_block": st.sampled_from(choices.RulesBlock),
    "balance.chargeback": st.sampled_from(choices.Chargeback),
    "obligations.answer_days": some_days,
    "obligations.kyc_days": some_days,
    "obligations.access_days": some_days,
    "obligations.alternative_days": some_days,
    "obligations.replacement_business_days": some_days,
    "calendar.day_count": st.sampled_from(DayCount),
    "calendar.timezone": st.sampled_from([UTC, ZoneInfo("America/New_York")]),
}
ROWS: dict[str, st.SearchStrategy[Any]] = {
    "decided": st.sampled_from(choices.Decided),
    "log": st.sampled_from(choices.LogTest),
    "unlogged": st.sampled_from(choices.Unlogged),
    "to": st.just(Destination.BALANCE),
    "client_if": st.sampled_from(choices.ClientIf),
    "remedy": st.sampled_from(choices.Remedy),
    "share_bp": some_shares,
    "evidence": st.frozensets(st.sampled_from(["photo", "video"]), min_size=1),
    "before_sms": truth,
    "unless_listed": truth,
    "any_channel": truth,
    "window": some_durations,
    "late": st.sampled_from(choices.LateClaim),
}
METHOD_ROWS: dict[str, st.SearchStrategy[Any]] = {
    "refundable": truth,
    "least_minor": some_minors,
    "business_days": some_days,
    "fee_bp": some_shares,
    "fee_minor": some_minors,
}
_NOT_IN_WHEN = ("effective_from", "withdrawal.", "balance.", "calendar.")


@st.composite
def _some_of(draw: st.DrawFn, strategies: dict[str, st.SearchStrategy[Any]]) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(sorted(strategies)), unique=True, max_size=12))
    return {name: draw(strategies[name]) for name in names}


@st.composite
def _rows(
    draw: st.DrawFn, table: str, names: tuple[str, ...], row: dict[str, st.SearchStrategy[Any]]
) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(names), unique=True, max_size=4)):
        said[f"{table}.{name}"] = ROW
        said |= {f"{table}.{name}.{key}": value for key, value in draw(_some_of(row)).items()}
    return said


@st.composite
def _said(draw: st.DrawFn) -> Said:
    return {
        **draw(_some_of(KEYS)),
        **draw(_rows("claims.kinds", KINDS, ROWS)),
        **draw(_rows("payout.methods", METHODS, METHOD_ROWS)),
    }


_limits = st.builds(
    Limit,
    of=st.sampled_from([*(of.value for of in choices.LimitOf), "invalid_number"]),
    per=st.sampled_from(choices.LimitSpan),
    max_count=st.one_of(st.none(), st.integers(1, 2)),
    max_minor=st.one_of(st.none(), some_minors),
    max_ratio_bp=st.one_of(st.none(), some_shares),
    ratio_of=st.integers(1, 2),
    then=st.sampled_from(choices.OverLimit),
)
_matches = st.builds(
    Match,
    service=st.sampled_from([None, frozenset({"tg"})]),
    label=st.sampled_from([None, frozenset({"telegram"})]),
    buy_channel=st.sampled_from([None, frozenset({BuyChannel.API})]),
    price_from_minor=st.sampled_from([None, 0, 100]),
)


def _allowed_in_when(said: Said) -> Said:
    return {key: value for key, value in said.items() if not key.startswith(_NOT_IN_WHEN)}


_whens = st.builds(When, match=_matches, changes=_said().map(_allowed_in_when))


def _policy(said: Said, limits: list[Limit], whens: list[When]) -> Profile:
    return profile_saying("random", said, limits=tuple(limits), whens=tuple(whens))


random_policies = st.builds(
    _policy, _said(), st.lists(_limits, max_size=2), st.lists(_whens, max_size=2)
)
#: Those that count nothing that was before: the same question has the same answer later.
unlimited_policies = st.builds(_policy, _said(), st.just([]), st.lists(_whens, max_size=2))
