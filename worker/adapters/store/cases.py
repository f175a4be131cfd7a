"""Cases: opened once, changed one at a time, each change with its money in one transaction."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_changes as locks
from worker.adapters.store import (
    case_lists,
    case_records,
    case_rows,
    case_views,
    obligations,
    rental_orders,
    rentals,
)
from worker.adapters.store import timers as due_timers
from worker.adapters.store.case_changes import apply
from worker.adapters.store.database import Database
from worker.adapters.store.leases import Leases
from worker.adapters.store.policies import PolicyRepository
from worker.adapters.store.writes_in_turn import write_case, write_new_case
from worker.domain.account_state import LoggedEvent
from worker.domain.ids import AccountId, ActivationId, ProviderName, ProviderRef
from worker.domain.policy import Profile
from worker.ports.instances import Holder, nobody
from worker.ports.provider import Sms
from worker.ports.store import case_search, case_view
from worker.ports.store import cases as port
from worker.ports.store import rentals as long_rentals
from worker.ports.store.case_record import AccountRecord, CaseRecord
from worker.ports.store.case_search import CaseBrief, CaseSearch, Review
from worker.ports.store.cases import PolicyLookup, PolicyVersion
from worker.ports.store.obligations import Obligation
from worker.ports.store.said import StaffNote

T = TypeVar("T")

_EVENTS = text(
    "SELECT facts ->> 'event', state FROM case_ WHERE account = :account AND kind = 'account'"
    " ORDER BY opened_at, id"
)
_DELETIONS = text(
    "SELECT id FROM case_ WHERE account = :account AND kind = 'account' AND closed_at IS NULL"
    " AND facts ->> 'event' = 'delete_requested' ORDER BY opened_at"
)
_HASH = text("SELECT content_hash FROM case_ WHERE id = CAST(:id AS uuid)")


class _Judging(NamedTuple):
    """How one change is judged: by whom, under which policy, when, and for which timer."""

    judge: case_view.CaseJudge
    policy_of: PolicyLookup
    now: datetime | None
    timer: case_view.Timer | None = None
    by: str | None = None  #: Who tells what is said.


class CaseRepository:
    """Cases and the timers that move them, long rentals, and what waits for a human."""

    def __init__(
        self,
        db: Database,
        policies: PolicyRepository,
        event_state: str,
        holder: Holder = nobody,
    ) -> None:
        self._db = db
        self._holder = holder
        self._policies = policies
        self._event_state = event_state
        self.leases: Leases[case_view.Timer] = Leases(
            db, lambda c, timers, now: due_timers.hand_back(c, timers, holder(), now)
        )

    async def open_case(
        self,
        new: port.NewCase,
        judge: case_view.CaseJudge,
        policy_of: PolicyLookup,
        *,
        now: datetime | None = None,
        by: str | None = None,
        lock_wait: timedelta | None = None,
    ) -> port.CaseOpenResult:
        if new.policy is not None and new.policy_version is not None:
            await self._policies.keep(new.policy, new.policy_version)
        judging = _Judging(judge, policy_of, now, by=by)
        return await write_new_case(self._db, new, lambda c: self._open(c, new, judging), lock_wait)

    async def change_case(  # noqa: PLR0913 - no caller gives them all
        self,
        id_: UUID,
        judge: case_view.CaseJudge,
        policy_of: PolicyLookup,
        *,
        now: datetime | None = None,
        by: str | None = None,
        timer: case_view.Timer | None = None,
        lock_wait: timedelta | None = None,
    ) -> port.CaseChange:
        judging = _Judging(judge, policy_of, now, timer, by)
        lock_wait = lock_wait if timer is None else timer.lock_wait
        return await write_case(self._db, id_, lambda c: self._alter(c, id_, judging), lock_wait)

    async def case(self, id_: UUID) -> case_view.Case | None:
        return await self._db.read(lambda c: case_rows.whole(c, id_))

    async def open_cases_of(
        self, account: AccountId, kind: case_view.CaseKind, *, waiting_for: str
    ) -> list[UUID]:
        return await self._db.read(
            lambda c: case_rows.waiting(c, account, kind, waiting_for=waiting_for)
        )

    async def order_record(self, id_: UUID) -> CaseRecord | None:
        async def work(connection: AsyncConnection) -> CaseRecord | None:
            number = await case_records.of_activation(connection, ActivationId(id_))
            return number or await case_records.of_rental(connection, id_)

        return await self._db.read(work)

    async def account_record(
        self, account: AccountId, *, now: datetime | None = None
    ) -> AccountRecord | None:
        async def work(connection: AsyncConnection) -> AccountRecord | None:
            clock = await locks.clock(connection, now)
            return await case_records.whole_account(connection, account, clock)

        return await self._db.read(work)

    async def account_flags(self, account: AccountId) -> frozenset[str]:
        found = await self._db.read(lambda c: case_records.of_account(c, account))
        return frozenset() if found is None else found.account_flags

    async def account_events(self, account: AccountId) -> list[LoggedEvent]:
        async def work(connection: AsyncConnection) -> list[LoggedEvent]:
            found = await connection.execute(_EVENTS, {"account": account})
            return [case_rows.account_event(*row) for row in found]

        return await self._db.read(work)

    async def obligations_of(self, accounts: Sequence[AccountId]) -> list[Obligation]:
        return await self._db.read(lambda c: obligations.of_accounts(c, accounts))

    async def obligation(self, id_: UUID) -> Obligation | None:
        return await self._db.read(lambda c: obligations.one(c, id_))

    async def open_deletions(self, account: AccountId) -> list[UUID]:
        async def work(connection: AsyncConnection) -> list[UUID]:
            found = await connection.execute(_DELETIONS, {"account": account})
            return [row[0] for row in found]

        return await self._db.read(work)

    async def reviews(
        self,
        policies: Mapping[PolicyVersion, Profile],
        *,
        limit: int,
        after: case_search.ReviewPlace | None = None,
        about: case_search.ReviewSearch = case_search.ANY_REVIEW,
    ) -> list[Review]:
        return await case_rows.reviews(self._db, policies, limit=limit, after=after, about=about)

    async def note(
        self,
        id_: UUID,
        kind: case_view.CaseKind,
        said: StaffNote,
        *,
        now: datetime | None = None,
    ) -> bool:
        return await self._db.write(lambda c: case_rows.note(c, id_, kind, said, now))

    async def review_late(
        self, timer: case_view.Timer, review: Review | None, *, now: datetime | None = None
    ) -> bool:
        return await self._db.write(
            lambda c: due_timers.review_late(c, timer, review, now, self._event_state),
            lock_wait=timer.lock_wait,
        )

    async def preview(
        self,
        ids: Collection[UUID],
        looks: Callable[[case_view.CaseView], T],
        policy_of: PolicyLookup,
        *,
        now: datetime | None = None,
    ) -> dict[UUID, T]:
        return await self._db.snapshot(lambda c: case_views.preview(c, ids, looks, policy_of, now))

    async def list_cases(self, search: CaseSearch, limit: int) -> list[case_view.Case]:
        return await self._db.read(lambda c: case_lists.newest(c, search, limit))

    async def cases_of(self, ids: Collection[UUID]) -> dict[UUID, case_view.Case]:
        return await self._db.read(lambda c: case_lists.by_ids(c, ids))

    async def newest_cases(self, accounts: Collection[AccountId], each: int) -> list[CaseBrief]:
        return await self._db.read(lambda c: case_lists.briefs(c, accounts, each))

    async def book_rental(
        self,
        rental: long_rentals.Rental,
        *,
        policy_told: bool = True,
        now: datetime | None = None,
    ) -> port.RentalBookingResult:
        await self._policies.keep(rental.policy, rental.policy_version)
        booking = rentals.Booking(rental, policy_told=policy_told, keeping=self._policies.keeping)
        return await rentals.book(self._db, booking, now, self._event_state)

    async def rental(self, provider: ProviderName, ref: ProviderRef) -> long_rentals.Rental | None:
        return await self._db.read(lambda c: rentals.newest(c, provider, ref))

    async def rental_of(self, id_: UUID) -> long_rentals.Rental | None:
        return await self._db.read(lambda c: rentals.by_id(c, id_))

    async def list_rentals(
        self, search: long_rentals.RentalSearch, limit: int
    ) -> list[long_rentals.Rental]:
        return await self._db.read(lambda c: rentals.listed(c, search, limit))

    async def cases_about(self, id_: ActivationId) -> Sequence[case_view.Case]:
        return await self._db.read(lambda c: case_rows.of_activation(c, id_))

    async def rental_closed(
        self,
        timer: case_view.Timer,
        how: long_rentals.RentalClosing,
        *,
        now: datetime | None = None,
    ) -> bool:
        return await self._db.write(lambda c: rentals.closed(c, timer, how, now, self._event_state))

    async def put_off(
        self, timer: case_view.Timer, by: timedelta, *, now: datetime | None = None
    ) -> None:
        await self._db.write(lambda c: rentals.put_off(c, timer, by, now))

    async def end_rental(self, timer: case_view.Timer, *, now: datetime | None = None) -> bool:
        return await self._db.write(lambda c: rentals.end(c, timer, now), lock_wait=timer.lock_wait)

    async def begin_rental_order(
        self, order: long_rentals.RentalOrder, *, now: datetime | None = None
    ) -> long_rentals.RentalOrderResult:
        await self._policies.keep(order.policy, order.policy_version)
        return await rental_orders.begin(self._db, order, now, self._policies.keeping)

    async def rental_bought(
        self, order: UUID, sold: long_rentals.RentedLong, *, now: datetime | None = None
    ) -> long_rentals.Rental | None:
        return await rental_orders.bought(self._db, order, sold, now, self._event_state)

    async def rental_prolonged(
        self, order: UUID, longer: long_rentals.ProlongedLong, *, now: datetime | None = None
    ) -> long_rentals.Rental | None:
        return await rental_orders.prolonged(self._db, order, longer, now, self._event_state)

    async def rental_order_failed(
        self, order: UUID, failure: str, *, now: datetime | None = None
    ) -> bool:
        return await rental_orders.failed(self._db, order, failure, now, self._event_state)

    async def rental_order_unknown(self, order: UUID, *, now: datetime | None = None) -> None:
        state = self._event_state
        await self._db.write(lambda c: rental_orders.unknown(c, order, state, now))

    async def rental_order_forgotten(
        self, timer: case_view.Timer, *, now: datetime | None = None
    ) -> bool:
        state = self._event_state
        return await self._db.write(
            lambda c: rental_orders.forgotten(c, timer, state, now), lock_wait=timer.lock_wait
        )

    async def rental_order(self, id_: UUID) -> long_rentals.OrderStanding | None:
        return await self._db.read(lambda c: rental_orders.standing(c, id_))

    async def decide_rental_order(
        self, id_: UUID, verdict: long_rentals.OrderVerdict, *, now: datetime | None = None
    ) -> long_rentals.OrderStanding:
        state = self._event_state
        return await self._db.write(lambda c: rental_orders.decide(c, id_, verdict, now, state))

    async def keep_messages(
        self, rental: UUID, sms: Sequence[Sms], *, now: datetime | None = None
    ) -> None:
        if sms:
            await self._db.write(lambda c: rentals.keep_messages(c, rental, sms, now))

    async def messages(self, rental: UUID) -> list[long_rentals.RentalMessage]:
        return await self._db.read(lambda c: rentals.messages(c, rental))

    async def lease_timers(
        self, limit: int, kinds: Collection[case_view.TimerKind], *, now: datetime | None = None
    ) -> list[case_view.Timer]:
        holder = self._holder()
        return await self.leases.take(lambda c: due_timers.lease(c, limit, kinds, holder, now), now)

    async def leave_timers(self, leased: Sequence[case_view.Timer]) -> None:
        self.leases.leave(leased)

    async def timers(
        self, *, overdue_only: bool, limit: int, now: datetime | None = None
    ) -> list[case_view.Timer]:
        return await self._db.read(
            lambda c: due_timers.pending(c, limit, now, overdue_only=overdue_only)
        )

    async def unseeded(
        self, policies: Sequence[PolicyVersion], limit: int, *, now: datetime | None = None
    ) -> port.UnseededPage:
        return await self._db.read(lambda c: due_timers.unseeded(c, policies, limit, now))

    async def seed(self, timers: Sequence[case_view.Timer], upto: datetime) -> None:
        await self._db.write(lambda c: due_timers.seed(c, timers, upto))

    async def end_in_silence(
        self,
        timer: case_view.Timer,
        judge: port.SilenceJudge,
        policy_of: PolicyLookup,
        *,
        now: datetime | None = None,
    ) -> bool:
        end = due_timers.SilenceEnding(judge, policy_of, self._event_state, now)
        return await self._db.write(lambda c: end(c, timer), lock_wait=timer.lock_wait)

    async def _open(
        self, connection: AsyncConnection, new: port.NewCase, judging: _Judging
    ) -> port.CaseOpenResult:
        about = await case_views.whose(connection, new)
        if about is None or not await locks.locked(connection, about.account):
            return port.CaseOpenResult(port.CaseOpenOutcome.UNKNOWN_SUBJECT)
        if new.policy is not None and not await locks.belongs_to(
            connection, about.account, new.policy
        ):
            return port.CaseOpenResult(port.CaseOpenOutcome.OTHER_POLICY)
        order = await locks.order(connection, new.activation, new.rental)
        clock = await locks.clock(connection, judging.now)
        if not await case_views.insert(connection, new, about, clock):
            same = (await connection.execute(_HASH, {"id": new.id})).scalar()
            how = (
                port.CaseOpenOutcome.SAME
                if same == case_rows.hash_of(new)
                else port.CaseOpenOutcome.OTHER_CONTENT
            )
            return port.CaseOpenResult(how, await case_rows.whole(connection, new.id))
        case = await case_rows.locked(connection, new.id)
        view = await case_views.view(
            connection, case, order, clock, judging.policy_of, judging.timer
        )
        await apply(connection, view, judging.judge(view), self._event_state, judging.by)
        return port.CaseOpenResult(
            port.CaseOpenOutcome.NEW, await case_rows.whole(connection, new.id)
        )

    async def _alter(
        self,
        connection: AsyncConnection,
        id_: UUID,
        judging: _Judging,
    ) -> port.CaseChange:
        known = await case_rows.whole(connection, id_)
        if known is None:
            return port.CaseChange(None)
        await locks.locked(connection, known.account)
        order = await locks.order(connection, known.activation, known.rental)
        case = await case_rows.locked(connection, id_)
        clock, timer = await locks.clock(connection, judging.now), judging.timer
        if timer is not None and not await locks.rings(connection, timer, clock):
            return port.CaseChange(await case_rows.whole(connection, id_))
        view = await case_views.view(connection, case, order, clock, judging.policy_of, timer)
        step = judging.judge(view)
        if _changes(step, case):
            await apply(connection, view, step, self._event_state, judging.by)
        case_now = await case_rows.whole(connection, id_)
        return port.CaseChange(case_now, step.rejected)


def _changes(step: case_view.CaseStep, case: case_view.Case) -> bool:
    """A refusal leaves every row as it is, unless something else had to happen first."""
    if step.reopens:
        return True
    return case.state not in case_view.CLOSED and (step.rejected is None or step.record is not None)
