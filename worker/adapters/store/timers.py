"""Durable timers: leased in batches, and the claim windows that end in silence."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store import case_changes as locks
from worker.adapters.store import case_rows, review_events
from worker.adapters.store.case_changes import decide
from worker.adapters.store.database import statement
from worker.domain.ids import AccountId, ActivationId
from worker.domain.policy import Outcome
from worker.domain.policy.at_intake import order_words
from worker.ports.instances import InstanceId
from worker.ports.store.case_search import Review
from worker.ports.store.case_view import Timer, TimerKind
from worker.ports.store.cases import (
    PolicyLookup,
    SilenceJudge,
    SilentActivation,
    UnseededPage,
    UnseededWindow,
)

_WHOSE = text(
    "SELECT account, policy, policy_version, service, country, order_facts FROM activation"
    " WHERE id = :id"
)


async def lease(
    connection: AsyncConnection,
    limit: int,
    kinds: Collection[TimerKind],
    holder: InstanceId | None,
    now: datetime | None,
) -> list[Timer]:
    wanted = {
        "limit": limit,
        "kinds": [kind.value for kind in kinds],
        "holder": holder,
        "now": now,
    }
    leased = await connection.execute(statement("cases/lease_timers"), wanted)
    return [case_rows.timer(row) for row in leased.mappings()]


async def hand_back(
    connection: AsyncConnection,
    timers: Sequence[Timer],
    holder: InstanceId | None,
    now: datetime | None,
) -> None:
    held = {
        "kinds": [timer.kind.value for timer in timers],
        "subjects": [timer.subject for timer in timers],
        "holder": holder,
        "now": now,
    }
    await connection.execute(statement("cases/hand_back_timers"), held)


async def pending(
    connection: AsyncConnection, limit: int, now: datetime | None, *, overdue_only: bool
) -> list[Timer]:
    kinds = [kind.value for kind in TimerKind]
    wanted = {"overdue": overdue_only, "limit": limit, "now": now, "kinds": kinds}
    timers = await connection.execute(statement("cases/pending_timers"), wanted)
    return [case_rows.timer(row) for row in timers.mappings()]


async def unseeded(
    connection: AsyncConnection,
    policies: Sequence[tuple[str, str]],
    limit: int,
    now: datetime | None,
) -> UnseededPage:
    wanted = {
        "names": [name for name, _ in policies],
        "versions": [version for _, version in policies],
        "limit": limit,
        "now": now,
    }
    rows = (await connection.execute(statement("cases/unseeded_windows"), wanted)).mappings().all()
    windows = [
        UnseededWindow(
            ActivationId(r["id"]),
            r["policy"],
            r["policy_version"],
            r["rented_at"],
            order_words(r["service"], r["country"], r["price_minor"], r["order_facts"] or {}),
        )
        for r in rows
        if r["id"] is not None
    ]
    return UnseededPage(windows, rows[0]["upto"], rows[0]["more"])


async def seed(connection: AsyncConnection, timers: Sequence[Timer], upto: datetime) -> None:
    await connection.execute(
        statement("cases/seed_timers"),
        {
            "ids": [timer.subject for timer in timers],
            "dues": [timer.due_at for timer in timers],
            "upto": upto,
        },
    )


async def review_late(
    connection: AsyncConnection,
    timer: Timer,
    review: Review | None,
    now: datetime | None,
    event_state: str,
) -> bool:
    """Tell that nobody decided it by its date; the account is locked, so nobody does meanwhile."""
    if review is not None:
        await locks.locked(connection, review.account)
    clock = await locks.clock(connection, now)
    if not await locks.rings(connection, timer, clock) or review is None:
        return False
    waits = await connection.execute(statement("cases/review_is_open"), {"id": review.id})
    if (row := waits.one_or_none()) is None:
        return False
    number = row.activation_id
    told = {
        "id": str(review.id),
        "case": None if review.case is None else str(review.case),
        "kind": review.kind,
        "subject": review.subject,
        "activation": None if number is None else str(number),
        "account": review.account,
        "currency": review.currency,
        **({} if review.order_ref is None else {"order_ref": review.order_ref}),
        "reason": review.reason,
        "proposed_minor": review.proposed_minor,
        "by_when": case_rows.instant(review.by_when),
    }
    await review_events.write(
        connection, review.id, "review.late", told, clock, event_state, number
    )
    return True


@dataclass(frozen=True, slots=True)
class SilenceEnding:
    """Makes an activation final that nobody complained about."""

    judge: SilenceJudge
    policy_of: PolicyLookup
    event_state: str
    now: datetime | None

    async def __call__(self, connection: AsyncConnection, timer: Timer) -> bool:
        about = (await connection.execute(_WHOSE, {"id": timer.subject})).mappings().one()
        await locks.locked(connection, about["account"])
        order = await locks.order(connection, timer.subject, None)
        clock = await locks.clock(connection, self.now)
        if order is None or not await locks.rings(connection, timer, clock):
            return False
        policy, version = about["policy"], about["policy_version"]
        silent = SilentActivation(
            id=ActivationId(timer.subject),
            account=AccountId(about["account"]),
            service=about["service"],
            country=about["country"],
            order_facts=about["order_facts"] or {},
            order=case_rows.ordered(order, rental=False),
            profile=self.policy_of(policy, version),
            claim_at=(
                await connection.execute(statement("cases/claimed_at"), {"id": timer.subject})
            ).scalar(),
            due_at=timer.due_at,
            now=clock,
        )
        made = self.judge(silent)
        if made is None:
            return False
        await decide(connection, timer.subject, policy, version, made, clock)
        if made.decision.outcome is Outcome.FINALISED:
            await self._tell_final(connection, silent)
        return True

    async def _tell_final(self, connection: AsyncConnection, silent: SilentActivation) -> None:
        payload = {
            "id": str(silent.id),
            "activation": str(silent.id),
            "account": silent.account,
            "outcome": Outcome.FINALISED.value,
            "deadline": case_rows.instant(silent.due_at),
            "charge": silent.order.charge.value,
            **case_rows.order_ref_told(silent.order.order_ref),
        }
        await connection.execute(
            statement("cases/write_event"),
            {
                "subject": str(silent.id),
                "type": "claim.finalised",
                "activation": UUID(str(silent.id)),
                "account": silent.account,
                "now": silent.now,
                "payload": json.dumps(payload),
                "event_state": self.event_state,
            },
        )
