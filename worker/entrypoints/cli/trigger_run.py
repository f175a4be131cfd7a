"""One run of `trigger`: its scenario from `config/scenarios.toml`, and its steps to the endings."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from worker.domain.activation import State
from worker.domain.shipped import config_directory
from worker.entrypoints.cli.client import ACTIVATIONS, ENDED, Daemon, Document, path_of
from worker.entrypoints.cli.exit_codes import Exit, Failure, did_you_mean
from worker.entrypoints.cli.output import money

SECONDS_MAX = 86_400
PRICE_MINOR = 20  #: What a simulated provider charges by default.


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Field comments: `config/scenarios.toml`."""

    name: str
    says: str
    expect: State
    share: float | None = None
    beyond: float | None = None
    code: bool = False
    codes: int | None = None
    cancel: bool = False

    def seconds(self, window: int) -> float | None:
        """When or how long, for a window of so many seconds; None: the provider decides."""
        if self.share is not None:
            return self.share * window
        return None if self.beyond is None else max(window + self.beyond, 0)

    def service(self, window: int, given: float | None) -> str:
        """The service name that makes the simulated provider behave so."""
        seconds = self.seconds(window) if given is None else given
        return self.name if seconds is None else f"{self.name}:{seconds:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRun:
    """One run of a scenario."""

    id: str  #: In the account and the keys, so that no call of another run is repeated.
    provider: str
    service: str
    country: str
    currency: str
    count: int
    window_seconds: int
    cancel: bool
    expect: State
    codes: int | None = None  #: So many, where that is expected too.
    wait_seconds: float

    @property
    def expected(self) -> str:
        if self.codes is None:
            return self.expect.value
        codes = "1 code" if self.codes == 1 else f"{self.codes} codes"
        return f"{self.expect.value}, with {codes}"

    @property
    def account(self) -> str:
        return f"trigger-{self.id}"


def scenarios() -> dict[str, Scenario]:
    document = tomllib.loads((config_directory() / "scenarios.toml").read_text(encoding="utf-8"))
    return {name: _scenario(name, table) for name, table in document.items()}


def _scenario(name: str, table: Mapping[str, object]) -> Scenario:
    return Scenario(**{**table, "name": name, "expect": State(table["expect"])})  # type: ignore[arg-type]  # a shipped file, checked by a test


def parse_scenario(text: str) -> tuple[Scenario, float | None]:
    """`NAME` or `NAME:SECONDS`."""
    name, colon, rest = text.partition(":")
    known = scenarios()
    if name not in known:
        message = f"no scenario {name!r}; there are: {', '.join(known)}"
        raise Failure(Exit.USAGE, message + did_you_mean(name, known))
    if not colon:
        return known[name], None
    try:
        seconds = float(rest)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= SECONDS_MAX:
        raise Failure(Exit.USAGE, f"{text}: seconds must be 0 to {SECONDS_MAX}")
    return known[name], seconds


def completions(incomplete: str) -> list[tuple[str, str]]:
    known = scenarios().items()
    return [(name, scenario.says) for name, scenario in known if name.startswith(incomplete)]


RENTALS_AT_ONCE = 10
PAUSE_SECONDS = 0.2  #: Where a daemon answers at once though nothing has changed.
#: So many numbers are waited for at a time; with more than that, all are read at each change.
WAITED_FOR = 10
WAIT_SECONDS = 20  #: How long the daemon may hold a call until the number changes.
WAIT_SECONDS_OF_MANY = 2  #: Where most of the numbers are waited for by no call.


@dataclass(slots=True)
class ScenarioRunner:
    """The steps, in order; `say` gets messages, `changed` each activation that changed."""

    daemon: Daemon
    run: ScenarioRun
    say: Callable[[str], None]
    changed: Callable[[Document], None]
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    activations: dict[str, Document] = field(default_factory=dict)

    async def prepare(self) -> None:
        """Open an account with the money that this run needs."""
        run = self.run
        path = f"/v1/accounts/{run.account}"
        amount = PRICE_MINOR * run.count
        await self.daemon.put(path, {"currency": run.currency})
        await self.daemon.post(f"{path}/topups", {"reference": run.id, "amount_minor": amount})
        self.say(f"account {run.account}: opened, with {money(amount, run.currency)}")

    async def rent(self) -> None:
        at_once = asyncio.Semaphore(RENTALS_AT_ONCE)

        async def rent(number: int) -> Document:
            async with at_once:
                return await self._rent(number)

        rented = await asyncio.gather(*map(rent, range(self.run.count)))
        for activation in rented:
            self._keep(activation)
        self.say(f"rented {len(rented)} at {self.run.provider}, service {self.run.service}")

    async def _rent(self, number: int) -> Document:
        body = {
            "account": self.run.account,
            "provider": self.run.provider,
            "service": self.run.service,
            "country": self.run.country,
            "price_minor": PRICE_MINOR,
            "window_seconds": self.run.window_seconds,
        }
        return await self.daemon.post(ACTIVATIONS, body, key=f"{self.run.id}:{number}")

    async def press_cancel(self) -> None:
        for id_ in self.activations if self.run.cancel else ():
            try:
                await self.daemon.post(path_of(id_, "/cancel"))
            except Failure as failure:
                if failure.code != "code-received":  # The code came first.
                    raise
                self.say(f"{id_}: Cancel was refused, a code is there")
            else:
                self.say(f"{id_}: Cancel pressed")

    async def follow(self) -> None:
        """Wait until each has ended, as expected or otherwise; `Failure` when time is up."""
        until = self.monotonic() + self.run.wait_seconds
        held: dict[str, asyncio.Future[Document]] = {}
        try:
            while not all(map(self._has_ended, self.activations.values())):
                if self.monotonic() > until:
                    raise self._given_up()
                if not await self._wait_for_change(held, until - self.monotonic()):
                    await self.sleep(PAUSE_SECONDS)
        finally:
            for call in held.values():
                call.cancel()
            await asyncio.gather(*held.values(), return_exceptions=True)

    def _given_up(self) -> Failure:
        open_ = sum(not self._has_ended(activation) for activation in self.activations.values())
        message = f"gave up after {self.run.wait_seconds:g} s: {open_} have not ended"
        hint = f"activation-worker list --account {self.run.account}"
        return Failure(Exit.GAVE_UP, message, hint=hint)

    async def _wait_for_change(
        self, held: "dict[str, asyncio.Future[Document]]", seconds: float
    ) -> bool:
        """Ask about the next few until one of them changes. Whether anything did.

        The calls about the others are held on: one cut off may just have been answered.
        """
        before = dict(self.activations)
        open_ = [id_ for id_, each in self.activations.items() if not self._has_ended(each)]
        longest = WAIT_SECONDS if len(open_) <= WAITED_FOR else WAIT_SECONDS_OF_MANY
        wait = max(1, int(min(longest, seconds)))
        for id_ in open_[:WAITED_FOR]:
            if id_ not in held:
                asked = self.daemon.get(path_of(id_), wait_seconds=wait)
                held[id_] = asyncio.ensure_future(asked)
        await asyncio.wait(held.values(), return_when=asyncio.FIRST_COMPLETED)
        for id_ in [id_ for id_, call in held.items() if call.done()]:
            answer = held.pop(id_).result()
            if not self._has_ended(self.activations[id_]):  # The list may have told it since.
                self._keep(answer)
        if len(open_) > WAITED_FOR:
            # One list of the run's own account is one call for all of its numbers.
            pages = self.daemon.pages(ACTIVATIONS, self.run.count, account=self.run.account)
            async for activation in pages:
                self._keep(activation)
        return self.activations != before

    def _has_ended(self, activation: Mapping[str, object]) -> bool:
        return activation["state"] in {*ENDED, self.run.expect.value}

    def as_expected(self, activation: Document) -> bool:
        codes = self.run.codes
        right = codes is None or len(activation["codes"]) == codes
        return right and activation["state"] == self.run.expect.value

    def _keep(self, activation: Document) -> None:
        before = self.activations.get(activation["id"])
        self.activations[activation["id"]] = activation
        if before is None or _visible(before) != _visible(activation):
            self.changed(activation)


def _visible(activation: Document) -> tuple[object, ...]:
    return activation["state"], activation["provider_state"], len(activation["codes"])
