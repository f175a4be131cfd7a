"""The bearer token of TextVerified: got with the key, renewed before it ends and after a 401.

One for the account, and one renewal at a time, because signing in is rate limited too. A call that
was answered with 401 was not done, so it is sent once more with the new token, a purchase too.
Where signing in fails, the call itself was certainly not sent.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias

from worker.adapters.providers.patience import Patience
from worker.adapters.providers.reply import RateLimited, Reply
from worker.adapters.providers.transport import SINGLE_CAP, Transport
from worker.adapters.providers.wire import MoreSent, OutgoingRequest, TimedOut, Wire
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable
from worker.ports.reporter import Operation, RequestResult

LIFETIME_S: Final = 300  #: Where the reply does not say it; it is a quarter of an hour.
LONGEST_S: Final = 86_400
EARLIER_S: Final = 60.0  #: So long before its end it is renewed, or a tenth of a short life.
REFUSED_FOR_S: Final = 5.0  #: A wrong key is not tried again with every call.


#: Makes the error for one caller: several wait for one sign-in, and none may share an exception.
SignInFailure: TypeAlias = Callable[[], ProviderError]


@dataclass(frozen=True, slots=True)
class BearerToken:
    text: str = field(repr=False)
    renew_at: float  #: By the monotonic clock.
    ends_at: float


SignInResult: TypeAlias = tuple[RequestResult, BearerToken | SignInFailure]


class BearerTransport(Transport):
    """Sends each request with a token that is good, and signs in where there is none."""

    def __init__(self, *given: Any, keys: tuple[tuple[str, str], ...], **named: Any) -> None:
        """*keys* are the headers that a token is got with; the rest is as for `Transport`."""
        super().__init__(*given, **named)
        self._keys = MoreSent(keys)
        self._token: BearerToken | None = None
        self._renewal: asyncio.Task[BearerToken | SignInFailure] | None = None
        self._refused_until = float("-inf")

    async def close(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.gather(self._renewal, return_exceptions=True)
        await super().close()

    async def _exchange(
        self,
        wire: Wire,
        out: OutgoingRequest,
        cap: int,
        *,
        patience: Patience | None = None,
        shared: bool = False,
    ) -> Reply | ProviderError:
        send = partial(super()._exchange, wire, cap=cap, patience=patience, shared=shared)
        token = await self._good_token(wire)
        if isinstance(token, ProviderError):
            return token
        reply = await send(_with(token, out))
        if not isinstance(reply, Reply) or not reply.is_unauthorised:
            return reply
        renewed = await self._renewed(wire, token)
        if isinstance(renewed, ProviderError):
            return renewed
        await self.pay_more()
        return await send(_with(renewed, out))

    async def _good_token(self, wire: Wire) -> BearerToken | ProviderError:
        token = self._token
        if token is not None and self.monotonic() < token.renew_at:
            return token
        renewed = await self._renewed(wire, token)
        still_good = token is not None and self.monotonic() < token.ends_at
        if token is not None and still_good and isinstance(renewed, ProviderError):
            return token
        return renewed

    async def _renewed(self, wire: Wire, old: BearerToken | None) -> BearerToken | ProviderError:
        if self._token is not None and self._token is not old:
            return self._token  # Another call was quicker.
        if self.monotonic() < self._refused_until:
            return self._refused()
        if self._renewal is None:
            self._renewal = asyncio.ensure_future(self._sign_in(wire))
            self._renewal.add_done_callback(self._renewal_over)
        # Whoever began it may be given up; the others wait for it all the same.
        answer = await asyncio.shield(self._renewal)
        return answer if isinstance(answer, BearerToken) else answer()

    def _renewal_over(self, _task: "asyncio.Task[BearerToken | SignInFailure]") -> None:
        self._renewal = None

    async def _sign_in(self, wire: Wire) -> "BearerToken | SignInFailure":
        await self.pay_more()
        began = self.monotonic()
        reply = await wire.exchange("POST", "/auth", SINGLE_CAP, more=self._keys)
        result, answer = self._read(reply, began)
        if isinstance(answer, BearerToken):
            self._token = answer
        elif result is RequestResult.REFUSED:
            self._refused_until = self.monotonic() + REFUSED_FOR_S
        self._reporter.request(self.name, Operation.SIGN_IN, result, self.monotonic() - began)
        return answer

    def _read(self, reply: Reply | ProviderError, began: float) -> SignInResult:
        match reply:
            case TimedOut():
                return RequestResult.TIMEOUT, partial(self._not_sent, "no answer")
            case ProviderError():
                return RequestResult.UNAVAILABLE, partial(self._not_sent, "no answer")
            case Reply(status=429, retry_after_s=wait):
                return RequestResult.RATE_LIMITED, partial(RateLimited, self.name, wait)
            case Reply() if reply.is_unauthorised:
                return RequestResult.REFUSED, self._refused
            case _:
                return self._token_in(reply, began)

    def _token_in(self, reply: Reply, began: float) -> SignInResult:
        found = reply.json() if reply.is_success else None
        body = found if isinstance(found, dict) else {}
        token = body.get("token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            result = RequestResult.UNAVAILABLE if reply.status >= 500 else RequestResult.UNKNOWN
            return result, partial(self._not_sent, f"HTTP {reply.status}")
        lifetime = body.get("expiresIn")
        if type(lifetime) is not int or not 0 < lifetime <= LONGEST_S:
            lifetime = LIFETIME_S
        earlier = min(EARLIER_S, lifetime / 10)
        token_ends = began + lifetime
        return RequestResult.OK, BearerToken(token, token_ends - earlier, token_ends)

    def _not_sent(self, why: str) -> ProviderError:
        return ProviderUnavailable(self.name, f"{why} to a sign-in", sent=False)

    def _refused(self) -> ProviderError:
        return ProviderRefused(self.name, "HTTP 401")


def _with(token: BearerToken, out: OutgoingRequest) -> OutgoingRequest:
    headers = (("Authorization", f"Bearer {token.text}"), *out.more.headers)
    return out._replace(more=MoreSent(headers, out.more.body))
