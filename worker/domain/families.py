"""The protocol families: the dialects of each, and what its companies offer.

Facts only, and their one home. Settings and the simulator read the names, adapters and lifecycle
the capabilities, and the README's table shows both. How something is asked for is in the package of
the family's name, `worker/adapters/providers/NAME`.

Another package brings a family by an entry point in the group `ENTRY_POINTS`: its name is the
family's, and it names an object, usually a package, with `CAPABILITIES`, `ADAPTER` and perhaps
`FACE`. It is imported when the family is asked for by its name, never before.
"""

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final


class RentOption(enum.StrEnum):
    """What can be asked of a number beside its service and country, by the API's names."""

    OPERATOR = "operator"
    AREA_CODE = "area_code"
    MEDIUM = "medium"  #: A call that tells the code, instead of an SMS.
    REUSE = "reuse"  #: The phone of an earlier number once more.


class KnownFrom(enum.StrEnum):
    """What a protocol is known from."""

    LIVE = "live replies"
    DOCS = "documentation"
    CLIENTS = "client programs"


NO_OPTIONS: Final[frozenset[RentOption]] = frozenset()
_LIVE: Final = (KnownFrom.LIVE,)
_DOCS: Final = (KnownFrom.DOCS,)
_BOTH: Final = (*_LIVE, *_DOCS)
_CLIENTS: Final = (KnownFrom.CLIENTS,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the companies that speak one dialect offer; data, so that no caller asks for a name."""

    list_page_size: int | None = None  #: Rows in a page of active numbers; None: no list.
    history: bool = False  #: Tells what became of past numbers and of their price.
    push: bool = False  #: Pushes SMS.
    resend: bool = True  #: Can be asked for another SMS.
    report: bool = False  #: Can be told that a number is bad, which ends the number there.
    options: frozenset[RentOption] = NO_OPTIONS  #: What a purchase may ask of the number.
    price_limit: bool = True  #: Knows a price that a purchase must not exceed.
    gives_expiry: bool = False
    look_changes_things: bool = False  #: A look can charge or hide: it is never repeated by itself.
    look_gap: timedelta | None = None  #: The least time between two calls, where one is demanded.
    rentals: bool = False  #: Rents numbers for hours or months.
    known_from: tuple[KnownFrom, ...] = ()  #: The best there is.

    @property
    def page_size(self) -> int:
        """Rows in a page of the list, for those that have one."""
        assert self.list_page_size is not None, "there is no list"
        return self.list_page_size


_OPERATOR: Final = frozenset({RentOption.OPERATOR})
_PLACE: Final = _OPERATOR | {RentOption.AREA_CODE}
#: By family and dialect. A family without dialects has its own under `NO_DIALECT`.
NO_DIALECT: Final = ""
FAMILIES: Final[Mapping[str, Mapping[str, Capabilities]]] = {
    "handler_api": {
        "classic": Capabilities(
            list_page_size=100,
            history=True,
            push=True,
            options=_OPERATOR,
            rentals=True,
            known_from=_CLIENTS,
        ),
        "hero": Capabilities(
            list_page_size=100,
            history=True,
            push=True,
            options=_OPERATOR,
            gives_expiry=True,
            rentals=True,
            known_from=_BOTH,
        ),
        "tiger": Capabilities(list_page_size=100, known_from=_BOTH),
        "smsbower": Capabilities(push=True, known_from=_LIVE),
        "grizzly": Capabilities(
            list_page_size=100, push=True, gives_expiry=True, rentals=True, known_from=_CLIENTS
        ),
        "smshub": Capabilities(known_from=_CLIENTS),
        "smsman": Capabilities(known_from=_DOCS),
        "privatesms": Capabilities(known_from=_DOCS),
        "daisysms": Capabilities(
            push=True,
            resend=False,
            options=_PLACE,
            look_gap=timedelta(seconds=3),
            known_from=_DOCS,
        ),
    },
    "fivesim": {
        NO_DIALECT: Capabilities(
            list_page_size=100,
            history=True,
            resend=False,
            report=True,
            options=_OPERATOR | {RentOption.MEDIUM, RentOption.REUSE},
            gives_expiry=True,
            rentals=True,
            known_from=_BOTH,
        )
    },
    # The lists of onlinesim, SMSPVA and SMSPool have no pages; a reading is reckoned as 1000 rows.
    "onlinesim": {
        NO_DIALECT: Capabilities(
            list_page_size=1000,
            push=True,
            report=True,
            price_limit=False,
            rentals=True,
            known_from=_CLIENTS,
        )
    },
    "smspva": {
        NO_DIALECT: Capabilities(
            list_page_size=1000,
            report=True,
            options=_OPERATOR,
            price_limit=False,
            gives_expiry=True,
            look_changes_things=True,
            look_gap=timedelta(seconds=4),
            rentals=True,
            known_from=_CLIENTS,
        )
    },
    "vaksms": {
        NO_DIALECT: Capabilities(report=True, options=_OPERATOR, rentals=True, known_from=_CLIENTS)
    },
    "smsman": {NO_DIALECT: Capabilities(rentals=True, known_from=_DOCS)},
    "smspool": {
        NO_DIALECT: Capabilities(
            list_page_size=1000,
            history=True,
            push=True,
            options=_PLACE | {RentOption.MEDIUM},
            gives_expiry=True,
            rentals=True,
            known_from=_BOTH,
        )
    },
    # Its pages follow one another by links, so they are read as one.
    "textverified": {
        NO_DIALECT: Capabilities(
            list_page_size=1000,
            history=True,
            push=True,
            resend=False,
            report=True,
            options=_PLACE | {RentOption.REUSE},
            gives_expiry=True,
            rentals=True,
            known_from=_DOCS,
        )
    },
}


ENTRY_POINTS: Final = "activation_worker.providers"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


class NoSuchFamily(KeyError):
    """Nobody speaks this protocol, or the package that should cannot be used. Says why."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class FamilyPackage:
    """A family of another package."""

    dialects: Mapping[str, Capabilities]
    brought: object  #: What its entry point names: its `ADAPTER` and `FACE` are read from it.


def is_shipped(family: str) -> bool:
    """Whether it is a part of the worker. What others bring is believed nothing."""
    return family in FAMILIES


def family_names() -> list[str]:
    """Of all that can be asked for: those that ship, then those of other packages."""
    return [*FAMILIES, *sorted(registered().keys() - FAMILIES.keys())]


@cache
def registered() -> dict[str, list[EntryPoint]]:
    """By name; a name that two packages use is nobody's."""
    found: dict[str, list[EntryPoint]] = {}
    for entry in entry_points(group=ENTRY_POINTS):
        found.setdefault(entry.name, []).append(entry)
    return found


@cache
def family_package(family: str) -> FamilyPackage:
    """A family that does not ship. Raises `NoSuchFamily`, whatever its package does."""
    entries = registered().get(family, [])
    brought_by = " and ".join(sorted(_distribution_of(entry) for entry in entries))
    if not entries:
        raise NoSuchFamily(f"no such family; there are: {', '.join(family_names())}")
    if len(entries) > 1:
        raise NoSuchFamily(f"brought by {brought_by}: which of them is meant, nobody knows")
    if not _NAME.fullmatch(family):
        raise NoSuchFamily(f"{brought_by}: a family's name is lower case letters, digits and _")
    try:
        brought = entries[0].load()
        dialects = _dialects(getattr(brought, "CAPABILITIES", None))
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # noqa: BLE001 - it is not our code: SystemExit is among it
        # Its message is the author's and about code alone: no key was handed over yet.
        why = f"{type(error).__name__}: {error}"[:200]
        raise NoSuchFamily(f"{brought_by} cannot be used: {why}") from None
    return FamilyPackage(dialects, brought)


def _distribution_of(entry: EntryPoint) -> str:
    return entry.value if entry.dist is None else f"{entry.dist.name} {entry.dist.version}"


def _dialects(capabilities: object) -> Mapping[str, Capabilities]:
    """`CAPABILITIES` as it may be written: of the family, or of each of its dialects by name."""
    if isinstance(capabilities, Capabilities):
        return {NO_DIALECT: capabilities}
    if isinstance(capabilities, Mapping) and capabilities:
        named = dict(capabilities)
        right = (isinstance(of, Capabilities) and _is_name(name) for name, of in named.items())
        if all(right):
            return named
    raise TypeError("CAPABILITIES is neither Capabilities nor Capabilities by dialect")


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def dialects_of(family: str) -> Mapping[str, Capabilities]:
    """The dialects of a family by name. Raises `NoSuchFamily`."""
    return FAMILIES[family] if family in FAMILIES else family_package(family).dialects


def has_dialects(family: str) -> bool:
    """Whether the companies of this family differ, so that a dialect must be configured."""
    return NO_DIALECT not in dialects_of(family)


def capabilities_of(family: str, dialect: str) -> Capabilities:
    """Raises `KeyError` where nobody speaks so; a family without dialects ignores *dialect*."""
    return dialects_of(family)[dialect if has_dialects(family) else NO_DIALECT]


def every_dialect() -> Iterator[tuple[str, str]]:
    """Family and dialect of all that ships; `NO_DIALECT` where there is none."""
    for family, dialects in FAMILIES.items():
        for dialect in dialects:
            yield family, dialect
