"""`CaseMachine`: a state machine of every call about cases, in any order, at any time."""

import itertools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

import asyncpg
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tests.conftest import TEMPLATE, Background, Databases
from tests.integration.cases.case_invariants import CaseInvariants
from tests.integration.cases.case_shop import DAY, HOUR, CaseShop
from tests.integration.cases.case_strategies import (
    ADDED_FACTS,
    AGES,
    AMOUNTS,
    ANY_KIND,
    CLAIM_FACTS,
    EITHER,
    EVIDENCE,
    FINDINGS,
    KYC,
    LIKELY_KINDS,
    OUTAGE_FACTS,
    OVERRIDES,
    POLICIES,
    REQUEST_FACTS,
    WITHDRAWAL_FACTS,
    Facts,
)
from tests.integration.store.shop import ALICE, SIM, TICK, WINDOW, delivery, ending, intake
from worker.domain.account_state import ENDING
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.domain.policy.vocabulary import AccountEventKind
from worker.domain.transfer import Charge
from worker.lifecycle.cases import questions
from worker.lifecycle.cases.account_events import AccountEventReport
from worker.lifecycle.cases.activation_reviews import ReviewOutcome, ReviewResult
from worker.lifecycle.cases.case_service import CaseService
from worker.lifecycle.cases.case_steps import Verdict
from worker.lifecycle.cases.questions import FactsToAdd, instant_fact
from worker.ports.store.activations import SeenSms
from worker.ports.store.case_search import Review
from worker.ports.store.case_view import CaseKind, CaseState, Rejected
from worker.ports.store.cases import CaseChange, CaseOpenOutcome, CaseOpenResult
from worker.ports.store.rentals import Rental

T = TypeVar("T")
Opening: TypeAlias = Callable[[], Awaitable[CaseOpenResult | None]]
Age: TypeAlias = timedelta | None

TURNS: Final = 8  #: Rounds at the end in which everybody acts, until all cases have ended.
ORDERS_MAX: Final = 3  #: Few, so that each gets many calls.
LEASE: Final = timedelta(seconds=30)
_names = (f"aw_machine_{number}" for number in itertools.count())


class Number(NamedTuple):
    id: ActivationId
    policy: str


class CaseMachine(RuleBasedStateMachine):
    """Each call is repeated, which changes nothing; after each call no case is stuck."""

    numbers = Bundle("numbers")
    rentals = Bundle("rentals")
    main_policy = ""  #: The policy of most orders.
    orders = 0
    claims = Bundle("claims")
    withdrawals = Bundle("withdrawals")
    others = Bundle("others")  #: Outages and account events.

    def __init__(self, databases: Databases, background: Background) -> None:
        super().__init__()
        self.databases, self.background = databases, background
        self.name = next(_names)
        databases.execute(f"CREATE DATABASE {self.name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        self.shop = self.run(_shop(databases.url(self.name)))
        self.case_invariants = CaseInvariants(self.shop)
        self.refs = itertools.count(1)
        self.opened: list[Opening] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.background.run(work)

    @property
    def service(self) -> CaseService:
        return self.shop.service

    @property
    def now(self) -> datetime:
        return self.shop.clock.now

    def teardown(self) -> None:
        try:
            self.run(self._end_all_cases())
            self.run(self.case_invariants.check_all_ended())
        finally:
            self.run(self.shop.admin.close())
            self.run(self.shop.store.close())
            self.databases.execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    @invariant()
    def no_case_is_stuck(self) -> None:
        self.run(self.case_invariants.check())

    # Orders and top-ups.

    @initialize(
        main_policy=st.sampled_from(POLICIES),
        account_policy=st.sampled_from(("P3", "P4", *POLICIES)),
        override=st.sampled_from(OVERRIDES),
        minor=st.sampled_from((0, 300, 5000)),
    )
    def begin(
        self,
        main_policy: str,
        account_policy: str,
        override: Mapping[str, Mapping[str, object]],
        minor: int,
    ) -> None:
        self.main_policy = main_policy
        for name, changes in override.items():
            self.shop.change_policy(name, changes)
        self.run(self.shop.open_account(amount_minor=minor, policy=account_policy))

    @rule(minor=st.sampled_from((100, 1000)))
    def top_up(self, minor: int) -> None:
        self.run(self.shop.top_up(f"t{next(self.refs)}", minor, self.now))

    @rule(
        target=numbers,
        policy=st.sampled_from((None, None, None, None, *POLICIES, "lost")),
        charge=st.sampled_from(Charge),
        price=st.sampled_from((350, 350, 0)),
    )
    @precondition(lambda self: self.orders < ORDERS_MAX)
    def rent(self, policy: str | None, charge: Charge, price: int) -> Any:
        kept = policy != "lost"
        name = (policy or self.main_policy) if kept else "P1"
        version = self.shop.policies[name].version if kept else "lost"
        terms = {"policy": name, "policy_version": version, "charge": charge}
        number = intake(str(next(self.refs)), price_minor=price, rented_at=self.now, **terms)
        (result,) = self.run(self.shop.store.activations.accept([number], now=self.now))
        if result.activation is None:
            return multiple()
        self.orders += 1
        return Number(result.activation.id, name)

    @rule(number=numbers)
    def sms(self, number: Number) -> None:
        activation = self.run(self.shop.store.activations.activation(number.id))
        assert activation is not None
        assert activation.ref is not None
        seen = SeenSms(SIM, activation.ref, "1234", None)
        self.run(self.shop.store.activations.record_codes([seen], now=self.now))

    @rule(number=numbers, outcome=st.sampled_from((State.REFUNDED, State.CLOSED, State.IN_REVIEW)))
    def end(self, number: Number, outcome: State) -> None:
        self.run(self._end(number.id, outcome))

    async def _end(self, number: ActivationId, outcome: State) -> None:
        store, clock = self.shop.store, self.shop.clock
        activation = await store.activations.activation(number)
        assert activation is not None
        clock.now = max(clock.now, activation.deadline_at + TICK)
        if activation.state is State.RECEIVED:
            await store.settlements.settle([delivery(number)])
        elif activation.state in {State.WAITING, State.EXPIRING}:
            await store.settlements.lease_cancels(SIM, 1000, LEASE, now=clock.now)
            await store.settlements.settle([ending(number, outcome=outcome)])

    @rule(
        target=rentals,
        policy=st.sampled_from((None, None, None, "P2", "P2", "P2", *POLICIES)),
        days=st.sampled_from((1, 10, 40)),
        charge=st.sampled_from(Charge),
        price=st.sampled_from((1000, 1000, 0)),
    )
    @precondition(lambda self: self.orders < ORDERS_MAX)
    def book(self, policy: str | None, days: int, charge: Charge, price: int) -> Any:
        policy = policy or self.main_policy
        if charge is Charge.HOLD and self.run(self.shop.balances())[0] < price:
            return multiple()
        if self.run(self.shop.fetch_value("SELECT state FROM account")) != "open":
            return multiple()
        self.orders += 1
        terms = {"start": self.now, "days": days, "price": price, "charge": charge}
        return self.run(self.shop.book_rental(f"r{next(self.refs)}", policy=policy, **terms))

    # Calls of customers.

    @rule(
        target=claims,
        order=st.one_of(numbers, numbers, rentals),
        kind=st.one_of(st.integers(0, 4), st.integers(0, 4), ANY_KIND),
        destination=st.sampled_from(("balance", "client", "wallet")),
        request=st.tuples(AGES, EVIDENCE, st.sampled_from((None, None, "email", "chat"))),
        reasons=st.sampled_from((True, True, False)),
        more=CLAIM_FACTS,
    )
    def claim(
        self,
        order: Number | Rental,
        kind: int | str,
        destination: str,
        request: tuple[Age, list[str], str | None],
        more: Facts,
        *,
        reasons: bool,
    ) -> UUID:
        likely, (age, evidence, channel) = LIKELY_KINDS[order.policy], request
        facts = {
            "claim_kind": kind if isinstance(kind, str) else likely[kind % len(likely)],
            "destination": destination,
            "reasons_given": reasons,
            **({"evidence": evidence} if evidence else {}),
            **({} if channel is None else {"claim_channel": channel}),
            **self.instant_ago("claim_at", age),
            **more,
        }
        if isinstance(order, Rental):
            return self.open(lambda: self.service.open_rental_claim(order.id, facts))
        return self.open(lambda: self.service.open_claim(order.id, facts))

    def instant_ago(self, name: str, age: Age) -> Facts:
        return {} if age is None else {name: instant_fact(self.now - age)}

    @rule(claim=claims, items=EVIDENCE, more=CLAIM_FACTS, added=ADDED_FACTS)
    def evidence(self, claim: UUID, items: list[str], more: Facts, added: Facts) -> None:
        facts = {**more, **added}
        self.add(claim, CaseKind.CLAIM, "evidence", questions.evidence(items, **facts))

    @rule(claim=claims, event=st.sampled_from(("requested", "granted", "refused")))
    def access(self, claim: UUID, event: str) -> None:
        self.add(claim, CaseKind.CLAIM, f"access_{event}", questions.access(event, None))

    @rule(claim=claims)
    def rectified(self, claim: UUID) -> None:
        self.add(claim, CaseKind.CLAIM, "rectified", questions.first_instants(rectified_at=None))

    @rule(claim=claims, worth=st.sampled_from((None, 0, 350, 1000)))
    def choice(self, claim: UUID, worth: int | None) -> None:
        choice = "refund" if worth is None else "replacement"
        value = {"replacement_value_minor": worth} if worth else {}
        self.add(
            claim,
            CaseKind.CLAIM,
            "choice",
            questions.plain_facts(customer_choice=choice, **value),
        )

    @rule(target=others, rental=rentals, age=AGES, since=AGES, more=OUTAGE_FACTS)
    def outage(self, rental: Rental, age: Age, since: Age, more: Facts) -> UUID:
        """Always with a contact: without one, a report after the end is about another outage."""
        contact = self.instant_ago("contacted_at", age or timedelta(0))
        facts = {**more, **contact, **self.instant_ago("unavailable_since", since)}
        return self.open(lambda: self.service.open_outage(SIM, rental.ref, facts))

    @rule(rental=rentals, age=AGES)
    def restored(self, rental: Rental, age: Age) -> None:
        at = None if age is None else self.now - age
        self.same(lambda: self.service.restored(SIM, rental.ref, at))

    @rule(
        target=withdrawals,
        minor=AMOUNTS,
        reason=st.sampled_from(("unused_funds", "sms_problem", "accidental_topup")),
        age=AGES,
        more=st.tuples(WITHDRAWAL_FACTS, REQUEST_FACTS),
    )
    def withdraw(
        self,
        minor: int | None,
        reason: str,
        age: Age,
        more: tuple[Facts, Facts],
    ) -> UUID:
        amount = {} if minor is None else {"amount_minor": minor}
        facts = {
            "withdraw_reason": reason,
            **amount,
            **self.instant_ago("claim_at", age),
            **more[0],
            **more[1],
        }
        reference = f"w{next(self.refs)}"
        return self.open(lambda: self.service.open_withdrawal(ALICE, reference, facts, None))

    @rule(
        case=withdrawals,
        event=st.sampled_from(("requested", "provided", "added")),
        more=WITHDRAWAL_FACTS,
        added=REQUEST_FACTS,
    )
    def payment_info(self, case: UUID, event: str, more: Facts, added: Facts) -> None:
        to_add = questions.payment_info(event, None, **more, **added)
        self.add(case, CaseKind.WITHDRAWAL, f"payment_info_{event}", to_add)

    @rule(case=withdrawals, status=KYC)
    def kyc(self, case: UUID, status: str) -> None:
        self.add(case, CaseKind.WITHDRAWAL, "kyc", questions.plain_facts(kyc=status))

    @rule(
        target=others,
        event=st.sampled_from(
            (
                "chargeback",
                *ENDING,
                *(k.value for k in AccountEventKind if k is not AccountEventKind.IDLE),
            )
        ),
    )
    def account_event(self, event: str) -> UUID:
        report = AccountEventReport(event, str(next(self.refs)))
        return self.open(lambda: self.service.account_event(ALICE, report, None))

    @rule(index=st.integers(0, 30))
    def open_again(self, index: int) -> None:
        """An earlier call is made again, however long ago it was."""
        if self.opened:
            self.run(self._open_again(self.opened[index % len(self.opened)]))

    # Verdicts and payouts.

    @rule(
        data=st.data(),
        case=st.one_of(claims, claims, others, withdrawals),
        grant=EITHER,
        minor=st.one_of(st.none(), AMOUNTS),
    )
    def verdict(self, data: st.DataObject, case: UUID, minor: int | None, *, grant: bool) -> None:
        kind = self.run(self.shop.case(case)).kind
        findings = data.draw(st.one_of(st.just({}), FINDINGS[kind]))
        verdict = Verdict(grant=grant, amount_minor=minor if grant else None, findings=findings)
        change = self.same(lambda: self.service.verdict(case, kind, verdict))
        if change.rejected is None:
            self.case_invariants.note_verdict(change.case)

    @rule(index=st.integers(0, 5), grant=EITHER)
    def decide(self, index: int, *, grant: bool) -> None:
        reviews = self.run(self.service.reviews(50))
        if reviews:
            self.run(self._decide(reviews[index % len(reviews)], grant=grant))

    async def _decide(self, review: Review, *, grant: bool) -> None:
        """Each listed review accepts a verdict, which ends it or moves it on."""
        done = await self._give_verdict(review.id, grant=grant)
        if isinstance(done, CaseChange) and done.rejected is Rejected.WRONG_SUM:
            done = await self._give_verdict(review.id, grant=grant, amount_minor=1)
        if isinstance(done, ReviewResult):
            own_call = review.case not in {None, review.id}
            expected = ReviewOutcome.OF_ANOTHER_CALL if own_call else ReviewOutcome.DONE
            assert done.how is expected, (review, done)
            return
        assert done.case is not None
        match done.rejected:
            case None:
                assert done.case.state is not CaseState.IN_REVIEW, (review, done)
                self.case_invariants.note_verdict(done.case)
            case Rejected.NOT_ASKED_FOR:
                settled = "SELECT settled FROM activation WHERE id = $1"
                assert await self.shop.fetch_value(settled, done.case.activation) is False, (
                    review,
                    done,
                )
            case Rejected.WRONG_SUM:
                assert grant, (review, done)
                assert await self.case_invariants.nothing_left_of(done.case), (review, done)
            case _:
                raise AssertionError((review, done))

    async def _give_verdict(
        self, id_: UUID, *, grant: bool, amount_minor: int | None = None
    ) -> CaseChange | ReviewResult:
        verdict = Verdict(grant=grant, amount_minor=amount_minor, findings={})
        return await self.service.review_verdict(id_, verdict, None)

    @rule(case=st.one_of(claims, withdrawals), later=st.sampled_from((None, 3 * DAY)))
    def paid(self, case: UUID, later: Age) -> None:
        kind = self.run(self.shop.case(case)).kind
        if later is None:
            self.same(lambda: self.service.paid(case, kind))
            return
        until = {
            "extension_until": instant_fact(self.now + later),
            "extension_beyond_control": True,
        }
        self.run(self.service.extend(case, kind, until))

    # Time passes.

    @rule(by=st.sampled_from((TICK, WINDOW, HOUR, DAY, 4 * DAY, 15 * DAY)), fire=EITHER)
    def later(self, by: timedelta, *, fire: bool) -> None:
        self._advance_to(self.now + by, fire=fire)

    @rule(past=EITHER, fire=EITHER)
    def next_date(self, *, past: bool, fire: bool) -> None:
        """Advance to the next due date, or to the first instant after it."""
        due = self.run(
            self.shop.fetch_value("SELECT min(due_at) FROM timer WHERE fired_at IS NULL")
        )
        if due is not None:
            self._advance_to(max(self.now, due + (TICK if past else timedelta(0))), fire=fire)

    def _advance_to(self, now: datetime, *, fire: bool) -> None:
        self.shop.set_time(now)
        if fire:
            self.run(self.shop.timers.tick())

    async def _end_all_cases(self) -> None:
        """Everybody acts in turn until every case has ended."""
        for (id_,) in await self.shop.fetch_rows("SELECT id FROM activation WHERE NOT settled"):
            await self._end(ActivationId(id_), State.CLOSED)
        for turn in range(TURNS):
            await self.shop.fire_due_timers(self.now + 30 * DAY)
            for review in await self.service.reviews(100):
                await self._decide(review, grant=turn % 2 == 0)
            await self._shop_acts(give_up=turn > TURNS // 2)

    async def _shop_acts(self, *, give_up: bool) -> None:
        """The shop pays what is approved; with *give_up* it denies what waits for a customer."""
        open_ = "SELECT id, kind, state FROM case_ WHERE closed_at IS NULL"
        for id_, kind_word, state in await self.shop.fetch_rows(open_):
            kind = CaseKind(kind_word)
            if state == CaseState.APPROVED.value:
                seen = Verdict(grant=True, findings={"freeze_seen": True})
                if (await self.service.paid(id_, kind)).rejected is not None:
                    await self.service.verdict(id_, kind, seen)
            elif give_up and state in {"needs_evidence", "waiting"}:
                await self.service.verdict(id_, kind, self.shop.DENIAL)
                for refusal in (
                    questions.plain_facts(kyc="failed"),
                    questions.access("refused", None),
                ):
                    await self.service.add(id_, kind, refusal, "refusal")

    # Each call is made twice.

    def open(self, call: Opening) -> UUID:
        return self.run(self._open(call))

    async def _open(self, call: Opening) -> UUID:
        first = await call()
        assert first is not None
        assert first.case is not None
        if first.how is CaseOpenOutcome.NEW:
            self.opened.append(call)
            await self._open_again(call)
        return first.case.id

    async def _open_again(self, call: Opening) -> None:
        before = await self.case_invariants.all_rows()
        again = await call()
        assert again is not None
        assert again.how is CaseOpenOutcome.SAME, again
        assert await self.case_invariants.all_rows() == before

    def add(self, case: UUID, kind: CaseKind, what: str, to_add: FactsToAdd) -> None:
        self.same(lambda: self.service.add(case, kind, to_add, what))

    def same(self, call: Callable[[], Awaitable[CaseChange]]) -> CaseChange:
        return self.run(self._same(call))

    async def _same(self, call: Callable[[], Awaitable[CaseChange]]) -> CaseChange:
        first, before = await call(), await self.case_invariants.all_rows()
        again = await call()
        assert again == first, (again, first)
        assert await self.case_invariants.all_rows() == before
        return first


async def _shop(url: str) -> CaseShop:
    return CaseShop(await asyncpg.connect(url), url)
