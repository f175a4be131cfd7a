"""The client libraries of other people that live on the simulator, and what each must report."""

from typing import Any, Final, NamedTuple


class Client(NamedTuple):
    name: str
    family: str
    dialect: str
    says: dict[str, Any]  #: What it must report, beside what the books know.
    node: bool = False  #: It is one of Node, and else one of Python.


SMSPOOL: Final[dict[str, Any]] = {
    "completed": 3,
    "waiting": 1,
    "cancelled": 1,
    "gone": 6,
    "past": ["refunded", "completed"],
    "refused": "OUT_OF_STOCK",
}
CLIENTS: Final = (
    Client(
        "smsactivate",
        "handler_api",
        "classic",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "cancelled": "ACCESS_CANCEL",
            "gone": "STATUS_CANCEL",
            "messages": 1,
            "returned": "success",
            "refused": "NO_NUMBERS",
            "balance": "95.00",  # One activation, and a rental of 24 hours.
        },
    ),
    Client(
        "herosms",
        "handler_api",
        "hero",
        {
            "messages": 1,
            "waiting": "STATUS_WAIT_CODE",
            "gone": "STATUS_CANCEL",
            "refused": "ActivationNotFoundError",
            "balance": "99.80",
        },
    ),
    Client(
        "smsbower",
        "handler_api",
        "smsbower",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "cancelled": "ACCESS_CANCEL",
            "gone": "STATUS_CANCEL",
            "refused": "NO_NUMBERS",
            "balance": "99.80",
        },
    ),
    Client(
        "smspva-sdk",
        "smspva",
        "classic",
        {
            "stopped": 200,
            "waiting": 202,
            "cancelled": 200,
            "gone": 410,
            "messages": 1,
            "balance": "95.00",
        },
    ),
    Client(
        "fivesim",
        "fivesim",
        "classic",
        {
            "finished": "FINISHED",
            "waiting": "RECEIVED",
            "cancelled": "CANCELED",
            "refused": "ORDER_NOT_FOUND",
            "balance": "99.80",
        },
    ),
    Client(
        "async-sms-activate",
        "handler_api",
        "classic",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "cancelled": "ACCESS_CANCEL",
            "gone": "STATUS_CANCEL",
            "refused": "NoNumbers",
            "balance": "99.80",
        },
    ),
    Client(
        "daisy-sms",
        "handler_api",
        "daisysms",
        {
            "waiting": "STATUS_WAIT_CODE",
            "gone": "STATUS_CANCEL",
            "again": "RentalMissingError",
            "refused": "NoNumbersLeftError",
            "dear": "MaxPriceExceededError",
            "balance": "99.80",
        },
    ),
    Client("smspool", "smspool", "classic", SMSPOOL | {"balance": "99.80"}),
    Client("smspool-sdk", "smspool", "classic", SMSPOOL),
    Client(
        "textverified",
        "textverified",
        "classic",
        {
            "completed": "verificationCompleted",
            "waiting": "verificationPending",
            "gone": "verificationCanceled",
            "refused": "Unavailable",
            "balance": "99.80",
        },
    ),
    Client(
        "grizzly-sms-client",
        "handler_api",
        "grizzly",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "cancelled": "ACCESS_CANCEL",
            "gone": "STATUS_CANCEL",
            "dated": True,
            "refused": "NO_NUMBERS",
            "balance": "99.80",
        },
    ),
    Client(
        "pysmshub",
        "handler_api",
        "smshub",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": 0,
            "cancelled": "ACCESS_CANCEL",
            "gone": 8,
            "refused": "NO_NUMBERS",
            "balance": "99.80",
        },
    ),
    Client(
        "onlinesimru",
        "onlinesim",
        "classic",
        {
            "waiting": "TZ_NUM_WAIT",
            "gone": "TZ_OVER_EMPTY",
            "message": "Code 13579",
            "extended": True,
            "refused": "NO_NUMBER",
            "balance": "90.20",  # One activation, and a rental that was prolonged.
        },
    ),
    Client(
        "aiovaksms",
        "vaksms",
        "classic",
        {
            "charged": "smsReceived",
            "waiting": None,
            "cancelled": "update",
            "refused": "noNumber",
            "balance": "99.80",
        },
    ),
    Client(
        "smsman",
        "smsman",
        "classic",
        {
            "waiting": "Still waiting...",
            "gone": "Request is closed",
            "refused": "No free phones",
            "balance": "99.80",
        },
    ),
    Client(
        "sms-activate",
        "handler_api",
        "classic",
        {
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "cancelled": "ACCESS_CANCEL",
            "gone": "STATUS_CANCEL",
            "refused": "NoFreeNumbers",
            "unknown": "InvalidActivation",
            "balance": 99,
        },
        node=True,
    ),
    Client(
        "fivesim-api",
        "fivesim",
        "classic",
        {
            "finished": "FINISHED",
            "again": True,
            "waiting": "RECEIVED",
            "cancelled": "CANCELED",
            "banned": "BANNED",
            "gone": "CANCELED",
            "refused": "NotFoundError",
            "balance": "99.80",
        },
        node=True,
    ),
    Client(
        "hero-sms",
        "handler_api",
        "hero",
        {
            "messages": 1,
            "finished": "ACCESS_ACTIVATION",
            "waiting": "STATUS_WAIT_CODE",
            "gone": "STATUS_CANCEL",
            "refused": "NoNumbersError",
            "balance": "99.80",
        },
        node=True,
    ),
    Client(
        "onlinesim-js-api",
        "onlinesim",
        "classic",
        {
            "waiting": "TZ_NUM_WAIT",
            "gone": "TZ_OVER_EMPTY",
            "messages": 1,
            "missing": [],
            "refused": "NO_NUMBER",
            "balance": "95.00",  # One activation, and a rental of a day.
        },
        node=True,
    ),
    Client(
        "api-vaksms",
        "vaksms",
        "classic",
        {
            "charged": "smsReceived",
            "waiting": None,
            "cancelled": "update",
            "gone": "idNumNotFound",
            "refused": "noNumber",
            "balance": "99.80",
        },
        node=True,
    ),
)
#: Where no call of the family, or none of its client, finishes a number whose code came: it goes
#: on until its time is over.
UNFINISHED: Final = frozenset({"smspool", "textverified", "vaksms", "smsman"})
