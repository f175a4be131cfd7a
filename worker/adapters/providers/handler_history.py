"""What a company of this family tells of a number beside its code: in its history, and in its list.

A row of getHistory holds id, phone, price, status and what the SMS said. Its time has no zone, and
the price stays on a row whose price was given back, so neither is evidence; the status is, unless
an SMS beside it says otherwise.
"""

from typing import Any, Final

from worker.adapters.providers.amounts import cost_minor, currency_of
from worker.adapters.providers.handler_dialects import Dialect
from worker.adapters.providers.reply import phone_of, ref_of
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.history import PastNumber
from worker.ports.provider import ActiveRow

CHARGED: Final = "6"
#: How the field of the SMS is written where there is none; it is a list, often inside a string.
NO_SMS: Final = frozenset({"", "[]", "null", '""', '[""]', "[null]"})


def past_numbers(body: object, dialect: Dialect, currency: str) -> list[PastNumber] | None:
    """The rows of a page, or None where it cannot be read: one bad row spoils it all."""
    if not isinstance(body, list):
        return None
    read = [_past(row, dialect, currency) for row in body]
    rows = [row for row in read if row is not None]
    return rows if len(rows) == len(read) else None


def with_facts(row: ActiveRow, told: dict[str, Any], currency: str) -> ActiveRow:
    """A row of the list with what else it tells one number from another by."""
    country, told_in = told.get("countryCode"), currency_of(told.get("currency"), currency)
    cost = cost_minor(told.get("activationCost"), told_in)
    return row._replace(
        country=None if country is None else str(country),
        cost_minor=cost,
        currency=None if cost is None else told_in,
    )


def _past(row: object, dialect: Dialect, currency: str) -> PastNumber | None:
    if not isinstance(row, dict) or (ref := ref_of(row.get("id"))) is None:
        return None
    told_in = currency_of(row.get("currency"), currency)
    # Of numbers that live it is zero, which is not what they cost.
    cost = cost_minor(row.get("cost"), told_in) or None
    return PastNumber(
        ref=ProviderRef(ref),
        fate=_fate(row, dialect),
        phone=phone_of(row.get("phone")),
        cost_minor=cost,
        currency=None if cost is None else told_in,
    )


def _fate(row: dict[str, Any], dialect: Dialect) -> PriceFate:
    status = str(row.get("status"))
    if status == CHARGED:
        return PriceFate.KEPT
    if status in dialect.past_given_back:
        # Never guess at money: a code and a cancel on one row are two stories.
        return PriceFate.UNKNOWN if _has_sms(row.get("sms")) else PriceFate.GIVEN_BACK
    return PriceFate.NOT_YET if status in dialect.past_live else PriceFate.UNKNOWN


def _has_sms(sms: object) -> bool:
    if isinstance(sms, str):
        return sms.strip() not in NO_SMS
    return bool(sms)
