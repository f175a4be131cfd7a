"""The `handler_api.php` protocol: one GET, one line or one JSON back, spoken by many companies.

Good news counts only with a 2xx; words of refusal count with any 2xx or 4xx.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from worker.adapters.providers import fields
from worker.adapters.providers.family import (
    ActivationReplies,
    OperationRoute,
    OperationTable,
    ProviderAccount,
    ProviderConfig,
)
from worker.adapters.providers.handler_api import words
from worker.adapters.providers.handler_api.dialects import DIALECTS, HandlerDialect, ListShape
from worker.adapters.providers.handler_api.history import past_numbers, with_facts
from worker.adapters.providers.reply import Banned, RateLimited, Reply
from worker.adapters.providers.transport import ProviderContext, escaped
from worker.adapters.providers.wire import Endpoint
from worker.domain.ids import ProviderRef
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable
from worker.ports.provider import HistoryPage
from worker.ports.reporter import Operation

PATH: Final = "/stubs/handler_api.php"  #: Where most companies serve it.
FINISH: Final = "6"
ASK_AGAIN: Final = "3"
HISTORY_SIZE: Final = 100  #: The most rows in one answer.
EDGE_BAN_S = 10.0  #: What hero's edge does to those above its rate, as "error code: 1020".
AGE_MAX_S = 86_400


class ReplyWord(NamedTuple):
    """The word a reply comes down to, what stands behind it, and the facts a JSON error has."""

    word: str
    rest: str = ""
    info: dict[str, Any] | None = None  #: Any: as the JSON of the reply has it

    def __repr__(self) -> str:
        return "ReplyWord(…)"  # It may be a code, or a phone.


def word_in(reply: Reply) -> ReplyWord:
    """The word of a text reply, or of a JSON error, which has it under one of several keys."""
    text = reply.text()
    if not text.startswith("{"):
        word, _, rest = text.partition(":")
        return ReplyWord(word.strip(), rest)
    body = reply.json()
    if not isinstance(body, dict):
        return ReplyWord("")
    for key in ("title", "error", "message", "msg"):
        if isinstance(body.get(key), str):
            info = body.get("info")
            return ReplyWord(body[key], info=info if isinstance(info, dict) else None)
    return ReplyWord("")


class HandlerReplies(ActivationReplies):
    """Reads the replies of one provider in its dialect. Raises `ProviderError` only."""

    __slots__ = ("dialect",)
    not_known = words.NOT_KNOWN
    no_rent = words.NO_RENT

    def __init__(self, config: ProviderConfig) -> None:
        super().__init__(config)
        self.dialect = DIALECTS[config.dialect]

    def look(self, reply: Reply) -> port.Observation:
        text = reply.text()
        if reply.is_success and (seen := self._seen(text)) is not None:
            return seen
        return self._not_known(reply)

    def _seen(self, text: str) -> port.Observation | None:
        if text in {"STATUS_WAIT_CODE", "STATUS_WAIT_RESEND", "STATUS_WAIT_RETRY"}:
            return port.Waiting()
        word, _, code = text.partition(":")
        if word in {"STATUS_OK", "STATUS_WAIT_RETRY"} and (sms := fields.sms_of(code)) is not None:
            # STATUS_WAIT_RETRY repeats the old code: ours and charged, if we missed it.
            return port.CodesArrived((sms,))
        if text in self.dialect.cancelled:
            return port.Ended(PriceFate.GIVEN_BACK)
        return port.Ended(PriceFate.KEPT) if text in self.dialect.finished else None

    def cancel(self, reply: Reply) -> port.CancelReply:
        if reply.is_success and reply.text() == "ACCESS_CANCEL":
            return port.Ended(PriceFate.GIVEN_BACK)
        answer = word_in(reply)
        word, info = answer.word, answer.info or {}
        if not reply.is_answer:
            raise self._fault(reply)
        if word == "EARLY_CANCEL_DENIED":
            return port.Refused(
                port.Refusal.EARLY,
                retry_after=_span(info.get("retry_after_seconds") or reply.retry_after_s),
                min_age=_span(info.get("minActivationTime")),
            )
        if word in {"OTP_RECEIVED", "NEW_OTP_RECEIVED"}:
            return port.Refused(port.Refusal.CODE_ARRIVED, sms=_codes_in(info.get("data")))
        if word == "FREE_CANCELLATION_EXPIRED":
            return port.Refused(port.Refusal.NOT_CANCELLABLE)
        if word in words.UNCLEAR | self.dialect.unclear or self._is_not_known(reply):
            return port.Refused(port.Refusal.UNCLEAR)
        raise self._fault(reply)

    def finish(self, reply: Reply) -> port.Ended | None:
        """None where only a look shows what became of the number."""
        return port.Ended(PriceFate.KEPT) if self._done(reply, "ACCESS_ACTIVATION") else None

    def ask_again(self, reply: Reply) -> bool:
        return self._done(reply, "ACCESS_RETRY_GET")

    def _done(self, reply: Reply, yes: str) -> bool:
        if reply.is_success and reply.text() == yes:
            return True
        unclear = reply.is_answer and self._word(reply) in words.UNCLEAR
        if unclear or self._is_not_known(reply):
            return False
        raise self._fault(reply)

    def rent(self, reply: Reply) -> port.Rented | port.NoRent:
        answer = word_in(reply)
        if reply.is_success:
            if answer.word == "ACCESS_NUMBER":
                return self._rented_text(reply, answer.rest)
            body = reply.exact_json()
            if isinstance(body, dict) and "activationId" in body:
                return self._rented_json(reply, body)
        own = self.dialect.no_rent.get(answer.word) if reply.is_answer else None
        return own or self._not_rented(reply)

    def _rented_text(self, reply: Reply, rest: str) -> port.Rented:
        ref, _, phone = rest.partition(":")
        number = fields.phone_of(phone.strip())
        rented = self._rented(reply, ref.strip(), number, "ACCESS_NUMBER")
        taken = reply.header(self.dialect.price_header)
        cost, currency = fields.cost_in(taken, self.currency)
        return replace(rented, cost_minor=cost, currency=currency)

    def _rented_json(self, reply: Reply, body: dict[str, Any]) -> port.Rented:
        rented = self._rented(reply, body["activationId"], fields.phone_of(body.get("phoneNumber")))
        named = fields.currency_of(body.get("currency"), self.currency)
        cost, currency = fields.cost_in(body.get("activationCost"), named)
        return replace(
            rented,
            cost_minor=cost,
            currency=currency,
            expires_at=fields.instant_of(
                body.get("activationEndTime") or body.get("activationEnd")
            ),
            cancel_not_before=fields.instant_of(body.get("activationCancel")),
        )

    def balance(self, reply: Reply) -> port.Balance:
        answer = word_in(reply)
        if words.BARE_BALANCE.fullmatch(answer.word) and not answer.rest:
            return self._balance(reply, answer.word)
        return self._balance(reply, answer.rest if answer.word == "ACCESS_BALANCE" else None)

    def page(self, reply: Reply) -> port.ActivePage:
        """A page of active numbers; one row that cannot be read makes it unreadable."""
        raw = self._rows_in(reply)
        if raw is None:
            answer = word_in(reply)
            if answer.word == "NO_ACTIVATIONS" and reply.is_answer:
                return port.ActivePage((), last=True)
            raise self._fault(reply)
        rows = [self._row(reply, row) for row in raw]
        # More than was asked for: this company ignores the limit and lists everything at once.
        return port.ActivePage(rows, last=len(rows) != self.dialect.capabilities.page_size)

    def whole_page(self, reply: Reply) -> port.ActivePage:
        """The same page with every fact of its rows: too slow where only codes are needed."""
        page, raw = self.page(reply), self._rows_in(reply, Reply.exact_json) or ()
        rows = [with_facts(*both, self.currency) for both in zip(page.rows, raw, strict=True)]
        return replace(page, rows=rows)

    def _rows_in(
        self, reply: Reply, body_of: Callable[[Reply], Any] = Reply.json
    ) -> list[Any] | None:
        body = body_of(reply)
        shape = self.dialect.list_shape
        if not reply.is_success:
            return None
        if shape is ListShape.BARE and (isinstance(body, list) or reply.body.strip() == b"null"):
            return body or []
        if not isinstance(body, dict) or body.get("status", "success") != "success":
            return None
        rows = body.get("data" if shape is ListShape.DATA else "activeActivations")
        return rows if isinstance(rows, list) else None

    def _row(self, reply: Reply, row: object) -> port.ActiveRow:
        if not isinstance(row, dict) or (ref := fields.ref_of(row.get("activationId"))) is None:
            raise reply.unreadable(self.provider)
        sms = fields.sms_of(row.get("smsCode"), row.get("smsText"))
        return port.ActiveRow(
            ProviderRef(ref),
            () if sms is None else (sms,),
            fields.phone_of(row.get("phoneNumber")),
            fields.str_of(row.get("serviceCode")),
        )

    def history(self, reply: Reply) -> HistoryPage:
        """A page of past numbers; only an empty one is the last, whatever length was asked for."""
        body = reply.exact_json() if reply.is_success else None
        rows = past_numbers(body, self.dialect, self.currency)
        if rows is None:
            raise self._fault(reply)
        return HistoryPage(rows, len(rows) or None)

    def _word(self, reply: Reply) -> str:
        return word_in(reply).word

    def _is_not_known(self, reply: Reply) -> bool:
        own = self.dialect.not_known
        return super()._is_not_known(reply) or (reply.is_answer and self._word(reply) in own)

    def _fault(self, reply: Reply) -> ProviderError:
        answer = word_in(reply)
        word = answer.word
        if not reply.is_answer:
            return reply.unreadable(self.provider)
        if word in words.REFUSED:
            return ProviderRefused(self.provider, word)
        if word.startswith("BANNED"):
            return self._banned(answer.info or {})
        if word in words.RATE_LIMITED:
            return RateLimited(self.provider, reply.retry_after_s)
        if word in words.TRANSIENT or word in self.dialect.transient or "SQL" in word[:12]:
            return ProviderUnavailable(self.provider, f"HTTP {reply.status}, told to try again")
        return self._edge_fault(reply) or reply.unreadable(self.provider, word)

    def _banned(self, info: dict[str, Any]) -> ProviderRefused:
        if words.PART_OF_AN_ACCOUNT.search(str(info.get("scope"))):
            return ProviderRefused(self.provider, "BANNED")
        return Banned(self.provider, info.get("retry_after_seconds"))

    def _edge_fault(self, reply: Reply) -> ProviderError | None:
        """What the server in front of the provider says, mostly without a documented word."""
        start = reply.body[:4096]
        if reply.status in {400, 403} and b"1020" in start and not start.startswith(b"{"):
            return RateLimited(self.provider, EDGE_BAN_S)
        if reply.status == 401 and b"<" not in start:
            return ProviderRefused(self.provider, "HTTP 401")
        return None


def _span(seconds: object) -> timedelta | None:
    if not isinstance(seconds, int | float) or not 0 < seconds <= AGE_MAX_S:
        return None
    return timedelta(seconds=seconds)


def _codes_in(rows: object) -> tuple[port.Sms, ...]:
    return fields.several_sms(
        (row.get("code"), row.get("text"), row.get("date")) for row in fields.objects_in(rows)
    )


def routes_of(dialect: HandlerDialect) -> OperationTable:
    def change(status: str) -> OperationRoute:
        return OperationRoute(f"setStatus&status={status}&id={{ref}}")

    rent = dialect.rent_action + "&service={service}&country={country}"
    routes = {
        Operation.RENT: OperationRoute(
            rent, price_limit=f"&{dialect.price_limit}={{price}}", options=dialect.options
        ),
        Operation.LOOK: OperationRoute("getStatus&id={ref}"),
        Operation.CANCEL: change(dialect.cancel_status),
        Operation.FINISH: change(FINISH),
        Operation.BALANCE: OperationRoute("getBalance"),
    }
    if dialect.capabilities.resend:
        routes[Operation.ASK_AGAIN] = change(ASK_AGAIN)
    if dialect.capabilities.list_page_size is not None:
        rows = "getActiveActivations&start={offset}&limit={limit}"
        routes[Operation.LIST] = OperationRoute(rows)
    return routes


class HandlerApiAccount(ProviderAccount):
    """One account at one company of this family."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        dialect = self._dialect = DIALECTS[config.dialect]
        self._rows = HandlerReplies(config)
        endpoint = Endpoint(
            base_url=f"{config.base_url.rstrip('/')}{config.path or PATH}?action=",
            key_suffix=f"&api_key={escaped(config.api_key)}",
        )
        super().__init__(config, context, endpoint, routes_of(dialect), self._rows)

    async def rent(self, request: port.RentRequest) -> port.Rented | port.NoRent:
        named = request.order is not None and self._dialect.takes_order
        suffix = self._asked_for(request.options)
        if named:
            suffix += f"&orderId={escaped(request.order or '')}"
        return await self._buy(
            Operation.RENT, request, self._rows.rent, self._currency, suffix=suffix
        )

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        assert self._dialect.capabilities.history, "this dialect has no history"
        span = f"start={int(since.timestamp())}&end={int(until.timestamp())}"
        page = await self._read_list(
            f"getHistory&{span}&offset={skip}&{self._dialect.past_limit}={HISTORY_SIZE}",
            self._rows.history,
        )
        return page._replace(next=None if page.next is None else skip + page.next)
