"""What intake fixes of a policy with an order, so that a press of Cancel need not ask it again.

The instants of Cancel depend on nothing that changes later. Whether a press or an ending asks more
(limits, flags of the account, restrictions) follows from the policy as well: where it does not, no
record is read for it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from worker.domain.policy.language.choices import Bar, LateCancel
from worker.domain.policy.language.matching import OrderWords
from worker.domain.policy.language.profile import Profile
from worker.domain.policy.language.sections import Limit
from worker.domain.policy.vocabulary import BALANCE, BuyChannel, PastEventKind, Product

_ANY = "any"


class CancelTerms(NamedTuple):
    """When Cancel may be pressed, from the purchase on."""

    offered: bool = True
    from_s: int = 0
    until_s: int | None = None
    judged: bool = False  #: The policy asks the record before it answers a press.


ANY_TIME = CancelTerms()


def order_words(
    service: str,
    country: str,
    price_minor: int,
    told: Mapping[str, Any],
    *,
    rental: bool = False,
) -> OrderWords:
    """What the exceptions of a policy ask of a number, as it is handed over, bought or rented."""
    return OrderWords(
        service=service,
        country=country,
        operator=told.get("operator"),
        labels=frozenset(told.get("labels", ())),
        product=Product.RENTAL if rental else Product.ONE_TIME,
        buy_channel=BuyChannel(told.get("buy_channel", BuyChannel.WEB.value)),
        payment_method=told.get("payment_method", BALANCE),
        service_2fa=told.get("service_2fa", False),
        price_minor=price_minor,
    )


def cancel_terms(profile: Profile, told: Mapping[str, Any]) -> CancelTerms:
    """Of the policy as it holds for this order."""
    cancel = profile.cancel
    if not profile.cancel_offered:
        return CancelTerms(offered=False)
    otherwise = cancel.until_s is not None and cancel.late in {LateCancel.CLOSE, LateCancel.REVIEW}
    return CancelTerms(
        from_s=cancel.from_s,
        until_s=cancel.until_s,
        judged=otherwise or _restricted(profile, told) or _cancel_asks_account(profile),
    )


def ending_asks_account(profile: Profile) -> bool:
    """Whether the end of the window is decided by more than the policy and the order."""
    return _flags_count(profile) or any(
        _limits(limit, PastEventKind.AUTO_CREDIT) for limit in profile.limits
    )


def _cancel_asks_account(profile: Profile) -> bool:
    if _flags_count(profile):
        return True
    cancel = profile.cancel
    limited = cancel.max_per_day is not None or cancel.max_ratio_bp is not None
    limited = limited or any(_limits(limit, PastEventKind.CANCEL) for limit in profile.limits)
    return profile.cancel_credits and limited


def _flags_count(profile: Profile) -> bool:
    bars = profile.bars
    stands = (bars.unlawful, bars.fraud, bars.complaint, bars.law_enforcement, bars.rules_block)
    return bool(profile.sms.hold_for) or Bar.ALL in stands


def _restricted(profile: Profile, told: Mapping[str, Any]) -> bool:
    shown = told.get("restrictions_shown", True)
    return bool(profile.bars.restrictions and shown and told.get("restrictions_ignored", False))


def _limits(limit: Limit, deed: PastEventKind) -> bool:
    return limit.of in {_ANY, deed.value}
