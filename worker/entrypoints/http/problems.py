"""Every way a call can fail: RFC 9457 problems with a stable type, and how they look as JSON."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from pydantic import ValidationError

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 20  #: A caller who got twenty things wrong has enough to do.
POINTER_MAX = 200  #: Pointers hold names the caller chose.


class Kind(enum.Enum):
    """Slug, HTTP status, title. Slugs are part of the contract; clients branch on them."""

    BAD_REQUEST = ("bad-request", 400, "The request cannot be read")
    INVALID_JSON = ("invalid-json", 400, "The body is not JSON")
    IDEMPOTENCY_KEY_REQUIRED = (
        "idempotency-key-required",
        400,
        "This call needs an Idempotency-Key header",
    )
    UNAUTHENTICATED = ("unauthenticated", 401, "A valid bearer token is needed")
    BALANCE_TOO_LOW = ("balance-too-low", 402, "The account's balance is too low")
    FORBIDDEN = ("forbidden", 403, "This token may read, not write")
    NOT_FOUND = ("not-found", 404, "There is nothing here")
    UNKNOWN_ACCOUNT = ("unknown-account", 404, "There is no such account")
    UNKNOWN_ACTIVATION = ("unknown-activation", 404, "There is no such activation")
    UNKNOWN_PROVIDER = ("unknown-provider", 404, "No such provider is configured here")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "Not with this method")
    BODY_TIMEOUT = ("body-timeout", 408, "The body did not arrive in time")
    OTHER_CONTENT = ("other-content", 409, "Known already, with other content")
    CODE_RECEIVED = ("code-received", 409, "A code was shown; the charge stands")
    NO_CODE = ("no-code", 409, "No code has arrived yet")
    ENDED = ("ended", 409, "It has ended already")
    NOT_OFFERED = ("not-offered", 409, "The policy or the provider does not offer this")
    NO_NUMBERS = ("no-numbers", 409, "The provider has no number for this")
    CONTENT_TOO_LARGE = ("content-too-large", 413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, "The body must be application/json")
    INVALID = ("invalid", 422, "The request is not valid")
    UNKNOWN_POLICY = ("unknown-policy", 422, "There is no such policy")
    BAD_SERVICE = ("bad-service", 422, "The provider does not know this service or country")
    PRICE_ABOVE_MAX = ("price-above-max", 422, "The number costs more than max_cost_minor")
    IDEMPOTENCY_KEY_REUSED = (
        "idempotency-key-reused",
        422,
        "This Idempotency-Key was used for something else",
    )
    INTERNAL = ("internal", 500, "Something went wrong here")
    BUSY = ("busy", 503, "Too many calls are waiting for a change")
    STORE_UNAVAILABLE = ("store-unavailable", 503, "The database cannot be used just now")
    PROVIDER_UNAVAILABLE = ("provider-unavailable", 503, "The provider cannot be used just now")
    PROVIDER_BALANCE_TOO_LOW = (
        "provider-balance-too-low",
        503,
        "The money kept at the provider does not suffice",
    )
    EXPOSURE_LIMIT = ("exposure-limit", 503, "Too much money is open with this provider")

    @property
    def slug(self) -> str:
        return self.value[0]

    @property
    def status(self) -> int:
        return self.value[1]

    @property
    def title(self) -> str:
        return self.value[2]

    @property
    def type(self) -> str:
        return f"/problems/{self.slug}"


RETRY_AFTER_SECONDS: Mapping[Kind, int] = {
    Kind.BUSY: 1,
    Kind.STORE_UNAVAILABLE: 1,
    Kind.PROVIDER_UNAVAILABLE: 5,
    Kind.PROVIDER_BALANCE_TOO_LOW: 60,
    Kind.EXPOSURE_LIMIT: 60,
}


class Fault(NamedTuple):
    """One thing that is wrong; the pointer is into the body, or `/name` of a parameter."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What is told about one failed call, or one failed item of many. Nothing secret is in it."""

    kind: Kind
    detail: str = ""
    errors: tuple[Fault, ...] = ()

    def as_json(self) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
        }
        if self.detail:
            shown["detail"] = self.detail
        if self.errors:
            shown["errors"] = [fault._asdict() for fault in self.errors]
        return shown


class Problem(Exception):
    """Ends a call with a problem document."""

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(kind.slug)
        self.failure = Failure(kind, detail, tuple(errors))
        retry = RETRY_AFTER_SECONDS.get(kind)
        self.headers = {**({} if retry is None else {"Retry-After": str(retry)}), **(headers or {})}


def faults_of(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Where and what, never the value: it can be a phone or a key."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [(each["loc"], each["msg"].removeprefix("Value error, ")) for each in found]


def pointer_to(*loc: int | str) -> str:
    """RFC 6901, cut to a length a log or a screen can take."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in loc)
    return "".join(f"/{step}" for step in steps)[:POINTER_MAX]


def invalid(error: ValidationError) -> Problem:
    faults = [Fault(pointer_to(*loc), msg) for loc, msg in faults_of(error)[:ERRORS_MAX]]
    return Problem(Kind.INVALID, errors=faults)
