"""Signs events and sends them to the shop's endpoint, as Standard Webhooks 1.0 has it.

Neither the URL nor the secret is in any exception, log or repr: the URL of an endpoint often holds
a token, and aiohttp prints URLs in its exceptions. So nothing of aiohttp's leaves this module.
"""

import base64
import binascii
import hashlib
import hmac
import resource
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import orjson

from worker.ports.store.outbox import Event, SendResult, Sent

PREFIX: Final = "whsec_"
KEY_BYTES_MIN: Final = 24
KEY_BYTES_MAX: Final = 64

assert KEY_BYTES_MIN < KEY_BYTES_MAX


class BadSecret(ValueError):
    """Not a webhook secret. Says what one looks like, never what was given."""

    def __init__(self) -> None:
        super().__init__(
            f"a webhook secret is {PREFIX} and base64 of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes"
        )


class Signer:
    """Signs with every secret it is given, newest first: while one is replaced, both are valid."""

    def __init__(self, secrets: str) -> None:
        """*secrets*: one, or several separated by spaces. Raises `BadSecret`."""
        self._keys = _keys(secrets.split())

    def sign(self, id_: str, timestamp: int, body: bytes) -> str:
        signed = b".".join((id_.encode(), str(timestamp).encode(), body))
        return " ".join(f"v1,{_hmac(key, signed)}" for key in self._keys)


def _hmac(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _keys(secrets: Sequence[str]) -> tuple[bytes, ...]:
    if not secrets:
        raise BadSecret
    return tuple(_key(secret) for secret in secrets)


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix(PREFIX)
    try:
        # Some tools leave the padding out; surplus padding is ignored.
        key = base64.b64decode(
            encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4), validate=True
        )
    except (binascii.Error, ValueError):
        raise BadSecret from None
    if not secret.startswith(PREFIX) or not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise BadSecret
    return key


TIMEOUT: Final = timedelta(seconds=15)
CONNECT_TIMEOUT: Final = timedelta(seconds=5)
#: At once, where the process may have so many descriptors: a tenth of them at most.
CONNECTIONS_MAX: Final = 400
RETRY_AFTER_MAX: Final = timedelta(hours=24)  #: The longest of our own delays.

assert CONNECT_TIMEOUT < TIMEOUT < RETRY_AFTER_MAX


def endpoint_of(url: str) -> str:
    """The endpoint's name where its URL must not stand."""
    return hashlib.sha256(url.encode()).hexdigest()


def connections_at_once(descriptors: int) -> int:
    """Of a process that may have so many descriptors."""
    return max(1, min(CONNECTIONS_MAX, descriptors // 10))


def _descriptors() -> int:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 10 * CONNECTIONS_MAX if limit == resource.RLIM_INFINITY else limit


class Webhook:
    """One endpoint. Made inside the running loop; raises `BadSecret` for what is no secret."""

    def __init__(self, url: str, secret: str, *, timeout: timedelta = TIMEOUT) -> None:
        self._url = url
        self.endpoint = endpoint_of(url)
        self.connections = connections_at_once(_descriptors())
        self._signer = Signer(secret)
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(
                total=timeout.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds()
            ),
            connector=aiohttp.TCPConnector(limit=self.connections),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # Nobody reads what it answers.
        )

    async def send(self, event: Event, now: datetime) -> Sent:
        try:
            body = body_of(event)
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
    """The same bytes at every attempt: keys in one order, the event's own time.

    Raises `ValueError` where the store had nothing to tell: that is sent to nobody.
    """
    data: Any = event.payload  # Of damaged rows it is None, whatever its type says.
    if data is None:
        raise ValueError(f"event {event.id} has no payload")
    at = event.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    content = {"type": event.type, "timestamp": at, "data": data}
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _result_of(status: int, headers: Mapping[str, str], now: datetime) -> Sent:
    if 200 <= status < 300:
        return Sent(SendResult.SENT, status=status)
    if status == HTTPStatus.GONE:
        return Sent(SendResult.GONE, status=status)
    return Sent(SendResult.RETRY, _retry_after(headers.get("retry-after", ""), now), status)


def _retry_after(header: str, now: datetime) -> timedelta | None:
    """Seconds or a date, as HTTP allows; what is neither says nothing."""
    header = header.strip()
    if header.isascii() and header.isdecimal():
        # The length first: a number of a thousand digits is none we want to know.
        wait = timedelta(seconds=int(header)) if len(header) < 7 else RETRY_AFTER_MAX
    else:
        try:
            date = parsedate_to_datetime(header)
        except (ValueError, OverflowError):  # A year of twenty digits is the latter.
            return None
        wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), RETRY_AFTER_MAX)
