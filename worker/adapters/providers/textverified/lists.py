"""The lists of TextVerified: verifications of any age, and the SMS beside them, page by page.

A page names the next one by a link; no address of a page is made here. The link's host is left
out, so that the token goes to nobody else.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from worker.adapters.providers import fields
from worker.adapters.providers.reply import Reply
from worker.domain.ids import ProviderName, ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports.errors import UnknownReply
from worker.ports.provider import ActiveRow, PastNumber, Sms

PAGES_MAX: Final = 50  #: Of a list; one that is longer tells nothing.
PATH: Final = "/api/pub/v2"
PENDING: Final = "verificationpending"
COMPLETED: Final = "verificationcompleted"
REPORTED: Final = "verificationreported"
GIVEN_BACK: Final = frozenset(
    {"verificationcanceled", "verificationtimedout", "verificationrefunded"}
)
#: Ended by another verification on the same phone, which was charged for itself.
FOLLOWED: Final = frozenset({"verificationreused", "verificationreactivated"})
LIVE_FOR: Final = timedelta(hours=1)  #: No verification lives longer.
PHONE_DIGITS: Final = 10
COUNTRY_CODE: Final = "1"


class Verification(NamedTuple):
    """One row of a list."""

    ref: ProviderRef
    state: str  #: In lower case: clients differ.
    created_at: datetime
    phone: str | None
    service: str | None
    cost_minor: int | None
    currency: str | None

    def __repr__(self) -> str:
        return f"Verification({self.ref!r}, …)"  # Without its phone.


class ReceivedMessage(NamedTuple):
    """An SMS beside the phone it came to; which verification it belongs to is not told."""

    to: str
    at: datetime
    sms: Sms

    def __repr__(self) -> str:
        return "ReceivedMessage(…)"


class LinkedRows(NamedTuple):
    """A page as it came, and the target of the next one."""

    rows: Sequence[Any]  #: Verifications, or SMS.
    next: str | None

    @property
    def times(self) -> list[datetime]:
        return [row.created_at if isinstance(row, Verification) else row.at for row in self.rows]


def linked_page(reply: Reply, read: Callable[[dict[str, Any]], Any]) -> LinkedRows | None:
    """None for what is no page, or has a row or a link that cannot be read."""
    body = reply.exact_json() if reply.is_success else None
    if not isinstance(body, dict):
        return None
    rows = body.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return None
    seen = [read(row) for row in rows]
    links = body.get("links")
    link = links.get("next") if isinstance(links, dict) else None
    href = link.get("href") if isinstance(link, dict) else None
    following = _target_of(href) if isinstance(href, str) else None
    broken_off = following is None and (href is not None or body.get("hasNext") is True)
    if broken_off or None in seen:
        return None
    return LinkedRows(seen, following)


async def every_row(
    first: str,
    read: Callable[[str], Awaitable[LinkedRows]],
    pay_more: Callable[[], Awaitable[None]],
    provider: ProviderName,
    is_over: Callable[[list[LinkedRows]], bool] = lambda _: False,
) -> list[Any]:
    """The rows of all pages from *first* on that *is_over* does not leave out, each row once."""
    pages: list[LinkedRows] = []
    asked: set[str] = set()
    following: str | None = first
    while following is not None:
        if following in asked or len(asked) == PAGES_MAX:
            raise UnknownReply(provider, "a list without an end")
        if asked:
            await pay_more()
        asked.add(following)
        pages.append(await read(following))
        following = None if is_over(pages) else pages[-1].next
    return list(dict.fromkeys(row for page in pages for row in page.rows))


def _target_of(href: str) -> str | None:
    """Path and query of a link, behind the path that all calls have; None for another place."""
    try:
        parts = urlsplit(href)
    except ValueError:
        return None
    fit = href.isascii() and href.isprintable() and " " not in href
    if not fit or not parts.path.startswith(PATH + "/"):
        return None
    return parts.path.removeprefix(PATH) + (f"?{parts.query}" if parts.query else "")


def verification(row: dict[str, Any], currency: str) -> Verification | None:
    ref, state = fields.ref_of(row.get("id")), row.get("state")
    created_at = fields.instant_of(row.get("createdAt"))
    if ref is None or not isinstance(state, str) or created_at is None:
        return None
    cost, cost_currency = fields.cost_in(row.get("totalCost"), currency)
    return Verification(
        ProviderRef(ref),
        state.lower(),
        created_at,
        phone_of(row.get("number")),
        fields.str_of(row.get("serviceName")),
        cost,
        cost_currency,
    )


def received(row: dict[str, Any]) -> ReceivedMessage | None:
    """One SMS; both what it says and its code may be missing, and then it is kept as empty."""
    to, at = fields.phone_of(row.get("to")), fields.instant_of(row.get("createdAt"))
    if to is None or at is None:
        return None
    sms = fields.sms_of(row.get("parsedCode"), row.get("smsContent"), row.get("createdAt"))
    return ReceivedMessage(_local(to), at, sms or Sms(""))


def is_over(pages: Sequence[LinkedRows], since: datetime) -> bool:
    """Whether all behind these pages is older. Only where they were seen to begin with the newest.

    That they do is documented nowhere.
    """
    times = [at for page in pages for at in page.times]
    return bool(times) and times == sorted(times, reverse=True) and times[-1] < since


def newest_in(rows: Sequence[Verification]) -> datetime | None:
    return max((row.created_at for row in rows), default=None)


def live_rows(rows: Sequence[Verification], sms: Sequence[ReceivedMessage]) -> list[ActiveRow]:
    """Those that wait, and those whose SMS is found; the others have to be looked at one by one."""
    codes = _by_verification(rows, sms)
    kept = [row for row in rows if row.state == PENDING or codes.get(row.ref)]
    return [
        ActiveRow(
            row.ref,
            tuple(codes.get(row.ref, ())),
            row.phone,
            row.service,
            cost_minor=row.cost_minor,
            currency=row.currency,
            rented_at=row.created_at,
        )
        for row in kept
    ]


def _by_verification(
    rows: Sequence[Verification], sms: Sequence[ReceivedMessage]
) -> dict[ProviderRef, list[Sms]]:
    """Each SMS at the newest verification of its phone that is older than it."""
    found: dict[ProviderRef, list[Sms]] = {}
    for one in sorted(sms, key=lambda each: each.at):
        bought = [
            row
            for row in rows
            if row.phone and _local(row.phone) == one.to and row.created_at <= one.at
        ]
        owner = max(bought, key=lambda row: row.created_at, default=None)
        if owner is not None and owner.state == COMPLETED and one.sms.code:
            found.setdefault(owner.ref, []).append(one.sms)
    return found


def phone_of(value: object) -> str | None:
    """A phone with its country code, as it is written everywhere else."""
    phone = fields.phone_of(value)
    return f"{COUNTRY_CODE}{phone}" if phone is not None and len(phone) == PHONE_DIGITS else phone


def _local(phone: str) -> str:
    """The ten digits of a phone: some places have its country code before them."""
    return phone[-PHONE_DIGITS:]


def past(row: Verification) -> PastNumber:
    return PastNumber(
        ref=row.ref,
        fate=fate_of(row.state),
        phone=row.phone,
        service=row.service,
        cost_minor=row.cost_minor,
        currency=row.currency,
        rented_at=row.created_at,
    )


def fate_of(state: str) -> PriceFate:
    """Of a reported one nothing is certain: it had an SMS, or none."""
    if state == COMPLETED or state in FOLLOWED:
        return PriceFate.KEPT
    if state in GIVEN_BACK:
        return PriceFate.GIVEN_BACK
    return PriceFate.NOT_YET if state == PENDING else PriceFate.UNKNOWN
