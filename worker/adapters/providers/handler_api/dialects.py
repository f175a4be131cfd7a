"""What differs between the companies that speak handler_api.php, as data."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from worker.domain.families import Capabilities, RentOption, capabilities_of
from worker.ports.provider import NoRent


class ListShape(enum.Enum):
    """Where the rows of getActiveActivations are."""

    ACTIVE = "active"  #: In `activeActivations` of an object.
    DATA = "data"  #: In `data` of an object.
    BARE = "bare"  #: A bare list, `null`, or as ACTIVE.


#: Of a purchase. It is sent only where the capabilities name it.
OPERATOR: Final[Mapping[RentOption, str]] = {RentOption.OPERATOR: "&operator={value}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerDialect:
    """One company's way of speaking; whether it has a list or a history is in its capabilities."""

    name: str
    rent_action: str = "getNumberV2"  #: With V2 the reply holds the cost; getNumber has none.
    cancel_status: str = "8"
    list_shape: ListShape = ListShape.ACTIVE
    cancelled: frozenset[str] = frozenset({"STATUS_CANCEL"})  #: Answers to getStatus.
    finished: frozenset[str] = frozenset({"STATUS_FINISH"})
    not_known: frozenset[str] = frozenset()  #: Beyond `words.NOT_KNOWN`.
    transient: frozenset[str] = frozenset()  #: Beyond `words.TRANSIENT`.
    unclear: frozenset[str] = frozenset()  #: Replies to a cancel, beyond `words.UNCLEAR`.
    no_rent: Mapping[str, NoRent] = field(default_factory=dict)  #: Beyond `words.NO_RENT`.
    price_limit: str = "maxPrice"  #: What the highest price of a purchase is called.
    price_header: str = ""  #: Of the reply to a purchase: holds what was really taken.
    past_limit: str = "limit"  #: What the length of a page of getHistory is called.
    past_given_back: frozenset[str] = frozenset({"8"})  #: Its statuses, beside 6 for charged.
    past_live: frozenset[str] = frozenset({"4"})
    options: Mapping[RentOption, str] = field(default_factory=lambda: OPERATOR)
    takes_order: bool = False  #: getNumber takes our own id and refuses it a second time.

    @property
    def capabilities(self) -> Capabilities:
        return capabilities_of("handler_api", self.name)


DIALECTS: Final = {
    dialect.name: dialect
    for dialect in (
        HandlerDialect(
            name="classic",
            cancelled=frozenset({"STATUS_CANCEL", "STATUS_REVOKE"}),
            takes_order=True,
        ),
        HandlerDialect(
            name="hero",
            list_shape=ListShape.DATA,
            not_known=frozenset({"NOT_FOUND"}),
            past_limit="size",
            past_given_back=frozenset({"8", "10"}),
            past_live=frozenset({"2", "3", "4"}),
        ),
        HandlerDialect(
            name="tiger",
            list_shape=ListShape.DATA,
            cancelled=frozenset({"STATUS_CANCEL", "ACCESS_CANCEL"}),
            not_known=frozenset({"NOT_FOUND"}),
            # Tiger answers any server error with this word.
            transient=frozenset({"BAD_ACTION"}),
        ),
        HandlerDialect(name="smsbower"),
        HandlerDialect(name="grizzly", list_shape=ListShape.BARE),
        HandlerDialect(name="smshub", rent_action="getNumber"),
        HandlerDialect(name="smsman", rent_action="getNumber", cancel_status="-1"),
        HandlerDialect(name="privatesms", rent_action="getNumber"),
        HandlerDialect(
            name="daisysms",
            rent_action="getNumber",
            not_known=frozenset({"BAD_ID"}),
            # Elsewhere this word is the yes to another change. Here a cancel is refused with it
            # where a code is there, and where the number is over or was never there.
            unclear=frozenset({"ACCESS_READY"}),
            no_rent={
                "NO_MONEY": NoRent.NO_BALANCE,
                "MAX_PRICE_EXCEEDED": NoRent.PRICE_ABOVE_MAX,
                "TOO_MANY_ACTIVE_RENTALS": NoRent.NO_NUMBERS,
                "NUMBER_NOT_AVAILABLE": NoRent.NO_NUMBERS,
                "BAD_NUMBER": NoRent.BAD_REQUEST,
            },
            price_limit="max_price",
            price_header="X-Price",
            options={
                RentOption.OPERATOR: "&carriers={value}",
                RentOption.AREA_CODE: "&areas={value}",
            },
        ),
    )
}
