"""`Life`: one customer of a shop, over HTTP; its methods are the sentences of the tests."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Final

from tests.integration.lives.daemon import DAYS, MONDAY, TICK, Daemon
from tests.unit.http.caller import Api, Reply
from worker.entrypoints.http.responses import instant
from worker.ports.provider import NoRent, Refusal, Refused, Sms

PRICE: Final = 500
RENTAL_PRICE: Final = 1000  #: Of ten days.
CHANNELS: Final = {"P0": "support", "P1": "email", "P2": "email", "P3": "form", "P4": "email"}
#: What the forms of P2 and P3 ask for.
FIELDS: Final = {
    "P2": ["service", "amount", "reason", "details"],
    "P3": ["amount", "payment_system", "details", "reason", "email"],
}


def on(*, days: float = 0, hours: float = 0, minutes: float = 0) -> str:
    """An instant so long after the order, as the API shows it."""
    return instant(MONDAY + timedelta(days=days, hours=hours, minutes=minutes))


@dataclass
class Life:
    daemon: Daemon
    api: Api
    policy: str = ""

    def __post_init__(self) -> None:
        self._numbers = count(1)

    # Time

    async def at(self, *, days: float = 0, hours: float = 0, minutes: float = 0) -> None:
        """The last instant of so long after the start."""
        await self.daemon.pass_until(MONDAY + timedelta(days=days, hours=hours, minutes=minutes))

    async def after(self, *, days: float = 0, hours: float = 0, minutes: float = 0) -> None:
        """The first instant after it."""
        span = timedelta(days=days, hours=hours, minutes=minutes)
        await self.daemon.pass_until(MONDAY + span + TICK)

    async def on_date(self, at: datetime) -> None:
        await self.daemon.pass_until(at)

    # Calls

    async def call(self, path: str, body: Any = None, **more: Any) -> Any:
        reply = await self.api.post(path, {} if body is None else body, **more)
        assert reply.status < 300, reply.raw
        return reply.json

    async def refused(self, path: str, body: Any = None, **more: Any) -> str:
        """The name of the problem."""
        reply = await self.api.post(path, {} if body is None else body, **more)
        assert reply.status >= 400, reply.raw
        return reply.slug

    # The customer and his orders

    async def open(self, policy: str, minor: int = 1000) -> None:
        self.policy = policy
        reply = await self.api.put("/v1/accounts/ann", {"currency": "USD", "policy": policy})
        assert reply.status == 201, reply.raw
        if minor:
            await self.top_up("first", minor)

    async def top_up(self, reference: str, minor: int) -> None:
        body = {"reference": reference, "amount_minor": minor}
        await self.call("/v1/accounts/ann/topups", body)

    async def number(self, told: dict[str, Any] | None = None, **other: Any) -> str:
        """A number that is rented now; *told* are the facts of the order call."""
        ref = str(next(self._numbers))
        body = {
            "account": "ann",
            "phone": "15550001",
            "service": "any",
            "country": "1",
            "price_minor": PRICE,
            "policy": self.policy,
            **({} if told is None else {"order_facts": told}),
            **other,
        }
        reply = await self.api.put(f"/v1/activations/sim/{ref}", body)
        assert reply.status == 201, reply.raw
        return str(reply.json["id"])

    async def failed_order(self, key: str = "order", told: dict[str, Any] | None = None) -> str:
        """An order for which the provider has no number; the 409 names it."""
        self.daemon.provider.will("rent", NoRent.NO_NUMBERS)
        body = {
            "account": "ann",
            "provider": "sim",
            "service": "any",
            "country": "1",
            "price_minor": PRICE,
            "policy": self.policy,
            **({} if told is None else {"order_facts": told}),
        }
        reply = await self.api.post("/v1/activations", body, headers={"Idempotency-Key": key})
        assert (reply.status, reply.slug) == (409, "no-numbers"), reply.raw
        return str(reply.json["activation"])

    async def shown(self, id_: str) -> Any:
        return (await self.api.get(f"/v1/activations/{id_}")).json

    async def code_arrives(self, id_: str, code: str = "1234") -> None:
        await self.daemon.code_arrives((await self.shown(id_))["provider_ref"], code)
        assert [one["code"] for one in (await self.shown(id_))["codes"]] == [code]

    async def delivered(self, told: dict[str, Any] | None = None, **other: Any) -> str:
        """A number whose code was shown, half a minute after the order, and that is finished."""
        id_ = await self.number(told, **other)
        await self.code_arrives(id_)
        await self.call(f"/v1/activations/{id_}/finish")
        return id_

    async def press_cancel(self, id_: str) -> Reply:
        return await self.api.post(f"/v1/activations/{id_}/cancel")

    async def provider_has_unshown_sms(self, id_: str, at: datetime) -> None:
        """Its SMS came in time, and no look saw it; the cancel is answered with it."""
        ref = (await self.shown(id_))["provider_ref"]
        sms = (Sms("9999", None, at),)
        self.daemon.provider.will("cancel", Refused(Refusal.CODE_ARRIVED, sms=sms), of=ref)

    async def outcome_of(self, id_: str) -> tuple[str, str]:
        """Its state, and its settlement's reason."""
        shown = await self.shown(id_)
        settlement = shown["settlement"]
        return shown["state"], "" if settlement is None else settlement["reason"]

    # Long rentals

    async def rental(self, ref: str = "long", days: int = 10, **other: Any) -> str:
        now = self.daemon.now
        body = {
            "account": "ann",
            "phone": "15550002",
            "service": "any",
            "country": "1",
            "price_minor": RENTAL_PRICE,
            "rented_at": instant(now),
            "ends_at": instant(now + days * DAYS),
            "policy": self.policy,
            **other,
        }
        reply = await self.api.put(f"/v1/rentals/sim/{ref}", body)
        assert reply.status == 201, reply.raw
        return str(reply.json["id"])

    async def of_rental(self, what: str, body: Any = None, ref: str = "long") -> Any:
        """POST /v1/rentals/sim/REF/WHAT"""
        return await self.call(f"/v1/rentals/sim/{ref}/{what}", body)

    # Cases

    def statement(self, order: str, kind: str, **more: Any) -> dict[str, Any]:
        fields = FIELDS.get(self.policy)
        return {
            "activation": order,
            "claim_kind": kind,
            "claim_channel": CHANNELS[self.policy],
            "reason": "it did not work",
            **({} if fields is None else {"request_fields": fields}),
            **more,
        }

    async def claim(self, order: str, kind: str = "non_receiving", **more: Any) -> Any:
        """A whole and proper claim, unless *more* says otherwise; None leaves a part out."""
        body = self.statement(order, kind, **more)
        if more.get("rental"):
            body["activation"] = None
        return await self.call("/v1/claims", {k: v for k, v in body.items() if v is not None})

    async def withdraw(self, reference: str = "w", **more: Any) -> Any:
        """A whole request for all that can be had, unless *more* says otherwise."""
        fields = FIELDS.get(self.policy)
        body = {
            "account": "ann",
            "reference": reference,
            "claim_channel": CHANNELS[self.policy],
            "reason": "I need it elsewhere",
            **({} if fields is None else {"request_fields": fields}),
            **more,
        }
        whole = {k: v for k, v in body.items() if v is not None}
        return await self.call("/v1/withdrawals", whole)

    async def offer(self) -> Any:
        """The withdrawal that a deletion offers: what the customer owes an answer to."""
        (owed,) = (await self.account())["obligations"]
        assert (owed["what"], owed["owed_by"]) == ("answer", "customer")
        return (await self.api.get(f"/v1/withdrawals/{owed['case']}")).json

    async def told(self, event: str, **more: Any) -> Any:
        """What happened to the account."""
        return await self.call("/v1/accounts/ann/events", {"event": event, **more})

    async def step(self, case: Any, what: str, body: Any = None) -> Any:
        """POST …/WHAT of a claim or a withdrawal."""
        return await self.call(f"{path_of(case)}/{what}", body)

    async def verdict(
        self, case: Any, *, grant: bool, amount: int | None = None, **found: Any
    ) -> Any:
        body: dict[str, Any] = {"grant": grant, "note": "seen", "findings": found}
        if amount is not None:
            body["amount_minor"] = amount
        if case["kind"] in {"claim", "withdrawal"}:
            return await self.step(case, "verdict", body)
        return (await self.call(f"/v1/reviews/{case['id']}/verdict", body))["case"]

    async def again(self, case: Any) -> Any:
        """The case as it is now."""
        return (await self.api.get(path_of(case))).json

    # What is promised

    async def account(self) -> Any:
        return (await self.api.get("/v1/accounts/ann")).json

    async def balance(self) -> tuple[int, int]:
        """(available, held)"""
        account = await self.account()
        return account["available_minor"], account["held_minor"]

    async def entries(self) -> list[tuple[str, int]]:
        """Kind and signed sum, oldest first."""
        items = (await self.api.get("/v1/accounts/ann/entries")).json["items"]
        return [(one["kind"], one["amount_minor"]) for one in reversed(items)]

    async def events(self) -> list[str]:
        """What is told of orders and cases; each review is told besides."""
        items = (await self.api.get("/v1/events?limit=200")).json["items"]
        told = [one["type"] for one in reversed(items)]
        return [type_ for type_ in told if not type_.startswith("review.")]

    async def reviews(self) -> list[tuple[str, int, str]]:
        """Why a human is asked, what a yes would pay, and by when."""
        items = (await self.api.get("/v1/reviews")).json["items"]
        return [(one["reason"], one["proposed_minor"], one["by_when"]) for one in items]


def path_of(case: Any) -> str:
    return f"/v1/{case['kind']}s/{case['id']}"


def decided(case: Any) -> tuple[str, str]:
    """State and reason."""
    return case["state"], case["decision"]["reason"]


def asked(case: Any) -> tuple[str, str, int, str | None]:
    """Outcome, reason, sum and deadline of the last decision."""
    last = case["decision"]
    return last["outcome"], last["reason"], last["amount_minor"], last["deadline"]
