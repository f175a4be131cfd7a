"""`[[when]]`: which orders an exception is about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from worker.domain.policy.vocabulary import BuyChannel, Product

Labels = Mapping[str, frozenset[str]]  #: Label -> the words that providers have for the service.


class OrderWords(NamedTuple):
    """What an order says of itself to a `match`; None: nobody told it, and it never matches."""

    service: str | None = None
    country: str | None = None
    operator: str | None = None
    labels: frozenset[str] = frozenset()  #: As told with the order; the policy knows its own.
    product: Product = Product.ONE_TIME
    buy_channel: BuyChannel = BuyChannel.WEB
    payment_method: str = "balance"
    service_2fa: bool = False
    price_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """All that is said must hold; words are kept without regard to case, None is not said."""

    service: frozenset[str] | None = None
    country: frozenset[str] | None = None
    operator: frozenset[str] | None = None
    label: frozenset[str] | None = None
    product: frozenset[Product] | None = None
    buy_channel: frozenset[BuyChannel] | None = None
    payment_method: frozenset[str] | None = None
    service_2fa: frozenset[bool] | None = None
    price_from_minor: int | None = None
    price_to_minor: int | None = None

    def holds(self, order: OrderWords, policy_labels: Labels) -> bool:
        return (
            _among(self.service, order.service)
            and _among(self.country, order.country)
            and _among(self.operator, order.operator)
            and _among(self.payment_method, order.payment_method)
            and (self.product is None or order.product in self.product)
            and (self.buy_channel is None or order.buy_channel in self.buy_channel)
            and (self.service_2fa is None or order.service_2fa in self.service_2fa)
            and (self.price_from_minor is None or order.price_minor >= self.price_from_minor)
            and (self.price_to_minor is None or order.price_minor <= self.price_to_minor)
            and (self.label is None or _labelled(self.label, order, policy_labels))
        )

    def can_meet(self, other: "Match") -> bool:
        """Whether one order may match both; it has many labels, and one of everything else."""
        pairs = (
            (self.service, other.service),
            (self.country, other.country),
            (self.operator, other.operator),
            (self.product, other.product),
            (self.buy_channel, other.buy_channel),
            (self.payment_method, other.payment_method),
            (self.service_2fa, other.service_2fa),
        )
        if any(one is not None and two is not None and not one & two for one, two in pairs):
            return False
        lowest = max(self.price_from_minor or 0, other.price_from_minor or 0)
        tops = [top for top in (self.price_to_minor, other.price_to_minor) if top is not None]
        return not tops or lowest <= min(tops)


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """An exception: for the orders that match, *changes* replace what the file says else."""

    match: Match
    changes: Mapping[str, Any] = field(default_factory=dict)  #: As `Profile.said`.
    place: str = field(default="", compare=False)  #: Where the file says it: `when[0]`.
    short: bool = field(default=False, compare=False)  #: Whether a short form says it.


def folded(told: str) -> str:
    """As policies name it, whatever capitals a shop or a provider writes it with."""
    return told.strip().casefold()


def _among(words: frozenset[str] | None, told: str | None) -> bool:
    return words is None or (told is not None and folded(told) in words)


def _labelled(wanted: frozenset[str], order: OrderWords, policy_labels: Labels) -> bool:
    if any(label.casefold() in wanted for label in order.labels):
        return True
    service = order.service
    return service is not None and any(
        service.casefold() in policy_labels.get(label, frozenset()) for label in wanted
    )
