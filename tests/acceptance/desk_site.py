"""A desk that people can open: provider, daemon and desk as real processes, with orders."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.acceptance.world import PROVIDER, TOKEN, Process, World, spawn, until, world
from tests.conftest import Background
from worker.client import Client
from worker.client.calls.shapes import Activation, Case

T = TypeVar("T")

READER: Final = "reader-token-on-loopback-only-0123"
CUSTOMER: Final = "anna.k@example.com"
#: As long as a name may be, without a place to break it.
LONG_NAME: Final = "reseller" * 16
NOBODY_LISTENS: Final = "http://127.0.0.1:9/events"  #: Events wait, and can be sent again.
POLICY: Final = "P3"
HOSTILE_SMS: Final = (
    "<script>document.title='owned'</script>"
    "\u202e" + "\U0001f600" * 160 + "\u0634\u0643\u0631\u0627"
)


@dataclass
class DeskSite:
    url: str
    api_url: str
    world: World
    background: Background

    def ask(self, call: Callable[[Client], Awaitable[T]]) -> T:
        """The API, as the shop's own program calls it."""

        async def asking() -> T:
            async with Client(self.api_url, TOKEN) as client:
                return await call(client)

        return self.background.run(asking())

    def rent(
        self,
        service: str,
        order: str,
        account: str = CUSTOMER,
        window: int = 600,
        policy: str = POLICY,
    ) -> Activation:
        return self.ask(
            lambda client: client.rent_number(
                account=account,
                provider=PROVIDER,
                service=service,
                country="0",
                price_minor=120,
                policy=policy,
                window_seconds=window,
                order_ref=order,
                idempotency_key=order,
            )
        )

    def number(self, id_: str) -> Activation:
        return self.ask(lambda client: client.get_activation(id_))

    def until(self, id_: str, met: Callable[[Activation], bool]) -> Activation:
        """Once the number is so, by the API's own long poll."""

        async def waiting(client: Client) -> Activation:
            number: Activation = await client.get_activation(id_)
            while not met(number):
                number = await client.get_activation(id_, wait_seconds=5)
            return number

        return self.ask(waiting)

    def receive(self, id_: str, text: str) -> Activation:
        """An SMS comes to the number at its provider."""
        ref = self.number(id_)["provider_ref"]
        self.provider("/_sim/sms", {"id": ref, "code": text, "text": text})
        return self.until(id_, lambda number: bool(number["codes"]))

    def provider(self, path: str, body: dict[str, Any]) -> None:
        """Something happens there."""
        self.background.run(self.world.provider.post(path, body))

    def until_event(self, id_: str) -> None:
        """An event about the number is there."""

        async def waiting(client: Client) -> None:
            while not (await client.list_events(activation=id_))["items"]:
                _ = await client.list_events(after=0, activation=id_, wait_seconds=2)

        self.ask(waiting)

    def claim(self, id_: str, reason: str) -> Case:
        """One that waits for a human."""
        case = self.ask(
            lambda client: client.open_claim(
                activation=id_,
                claim_kind="wrong_code",
                reason=reason,
                evidence=[{"kind": "screenshot", "reference": "screen-1.png"}],
                request_fields=["service", "reason"],
            )
        )
        assert case["state"] == "in_review", case
        return case

    def decide_all(self) -> None:
        """Nothing waits for a human any more, whatever other tests left."""

        async def deny(client: Client) -> None:
            for review in (await client.list_reviews(brief="true"))["items"]:
                if review["id"] == review["case"]:  # No payout that is owed.
                    await client.decide_review(review["id"], grant=False, note="of another test")

        self.ask(deny)

    def withdraw(self, reference: str) -> Case:
        return self.ask(
            lambda client: client.open_withdrawal(
                account=CUSTOMER, reference=reference, amount_minor=500, reason="Not needed."
            )
        )

    def block(self, account: str) -> Case:
        return self.ask(lambda client: client.tell_account_event(account, event="rules_block"))

    def case(self, id_: str) -> Case:
        return self.ask(lambda client: client.get_claim(id_))


@contextmanager
def desk_site(
    database_url: str, redis_url: str, home: Path, background: Background, desk: list[str]
) -> Iterator[DeskSite]:
    """*desk* is the command that serves the desk, without where it listens and whom it asks."""
    tokens = f"shop:operate+decide:{TOKEN},viewer:read:{READER}"
    settings = {
        "AW_API__TOKENS": tokens,
        "AW_DEFAULTS__WINDOW_SECONDS": "600",
        "AW_EVENTS__URL": NOBODY_LISTENS,
        "AW_EVENTS__SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }

    async def start(stack: AsyncExitStack) -> DeskSite:
        made = await stack.enter_async_context(
            world(database_url, redis_url, home, settings=settings)
        )
        daemon = await made.start_daemon()
        api_url = (daemon.line("activation-worker: api") or "").split()[-1]
        where = ["--listen", "127.0.0.1:0", "--api", api_url]
        process = spawn([*desk, *where], home / "desk.log", made.environment())
        stack.callback(process.end)
        await until(lambda: process.line("ready") is not None, process)
        async with Client(api_url, TOKEN) as client:
            for account in (CUSTOMER, LONG_NAME):
                await client.open_account(account, currency="USD", policy=POLICY)
                await client.top_up_account(account, reference=account, amount_minor=100_000)
        return DeskSite(_url(process), api_url, made, background)

    stack = AsyncExitStack()
    try:
        yield background.run(start(stack))
    finally:
        background.run(stack.aclose())


def _url(desk: Process) -> str:
    line: Any = desk.line("desk  ")
    return str(line.split()[1])
