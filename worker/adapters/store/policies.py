"""Policies as they were: the content of each version is kept when an order is first made under it.

An order is decided for good by the version of its purchase, whatever the shop's files say today.
"""

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict
from typing import Any, TypeAlias

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from worker.adapters.store.database import Database
from worker.domain.policy import Profile, ProfileError, override
from worker.domain.policy.loading import plain
from worker.domain.policy.schema import KEYS

Version: TypeAlias = tuple[str, str]  #: Name and version of a policy.

_KEEP = text(
    "INSERT INTO policy_version (name, version, content)"
    " VALUES (:name, :version, CAST(:content AS jsonb)) ON CONFLICT DO NOTHING"
)
_KEPT = text("SELECT name, version, content FROM policy_version")
_THESE = text(
    "SELECT name, version, content FROM policy_version WHERE (name, version) IN"
    " (SELECT * FROM unnest(CAST(:names AS text[]), CAST(:versions AS text[])))"
)

_FIELDS = {field for field, _ in KEYS.values()}


class PolicyVersions:
    """The policies of this process, and those that orders were made under on any host."""

    def __init__(self, db: Database, policies: Mapping[str, Profile]) -> None:
        self._db = db
        self._policies = policies  #: Those of this process, by name.
        self.kept: dict[Version, Profile] = {}  #: Are in the database for sure; only grows.
        self.unreadable: dict[Version, str] = {}  #: This version of the code cannot use them: why.

    async def keep(self, name: str, version: str) -> None:
        profile = self._policies.get(name)
        if (name, version) in self.kept or profile is None or profile.version != version:
            return

        async def work(connection: AsyncConnection) -> None:
            content = json.dumps(content_of(profile))
            thing = {"name": name, "version": version, "content": content}
            await connection.execute(_KEEP, thing)

        await self._db.write(work)
        self.kept[name, version] = profile

    async def kept_policies(self) -> dict[Version, Profile]:
        async def work(connection: AsyncConnection) -> Sequence[RowMapping]:
            return (await connection.execute(_KEPT)).mappings().all()

        self._read(await self._db.read(work))
        return dict(self.kept)

    async def every_version(self) -> dict[Version, Profile]:
        today = {(name, of.version): of for name, of in self._policies.items()}
        return {**today, **await self.kept_policies()}

    async def of(self, connection: AsyncConnection, name: str, version: str) -> Profile | None:
        """The policy an order was made under; None where no such version can be had."""
        today = self._policies.get(name)
        if today is not None and today.version == version:
            return today
        await self.learn(connection, {(name, version)})
        return self.kept.get((name, version))

    async def learn(self, connection: AsyncConnection, named: AbstractSet[Version]) -> None:
        """See to it that these are in `kept` where they can be: other hosts may have newer ones.

        What is not there is asked for again: nobody but a person can have lost it, and put it back.
        """
        new = [one for one in named if one not in self.kept and one not in self.unreadable]
        if new:
            names, versions = zip(*new, strict=True)
            wanted = {"names": list(names), "versions": list(versions)}
            self._read((await connection.execute(_THESE, wanted)).mappings().all())

    def _read(self, found: Sequence[RowMapping]) -> None:
        for row in found:
            version = (row["name"], row["version"])
            if version in self.kept or version in self.unreadable:
                continue  # Each is read once; the content of a version never changes.
            try:
                self.kept[version] = profile_of(row["name"], row["content"])
            except Exception as error:  # noqa: BLE001 - one policy must not stop all others
                foreseen = isinstance(error, ProfileError)
                self.unreadable[version] = str(error) if foreseen else type(error).__name__


def content_of(profile: Profile) -> dict[str, Any]:
    """A policy as JSON that `profile_of` reads back."""
    content = {
        field: plain(value)
        for field, value in asdict(profile).items()
        if field in _FIELDS  # The others say something about the text, not what it says.
    }
    content["window_days"] = {kind.value: days for kind, days in profile.window_days}
    return content


def profile_of(name: str, content: Mapping[str, Any]) -> Profile:
    """Checked like a policy file; a field this version of the code lacks is a `ProfileError`."""
    return override(Profile(name=name), content)
