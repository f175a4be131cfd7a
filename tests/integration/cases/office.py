"""A shop with cases: short words for what their tests do again and again, in their own time."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import asyncpg

from tests.fakes.reporter import RecordingReporter
from tests.integration.store.shop import ALICE, SIM, TICK, WINDOW, delivery, ending, intake
from worker.adapters.store.cases import CaseRepository
from worker.adapters.store.database import Database
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.store.settlements import SettlementRepository
from worker.domain.activation import State
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.policy import Profile, Reason, load_profile, override, policy_names
from worker.domain.policy.clauses import grounds, load_clauses
from worker.domain.transfer import Charge
from worker.lifecycle.cases import adding
from worker.lifecycle.cases.closing import Closing
from worker.lifecycle.cases.judges import judges
from worker.lifecycle.cases.reviews import ActivationReviews
from worker.lifecycle.cases.service import CaseService, Occurrence
from worker.lifecycle.cases.shape import Verdict
from worker.lifecycle.cases.silence import Silence
from worker.lifecycle.cases.timers import Timers
from worker.lifecycle.clock import Clock
from worker.lifecycle.settle import Settle
from worker.ports.long_rental import (
    Availability,
    CloseReply,
    Ended,
    Messages,
    ProlongReply,
    RentalTerms,
    only,
)
from worker.ports.provider import NoRent, Rented
from worker.ports.store.activations import AcceptOutcome, Intake, SeenSms
from worker.ports.store.books import TopUpOutcome
from worker.ports.store.case_view import Case, CaseKind, CaseState, TimerKind
from worker.ports.store.cases import CaseChange, Rental, rental_id

LONG = ProviderRef("long")
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PRICE = 350


def clauses(policy: str, reason: Reason) -> tuple[str, ...]:
    return grounds(load_clauses(policy), reason)


class ByHands:
    """A repository with a clock the test owns: it is what `now` is where nobody says another."""

    def __init__(self, repository: object, hands: "Hands", *methods: str) -> None:
        self._repository = repository
        self._hands = hands
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._repository, name)
        if name not in self._methods:
            return method
        return lambda *args, **more: method(*args, **{"now": self._hands.now, **more})


class Owned(PostgresStore):
    """The store with a clock the test owns."""

    def __init__(self, url: str, hands: "Hands", **more: Any) -> None:
        super().__init__(url, events_wanted=True, **more)
        cases = ByHands(
            self.cases,
            hands,
            "open_case",
            "change_case",
            "lease_timers",
            "unseeded",
            "end_in_silence",
            "book_rental",
            "end_rental",
            "rental_closed",
            "put_off",
        )
        self.cases = cast("CaseRepository", cases)
        self.settlements = cast("SettlementRepository", ByHands(self.settlements, hands, "settle"))


@dataclass
class RentalsThere:
    """The long rentals of a provider: its next answers are the test's, then it says it closed."""

    name: ProviderName = SIM
    terms: RentalTerms = field(default_factory=lambda: RentalTerms(lengths=only(DAY)))
    answers: list[CloseReply | Exception] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    paid: int = 0  #: Requests that the budget has granted.
    affordable: bool = True
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    hangs: asyncio.Event | None = None  #: Until it is set, nothing is answered.

    async def pay(self) -> None:
        if not self.affordable:
            raise TimeoutError
        self.paid += 1

    async def close(self, ref: ProviderRef) -> CloseReply:
        self.asked.append(("close", ref))
        assert len(self.asked) == self.paid, "every request is paid first"
        self.begun.set()
        if self.hangs is not None:
            await self.hangs.wait()
        answer = self.answers.pop(0) if self.answers else Ended()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def messages(self, ref: ProviderRef) -> Messages:
        self.asked.append(("messages", ref))
        assert len(self.asked) == self.paid, "every request is paid first"
        return Messages()

    async def open(self, *_: object) -> Rented | NoRent:
        raise AssertionError("nothing is rented here")

    async def prolong(self, *_: object) -> ProlongReply:
        raise AssertionError("nothing is prolonged here")

    async def available(self, *_: object) -> Availability:
        raise AssertionError("nobody probes here")


@dataclass
class Hands:
    now: datetime = MONDAY


@dataclass
class Office:
    admin: asyncpg.Connection
    url: str
    hands: Hands = field(default_factory=Hands)

    def __post_init__(self) -> None:
        self.reporter = RecordingReporter()
        self.there = RentalsThere()
        self.judges = judges(clauses)
        self.start({name: load_profile(name) for name in policy_names()})

    def start(self, policies: Mapping[str, Profile], db: Database | None = None) -> None:
        """As a process with these policies does; *db* is what the one before left open."""
        self.policies = policies
        self.store = Owned(self.url, self.hands, policies=policies, db=db)
        self.desk = self.desk_on(self.store)

    def desk_on(self, store: PostgresStore) -> CaseService:
        return CaseService(
            cases=store.cases,
            books=store.books,
            judges=self.judges,
            reviewing=ActivationReviews(
                store.activations, Settle(settlements=store.settlements, reporter=self.reporter)
            ),
            profiles=self.policies,
            default_policy="P3",
            clock=Clock(
                now=lambda: self.hands.now, monotonic=lambda: 0.0, sleep=_never, chance=lambda: 0.5
            ),
        )

    @property
    def timers(self) -> Timers:
        return Timers(
            cases=self.store.cases,
            books=self.store.books,
            activations=self.store.activations,
            reporter=self.reporter,
            judges=self.judges,
            silence=Silence(self.store.cases, clauses, self.policies),
            closing=Closing(
                cases=self.store.cases,
                rentals={SIM: self.there},
                pay={SIM: self.there.pay},
                reporter=self.reporter,
                now=lambda: self.hands.now,
            ),
        )

    def at(self, now: datetime) -> None:
        self.hands.now = now

    async def ring(self, now: datetime) -> int:
        """Everything due by *now* acts."""
        self.at(now)
        return await self.timers.tick()

    async def open(self, account: AccountId = ALICE, amount_minor: int = 100_000) -> None:
        await self.store.books.open_account(account, "USD")
        if amount_minor:
            await self.store.books.top_up(account, "first", amount_minor)
            await self.date_topups("%:first", MONDAY)

    def intake(self, policy: str, ref: str = "1", **other: Any) -> Intake:
        """A number of Monday, under the policy as it stands."""
        version = self.policies[policy].version
        under = {"policy": policy, "policy_version": version, **other}
        return intake(ref, price_minor=PRICE, rented_at=MONDAY, **under)

    async def rent(self, policy: str, ref: str = "1", **other: Any) -> ActivationId:
        (result,) = await self.store.activations.accept(
            [self.intake(policy, ref, **other)], now=MONDAY
        )
        assert result.how is AcceptOutcome.NEW
        assert result.activation is not None
        return result.activation.id

    async def code(self, ref: str = "1") -> None:
        await self.store.activations.record_codes(
            [SeenSms(SIM, ProviderRef(ref), "1234", None)], now=MONDAY
        )

    async def end(self, id_: ActivationId, outcome: State, **other: Any) -> None:
        """Its window is over, and this is how it ended."""
        delivered = outcome is State.DELIVERED
        self.at(max(self.hands.now, MONDAY + WINDOW + TICK))
        if not delivered:
            await self.store.settlements.lease_cancels(
                SIM, 1000, timedelta(seconds=30), now=self.hands.now
            )
        ended = delivery(id_) if delivered else ending(id_, outcome=outcome, **other)
        (settled,), _ = await self.store.settlements.settle([ended], now=self.hands.now)
        assert settled.id == id_

    async def settle_on(self, store: PostgresStore, id_: ActivationId, outcome: State) -> None:
        """A confirmed cancel is settled by this process."""
        await store.settlements.settle([ending(id_, outcome=outcome)])

    async def closed(self, policy: str, ref: str = "1", **other: Any) -> ActivationId:
        id_ = await self.rent(policy, ref, **other)
        await self.end(id_, State.CLOSED)
        return id_

    async def delivered(self, policy: str, ref: str = "1", **other: Any) -> ActivationId:
        id_ = await self.rent(policy, ref, **other)
        await self.code(ref)
        await self.end(id_, State.DELIVERED)
        return id_

    async def claim(self, id_: ActivationId, kind: str = "non_receiving", **facts: Any) -> Case:
        opened = await self.desk.open_claim(id_, {"claim_kind": kind, **facts})
        assert opened.case is not None
        return opened.case

    async def evidence(self, case: Case, *items: str, **facts: Any) -> CaseChange:
        return await self.desk.add(case.id, case.kind, adding.evidence(items, **facts), "evidence")

    no = Verdict(grant=False, findings={})

    async def the_number(self) -> ActivationId:
        return ActivationId(await self.one("SELECT id FROM activation"))

    async def book(self, ref: str = "long", **other: Any) -> Rental:
        """Ten days for 1000, under P2."""
        start = other.pop("start", MONDAY)
        policy = other.pop("policy", "P2")
        rental = Rental(
            id=rental_id(SIM, ProviderRef(ref), start),
            provider=SIM,
            ref=ProviderRef(ref),
            account=ALICE,
            phone="15550002",
            service="any",
            country="1",
            price_minor=other.pop("price", 1000),
            currency="",
            charge=other.pop("charge", Charge.HOLD),
            policy=policy,
            policy_version=self.policies[policy].version,
            rented_at=start,
            ends_at=start + other.pop("days", 10) * DAY,
        )
        booked = await self.desk.book_rental(rental)
        assert booked.rental is not None
        return booked.rental

    def as_booked(self, rental: Rental, **other: Any) -> Rental:
        return replace(rental, currency="", **other)

    async def top_up(self, reference: str, minor: int, at: datetime) -> tuple[TopUpOutcome, Any]:
        """A top-up of another day."""
        booked = await self.store.books.top_up(ALICE, reference, minor)
        await self.date_topups(f"%:{reference}", at)
        return booked

    async def date_topups(self, like: str, at: datetime) -> None:
        """The database dates transfers by its own clock; these tests have one of their own."""
        async with self.admin.transaction():
            await self.admin.execute("ALTER TABLE transfer DISABLE TRIGGER transfer_append_only")
            await self.admin.execute(
                "UPDATE transfer SET at = $1 WHERE key LIKE 'topup:' || $2", at, like
            )
            await self.admin.execute("ALTER TABLE transfer ENABLE TRIGGER transfer_append_only")

    async def outage(self, ref: str = "long", **facts: Any) -> Case:
        if await self.store.cases.rental(SIM, ProviderRef(ref)) is None:
            await self.book(ref)
        opened = await self.desk.open_outage(SIM, ProviderRef(ref), facts)
        assert opened.case is not None
        return opened.case

    async def restored(self) -> Case:
        """The long rental works again."""
        done = await self.desk.restored(SIM, LONG, None)
        assert done.case is not None
        return done.case

    async def the_rental(self) -> Rental:
        found = await self.store.cases.rental(SIM, LONG)
        assert found is not None
        return found

    async def withdraw(self, policy: str, reference: str = "w1", **facts: Any) -> Case:
        opened = await self.desk.open_withdrawal(ALICE, reference, facts, policy)
        assert opened is not None
        assert opened.case is not None
        return opened.case

    async def claim_rental(
        self, rental: Rental, kind: str = "operator_block", **facts: Any
    ) -> Case:
        opened = await self.desk.open_rental_claim(rental.id, {"claim_kind": kind, **facts})
        assert opened.case is not None
        return opened.case

    async def paid(self, case: Case) -> CaseChange:
        return await self.desk.paid(case.id, case.kind)

    async def account_event(
        self,
        event: str,
        policy: str = "P3",
        reference: str | None = None,
        at: datetime | None = None,
    ) -> Case:
        opened = await self.desk.account_event(ALICE, Occurrence(event, reference, at), policy)
        assert opened is not None
        assert opened.case is not None
        return opened.case

    async def pending(self, kind: TimerKind, subject: UUID) -> datetime | None:
        due: datetime | None = await self.one(
            "SELECT due_at FROM timer WHERE kind = $1 AND subject = $2 AND fired_at IS NULL",
            kind.value,
            subject,
        )
        return due

    async def settled(self, kind: TimerKind, subject: UUID) -> bool:
        """Whether it fired: nothing is due any more, or it starts again from a later date."""
        due = await self.pending(kind, subject)
        return due is None or due >= self.hands.now

    async def seed(self, limit: int, now: datetime | None = None) -> list[int]:
        """How many windows each look sets, until one finds nothing new."""
        self.hands.now = now or self.hands.now
        silence = Silence(self.store.cases, clauses, self.policies, batch=limit)
        return [await silence.seed() for _ in range(3)]

    async def say(self, case: Case, **at: datetime | None) -> CaseChange:
        """Something happened, now unless told otherwise."""
        return await self.desk.add(case.id, case.kind, adding.once(**at), next(iter(at)))

    async def choose(self, case: Case, choice: str, value: int) -> CaseChange:
        facts = adding.plain(customer_choice=choice, replacement_value_minor=value)
        return await self.desk.add(case.id, case.kind, facts, "choice")

    def change_policy(self, name: str, changes: Mapping[str, object]) -> None:
        """The shop writes a new version of a policy, and starts its worker again."""
        changed = override(self.policies[name], changes)
        self.start({**self.policies, name: changed}, self.store.db)

    async def late_since(self, case: Case) -> datetime:
        """From when the time counts that the shop has let pass."""
        start = await self.one(
            "SELECT facts ->> 'start_at' FROM decision WHERE subject = $1 AND outcome = 'overdue'",
            case.id,
        )
        return datetime.fromisoformat(start)

    async def lose_policies(self) -> None:
        """All that is left of them is what newer code kept."""
        await self.admin.execute("DELETE FROM policy_version")
        self.start({}, self.store.db)

    async def verdict(self, case: Case, *, grant: bool, **more: Any) -> CaseChange:
        amount = more.pop("amount_minor", None)
        verdict = Verdict(grant=grant, amount_minor=amount, findings=more)
        return await self.desk.verdict(case.id, case.kind, verdict)

    async def case(self, id_: UUID) -> Case:
        found = await self.store.cases.case(id_)
        assert found is not None
        return found

    async def state(self, id_: UUID) -> CaseState:
        return (await self.case(id_)).state

    async def due(self, id_: UUID) -> Mapping[str, datetime]:
        return {timer.kind.value: timer.due_at for timer in (await self.case(id_)).timers}

    async def money(self, account: AccountId = ALICE) -> tuple[int, int]:
        """(available, held)"""
        found = await self.store.books.account(account)
        assert found is not None
        return found.available_minor, found.held_minor

    async def told(self, subject: object) -> list[str]:
        rows = await self.admin.fetch(
            "SELECT type FROM event WHERE subject = $1 ORDER BY seq", str(subject)
        )
        return [row["type"] for row in rows]

    async def one(self, sql: str, *arguments: object) -> Any:
        return await self.admin.fetchval(sql, *arguments)

    async def rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.admin.fetch(sql, *arguments)]

    async def everything(self) -> list[tuple[Any, ...]]:
        """All rows that a refusal must leave as they are."""
        return [
            row
            for table in ("case_", "evidence", "decision", "review", "timer", "transfer", "balance")
            for row in await self.rows(f"SELECT xmin::text, t::text FROM {table} t ORDER BY 2")  # noqa: S608 - our tables
        ]


async def _never(_: float) -> None:
    raise AssertionError("nothing here sleeps")


def reason(case: Case) -> str:
    return case.decisions[-1].reason


CLAIM = CaseKind.CLAIM
