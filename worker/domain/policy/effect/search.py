"""Finds the keys of a policy that decide nothing.

For each key the same policy is made with another value of it, and both are asked: a question that
they answer differently shows that the key decides something. Where none is found, it is a problem.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import tzinfo
from enum import Enum
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from worker.domain.calendar import Duration, Unit
from worker.domain.policy.effect.asking import differ
from worker.domain.policy.effect.axes import Variation, words_of
from worker.domain.policy.effect.needs import missing_neighbour
from worker.domain.policy.language.file_problems import KeyProblems
from worker.domain.policy.language.kinds import NON_RECEIVING, OTHER
from worker.domain.policy.language.matching import Match, When
from worker.domain.policy.language.profile import Profile, Said, kind_of, profile_saying
from worker.domain.policy.language.sections import Limit
from worker.domain.policy.language.value_readers import did_you_mean
from worker.domain.policy.vocabulary import Evidence

OTHERS_MAX = 6  #: Of a long list of words a few stand for all.
_MAXIMA = ("max_count", "max_minor", "max_ratio_bp")
_EVIDENCE = sorted(kind.value for kind in Evidence)
_ByKind: TypeAlias = Mapping[str | None, Said]  #: None: what is said of no kind.
#: Any kind may start from the row `other`; what a closed number still has is `non_receiving`.
_BESIDE_ANY: Final = (None, OTHER, NON_RECEIVING)


def keys_without_effect(profile: Profile) -> KeyProblems:
    """Each key that no answer depends on, with what is missing beside it."""
    apart = kinds_apart(profile)
    for key, value in profile.said.items():
        near = apart.around(key)
        if _is_row(key) or _is_default(near, key):
            continue
        if not _decides(near, key, value):
            yield key, f"decides nothing: {missing_neighbour(profile, key)}"
    yield from _limits_without_effect(profile)
    yield from _exceptions_without_effect(profile)
    yield from _evidence_nobody_gives(profile)


class KindsApart(NamedTuple):
    """A policy whose kinds of claims can be left out: a question about one meets few others.

    A file may name hundreds, and each of its keys makes the policy anew.
    """

    profile: Profile
    file: _ByKind
    whens: tuple[_ByKind, ...]

    def around(self, key: str) -> Profile:
        """The policy as a question about *key* meets it."""
        kind = kind_of(key)
        if kind in _BESIDE_ANY:
            return self.profile
        whens = zip(self.profile.whens, self.whens, strict=True)
        fewer = tuple(replace(when, changes=_said_of(apart, kind)) for when, apart in whens)
        return _saying(self.profile, _said_of(self.file, kind), whens=fewer)


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


def _evidence_nobody_gives(profile: Profile) -> KeyProblems:
    """What no request can name would be asked for in vain."""
    places = [("", profile.said), *((f"{when.place}.", when.changes) for when in profile.whens)]
    for place, said in places:
        for key, value in said.items():
            if kind_of(key) is None or not key.endswith(".evidence"):
                continue
            assert isinstance(value, frozenset)  # Its reader gives one.
            for name in sorted(value.difference(_EVIDENCE)):
                hint = did_you_mean(name, _EVIDENCE)
                problem = f"no request can give {name}, only {', '.join(_EVIDENCE)}{hint}"
                yield f"{place}{key}", problem


def _is_row(key: str) -> bool:
    """A row of kinds or methods: any may be written; its keys are looked at one by one."""
    return key.startswith(("claims.kinds.", "payout.methods.")) and key.count(".") == 2


def _is_default(profile: Profile, key: str) -> bool:
    """Whether leaving the key out says the same: a default may be written."""
    without = _saying(profile, _without(profile.said, key))
    return all(
        getattr(profile, field.name) == getattr(without, field.name)
        for field in fields(profile)
        if field.compare and field.name not in {"said", "version"}
    )


def _decides(profile: Profile, key: str, value: object) -> bool:
    if key.startswith("labels."):
        return _label_decides(profile, key, value)
    return any(
        differ(profile, _saying(profile, said), key, orders)
        for orders in _orders_asked(profile)
        for said in _said_otherwise(profile.said, key, value)
    )


def _said_otherwise(said: Said, key: str, value: object) -> Iterator[Said]:
    yield _without(said, key)
    for other in _other_values(value):
        yield {**said, key: other}


def _other_values(value: object) -> Iterator[object]:
    """A few that differ from *value* as much as they can."""
    match value:
        case bool():
            yield not value
        case Enum():
            others = (other for other in type(value) if other is not value)
            yield from itertools.islice(others, OTHERS_MAX)
        case int():
            yield from (other for other in (2 * value + 1, 1) if other != value)
        case Duration():
            yield Duration(value.unit, 2 * value.count)
            yield Duration(Unit.SECONDS, 90)
        case frozenset():
            yield frozenset()
            yield frozenset({"unheard_of"} if any(isinstance(each, str) for each in value) else ())
        case tzinfo():
            yield ZoneInfo("Asia/Tokyo")
        case _:
            return


def _without(said: Said, key: str) -> Said:
    return {name: value for name, value in said.items() if name != key}


def _saying(
    profile: Profile,
    said: Said,
    limits: tuple[Limit, ...] | None = None,
    whens: tuple[When, ...] | None = None,
) -> Profile:
    return profile_saying(
        profile.name,
        said,
        limits=profile.limits if limits is None else limits,
        whens=profile.whens if whens is None else whens,
    )


def _orders_asked(profile: Profile) -> Iterator[list[Variation]]:
    """Those of exceptions last: few keys of a file decide something only beside theirs."""
    yield _orders_beside(profile)
    if profile.whens:
        yield [words_of(when.match) for when in profile.whens]


def _orders_beside(profile: Profile) -> list[Variation]:
    """Orders of no exception as far as possible: there the keys of the file itself hold."""
    if not profile.whens:
        return [{}]
    return [{}, _other_than([when.match for when in profile.whens])]


def _other_than(matches: list[Match]) -> Variation:
    facts: dict[str, Any] = {}
    for match in matches:
        if match.product is not None:
            named = {each.value for each in match.product}
            facts["product"] = next(iter({"one_time", "rental"} - named), "one_time")
        if match.service_2fa is not None:
            facts["service_2fa"] = match.service_2fa == {False}
        if match.buy_channel is not None:
            named = {each.value for each in match.buy_channel}
            facts["buy_channel"] = next(iter({"web", "api"} - named), "web")
        if match.payment_method is not None and "balance" in match.payment_method:
            facts["payment_method"] = "unheard_of"
        if match.price_to_minor is not None:
            facts["price_minor"] = match.price_to_minor + 1
        elif match.price_from_minor is not None:
            facts["price_minor"] = max(match.price_from_minor - 1, 1)
    return facts


def _label_decides(profile: Profile, key: str, words: Any) -> bool:  # noqa: ANN401 - a set of words
    label = key.partition(".")[2]
    without = _saying(profile, _without(profile.said, key))
    return any(
        differ(profile, without, changed, [words_of(when.match) | {"labels": [], "service": word}])
        for when in profile.whens
        if when.match.label is not None and label in when.match.label
        for changed in when.changes
        for word in sorted(words)
    )


def _limits_without_effect(profile: Profile) -> KeyProblems:
    for index, limit in enumerate(profile.limits):
        name = f"limits[{index}]"
        if not _limit_decides(profile, index, None):
            yield name, f"decides nothing: {_why_no_limit(profile, limit)}"
            continue
        for key, other in _limits_otherwise(limit):
            if not _limit_decides(profile, index, other):
                yield f"{name}.{key}", "decides nothing: the rest of the limit says the same"


def _why_no_limit(profile: Profile, limit: Limit) -> str:
    """Alone it may decide something that another one decides as well."""
    alone = _saying(profile, profile.said, limits=(limit,))
    if len(profile.limits) > 1 and _limit_decides(alone, 0, None):
        return "the other limits say as much"
    return "nothing that it counts is paid without a human here"


def _limits_otherwise(limit: Limit) -> Iterator[tuple[str, Limit]]:
    plain = Limit(of=limit.of, per=limit.per)
    maxima = [key for key in _MAXIMA if getattr(limit, key) is not None]
    if len(maxima) > 1:
        yield from ((key, _limit(limit, key, None)) for key in maxima)
    for key in ("ratio_of", "then"):
        if getattr(limit, key) != getattr(plain, key):
            yield key, _limit(limit, key, getattr(plain, key))


def _limit(limit: Limit, key: str, value: Any) -> Limit:  # noqa: ANN401 - any of its keys
    changed: dict[str, Any] = {key: value}
    return replace(limit, **changed)


def _limit_decides(profile: Profile, index: int, other: Limit | None) -> bool:
    before, after = profile.limits[:index], profile.limits[index + 1 :]
    changed = (*before, *([other] if other else []), *after)
    without = _saying(profile, profile.said, limits=changed)
    return any(differ(profile, without, "limits", orders) for orders in _orders_asked(profile))


def _exceptions_without_effect(profile: Profile) -> KeyProblems:
    for index, when in enumerate(profile.whens):
        # A short form may be meant for the rest: what later exceptions say is no reproach to it.
        beside = profile.whens[: index + 1] if when.short else profile.whens
        within = _saying(profile, profile.said, whens=beside)
        keys = [key for key in when.changes if not _is_row(key)]
        apart = kinds_apart(within)
        idle = [key for key in keys if not _exception_decides(apart.around(key), index, key)]
        if not when.changes:
            yield when.place, "decides nothing: it changes no key"
        elif when.short and idle == keys:
            yield when.place, f"decides nothing: {_why(within, index, idle[0])}"
        elif not when.short:
            for key in idle:
                yield f"{when.place}.{key}", f"decides nothing: {_why(within, index, key)}"


def _why(profile: Profile, index: int, key: str) -> str:
    """An exception may say what the file says, or lack what its key needs."""
    same = profile.said.get(key) == profile.whens[index].changes[key]
    return "it says what holds anyway" if same else missing_neighbour(profile, key)


def _exception_decides(profile: Profile, index: int, key: str) -> bool:
    whens, when = profile.whens, profile.whens[index]
    changes: Mapping[str, Any] = _without(when.changes, key)
    fewer = (*whens[:index], replace(when, changes=changes), *whens[index + 1 :])
    own = words_of(when.match)
    orders = [own, *(words_of(other.match) | own for other in whens if other is not when)]
    return differ(profile, _saying(profile, profile.said, whens=fewer), key, orders)
