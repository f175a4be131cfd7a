"""All that can be said about cases, in any order and at any time, until every case has ended."""

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
from tests.integration.cases.office import DAY, HOUR, Office
from tests.integration.cases.sayings import (
    AGO,
    AMOUNTS,
    ANY_KIND,
    CLAIM_FACTS,
    EITHER,
    EVIDENCE,
    FINDINGS,
    KYC,
    LACKING,
    LIKELY,
    MENDED,
    OUTAGE_FACTS,
    OVERRIDES,
    POLICIES,
    WITHDRAWAL_FACTS,
    Facts,
)
from tests.integration.cases.unstuck import Unstuck
from tests.integration.store.shop import ALICE, SIM, TICK, WINDOW, delivery, ending, intake
from worker.domain.activation import State
from worker.domain.ids import ActivationId
from worker.domain.transfer import Charge
from worker.lifecycle.cases import adding
from worker.lifecycle.cases.asking import instant
from worker.lifecycle.cases.reviews import Reviewed, Ruled
from worker.lifecycle.cases.service import CaseService, Occurrence
from worker.lifecycle.cases.shape import Adding, Verdict
from worker.ports.store.activations import SeenSms
from worker.ports.store.case_view import CaseKind, CaseState, Rejected
from worker.ports.store.cases import CaseChange, CaseOpened, CaseOpening, Rental, Review

T = TypeVar("T")
Opening: TypeAlias = Callable[[], Awaitable[CaseOpening | None]]
Ago: TypeAlias = timedelta | None

TURNS: Final = 8  #: Until everybody has done his part.
ORDERS_MAX: Final = 3  #: Few, so that much is said about each.
LEASE: Final = timedelta(seconds=30)
_names = (f"aw_machine_{number}" for number in itertools.count())


class Number(NamedTuple):
    id: ActivationId
    policy: str


class Machine(RuleBasedStateMachine):
    """Every call is made twice, and nothing comes of the second; after each one none is stuck."""

    numbers = Bundle("numbers")
    rentals = Bundle("rentals")
    house = ""  #: The policy of most of it.
    orders = 0
    claims = Bundle("claims")
    withdrawals = Bundle("withdrawals")
    others = Bundle("others")  #: Outages and account events.

    def __init__(self, databases: Databases, background: Background) -> None:
        super().__init__()
        self.databases, self.background = databases, background
        self.name = next(_names)
        databases.execute(f"CREATE DATABASE {self.name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
        self.office = self.run(_office(databases.url(self.name)))
        self.unstuck = Unstuck(self.office)
        self.refs = itertools.count(1)
        self.opened: list[Opening] = []

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.background.run(work)

    @property
    def desk(self) -> CaseService:
        return self.office.desk

    @property
    def now(self) -> datetime:
        return self.office.hands.now

    def teardown(self) -> None:
        try:
            self.run(self._all_end())
            self.run(self.unstuck.in_the_end())
        finally:
            self.run(self.office.admin.close())
            self.run(self.office.store.close())
            self.databases.execute(f"DROP DATABASE {self.name} WITH (FORCE)")

    @invariant()
    def no_case_is_stuck(self) -> None:
        self.run(self.unstuck.check())

    # What there is to complain about.

    @initialize(
        house=st.sampled_from(POLICIES),
        override=st.sampled_from(OVERRIDES),
        minor=st.sampled_from((0, 300, 5000)),
    )
    def begin(self, house: str, override: Mapping[str, Mapping[str, object]], minor: int) -> None:
        self.house = house
        for name, changes in override.items():
            self.office.change_policy(name, changes)
        self.run(self.office.open(amount_minor=minor))

    @rule(minor=st.sampled_from((100, 1000)))
    def top_up(self, minor: int) -> None:
        self.run(self.office.top_up(f"t{next(self.refs)}", minor, self.now))

    @rule(
        target=numbers,
        policy=st.sampled_from((None, None, None, None, *POLICIES, "lost")),
        charge=st.sampled_from(Charge),
        price=st.sampled_from((350, 350, 0)),
    )
    @precondition(lambda self: self.orders < ORDERS_MAX)
    def rent(self, policy: str | None, charge: Charge, price: int) -> Any:
        known = policy != "lost"
        name = (policy or self.house) if known else "P1"
        version = self.office.policies[name].version if known else "lost"
        under = {"policy": name, "policy_version": version, "charge": charge}
        wanted = intake(str(next(self.refs)), price_minor=price, rented_at=self.now, **under)
        (result,) = self.run(self.office.store.activations.accept([wanted], now=self.now))
        if result.activation is None:
            return multiple()
        self.orders += 1
        return Number(result.activation.id, name)

    @rule(number=numbers)
    def sms(self, number: Number) -> None:
        found = self.run(self.office.store.activations.activation(number.id))
        assert found is not None
        assert found.ref is not None
        seen = SeenSms(SIM, found.ref, "1234", None)
        self.run(self.office.store.activations.record_codes([seen], now=self.now))

    @rule(number=numbers, outcome=st.sampled_from((State.REFUNDED, State.CLOSED, State.IN_REVIEW)))
    def end(self, number: Number, outcome: State) -> None:
        self.run(self._end(number.id, outcome))

    async def _end(self, number: ActivationId, outcome: State) -> None:
        store, hands = self.office.store, self.office.hands
        found = await store.activations.activation(number)
        assert found is not None
        hands.now = max(hands.now, found.deadline_at + TICK)
        if found.state is State.RECEIVED:
            await store.settlements.settle([delivery(number)])
        elif found.state in {State.WAITING, State.EXPIRING}:
            await store.settlements.lease_cancels(SIM, 1000, LEASE, now=hands.now)
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
        policy = policy or self.house
        if charge is Charge.HOLD and self.run(self.office.money())[0] < price:
            return multiple()
        if self.run(self.office.one("SELECT state FROM account")) != "open":
            return multiple()
        self.orders += 1
        about = {"start": self.now, "days": days, "price": price, "charge": charge}
        return self.run(self.office.book(f"r{next(self.refs)}", policy=policy, **about))

    # What customers say.

    @rule(
        target=claims,
        order=st.one_of(numbers, numbers, rentals),
        kind=st.one_of(st.integers(0, 4), st.integers(0, 4), ANY_KIND),
        destination=st.sampled_from(("balance", "client", "wallet")),
        said=st.tuples(AGO, EVIDENCE, st.sampled_from((None, None, "email", "chat"))),
        reasons=st.sampled_from((True, True, False)),
        more=CLAIM_FACTS,
    )
    def claim(
        self,
        order: Number | Rental,
        kind: int | str,
        destination: str,
        said: tuple[Ago, list[str], str | None],
        more: Facts,
        *,
        reasons: bool,
    ) -> UUID:
        likely, (ago, evidence, channel) = LIKELY[order.policy], said
        facts = {
            "claim_kind": kind if isinstance(kind, str) else likely[kind % len(likely)],
            "destination": destination,
            "reasons_given": reasons,
            **({"evidence": evidence} if evidence else {}),
            **({} if channel is None else {"claim_channel": channel}),
            **self.when("claim_at", ago),
            **more,
        }
        if isinstance(order, Rental):
            return self.open(lambda: self.desk.open_rental_claim(order.id, facts))
        return self.open(lambda: self.desk.open_claim(order.id, facts))

    def when(self, name: str, ago: Ago) -> Facts:
        return {} if ago is None else {name: instant(self.now - ago)}

    @rule(claim=claims, items=EVIDENCE, more=CLAIM_FACTS, mended=MENDED)
    def evidence(self, claim: UUID, items: list[str], more: Facts, mended: Facts) -> None:
        said = {**more, **mended}
        self.add(claim, CaseKind.CLAIM, "evidence", adding.evidence(items, **said))

    @rule(claim=claims, event=st.sampled_from(("requested", "granted", "refused")))
    def access(self, claim: UUID, event: str) -> None:
        self.add(claim, CaseKind.CLAIM, f"access_{event}", adding.access(event, None))

    @rule(claim=claims)
    def rectified(self, claim: UUID) -> None:
        self.add(claim, CaseKind.CLAIM, "rectified", adding.once(rectified_at=None))

    @rule(claim=claims, worth=st.sampled_from((None, 0, 350, 1000)))
    def choice(self, claim: UUID, worth: int | None) -> None:
        said = "refund" if worth is None else "replacement"
        value = {"replacement_value_minor": worth} if worth else {}
        self.add(claim, CaseKind.CLAIM, "choice", adding.plain(customer_choice=said, **value))

    @rule(target=others, rental=rentals, ago=AGO, since=AGO, more=OUTAGE_FACTS)
    def outage(self, rental: Rental, ago: Ago, since: Ago, more: Facts) -> UUID:
        """Always with its contact: without, what is told again after its end is another one."""
        contact = self.when("contacted_at", ago or timedelta(0))
        facts = {**more, **contact, **self.when("unavailable_since", since)}
        return self.open(lambda: self.desk.open_outage(SIM, rental.ref, facts))

    @rule(rental=rentals, ago=AGO)
    def restored(self, rental: Rental, ago: Ago) -> None:
        at = None if ago is None else self.now - ago
        self.same(lambda: self.desk.restored(SIM, rental.ref, at))

    @rule(
        target=withdrawals,
        policy=st.sampled_from((None, None, None, "P3", "P4", *POLICIES)),
        minor=AMOUNTS,
        why=st.sampled_from(("unused_funds", "sms_problem", "accidental_topup")),
        ago=AGO,
        more=st.tuples(WITHDRAWAL_FACTS, LACKING),
    )
    def withdraw(
        self, policy: str | None, minor: int | None, why: str, ago: Ago, more: tuple[Facts, Facts]
    ) -> UUID:
        policy = policy or self.house
        asked = {} if minor is None else {"amount_minor": minor}
        facts = {
            "withdraw_reason": why,
            **asked,
            **self.when("claim_at", ago),
            **more[0],
            **more[1],
        }
        reference = f"w{next(self.refs)}"
        return self.open(lambda: self.desk.open_withdrawal(ALICE, reference, facts, policy))

    @rule(
        case=withdrawals,
        event=st.sampled_from(("requested", "provided", "added")),
        more=WITHDRAWAL_FACTS,
        lacking=LACKING,
    )
    def payment_info(self, case: UUID, event: str, more: Facts, lacking: Facts) -> None:
        adds = adding.payment_info(event, None, **more, **lacking)
        self.add(case, CaseKind.WITHDRAWAL, f"payment_info_{event}", adds)

    @rule(case=withdrawals, status=KYC)
    def kyc(self, case: UUID, status: str) -> None:
        self.add(case, CaseKind.WITHDRAWAL, "kyc", adding.plain(kyc=status))

    @rule(
        target=others,
        event=st.sampled_from(("delete_requested", "rules_block", "law_enforcement_block")),
        policy=st.sampled_from(POLICIES),
    )
    def account_event(self, event: str, policy: str) -> UUID:
        said = Occurrence(event, str(next(self.refs)))
        return self.open(lambda: self.desk.account_event(ALICE, said, policy))

    @rule(index=st.integers(0, 30))
    def open_again(self, index: int) -> None:
        """What was asked for before is told again, however long ago."""
        if self.opened:
            self.run(self._open_again(self.opened[index % len(self.opened)]))

    # What humans say.

    @rule(
        data=st.data(),
        case=st.one_of(claims, claims, others, withdrawals),
        grant=EITHER,
        minor=st.one_of(st.none(), AMOUNTS),
    )
    def verdict(self, data: st.DataObject, case: UUID, minor: int | None, *, grant: bool) -> None:
        kind = self.run(self.office.case(case)).kind
        findings = data.draw(st.one_of(st.just({}), FINDINGS[kind]))
        said = Verdict(grant=grant, amount_minor=minor if grant else None, findings=findings)
        done = self.same(lambda: self.desk.verdict(case, kind, said))
        if done.refused is None:
            self.unstuck.heard(done.case)

    @rule(index=st.integers(0, 5), grant=EITHER)
    def decide(self, index: int, *, grant: bool) -> None:
        reviews = self.run(self.desk.reviews(50))
        if reviews:
            self.run(self._decide(reviews[index % len(reviews)], grant=grant))

    async def _decide(self, review: Review, *, grant: bool) -> None:
        """Whatever is listed takes a human's word, which ends it or moves it on."""
        done = await self._word(review.id, grant=grant)
        if isinstance(done, CaseChange) and done.refused is Rejected.WRONG_SUM:
            done = await self._word(review.id, grant=grant, amount_minor=1)
        if isinstance(done, Reviewed):
            assert done.how is Ruled.DONE, (review, done)
            return
        assert done.case is not None
        match done.refused:
            case None:
                assert done.case.state is not CaseState.IN_REVIEW, (review, done)
                self.unstuck.heard(done.case)
            case Rejected.NOT_ASKED_FOR:
                settled = "SELECT settled FROM activation WHERE id = $1"
                assert await self.office.one(settled, done.case.activation) is False, (review, done)
            case Rejected.WRONG_SUM:
                assert grant, (review, done)
                assert await self.unstuck.nothing_left_of(done.case), (review, done)
            case _:
                raise AssertionError((review, done))

    async def _word(
        self, id_: UUID, *, grant: bool, amount_minor: int | None = None
    ) -> CaseChange | Reviewed:
        said = Verdict(grant=grant, amount_minor=amount_minor, findings={})
        return await self.desk.review_verdict(id_, said, None)

    @rule(case=st.one_of(claims, withdrawals), later=st.sampled_from((None, 3 * DAY)))
    def paid(self, case: UUID, later: Ago) -> None:
        kind = self.run(self.office.case(case)).kind
        if later is None:
            self.same(lambda: self.desk.paid(case, kind))
            return
        until = {"extension_until": instant(self.now + later), "extension_beyond_control": True}
        self.run(self.desk.extend(case, kind, until))

    # What time does.

    @rule(by=st.sampled_from((TICK, WINDOW, HOUR, DAY, 4 * DAY, 15 * DAY)), ring=EITHER)
    def later(self, by: timedelta, *, ring: bool) -> None:
        self._until(self.now + by, ring=ring)

    @rule(past=EITHER, ring=EITHER)
    def next_date(self, *, past: bool, ring: bool) -> None:
        """To the next date, or to the first instant after it."""
        due = self.run(self.office.one("SELECT min(due_at) FROM timer WHERE fired_at IS NULL"))
        if due is not None:
            self._until(max(self.now, due + (TICK if past else timedelta(0))), ring=ring)

    def _until(self, now: datetime, *, ring: bool) -> None:
        self.office.at(now)
        if ring:
            self.run(self.office.timers.tick())

    async def _all_end(self) -> None:
        """With everybody doing his part, every case ends."""
        for (id_,) in await self.office.rows("SELECT id FROM activation WHERE NOT settled"):
            await self._end(ActivationId(id_), State.CLOSED)
        for turn in range(TURNS):
            await self.office.ring(self.now + 30 * DAY)
            for review in await self.desk.reviews(100):
                await self._decide(review, grant=turn % 2 == 0)
            await self._shop_acts(give_up=turn > TURNS // 2)

    async def _shop_acts(self, *, give_up: bool) -> None:
        """It pays what it promised, and some day it waits for no customer any more."""
        open_ = "SELECT id, kind, state FROM case_ WHERE closed_at IS NULL"
        for id_, word, state in await self.office.rows(open_):
            kind = CaseKind(word)
            if state == "approved":
                await self.desk.paid(id_, kind)
            elif give_up and state in {"needs_evidence", "waiting"}:
                await self.desk.verdict(id_, kind, self.office.no)
                for never in (adding.plain(kyc="failed"), adding.access("refused", None)):
                    await self.desk.add(id_, kind, never, "never")

    # How each call is made.

    def open(self, call: Opening) -> UUID:
        return self.run(self._open(call))

    async def _open(self, call: Opening) -> UUID:
        first = await call()
        assert first is not None
        assert first.case is not None
        if first.how is CaseOpened.NEW:
            self.opened.append(call)
            await self._open_again(call)
        return first.case.id

    async def _open_again(self, call: Opening) -> None:
        before = await self.unstuck.everything()
        again = await call()
        assert again is not None
        assert again.how is CaseOpened.SAME, again
        assert await self.unstuck.everything() == before

    def add(self, case: UUID, kind: CaseKind, what: str, adds: Adding) -> None:
        self.same(lambda: self.desk.add(case, kind, adds, what))

    def same(self, call: Callable[[], Awaitable[CaseChange]]) -> CaseChange:
        return self.run(self._same(call))

    async def _same(self, call: Callable[[], Awaitable[CaseChange]]) -> CaseChange:
        first, before = await call(), await self.unstuck.everything()
        assert await call() == first
        assert await self.unstuck.everything() == before
        return first


async def _office(url: str) -> Office:
    return Office(await asyncpg.connect(url), url)
