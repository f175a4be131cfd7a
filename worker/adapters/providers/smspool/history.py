"""The history of SMSPool: orders of any ending, with times that name no zone."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from worker.adapters.providers import fields
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.provider import HistoryPage, PastNumber, Sms

NO_SMS: Final = frozenset({"", "0"})  #: How a row without an SMS has it.
FATES: Final = {
    "completed": PriceFate.KEPT,
    "refunded": PriceFate.GIVEN_BACK,
    "pending": PriceFate.NOT_YET,
}
#: How far a time without a zone may be from UTC, to either side.
EAST: Final = timedelta(hours=14)
WEST: Final = timedelta(hours=12)


class SoldOrder(NamedTuple):
    """A row of the history; `local` is when it was bought, in whatever zone the provider is."""

    number: PastNumber
    local: datetime | None = None
    sms: Sms | None = None
    is_odd: bool = False  #: Whether an SMS may be there that cannot be read.

    def __repr__(self) -> str:
        return f"SoldOrder({self.number.ref!r}, …)"  # Without its SMS.


def sms_in_row(code: object, text: object) -> Sms | None:
    """The SMS of a row, which has a zero where there is none."""
    return fields.sms_of(_told(code), _told(text))


def is_odd_sms(code: object, text: object) -> bool:
    """Whether something is where an SMS is, and it is no text: then nobody knows that none came."""
    return any(bool(value) and type(value) not in {str, int} for value in (code, text))


def _told(value: object) -> str | None:
    if type(value) is int:
        value = str(value)
    return None if not isinstance(value, str) or value.strip() in NO_SMS else value


def past_orders(body: object, currency: str) -> list[SoldOrder] | None:
    """The rows of a page, or None where one of them cannot be read."""
    if not isinstance(body, list):
        return None
    read = [_past(row, currency) for row in body]
    rows = [row for row in read if row is not None]
    return rows if len(rows) == len(read) else None


def within(rows: Sequence[SoldOrder], since: datetime, until: datetime, skip: int) -> HistoryPage:
    """The rows that may be of a span, and where to read on.

    No span can be asked for, and none is exact: a row is left out only where it is outside of the
    span in every time zone. So is all behind a page that runs from new to old and is older.
    """
    may_be = [row.number for row in rows if not _is_outside(row, since, until)]
    times = [row.local for row in rows if row.local is not None]
    newest_first = len(times) == len(rows) and times == sorted(times, reverse=True)
    over = newest_first and bool(times) and times[-1] + WEST < since
    return HistoryPage(may_be, None if over or not rows else skip + len(rows))


def _is_outside(row: SoldOrder, since: datetime, until: datetime) -> bool:
    at = row.local
    return at is not None and (at + WEST < since or at - EAST > until)


def _past(row: object, currency: str) -> SoldOrder | None:
    if not isinstance(row, dict) or (ref := fields.ref_of(row.get("order_code"))) is None:
        return None
    code, text = row.get("code"), row.get("full_code")
    is_odd = is_odd_sms(code, text)
    sms = sms_in_row(code, text)
    cost, cost_currency = fields.cost_in(row.get("cost"), currency)
    number = PastNumber(
        ref=ProviderRef(ref),
        fate=PriceFate.UNKNOWN if is_odd else _fate(row, sms),
        phone=fields.phone_of(row.get("phonenumber")),
        country=fields.str_of(row.get("short_name")),
        cost_minor=cost,
        currency=cost_currency,
        rented_by=fields.unix_of(row.get("expiry")),
    )
    return SoldOrder(number, _local(row.get("timestamp")), None if is_odd else sms, is_odd)


def _fate(row: dict[str, Any], sms: Sms | None) -> PriceFate:
    fate = FATES.get(str(row.get("status")).lower(), PriceFate.UNKNOWN)
    # Never guess at money: an SMS and a refund on one row contradict each other.
    return PriceFate.UNKNOWN if fate is PriceFate.GIVEN_BACK and sms is not None else fate


def _local(value: object) -> datetime | None:
    """A time as it is written, marked as UTC to be compared."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return None if at is None else at.replace(tzinfo=UTC)
