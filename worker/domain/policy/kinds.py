"""The closed sets of values that facts have: claim kinds, evidence, account flags and others."""

import enum


class ClaimKind(enum.Enum):
    """What the customer says went wrong. A kind without a name here is `OTHER`."""

    NON_RECEIVING = "non_receiving"
    INVALID_NUMBER = "invalid_number"
    MAJOR_DEFECT = "major_defect"
    INCOMPATIBILITY = "incompatibility"
    THIRD_PARTY_SUPPORT = "third_party_support"
    API_MISUSE = "api_misuse"
    USER_SOFTWARE_BUG = "user_software_bug"
    CANNOT_PROVIDE = "cannot_provide"
    NO_NUMBERS = "no_numbers"
    CARRIER_FAULT = "carrier_fault"
    OPERATOR_BLOCK = "operator_block"
    EARLY_DEACTIVATION = "early_deactivation"
    DOCUMENTS_REFUSED = "documents_refused"
    UNUSED_FUNDS = "unused_funds"
    CALLER_ID = "caller_id"
    CHANGED_MIND = "changed_mind"
    ACCIDENTAL_TOPUP = "accidental_topup"
    MISUNDERSTANDING = "misunderstanding"
    ACCOUNT_MAINTENANCE = "account_maintenance"
    SERVICE_UNAVAILABLE = "service_unavailable"
    COUNTRY_UNAVAILABLE = "country_unavailable"
    CANCEL_ERROR = "cancel_error"
    WRONG_CODE = "wrong_code"
    INCOMPLETE_TEXT = "incomplete_text"
    NUMBER_GIVEN_OUT = "number_given_out"
    OTHER = "other"


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


class PaymentMethod(enum.Enum):
    """How this order was paid."""

    BALANCE = "balance"
    CARD = "card"
    CRYPTO = "crypto"


class Channel(enum.Enum):
    """How a request reached the shop."""

    SUPPORT = "support"
    EMAIL = "email"
    FORM = "form"
    CHAT = "chat"
    ELSEWHERE = "elsewhere"  #: Any way no policy names.


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


class Kyc(enum.Enum):
    NOT_REQUESTED = "not_requested"
    REQUESTED = "requested"
    PASSED = "passed"
    FAILED = "failed"


class CustomerChoice(enum.Enum):
    REFUND = "refund"
    REPLACEMENT = "replacement"


class RequestField(enum.Enum):
    """What a request for money out states."""

    SERVICE = "service"
    AMOUNT = "amount"
    REASON = "reason"
    DETAILS = "details"
    PAYMENT_SYSTEM = "payment_system"
    EMAIL = "email"


class AccountEventKind(enum.Enum):
    IDLE = "idle"
    DELETE_REQUESTED = "delete_requested"
    LAW_ENFORCEMENT_BLOCK = "law_enforcement_block"
    RULES_BLOCK = "rules_block"


class Sla(enum.Enum):
    """A promise of the shop with a time limit."""

    REVIEW = "review"
    BALANCE_CREDIT = "balance_credit"
    REFUND_PAYMENT = "refund_payment"
    HONOUR = "honour"
