"""What `trigger` does: real activations through the real API, followed to their endings."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from worker.entrypoints.cli.change_stream import ENDED
from worker.entrypoints.cli.client import ACTIVATIONS, Daemon, Document, path_of
from worker.entrypoints.cli.exit_codes import Exit, Failure
from worker.entrypoints.cli.scenarios import PRICE_MINOR, Plan

LOOK_EVERY_SECONDS = 0.5
RENTALS_AT_ONCE = 10


@dataclass(slots=True)
class Rehearsal:
    """The steps, in order; `say` narrates, `changed` gets each activation that changed."""

    daemon: Daemon
    plan: Plan
    say: Callable[[str], None]
    changed: Callable[[Document], None]
    sleep: Callable[[float], Awaitable[None]]
    monotonic: Callable[[], float]
    activations: dict[str, Document] = field(default_factory=dict)

    async def prepare(self) -> None:
        """An account with just the money this run needs."""
        plan = self.plan
        path = f"/v1/accounts/{plan.account}"
        amount = PRICE_MINOR * plan.count
        await self.daemon.put(path, {"currency": plan.currency})
        await self.daemon.post(f"{path}/topups", {"reference": plan.run, "amount_minor": amount})
        self.say(f"account {plan.account}: opened, topped up with {amount} minor {plan.currency}")

    async def rent(self) -> None:
        at_once = asyncio.Semaphore(RENTALS_AT_ONCE)

        async def one(number: int) -> Document:
            async with at_once:
                return await self._rent(number)

        rented = await asyncio.gather(*map(one, range(self.plan.count)))
        for activation in rented:
            self._keep(activation)
        self.say(f"rented {len(rented)} at {self.plan.provider}, service {self.plan.service}")

    async def _rent(self, number: int) -> Document:
        body = {
            "account": self.plan.account,
            "provider": self.plan.provider,
            "service": self.plan.service,
            "country": self.plan.country,
            "price_minor": PRICE_MINOR,
            "window_seconds": self.plan.window_seconds,
        }
        return await self.daemon.post(ACTIVATIONS, body, key=f"{self.plan.run}:{number}")

    async def press_cancel(self) -> None:
        for id_ in self.activations if self.plan.cancel else ():
            try:
                await self.daemon.post(path_of(id_, "/cancel"))
            except Failure as failure:
                if failure.code != "code-received":  # A race the code won: the point of it.
                    raise
                self.say(f"{id_}: Cancel was refused, a code is there")
            else:
                self.say(f"{id_}: Cancel pressed")

    async def follow(self) -> None:
        """Until every one has ended as expected or otherwise; `Failure` when time is up."""
        until = self.monotonic() + self.plan.wait_seconds
        while not all(map(self._over, self.activations.values())):
            if self.monotonic() > until:
                open_ = sum(not self._over(each) for each in self.activations.values())
                message = f"gave up after {self.plan.wait_seconds:g} s: {open_} have not ended"
                hint = f"activation-worker list --account {self.plan.account}"
                raise Failure(Exit.GAVE_UP, message, hint=hint)
            await self.sleep(LOOK_EVERY_SECONDS)
            # One list of the run's own account costs the same for one number and for many.
            pages = self.daemon.pages(ACTIVATIONS, self.plan.count, account=self.plan.account)
            async for activation in pages:
                self._keep(activation)

    def _over(self, activation: Mapping[str, object]) -> bool:
        return activation["state"] in ENDED or self.as_expected(activation)

    def as_expected(self, activation: Mapping[str, object]) -> bool:
        return activation["state"] == self.plan.expect.value

    def _keep(self, activation: Document) -> None:
        before = self.activations.get(activation["id"])
        self.activations[activation["id"]] = activation
        if before is None or _visible(before) != _visible(activation):
            self.changed(activation)


def _visible(activation: Document) -> tuple[object, ...]:
    return activation["state"], activation["provider_state"], len(activation["codes"])
