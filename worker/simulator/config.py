"""The configuration of one simulated provider, from a script file or from code."""

import enum
import ipaddress
import tomllib
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from worker.domain.families import FAMILIES, NoSuchFamily, dialects_of, has_dialects
from worker.simulator.behaviours import LONGEST, Behaviour
from worker.simulator.exchange import FaceOperation

DurationSeconds = Annotated[float, Field(ge=0, le=LONGEST)]
Minor = Annotated[int, Field(ge=0, le=10**15)]
FIRST_ID = 100_000_001
FIRST_ID_MAX = 900_000_000  #: Ids keep nine digits, because a phone is two digits and the id.


class BadScript(ValueError):
    """The script file cannot be read or says something unknown."""


class StrictModel(BaseModel):
    """Unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FaultKind(enum.Enum):
    """What can go wrong with a whole provider, and whether the effect of a call takes place."""

    REFUSE = "refuse"  #: Nobody listens: connections are refused, open ones reset.
    RESET = "reset"  #: The connection is reset before any effect.
    UNAVAILABLE = "unavailable"  #: 503, no effect.
    ERROR_AFTER_EFFECT = "error-after-effect"  #: 502, although the effect took place.
    HTML = "html"  #: A page, with 200; no effect.
    HANG = "hang"  #: No reply and no effect until the fault is over, then a reset.
    RATE_LIMITED = "rate-limited"  #: 429 with Retry-After, no effect.
    GARBAGE = "garbage"  #: Bytes nobody can read; the effect took place.
    TRUNCATED = "truncated"  #: Half of the reply, then a close; the effect took place.
    EMPTY_LIST = "empty-list"  #: Lists say that nothing is active.
    REPLY_LOST = "reply-lost"  #: The effect took place, then a close without a reply.
    SLOW = "slow"  #: The effect and the reply come late; on top of any other fault.
    BAD_KEY = "bad-key"  #: The key has been revoked.
    BANNED = "banned"


class FaultRule(StrictModel):
    """`start` counts from the start of the process, or from now over the control API."""

    kind: FaultKind
    start: DurationSeconds = 0
    seconds: DurationSeconds
    probability: Annotated[float, Field(gt=0, le=1)] = 1
    operations: frozenset[FaceOperation] = frozenset()  #: Empty: all.
    delay_seconds: DurationSeconds = 5  #: Of `slow`.
    retry_after_seconds: Annotated[int, Field(ge=0, le=86_400)] = 2  #: Of `rate-limited`, `banned`.

    @model_validator(mode="after")
    def _a_closed_socket_is_closed_for_all(self) -> Self:
        if self.kind is FaultKind.REFUSE and (self.probability < 1 or self.operations):
            raise ValueError("refuse holds for everything; use reset with probability, operations")
        return self


class PushTarget(StrictModel):
    """Where SMS are pushed to, in the family's own payload."""

    url: str
    copies: Annotated[int, Field(ge=1, le=10)] = 1  #: Each push is sent so many times.
    delay_seconds: DurationSeconds = 0
    signing_secret: Annotated[str, Field(repr=False)] = ""  #: Of a family that signs its pushes.


def _known(family: str) -> str:
    try:
        dialects_of(family)
    except NoSuchFamily as error:
        raise ValueError(str(error)) from None
    return family


class SimulatorConfig(StrictModel):
    family: Annotated[str, AfterValidator(_known)] = "handler_api"
    dialect: str = "classic"
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65_535)] = 0
    allow_remote: bool = False
    seed: int = 1
    first_id: Annotated[int, Field(ge=FIRST_ID, le=FIRST_ID_MAX)] = FIRST_ID
    api_key: Annotated[str, Field(min_length=1, repr=False)] = "sim-key"
    lifetime_seconds: DurationSeconds | None = None  #: None: the family's own.
    min_cancel_age_seconds: DurationSeconds | None = None  #: The same.
    window_seconds: DurationSeconds | None = None  #: How long the buyer waits; None: the lifetime.
    #: When a code comes whose number asked for no time; None: somewhere in the buyer's window.
    code_seconds: tuple[DurationSeconds, DurationSeconds] | None = None
    balance_minor: Minor = 10_000_000_000
    price_minor: Minor = 20
    prices: dict[str, Minor] = Field(default_factory=dict)  #: By service.
    lifetimes: dict[str, DurationSeconds] = Field(default_factory=dict)  #: By service.
    services: frozenset[str] = frozenset()  #: Known services; empty: every name is one.
    requests_per_second: Annotated[int, Field(ge=1)] | None = None  #: More get a 429.
    mix: dict[Behaviour, Annotated[int, Field(ge=0)]] = Field(
        default_factory=lambda: {Behaviour.CODE_ARRIVES: 1}
    )
    faults: tuple[FaultRule, ...] = ()
    push: PushTarget | None = None
    knobs: dict[str, Any] = Field(default_factory=dict)  #: The dialect's uncertain facts.

    @model_validator(mode="after")
    def _mix_has_weight(self) -> Self:
        if not any(self.mix.values()):
            raise ValueError("mix: at least one weight must be above 0")
        return self

    @model_validator(mode="after")
    def _first_then_last(self) -> Self:
        if self.code_seconds is not None and self.code_seconds[0] > self.code_seconds[1]:
            raise ValueError("code_seconds: the first must not be after the last")
        return self

    @model_validator(mode="after")
    def _loopback_unless_asked(self) -> Self:
        # The control API lets anybody do anything, and it is on the same listener.
        if not self.allow_remote and not _is_loopback(self.host):
            raise ValueError("host: only a loopback address, unless allow_remote is set")
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def configured(script: Path | None, **given: Any) -> SimulatorConfig:
    """The script's settings with those *given* on top; None means not given."""
    settings = _read(script) if script else {}
    settings |= {name: value for name, value in given.items() if value is not None}
    try:
        config = SimulatorConfig.model_validate(settings)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'script'}: {each['msg']}"
            for each in error.errors()
        )
        raise BadScript(problems) from None
    if "dialect" in settings and not has_dialects(config.family):
        spoken = ", ".join(filter(has_dialects, FAMILIES))
        message = f"only {spoken} has dialects; the family here is {config.family}"
        raise BadScript(f"dialect: {message}")
    return config


def _read(script: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(script.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadScript(f"{script}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadScript(f"{script}: {error}") from None
