"""The dialects of `handler_api` as data; every uncertain fact is a field that a script can set."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, NamedTuple, Self

from pydantic import Field

from worker.simulator.config import StrictModel
from worker.simulator.denials import DenialReason
from worker.simulator.exchange import JSON, TEXT
from worker.simulator.tariff import FamilyTerms

PATH = "/stubs/handler_api.php"
Style = Literal["text", "problem", "message", "access", "bare-error"]


class Wording(NamedTuple):
    """One refusal: HTTP status, token, and the shape the token comes in."""

    status: int
    token: str
    style: Style = "text"


def _text(status: int, token: str) -> Wording:
    return Wording(status, token)


def _problem(status: int, token: str) -> Wording:
    return Wording(status, token, "problem")


#: What most companies have one word for.
IN_THIS_STATUS = (
    DenialReason.BAD_STATUS,
    DenialReason.CODE_RECEIVED,
    DenialReason.NEW_CODE_RECEIVED,
    DenialReason.NO_CODE,
    DenialReason.ENDED,
)
CLASSIC_WORDS: dict[DenialReason, Wording] = {
    DenialReason.NO_KEY: _text(200, "NO_KEY"),
    DenialReason.BAD_KEY: _text(200, "BAD_KEY"),
    DenialReason.BANNED: _text(200, "BANNED"),
    DenialReason.RATE_LIMITED: _text(429, "Too Many Requests"),
    DenialReason.UNAVAILABLE: _text(503, "Service Unavailable"),
    DenialReason.BAD_ACTION: _text(200, "BAD_ACTION"),
    DenialReason.BAD_METHOD: _text(405, "Method Not Allowed"),
    DenialReason.BAD_REQUEST: _text(200, "BAD_ACTION"),
    DenialReason.BAD_SERVICE: _text(200, "BAD_SERVICE"),
    DenialReason.BAD_COUNTRY: _text(200, "BAD_COUNTRY"),
    DenialReason.NO_NUMBERS: _text(200, "NO_NUMBERS"),
    DenialReason.NO_BALANCE: _text(200, "NO_BALANCE"),
    DenialReason.PRICE_TOO_LOW: _text(200, "WRONG_MAX_PRICE"),
    DenialReason.ORDER_EXISTS: _text(200, "ORDER_ALREADY_EXISTS"),
    DenialReason.UNKNOWN_ID: _text(200, "NO_ACTIVATION"),
    DenialReason.EARLY_CANCEL: _text(200, "EARLY_CANCEL_DENIED"),
    DenialReason.TOO_LATE: _text(200, "BAD_STATUS"),
    **dict.fromkeys(IN_THIS_STATUS, _text(200, "BAD_STATUS")),
}
HERO_WORDS = CLASSIC_WORDS | {
    DenialReason.NO_KEY: _problem(422, "UNPROCESSABLE_ENTITY"),
    DenialReason.BAD_KEY: _problem(401, "BAD_KEY"),
    DenialReason.BANNED: _problem(403, "BANNED"),
    DenialReason.RATE_LIMITED: _problem(429, "RATE_LIMIT"),
    DenialReason.BAD_ACTION: _problem(404, "BAD_ACTION"),
    DenialReason.BAD_REQUEST: _problem(422, "UNPROCESSABLE_ENTITY"),
    DenialReason.BAD_SERVICE: _text(200, "UNPROCESSABLE_ENTITY:service:INVALID"),
    DenialReason.BAD_COUNTRY: _text(200, "UNPROCESSABLE_ENTITY:country:INVALID"),
    DenialReason.NO_BALANCE: _problem(402, "NO_BALANCE"),
    DenialReason.PRICE_TOO_LOW: _problem(400, "WRONG_MAX_PRICE"),
    DenialReason.UNKNOWN_ID: _problem(404, "NOT_FOUND"),
    DenialReason.BAD_STATUS: _problem(400, "BAD_STATUS"),
    DenialReason.EARLY_CANCEL: _problem(409, "EARLY_CANCEL_DENIED"),
    DenialReason.CODE_RECEIVED: _problem(409, "OTP_RECEIVED"),
    DenialReason.NEW_CODE_RECEIVED: _problem(409, "NEW_OTP_RECEIVED"),
    DenialReason.TOO_LATE: _problem(409, "FREE_CANCELLATION_EXPIRED"),
    DenialReason.NO_CODE: _problem(400, "BAD_STATUS"),
    DenialReason.ENDED: _problem(409, "ACTIVATION_NOT_ACTIVE"),
}
TIGER_WORDS = CLASSIC_WORDS | {
    DenialReason.BAD_KEY: _text(401, "BAD_KEY"),
    DenialReason.PRICE_TOO_LOW: _problem(200, "BAD_MAX_PRICE"),
}
TIGER_V2_WORDS = {
    DenialReason.UNKNOWN_ID: _problem(404, "NOT_FOUND"),
    DenialReason.EARLY_CANCEL: _problem(409, "EARLY_CANCEL_DENIED"),
    **dict.fromkeys(IN_THIS_STATUS, _problem(200, "BAD_STATUS")),
}
SMSBOWER_WORDS = CLASSIC_WORDS | {
    DenialReason.NO_KEY: Wording(401, "No access", "access"),
    DenialReason.BAD_KEY: Wording(401, "No access", "access"),
    DenialReason.BAD_METHOD: Wording(405, "Method Not Allowed", "access"),
    DenialReason.BAD_SERVICE: Wording(200, "BAD_SERVICE", "bare-error"),
}
PRIVATESMS_WORDS = CLASSIC_WORDS | {
    DenialReason.NO_KEY: _text(401, "NO_KEY"),
    DenialReason.BAD_KEY: _text(401, "BAD_KEY"),
    DenialReason.BANNED: _text(403, "BANNED"),
    DenialReason.BAD_ACTION: _text(400, "BAD_ACTION"),
    DenialReason.BAD_REQUEST: _text(400, "BAD_ACTION"),
    DenialReason.UNKNOWN_ID: _text(404, "NO_ACTIVATION"),
    DenialReason.EARLY_CANCEL: _text(403, "EARLY_CANCEL_DENIED"),
    **dict.fromkeys(IN_THIS_STATUS, _text(400, "BAD_STATUS")),
}
DAISYSMS_WORDS = CLASSIC_WORDS | {
    DenialReason.NO_BALANCE: _text(200, "NO_MONEY"),
    DenialReason.PRICE_TOO_LOW: _text(200, "MAX_PRICE_EXCEEDED"),
    DenialReason.ENDED: _text(200, "NO_ACTIVATION"),
}
#: One word for whatever it will not give back.
DAISYSMS_CANCEL_WORDS = dict.fromkeys(
    (*IN_THIS_STATUS, DenialReason.UNKNOWN_ID), _text(200, "ACCESS_READY")
)
BASIC_ACTIONS = frozenset(
    {"getBalance", "getNumber", "getStatus", "setStatus", "getPrices", "getNumbersStatus"}
)
LISTING_ACTIONS = BASIC_ACTIONS | {
    "getNumberV2",
    "getStatusV2",
    "getActiveActivations",
    "getHistory",
    "getCountries",
}
RENT_ACTIONS = frozenset(
    {"getRentNumber", "getRentStatus", "setRentStatus", "getRentList", "continueRentNumber"}
)


class SimulatedDialect(StrictModel):
    """One company's way of answering."""

    name: str
    words: Mapping[DenialReason, Wording] = Field(default_factory=lambda: CLASSIC_WORDS)
    #: Of getStatusV2 and setStatusV2, where they differ.
    words_v2: Mapping[DenialReason, Wording] = Field(default_factory=dict)
    #: Of a setStatus that would cancel, where they differ.
    words_of_cancel: Mapping[DenialReason, Wording] = Field(default_factory=dict)
    actions: frozenset[str]
    path: str = PATH
    key_header: str = ""  #: Takes the key in this header too; empty: nowhere but in the query.
    price_words: frozenset[str] = frozenset({"maxPrice"})  #: The highest price of a purchase.
    price_header: str = ""  #: Of the reply to getNumber: the price that was taken.
    list_style: Literal["classic", "hero", "tiger", "grizzly", "grizzly-object"] = "classic"
    v2_style: Literal["classic", "hero", "tiger", "smsbower", "grizzly"] = "classic"
    page_max: int = 100
    page_default: int = 100
    history_size_word: Literal["size", "limit"] = "size"  #: Of the length of a page.
    methods: frozenset[str] = frozenset({"GET", "POST"})
    cancel_codes: frozenset[str] = frozenset({"8"})
    classic_rent: bool = False  #: Rentals have calls of their own.
    rest: bool = False  #: Has the REST calls beside the handler.
    rental_min_cancel_age_seconds: float = 0
    takes_ready: bool = True  #: Knows status 1.
    takes_again: bool = True  #: Knows status 3.
    lifetime_seconds: float = 1200
    min_cancel_age_seconds: float = 120
    lifetimes: Mapping[str, float] = Field(default_factory=dict)
    #: What getStatus says of a number that ended with a code, and of one that was refunded.
    paid_status: Literal["NO_ACTIVATION", "STATUS_OK", "STATUS_FINISH", "STATUS_CANCEL"] = (
        "NO_ACTIVATION"
    )
    refunded_status: Literal[
        "STATUS_CANCEL", "ACCESS_CANCEL", "STATUS_REVOKE", "NO_ACTIVATION", "WRONG_ACTIVATION_ID"
    ] = "STATUS_CANCEL"
    #: The reply to a second cancel of a refunded number; None: the refusal for an ended number.
    cancelled_again: str | None = None
    resend_word: Literal["STATUS_WAIT_RETRY", "STATUS_WAIT_RESEND"] = "STATUS_WAIT_RETRY"
    quote: Literal["", '"', "'"] = ""  #: Around text answers.
    quote_code: Literal["", "'", " '"] = ""  #: Around the code in STATUS_OK.
    text_type: str = TEXT
    json_type: str = JSON
    waiting_v2: Literal["classic", "null-data"] = "classic"  #: hero's shape while waiting.
    push_style: Literal["classic", "hero", "grizzly", "daisysms", "none"] = "classic"
    push_retry_seconds: tuple[float, ...] = ()

    def terms(self) -> FamilyTerms:
        """The times this company gives its numbers."""
        return FamilyTerms(
            lifetime=timedelta(seconds=self.lifetime_seconds),
            min_cancel_age=timedelta(seconds=self.min_cancel_age_seconds),
            lifetimes={
                service: timedelta(seconds=each) for service, each in self.lifetimes.items()
            },
            rental_min_cancel_age=timedelta(seconds=self.rental_min_cancel_age_seconds),
        )

    def with_knobs(self, knobs: Mapping[str, Any]) -> Self:
        """This dialect with some of its facts set otherwise."""
        words = {name: _merged(getattr(self, name), knobs.get(name, {})) for name in WORDINGS}
        return self.model_validate({**dict(self), **knobs, **words})


#: Of which a script may set some and leave the others.
WORDINGS = ("words", "words_of_cancel")


def _merged(own: Mapping[DenialReason, Wording], knob: Mapping[str, Any]) -> dict[str, Any]:
    return {**{reason.value: wording for reason, wording in own.items()}, **knob}


DIALECTS: Mapping[str, SimulatedDialect] = {
    each.name: each
    for each in (
        SimulatedDialect(
            name="classic",
            actions=LISTING_ACTIONS | RENT_ACTIONS | {"getFullSms", "getListOfActiveActivations"},
            classic_rent=True,
            history_size_word="limit",
            lifetimes={"ya": 2400, "ft": 3600, "ig": 3600, "cy": 3600, "wx": 3600},
            push_retry_seconds=(15, 60, 300, 600, 1200, 1800, 3225),
        ),
        SimulatedDialect(
            name="hero",
            words=HERO_WORDS,
            methods=frozenset({"GET"}),
            actions=LISTING_ACTIONS
            | {"getAllSms", "finishActivation", "cancelActivation", "getRentNumber", "prolong"},
            list_style="hero",
            rest=True,
            rental_min_cancel_age_seconds=120,
            v2_style="hero",
            takes_ready=False,
            text_type=JSON,
            push_style="hero",
            push_retry_seconds=(20, 25, 30, 20, 25, 30),
        ),
        SimulatedDialect(
            name="tiger",
            words=TIGER_WORDS,
            words_v2=TIGER_V2_WORDS,
            actions=LISTING_ACTIONS | {"setStatusV2"},
            list_style="tiger",
            v2_style="tiger",
            page_default=50,
            cancel_codes=frozenset({"8", "-1"}),
            json_type=TEXT,
            push_style="none",
        ),
        SimulatedDialect(
            name="smsbower",
            words=SMSBOWER_WORDS,
            methods=frozenset({"GET"}),
            actions=LISTING_ACTIONS - {"getActiveActivations"},
            v2_style="smsbower",
            push_retry_seconds=(60, 300),
        ),
        SimulatedDialect(
            name="grizzly",
            actions=LISTING_ACTIONS | RENT_ACTIONS,
            list_style="grizzly",
            classic_rent=True,
            v2_style="grizzly",
            cancel_codes=frozenset({"8", "-1"}),
            push_style="grizzly",
        ),
        SimulatedDialect(name="smshub", actions=BASIC_ACTIONS, push_style="none"),
        SimulatedDialect(
            name="smsman",
            actions=BASIC_ACTIONS,
            cancel_codes=frozenset({"-1"}),
            push_style="none",
        ),
        SimulatedDialect(
            name="privatesms",
            words=PRIVATESMS_WORDS,
            actions=BASIC_ACTIONS,
            min_cancel_age_seconds=60,
            push_style="none",
        ),
        SimulatedDialect(
            name="daisysms",
            words=DAISYSMS_WORDS,
            words_of_cancel=DAISYSMS_CANCEL_WORDS,
            actions=BASIC_ACTIONS,
            key_header="X-ApiKey",
            price_words=frozenset({"max_price", "maxPrice"}),
            price_header="X-Price",
            takes_ready=False,
            takes_again=False,
            lifetime_seconds=600,
            min_cancel_age_seconds=0,
            push_style="daisysms",
            push_retry_seconds=(15,) * 7,
        ),
    )
}
