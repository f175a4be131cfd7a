"""`CaseInvariants`: what holds of all cases whatever happened: none is stuck, none ends twice."""

import itertools
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from tests.integration.cases.case_shop import CaseShop
from worker.lifecycle.cases.case_steps import SLAS
from worker.ports.store.case_view import CLOSED, Case

_CASES: Final = """
SELECT c.id, c.state, c.withheld_minor,
       (SELECT reason FROM decision WHERE subject = c.id AND op <> 'sla_tick'
         ORDER BY seq DESC LIMIT 1) AS reason,
       ARRAY(SELECT kind FROM timer WHERE subject = c.id AND fired_at IS NULL) AS timers,
       EXISTS (SELECT FROM transfer
                WHERE key IN ('claim:' || c.id, 'withdraw:' || c.id)) AS moved
  FROM case_ c ORDER BY c.opened_at, c.id
"""
_TABLES: Final = (
    "case_", "evidence", "decision", "review", "timer", "transfer", "balance", "event"
)  # fmt: skip
_ENDS: Final = {state.value for state in CLOSED}
_SLAS: Final = {kind.value for kind in SLAS}


@dataclass
class CaseInvariants:
    shop: CaseShop
    closed: dict[UUID, str] = field(default_factory=dict)
    denied: set[UUID] = field(default_factory=set)  #: By a human.

    async def check(self) -> None:
        listed = {review.id for review in await self.shop.service.reviews(1000)}
        for row in await self.shop.admin.fetch(_CASES):
            assert (row["state"] == "in_review") == (row["id"] in listed), row
            (self._ended if row["state"] in _ENDS else self._open)(row)
            assert not (row["moved"] and row["id"] in self.denied), row
        assert min(await self.shop.balances()) >= 0
        assert self.shop.reporter.of("trouble") == []

    def _ended(self, row: asyncpg.Record) -> None:
        assert self.closed.setdefault(row["id"], row["state"]) == row["state"], row
        assert (row["timers"], row["withheld_minor"]) == ([], 0), row

    def _open(self, row: asyncpg.Record) -> None:
        """It has a timer, or waits for a human or the customer."""
        assert row["id"] not in self.closed, row
        if row["state"] == "waiting" and row["reason"] != "host_access_pending":
            assert set(row["timers"]) - _SLAS, row

    def note_verdict(self, case: Case | None) -> None:
        """A human's verdict was accepted; remember a denial."""
        assert case is not None
        if case.verdict is not None and not case.verdict["grant"] and not case.verdict["findings"]:
            self.denied.add(case.id)

    async def all_rows(self) -> list[tuple[Any, ...]]:
        """All rows that a repeated call leaves unchanged, without their versions and leases."""
        return [
            (table, *row)
            for table in _TABLES
            for row in await self.shop.fetch_rows(
                f"SELECT (to_jsonb(t) - 'version' - 'lease_until')::text FROM {table} t ORDER BY 1"  # noqa: S608 - our tables
            )
        ]

    async def check_all_ended(self) -> None:
        """After everybody has acted, every case has ended and the audit finds nothing."""
        await self.check()
        assert await self.shop.fetch_rows("SELECT * FROM case_ WHERE closed_at IS NULL") == []
        findings = await self.shop.store.books.audit()
        assert {f.invariant: f.offenders for f in findings if f.violations} == {}
        for id_, state in await self.shop.fetch_rows("SELECT id, state FROM case_"):
            events = [word.split(".")[1] for word in await self.shop.event_types(id_)]
            states = [word for word in events if word != "overdue"]
            assert events[-1] == state, events
            assert all(before != after for before, after in itertools.pairwise(states)), events
            assert not _ENDS & set(events[:-1]), events

    async def nothing_left_of(self, case: Case) -> bool:
        """Whether the order or the withdrawal has no sum left that a human could name."""
        if case.activation is None and case.rental is None:
            return case.withheld_minor == 0
        table = "rental" if case.activation is None else "activation"
        about = case.activation or case.rental
        left: int = await self.shop.fetch_value(
            f"""
            SELECT CASE WHEN to_jsonb(o) ->> 'state' = 'refunded' THEN 0 ELSE price_minor END
                   - (SELECT coalesce(sum(d.amount_minor), 0)
                        FROM case_ c JOIN decision d ON d.subject = c.id
                       WHERE o.id IN (c.activation_id, c.rental_id) AND c.id <> $2
                         AND c.state IN ('granted', 'approved', 'paid'))
              FROM {table} o WHERE o.id = $1
            """,  # noqa: S608 - our tables
            about,
            case.id,
        )
        return left <= 0
