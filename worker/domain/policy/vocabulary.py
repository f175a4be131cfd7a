"""The vocabulary of policies: closed sets of what facts say, what is asked and what is decided."""

import enum

BALANCE = "balance"  #: The payment method of what the account itself holds.


class WithdrawReason(enum.Enum):
    """Why the customer wants his money off the platform, as he states it."""

    UNUSED_FUNDS = "unused_funds"
    CHANGED_MIND = "changed_mind"
    ACCIDENTAL_TOPUP = "accidental_topup"
    MISUNDERSTANDING = "misunderstanding"
    CALLER_ID = "caller_id"
    SMS_PROBLEM = "sms_problem"
    ACCOUNT_DELETION = "account_deletion"


class Product(enum.Enum):
    ONE_TIME = "one_time"
    RENTAL = "rental"


class BuyChannel(enum.Enum):
    WEB = "web"
    API = "api"


class Evidence(enum.Enum):
    SCREENSHOT = "screenshot"
    SCREENSHOT_2FA = "screenshot_2fa"
    PHOTO = "photo"
    VIDEO = "video"


class AccountFlag(enum.Enum):
    """A human's finding about an account, never computed."""

    DELETED_BY_CUSTOMER = "deleted_by_customer"
    BLOCKED_LAW_ENFORCEMENT = "blocked_law_enforcement"
    BLOCKED_RULES = "blocked_rules"
    UNLAWFUL_USE_CONFIRMED = "unlawful_use_confirmed"
    FRAUD_CONFIRMED = "fraud_confirmed"
    COMPLAINT_PROVIDER = "complaint_provider"
    COMPLAINT_LAW_ENFORCEMENT = "complaint_law_enforcement"
    UNLAWFUL_USE_SUSPECTED = "unlawful_use_suspected"
    FRAUD_SUSPECTED = "fraud_suspected"
    CHARGED_BACK = "charged_back"


class Kyc(enum.Enum):
    NOT_REQUESTED = "not_requested"
    REQUESTED = "requested"
    PASSED = "passed"
    FAILED = "failed"


class CustomerChoice(enum.Enum):
    REFUND = "refund"
    REPLACEMENT = "replacement"


class AccountEventKind(enum.Enum):
    IDLE = "idle"
    DELETE_REQUESTED = "delete_requested"
    DELETE_WITHDRAWN = "delete_withdrawn"
    LAW_ENFORCEMENT_BLOCK = "law_enforcement_block"
    LAW_ENFORCEMENT_UNBLOCK = "law_enforcement_unblock"
    RULES_BLOCK = "rules_block"
    RULES_UNBLOCK = "rules_unblock"
    CHARGEBACK = "chargeback"


class WithdrawalOffer(enum.Enum):
    """What became of the withdrawal that a deletion was answered with."""

    OPEN = "open"
    PAID = "paid"
    DECLINED = "declined"
    EXPIRED = "expired"


class PastEventKind(enum.Enum):
    """What a limit counts."""

    ORDER = "order"
    CANCEL = "cancel"  #: One that credited.
    AUTO_CREDIT = "auto_credit"
    CLAIM = "claim"
    PAYOUT = "payout"


class Sla(enum.Enum):
    """A promise of the shop with a time limit."""

    REVIEW = "review"
    BALANCE_CREDIT = "balance_credit"
    REFUND_PAYMENT = "refund_payment"
    HONOUR = "honour"
    REPLACEMENT = "replacement"
    ACCESS = "access"
    KYC = "kyc"
    PAYMENT_INFO = "payment_info"
    ALTERNATIVE = "alternative"
    ANSWER = "answer"


class Op(enum.Enum):
    """What is being decided."""

    ORDER_TICK = "order_tick"  #: The worker looks at an order.
    CANCEL = "cancel"  #: Cancel was pressed, or a rental is switched off early.
    SILENCE_TICK = "silence_tick"  #: Has the time to complain run out?
    CLAIM = "claim"
    OUTAGE_TICK = "outage_tick"
    WITHDRAWAL = "withdrawal"
    ACCOUNT_EVENT = "account_event"
    SLA_TICK = "sla_tick"  #: Is the shop itself on time?


class Outcome(enum.Enum):
    WAIT = "wait"  #: Nothing due yet; look again after the deadline.
    NONE = "none"  #: Nothing to do.
    AUTO_CREDIT = "auto_credit"  #: Credit without a request.
    CANCEL_NO_CREDIT = "cancel_no_credit"  #: The number is closed; money only on a claim.
    CREDIT = "credit"  #: To the balance, on request.
    PRORATED_CREDIT = "prorated_credit"
    PAYOUT = "payout"  #: Money leaves the platform.
    REFUND_FULL = "refund_full"  #: The rectification was missed.
    REPLACE = "replace"
    RECTIFY = "rectify"  #: The shop's time to repair runs.
    RESOLVED = "resolved"  #: Repaired in time.
    DENY = "deny"
    NEEDS_EVIDENCE = "needs_evidence"  #: The customer must add something.
    NEEDS_REVIEW = "needs_review"  #: A human decides.
    FINALISED = "finalised"  #: Final by silence.
    OVERDUE = "overdue"  #: The shop is late: escalate.
    BALANCE_KEPT = "balance_kept"
    BALANCE_VOID = "balance_void"
    BALANCE_FROZEN = "balance_frozen"


class Destination(enum.Enum):
    BALANCE = "balance"
    CLIENT = "client"
    WALLET = "wallet"
    ORIGINAL_METHOD = "original_method"


class Reason(enum.Enum):
    """Why a decision is what it is, grouped by what it means."""

    # Money to the customer.
    NO_SMS_IN_WINDOW = "no_sms_in_window"
    CANCELLED_BEFORE_SMS = "cancelled_before_sms"
    NO_SMS_ON_RECORD = "no_sms_on_record"
    SMS_NOT_DISPLAYED = "sms_not_displayed"
    CLAIM_APPROVED = "claim_approved"
    GRANTED_ON_REQUEST = "granted_on_request"
    RECTIFICATION_MISSED = "rectification_missed"
    NEVER_PROVIDED = "never_provided"
    NO_REPLACEMENT = "no_replacement"
    CANCEL_ERROR = "cancel_error"
    OPERATOR_BLOCK = "operator_block"
    OUTAGE_OVER_24H = "outage_over_24h"
    UNUSED_TIME = "unused_time"
    RENEWAL_CANCELLED = "renewal_cancelled"
    REFUNDABLE_TOPUPS = "refundable_topups"
    PARTIAL_REFUNDABLE = "partial_refundable"
    BALANCE_WITHDRAWAL = "balance_withdrawal"
    REPLACEMENT_CHOSEN = "replacement_chosen"
    REPLACEMENT_SAME_LOCATION = "replacement_same_location"
    RECTIFIED_IN_TIME = "rectified_in_time"
    # Waiting.
    SMS_WINDOW_OPEN = "sms_window_open"
    CLAIM_WINDOW_OPEN = "claim_window_open"
    AWAITING_CLAIM = "awaiting_claim"
    RECTIFICATION_RUNNING = "rectification_running"
    HOST_ACCESS_PENDING = "host_access_pending"
    OUTAGE_RUNNING = "outage_running"
    RENTAL_RUNNING = "rental_running"
    OPEN_ORDER_PENDING = "open_order_pending"
    WITHDRAWAL_OPEN = "withdrawal_open"
    WITHDRAWAL_OFFERED = "withdrawal_offered"
    REVIEW_DUE = "review_due"
    BALANCE_CREDIT_DUE = "balance_credit_due"
    REFUND_PAYMENT_DUE = "refund_payment_due"
    HONOUR_DUE = "honour_due"
    REPLACEMENT_DUE = "replacement_due"
    ACCESS_DUE = "access_due"
    KYC_DUE = "kyc_due"
    PAYMENT_INFO_DUE = "payment_info_due"
    ALTERNATIVE_DUE = "alternative_due"
    ANSWER_DUE = "answer_due"
    # Nothing to do.
    ALREADY_SETTLED = "already_settled"
    ACTIVATED = "activated"
    CLAIM_OPEN = "claim_open"
    NO_CONTACT = "no_contact"
    NO_CLAIM_WINDOW = "no_claim_window"
    RENTAL_OVER = "rental_over"
    REPLACED = "replaced"
    TAKEN_BACK = "taken_back"
    DONE = "done"
    DONE_LATE = "done_late"
    SILENCE = "silence"
    # The shop is late.
    REVIEW_OVERDUE = "review_overdue"
    BALANCE_CREDIT_OVERDUE = "balance_credit_overdue"
    REFUND_PAYMENT_OVERDUE = "refund_payment_overdue"
    HONOUR_OVERDUE = "honour_overdue"
    REPLACEMENT_OVERDUE = "replacement_overdue"
    # The customer must act.
    EVIDENCE_MISSING = "evidence_missing"
    VIDEO_REQUIRED = "video_required"
    REASONS_MISSING = "reasons_missing"
    WRONG_CHANNEL = "wrong_channel"
    REQUEST_INCOMPLETE = "request_incomplete"
    EMAIL_MISMATCH = "email_mismatch"
    KYC_REQUIRED = "kyc_required"
    PAYMENT_INFO_REQUIRED = "payment_info_required"
    # A human decides.
    JUDGE_EVIDENCE = "judge_evidence"
    JUDGE_REQUEST = "judge_request"
    CONTRADICTS_TERMS = "contradicts_terms"
    SUSPECTED_MISUSE = "suspected_misuse"
    LATE_SMS_DISPLAYED = "late_sms_displayed"
    APPROVAL_OVERDUE = "approval_overdue"
    REPLACEMENT_VALUE_MISMATCH = "replacement_value_mismatch"
    COMPAT_LISTED = "compat_listed"
    CAUSE_UNKNOWN = "cause_unknown"
    ALLOCATION_UNKNOWN = "allocation_unknown"
    OUTAGE_UNVERIFIED = "outage_unverified"
    ALTERNATIVE_REFUND_METHOD = "alternative_refund_method"
    DOCUMENTS_NOT_ANNOUNCED = "documents_not_announced"
    DOCUMENTS_REFUSED = "documents_refused"
    DEACTIVATION_DUE_TO_PROBLEM = "deactivation_due_to_problem"
    POLICY_VERSION = "policy_version"
    POLICY_SILENT = "policy_silent"
    UNLISTED_REASON = "unlisted_reason"
    FACTS_CONTRADICT = "facts_contradict"
    PAYMENT_METHOD_UNKNOWN = "payment_method_unknown"
    REPAIR_CONTESTED = "repair_contested"
    ACCESS_OVERDUE = "access_overdue"
    KYC_OVERDUE = "kyc_overdue"
    PAYMENT_INFO_OVERDUE = "payment_info_overdue"
    ALTERNATIVE_OVERDUE = "alternative_overdue"
    CONFIRM_DELETION = "confirm_deletion"
    LIMIT_REACHED = "limit_reached"
    # Denied.
    SMS_RECEIVED = "sms_received"
    CODE_DISPLAYED = "code_displayed"
    CORRECT_SMS = "correct_sms"
    CLAIM_WINDOW_CLOSED = "claim_window_closed"
    ALREADY_REFUNDED = "already_refunded"
    CLAIM_REJECTED = "claim_rejected"
    API_TELEGRAM_2FA = "api_telegram_2fa"
    API_MISUSE = "api_misuse"
    USER_SOFTWARE_BUG = "user_software_bug"
    THIRD_PARTY_INCOMPATIBILITY = "third_party_incompatibility"
    NO_THIRD_PARTY_SUPPORT = "no_third_party_support"
    HOST_ACCESS_REFUSED = "host_access_refused"
    DEFECT_NOT_APPROVED = "defect_not_approved"
    UNLAWFUL_USE = "unlawful_use"
    FRAUD = "fraud"
    COMPLAINT_RECEIVED = "complaint_received"
    RESTRICTIONS_IGNORED = "restrictions_ignored"
    EARLY_DEACTIVATION = "early_deactivation"
    CLIENT_CAUSED = "client_caused"
    OUTAGE_NOT_OVER_24H = "outage_not_over_24h"
    REFUND_MONTH_USED = "refund_month_used"
    NOT_A_CLIENT_REFUND_GROUND = "not_a_client_refund_ground"
    UNUSED_FUNDS = "unused_funds"
    CALLER_ID = "caller_id"
    CHANGED_MIND = "changed_mind"
    ACCIDENTAL_TOPUP = "accidental_topup"
    MISUNDERSTANDING = "misunderstanding"
    BEYOND_RESPONSIBILITY = "beyond_responsibility"
    NUMBER_WAS_PROVIDED = "number_was_provided"
    TOPUP_TOO_OLD = "topup_too_old"
    TOPUP_USED = "topup_used"
    NOTHING_REFUNDABLE = "nothing_refundable"
    PAYMENT_INFO_TIMEOUT = "payment_info_timeout"
    KYC_FAILED = "kyc_failed"
    ACCOUNT_DELETED = "account_deleted"
    ACCOUNT_FROZEN = "account_frozen"
    ACCOUNT_BLOCKED_RULES = "account_blocked_rules"
    NOT_COVERED = "not_covered"
    CANCEL_WINDOW_OVER = "cancel_window_over"
    CANCEL_LIMIT = "cancel_limit"
    BELOW_LEAST_SUM = "below_least_sum"
    METHOD_NOT_REFUNDABLE = "method_not_refundable"
    FIRST_ONLY = "first_only"
    USAGE_OVER = "usage_over"
    # The account.
    NEVER_EXPIRES = "never_expires"
    IDLE_RUNNING = "idle_running"
    IDLE = "idle"
    DELETED_BY_CUSTOMER = "deleted_by_customer"
    BLOCKED_BY_LAW_ENFORCEMENT = "blocked_by_law_enforcement"
    WITHDRAWAL_BARRED = "withdrawal_barred"
    UNBLOCKED = "unblocked"
    FORFEITED = "forfeited"
    CHARGEBACK = "chargeback"
