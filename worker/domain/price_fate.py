"""Who has the price of a number: the one vocabulary for it.

The provider alone decides it, and tells it in several places: in the status of a number and its
replies to a cancel (`ports.provider`), in its history, and when a long rental
ends (`ports.long_rental`). Each of them is read as one of these words, and nothing else.
`domain.activation.ProviderState` says where the number stands in our own books.
"""

import enum
from typing import assert_never

from worker.domain.activation import ProviderState


class PriceFate(enum.Enum):
    """Whether the provider keeps the price of a number."""

    KEPT = "kept"  #: It says so, or an SMS came, which it charges for.
    GIVEN_BACK = "given_back"  #: It says that the number was cancelled and costs nothing.
    UNKNOWN = "unknown"  #: It does not know the number, does not tell, or contradicts itself.
    NOT_YET = "not_yet"  #: The number has not ended there, or no answer was definite.


def ended_as(fate: PriceFate) -> ProviderState:
    """Where a number without a code stands in our books when the provider has said so much."""
    match fate:
        case PriceFate.KEPT:
            return ProviderState.CHARGED
        case PriceFate.GIVEN_BACK:
            return ProviderState.CANCELLED
        case PriceFate.UNKNOWN:
            return ProviderState.GONE
        case PriceFate.NOT_YET:
            return ProviderState.CANCELLING
        case _:
            assert_never(fate)
