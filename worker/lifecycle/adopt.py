"""Adopt: give a purchase of unknown outcome the number that the provider turns out to have sold.

While its customer waits, the number is watched like any other. Once the customer is settled, it is
cancelled: pursued until the provider gives it back or keeps the price.

Service, country, cost and rental time are compared, as far as the provider gives them. The service
must be given; what else is missing is no contradiction; what is given must fit: a number that was
rented later than `CARRIED_OUT_WITHIN` after the purchase is not its own. A number given to the
wrong order would show one customer the code of another, or be cancelled while another program
with the same key waits for it. So in doubt it stays an orphan.

An order for an earlier phone is given that phone, and nobody else is: accounts of its customer at
third parties hang on it. Whether a number has the operator, the area or the medium that was asked
for is told nowhere: it is only taken to be cancelled, once nobody waits for it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from worker.domain.activation import State
from worker.domain.families import RentOption
from worker.domain.ids import ProviderName, ProviderRef
from worker.lifecycle.accept import Accept
from worker.lifecycle.budget import ProviderTerms
from worker.ports.reporter import Reporter
from worker.ports.store.purchases import Bought, OpenPurchase, PurchaseStore

ANSWER_WITHIN: Final = timedelta(seconds=60)  #: After which an asked purchase is forgotten.
#: After a purchase was asked for. Seen: a provider that holds purchases back for 170 s.
CARRIED_OUT_WITHIN: Final = timedelta(minutes=3)
CLOCKS_DIFFER: Final = timedelta(minutes=2)  #: The provider's and ours, at the most.
ANYWHERE: Final = frozenset({"any"})  #: No country: the provider chose one.
#: Of a phone, from its end: what they have before them differs. Fewer are masked, and tell nothing.
PHONE_DIGITS: Final = 7

assert ANSWER_WITHIN < CARRIED_OUT_WITHIN


class Orphan(Protocol):
    """A row of the list or of the history."""

    @property
    def ref(self) -> ProviderRef: ...
    @property
    def phone(self) -> str | None: ...
    @property
    def service(self) -> str | None: ...
    @property
    def country(self) -> str | None: ...
    @property
    def cost_minor(self) -> int | None: ...
    @property
    def currency(self) -> str | None: ...
    @property
    def rented_at(self) -> datetime | None: ...


AnyOrphan = TypeVar("AnyOrphan", bound=Orphan)


def matched(
    purchases: Iterable[OpenPurchase],
    orphans: Sequence[AnyOrphan],
    others: Iterable[OpenPurchase] = (),
) -> list[tuple[OpenPurchase, AnyOrphan]]:
    """In the order of the purchases: each with the number rented closest to it; no number twice.

    *others* are given none, but keep the phones that they want again.
    """
    open_, left = list(purchases), list(orphans)
    reuses = [each for each in (*open_, *others) if _is_reuse(each)]
    pairs = []
    while open_:
        fitting = [orphan for orphan in left if _is_free_for(open_[0], orphan, reuses)]
        certain = fitting and not _is_ambiguous(fitting, open_, reuses)
        purchase = open_.pop(0)
        if certain:
            best = min(fitting, key=lambda orphan: _distance(purchase, orphan))
            left.remove(best)
            pairs.append((purchase, best))
    return pairs


def _is_ambiguous(
    fitting: Sequence[Orphan], open_: Sequence[OpenPurchase], reuses: Sequence[OpenPurchase]
) -> bool:
    """Whether more numbers fit than purchases were lost, and no rental time tells them apart."""
    if all(orphan.rented_at is not None for orphan in fitting):
        return False
    lost = sum(any(_is_free_for(each, orphan, reuses) for orphan in fitting) for each in open_)
    return len(fitting) > lost


def _is_free_for(purchase: OpenPurchase, orphan: Orphan, reuses: Sequence[OpenPurchase]) -> bool:
    """Whether it fits, and cannot be the phone that another order wants again."""
    if not fits(purchase, orphan):
        return False
    return _is_reuse(purchase) or not any(_may_want(each, orphan) for each in reuses)


def _may_want(reuse: OpenPurchase, orphan: Orphan) -> bool:
    same = is_phone(orphan.phone, reuse.reused_phone)
    return _facts_fit(reuse, orphan) if same is None else same


def fits(purchase: OpenPurchase, orphan: Orphan) -> bool:
    return _facts_fit(purchase, orphan) and _options_fit(purchase, orphan)


def _facts_fit(purchase: OpenPurchase, orphan: Orphan) -> bool:
    return (
        orphan.service == purchase.service
        and _country_fits(purchase, orphan)
        and _cost_fits(purchase, orphan)
        and _time_fits(purchase, orphan)
    )


def _options_fit(purchase: OpenPurchase, orphan: Orphan) -> bool:
    if _is_reuse(purchase) and not is_phone(orphan.phone, purchase.reused_phone):
        return False
    return purchase.settled or not set(purchase.options or ()) - {RentOption.REUSE}


def _is_reuse(purchase: OpenPurchase) -> bool:
    return RentOption.REUSE in (purchase.options or ())


def is_phone(told: str | None, phone: str | None) -> bool | None:
    """Whether they are the same phone; None where one is not known, or masked."""
    one, other = ("".join(filter(str.isdecimal, each or "")) for each in (told, phone))
    if min(len(one), len(other)) < PHONE_DIGITS:
        return None
    return one[-PHONE_DIGITS:] == other[-PHONE_DIGITS:]


def _country_fits(purchase: OpenPurchase, orphan: Orphan) -> bool:
    wanted = purchase.country.casefold()
    return orphan.country is None or wanted in ANYWHERE or orphan.country.casefold() == wanted


def _cost_fits(purchase: OpenPurchase, orphan: Orphan) -> bool:
    if orphan.cost_minor is None or purchase.max_cost_minor is None:
        return True
    return orphan.cost_minor <= purchase.max_cost_minor


def _time_fits(purchase: OpenPurchase, orphan: Orphan) -> bool:
    if orphan.rented_at is None:
        return True
    after = orphan.rented_at - purchase.asked_at
    return -CLOCKS_DIFFER <= after <= CARRIED_OUT_WITHIN + CLOCKS_DIFFER


def _distance(purchase: OpenPurchase, orphan: Orphan) -> timedelta:
    if orphan.rented_at is None:
        return timedelta(0)  # All are alike then; the first in the list is the oldest.
    return abs(orphan.rented_at - purchase.asked_at)


WAITING = frozenset({State.WAITING, State.EXPIRING, State.RECEIVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopt:
    purchases: PurchaseStore
    reporter: Reporter
    accept: Accept
    terms: Mapping[ProviderName, ProviderTerms]

    async def __call__(
        self,
        provider: ProviderName,
        purchases: Sequence[OpenPurchase],
        orphans: Sequence[AnyOrphan],
        others: Iterable[OpenPurchase] = (),
    ) -> list[tuple[OpenPurchase, AnyOrphan]]:
        """Which purchase has which number now; none has a phone that *others* want again."""
        pairs = matched(purchases, orphans, others)
        for purchase, orphan in pairs:
            await self._adopt(provider, purchase, orphan)
        return pairs

    async def _adopt(self, provider: ProviderName, purchase: OpenPurchase, orphan: Orphan) -> None:
        bought = Bought(
            ref=orphan.ref,
            phone=orphan.phone or "",
            cost_minor=orphan.cost_minor,
            cost_currency=orphan.currency,
        )
        min_age = self.terms[provider].min_cancel_age
        activation = await self.purchases.purchase_bought(purchase.id, bought, min_age)
        if activation is None or activation.ref != orphan.ref:
            return  # Another order was given it at the same time.
        if activation.state in WAITING:
            await self.accept.watch([activation])
        self.reporter.trouble(
            "rent.adopted",
            provider=provider,
            detail=activation.state.value,
            activation=activation.id,
        )
