"""What must hold of all cases, whatever was said about them: none is stuck, none ends twice."""

import itertools
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import asyncpg

from tests.integration.cases.office import Office
from worker.lifecycle.cases.asking import SLAS
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
class Unstuck:
    office: Office
    closed: dict[UUID, str] = field(default_factory=dict)
    denied: set[UUID] = field(default_factory=set)  #: By a human.

    async def check(self) -> None:
        listed = {one.id for one in await self.office.desk.reviews(1000)}
        for row in await self.office.admin.fetch(_CASES):
            assert (row["state"] == "in_review") == (row["id"] in listed), row
            (self._ended if row["state"] in _ENDS else self._open)(row)
            assert not (row["moved"] and row["id"] in self.denied), row
        assert min(await self.office.money()) >= 0
        assert self.office.reporter.of("trouble") == []

    def _ended(self, row: asyncpg.Record) -> None:
        assert self.closed.setdefault(row["id"], row["state"]) == row["state"], row
        assert (row["timers"], row["withheld_minor"]) == ([], 0), row

    def _open(self, row: asyncpg.Record) -> None:
        """It has a date, or waits for somebody who can say so: a human, or the customer."""
        assert row["id"] not in self.closed, row
        if row["state"] == "waiting" and row["reason"] != "host_access_pending":
            assert set(row["timers"]) - _SLAS, row

    def heard(self, case: Case | None) -> None:
        """A human's word on it was taken."""
        assert case is not None
        if case.verdict is not None and not case.verdict["grant"] and not case.verdict["findings"]:
            self.denied.add(case.id)

    async def everything(self) -> list[tuple[Any, ...]]:
        """All that a repetition leaves as it is; that a row was written again is no change."""
        return [
            (table, *row)
            for table in _TABLES
            for row in await self.office.rows(
                f"SELECT (to_jsonb(t) - 'version' - 'lease_until')::text FROM {table} t ORDER BY 1"  # noqa: S608 - our tables
            )
        ]

    async def in_the_end(self) -> None:
        """Everybody has done his part by now."""
        await self.check()
        assert await self.office.rows("SELECT * FROM case_ WHERE closed_at IS NULL") == []
        findings = await self.office.store.books.audit()
        assert {f.invariant: f.offenders for f in findings if f.violations} == {}
        for id_, state in await self.office.rows("SELECT id, state FROM case_"):
            told = [word.split(".")[1] for word in await self.office.told(id_)]
            said = [word for word in told if word != "overdue"]
            assert told[-1] == state, told
            assert all(one != after for one, after in itertools.pairwise(said)), told
            assert not _ENDS & set(told[:-1]), told

    async def nothing_left_of(self, case: Case) -> bool:
        """Whether no sum that a human could name is there to be given."""
        if case.activation is None and case.rental is None:
            return case.withheld_minor == 0
        table = "rental" if case.activation is None else "activation"
        about = case.activation or case.rental
        left: int = await self.office.one(
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
