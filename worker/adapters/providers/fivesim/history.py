"""The history of 5sim: its list of orders, live or not, newest first."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from worker.adapters.providers import fields
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.provider import HistoryPage, PastNumber

CHARGED: Final = "FINISHED"
GIVEN_BACK: Final = frozenset({"CANCELED", "TIMEOUT", "BANNED"})
LIVE: Final = frozenset({"PENDING", "RECEIVED"})  #: RECEIVED is the number, not an SMS.


def past_orders(rows: Sequence[object], currency: str) -> list[PastNumber] | None:
    """The rows of a page, or None where one of them cannot be read."""
    read = [_past(row, currency) for row in rows]
    kept = [row for row in read if row is not None]
    return kept if len(kept) == len(read) else None


def within(page: HistoryPage, since: datetime, until: datetime, skip: int) -> HistoryPage:
    """The rows of a span. 5sim takes none: its last page is the first where all rows are older."""
    known = [row.rented_at for row in page.rows if row.rented_at is not None]
    over = page.next is None or (bool(known) and max(known) < since)
    rows = [row for row in page.rows if row.rented_at and since <= row.rented_at <= until]
    return HistoryPage(rows, None if over or page.next is None else skip + page.next)


def with_facts(page: port.ActivePage, whole: HistoryPage) -> port.ActivePage:
    """The live rows of a page with the facts that its history rows hold of them."""
    facts = {row.ref: row for row in whole.rows}
    return replace(page, rows=[_with_facts(row, facts[row.ref]) for row in page.rows])


def _with_facts(row: port.ActiveRow, facts: PastNumber) -> port.ActiveRow:
    return row._replace(
        country=facts.country,
        cost_minor=facts.cost_minor,
        currency=facts.currency,
        rented_at=facts.rented_at,
    )


def _past(row: object, currency: str) -> PastNumber | None:
    if not isinstance(row, dict) or (ref := fields.ref_of(row.get("id"))) is None:
        return None
    cost, cost_currency = fields.cost_in(row.get("price"), currency)
    return PastNumber(
        ref=ProviderRef(ref),
        fate=_fate(row),
        phone=fields.phone_of(row.get("phone")),
        service=fields.str_of(row.get("product")),
        country=fields.str_of(row.get("country")),
        cost_minor=cost,
        currency=cost_currency,
        rented_at=fields.instant_of(row.get("created_at")),
    )


def _fate(row: dict[str, Any]) -> PriceFate:
    status = row.get("status")
    if not isinstance(status, str):
        return PriceFate.UNKNOWN
    if status == CHARGED:
        return PriceFate.KEPT
    if status in GIVEN_BACK:
        # Never guess at money: an SMS and a cancel on one row contradict each other.
        return PriceFate.UNKNOWN if row.get("sms") else PriceFate.GIVEN_BACK
    return PriceFate.NOT_YET if status in LIVE else PriceFate.UNKNOWN
