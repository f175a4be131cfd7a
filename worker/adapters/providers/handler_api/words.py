"""The words of handler_api.php, each with the class of what is done about it.

Words are compared exactly as documented. Words that only one company uses are in its dialect.
"""

import re
from typing import Final

from worker.ports.provider import NoRent

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
    {
        "NO_ACTIVATION",
        "NO_ATIVATION",  # As some sites spell it.
        "WRONG_ACTIVATION_ID",
        "INVALID_ACTIVATION_ID",
        "ACTIVATION_NOT_ACTIVE",
    }
)
#: A balance without its word, as sites tell it that serve the protocol at a path of their own.
BARE_BALANCE: Final = re.compile(r"-?[0-9]{1,12}\.[0-9]{1,4}")
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
NO_RENT: Final = {
    **dict.fromkeys(NO_NUMBERS, NoRent.NO_NUMBERS),
    **dict.fromkeys(NO_BALANCE, NoRent.NO_BALANCE),
    **dict.fromkeys(PRICE_ABOVE_MAX, NoRent.PRICE_ABOVE_MAX),
    **dict.fromkeys(BAD_REQUEST, NoRent.BAD_REQUEST),
}
#: Cancel refused because the number is, or may be, ended or in another state: read the status.
#: "Cancelled already" is not taken for a yes: the number may have ended with a code.
UNCLEAR: Final = NOT_KNOWN | {
    "BAD_STATUS",
    "INCORECT_STATUS",
    "ACCESS_CANCEL_ALREADY",
    "STATUS_CANCEL",
    "ALREADY_CANCELED",
}
