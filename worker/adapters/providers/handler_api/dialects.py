"""What differs between the companies that speak handler_api.php, as data."""

import enum
import re
from dataclasses import dataclass
from typing import Final

from worker.ports.provider import Capabilities


class ListShape(enum.Enum):
    """Where the rows of getActiveActivations are."""

    ACTIVE = "active"  #: In `activeActivations` of an object.
    DATA = "data"  #: In `data` of an object.
    BARE = "bare"  #: A bare list, `null`, or as ACTIVE.


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One company's way of speaking. Words are compared exactly as documented."""

    rent_action: str = "getNumberV2"  #: With V2 the reply holds the cost; getNumber has none.
    cancel_status: str = "8"
    list_shape: ListShape | None = None
    list_size: int = 100
    cancelled: frozenset[str] = frozenset({"STATUS_CANCEL"})  #: Answers to getStatus.
    finished: frozenset[str] = frozenset({"STATUS_FINISH"})
    not_known: frozenset[str] = frozenset()  #: Beyond `NOT_KNOWN`.
    transient: frozenset[str] = frozenset()  #: Beyond `TRANSIENT`.
    past_limit: str | None = None  #: What the length of a page of getHistory is called.
    past_given_back: frozenset[str] = frozenset({"8"})  #: Its statuses, beside 6 for charged.
    past_live: frozenset[str] = frozenset({"4"})
    takes_order: bool = False  #: getNumber takes our own id and refuses it a second time.
    push: bool = False
    gives_expiry: bool = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            list_page_size=None if self.list_shape is None else self.list_size,
            push=self.push,
            gives_expiry=self.gives_expiry,
            history=self.past_limit is not None,
        )


DIALECTS: Final = {
    "classic": Dialect(
        list_shape=ListShape.ACTIVE,
        cancelled=frozenset({"STATUS_CANCEL", "STATUS_REVOKE"}),
        past_limit="limit",
        takes_order=True,
        push=True,
    ),
    "hero": Dialect(
        list_shape=ListShape.DATA,
        not_known=frozenset({"NOT_FOUND"}),
        past_limit="size",
        past_given_back=frozenset({"8", "10"}),
        past_live=frozenset({"2", "3", "4"}),
        push=True,
        gives_expiry=True,
    ),
    "tiger": Dialect(
        list_shape=ListShape.DATA,
        cancelled=frozenset({"STATUS_CANCEL", "ACCESS_CANCEL"}),
        not_known=frozenset({"NOT_FOUND"}),
        # Any server error there is called so.
        transient=frozenset({"BAD_ACTION"}),
    ),
    "smsbower": Dialect(push=True),
    "grizzly": Dialect(list_shape=ListShape.BARE, push=True, gives_expiry=True),
    "smshub": Dialect(rent_action="getNumber"),
    "smsman": Dialect(rent_action="getNumber", cancel_status="-1"),
    "privatesms": Dialect(rent_action="getNumber"),
}

REFUSED: Final = frozenset(
    {
        "BAD_KEY",
        "NO_KEY",
        "API_KEY_NOT_VALID",
        "BAD_API_KEY",
        "No access",
        "WRONG_SECURITY",
        "ACCOUNT_INACTIVE",
    }
)
#: The scope of a ban after which only rentals of that kind are refused. The other numbers must not
#: wait for its end: they would miss their codes and their cancels, and we would pay for them.
PART_OF_AN_ACCOUNT: Final = re.compile("service|country", re.IGNORECASE)
RATE_LIMITED: Final = frozenset({"RATE_LIMIT", "Too Many Requests"})
TRANSIENT: Final = frozenset({"NO_CONNECTION", "SERVER_ERROR", "SERVER ERROR", "ERROR"})
NOT_KNOWN: Final = frozenset(
    {"NO_ACTIVATION", "WRONG_ACTIVATION_ID", "INVALID_ACTIVATION_ID", "ACTIVATION_NOT_ACTIVE"}
)
NO_NUMBERS: Final = frozenset(
    {
        "NO_NUMBERS",
        "NO_NUMBER",
        "OUT_OF_STOCK",
        "NO_PROVIDERS",
        "NOT_AVAILABLE",
        "SERVICE_NOT_AVAILABLE",
        "WHATSAPP_NOT_AVAILABLE",
        "SERVICE_UNAVAILABLE_REGION",
        "NEW_ACTIVATION_IMPOSSIBLE",
        "OPERATORS_NOT_FOUND",
        "CHANNELS_LIMIT",
        "SIM_OFFLINE",
        "The service is prohibited for sale by administration",
    }
)
NO_BALANCE: Final = frozenset({"NO_BALANCE", "NO_BALANCE_FORWARD"})
PRICE_ABOVE_MAX: Final = frozenset({"WRONG_MAX_PRICE", "BAD_MAX_PRICE"})
BAD_REQUEST: Final = frozenset(
    {
        "BAD_SERVICE",
        "WRONG_SERVICE",
        "Bad service",
        "BAD_COUNTRY",
        "WRONG_COUNTRY",
        "UNPROCESSABLE_ENTITY",
        "WRONG_OPERATOR",
        "BAD_OPERATOR",
        "WRONG_EXCEPTION_PHONE",
        "REPEAT_ADDITIONAL_SERVICE",
        "WRONG_ADDITIONAL_SERVICE",
        "NO_YULA_MAIL",
        "BAD_VALUES",
        "BAD_MULTIPLE",
        "BAD_PROVIDER_IDS",
        "BAD_EXCEPT_PROVIDER_IDS",
        "BAD_ACTIVATION_TYPE",
        "BAD_FIXED_PRICE",
    }
)
#: Cancel refused because the number is, or may be, ended or in another state: read the status.
#: "Cancelled already" is not taken for a yes: the number may have ended with a code.
UNCLEAR: Final = NOT_KNOWN | {
    "BAD_STATUS",
    "INCORECT_STATUS",
    "ACCESS_CANCEL_ALREADY",
    "STATUS_CANCEL",
    "ALREADY_CANCELED",
}
