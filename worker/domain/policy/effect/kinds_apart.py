"""A policy with few of its kinds of claims: a question about one never meets most of the others.

A file may name hundreds, and each of its keys makes the policy anew.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, NamedTuple, TypeAlias

from worker.domain.policy.language.kinds import NON_RECEIVING, OTHER
from worker.domain.policy.language.profile import Profile, Said, kind_of, profile_saying

_ByKind: TypeAlias = Mapping[str | None, Said]  #: None: what is said of no kind.
#: Any kind may start from the row `other`; what a closed number still has is `non_receiving`.
_BESIDE_ANY: Final = (None, OTHER, NON_RECEIVING)


class KindsApart(NamedTuple):
    profile: Profile
    file: _ByKind
    whens: tuple[_ByKind, ...]

    def around(self, key: str) -> Profile:
        """The policy as a question about *key* meets it."""
        kind = kind_of(key)
        if kind in _BESIDE_ANY:
            return self.profile
        whens = zip(self.profile.whens, self.whens, strict=True)
        return profile_saying(
            self.profile.name,
            _said_of(self.file, kind),
            limits=self.profile.limits,
            whens=tuple(replace(when, changes=_said_of(apart, kind)) for when, apart in whens),
        )


def kinds_apart(profile: Profile) -> KindsApart:
    whens = tuple(_by_kind(when.changes) for when in profile.whens)
    return KindsApart(profile, _by_kind(profile.said), whens)


def _by_kind(said: Said) -> _ByKind:
    apart: dict[str | None, dict[str, object]] = {}
    for key, value in said.items():
        apart.setdefault(kind_of(key), {})[key] = value
    return apart


def _said_of(apart: _ByKind, kind: str | None) -> Said:
    return {
        key: value for name in (*_BESIDE_ANY, kind) for key, value in apart.get(name, {}).items()
    }
