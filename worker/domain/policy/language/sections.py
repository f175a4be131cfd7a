"""The sections of a policy file: each key that has a value, with its default.

`None` means that the file does not say it and that no default holds. Names are those of the keys;
a time that may be stated in several units (`window_s`, `window_days`, …) is one `Duration`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.domain.calendar import Duration
from worker.domain.policy.language import choices
from worker.domain.policy.language.kinds import KindRule
from worker.domain.policy.vocabulary import AccountFlag, Destination, WithdrawReason

WINDOW_SECONDS = 1200  #: What the worker's own `defaults.window_seconds` is, unless set.


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsRules:
    sms_window_s: int = WINDOW_SECONDS
    auto_credit_mode: choices.AutoCredit = choices.AutoCredit.ON_CLAIM
    undisplayed_in_time: choices.Undisplayed = choices.Undisplayed.CREDIT
    hold_for: frozenset[AccountFlag] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRules:
    button: bool | None = None  #: None: there is one, and it does what the mode does.
    from_s: int = 0
    until_s: int | None = None
    late: choices.LateCancel = choices.LateCancel.WAIT
    max_per_day: int | None = None
    max_ratio_bp: int | None = None
    ratio_of: int = 10
    over_limit: choices.LateCancel = choices.LateCancel.WAIT


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRules:
    unlawful: choices.Bar | None = None
    fraud: choices.Bar | None = None
    complaint: choices.Bar | None = None
    law_enforcement: choices.Bar | None = None
    rules_block: choices.Bar | None = None
    documents: choices.Bar | None = None
    restrictions: bool = False
    fulfilment: choices.Fulfilment = choices.Fulfilment.DISPLAYED
    sms: choices.SmsSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimRules:
    channels: frozenset[str] | None = None  #: None: any.
    required_fields: frozenset[str] = frozenset()
    reasons_required: bool = False
    form_for: choices.FormFor = choices.FormFor.EVERY
    window: Duration | None = None  #: None: no limit, and silence ends nothing.
    window_from: choices.WindowFrom = choices.WindowFrom.PURCHASE
    late: choices.LateClaim = choices.LateClaim.DENY
    honour_days: int | None = None
    first_purchase_only: bool = False
    usage_max_bp: int | None = None
    kinds: Mapping[str, KindRule] = field(default_factory=dict)  #: The rows of the file.


@dataclass(frozen=True, slots=True, kw_only=True)
class RectifyRules:
    seconds: int | None = None
    replacement_offered: bool = False
    replacement_tolerance_bp: int = 1000
    host_access_grace_s: int = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class RentalRules:
    cancel_until_s: int | None = None
    cancel_unless: choices.SmsSeen | None = None
    cancel_from_s: int = 0
    early_end: choices.EarlyEnd | None = None
    unit: choices.RentalUnit = choices.RentalUnit.DAY
    used_counts: choices.UsedCounts = choices.UsedCounts.STARTED
    fee_minor: int = 0
    empty_at_end: choices.EmptyAtEnd | None = None

    @property
    def may_be_given_back(self) -> bool:
        """Whether a rental may be given back at its whole price for some time."""
        return self.cancel_until_s is not None or self.cancel_unless is not None

    @property
    def given_back_unless(self) -> choices.SmsSeen:
        """Which SMS ends that right."""
        return self.cancel_unless or choices.SmsSeen.DISPLAYED


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalRules:
    refund_window_s: int | None = None
    unless: choices.SmsSeen | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageRules:
    threshold_s: int | None = None
    day_count: choices.OutageDays = choices.OutageDays.COMPLETE_24H
    refund_cap_months: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodRules:
    """What holds for one payment method; the defaults are those of a method nobody named."""

    refundable: bool = True
    least_minor: int = 0
    business_days: int | None = None
    fee_bp: int = 0
    fee_minor: int = 0


UNNAMED_METHOD = MethodRules()


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutRules:
    route: choices.PayoutRoute | None = None  #: None: to the balance, whatever is asked.
    judged: bool = False
    kyc: bool = False
    unable: choices.Unable = choices.Unable.REVIEW
    fee: choices.PayoutFee | None = None
    fee_steps: tuple[tuple[int, int], ...] = ()  #: (years since the last deposit, basis points)
    fee_bp: int = 0
    fee_minor: int = 0
    methods: Mapping[str, MethodRules] = field(default_factory=dict)

    def method(self, name: str) -> MethodRules:
        return self.methods.get(name, UNNAMED_METHOD)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessingRules:
    credit: Duration | None = None
    review: Duration | None = None
    pay: Duration | None = None
    extendable: bool = False
    payment_info_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawalRules:
    mode: choices.WithdrawalMode | None = None
    destination: Destination = Destination.CLIENT
    decided: choices.WithdrawalDecided = choices.WithdrawalDecided.REVIEW
    spent_bars: choices.SpentBars = choices.SpentBars.NOTHING
    least_minor: int = 0
    topup_max_age_days: int | None = None
    channels: frozenset[str] | None = None  #: Those of `[claims]` where the file says none.
    reasons_required: bool = False  #: As `[claims]` where the file does not say it.
    required_fields: frozenset[str] = frozenset()
    email_must_match: bool = False  #: True by default where `email` is required.
    exclude_reasons: frozenset[WithdrawReason] = frozenset()
    evidence_for: frozenset[WithdrawReason] = frozenset()
    psp_commission: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRules:
    expires: bool | None = None  #: False, or not said.
    idle_months: int | None = None
    idle_then: choices.IdleThen = choices.IdleThen.REVIEW
    deletion_voids: bool = False
    rules_block: choices.RulesBlock = choices.RulesBlock.KEEP
    chargeback: choices.Chargeback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObligationRules:
    """Dates of what is owed; None: the default of the obligation itself."""

    answer_days: int | None = None
    kyc_days: int | None = None
    access_days: int | None = None
    alternative_days: int | None = None
    replacement_business_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How often or how much in some time; at least one of the three numbers is there."""

    of: str  #: A word of `LimitOf`, or a kind.
    per: choices.LimitSpan
    max_count: int | None = None
    max_minor: int | None = None
    max_ratio_bp: int | None = None
    ratio_of: int = 10
    then: choices.OverLimit = choices.OverLimit.REVIEW
