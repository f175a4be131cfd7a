"""In what families may differ and still pass: facts about each, which its tests allow for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """One family's; the defaults are what most do."""

    refuses_early_cancels: bool = False  #: And what such a cancel is told is known.
    says_how_long: bool = True  #: A 429 comes with its Retry-After.
    looks_for_a_cancel: int = 1  #: Requests counted as looks in a rental, a look and a cancel.
    looks_after_a_purchase: int = 0  #: The number is behind a link.
    signs_in: bool = False  #: Gets a token for its key before anything else.
    empty_cancels: bool = False  #: A cancel's answer has no body that could be cut.
    history_apart: timedelta = timedelta(seconds=100)  #: Rentals that its history can tell apart.
    history_has_sms: bool = True


HABITS: Final[Mapping[str, Habits]] = {
    "handler_api": Habits(refuses_early_cancels=True),
    "fivesim": Habits(refuses_early_cancels=True, says_how_long=False),
    # One call closes whatever the reason, and only looks around it tell what it did.
    "onlinesim": Habits(refuses_early_cancels=True, looks_for_a_cancel=3),
    # Times without a zone tell only days apart.
    "smspool": Habits(refuses_early_cancels=True, history_apart=timedelta(days=3)),
    "textverified": Habits(
        looks_for_a_cancel=2,
        looks_after_a_purchase=1,
        signs_in=True,
        empty_cancels=True,
        history_has_sms=False,
    ),
}
