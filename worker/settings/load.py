"""Put the layers together: command line > environment > secret files > TOML > defaults.

Every problem is collected, so that one run of `check-config` shows them all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from worker.domain.families import FAMILIES, dialects_of, has_dialects, is_shipped
from worker.domain.policy import policy_names
from worker.domain.policy.checking import problems_when_loaded
from worker.domain.policy.language.file_problems import FileProblem
from worker.domain.shipped import config_directory
from worker.settings import dev_context, model, sources
from worker.settings.model import Key, PolicySettings, ProviderSettings, Settings, dotted
from worker.settings.sources import Collected, Layer
from worker.settings.values import (
    SAFE_TOKEN_CHARS,
    ConfigError,
    ConfigProblem,
    TokenSetting,
    is_loopback,
)

Origin = Callable[[Key], str]
PolicyProblems = Callable[[Path], list[FileProblem]]  #: What is wrong with those of a directory.
MASK = "********"
SIGNS_IN = "textverified"  #: The one family with a name beside the key, and with signed pushes.
PATH_FAMILY = "handler_api"  #: The one protocol that sites serve at paths of their own.
_URLS = {("database", "url"), ("redis", "url")}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and what only `check-config` wants to know about them."""

    settings: model.Settings
    origins: "Origins"
    config_file: Path
    warnings: tuple[str, ...]
    context: Path | None = None  #: The file of the `dev` that is used.


@dataclass(frozen=True, slots=True)
class Origins:
    """Where values came from; the first layer is the strongest."""

    layers: Sequence[Layer]

    def of(self, key: model.Key) -> str:
        for layer in self.layers:
            if layer.holds(key):
                return layer.origin(key)
        return "default"

    def nearest(self, key: model.Key) -> str:
        """For a key that is missing: where its table is."""
        while key and self.of(key) == "default":
            key = key[:-1]
        return self.of(key) if key else "default"


def load_settings(
    config_file: Path | None,
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
) -> model.Settings:
    """The settings of this process. Raises `ConfigError` with every problem found."""
    return load(config_file, environ=environ, overrides=overrides).settings


def load(
    config_file: Path | None,
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
    run_secrets: Path = sources.RUN_SECRETS,
    policy_problems: PolicyProblems = problems_when_loaded,
    context: Path | None = None,
) -> Loaded:
    """*context*: the file of a `dev`, which knows better than the environment where it listens."""
    file = sources.find_config(config_file, environ)
    strong = [sources.command_line(overrides)]
    strong += [dev_context.read(context).layer(context)] if context else []
    strong += [sources.environment(environ)]
    directories = [
        sources.secret_directory(each) for each in sources.secret_directories(environ, run_secrets)
    ]
    files = sources.config_files(file)
    named = _named_files(strong, files)
    origins = Origins([*strong, named, *directories, *files])

    problems = [problem for layer in origins.layers for problem in layer.problems]
    problems += sources.named_twice(files)
    settings = _validated(origins, problems)
    problems += problems_in(settings, origins.of, policy_problems) if settings else []
    if problems or settings is None:
        raise ConfigError(problems)
    warnings = tuple(warnings_about(settings, beside_dev=context is not None))
    return Loaded(_located(settings), origins, file, warnings, context)


def _located(settings: model.Settings) -> model.Settings:
    """With the directory that the policies were found in."""
    policies = model.PolicySettings(directory=policy_directory(settings.policies.directory))
    return settings.model_copy(update={"policies": policies})


def _named_files(strong: Sequence[Layer], weak: Sequence[Layer]) -> Layer:
    """Values of the files that `*_file` keys name, unless something stronger says otherwise."""
    collected = Collected()
    everything = Origins([*strong, *weak])
    for key in model.readable_from_files(_provider_names(everything)):
        if any(layer.holds(key) for layer in strong):
            continue
        for layer in everything.layers:
            if layer.holds(model.file_keys(key)):
                named = layer.value(model.file_keys(key))
                if isinstance(named, str | Path) and str(named):
                    sources.put_file(collected, key, Path(named))
                break
    return collected.layer()


def _provider_names(origins: Origins) -> frozenset[str]:
    tables = [layer.values.get("providers") for layer in origins.layers]
    return frozenset(str(name) for table in tables if isinstance(table, Mapping) for name in table)


def _validated(origins: Origins, problems: list[ConfigProblem]) -> model.Settings | None:
    try:
        return model.Settings(**_merged(origins.layers))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=True)
        problems += [_problem(each, origins) for each in details]
        return None


def _merged(layers: Sequence[Layer]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for layer in reversed(layers):
        tree = _over(tree, layer.values)
    return tree


def _over(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        tables = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = _over(dict(below or {}), value) if tables else value
    return merged


def _problem(error: ErrorDetails, origins: Origins) -> ConfigProblem:
    key = tuple(str(part) for part in error["loc"] if part != "[key]")
    source = origins.of(key)
    match error["type"]:
        case "missing":
            return ConfigProblem(model.dotted(key), origins.nearest(key), _missing(key))
        case "extra_forbidden":
            close = model.suggestion(key)
            hint = f"; did you mean {model.dotted(close)}?" if close else ""
            return ConfigProblem(model.dotted(key), source, f"there is no such setting{hint}")
        case "value_error":
            return ConfigProblem(model.dotted(key), source, str(error["ctx"]["error"]))
        case "string_pattern_mismatch" if key[:1] == ("providers",):
            message = "a provider's name is lower case letters, digits, and single - or _ between"
            return ConfigProblem(model.dotted(key), source, message)
        case _:
            return ConfigProblem(
                model.dotted(key), source, error["msg"] + _shown(error["input"], key)
            )


def _missing(key: model.Key) -> str:
    also = model.file_keys(key)
    file = f", {also[-1]}" if model.field_of(also) else ""
    return f"must be set: {key[-1]}{file}, or {model.environment_name(key)} in the environment"


def _shown(value: object, key: model.Key) -> str:
    """What was found, where it cannot be a secret."""
    plain = isinstance(value, str | int | float) and not model.is_secret(key)
    return f" (found {str(value)[:80]!r})" if plain else ""


class Setting(NamedTuple):
    key: str
    value: str | int | float | list[str] | None
    source: str


def effective(loaded: Loaded) -> Iterator[Setting]:
    """The settings as they are in effect, one for each key, with nothing secret in them."""
    for key in model.known_paths(frozenset(loaded.settings.providers)):
        value: object = loaded.settings
        for part in key:
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        if key in _URLS and isinstance(value, SecretStr):
            value = masked_url(value.get_secret_value())
        if key == ("events", "url") and isinstance(value, str):
            value = masked_endpoint(value)
        yield Setting(model.dotted(key), _masked(value), loaded.origins.of(key))


def _masked(value: object) -> str | int | float | list[str] | None:
    match value:
        case SecretStr():
            return MASK
        case tuple():
            return [f"{t.name}:{t.scope}:{MASK}" for t in value if isinstance(t, TokenSetting)]
        case None | int() | float():
            return value
        case _:
            return str(value)


def masked_url(url: str) -> str:
    """The URL without its passwords, in the authority or in the query."""
    split = urlsplit(url)
    user, at, host = split.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    netloc = f"{name}{colon}{MASK if colon else ''}{at}{host}"
    query = [(k, MASK if "pass" in k.lower() else v) for k, v in parse_qsl(split.query)]
    shown = split._replace(scheme="", netloc="", query=urlencode(query, safe="*/"))
    # Put together by hand: urlunsplit leaves the slashes of unix:///run/valkey out.
    return f"{split.scheme}://{netloc}{urlunsplit(shown)}"


def masked_endpoint(url: str) -> str:
    """Where it is, without what may let anybody post there: its path and its query."""
    split = urlsplit(url)
    rest = f"/{MASK}" if split.path.strip("/") or split.query else ""
    return f"{split.scheme}://{split.netloc}{rest}"


def policy_directory(directory: Path) -> Path:
    """Where the policies are: the default means the shipped ones where it does not exist."""
    default = PolicySettings.model_fields["directory"].default
    if directory == default and not directory.is_dir():
        return config_directory() / "policies"
    return directory


def problems_in(
    settings: Settings, origin: Origin, policy_problems: PolicyProblems
) -> list[ConfigProblem]:
    found = [
        *_listening(settings),
        *_events(settings),
        *_policies(settings, policy_problems),
        *_canary(settings),
        *(problem for name in settings.providers for problem in _provider(settings, name)),
    ]
    return [ConfigProblem(dotted(key), origin(key), message) for key, message in found]


def _listening(settings: Settings) -> Iterator[tuple[Key, str]]:
    if settings.api.listen.clashes_with(settings.admin.listen):
        yield ("admin", "listen"), f"api.listen is {settings.api.listen}: one port, one server"


def _events(settings: Settings) -> Iterator[tuple[Key, str]]:
    if settings.events.url is not None and settings.events.secret is None:
        yield ("events", "secret"), "must be set where events.url is: events are always signed"


def _policies(settings: Settings, policy_problems: PolicyProblems) -> Iterator[tuple[Key, str]]:
    directory = policy_directory(settings.policies.directory)
    if not directory.is_dir():
        yield ("policies", "directory"), f"there is no directory {directory}"
        return
    names = policy_names(directory)
    if settings.defaults.policy not in names:
        there = ", ".join(names) or "none"
        yield ("defaults", "policy"), f"no such policy in {directory}; there are: {there}"
    for problem in policy_problems(directory):
        yield ("policies", "directory"), str(problem)


def _canary(settings: Settings) -> Iterator[tuple[Key, str]]:
    canary = settings.canary
    if canary.provider is None:
        return
    if canary.provider not in settings.providers:
        there = ", ".join(settings.providers) or "none"
        yield ("canary", "provider"), f"no such provider is configured; there are: {there}"
    for key, value in (("service", canary.service), ("country", canary.country)):
        if not value:
            yield ("canary", key), "must be set where canary.provider is"


def _provider(settings: Settings, name: str) -> Iterator[tuple[Key, str]]:
    provider = settings.providers[name]
    yield from _dialect(name, provider)
    if not is_shipped(provider.family):
        return  # What else it takes, it says itself where its account is made.
    if provider.path is not None and provider.family != PATH_FAMILY:
        message = f"only {PATH_FAMILY} is served elsewhere; the family here is {provider.family}"
        yield ("providers", name, "path"), message
    yield from _only_where_needed(name, provider)


def _dialect(name: str, provider: ProviderSettings) -> Iterator[tuple[Key, str]]:
    dialects, key = dialects_of(provider.family), ("providers", name, "dialect")
    if not has_dialects(provider.family):
        if "dialect" in provider.model_fields_set:
            spoken = ", ".join(family for family in FAMILIES if has_dialects(family))
            yield key, f"only {spoken} has dialects; the family here is {provider.family}"
    elif provider.dialect not in dialects:
        there = ", ".join(dialects)
        yield key, f"no such dialect; there are: {there} (found {provider.dialect!r})"


def _only_where_needed(name: str, provider: ProviderSettings) -> Iterator[tuple[Key, str]]:
    signs_in = provider.family == SIGNS_IN
    if signs_in and provider.api_username is None:
        yield ("providers", name, "api_username"), f"must be set where the family is {SIGNS_IN}"
    for key in ("api_username", "hook_signing_secret"):
        if not signs_in and getattr(provider, key) is not None:
            message = f"only {SIGNS_IN} has one; the family here is {provider.family}"
            yield ("providers", name, key), message


def warnings_about(settings: Settings, *, beside_dev: bool = False) -> Iterator[str]:
    """Allowed, and probably not what is wanted. A `dev` brings a provider of its own."""
    if not settings.api.tokens:
        yield "api.tokens: none are set, so every call of the API is refused"
    for token in settings.api.tokens:
        if token.weak:
            yield f"api.tokens: {token.name!r} has fewer than {SAFE_TOKEN_CHARS} characters"
    if not settings.providers and not beside_dev:
        yield "providers: none are configured, so no number can be watched"
    for name, provider in settings.providers.items():
        yield from _provider_warnings(name, provider)
    if _in_the_clear(settings.events.url):
        yield "events.url: http:// sends events unencrypted"


def _provider_warnings(name: str, provider: ProviderSettings) -> Iterator[str]:
    if _in_the_clear(provider.base_url):
        yield f"providers.{name}.base_url: http:// sends the key unencrypted"
    secret = provider.hook_secret
    if secret is not None and len(secret.get_secret_value()) < SAFE_TOKEN_CHARS:
        yield f"providers.{name}.hook_secret: has fewer than {SAFE_TOKEN_CHARS} characters"


def _in_the_clear(url: str | None) -> bool:
    return url is not None and url.startswith("http://") and not is_loopback(url)
