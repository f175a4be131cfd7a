"""`CaseShop`: a shop on a real database whose clock the test sets; its methods are test steps."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import asyncpg

from tests.fakes.reporter import RecordingReporter
from tests.integration.cases.scripted_rentals import ScriptedRentals
from tests.integration.store.shop import ALICE, SIM, TICK, WINDOW, delivery, ending, intake
from worker.adapters.store.cases import CaseRepository
from worker.adapters.store.database import Database
from worker.adapters.store.postgres import PostgresStore
from worker.adapters.store.settlements import SettlementRepository
from worker.domain.activation import State
from worker.domain.ids import AccountId, ActivationId, ProviderRef, purchase_id
from worker.domain.policy import Profile, load_profile, override, policy_names
from worker.domain.policy.clauses import load_clauses
from worker.domain.transfer import Charge
from worker.lifecycle.cases import questions
from worker.lifecycle.cases.account_events import AccountEventReport
from worker.lifecycle.cases.activation_reviews import ActivationReviews
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.case_steps import Verdict
from worker.lifecycle.cases.due_timers import ClaimWindows, DueTimers, LateReviews, judges_by_kind
from worker.lifecycle.cases.idle_balances import IdleBalances
from worker.lifecycle.cases.rental_closing import RentalCloser
from worker.lifecycle.cases.rental_ends import RentalEnds
from worker.lifecycle.clause_book import ClauseBook
from worker.lifecycle.clock import Clock
from worker.lifecycle.policy_book import PolicyBook
from worker.lifecycle.retention import Retention, RetentionTimes
from worker.lifecycle.settle import Settle
from worker.ports.service import PurchaseOrder
from worker.ports.store.activations import AcceptOutcome, CompleteIntake, SeenSms
from worker.ports.store.books import AccountPolicy, TopUpOutcome
from worker.ports.store.case_view import Case, CaseKind, CaseState, TimerKind
from worker.ports.store.cases import CaseChange
from worker.ports.store.rentals import Rental, rental_id

LONG = ProviderRef("long")
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PRICE = 350


clauses = ClauseBook({name: load_clauses(name) for name in policy_names()})

NOTHING_FORGOTTEN = RetentionTimes(texts=None, phones=None, events=None, settled=None)


class ClockedRepository:
    """A repository with the clock of the test as the default of `now`."""

    def __init__(self, repository: object, clock: "SettableClock", *methods: str) -> None:
        self._repository = repository
        self._clock = clock
        self._methods = methods

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._repository, name)
        if name not in self._methods:
            return method
        return lambda *args, **more: method(*args, **{"now": self._clock.now, **more})


class ClockedStore(PostgresStore):
    """The store with the clock of the test as the default of `now`."""

    def __init__(self, url: str, clock: "SettableClock", **more: Any) -> None:
        super().__init__(url, events_wanted=True, **more)
        cases = ClockedRepository(
            self.cases,
            clock,
            "open_case",
            "change_case",
            "lease_timers",
            "unseeded",
            "end_in_silence",
            "book_rental",
            "end_rental",
            "account_record",
            "rental_closed",
            "review_late",
            "put_off",
            "begin_rental_order",
            "rental_bought",
            "rental_prolonged",
            "rental_order_failed",
            "rental_order_unknown",
            "rental_order_forgotten",
            "decide_rental_order",
            "keep_messages",
        )
        self.cases = cast("CaseRepository", cases)
        self.settlements = cast(
            "SettlementRepository", ClockedRepository(self.settlements, clock, "settle")
        )


@dataclass
class SettableClock:
    now: datetime = MONDAY


@dataclass
class CaseShop:
    admin: asyncpg.Connection
    url: str
    clock: SettableClock = field(default_factory=SettableClock)

    def __post_init__(self) -> None:
        self._bound_one_by_one = asyncio.Lock()
        self.reporter = RecordingReporter()
        self.provider_rentals = ScriptedRentals()
        self.judges = judges_by_kind(clauses)
        self._start({name: load_profile(name) for name in policy_names()}, db=None)

    def start_again(self, policies: Mapping[str, Profile]) -> None:
        """Start as a process with these policies, over the connections of the one before."""
        self._start(policies, self.store.db)

    def _start(self, policies: Mapping[str, Profile], db: Database | None) -> None:
        self.policies = policies
        self.store = ClockedStore(self.url, self.clock, policies=policies, db=db)
        self.policy_book = PolicyBook(policies, self.store.policies.read)
        self.service = self.service_on(self.store)

    def service_on(self, store: PostgresStore, told_by: str | None = None) -> CaseService:
        return CaseService(
            cases=store.cases,
            books=store.books,
            judges=self.judges,
            activation_reviews=ActivationReviews(
                store.activations, Settle(settlements=store.settlements, reporter=self.reporter)
            ),
            policies=self.policy_book,
            default_policy="P3",
            told_by=told_by,
            clock=Clock(
                now=lambda: self.clock.now, monotonic=lambda: 0.0, sleep=_never, chance=lambda: 0.5
            ),
        )

    @property
    def timers(self) -> DueTimers:
        closer = RentalCloser(
            cases=self.store.cases,
            rentals={SIM: self.provider_rentals},
            wait_for_budget={SIM: self.provider_rentals.wait_for_budget},
            reporter=self.reporter,
            now=lambda: self.clock.now,
        )
        return DueTimers(
            cases=self.store.cases,
            retention=Retention(
                activations=self.store.activations,
                books=self.store.books,
                outbox=self.store.outbox,
                purchases=self.store.purchases,
                reporter=self.reporter,
                clock=self.service.clock,
                times=NOTHING_FORGOTTEN,
            ),
            reporter=self.reporter,
            policies=self.policy_book,
            judges=self.judges,
            claim_windows=ClaimWindows(self.store.cases, clauses, self.policy_book),
            rental_closer=closer,
            rental_ends=RentalEnds(
                cases=self.store.cases,
                policies=self.policy_book,
                judges=self.judges,
                rental_closer=closer,
            ),
            idle_balances=IdleBalances(
                cases=self.store.cases,
                books=self.store.books,
                policies=self.policy_book,
                judges=self.judges,
                clock=self.service.clock,
            ),
            late_reviews=LateReviews(
                cases=self.store.cases, policies=self.policy_book, clock=self.service.clock
            ),
        )

    def set_time(self, now: datetime) -> None:
        self.clock.now = now

    async def fire_due_timers(self, now: datetime) -> int:
        """At *now*, fire everything that is due."""
        self.set_time(now)
        return await self.timers.tick()

    async def open_account(
        self,
        account: AccountId = ALICE,
        amount_minor: int = 100_000,
        policy: str | None = None,
    ) -> None:
        await self.store.books.open_account(account, "USD", AccountPolicy(policy))
        if amount_minor:
            await self.store.books.top_up(account, "first", amount_minor)
            await self.date_topups("%:first", MONDAY)

    def intake(self, policy: str, ref: str = "1", **other: Any) -> CompleteIntake:
        """A number rented on Monday, under the present version of the policy."""
        version = self.policies[policy].version
        terms = {"policy": policy, "policy_version": version, "price_minor": PRICE}
        return intake(ref, **{**terms, "rented_at": MONDAY, **other})

    async def rent_number(self, policy: str, ref: str = "1", **other: Any) -> ActivationId:
        rented_at = other.get("rented_at", MONDAY)
        (result,) = await self.store.activations.accept(
            [self.intake(policy, ref, **other)], now=rented_at
        )
        assert result.how is AcceptOutcome.NEW
        assert result.activation is not None
        return result.activation.id

    async def failed_order(self, policy: str, key: str = "k", **other: Any) -> ActivationId:
        """An order for which its provider had no number."""
        id_ = purchase_id(ALICE, key)
        version = self.policies[policy].version
        wanted: dict[str, Any] = {"service": "any", "country": "1", "price_minor": PRICE, **other}
        order = PurchaseOrder(idempotency_key=key, account=ALICE, provider=SIM, **wanted)
        await self.store.purchases.begin_purchase(id_, order, policy, version, WINDOW)
        failed = await self.store.purchases.purchase_failed(id_, "no_numbers", is_order=True)
        assert failed.activation is not None
        return failed.activation.id

    async def record_code(self, ref: str = "1", at: datetime = MONDAY) -> None:
        await self.store.activations.record_codes(
            [SeenSms(SIM, ProviderRef(ref), "1234", None)], now=at
        )

    async def settle_cancel(self, id_: ActivationId, now: datetime, **other: Any) -> None:
        """End what Cancel was pressed for, at an instant of its window."""
        await self.store.settlements.settle([ending(id_, reason="cancel", **other)], now=now)

    async def end_activation(self, id_: ActivationId, outcome: State, **other: Any) -> None:
        """End an activation after its window, with this outcome."""
        delivered = outcome is State.DELIVERED
        self.set_time(max(self.clock.now, MONDAY + WINDOW + TICK))
        if not delivered:
            await self.store.settlements.lease_cancels(
                SIM, 1000, timedelta(seconds=30), now=self.clock.now
            )
        end = delivery(id_) if delivered else ending(id_, outcome=outcome, **other)
        (settled,), *_ = await self.store.settlements.settle([end], now=self.clock.now)
        assert settled.id == id_

    async def settle_on(self, store: PostgresStore, id_: ActivationId, outcome: State) -> None:
        """Settle a confirmed cancel through this store."""
        await store.settlements.settle([ending(id_, outcome=outcome)])

    async def closed_activation(self, policy: str, ref: str = "1", **other: Any) -> ActivationId:
        id_ = await self.rent_number(policy, ref, **other)
        await self.end_activation(id_, State.CLOSED)
        return id_

    async def delivered_activation(self, policy: str, ref: str = "1", **other: Any) -> ActivationId:
        id_ = await self.rent_number(policy, ref, **other)
        await self.record_code(ref)
        await self.end_activation(id_, State.DELIVERED)
        return id_

    async def open_claim(
        self, id_: ActivationId, kind: str = "non_receiving", **facts: Any
    ) -> Case:
        opened = await self.service.open_claim(id_, {"claim_kind": kind, **facts})
        assert opened.case is not None
        return opened.case

    async def add_evidence(self, case: Case, *items: str, **facts: Any) -> CaseChange:
        return await self.service.add(
            case.id, case.kind, questions.evidence(items, **facts), "evidence"
        )

    DENIAL = Verdict(grant=False, findings={})

    async def only_activation(self) -> ActivationId:
        return ActivationId(await self.fetch_value("SELECT id FROM activation"))

    def rental(self, ref: str = "long", **other: Any) -> Rental:
        """By default ten days for 1000, under P2."""
        start = other.pop("start", MONDAY)
        policy = other.pop("policy", "P2")
        return Rental(
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
            **other,
        )

    async def book_rental(self, ref: str = "long", **other: Any) -> Rental:
        booked = await self.service.cases.book_rental(self.rental(ref, **other))
        assert booked.rental is not None
        return booked.rental

    def same_booking(self, rental: Rental, **other: Any) -> Rental:
        return replace(rental, currency="", **other)

    async def top_up(self, reference: str, minor: int, at: datetime) -> tuple[TopUpOutcome, Any]:
        """A top-up that is dated *at*, and booked then."""
        booked = await self.store.books.top_up(ALICE, reference, minor)
        await self.date_topups(f"%:{reference}", at)
        return booked

    async def date_topups(self, like: str, at: datetime, booked_at: datetime | None = None) -> None:
        """Date top-ups by the clock of the test; the database has dated them by its own."""
        async with self.admin.transaction():
            await self.admin.execute("ALTER TABLE transfer DISABLE TRIGGER transfer_append_only")
            await self.admin.execute(
                "UPDATE transfer SET at = $1, booked_at = $3 WHERE key LIKE 'topup:' || $2",
                at,
                like,
                booked_at or at,
            )
            await self.admin.execute("ALTER TABLE transfer ENABLE TRIGGER transfer_append_only")

    async def report_outage(self, ref: str = "long", **facts: Any) -> Case:
        if await self.store.cases.rental(SIM, ProviderRef(ref)) is None:
            await self.book_rental(ref)
        opened = await self.service.open_outage(SIM, ProviderRef(ref), facts)
        assert opened.case is not None
        return opened.case

    async def restore_rental(self) -> Case:
        """The long rental works again."""
        change = await self.service.restored(SIM, LONG, None)
        assert change.case is not None
        return change.case

    async def long_rental(self) -> Rental:
        rental = await self.store.cases.rental(SIM, LONG)
        assert rental is not None
        return rental

    async def _belongs_to(self, policy: str) -> None:
        """The account is one of this policy, unless it belongs to another already."""
        sql = "UPDATE account SET policy = $1 WHERE account = $2 AND policy IS NULL"
        async with self._bound_one_by_one:  # One connection serves them all.
            await self.admin.execute(sql, policy, ALICE)

    async def open_withdrawal(self, policy: str, reference: str = "w1", **facts: Any) -> Case:
        await self._belongs_to(policy)
        opened = await self.service.open_withdrawal(ALICE, reference, facts, policy)
        assert opened is not None
        assert opened.case is not None
        return opened.case

    async def open_rental_claim(
        self, rental: Rental, kind: str = "operator_block", **facts: Any
    ) -> Case:
        opened = await self.service.open_rental_claim(rental.id, {"claim_kind": kind, **facts})
        assert opened.case is not None
        return opened.case

    async def mark_paid(self, case: Case) -> CaseChange:
        return await self.service.paid(case.id, case.kind)

    async def report_account_event(
        self,
        event: str,
        policy: str = "P3",
        reference: str | None = None,
        at: datetime | None = None,
    ) -> Case:
        await self._belongs_to(policy)
        opened = await self.service.account_event(
            ALICE, AccountEventReport(event, reference, at), policy
        )
        self.clock.now += TICK  # As in life, no two events of an account are told at once.
        assert opened is not None
        assert opened.case is not None
        return opened.case

    async def timer_due_at(self, kind: TimerKind, subject: UUID) -> datetime | None:
        due: datetime | None = await self.fetch_value(
            "SELECT due_at FROM timer WHERE kind = $1 AND subject = $2 AND fired_at IS NULL",
            kind.value,
            subject,
        )
        return due

    async def timer_has_fired(self, kind: TimerKind, subject: UUID) -> bool:
        """Whether it has fired: it is gone, or set again to a later date."""
        due = await self.timer_due_at(kind, subject)
        return due is None or due >= self.clock.now

    async def seed_claim_windows(self, limit: int, now: datetime | None = None) -> list[int]:
        """Seed three times; how many windows each call set."""
        self.clock.now = now or self.clock.now
        silence = ClaimWindows(self.store.cases, clauses, self.policy_book, batch=limit)
        return [await silence.seed() for _ in range(3)]

    async def add_instants(self, case: Case, **at: datetime | None) -> CaseChange:
        """Add instants to a case, now where None is given."""
        return await self.service.add(
            case.id, case.kind, questions.first_instants(**at), next(iter(at))
        )

    async def add_choice(self, case: Case, choice: str, value: int) -> CaseChange:
        facts = questions.plain_facts(customer_choice=choice, replacement_value_minor=value)
        return await self.service.add(case.id, case.kind, facts, "choice")

    def change_policy(self, name: str, changes: Mapping[str, object]) -> None:
        """The shop writes a new version of a policy, and starts its worker again."""
        changed = override(self.policies[name], changes)
        self.start_again({**self.policies, name: changed})

    async def overdue_since(self, case: Case) -> datetime:
        """The start of the time limit that the shop has missed."""
        start = await self.fetch_value(
            "SELECT facts ->> 'start_at' FROM decision WHERE subject = $1 AND outcome = 'overdue'",
            case.id,
        )
        return datetime.fromisoformat(start)

    async def forget_policies(self) -> None:
        """Drop all policies and all kept versions."""
        await self.admin.execute("DELETE FROM policy_version")
        self.start_again({})

    async def give_verdict(self, case: Case, *, grant: bool, **more: Any) -> CaseChange:
        amount = more.pop("amount_minor", None)
        verdict = Verdict(grant=grant, amount_minor=amount, findings=more)
        return await self.service.verdict(case.id, case.kind, verdict)

    async def case(self, id_: UUID) -> Case:
        case = await self.store.cases.case(id_)
        assert case is not None
        return case

    async def state_of(self, id_: UUID) -> CaseState:
        return (await self.case(id_)).state

    async def timers_of(self, id_: UUID) -> Mapping[str, datetime]:
        return {timer.kind.value: timer.due_at for timer in (await self.case(id_)).timers}

    async def balances(self, account: AccountId = ALICE) -> tuple[int, int]:
        """(available, held)"""
        balance = await self.store.books.account(account)
        assert balance is not None
        return balance.available_minor, balance.held_minor

    async def event_types(self, subject: object) -> list[str]:
        """What is told of its states; what is told of its reviews has tests of its own."""
        rows = await self.admin.fetch(
            "SELECT type FROM event WHERE subject = $1 AND type NOT LIKE 'review.%' ORDER BY seq",
            str(subject),
        )
        return [row["type"] for row in rows]

    async def fetch_value(self, sql: str, *arguments: object) -> Any:
        return await self.admin.fetchval(sql, *arguments)

    async def fetch_rows(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.admin.fetch(sql, *arguments)]

    async def all_rows(self) -> list[tuple[Any, ...]]:
        """All rows about cases and money, which a refusal must leave unchanged."""
        return [
            row
            for table in ("case_", "evidence", "decision", "review", "timer", "transfer", "balance")
            for row in await self.fetch_rows(
                f"SELECT xmin::text, t::text FROM {table} t ORDER BY 2"  # noqa: S608 - our tables
            )
        ]


async def _never(_: float) -> None:
    raise AssertionError("no call sleeps")


def last_reason(case: Case) -> str:
    return case.decisions[-1].reason


CLAIM = CaseKind.CLAIM
