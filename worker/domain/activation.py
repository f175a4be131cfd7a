"""The life of one rented number: what the customer got, and what became of it at the provider.

    WAITING --- a code, in time -----> RECEIVED --- window over, or finish --> DELIVERED
       |                                  ^
       | the window passed,               | the cancel was refused:
       v or Cancel was pressed            | a code was there, in time
    EXPIRING ---- cancel confirmed, ---> REFUNDED, CLOSED or IN_REVIEW, as the policy says
                  or the grace is over   (IN_REVIEW ends by a human's verdict)

Two axes. `State` is decided once, by the first commit. `ProviderState` is pursued for as long as
it takes; where the two disagree, an exposure says by how much.

    OPEN --- a code was delivered ---> FINISHING --- confirmed -----------> FINISHED
      |                                    | it took nothing ------------->+
      | a cancel goes out                                                  |
      v                                                                    v
    CANCELLING --- the provider's word ------------------> CANCELLED, CHARGED or GONE
      |                                                                    |
      | nobody ever said whether it was sold                               | its list or its history
      v                                                                    v contradicts that
    DISPUTED <-------------------------------------------------------------+

This module does no I/O and reads no clock: `now` is always an argument.
"""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

WINDOW = timedelta(minutes=20)
WINDOW_MIN = timedelta(seconds=1)
WINDOW_MAX = timedelta(seconds=86_400)


class State(enum.Enum):
    """What the customer got."""

    WAITING = "waiting"  #: Rented; the window is open and no code is here yet.
    EXPIRING = "expiring"  #: The window passed or Cancel was pressed; a cancel is owed.
    RECEIVED = "received"  #: A code was shown; the window still runs, more may come.
    IN_REVIEW = "in_review"  #: The policy leaves the ending to a human; the hold stays.
    DELIVERED = "delivered"  #: Final. A code was shown; the charge stands.
    REFUNDED = "refunded"  #: Final. No code; the customer is whole.
    CLOSED = "closed"  #: Final. No code; this policy credits on a claim only.


class ProviderState(enum.Enum):
    """What became of the number at the provider."""

    OPEN = "open"  #: Rented; nothing was asked yet.
    CANCELLING = "cancelling"  #: A cancel went out, or is about to; its outcome is unknown.
    CANCELLED = "cancelled"  #: The provider gave it back and does not charge us.
    FINISHING = "finishing"  #: A finish is owed; its outcome is unknown.
    FINISHED = "finished"  #: Ended with a code; the provider keeps the price.
    CHARGED = "charged"  #: Ended against us: the provider keeps the price, and no code was shown.
    GONE = "gone"  #: The provider does not know the number any more.
    DISPUTED = "disputed"  #: Its books and ours differ, until its history agrees or is believed.


FINAL = frozenset({State.DELIVERED, State.REFUNDED, State.CLOSED})
LIVE = frozenset(State) - FINAL
#: A cancel or a finish is still owed there. Nothing more is asked about a disputed number.
PROVIDER_OWED = frozenset({ProviderState.OPEN, ProviderState.CANCELLING, ProviderState.FINISHING})
PROVIDER_FINAL = frozenset(
    {
        ProviderState.CANCELLED,
        ProviderState.FINISHED,
        ProviderState.CHARGED,
        ProviderState.GONE,
    }
)


class EndReason(enum.Enum):
    """Why a number is being ended without a code: the first one is kept."""

    TIMEOUT = "timeout"  #: The window passed.
    CANCEL = "cancel"  #: The Cancel button was pressed.
    PROVIDER = "provider"  #: The provider cancelled it by itself.


class CodeFate(enum.Enum):
    """What a code that was seen means to the customer."""

    SHOWN = "shown"  #: First in time: the activation is `received`, an event tells of it.
    MORE = "more"  #: Another one of the same rental; no money.
    REPEATED = "repeated"  #: Known already.
    LATE = "late"  #: After the window or the ending: never shown, never charged.


def code_fate(
    state: State, *, cancelled: bool, deadline_at: datetime, known: bool, now: datetime
) -> CodeFate:
    """What becomes of a code seen at *now* (E1, E1a, E1b); the last instant counts as in time.

    `cancelled` is whether the provider already confirmed a cancel: then it will not charge us,
    and what it still shows is not the customer's.
    """
    assert deadline_at.tzinfo is not None
    if known:
        return CodeFate.REPEATED
    in_time = now <= deadline_at and not cancelled
    match state:
        case State.WAITING | State.EXPIRING:
            return CodeFate.SHOWN if in_time else CodeFate.LATE
        case State.RECEIVED:
            return CodeFate.MORE if in_time else CodeFate.LATE
        case State.IN_REVIEW | State.DELIVERED | State.REFUNDED | State.CLOSED:
            return CodeFate.LATE
        case _:
            assert_never(state)


class CancelAnswer(enum.Enum):
    """What pressing Cancel leads to (E3)."""

    ACCEPTED = "accepted"  #: The ending begins, or had begun, or is done: the same answer again.
    CODE_RECEIVED = "code-received"  #: A code was shown: the charge stands.
    # The policy refuses the press: the number goes on untouched.
    NO_CANCEL = "no-cancel"  #: It has no button, or a finding about the account stands against it.
    NOT_YET = "cancel-not-yet"
    OVER = "cancel-over"
    LIMIT = "cancel-limit"
    RESTRICTIONS_IGNORED = "restrictions-ignored"
    JUDGED = "judged"  #: Not answered yet: the policy asks the record first.


def answer_cancel(state: State) -> CancelAnswer:
    match state:
        case State.WAITING | State.EXPIRING | State.REFUNDED | State.CLOSED | State.IN_REVIEW:
            return CancelAnswer.ACCEPTED
        case State.RECEIVED | State.DELIVERED:
            return CancelAnswer.CODE_RECEIVED
        case _:
            assert_never(state)


def deadline_of(rented_at: datetime, window: timedelta, expires_at: datetime | None) -> datetime:
    """`rented_at` + window, never later than the provider's own expiry of the number."""
    assert rented_at.tzinfo is not None
    assert WINDOW_MIN <= window <= WINDOW_MAX
    deadline_at = rented_at + window
    return deadline_at if expires_at is None else min(deadline_at, expires_at)


@dataclass(frozen=True, slots=True)
class Transition:
    """One allowed step of the customer's axis; `audit` checks the transition log against these."""

    source: State
    target: State


MOVES = frozenset(
    {
        Transition(State.WAITING, State.RECEIVED),
        Transition(State.WAITING, State.EXPIRING),
        Transition(State.EXPIRING, State.RECEIVED),
        Transition(State.EXPIRING, State.REFUNDED),
        Transition(State.EXPIRING, State.CLOSED),
        Transition(State.EXPIRING, State.IN_REVIEW),
        Transition(State.RECEIVED, State.DELIVERED),
        Transition(State.IN_REVIEW, State.REFUNDED),
        Transition(State.IN_REVIEW, State.CLOSED),
        Transition(State.IN_REVIEW, State.DELIVERED),
    }
)


@dataclass(frozen=True, slots=True)
class ProviderTransition:
    """One step of the provider's axis."""

    source: ProviderState
    target: ProviderState


#: The allowed steps of the provider's axis; a tidy test holds every statement against them.
PROVIDER_MOVES = frozenset(
    {
        ProviderTransition(ProviderState.OPEN, ProviderState.CANCELLING),
        ProviderTransition(ProviderState.OPEN, ProviderState.FINISHING),
        # A purchase that was never sold, while its customer waits.
        ProviderTransition(ProviderState.OPEN, ProviderState.CANCELLED),
        # The cancel was refused: a code was there, in time.
        ProviderTransition(ProviderState.CANCELLING, ProviderState.OPEN),
        ProviderTransition(ProviderState.CANCELLING, ProviderState.CANCELLED),
        ProviderTransition(ProviderState.CANCELLING, ProviderState.CHARGED),
        ProviderTransition(ProviderState.CANCELLING, ProviderState.GONE),
        # A purchase whose outcome stayed unknown: there is no number to cancel.
        ProviderTransition(ProviderState.CANCELLING, ProviderState.DISPUTED),
        ProviderTransition(ProviderState.FINISHING, ProviderState.FINISHED),
        # It took nothing, though a code was shown.
        ProviderTransition(ProviderState.FINISHING, ProviderState.CANCELLED),
        # The history agrees: with what we held before, or with what nobody could tell us.
        ProviderTransition(ProviderState.DISPUTED, ProviderState.CANCELLED),
        ProviderTransition(ProviderState.DISPUTED, ProviderState.CHARGED),
        ProviderTransition(ProviderState.DISPUTED, ProviderState.FINISHED),
        # The number of such a purchase was found, and is cancelled.
        ProviderTransition(ProviderState.DISPUTED, ProviderState.CANCELLING),
    }
)
#: The only steps that leave a final state. The provider's own list or history makes them, where it
#: contradicts what the provider said before.
PROVIDER_CORRECTIONS = frozenset(
    {
        ProviderTransition(ProviderState.CANCELLED, ProviderState.CANCELLING),
        ProviderTransition(ProviderState.GONE, ProviderState.CANCELLING),
        ProviderTransition(ProviderState.CANCELLED, ProviderState.DISPUTED),
        ProviderTransition(ProviderState.FINISHED, ProviderState.DISPUTED),
        ProviderTransition(ProviderState.CHARGED, ProviderState.DISPUTED),
        ProviderTransition(ProviderState.GONE, ProviderState.DISPUTED),
        ProviderTransition(ProviderState.GONE, ProviderState.CANCELLED),
        ProviderTransition(ProviderState.GONE, ProviderState.CHARGED),
    }
)
