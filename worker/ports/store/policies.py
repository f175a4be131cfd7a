"""Policies as orders were made under them: each version is kept, and never changes."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, TypeAlias

from worker.domain.policy import Profile

PolicyVersion: TypeAlias = tuple[str, str]  #: Name and version.
#: Of a version, by name and version; None: it cannot be had.
PolicyLookup: TypeAlias = Callable[[str, str], Profile | None]
#: The contents of those versions that are kept, as JSON; None asks for all there are.
ReadPolicies: TypeAlias = Callable[
    [Collection[PolicyVersion] | None], Awaitable[Mapping[PolicyVersion, Any]]
]
