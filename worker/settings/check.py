"""What no single value can tell: keys that must fit together, and files that must exist."""

from collections.abc import Callable, Iterator
from pathlib import Path

from worker.domain.families import FAMILIES, has_dialects
from worker.domain.policy.loading import ProfileError, load_profile, policy_names
from worker.domain.shipped import config_directory
from worker.settings.model import Key, PolicySettings, ProviderSettings, Settings, dotted
from worker.settings.values import SAFE_TOKEN_CHARS, ConfigProblem, is_loopback

Origin = Callable[[Key], str]


def policy_directory(directory: Path) -> Path:
    """Where the policies are: the default means the shipped ones where it does not exist."""
    default = PolicySettings.model_fields["directory"].default
    if directory == default and not directory.is_dir():
        return config_directory() / "policies"
    return directory


def problems_in(settings: Settings, origin: Origin) -> list[ConfigProblem]:
    found = [
        *_listening(settings),
        *_events(settings),
        *_policies(settings),
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


def _policies(settings: Settings) -> Iterator[tuple[Key, str]]:
    directory = policy_directory(settings.policies.directory)
    if not directory.is_dir():
        yield ("policies", "directory"), f"there is no directory {directory}"
        return
    names = policy_names(directory)
    if settings.defaults.policy not in names:
        there = ", ".join(names) or "none"
        yield ("defaults", "policy"), f"no such policy in {directory}; there are: {there}"
    for name in names:
        try:
            load_profile(name, directory)
        except ProfileError as error:
            yield ("policies", "directory"), str(error)


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
    if not has_dialects(provider.family) and "dialect" in provider.model_fields_set:
        spoken = ", ".join(family for family in FAMILIES if has_dialects(family))
        message = f"only {spoken} has dialects; the family here is {provider.family}"
        yield ("providers", name, "dialect"), message


def warnings_about(settings: Settings) -> Iterator[str]:
    """Allowed, and probably not what is wanted."""
    if not settings.api.tokens:
        yield "api.tokens: none are set, so every call of the API is refused"
    for token in settings.api.tokens:
        if token.weak:
            yield f"api.tokens: {token.name!r} has fewer than {SAFE_TOKEN_CHARS} characters"
    if not settings.providers:
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
