"""Every kind of timer whose date passes while no daemon runs: the next one makes up for all."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg
import pytest

from tests.acceptance.world import PROVIDER, World, world
from worker.domain.ids import AccountId
from worker.entrypoints.cli.client import Daemon
from worker.lifecycle.cases.idle_balances import idle_subject
from worker.ports.store.case_view import TimerKind
from worker.ports.store.rentals import RentalOrderKind, rental_order_id

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

#: For cases, told as their past being as far back (in whole weeks: some dates count working days);
#: numbers keep their dates, and a settlement is a minute old before its claim window is set.
WEEKS_LATER: Final = """
ALTER TABLE decision DISABLE TRIGGER decision_append_only;
ALTER TABLE settlement DISABLE TRIGGER settlement_append_only;
UPDATE timer SET due_at = due_at - interval '42 days', lease_until = '-infinity';
UPDATE decision SET deadline = deadline - interval '42 days';
UPDATE settlement SET at = at - interval '2 minutes' WHERE activation_id IN
    (SELECT id FROM activation WHERE rented_at < now() - interval '1 day');
UPDATE timer_seeded SET upto = upto - interval '42 days';
-- Reports arrived when the customer made contact: a told date is not believed over the arrival.
UPDATE case_ SET opened_at =
    least(opened_at, CAST(facts ->> 'contacted_at' AS timestamptz)) - interval '42 days', facts = (
    SELECT jsonb_object_agg(key, CASE
        WHEN jsonb_typeof(value) = 'string' AND value #>> '{}' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T'
        THEN to_jsonb(to_char(
            CAST(value #>> '{}' AS timestamptz) AT TIME ZONE 'UTC' - interval '42 days',
            'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        ELSE value END) FROM jsonb_each(facts));
UPDATE obligation SET since = since - interval '42 days', by_when = by_when - interval '42 days';
UPDATE review SET by_when = by_when - interval '42 days';
UPDATE rental_order SET doubted_at = doubted_at - interval '42 days',
                        decide_by = decide_by - interval '42 days';
UPDATE rental SET rented_at = rented_at - interval '42 days',
                  ends_at = ends_at - interval '42 days',
                  ended_at = ended_at - interval '42 days';
UPDATE account SET opened_at = opened_at - interval '42 days' WHERE account = 'balance_idle';
UPDATE account_idle SET since = since - interval '42 days';
ALTER TABLE transfer DISABLE TRIGGER transfer_append_only;
UPDATE transfer SET at = at - interval '42 days', booked_at = booked_at - interval '42 days'
 WHERE account = 'balance_idle';
ALTER TABLE transfer ENABLE TRIGGER transfer_append_only;
ALTER TABLE decision ENABLE TRIGGER decision_append_only;
ALTER TABLE settlement ENABLE TRIGGER settlement_append_only;
"""

#: Nothing that moves nothing is kept for more than a month.
IDLE: Final = """
[sms]
auto_credit_mode = "automatic"
[balance]
idle_months = 1
idle_then = "void"
"""


@dataclass(frozen=True)
class Shop:
    """One shop's calls, with an account of its own."""

    world: World
    http: Daemon
    account: str

    async def open(self, amount_minor: int = 1000) -> None:
        policy = "idle" if self.account == TimerKind.BALANCE_IDLE.value else "P3"
        await self.http.put(f"/v1/accounts/{self.account}", {"currency": "USD", "policy": policy})
        top_up = {"reference": "1", "amount_minor": amount_minor}
        await self.http.post(f"/v1/accounts/{self.account}/topups", top_up)

    async def number(self, policy: str, window: int, **more: Any) -> str:
        order = {"count": 1, "service": "timeout", "country": "0"}
        (rented,) = (await self.world.provider.post("/_sim/rent", order))["numbers"]
        return await self.watched(str(rented["id"]), policy, window, **more)

    async def watched(self, ref: str, policy: str, window: int, **more: Any) -> str:
        body = {
            "account": self.account,
            "phone": "15550001",
            "service": "timeout",
            "country": "0",
            "price_minor": 100,
            "window_seconds": window,
            "policy": policy,
            **more,
        }
        return str((await self.http.put(f"/v1/activations/{PROVIDER}/{ref}", body))["id"])

    async def closed(self, **more: Any) -> str:
        """A number without a code, under a policy that credits on a claim only."""
        id_ = await self.number("P1", 1, **more)
        while (await self.http.get(f"/v1/activations/{id_}", wait_seconds=5))["state"] != "closed":
            pass
        return id_

    async def claim(self, kind: str, **more: Any) -> str:
        body = {"claim_kind": kind, "reason": "it does not work", **more}
        return str((await self.http.post("/v1/claims", body))["id"])

    async def withdraw(self) -> str:
        body = {"account": self.account, "reference": "w", "amount_minor": 100, "policy": "P3"}
        return str((await self.http.post("/v1/withdrawals", body))["id"])

    async def rental(self, since: timedelta, policy: str = "P2") -> str:
        rented_at = datetime.now(UTC) - since
        body = {
            "account": self.account,
            "phone": "15550001",
            "service": "any",
            "country": "0",
            "price_minor": 1000,
            "rented_at": rented_at.isoformat(),
            "ends_at": (rented_at + timedelta(days=10)).isoformat(),
            "policy": policy,
        }
        return str((await self.http.put(self.long, body))["id"])

    async def outage(self, since: timedelta) -> str:
        await self.rental(since)
        body = {
            "contacted_at": (datetime.now(UTC) - since).isoformat(),
        }
        return str((await self.http.post(f"{self.long}/outages", body))["id"])

    @property
    def long(self) -> str:
        return f"/v1/rentals/{PROVIDER}/{self.account}"


async def sms_window(shop: Shop) -> str:
    return await shop.claim("non_receiving", activation=await shop.number("P1", 1200))


async def claim_window(shop: Shop) -> str:
    long_ago = datetime.now(UTC) - timedelta(days=42)
    return await shop.closed(rented_at=long_ago.isoformat())


async def evidence_due(shop: Shop) -> str:
    return await shop.claim("invalid_number", activation=await shop.closed())


async def rectification(shop: Shop) -> str:
    rental = await shop.rental(timedelta(hours=1), "P1")
    case = await shop.claim("major_defect", rental=rental)
    await shop.http.post(f"/v1/claims/{case}/verdict", {"grant": True, "note": "seen"})
    return case


async def host_access_grace(shop: Shop) -> str:
    case = await rectification(shop)
    await shop.http.post(f"/v1/claims/{case}/access", {"event": "requested"})
    return case


async def honour(shop: Shop) -> str:
    rental = await shop.rental(timedelta(hours=1), "P1")
    return await shop.claim("invalid_number", rental=rental, evidence=["photo"])


async def outage_threshold(shop: Shop) -> str:
    return await shop.outage(timedelta(hours=1))


async def outage_end(shop: Shop) -> str:
    return await shop.outage(timedelta(days=2))


async def balance_credit_sla(shop: Shop) -> str:
    """Owed because the number's window is over, but its provider is down: see `DOWN`."""
    number = await shop.watched("1", "P2", 1)
    path = f"/v1/activations/{number}"
    while (await shop.http.get(path, wait_seconds=5))["state"] != "expiring":
        pass
    return await shop.claim("non_receiving", activation=number)


async def review_sla(shop: Shop) -> str:
    return await shop.withdraw()


async def payment_info(shop: Shop) -> str:
    case = await shop.withdraw()
    await shop.http.post(f"/v1/withdrawals/{case}/payment-info", {"event": "requested"})
    return case


async def refund_payment(shop: Shop) -> str:
    case = await shop.withdraw()
    await shop.http.post(f"/v1/withdrawals/{case}/verdict", {"grant": True, "note": "seen"})
    return case


async def open_order_hold(shop: Shop) -> str:
    await shop.number("P3", 1200)
    return await shop.withdraw()


async def deletion_hold(shop: Shop) -> str:
    await shop.withdraw()
    event = {"event": "delete_requested", "policy": "P3"}
    return str((await shop.http.post(f"/v1/accounts/{shop.account}/events", event))["id"])


async def obligation(shop: Shop) -> str:
    rental = await shop.rental(timedelta(hours=1), "P3")
    return await shop.claim("wrong_code", rental=rental)


async def balance_idle(shop: Shop) -> str:
    return str(idle_subject(AccountId(shop.account)))


async def review_late(shop: Shop) -> str:
    """Of the obligation to decide: a number in review has its own."""
    case = await shop.http.get(f"/v1/withdrawals/{await shop.withdraw()}")
    (owed,) = [one for one in case["obligations"] if one["what"] == "review"]
    return str(owed["id"])


async def rental_end(shop: Shop) -> str:
    return await shop.rental(timedelta(hours=1))


async def rental_close(shop: Shop) -> str:
    rental = await shop.rental(timedelta(hours=1))
    case = await shop.claim("operator_block", rental=rental)
    findings = {"client_caused": False}
    verdict = {"grant": True, "note": "the operator's doing", "findings": findings}
    await shop.http.post(f"/v1/claims/{case}/verdict", verdict)
    return rental


async def rental_order(shop: Shop) -> str:
    body = {
        "account": shop.account,
        "provider": PROVIDER,
        "service": "timeout",
        "country": "0",
        "hours": 4,
        "price_minor": 100,
    }
    await shop.http.post("/v1/rentals", body, key="one")
    return str(rental_order_id(RentalOrderKind.RENT, AccountId(shop.account), "one"))


async def rental_order_late(shop: Shop) -> str:
    """Its answer is lost, so nobody knows what became of it."""
    lost = {"kind": "reply-lost", "seconds": 60, "operations": ["rent"]}
    await shop.world.provider.post("/_sim/faults", lost)
    ordered = await rental_order(shop)
    await shop.world.provider.post("/_sim/faults", {"clear": True})
    return ordered


Setup: TypeAlias = Callable[[Shop], Awaitable[str]]

#: What sets a timer, and what is decided or told when it rings.
KINDS: Final[dict[TimerKind, tuple[Setup, str | None]]] = {
    TimerKind.CLAIM_WINDOW: (claim_window, "silence"),
    TimerKind.EVIDENCE_DUE: (evidence_due, "evidence_missing"),
    TimerKind.RECTIFICATION: (rectification, "rectification_missed"),
    TimerKind.HOST_ACCESS_GRACE: (host_access_grace, "host_access_pending"),
    TimerKind.HONOUR: (honour, "honour_overdue"),
    TimerKind.OUTAGE_THRESHOLD: (outage_threshold, "outage_unverified"),
    TimerKind.OUTAGE_END: (outage_end, "outage_unverified"),
    TimerKind.REVIEW_SLA: (review_sla, "review_overdue"),
    TimerKind.PAYMENT_INFO: (payment_info, "payment_info_timeout"),
    TimerKind.REFUND_PAYMENT: (refund_payment, "refund_payment_overdue"),
    TimerKind.SMS_WINDOW: (sms_window, "sms_window_open"),
    TimerKind.OPEN_ORDER_HOLD: (open_order_hold, "open_order_pending"),
    TimerKind.DELETION_HOLD: (deletion_hold, None),
    TimerKind.OBLIGATION: (obligation, "evidence_missing"),
    TimerKind.BALANCE_IDLE: (balance_idle, None),
    TimerKind.REVIEW_LATE: (review_late, None),
    TimerKind.RENTAL_END: (rental_end, None),
    TimerKind.RENTAL_EMPTY: (rental_end, None),
    TimerKind.RENTAL_ORDER: (rental_order, None),
    TimerKind.RENTAL_ORDER_LATE: (rental_order_late, None),
    # These need a provider that is down.
    TimerKind.BALANCE_CREDIT_SLA: (balance_credit_sla, "balance_credit_overdue"),
    TimerKind.RENTAL_CLOSE: (rental_close, None),
}
DOWN: Final = {TimerKind.BALANCE_CREDIT_SLA, TimerKind.RENTAL_CLOSE}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def acted(database: asyncpg.Connection, kind: TimerKind, subject: UUID) -> bool:
    """It fired, or it rang and looks again later."""
    sql = (
        "SELECT fired_at IS NOT NULL OR due_at > now() FROM timer WHERE kind = $1 AND subject = $2"
    )
    return bool(await database.fetchval(sql, kind.value, subject))


async def test_the_next_daemon_acts_on_each_kind_as_of_its_own_date(
    database: asyncpg.Connection, database_url: str, redis_url: str, tmp_path: Path
) -> None:
    policies = tmp_path / "policies"
    shutil.copytree("config/policies", policies)
    (policies / "idle.toml").write_text(IDLE)
    settings = {
        "AW_DEFAULTS__CREDIT_GRACE_SECONDS": "3600",
        "AW_POLICIES__DIRECTORY": str(policies),
    }
    async with world(database_url, redis_url, tmp_path, settings=settings) as made:
        daemon = await made.start_daemon()
        subjects: dict[TimerKind, UUID] = {}
        async with made.shop(daemon) as http:
            shops = {kind: Shop(made, http, kind.value) for kind in KINDS}
            for shop in shops.values():
                await shop.open()
            for kind in [one for one in KINDS if one not in DOWN]:
                subjects[kind] = UUID(await KINDS[kind][0](shops[kind]))
            await made.provider.post("/_sim/faults", {"kind": "refuse", "seconds": 300})
            for kind in DOWN:
                subjects[kind] = UUID(await KINDS[kind][0](shops[kind]))
        dated = "SELECT EXISTS (SELECT FROM timer WHERE kind = 'balance_idle')"
        latest = time.monotonic() + 30
        while not await database.fetchval(dated):
            assert time.monotonic() < latest, "no account got its date"
            await asyncio.sleep(0.2)  # Another process works; there is nothing to await.
        daemon.kill()
        await database.execute(WEEKS_LATER)
        rows = await database.fetch(
            "SELECT kind, subject, due_at FROM timer WHERE fired_at IS NULL"
        )
        due = {(row["kind"], row["subject"]): row["due_at"] for row in rows}

        await made.start_daemon()

        latest = time.monotonic() + 60
        while late := [k for k, one in subjects.items() if not await acted(database, k, one)]:
            assert time.monotonic() < latest, late
            await asyncio.sleep(0.2)  # Another process works; there is nothing to await.
        for kind, subject in subjects.items():
            if (reason := KINDS[kind][1]) is not None:
                sql = "SELECT as_of FROM decision WHERE subject = $1 AND reason = $2 AND at > as_of"
                found = [row["as_of"] for row in await database.fetch(sql, subject, reason)]
                assert len(found) == 1, (kind, found)
                assert due.get((kind.value, subject), found[0]) == found[0], kind
        await _ended_as_it_should(database, subjects)
        await made.audit()


async def _ended_as_it_should(
    database: asyncpg.Connection, subjects: Mapping[TimerKind, UUID]
) -> None:
    sql = "SELECT payload ->> 'at_provider' AS how FROM event WHERE subject = $1"
    told = await database.fetch(sql, str(subjects[TimerKind.RENTAL_CLOSE]))
    assert [row["how"] for row in told] == ["time_over"]
    sql = "SELECT state FROM case_ WHERE id = $1"
    due = "SELECT due_at FROM timer WHERE kind = 'review_sla' AND subject = $1"
    for kind in (TimerKind.OUTAGE_THRESHOLD, TimerKind.OUTAGE_END):
        # Their provider could not be read for weeks: a human decides, by a date.
        assert await database.fetchval(sql, subjects[kind]) == "in_review", kind
        assert await database.fetchval(due, subjects[kind]) is not None, kind
    sql = "SELECT count(*) FROM event WHERE type = 'review.late' AND account = $1"
    for late in (TimerKind.REVIEW_LATE, TimerKind.RENTAL_ORDER_LATE):
        assert await database.fetchval(sql, late.value) == 1, late
    sql = "SELECT ended_at = ends_at FROM rental WHERE id = $1"
    assert await database.fetchval(sql, subjects[TimerKind.RENTAL_END])
    assert await database.fetchval("SELECT state FROM case_ WHERE subject = 'idle'") == "done"
