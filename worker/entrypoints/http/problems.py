"""Every way a call can fail: RFC 9457 problems with a stable type, and their JSON."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from pydantic import ValidationError

from worker.entrypoints.http.responses import ResponseBody

MEDIA_TYPE = "application/problem+json"
ERRORS_MAX = 20  #: Errors in one problem; the caller fixes these first.
#: Of one body. Each is an object here, and a body can have one for every few bytes.
ERRORS_READ_MAX = 1_000
POINTER_MAX = 200  #: Characters; a pointer holds names that the caller chose.


class ProblemKind(enum.Enum):
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
    FORBIDDEN = ("forbidden", 403, "The scope of this token does not allow this")
    NOT_FOUND = ("not-found", 404, "There is nothing here")
    UNKNOWN_ACCOUNT = ("unknown-account", 404, "There is no such account")
    UNKNOWN_ACTIVATION = ("unknown-activation", 404, "There is no such activation")
    UNKNOWN_PROVIDER = ("unknown-provider", 404, "No such provider is configured here")
    METHOD_NOT_ALLOWED = ("method-not-allowed", 405, "Not with this method")
    BODY_TIMEOUT = ("body-timeout", 408, "The body did not arrive in time")
    ACCOUNT_BLOCKED = ("account-blocked", 409, "The account is blocked")
    ACCOUNT_CLOSING = ("account-closing", 409, "A deletion of the account waits")
    ACCOUNT_FROZEN = ("account-frozen", 409, "The account is frozen")
    OTHER_CONTENT = ("other-content", 409, "Known already, with other content")
    DECIDED = ("decided", 409, "It was decided otherwise before")
    CODE_RECEIVED = ("code-received", 409, "A code was shown; the charge stands")
    NO_CANCEL = ("no-cancel", 409, "The policy offers no Cancel for this number")
    CANCEL_NOT_YET = ("cancel-not-yet", 409, "Cancel is offered later: see cancel_from_at")
    CANCEL_OVER = ("cancel-over", 409, "Cancel was offered until cancel_until_at")
    CANCEL_LIMIT = ("cancel-limit", 409, "The account has cancelled as often as its policy allows")
    RESTRICTIONS_IGNORED = (
        "restrictions-ignored",
        409,
        "The restrictions shown with the order were ignored",
    )
    NO_CODE = ("no-code", 409, "No code has arrived yet")
    ENDED = ("ended", 409, "It has ended already")
    NOT_OFFERED = ("not-offered", 409, "The policy or the provider does not offer this")
    REPORT_REFUSED = (
        "report-refused",
        409,
        "The provider does not take this number for a bad one just now",
    )
    POLICY_MISMATCH = ("policy-mismatch", 409, "The account belongs to another policy")
    NO_NUMBERS = ("no-numbers", 409, "The provider has no number for this")
    EVENTS_FORGOTTEN = ("events-forgotten", 410, "Older events are not kept any more")
    CONTENT_TOO_LARGE = ("content-too-large", 413, "The body is too large")
    UNSUPPORTED_MEDIA_TYPE = ("unsupported-media-type", 415, "The body must be application/json")
    INVALID = ("invalid", 422, "The request is not valid")
    UNKNOWN_POLICY = ("unknown-policy", 422, "There is no such policy")
    FACT_NOT_YOURS = ("fact-not-yours", 422, "Somebody else tells this fact")
    BAD_SERVICE = ("bad-service", 422, "The provider does not know this service or country")
    PRICE_ABOVE_MAX = ("price-above-max", 422, "The number costs more than max_cost_minor")
    IDEMPOTENCY_KEY_REUSED = (
        "idempotency-key-reused",
        422,
        "This Idempotency-Key was used for something else",
    )
    TOO_MANY_WRONG_TOKENS = (
        "too-many-wrong-tokens",
        429,
        "Too many wrong tokens came from this address",
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


RETRY_AFTER_SECONDS: Mapping[ProblemKind, int] = {
    ProblemKind.BUSY: 1,
    ProblemKind.STORE_UNAVAILABLE: 1,
    ProblemKind.PROVIDER_UNAVAILABLE: 5,
    ProblemKind.PROVIDER_BALANCE_TOO_LOW: 60,
    ProblemKind.EXPOSURE_LIMIT: 60,
}


class FieldError(NamedTuple):
    """One invalid value; the pointer is into the body, or `/name` of a parameter."""

    pointer: str
    detail: str


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """Why one call failed, or one item of many. Holds nothing secret."""

    kind: ProblemKind
    detail: str = ""
    errors: tuple[FieldError, ...] = ()
    activation: str | None = None  #: The order that failed, by its id.
    tried: tuple[Mapping[str, str], ...] = ()  #: The providers that were asked, and why not.
    seq: int | None = None  #: The first event that is kept.
    case: str | None = None  #: The case that was decided before.

    def as_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "type": self.kind.type,
            "title": self.kind.title,
            "status": self.kind.status,
        }
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = [error._asdict() for error in self.errors]
        if self.activation is not None:
            document["activation"] = self.activation
        if self.tried:
            document["tried"] = list(self.tried)
        if self.seq is not None:
            document["seq"] = self.seq
        if self.case is not None:
            document["case"] = self.case
        return document


class Problem(Exception):
    """Ends a call with a problem document."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str = "",
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        activation: str | None = None,
        tried: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(kind.slug)
        self.details = ProblemDetails(kind, detail, tuple(errors), activation, tuple(tried))
        retry = RETRY_AFTER_SECONDS.get(kind)
        self.headers = {**({} if retry is None else {"Retry-After": str(retry)}), **(headers or {})}


class EventsForgotten(Problem):
    """Some events after the one that was named are not there any more."""

    def __init__(self, first_kept: int) -> None:
        super().__init__(ProblemKind.EVENTS_FORGOTTEN)
        self.details = replace(self.details, seq=first_kept)


class DecidedBefore(Problem):
    """A human has judged this claim: it is not opened anew."""

    def __init__(self, case: str) -> None:
        super().__init__(ProblemKind.DECIDED, f"A human has decided it: case {case}")
        self.details = replace(self.details, case=case)


class FaultShown(ResponseBody):
    pointer: str
    detail: str


class TriedShown(ResponseBody):
    """A provider that an order named, and in words what came of it."""

    provider: str
    why: str


class ProblemShown(ResponseBody):
    """RFC 9457; branch on `type`."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: list[FaultShown] | None = None
    activation: str | None = None  #: The order that failed, for a claim to name.
    tried: list[TriedShown] | None = None  #: Of an order that failed: whom it asked.
    seq: int | None = None  #: Of events that are forgotten: the first one that is kept.
    case: str | None = None  #: Of a claim that a human has decided: its case.
    request_id: str | None = None


def field_errors_of(error: ValidationError) -> list[tuple[tuple[int | str, ...], str]]:
    """Where and what, never the value: it can be a phone or a key."""
    if error.error_count() > ERRORS_READ_MAX:
        return [((), f"{error.error_count()} values in it are not valid")]
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    return [(each["loc"], each["msg"].removeprefix("Value error, ")) for each in errors]


def pointer_to(*loc: int | str) -> str:
    """RFC 6901, cut to a length that a log and a screen can take."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in loc)
    return "".join(f"/{step}" for step in steps)[:POINTER_MAX]


def invalid(error: ValidationError) -> Problem:
    errors = [FieldError(pointer_to(*loc), msg) for loc, msg in field_errors_of(error)[:ERRORS_MAX]]
    return Problem(ProblemKind.INVALID, errors=errors)
