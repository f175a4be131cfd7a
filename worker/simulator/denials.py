"""Why the provider refuses a call: one list of reasons, which each face words in its own way."""

import enum
from dataclasses import dataclass
from datetime import timedelta

from worker.simulator.numbers import ArrivedSms


class DenialReason(enum.Enum):
    NO_KEY = "no-key"
    BAD_KEY = "bad-key"
    BANNED = "banned"
    RATE_LIMITED = "rate-limited"
    UNAVAILABLE = "unavailable"
    BAD_ACTION = "bad-action"  #: No such call.
    BAD_METHOD = "bad-method"
    BAD_REQUEST = "bad-request"  #: A parameter is missing or cannot be read.
    BAD_SERVICE = "bad-service"
    BAD_COUNTRY = "bad-country"
    NO_NUMBERS = "no-numbers"
    NO_BALANCE = "no-balance"
    PRICE_TOO_LOW = "price-too-low"  #: The buyer's maximum is below our price.
    ORDER_EXISTS = "order-exists"
    UNKNOWN_ID = "unknown-id"
    BAD_STATUS = "bad-status"  #: The status of the number does not allow this change.
    EARLY_CANCEL = "early-cancel"
    CODE_RECEIVED = "code-received"  #: Cancel refused: the buyer has read an SMS.
    NEW_CODE_RECEIVED = "new-code-received"  #: Cancel refused: nobody has read the SMS.
    TOO_LATE = "too-late"  #: A rental's time for a refund is over.
    NO_CODE = "no-code"
    ENDED = "ended"  #: The number has ended, for whatever reason.


@dataclass(frozen=True, slots=True)
class Denied:
    """A refusal, with the facts that some providers add to it."""

    reason: DenialReason
    wait: timedelta | None = None  #: When asking again makes sense.
    min_age: timedelta | None = None  #: How old a number must be to be cancelled.
    sms: tuple[ArrivedSms, ...] = ()  #: What a cancel was refused for.
    minimum_minor: int | None = None  #: The price that would have been enough.
