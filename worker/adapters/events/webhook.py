"""Sends events to the shop's endpoint, as Standard Webhooks 1.0 has it.

Neither the URL nor the secret is in any exception, log or repr: the URL of an endpoint often holds
a token, and aiohttp prints URLs in its exceptions. So nothing of aiohttp's leaves this module.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import aiohttp
import orjson

from worker.adapters.events.signature import Signer
from worker.ports.store.outbox import Event, SendResult, Sent

TIMEOUT: Final = timedelta(seconds=15)
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
CONNECTIONS: Final = 100
RETRY_AFTER_MAX: Final = timedelta(hours=24)  #: The longest of our own delays.

assert CONNECT_TIMEOUT < TIMEOUT < RETRY_AFTER_MAX


class Webhook:
    """One endpoint. Made inside the running loop; raises `BadSecret` for what is no secret."""

    def __init__(self, url: str, secret: str, *, timeout: timedelta = TIMEOUT) -> None:
        self._url = url
        self._signer = Signer(secret)
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=timeout.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds()
            ),
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # Nobody reads what it answers.
        )

    async def send(self, event: Event, now: datetime) -> Sent:
        body = body_of(event)
        try:
            async with self._http.post(
                self._url,
                data=body,
                headers=self._headers(event, body, now),
                allow_redirects=False,  # A redirect is no success, and may lead anywhere.
            ) as response:
                return _result_of(response.status, response.headers, now)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return Sent(SendResult.RETRY)

    async def close(self) -> None:
        await self._http.close()

    def _headers(self, event: Event, body: bytes, now: datetime) -> dict[str, str]:
        timestamp = int(now.timestamp())  # Of this attempt: receivers refuse old ones.
        return {
            "content-type": "application/json",
            "user-agent": "activation-worker",
            "webhook-id": event.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": self._signer.sign(event.id, timestamp, body),
        }


def body_of(event: Event) -> bytes:
    """The same bytes at every attempt: keys in one order, the event's own time."""
    at = event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    content = {"type": event.type, "timestamp": at, "data": event.payload}
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _result_of(status: int, headers: Mapping[str, str], now: datetime) -> Sent:
    if 200 <= status < 300:
        return Sent(SendResult.SENT)
    if status == HTTPStatus.GONE:
        return Sent(SendResult.GONE)
    return Sent(SendResult.RETRY, _retry_after(headers.get("retry-after", ""), now))


def _retry_after(header: str, now: datetime) -> timedelta | None:
    """Seconds or a date, as HTTP allows; what is neither says nothing."""
    header = header.strip()
    if header.isascii() and header.isdecimal():
        # The length first: a number of a thousand digits is none we want to know.
        wait = timedelta(seconds=int(header)) if len(header) < 7 else RETRY_AFTER_MAX
    else:
        try:
            date = parsedate_to_datetime(header)
        except ValueError:
            return None
        wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), RETRY_AFTER_MAX)
