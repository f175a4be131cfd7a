"""The steps of `trigger`: real activations through the real API, followed to their endings."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from worker.entrypoints.cli.change_stream import ENDED
from worker.entrypoints.cli.client import ACTIVATIONS, Daemon, Document, path_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.trigger_scenarios import PRICE_MINOR, ScenarioRun

LOOK_EVERY_SECONDS = 0.5
RENTALS_AT_ONCE = 10


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
        self.say(f"account {run.account}: opened, topped up with {amount} minor {run.currency}")

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
        while not all(map(self._has_ended, self.activations.values())):
            if self.monotonic() > until:
                open_ = sum(
                    not self._has_ended(activation) for activation in self.activations.values()
                )
                message = f"gave up after {self.run.wait_seconds:g} s: {open_} have not ended"
                hint = f"activation-worker list --account {self.run.account}"
                raise Failure(Exit.GAVE_UP, message, hint=hint)
            await self.sleep(LOOK_EVERY_SECONDS)
            # One list of the run's own account is one call for all of its numbers.
            pages = self.daemon.pages(ACTIVATIONS, self.run.count, account=self.run.account)
            async for activation in pages:
                self._keep(activation)

    def _has_ended(self, activation: Mapping[str, object]) -> bool:
        return activation["state"] in ENDED or self.as_expected(activation)

    def as_expected(self, activation: Mapping[str, object]) -> bool:
        return activation["state"] == self.run.expect.value

    def _keep(self, activation: Document) -> None:
        before = self.activations.get(activation["id"])
        self.activations[activation["id"]] = activation
        if before is None or _visible(before) != _visible(activation):
            self.changed(activation)


def _visible(activation: Document) -> tuple[object, ...]:
    return activation["state"], activation["provider_state"], len(activation["codes"])
