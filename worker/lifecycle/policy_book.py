"""The policy a number was bought under: by that one it is judged, whatever the files say today.

Each version is kept in the database when an order is first made under it. Other hosts may run with
newer files, so a version that this process does not know yet is read before it is asked for.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from worker.domain.policy import Profile, ProfileError
from worker.domain.policy.language.loading import profile_of
from worker.ports.store.cases import PolicyLookup, PolicyVersion, ReadPolicies

T = TypeVar("T")
#: The version of a policy that an account belongs to and that has no file: nobody keeps it, so
#: a human decides.
FILE_GONE: Final = "gone"


class PolicyNotRead(Exception):
    """Somebody asked for a version without having it loaded."""

    def __init__(self, name: str, version: str) -> None:
        super().__init__(f"{name} {version}")
        self.version: PolicyVersion = (name, version)


@dataclass(slots=True)
class PolicyBook:
    today: Mapping[str, Profile]  #: Those of this process, by name.
    read: ReadPolicies
    kept: dict[PolicyVersion, Profile] = field(default_factory=dict)  #: As read; only grows.
    unreadable: dict[PolicyVersion, str] = field(default_factory=dict)  #: Newer code's: why.
    _missing: set[PolicyVersion] = field(default_factory=set)  #: Kept nowhere when last read.

    async def load(self, versions: Iterable[PolicyVersion]) -> None:
        """See to it that `of` can answer for these; without I/O where it can already.

        What was kept nowhere is read again: nobody but a person can have lost it, and put it back.
        """
        unread = [version for version in set(versions) if not self._has(version)]
        if unread:
            self._keep(await self.read(unread))
            self._missing.update(version for version in unread if not self._has(version))

    def of(self, name: str, version: str) -> Profile | None:
        """The policy of this version; None where it cannot be had.

        Raises `PolicyNotRead` for one that nobody loaded: a bug of who asks.
        """
        today = self.today.get(name)
        if today is not None and today.version == version:
            return today
        if not self._has((name, version)) and (name, version) not in self._missing:
            raise PolicyNotRead(name, version)
        return self.kept.get((name, version))

    def version_for(self, name: str, bound: str | None) -> PolicyVersion | None:
        """Today's; of the policy that an account is *bound* to also where its file is gone."""
        today = self.today.get(name)
        if today is not None:
            return name, today.version
        return (name, FILE_GONE) if name == bound else None

    async def judged(self, transaction: Callable[[PolicyLookup], Awaitable[T]]) -> T:
        """Run a transaction that asks for a policy: once more where that has to be read first.

        Which one it needs is known only under its locks, where nobody may wait for another read.
        """
        try:
            return await transaction(self._of_loaded)
        except PolicyNotRead as unread:
            await self.load([unread.version])
        return await transaction(self.of)

    async def every_version(self) -> dict[PolicyVersion, Profile]:
        """Those of all orders there are, and today's."""
        self._keep(await self.read(None))
        today = {(name, profile.version): profile for name, profile in self.today.items()}
        return {**self.kept, **today}

    def _of_loaded(self, name: str, version: str) -> Profile | None:
        if (name, version) in self._missing:
            raise PolicyNotRead(name, version)
        return self.of(name, version)

    def _has(self, version: PolicyVersion) -> bool:
        today = self.today.get(version[0])
        return (
            version in self.kept
            or version in self.unreadable
            or (today is not None and today.version == version[1])
        )

    def _keep(self, contents: Mapping[PolicyVersion, Any]) -> None:
        for version, content in contents.items():
            if version in self.kept or version in self.unreadable:
                continue  # Each is read once; the content of a version never changes.
            self._missing.discard(version)
            try:
                kept = profile_of(version[0], content)
                self.kept[version] = replace(kept, version=version[1])  # As it was kept.
            except Exception as error:  # noqa: BLE001 - one policy must not stop all others
                foreseen = isinstance(error, ProfileError)
                self.unreadable[version] = str(error) if foreseen else type(error).__name__
