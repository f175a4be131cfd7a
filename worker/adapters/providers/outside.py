"""A family of another package, kept from costing anybody else anything.

Its code runs in a thread and an event loop of its own, so that what blocks there blocks nobody
else. Each call has its time, and what comes of it is an answer of the port or a `ProviderError`:
an exception, a hang and an answer that is none say nothing about a number.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Final, TypeGuard, TypeVar, cast, get_type_hints
from urllib.parse import quote, quote_plus

from worker.adapters.providers.family import (
    FamilyAdapter,
    ProviderAccount,
    ProviderConfig,
)
from worker.adapters.providers.outside_answers import is_answer
from worker.adapters.providers.outside_loop import Home, OwnLoop, context_from_home
from worker.adapters.providers.pushes import PushBody, PushParser, SignatureCheck, UnreadablePush
from worker.adapters.providers.transport import ProviderContext
from worker.domain.families import Capabilities, capabilities_of, family_package
from worker.domain.ids import ProviderName, ProviderRef
from worker.ports import long_rental
from worker.ports import provider as port
from worker.ports.errors import ProviderError, ProviderRefused, ProviderUnavailable, UnknownReply
from worker.ports.long_rental import LongRentals
from worker.ports.service import Push

T = TypeVar("T")

CALL_TIMES: Final = 4  #: So many times the time of one exchange: a call may need several.
BUILD_S: Final = 10.0  #: What making an account may take; it is done before anything runs.
WAIT_S: Final = 1.0  #: Before a provider is asked again whose `reachable` fails.
WAIT_MAX: Final = timedelta(days=1)  #: What an error may ask for.
WORDS_MAX: Final = 400  #: Characters of an error.
_MAY_BE_A_PHONE: Final = re.compile(r"[0-9]{7}")  #: In an error; it may be a long code, too.
PUSHES_MAX: Final = 1000  #: Numbers that one push may be about.


def adapter_of(family: str) -> FamilyAdapter:
    """The `ADAPTER` of a package. Raises `ValueError` where it has none."""
    adapter = getattr(family_package(family).brought, "ADAPTER", None)
    if not isinstance(adapter, FamilyAdapter):
        raise ValueError(f"family {family}: ADAPTER is no FamilyAdapter")  # noqa: TRY004 - of a configuration
    return adapter


class Guard:
    """Calls of one account, each within its time and with an answer that is one."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        self.name = config.name
        self._secrets = _written(config.api_key) | _written(config.api_username)
        self._sleep = context.sleep
        self._limit_s = CALL_TIMES * context.timeout_s
        self._home = Home()
        self._broken: str | None = None
        self.context = context_from_home(self._home, context)
        self.loop = OwnLoop(config.name, self._tell)

    def _tell(self, what: str) -> None:
        self.context.reporter.trouble("provider.family_failed", provider=self.name, detail=what)

    def build(self, made: Callable[[], T]) -> T | None:
        """None where it fails: then nothing is ever sent, and every call says so."""
        try:
            return self.loop.at_once(made, BUILD_S)
        except Exception as error:  # noqa: BLE001 - it is not our code; its words may hold the key
            self._broken = f"its family could not be set up: {type(error).__name__}"
        self._tell(self._broken)
        return None

    async def ask(self, promised: Callable[..., object], call: Callable[[], Awaitable[T]]) -> T:
        """Raises `ProviderError` only. Whether something was sent before it failed, nobody knows.

        *promised* is the method of the port: what it returns is what *call* must.
        """
        if self._broken is not None:
            raise ProviderUnavailable(self.name, self._broken, sent=False)
        if self.loop.is_blocked:  # Each call would wait its whole time, and leave itself behind.
            raise ProviderUnavailable(self.name, "its family blocks its thread", sent=False)
        self._home.is_here()

        async def judged() -> tuple[T, bool]:
            answer = await call()
            return answer, is_answer(answer, _returned(promised))

        withheld: ProviderError | None = None
        try:
            answer, is_one = await self.loop.run(judged, self._limit_s)
        except ProviderError as error:
            if self._is_plain(error):
                raise
            withheld = self._withheld(error)
            why = f"raised a {type(error).__name__} that is none"
        except TimeoutError:
            why = f"did not end within {self._limit_s:g} s"
        except Exception as error:  # noqa: BLE001 - the same
            why = f"raised {type(error).__name__}"
        else:
            if is_one:
                return answer
            self._tell(f"{promised.__name__} answered what is none: {type(answer).__name__}")
            raise UnknownReply(self.name, "its family answered what is no answer")
        self._tell(f"{promised.__name__} {why}")
        raise withheld or ProviderUnavailable(self.name, f"its family {why}")

    def _is_plain(self, error: ProviderError) -> bool:
        """Whether what others read of an error is what it should be, without key and phone."""
        wait, sent = getattr(error, "retry_after", None), getattr(error, "sent", True)
        words = f"{error} {error.detail}"
        told = any(secret in words for secret in self._secrets)
        told = told or len(words) > WORDS_MAX or _MAY_BE_A_PHONE.search(words) is not None
        return (wait is None or _is_wait(wait)) and isinstance(sent, bool) and not told

    def _withheld(self, error: ProviderError) -> ProviderError:
        """What it means, without its words: a certain "no" must not become a doubt."""
        words = f"its family raised a {type(error).__name__}, whose words are not told"
        if isinstance(error, ProviderRefused):
            return ProviderRefused(self.name, words)
        if isinstance(error, UnknownReply):
            return UnknownReply(self.name, words)
        wait, sent = getattr(error, "retry_after", None), getattr(error, "sent", True)
        return ProviderUnavailable(
            self.name,
            words,
            sent=sent if isinstance(sent, bool) else True,
            retry_after=wait if _is_wait(wait) else None,
        )

    async def reachable(self, method: Callable[[], Awaitable[None]]) -> None:
        """Without a time: an outage has none."""
        self._home.is_here()
        try:
            await self.loop.run(method, None)
        except Exception as error:  # noqa: BLE001 - the same
            self._tell(f"reachable raised {type(error).__name__}")
            await self._sleep(WAIT_S)

    async def close(self, account: port.Provider) -> None:
        self._home.is_here()
        try:
            if self._broken is None:
                await self.loop.run(account.close, self._limit_s)
        except Exception as error:  # noqa: BLE001 - the same
            self._tell(f"close raised {type(error).__name__}")
        await self.loop.stop()


class OutsideAccount:
    """The port `Provider` in front of the account that a package makes."""

    def __init__(self, config: ProviderConfig, context: ProviderContext) -> None:
        self._config = config
        self._adapter = adapter_of(config.family)
        self._capabilities = capabilities_of(config.family, config.dialect)
        self._guard = Guard(config, context)
        make = self._adapter.account
        built = self._guard.build(lambda: _with_every_call(make(config, self._guard.context)))
        self._account = cast("ProviderAccount", built)  # None is asked for nothing.

    @property
    def name(self) -> ProviderName:
        return self._config.name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def circuit(self) -> port.Circuit:
        if self._guard.loop.is_blocked:
            return port.Circuit.OPEN
        try:
            circuit = self._account.circuit
        except Exception:  # noqa: BLE001 - it is not our code; its calls fail by themselves
            return port.Circuit.CLOSED
        return port.Circuit.OPEN if circuit is port.Circuit.OPEN else port.Circuit.CLOSED

    def rentals(self) -> LongRentals | None:
        """Its long rentals; None where it has none."""
        make = self._adapter.rentals
        if make is None or not self._capabilities.rentals:
            return None
        built = self._guard.build(lambda: make(self._config, self._account.rentals_http))
        terms = self._guard.build(lambda: built.terms if built is not None else None)
        if built is None or type(terms) is not long_rental.RentalTerms:
            return None
        return OutsideRentals(self._guard, built, terms)

    async def reachable(self) -> None:
        await self._guard.reachable(self._account.reachable)

    async def rent(self, request: port.RentRequest) -> port.Rented | port.NoRent:
        known = self._capabilities.options
        assert request.options.given().keys() <= known, "it cannot be asked for that"
        return await self._guard.ask(port.Provider.rent, lambda: self._account.rent(request))

    async def look(self, ref: ProviderRef) -> port.Observation:
        return await self._guard.ask(port.Provider.look, lambda: self._account.look(ref))

    async def list_active(self, page: int) -> port.ActivePage:
        assert self._capabilities.list_page_size is not None, "there is no list"
        return await self._guard.ask(
            port.Provider.list_active, lambda: self._account.list_active(page)
        )

    async def list_whole(self, page: int) -> port.ActivePage:
        assert self._capabilities.list_page_size is not None, "there is no list"
        return await self._guard.ask(
            port.Provider.list_whole, lambda: self._account.list_whole(page)
        )

    async def history(self, since: datetime, until: datetime, skip: int) -> port.HistoryPage:
        assert self._capabilities.history, "there is no history"
        return await self._guard.ask(
            port.Provider.history, lambda: self._account.history(since, until, skip)
        )

    async def cancel(self, ref: ProviderRef) -> port.CancelReply:
        return await self._guard.ask(port.Provider.cancel, lambda: self._account.cancel(ref))

    async def finish(self, ref: ProviderRef) -> port.Observation:
        return await self._guard.ask(port.Provider.finish, lambda: self._account.finish(ref))

    async def ask_again(self, ref: ProviderRef) -> bool:
        return await self._guard.ask(port.Provider.ask_again, lambda: self._account.ask_again(ref))

    async def report(self, ref: ProviderRef) -> port.CancelReply:
        assert self._capabilities.report, "it cannot be told of bad numbers"
        return await self._guard.ask(port.Provider.report, lambda: self._account.report(ref))

    async def balance(self) -> port.Balance:
        return await self._guard.ask(port.Provider.balance, self._account.balance)

    async def close(self) -> None:
        await self._guard.close(self._account)


class OutsideRentals:
    """The port `LongRentals` in front of the rentals of such an account."""

    def __init__(self, guard: Guard, rentals: LongRentals, terms: long_rental.RentalTerms) -> None:
        self._guard, self._rentals, self._terms = guard, rentals, terms

    @property
    def name(self) -> ProviderName:
        return self._guard.name

    @property
    def terms(self) -> long_rental.RentalTerms:
        return self._terms

    async def open(self, request: long_rental.RentalRequest) -> port.Rented | port.NoRent:
        return await self._guard.ask(LongRentals.open, lambda: self._rentals.open(request))

    async def messages(self, ref: ProviderRef) -> long_rental.MessagesReply:
        return await self._guard.ask(LongRentals.messages, lambda: self._rentals.messages(ref))

    async def prolong(self, ref: ProviderRef, by: timedelta) -> long_rental.ProlongReply:
        return await self._guard.ask(LongRentals.prolong, lambda: self._rentals.prolong(ref, by))

    async def close(self, ref: ProviderRef) -> long_rental.CloseReply:
        return await self._guard.ask(LongRentals.close, lambda: self._rentals.close(ref))

    async def available(self, ref: ProviderRef) -> long_rental.Availability:
        return await self._guard.ask(LongRentals.available, lambda: self._rentals.available(ref))


def _with_every_call(account: ProviderAccount) -> ProviderAccount:
    calls = [name for name, _ in inspect.getmembers(port.Provider, inspect.iscoroutinefunction)]
    missing = [name for name in calls if not callable(getattr(account, name, None))]
    if missing:
        raise TypeError(f"an account without {', '.join(missing)}")
    return account


def guarded_push(
    parse: PushParser, is_signed: SignatureCheck | None
) -> tuple[PushParser, SignatureCheck | None]:
    """The same two of a package; the first raises `UnreadablePush` only, the second nothing."""

    def parsed(body: PushBody) -> list[Push]:
        try:
            pushes = parse(body)
            is_one = is_answer(pushes, list[Push]) and len(pushes) <= PUSHES_MAX
        except Exception:  # noqa: BLE001 - it is not our code
            raise UnreadablePush("its family cannot read it") from None
        if not is_one:
            raise UnreadablePush("its family read what is no push")
        return pushes

    def signed(raw: bytes, headers: Mapping[str, str], secret: str) -> bool:
        try:
            return is_signed is not None and is_signed(raw, headers, secret) is True
        except Exception:  # noqa: BLE001 - the same: what is not known to be signed is not
            return False

    return parsed, None if is_signed is None else signed


def _written(secret: str) -> frozenset[str]:
    """A secret as it is, and as it stands in a URL."""
    return frozenset({secret, quote(secret), quote(secret, safe=""), quote_plus(secret)} - {""})


def _is_wait(wait: object) -> TypeGuard[timedelta]:
    return isinstance(wait, timedelta) and timedelta(0) <= wait <= WAIT_MAX


@cache
def _returned(promised: Callable[..., object]) -> object:
    return get_type_hints(promised)["return"]
