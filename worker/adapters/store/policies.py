"""Policies as they were: the content of each version is kept when an order is first made under it.

An order is decided for good by the version of its purchase, whatever the shop's files say today.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database, statement
from worker.domain.policy import Profile
from worker.domain.policy.language.choices import RulesBlock
from worker.domain.policy.language.content import content_of
from worker.ports.store.case_record import PastCase, PastOrder, PastPlace
from worker.ports.store.cases import PolicyVersion

_KEEP = text(
    "INSERT INTO policy_version (name, version, content)"
    " VALUES (:name, :version, CAST(:content AS jsonb)) ON CONFLICT DO NOTHING"
)
_KEPT = text("SELECT name, version, content FROM policy_version")
_THESE = text(
    "SELECT name, version, content FROM policy_version WHERE (name, version) IN"
    " (SELECT * FROM unnest(CAST(:names AS text[]), CAST(:versions AS text[])))"
)
_SETTLED_TO = text(
    "SELECT at, activation_id FROM settlement WHERE (at, activation_id) > (:at, :id)"
    " AND at <= :until ORDER BY at, activation_id OFFSET :more LIMIT 1"
)
_OPENED_TO = text(
    "SELECT opened_at, id FROM case_ WHERE (opened_at, id) > (:at, :id)"
    " AND opened_at <= :until ORDER BY opened_at, id OFFSET :more LIMIT 1"
)
_NEWEST = text(
    "SELECT greatest((SELECT max(at) FROM settlement), (SELECT max(opened_at) FROM case_))"
)
_LAST_ID: Final = UUID(int=2**128 - 1)


BLOCKED: Final = "blocked"


async def that_may_order(
    connection: AsyncConnection, accounts: Collection[str], keeping: Collection[str]
) -> set[str]:
    """Of these blocked accounts; *keeping* are the policies that leave a balance to be spent.

    Their rows are locked: a block that is lifted or made stronger meanwhile is seen.
    """
    asked = {"accounts": list(accounts), "keeping": list(keeping)}
    return set((await connection.execute(statement("cases/blocked_may_order"), asked)).scalars())


async def state_for_orders(
    connection: AsyncConnection, account: str, state: str, keeping: Collection[str]
) -> str:
    """As what an order finds the account: open, where its block leaves the balance to be spent."""
    if state == BLOCKED and await that_may_order(connection, [account], keeping):
        return "open"
    return state


async def _counted(connection: AsyncConnection, names: list[str]) -> Mapping[str, int]:
    rows = (
        await connection.execute(statement("books/accounts_without"), {"names": names})
    ).mappings()
    return {row["policy"]: row["accounts"] for row in rows}


class PolicyRepository:
    """The contents of policies, by name and version, and what was decided under them."""

    def __init__(self, db: Database, policies: Mapping[str, Profile]) -> None:
        self._db = db
        #: The policies of this process: name, version and content, as JSON.
        self._own = {
            (name, profile.version): json.dumps(content_of(profile))
            for name, profile in policies.items()
        }
        #: Those that leave a blocked account its balance: it can still be spent.
        self.keeping = frozenset(
            name for name, p in policies.items() if p.balance.rules_block is RulesBlock.KEEP
        )
        self._stored: set[PolicyVersion] = set()  #: Are in the database, unless that is in doubt.
        self._doubts = db.doubts

    async def keep(self, name: str, version: str) -> None:
        """Store a policy of this process, before an order is made under it."""
        self._forget_if_in_doubt()
        content = self._own.get((name, version))
        if (name, version) in self._stored or content is None:
            return

        async def work(connection: AsyncConnection) -> None:
            thing = {"name": name, "version": version, "content": content}
            await connection.execute(_KEEP, thing)

        doubts = self._db.doubts
        await self._db.write(work)
        if self._db.doubts == doubts:
            self._stored.add((name, version))

    def _forget_if_in_doubt(self) -> None:
        """A failover may have lost what was committed before it."""
        if self._doubts != self._db.doubts:
            self._doubts = self._db.doubts
            self._stored.clear()

    async def read(
        self, versions: Collection[PolicyVersion] | None = None
    ) -> Mapping[PolicyVersion, Any]:
        """The contents of these that are kept; without *versions* of all."""

        async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
            if versions is None:
                return (await connection.execute(_KEPT)).mappings().all()
            wanted = {
                "names": [name for name, _ in versions],
                "versions": [version for _, version in versions],
            }
            return (await connection.execute(_THESE, wanted)).mappings().all()

        doubts = self._db.doubts
        rows = await self._db.read(work)
        contents = {(row["name"], row["version"]): row["content"] for row in rows}
        if self._db.doubts == doubts == self._doubts:
            self._stored.update(contents)
        return contents

    async def accounts_without(self, names: Collection[str]) -> Mapping[str, int]:
        """How many accounts belong to each policy that is none of these."""
        work = partial(_counted, names=list(names))
        return await self._db.read(work)

    async def newest_past(self) -> datetime | None:
        """The instant of the newest settlement or case; None: there is neither."""

        async def work(connection: AsyncConnection) -> datetime | None:
            newest: datetime | None = (await connection.execute(_NEWEST)).scalar()
            return newest

        return await self._db.snapshot(work)

    async def past_orders(
        self, policy: str, after: PastPlace, until: datetime, limit: int, recent: int
    ) -> tuple[list[PastOrder], PastPlace | None]:
        """Those of *policy* among the next *limit* settlements, and where they end; None: all.

        A page is a number of settlements of any policy, so that a rare one costs no long statement.
        """
        asked = {"policy": policy, "recent": recent}
        name = "cases/past_orders"
        rows, end = await self._page(_SETTLED_TO, name, after, until, limit, asked)
        orders: list[dict[str, Any]] = [dict(row) for row in rows]
        recents = [tuple(order.pop("recent_cancels")) for order in orders]
        pairs = zip(orders, recents, strict=True)
        return [PastOrder(**order, recent_cancels=of) for order, of in pairs], end

    async def past_cases(
        self, policy: str, after: PastPlace, until: datetime, limit: int
    ) -> tuple[list[PastCase], PastPlace | None]:
        """The same of cases, in the order of their opening."""
        name, asked = "cases/past_cases", {"policy": policy}
        rows, end = await self._page(_OPENED_TO, name, after, until, limit, asked)
        cases: list[dict[str, Any]] = [dict(row) for row in rows]
        return [PastCase(**case) for case in cases], end

    async def _page(
        self,
        end_of: TextClause,
        name: str,
        after: PastPlace,
        until: datetime,
        limit: int,
        asked: Mapping[str, object],
    ) -> tuple[Sequence[RowMapping], PastPlace | None]:
        async def work(
            connection: AsyncConnection,
        ) -> tuple[Sequence[RowMapping], PastPlace | None]:
            begin = {"at": after.at, "id": after.id}
            span = {**begin, "until": until, "more": limit - 1}
            found = (await connection.execute(end_of, span)).one_or_none()
            end = PastPlace(until, _LAST_ID) if found is None else PastPlace(*found)
            whole = {**asked, **begin, "to_at": end.at, "to_id": end.id}
            rows = (await connection.execute(statement(name), whole)).mappings().all()
            return rows, None if found is None else end

        return await self._db.snapshot(work)
