"""`Profile`: one refund policy as data; each field is something in which shops differ."""

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from worker.domain.policy.vocabulary import Channel, ClaimKind, RequestField, WithdrawReason

BASIS_POINTS = 10_000  #: One whole.


class AutoCredit(enum.Enum):
    """What happens to the money when the window ends without an SMS."""

    AUTOMATIC = "automatic"  #: It goes back without a request.
    ON_CLAIM = "on_claim"  #: The number is closed; the money goes back on a claim.


class Undisplayed(enum.Enum):
    """An SMS reached the platform in time and the customer never saw it."""

    CREDIT = "credit"
    REVIEW = "review"


class DayCount(enum.Enum):
    ELAPSED_24H = "elapsed_24h"
    CALENDAR_END_OF_DAY = "calendar_end_of_day"


class OutageDays(enum.Enum):
    COMPLETE_24H = "complete_24h"
    STARTED_24H = "started_24h"


class Bars(enum.Enum):
    """What a finding against the customer bars."""

    ALL = "all"  #: Every refund.
    CLIENT = "client"  #: Only money that leaves the platform.


class PayoutRoute(enum.Enum):
    """Where the money of a granted claim may go besides the balance."""

    METHOD_OF_PAYMENT = "method_of_payment"
    WALLET = "wallet"
    CLIENT = "client"


class PayoutFee(enum.Enum):
    DISCLOSED = "disclosed"  #: What was recorded and disclosed for this refund.
    BY_DEPOSIT_AGE = "by_deposit_age"  #: `fee_steps`.


class WithdrawalMode(enum.Enum):
    NONE = "none"  #: The text says nothing: a human decides.
    GROUNDS = "grounds"  #: Unused money does not leave; only listed claims are paid out.
    UNUSED_TOPUPS = "unused_topups"
    FEE = "fee"


class ClaimRules(enum.Enum):
    """Which order of checks a claim runs through; follows from the fields that are set."""

    SILENT = "silent"
    WINDOWED = "windowed"  #: Claims within some days of the purchase, and repair.
    GROUNDS = "grounds"  #: Guaranteed grounds, to the balance or to the client.
    RECORD = "record"  #: Our own log decides what it can, evidence and a human the rest.


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One policy. `None` means that its text is silent. Field comments: `config/policies`."""

    name: str
    version: str = ""  #: Follows from the content; orders keep the version of their purchase.
    effective_from: datetime | None = None

    sms_window_s: int = 1200
    states_window: bool = False  #: Whether the text names that time, or the shop's default applies.
    auto_credit_mode: AutoCredit = AutoCredit.ON_CLAIM
    cancel_button: bool | None = None  #: None: there is one, and it does what the mode does.
    undisplayed_in_time: Undisplayed = Undisplayed.CREDIT
    min_cancel_age_s: int = 0

    request_channel: Channel | None = None
    reasons_required: bool = False
    general_window_days: int | None = None
    window_days: tuple[tuple[ClaimKind, int], ...] = ()
    honour_days: int | None = None
    telegram_2fa_video: bool = False
    api_telegram_2fa_refundable: bool = True
    exclude: frozenset[ClaimKind] = frozenset()
    compat_exception: bool = False
    unlawful_bars: Bars | None = None
    fraud_bars: Bars | None = None
    complaint_bars: Bars | None = None
    restrictions_bar: bool = False
    documents_bar: Bars | None = None
    early_deactivation_bars: bool = False
    required_fields: frozenset[RequestField] = frozenset()  #: Of a request for money out.
    balance_grounds: frozenset[ClaimKind] = frozenset()
    client_grounds: frozenset[ClaimKind] = frozenset()
    replacement_first: frozenset[ClaimKind] = frozenset()
    from_log: frozenset[ClaimKind] = frozenset()
    with_evidence: frozenset[ClaimKind] = frozenset()

    rectify_s: int | None = None
    replacement_offered: bool = False
    replacement_tolerance_bp: int = 1000
    host_access_grace_s: int = 86_400

    payout_route: PayoutRoute | None = None
    payout_fee: PayoutFee | None = None

    outage_threshold_s: int | None = None
    outage_day_count: OutageDays = OutageDays.COMPLETE_24H
    refund_cap_months: int | None = None

    credit_business_days: int | None = None
    review_business_days: int | None = None
    refund_days: int | None = None
    refund_extendable: bool = False
    payment_info_days: int | None = None

    withdrawal_mode: WithdrawalMode = WithdrawalMode.NONE
    topup_max_age_days: int | None = None
    exclude_reasons: frozenset[WithdrawReason] = frozenset()
    evidence_for: frozenset[WithdrawReason] = frozenset()
    psp_commission: bool = False
    fee_steps: tuple[tuple[int, int], ...] = ()  #: (years since the last deposit, basis points)
    kyc: bool = False

    balance_expires: bool | None = None
    deletion_voids_balance: bool = False
    law_enforcement_freezes: bool = False
    rules_block_bars_withdrawal: bool = False

    day_count: DayCount = DayCount.ELAPSED_24H
    timezone: tzinfo = UTC
    holidays: frozenset[date] = frozenset()

    @property
    def window(self) -> timedelta:
        """How long an order waits for its SMS."""
        return timedelta(seconds=self.sms_window_s)

    @property
    def credits_automatically(self) -> bool:
        """Whether a number without a code ends `refunded`; otherwise `closed`, until a claim."""
        return self.auto_credit_mode is AutoCredit.AUTOMATIC

    @property
    def cancel_offered(self) -> bool:
        """Whether there is a Cancel button at all."""
        return self.cancel_button is not False

    @property
    def cancel_credits(self) -> bool:
        """Whether pressing Cancel gives the money back; otherwise it only closes the number."""
        return self.cancel_button is True or (self.cancel_offered and self.credits_automatically)

    @property
    def claim_rules(self) -> ClaimRules:
        if self.general_window_days is not None:
            return ClaimRules.WINDOWED
        if self.balance_grounds or self.client_grounds:
            return ClaimRules.GROUNDS
        return ClaimRules.RECORD if self.from_log else ClaimRules.SILENT

    def window_days_for(self, kind: ClaimKind) -> int | None:
        """Days from the purchase in which a claim of *kind* is accepted."""
        for listed, days in self.window_days:
            if listed is kind:
                return days
        return self.general_window_days
