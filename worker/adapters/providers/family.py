"""What a provider family is: its account, its table of operations, its readers and its pushes.

A family's module holds what is its own: the routes of its operations and the readers of its
replies; `rental_account.py` is the same of long rentals. `registry.py` finds a family by its name.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias, TypeVar

from worker.adapters.providers import fields
from worker.adapters.providers.pushes import PushParser, SignatureCheck
from worker.adapters.providers.reply import RateLimited, Reply
from worker.adapters.providers.transport import (
    LIST_CAP,
    SINGLE_CAP,
    Probe,
    ProviderContext,
    Transport,
    escaped,
)
from worker.adapters.providers.wire import Endpoint
from worker.domain.families import Capabilities, RentOption, capabilities_of
from worker.domain.ids import ProviderName, ProviderRef
from worker.domain.money import is_currency
from worker.domain.price_fate import PriceFate
from worker.ports import provider as port
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable
from worker.ports.long_rental import LongRentals, RentalRequest
from worker.ports.provider import HistoryPage
from worker.ports.reporter import Operation

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfig:
    """One account at one provider: its URL, its protocol and its key. The key is in no repr."""

    name: ProviderName
    family: str
    base_url: str = field(repr=False)  #: May hold credentials of a proxy in front.
    api_key: str = field(repr=False)
    dialect: str = "classic"  #: Only of a family with dialects.
    api_username: str = field(repr=False, default="")  #: Beside the key, where there is one.
    path: str = ""  #: Where a site serves its protocol; empty: where the family usually is.
    max_in_flight: int = 100
    currency: str = "USD"  #: Of prices and the balance, where the replies do not say it.

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise ValueError(f"{self.name}: base_url is no http(s) URL")
        if self.path and not self.path.startswith("/"):
            raise ValueError(f"{self.name}: path does not begin with /")
        # A line break in a key would become a header of its own.
        both = self.api_key + self.api_username
        if not self.api_key or not both.isascii() or not both.isprintable():
            raise ValueError(f"{self.name}: api_key is empty or not printable ASCII")
        if self.max_in_flight < 1:
            raise ValueError(f"{self.name}: max_in_flight is below 1")
        if not is_currency(self.currency):
            raise ValueError(f"{self.name}: currency is no ISO 4217 code")


class OperationRoute(NamedTuple):
    """Where one operation goes: path and query behind the base URL, percent-encoded, without key.

    The names in braces are replaced: `ref` by the id of the number; `offset` and `limit` in a list;
    `service` and `country` in a purchase; `hours` and `days`, or a word of the family, in a rental.
    """

    target: str
    method: str = "GET"
    price_limit: str = ""  #: Added to a purchase with a highest price; empty: there is none.
    options: Mapping[RentOption, str] = {}  #: The same with an option, whose `value` is put in.
    cap: int = LIST_CAP  #: Bytes of a page, of the route of a list.


OperationTable: TypeAlias = Mapping[Operation, OperationRoute]
NO_WORDS: Final[Mapping[str, object]] = {}


class FaultWords(NamedTuple):
    """The words of a family for what is no answer, by what is done about it."""

    refused: frozenset[str] = frozenset()
    rate_limited: frozenset[str] = frozenset()
    transient: frozenset[str] = frozenset()


class FamilyReplies:
    """Reads the replies to one account. Raises `ProviderError` only."""

    __slots__ = ("currency", "provider")
    fault_words: ClassVar[FaultWords] = FaultWords()
    not_known: ClassVar[frozenset[str]] = frozenset()
    no_rent: ClassVar[Mapping[str, port.NoRent]] = {}

    def __init__(self, config: ProviderConfig) -> None:
        self.provider = config.name
        self.currency = config.currency

    def _word(self, _reply: Reply) -> str:
        """The word with which a reply refuses; empty where there is none."""
        return ""

    def _fault(self, reply: Reply) -> ProviderError:
        """The error for a reply that is no answer to what was asked."""
        word = self._word(reply)
        if reply.is_answer:
            if word in self.fault_words.refused:
                return ProviderRefused(self.provider, word)
            if reply.is_unauthorised:
                return ProviderRefused(self.provider, "HTTP 401")
            if word in self.fault_words.rate_limited:
                return RateLimited(self.provider, reply.retry_after_s)
            if word in self.fault_words.transient:
                return ProviderUnavailable(self.provider, word)
        return reply.unreadable(self.provider, word)

    def _is_not_known(self, reply: Reply) -> bool:
        return reply.is_answer and self._word(reply) in self.not_known

    def _not_known(self, reply: Reply) -> port.NotKnown:
        """Raises where the reply does not say that the number is not known."""
        if not self._is_not_known(reply):
            raise self._fault(reply)
        return port.NotKnown()

    def _not_rented(self, reply: Reply) -> port.NoRent:
        why = self.no_rent.get(self._word(reply)) if reply.is_answer else None
        if why is None:
            raise self._fault(reply)
        return why

    def _rented(
        self, reply: Reply, ref: object, phone: str | None, word: str | None = None
    ) -> port.Rented:
        """The number that was bought, of which at least the id and the phone must be there."""
        number = fields.ref_of(ref)
        if number is None or phone is None:
            raise reply.unreadable(self.provider, word)
        return port.Rented(ProviderRef(number), phone)


class ActivationReplies(FamilyReplies, ABC):
    """What a family reads of the replies about activations."""

    __slots__ = ()

    @abstractmethod
    def rent(self, reply: Reply) -> port.Rented | port.NoRent: ...

    @abstractmethod
    def look(self, reply: Reply) -> port.Observation: ...

    @abstractmethod
    def balance(self, reply: Reply) -> port.Balance: ...

    def changed(self, reply: Reply) -> port.Refusal | None:
        """Whether a change was made: None where it was, else why not. For families with one yes."""
        raise NotImplementedError

    def cancel(self, reply: Reply) -> port.CancelReply:
        why = self.changed(reply)
        return port.Ended(PriceFate.GIVEN_BACK) if why is None else port.Refused(why)

    def report(self, reply: Reply) -> port.CancelReply:
        """For most the number is given back, in the words of a cancel."""
        return self.cancel(reply)

    def finish(self, reply: Reply) -> port.Observation | None:
        """What became of the number, or None where only a look shows it."""
        return port.Ended(PriceFate.KEPT) if self.changed(reply) is None else None

    def ask_again(self, reply: Reply) -> bool:
        return self.changed(reply) is None

    def _balance(self, reply: Reply, amount: object) -> port.Balance:
        minor = fields.balance_minor(amount, self.currency) if reply.is_success else None
        if minor is None:
            raise self._fault(reply)
        return port.Balance(minor, self.currency)

    def page(self, reply: Reply) -> port.ActivePage:
        """Only for families with a list of active numbers."""
        raise NotImplementedError

    def whole_page(self, reply: Reply) -> port.ActivePage:
        """The page with all that its rows say of a number."""
        return self.page(reply)


class ObjectReplies(ActivationReplies):
    """For families whose every reply is one JSON object, in which errors and balance are keys."""

    __slots__ = ()

    error_key: ClassVar[str]

    def _word(self, reply: Reply) -> str:
        body = reply.json() if reply.is_answer else None
        return word_under(body, self.error_key) if isinstance(body, dict) else ""

    def _body(self, reply: Reply) -> dict[str, Any]:
        body = reply.exact_json() if reply.is_answer else None
        if not isinstance(body, dict):
            raise self._fault(reply)
        return body

    def balance(self, reply: Reply) -> port.Balance:
        return self._balance(reply, self._body(reply).get("balance"))


def word_under(body: Mapping[str, object], key: str) -> str:
    """A text under a key; empty where there is none."""
    word = body.get(key)
    return word if isinstance(word, str) else ""


class OperationCalls:
    """Sends the operations of a table over one transport."""

    def __init__(self, http: Transport, routes: OperationTable) -> None:
        self._http = http
        self._routes = routes

    @property
    def name(self) -> ProviderName:
        return self._http.name

    def _ask(
        self,
        operation: Operation,
        ref: ProviderRef,
        read: Callable[[Reply], T],
        *,
        cap: int = SINGLE_CAP,
        words: Mapping[str, object] = NO_WORDS,
    ) -> Awaitable[T]:
        """Send an operation about one number, once."""
        route = self._routes[operation]
        target = route.target.format(ref=escaped(ref), **words)
        return self._http.call(operation, target, read, method=route.method, cap=cap)

    async def _buy(
        self,
        operation: Operation,
        request: port.RentRequest | RentalRequest,
        read: Callable[[Reply], port.Rented | port.NoRent],
        currency: str,
        suffix: str = "",
        words: Mapping[str, object] = NO_WORDS,
    ) -> port.Rented | port.NoRent:
        """Send a purchase, once. One with a limit that cannot be sent might exceed it."""
        route = self._routes[operation]
        target = route.target.format(
            service=escaped(request.service), country=escaped(request.country), **words
        )
        if request.max_cost_minor is not None:
            if not route.price_limit:
                return port.NoRent.PRICE_ABOVE_MAX
            price = fields.major(request.max_cost_minor, currency)
            target += route.price_limit.format(price=price, currency=currency)
        return await self._http.call(operation, target + suffix, read, method=route.method)


class ProviderAccount(OperationCalls):
    """One account at one provider; implements the port `Provider`, as most families need it."""

    def __init__(
        self,
        config: ProviderConfig,
        context: ProviderContext,
        endpoint: Endpoint,
        routes: OperationTable,
        replies: ActivationReplies,
    ) -> None:
        # Every family tells the balance, and none charges for it.
        balance = routes[Operation.BALANCE]
        probe = Probe(Operation.BALANCE, balance.target, replies.balance, balance.method)
        self._capabilities = capabilities_of(config.family, config.dialect)
        super().__init__(self._transport(config, context, endpoint, probe), routes)
        self.replies = replies
        self._currency = config.currency
        assert self._capabilities.price_limit == bool(routes[Operation.RENT].price_limit)
        assert self._capabilities.resend == (Operation.ASK_AGAIN in routes)
        assert self._capabilities.report == (Operation.REPORT in routes)
        assert (self._capabilities.list_page_size is None) == (Operation.LIST not in routes)

    def _transport(
        self, config: ProviderConfig, context: ProviderContext, endpoint: Endpoint, probe: Probe
    ) -> Transport:
        most, once = config.max_in_flight, self._capabilities.look_changes_things
        return Transport(
            config.name, endpoint, context, max_in_flight=most, probe=probe, reads_once=once
        )

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def circuit(self) -> port.Circuit:
        return self._http.circuit

    async def reachable(self) -> None:
        await self._http.reachable()

    @property
    def rentals_http(self) -> Transport:
        """The transport of its long rentals; for most the same, with one circuit for both."""
        return self._http

    async def rent(self, request: port.RentRequest) -> port.Rented | port.NoRent:
        return await self._buy(
            Operation.RENT,
            request,
            self.replies.rent,
            self._currency,
            suffix=self._asked_for(request.options),
        )

    def _asked_for(self, options: port.RentOptions) -> str:
        """What a purchase says of the options, behind all else."""
        said, given = self._routes[Operation.RENT].options, self._known(options)
        return "".join(said[option].format(value=escaped(given[option])) for option in given)

    def _known(self, options: port.RentOptions) -> Mapping[RentOption, str]:
        """What was given; a number sold as if it fitted is worse than none."""
        given = options.given()
        assert given.keys() <= self._capabilities.options, f"{self.name} cannot be asked for that"
        return given

    async def look(self, ref: ProviderRef) -> port.Observation:
        return await self._ask(Operation.LOOK, ref, self.replies.look)

    async def look_too(self, ref: ProviderRef) -> port.Observation:
        """A look that a call needs besides what its caller has paid for."""
        await self._http.pay_more()
        return await self.look(ref)

    async def list_active(self, page: int) -> port.ActivePage:
        return await self._list(page, self.replies.page)

    async def list_whole(self, page: int) -> port.ActivePage:
        return await self._list(page, self.replies.whole_page)

    async def _list(self, page: int, read: Callable[[Reply], port.ActivePage]) -> port.ActivePage:
        size = self._capabilities.list_page_size
        assert size is not None, f"{self.name} has no list of active numbers, so no page {page}"
        target = self._routes[Operation.LIST].target
        if page > 0 and "{offset}" not in target:
            return port.ActivePage((), last=True)  # It has no pages: all of it came with the first.
        return await self._read_list(target.format(offset=page * size, limit=size), read)

    async def _read_list(self, target: str, read: Callable[[Reply], T]) -> T:
        route, once = self._routes[Operation.LIST], self._capabilities.look_changes_things
        call = self._http.call if once else self._http.call_patiently  # What may charge: once.
        return await call(Operation.LIST, target, read, method=route.method, cap=route.cap)

    async def history(self, since: datetime, until: datetime, skip: int) -> HistoryPage:
        """Only for families with a history; asking another is a mistake of ours."""
        raise AssertionError(f"{self.name} has no history from {since} to {until}, {skip} on")

    async def cancel(self, ref: ProviderRef) -> port.CancelReply:
        return await self._ask(Operation.CANCEL, ref, self.replies.cancel)

    async def finish(self, ref: ProviderRef) -> port.Observation:
        finished = await self._ask(Operation.FINISH, ref, self.replies.finish)
        return finished or await self.look_too(ref)

    async def ask_again(self, ref: ProviderRef) -> bool:
        if Operation.ASK_AGAIN not in self._routes:
            return False
        return await self._ask(Operation.ASK_AGAIN, ref, self.replies.ask_again)

    async def report(self, ref: ProviderRef) -> port.CancelReply:
        assert self._capabilities.report, f"{self.name} cannot be told that {ref} is bad"
        return await self._ask(Operation.REPORT, ref, self.replies.report)

    async def balance(self) -> port.Balance:
        route, read = self._routes[Operation.BALANCE], self.replies.balance
        return await self._http.call_patiently(
            Operation.BALANCE, route.target, read, method=route.method
        )

    async def close(self) -> None:
        await self._http.close()


class FamilyAdapter(NamedTuple):
    """How one family is spoken to. Whether it rents for long or pushes SMS is in `FAMILIES`."""

    account: Callable[[ProviderConfig, ProviderContext], ProviderAccount]
    rentals: Callable[[ProviderConfig, Transport], LongRentals] | None = None
    parse_push: PushParser | None = None
    is_signed: SignatureCheck | None = None
