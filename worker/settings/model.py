"""Every setting with its type, range and default; `config/worker.toml` explains each.

A key NAME with a sibling NAME_file may be read from that file instead. An empty text means that
an optional value is not set. Nothing here reads a file or the environment: see `load`.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from worker.domain.money import AMOUNT_MAX, is_currency
from worker.settings import values

DAY_SECONDS = 86_400
PREFIX = "AW_"
NESTING = "__"
PROVIDER_NAME = r"[a-z0-9]+([_-][a-z0-9]+)*"  #: No `__`: that separates names of the environment.
PROVIDER_NAME_CHARS = 32


def _none_if_empty(value: object) -> object:
    return None if value == "" else value


def _no_bool(value: object) -> object:
    """TOML's true is not the number 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic collects ValueErrors
    return value


def _currency(value: str) -> str:
    if not is_currency(value):
        raise ValueError("must be an ISO 4217 code such as USD")
    return value


_OPTIONAL = BeforeValidator(_none_if_empty)
Number = Annotated[int, BeforeValidator(_no_bool)]
Seconds = Annotated[float, BeforeValidator(_no_bool)]
Listen = Annotated[values.ListenAddress, BeforeValidator(values.parse_address)]
SecretFile = Annotated[Path | None, _OPTIONAL]


class Table(BaseModel):
    """One table of the file: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class DatabaseSettings(Table):
    url: Annotated[SecretStr, AfterValidator(values.check_database_url)] = SecretStr(
        "postgresql://127.0.0.1:5432/activation_worker"
    )
    url_file: SecretFile = None
    pool_size: Annotated[Number, Field(ge=2, le=100)] = 10


class RedisSettings(Table):
    url: Annotated[SecretStr, AfterValidator(values.check_redis_url)] = SecretStr(
        "redis://127.0.0.1:6379/0"
    )
    url_file: SecretFile = None


class ApiSettings(Table):
    listen: Listen = values.ListenAddress("127.0.0.1", 8080)
    tokens: Annotated[tuple[values.TokenSetting, ...], BeforeValidator(values.parse_tokens)] = ()
    tokens_file: SecretFile = None


class AdminSettings(Table):
    listen: Listen = values.ListenAddress("127.0.0.1", 9464)


class EventsSettings(Table):
    #: Its path often holds a token.
    url: Annotated[
        Annotated[str, AfterValidator(values.check_http_url)] | None, _OPTIONAL, Field(repr=False)
    ] = None
    secret: Annotated[
        Annotated[SecretStr, AfterValidator(values.check_signing_secret)] | None, _OPTIONAL
    ] = None
    secret_file: SecretFile = None


class DefaultSettings(Table):
    policy: Annotated[str, Field(min_length=1, max_length=64)] = "default"
    window_seconds: Annotated[Number, Field(ge=1, le=DAY_SECONDS)] = 1200
    credit_grace_seconds: Annotated[Number, Field(ge=0, le=3600)] = 60


class PolicySettings(Table):
    directory: Path = Path("config/policies")


#: Days that something is kept for; 0: for ever.
Days = Annotated[Number, Field(ge=0, le=36_500)]


class RetentionSettings(Table):
    texts_days: Days = 21
    phones_days: Days = 90
    events_days: Days = 30
    settled_days: Days = 0


class DeskSettings(Table):
    listen: Listen = values.ListenAddress("127.0.0.1", 8088)
    api: Annotated[Annotated[str, AfterValidator(values.check_http_url)] | None, _OPTIONAL] = None
    actor_header: Annotated[
        Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}$")] | None, _OPTIONAL
    ] = None
    behind_tls: bool = False


class DaemonSettings(Table):
    drain_seconds: Annotated[Number, Field(ge=0, le=600)] = 25
    provider_connections: Literal["own", "aiohttp"] = "own"


class LogSettings(Table):
    level: Literal["debug", "info", "warning", "error"] = "info"
    access: bool = True


class CanarySettings(Table):
    provider: Annotated[str | None, _OPTIONAL] = None
    service: Annotated[str, Field(max_length=64)] = ""
    country: Annotated[str, Field(max_length=64)] = ""
    every_seconds: Annotated[Number, Field(ge=60, le=3600)] = 300


class ProviderSettings(Table):
    family: Annotated[str, AfterValidator(values.check_family)]
    dialect: Annotated[str, Field(max_length=40)] = "classic"
    path: Annotated[Annotated[str, AfterValidator(values.check_path)] | None, _OPTIONAL] = None
    base_url: Annotated[str, AfterValidator(values.check_base_url)]
    api_key: Annotated[SecretStr, AfterValidator(values.check_api_key)]
    api_key_file: SecretFile = None
    api_username: Annotated[
        Annotated[str, AfterValidator(values.check_username)] | None, _OPTIONAL
    ] = None
    hook_secret: Annotated[
        Annotated[SecretStr, AfterValidator(values.check_hook_secret)] | None, _OPTIONAL
    ] = None
    hook_secret_file: SecretFile = None
    hook_signing_secret: Annotated[SecretStr | None, _OPTIONAL] = None
    hook_signing_secret_file: SecretFile = None
    poll_seconds: Annotated[Seconds, Field(gt=0, le=3600, allow_inf_nan=False)] = 3.0
    requests_per_second: Annotated[Number, Field(ge=1, le=100_000)] = 50
    max_in_flight: Annotated[Number, Field(ge=1, le=10_000)] = 100
    min_cancel_age_seconds: Annotated[Number, Field(ge=0, le=DAY_SECONDS)] = 120
    lifetime_seconds: Annotated[Number, Field(ge=1, le=DAY_SECONDS)] = 1200
    currency: Annotated[str, AfterValidator(_currency)] = "USD"
    exposure_limit_minor: Annotated[Number, Field(ge=0, le=AMOUNT_MAX)] = 100_000


ProviderKey = Annotated[
    str, Field(pattern=f"^{PROVIDER_NAME}$", min_length=1, max_length=PROVIDER_NAME_CHARS)
]


class Settings(BaseSettings):
    """The whole configuration. Made by `load`, which knows where each value came from."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        env_prefix=PREFIX,
        env_nested_delimiter=NESTING,
        enable_decoding=False,  # A list in the environment is text, not JSON.
    )

    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    api: ApiSettings = ApiSettings()
    admin: AdminSettings = AdminSettings()
    events: EventsSettings = EventsSettings()
    defaults: DefaultSettings = DefaultSettings()
    policies: PolicySettings = PolicySettings()
    retention: RetentionSettings = RetentionSettings()
    desk: DeskSettings = DeskSettings()
    worker: DaemonSettings = DaemonSettings()
    log: LogSettings = LogSettings()
    canary: CanarySettings = CanarySettings()
    providers: dict[ProviderKey, ProviderSettings] = {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic-settings passes all by name
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the same
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: `load` reads the sources, and no one reads them behind it."""
        return (init_settings,)


Key: TypeAlias = tuple[str, ...]

FILE_SUFFIX = "_file"
#: Names of the environment that are options of the command line, not settings.
COMMAND_LINE_NAMES = frozenset({"AW_CONFIG", "AW_CONTEXT", "AW_URL", "AW_TOKEN"})


def dotted(path: Key) -> str:
    return ".".join(path)


def environment_name(path: Key) -> str:
    return PREFIX + NESTING.join(path).upper()


def path_of(name: str) -> Key:
    """`AW_DATABASE__URL`, or a secret file's `aw_database__url`."""
    return tuple(name[len(PREFIX) :].lower().split(NESTING))


def known_paths(providers: frozenset[str] = frozenset()) -> Iterator[Key]:
    """Every leaf there may be, given the names of the providers."""
    for table, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from ((table, key) for key in field.annotation.model_fields)
    for name in sorted(providers):
        yield from (("providers", name, key) for key in ProviderSettings.model_fields)


def field_of(path: Key) -> FieldInfo | None:
    """The field a path leads to, if it is a leaf; the provider's name is not looked at."""
    if path[:1] == ("providers",) and len(path) == 3:
        return ProviderSettings.model_fields.get(path[2])
    table = Settings.model_fields.get(path[0]) if len(path) == 2 else None
    model = table.annotation if table else None
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return None
    return model.model_fields.get(path[1])


def is_known(path: Key) -> bool:
    return all(path) and field_of(path) is not None


def suggestion(path: Key, providers: frozenset[str] = frozenset()) -> Key | None:
    """The known key that looks most like *path*."""
    if path[:1] == ("providers",):
        providers |= frozenset(path[1:2])
    known = {dotted(each): each for each in known_paths(providers)}
    close = difflib.get_close_matches(dotted(path), known, n=1, cutoff=0.75)
    return known[close[0]] if close else None


def file_keys(path: Key) -> Key:
    """The `*_file` sibling of a key."""
    return (*path[:-1], path[-1] + FILE_SUFFIX)


def readable_from_files(providers: frozenset[str]) -> list[Key]:
    """The keys that have a `*_file` sibling."""
    known = set(known_paths(providers))
    return sorted(path for path in known if file_keys(path) in known)


def is_secret(path: Key) -> bool:
    """Whether a value of this key must never be shown; an unknown key may be a misspelt secret."""
    field = field_of(path)
    return field is None or path[-1] == "tokens" or "SecretStr" in repr(field.annotation)
