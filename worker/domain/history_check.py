"""What the provider's history of one number changes in our books about that number.

Where both say who has the price and differ, the number is disputed; where they agree again, it is
what it was. A number that the provider did not know any more takes the history's word. Customers
are not touched: a price the provider keeps is an exposure where the customer has it back.
"""

import enum
from typing import NamedTuple, assert_never

from worker.domain.activation import ProviderState
from worker.domain.price_fate import PriceFate


class ExposureState(enum.Enum):
    """What is at risk with a provider for one number whose customer has the price back."""

    OPEN = "open"  #: The provider may keep it.
    LOSS = "loss"  #: The provider keeps it for good.
    RESOLVED = "resolved"  #: The provider does not keep it.


class BookedNumber(NamedTuple):
    """What our books hold of a number, as far as its provider's history bears on it."""

    state: ProviderState
    before_dispute: ProviderState | None  #: None: no dispute is open, maybe a person ended it.
    refunded: bool  #: The customer has the price back.
    exposed: bool  #: Its exposure is not resolved.


class HistoryCorrection(NamedTuple):
    """How our books change."""

    becomes: ProviderState
    exposure: ExposureState | None  #: What its exposure is from now on; None: as it was.


def check_history(booked: BookedNumber, fate: PriceFate) -> HistoryCorrection | None:
    """What *fate*, told by the history, changes; None where it changes nothing.

    Told again it changes nothing: what follows from it is true by then.
    """
    match fate:
        case PriceFate.KEPT:
            becomes = _kept(booked)
        case PriceFate.GIVEN_BACK:
            becomes = _given_back(booked)
        case PriceFate.UNKNOWN | PriceFate.NOT_YET:
            return None
        case _:
            assert_never(fate)
    return None if becomes is None else HistoryCorrection(becomes, _exposure(booked, fate, becomes))


def _kept(booked: BookedNumber) -> ProviderState | None:
    before = booked.before_dispute
    match before or booked.state:
        case ProviderState.GONE:
            return ProviderState.CHARGED
        case ProviderState.CANCELLED:
            return ProviderState.DISPUTED if before is None else None
        case ProviderState.FINISHED | ProviderState.CHARGED:
            return before
        case ProviderState.OPEN | ProviderState.CANCELLING | ProviderState.FINISHING:
            return None
        case ProviderState.DISPUTED:
            return None  # A person ended the dispute; the history must not open it again.
        case state:
            assert_never(state)


def _given_back(booked: BookedNumber) -> ProviderState | None:
    before = booked.before_dispute
    match before or booked.state:
        case ProviderState.GONE:
            return ProviderState.CANCELLED
        case ProviderState.FINISHED | ProviderState.CHARGED:
            return ProviderState.DISPUTED if before is None else None
        case ProviderState.CANCELLED | ProviderState.DISPUTED:
            # It costs nothing, whatever made us think so: a code after the cancel, or a person.
            return ProviderState.CANCELLED if before or booked.exposed else None
        case ProviderState.OPEN | ProviderState.CANCELLING | ProviderState.FINISHING:
            return None
        case state:
            assert_never(state)


def _exposure(
    booked: BookedNumber, fate: PriceFate, becomes: ProviderState
) -> ExposureState | None:
    if becomes is ProviderState.CANCELLED:
        return ExposureState.RESOLVED
    if not booked.refunded or fate is not PriceFate.KEPT:
        return None
    # Charged after its cancel it stays a person's to claim, so it is no loss yet.
    return ExposureState.LOSS if becomes is ProviderState.CHARGED else ExposureState.OPEN
