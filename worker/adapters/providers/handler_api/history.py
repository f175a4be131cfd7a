"""The history of handler_api, and what a row of its list tells beside the codes."""

from typing import Any, Final

from worker.adapters.providers import fields
from worker.adapters.providers.handler_api.dialects import HandlerDialect
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.provider import ActiveRow, PastNumber

CHARGED: Final = "6"
#: How the field of the SMS is written where there is none; it is a list, often inside a string.
NO_SMS: Final = frozenset({"", "[]", "null", '""', '[""]', "[null]"})


def past_numbers(body: object, dialect: HandlerDialect, currency: str) -> list[PastNumber] | None:
    """The rows of a page, or None where one of them cannot be read."""
    if not isinstance(body, list):
        return None
    read = [_past(row, dialect, currency) for row in body]
    rows = [row for row in read if row is not None]
    return rows if len(rows) == len(read) else None


def with_facts(row: ActiveRow, raw: dict[str, Any], currency: str) -> ActiveRow:
    """A row of the list with the other facts that its JSON holds."""
    country, named = raw.get("countryCode"), fields.currency_of(raw.get("currency"), currency)
    cost, cost_currency = fields.cost_in(raw.get("activationCost"), named)
    return row._replace(
        country=None if country is None else str(country),
        cost_minor=cost,
        currency=cost_currency,
    )


def _past(row: object, dialect: HandlerDialect, currency: str) -> PastNumber | None:
    if not isinstance(row, dict) or (ref := fields.ref_of(row.get("id"))) is None:
        return None
    cost, cost_currency = fields.cost_in(
        row.get("cost"), fields.currency_of(row.get("currency"), currency)
    )
    return PastNumber(
        ref=ProviderRef(ref),
        fate=_fate(row, dialect),
        phone=fields.phone_of(row.get("phone")),
        # Of numbers that live it is zero, which is not what they cost.
        cost_minor=cost or None,
        currency=cost_currency if cost else None,
    )


def _fate(row: dict[str, Any], dialect: HandlerDialect) -> PriceFate:
    status = str(row.get("status"))
    if status == CHARGED:
        return PriceFate.KEPT
    if status in dialect.past_given_back:
        # Never guess at money: a code and a cancel on one row contradict each other.
        return PriceFate.UNKNOWN if _has_sms(row.get("sms")) else PriceFate.GIVEN_BACK
    return PriceFate.NOT_YET if status in dialect.past_live else PriceFate.UNKNOWN


def _has_sms(sms: object) -> bool:
    if isinstance(sms, str):
        return sms.strip() not in NO_SMS
    return bool(sms)
