"""The closed sets of words that keys of a policy file may say."""

import enum


class AutoCredit(enum.Enum):
    """What happens to the money when the window ends without an SMS."""

    AUTOMATIC = "automatic"  #: It goes back without a request.
    ON_CLAIM = "on_claim"  #: The number is closed; the money goes back on a claim.


class Undisplayed(enum.Enum):
    """An SMS reached the platform in time and the customer never saw it."""

    CREDIT = "credit"
    REVIEW = "review"


class LateCancel(enum.Enum):
    """What a press of Cancel does that comes too late, or over a limit."""

    WAIT = "wait"  #: The window decides.
    CLOSE = "close"  #: The number is closed without a credit.
    DENY = "deny"
    REVIEW = "review"


class Bar(enum.Enum):
    """What a finding against the customer bars."""

    CLIENT = "client"  #: Money that leaves.
    ALL = "all"  #: Every credit, too.


class Fulfilment(enum.Enum):
    """What of an SMS bars everything that nobody judged, of a one-time number."""

    ACTIVATED = "activated"  #: A shown code, with the reason `sms_received`.
    DISPLAYED = "displayed"  #: A shown code, with the reason `code_displayed`.
    RECEIVED = "received"  #: An SMS that arrived.
    NOTHING = "nothing"  #: Only the statement that none came is barred.


class SmsSeen(enum.Enum):
    """How far an SMS came."""

    DISPLAYED = "displayed"
    RECEIVED = "received"


class FormFor(enum.Enum):
    """Which claims must have channel, fields and reasons."""

    EVERY = "every"
    JUDGED = "judged"  #: Those that a human judges, and all money that leaves.


class WindowFrom(enum.Enum):
    """From which instant a claim window counts."""

    PURCHASE = "purchase"
    ISSUE = "issue"  #: The customer's statement.
    START = "start"
    RENEWAL = "renewal"


class LateClaim(enum.Enum):
    """What becomes of a claim after its window."""

    DENY = "deny"
    REVIEW = "review"


class Decided(enum.Enum):
    """Who decides a claim of a kind."""

    LOG = "log"
    EVIDENCE = "evidence"  #: A human, after at least one piece of evidence.
    REVIEW = "review"  #: A human; nothing is demanded.
    GRANT = "grant"  #: Nobody: it is paid on request.
    DENY = "deny"  #: Nobody: it is never paid.
    REPAIR = "repair"  #: The shop may repair first.


class LogTest(enum.Enum):
    """Which question our own log answers."""

    NO_SMS = "no_sms"
    NOT_PROVIDED = "not_provided"
    CANCEL_FAILED = "cancel_failed"
    BLOCKED = "blocked"
    STOPPED = "stopped"


class Unlogged(enum.Enum):
    """What follows where our log knows nothing of it."""

    REVIEW = "review"
    GRANT = "grant"
    EVIDENCE = "evidence"
    DENY = "deny"


class ClientIf(enum.Enum):
    """On which condition the money of a kind may leave."""

    WAS_LISTED = "was_listed"


class Remedy(enum.Enum):
    REFUND = "refund"
    REPLACEMENT_FIRST = "replacement_first"


class EarlyEnd(enum.Enum):
    """What a rental gives back that the customer ends early."""

    DENY = "deny"
    UNUSED = "unused"  #: The unused part, less the fee.
    REVIEW = "review"


class RentalUnit(enum.Enum):
    """In what the used part of a rental is counted."""

    MONTH = "month"
    DAY = "day"
    HOUR = "hour"
    EXACT = "exact"


class UsedCounts(enum.Enum):
    """Which unit of a rental is used."""

    STARTED = "started"
    COMPLETE = "complete"


class EmptyAtEnd(enum.Enum):
    """What a rental without one SMS gives back at its end."""

    AUTOMATIC = "automatic"
    ON_CLAIM = "on_claim"
    NOTHING = "nothing"


class OutageDays(enum.Enum):
    """How the days of an outage are counted."""

    COMPLETE_24H = "complete_24h"
    STARTED_24H = "started_24h"
    EXACT = "exact"


class PayoutRoute(enum.Enum):
    """Where the money of a granted claim may go besides the balance."""

    METHOD_OF_PAYMENT = "method_of_payment"
    WALLET = "wallet"
    CLIENT = "client"
    AS_DECIDED = "as_decided"


class Unable(enum.Enum):
    """What follows where the method cannot take the money back now."""

    REVIEW = "review"
    BALANCE = "balance"
    DENY = "deny"


class PayoutFee(enum.Enum):
    DISCLOSED = "disclosed"  #: What was disclosed with the order.
    BY_DEPOSIT_AGE = "by_deposit_age"  #: `fee_steps`.


class WithdrawalMode(enum.Enum):
    """Which money of the balance may leave."""

    NEVER = "never"
    BALANCE = "balance"
    UNUSED_TOPUPS = "unused_topups"


class WithdrawalDecided(enum.Enum):
    REVIEW = "review"
    GRANT = "grant"


class SpentBars(enum.Enum):
    """What was done with the money that then no longer leaves."""

    ANY = "any"
    ACTIVATED = "activated"
    NOTHING = "nothing"


class IdleThen(enum.Enum):
    VOID = "void"
    REVIEW = "review"


class RulesBlock(enum.Enum):
    """What becomes of the balance of an account that is blocked for the rules."""

    KEEP = "keep"
    VOID = "void"


class Chargeback(enum.Enum):
    FREEZE = "freeze"
    VOID = "void"
    REVIEW = "review"


class LimitOf(enum.Enum):
    """What a limit counts, besides the claims of one kind."""

    AUTO_CREDIT = "auto_credit"
    CANCEL = "cancel"
    CLAIM = "claim"
    PAYOUT = "payout"
    ANY = "any"


class LimitSpan(enum.Enum):
    """Over which time a limit counts, back from now."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class OverLimit(enum.Enum):
    REVIEW = "review"
    DENY = "deny"
    CLOSE = "close"
    WAIT = "wait"
