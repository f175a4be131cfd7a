"""The protocol families: the dialects of each, and what its companies offer.

Facts only, and their one home. Settings and the simulator read the names, adapters and lifecycle
the capabilities, and the README's table shows both. How something is asked for is in the package of
the family's name, `worker/adapters/providers/NAME`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, TypeAlias, get_args

FamilyName: TypeAlias = Literal[
    "handler_api", "fivesim", "onlinesim", "smspva", "vaksms", "smsman", "smspool", "textverified"
]
DialectName: TypeAlias = Literal[
    "classic",
    "hero",
    "tiger",
    "smsbower",
    "grizzly",
    "smshub",
    "smsman",
    "privatesms",
    "daisysms",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What the companies that speak one dialect offer; data, so that no caller asks for a name."""

    list_page_size: int | None = None  #: Rows in a page of active numbers; None: no list.
    history: bool = False  #: Tells what became of past numbers and of their price.
    push: bool = False  #: Pushes SMS.
    resend: bool = True  #: Can be asked for another SMS.
    price_limit: bool = True  #: Knows a price that a purchase must not exceed.
    gives_expiry: bool = False
    look_changes_things: bool = False  #: A look can charge or hide: it is never repeated by itself.
    look_gap: timedelta | None = None  #: The least time between two calls, where one is demanded.
    rentals: bool = False  #: Rents numbers for hours or months.

    @property
    def page_size(self) -> int:
        """Rows in a page of the list, for those that have one."""
        assert self.list_page_size is not None, "there is no list"
        return self.list_page_size


#: By family and dialect. A family without dialects has its own under `NO_DIALECT`.
NO_DIALECT: Final = ""
FAMILIES: Final[Mapping[str, Mapping[str, Capabilities]]] = {
    "handler_api": {
        "classic": Capabilities(list_page_size=100, history=True, push=True, rentals=True),
        "hero": Capabilities(
            list_page_size=100, history=True, push=True, gives_expiry=True, rentals=True
        ),
        "tiger": Capabilities(list_page_size=100),
        "smsbower": Capabilities(push=True),
        "grizzly": Capabilities(list_page_size=100, push=True, gives_expiry=True, rentals=True),
        "smshub": Capabilities(),
        "smsman": Capabilities(),
        "privatesms": Capabilities(),
        "daisysms": Capabilities(push=True, resend=False, look_gap=timedelta(seconds=3)),
    },
    "fivesim": {
        NO_DIALECT: Capabilities(
            list_page_size=100, history=True, resend=False, gives_expiry=True, rentals=True
        )
    },
    # The lists of onlinesim, SMSPVA and SMSPool have no pages; a reading is reckoned as 1000 rows.
    "onlinesim": {
        NO_DIALECT: Capabilities(list_page_size=1000, push=True, price_limit=False, rentals=True)
    },
    "smspva": {
        NO_DIALECT: Capabilities(
            list_page_size=1000,
            price_limit=False,
            gives_expiry=True,
            look_changes_things=True,
            look_gap=timedelta(seconds=4),
            rentals=True,
        )
    },
    "vaksms": {NO_DIALECT: Capabilities(rentals=True)},
    "smsman": {NO_DIALECT: Capabilities(rentals=True)},
    "smspool": {
        NO_DIALECT: Capabilities(list_page_size=1000, history=True, push=True, gives_expiry=True)
    },
    # Its pages follow one another by links, so they are read as one.
    "textverified": {
        NO_DIALECT: Capabilities(
            list_page_size=1000, history=True, push=True, resend=False, gives_expiry=True
        )
    },
}

assert set(FAMILIES) == set(get_args(FamilyName))
assert {name for each in FAMILIES.values() for name in each} - {NO_DIALECT} == set(
    get_args(DialectName)
)


def has_dialects(family: str) -> bool:
    """Whether the companies of this family differ, so that a dialect must be configured."""
    return NO_DIALECT not in FAMILIES[family]


def capabilities_of(family: str, dialect: str) -> Capabilities:
    """Raises `KeyError` where nobody speaks so; a family without dialects ignores *dialect*."""
    return FAMILIES[family][dialect if has_dialects(family) else NO_DIALECT]


def every_dialect() -> Iterator[tuple[str, str]]:
    """Family and dialect of whatever can be configured; `NO_DIALECT` where there is none."""
    for family, dialects in FAMILIES.items():
        for dialect in dialects:
            yield family, dialect
