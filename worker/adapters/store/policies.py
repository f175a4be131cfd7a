"""Policies as they were: the content of each version is kept when an order is first made under it.

An order is decided for good by the version of its purchase, whatever the shop's files say today.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database
from worker.domain.policy import Profile
from worker.domain.policy.loading import content_of
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


class PolicyRepository:
    """The contents of policies, by name and version."""

    def __init__(self, db: Database, policies: Mapping[str, Profile]) -> None:
        self._db = db
        #: The policies of this process: name, version and content, as JSON.
        self._own = {
            (name, profile.version): json.dumps(content_of(profile))
            for name, profile in policies.items()
        }
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
